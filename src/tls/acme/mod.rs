//! A certificate from an ACME CA (RFC 8555), kept for as long as the server lives.
//!
//! rustls-acme makes the answers to challenges. The requests of an order are signed here and go over kept connections; when
//! to order, from whom, how often to try again and where things are kept is decided by the [`Supervisor`].
//!
//! | question | file |
//! |---|---|
//! | what runs all the time? | `supervisor` |
//! | one attempt: which CA, which challenge, what if it fails? | `attempt` |
//! | what is served, what is stored, what if the store fails? | `keep` |
//! | an order: its account, its names, its end | `account`, `order`, `authorization` |
//! | an order that was interrupted | `begun` |
//! | one request: signed, repeated, refused | `request`, `jose`, `refusal` |
//! | where is an order now? | `progress` |
//! | when is a certificate due? | `due`; what its CA says of that: `renewal` |
//! | how soon may it be tried again, and is that about this configuration? | `pace`, `about` |
//! | what is on disk? | `storage`; who may use it now? `lease` |
//! | how are challenges answered? | `challenges` |
//! | which TXT record shows for good that a name is ours? | `persist` |
//! | does a name's address give our answers? | `self_check` |

mod about;
mod account;
mod attempt;
mod authority;
mod authorization;
mod begun;
mod challenges;
mod due;
mod jose;
mod keep;
mod lease;
mod order;
mod pace;
mod persist;
mod progress;
mod refusal;
mod renewal;
mod request;
mod self_check;
mod storage;
mod supervisor;
mod visit;

pub use authority::AuthorityError;
pub use challenges::{Challenges, digest_of};
pub use jose::is_mac_key;
pub use persist::{Record, RecordsError, Unfit, records};
pub use self_check::SelfCheck;
pub use supervisor::{StartError, Supervisor};
pub use visit::{Visit, VisitError, visit};
