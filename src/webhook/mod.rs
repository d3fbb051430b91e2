//! The door: from a request to the answer that Rossum gets.
//!
//! ```text
//! route → signature header → body (bounded, HMAC running) → VerifiedBody → Delivery → steps → reply
//! ```
//!
//! Each arrow is one function; a refusal can end the way at any of them. Knows HTTP and Rossum's answers, but not
//! how a step works.

mod body;
mod body_memory;
mod came;
mod door;
mod front_page;
mod hook;
mod host;
mod keeping;
mod log_line;
mod offered;
mod plan;
mod promises;
mod refusal;
mod repeats;
mod reply;
mod routes;
mod run;
mod trial;
mod under_way;
mod watched;
mod witness;
mod work;

pub use body::DoorLimits;
pub use door::{Caller, ClientCertificate, Door, NotSent, REPEATED};
pub use hook::{Answers, HookLimits, HookSettings, HookUse, RECORD_MAX, Record, ServiceFacts};
pub use host::{is_loopback, names_its_host};
pub use offered::{Offered, Sample, Signed};
pub use plan::{BuiltHook, BuiltHooks, HookPlan};
pub use trial::{NoAnswer, Trial};
