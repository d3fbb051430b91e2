//! What Python's types can do.

pub(super) mod arithmetic;
pub(super) mod compare;
pub(super) mod date;
mod date_text;
pub(super) mod decimal;
pub(super) mod decimal_methods;
pub(super) mod dict;
pub(super) mod format;
mod hash;
mod letters;
pub(super) mod list;
pub(super) mod number;
pub(super) mod repr;
pub(super) mod set;
mod template;
pub(super) mod text;
pub(super) mod truth;
