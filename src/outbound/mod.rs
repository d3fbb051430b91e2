//! Calls over HTTP to other systems: the CA, targets, the hosts of a Request Processor, Rossum's API.
//!
//! One [`Client`] with kept connections makes a [`Request`] once, within a time, and gives what was [`Received`], in bounds.
//! Whether it is made again is for the caller, by what [`CallError`] says: whose fault it is, whether the same call may be
//! answered later, whether the other side may have taken it.

mod client;
mod form;
mod proxy;
mod received;
mod repeated;
mod request;
mod tunnel;

pub use client::{CallError, Client, ClientError, Redirects, Settings, Uplink, Whose};
pub use form::{Part, multipart, urlencoded};
pub use proxy::{Proxy, ProxyError};
pub use received::{Read, Received};
pub use repeated::{is_harmless, is_proof};
pub use request::{NoHeader, Request};
