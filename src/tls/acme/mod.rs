//! A certificate from an ACME CA (RFC 8555), kept for as long as the server lives.
//!
//! rustls-acme makes the single requests of an order; when to order, how often to try again and where things
//! are kept is decided here, by the [`Supervisor`].

mod challenges;
mod order;
mod pace;
mod renewal;
mod storage;
mod supervisor;

pub use challenges::Challenges;
pub use supervisor::{StartError, Supervisor};
