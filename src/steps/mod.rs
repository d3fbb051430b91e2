//! Steps: each turns a delivery into messages, operations and automation blockers.
//!
//! **To add a step**: write its file here (a settings type of its own, with [`Blueprint`] and [`Step`] for it); read its keys in
//! a file of the same name under `config/steps/`; add one line to the list in `config/steps/mod.rs`. Nothing
//! else changes: the door runs steps by their trait, and knows none of them.
//!
//! A step sees the delivery, the annotation with the journal of earlier steps' changes, the answer so far and a
//! deadline; its settings hold whatever else it needs (lists, databases, clients). It never sees HTTP, sockets
//! or signatures.

mod answer;
pub mod blueprint;
pub mod business_rules;
mod carrying;
pub mod checks;
pub mod condition;
mod delivery;
pub mod export;
mod exported;
pub mod formulas;
pub mod forward;
pub mod function;
mod halfway;
pub mod ignored;
pub mod lookup;
mod made;
pub mod master_data;
pub mod matching;
pub mod names;
pub mod nearest;
pub mod passed_on;
mod patience;
pub mod post;
pub mod reasons;
pub mod replace;
pub mod request_processor;
mod returned;
pub mod rows;
pub mod rules;
pub mod sample;
pub mod schema;
pub mod source;
mod step;
mod template;
pub mod trigger;
pub mod undone;
mod unread;

pub use answer::{Answer, Checkpoint, Verbatim};
pub use blueprint::Blueprint;
pub use delivery::Delivery;
pub use step::{Carries, Context, Lasts, OnError, Stage, StagePlan, Step, StepError, StepFuture};
pub use template::{Template, TemplateError};
