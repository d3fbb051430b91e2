//! What happened: the log for people, metrics for Prometheus. Decides nothing.

pub mod about;
mod log;
pub mod metrics;

pub use log::{DELIVERY, Format, start};
pub use metrics::Metrics;
