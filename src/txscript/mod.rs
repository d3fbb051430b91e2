//! TxScript, the Python dialect of Rossum's rules and formulas: compiled once, evaluated over a delivery's annotation.
//!
//! ```text
//! text ──ruff's parser──▶ syntax tree ──compile/──▶ Program ──machine/──▶ value, messages, blockers
//!                                          code.rs              ▲
//!                                                   field/: the annotation as `field`
//! ```
//!
//! A [`Script`] is made when the configuration is loaded: what the language does not have is refused there, with its
//! line and column. A [`Document`] is one delivery's annotation with its schema; [`Script::run`] evaluates over it. All
//! values of an evaluation live in one arena and go with it: nothing is counted, nothing is freed one by one, and the
//! arena's size is the memory limit.
//!
//! The package `txscript` 1.2.0 on PyPI and CPython 3.12 say what is right.

mod code;
mod compile;
mod edit;
mod exception;
mod field;
mod machine;
mod modules;
mod problem;
mod script;
mod seen;
mod tried;
mod types;
mod value;
mod words;

pub use compile::{Constant, ConstantKind, Doubts, Variables};
pub use exception::{Failure, Line};
pub use field::{Document, FieldType, Schema, SchemaError, TooLarge, TypesMissing};
pub use machine::limits::Limits;
pub use problem::Problem;
pub use script::doubts_of_master_data;
pub use script::{Outcome, Output, Row, Script, Shown};
