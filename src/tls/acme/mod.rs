//! A certificate from an ACME CA (RFC 8555), kept for as long as the server lives.
//!
//! rustls-acme makes the single requests of an order where it can; when to order, from whom, how often to try again and
//! where things are kept is decided here, by the [`Supervisor`].
//!
//! | question | file |
//! |---|---|
//! | what runs all the time? | `supervisor` |
//! | one attempt: which CA, which challenge, what if it fails? | `attempt` |
//! | what is served, what is stored, what if the store fails? | `keep` |
//! | the requests of an order | `order`, `account`, `request` |
//! | when is a certificate due? | `renewal` |
//! | how soon may it be tried again? | `pace` |
//! | what is on disk? | `storage` |
//! | how are challenges answered? | `challenges` |
//! | does a name's address give our answers? | `probe` |

mod account;
mod attempt;
mod authority;
mod challenges;
mod keep;
mod order;
mod pace;
mod probe;
mod renewal;
mod request;
mod storage;
mod supervisor;
mod visit;

pub use authority::AuthorityError;
pub use challenges::{Challenges, digest_of};
pub use probe::Probe;
pub use supervisor::{StartError, Supervisor};
pub use visit::{Visit, VisitError, visit};
