//! SQLite files in the state folder, for whatever room keeps something in one: opened without following links, brought
//! to the version of their tables, and rid of what was deleted.
//!
//! Written with WAL and full syncs: what was committed is there after `kill -9` and after a power cut, and readers see
//! the state before a change or after it, never between.

mod error;
mod limited;
mod open;
mod version;

use std::time::Duration;

pub use error::SqliteError;
pub(crate) use error::is_full;
pub(crate) use limited::{LONGEST_VALUE, Limited, MOST_WRITTEN, Rows, Stopped, prepare};
pub(crate) use open::{forget, log_has_room, look, open, reader};
pub(crate) use version::{Step, Versions};

/// How long a writer waits for another one.
pub(crate) const BUSY: Duration = Duration::from_secs(10);
