//! Sockets, permits, deadlines, HTTP versions, the drain. Knows neither Rossum nor certificates.

mod connection;
mod drain;
mod limits;
mod listener;
mod redirect;

pub use drain::Drain;
pub use limits::Limits;
pub use listener::{Listener, Service, bind};
pub use redirect::Redirect;
