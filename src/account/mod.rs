//! An account of Rossum's, as a person administers it: hooks, queues, schemas, rules (API reference, "Hook", "Queue", "Schema",
//! "Rule"). What steps ask of Rossum while they run is `src/api/`.

mod credentials;
mod problem;
mod session;

pub use credentials::{Credentials, KeptToken, Login};
pub use problem::Problem;
pub use session::Session;
