//! Sockets, deadlines, HTTP versions, the drain, the admin pages. Knows neither Rossum nor how certificates are obtained.

pub mod admin;
mod commands;
mod connection;
mod connections;
pub mod descriptors;
mod drain;
mod facts;
pub mod inspect;
mod limits;
mod listener;
mod nudge;
mod parting;
mod probe;
mod proxy_protocol;
mod pulse;
mod redirect;
mod sampled;
/// The one door for fuzzers.
#[cfg(fuzzing)]
pub use proxy_protocol::read as read_proxy_header;
pub mod systemd;

pub use connections::Connections;
pub use drain::Drain;
pub use facts::{ConfigFacts, DatasetFacts, OutboxFacts};
pub use limits::Limits;
pub use listener::{Listener, Service, Shared, bind};
pub use pulse::{Beat, Pulse};
pub use redirect::Redirect;
