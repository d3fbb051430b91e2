//! What happened: the log for people, metrics for Prometheus. Decides nothing.

pub mod about;
mod certificates;
mod log;
pub mod metrics;
mod services;
pub mod spans;
mod strangers;

pub use certificates::CertificateFacts;
pub use log::{DELIVERY, Format, start};
pub use metrics::Metrics;
pub use services::Services;
pub use strangers::Strangers;
