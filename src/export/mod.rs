//! Exports: documents for other systems, and the calls that carry them there.
//!
//! ```text
//! delivery → view → template or shape → Request → target → Received → verdict
//! ```
//!
//! Knows nothing of hooks, answers or queues: the step `export` and its courier put the parts together.

pub mod against;
mod call;
mod document;
mod escape;
pub mod formed;
pub mod looked;
pub mod lost;
#[cfg(test)]
mod odd;
mod paths;
pub mod place;
pub mod reads;
mod render;
pub mod shape;
pub mod target;
mod terms;
pub mod tried;
mod verdict;
mod view;

pub use call::{Call, Part, Request};
pub use document::{Document, ORIGINAL_FILE};
pub use escape::Escape;
pub use render::{RenderError, Template};
pub use target::{Received, SendError, Target, TargetKind};
pub use verdict::{Verdict, Verdicts};
pub use view::{Original, Uses, View};
