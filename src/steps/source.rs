//! Where records are looked up: in the store, or in a database of the customer's.

use std::sync::Arc;
use std::time::Instant;

use tracing::warn;

use crate::database::{Database, DatabaseError};
use crate::store::{Asked, Found, Reader, StoreError};

use super::{Lasts, StepError};

pub enum Source {
    Store(Arc<Reader>),
    Database(Arc<Database>),
}

impl Source {
    /// What is found until `deadline`, at most `most` records.
    pub(super) async fn ask(
        &self,
        asked: &Asked,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, Unasked> {
        match self {
            Self::Store(store) => {
                store.ask(asked, values, most, deadline).await.map_err(|error| of_store(&error))
            }
            Self::Database(database) => match database.ask(asked, values, most, deadline).await {
                // Nothing is equal to it: the next query may be more generous. Of a value in the table nobody knows.
                Err(error) if is_of_document(&error, values) => {
                    warn!(database = database.name, "nothing found: {error}");
                    Ok(Found::default())
                }
                other => other.map_err(|error| of_database(&database.name, &error)),
            },
        }
    }
}

/// Whether the database names a value of the document as the one that does not fit its type.
fn is_of_document(error: &DatabaseError, values: &[Option<String>]) -> bool {
    let DatabaseError::Value { quoted: Some(quoted), .. } = error else { return false };
    values.iter().flatten().any(|value| value.trim() == quoted.trim())
}

/// Why there is no answer. The person waits for no database's words; the log has them.
#[derive(Debug)]
pub(super) struct Unasked {
    why: Why,
    pub(super) cause: String,
}

#[derive(Debug, Clone, Copy)]
enum Why {
    TooLong,
    Failed,
    Busy,
    NotReady,
    TooMuch,
    Away,
}

impl Unasked {
    /// All values of a check took longer than it has.
    pub(super) fn too_long(cause: String) -> Self {
        Self { why: Why::TooLong, cause }
    }

    /// For a person who can choose.
    fn for_choice(&self) -> &'static str {
        match self.why {
            Why::TooLong => "Looking this up took too long. Try again, or choose by hand.",
            Why::Failed => "This could not be looked up. Tell the people who run this extension.",
            Why::Busy => "Too much is looked up just now. Try again in a moment, or choose by hand.",
            Why::NotReady => {
                "The list is being prepared after an update. Try again in a minute, or choose by hand."
            }
            Why::TooMuch => {
                "Looking this up takes too much work. Choose by hand, and tell the people who run this extension."
            }
            Why::Away => "The database does not answer now. Try again in a minute, or choose by hand.",
        }
    }

    /// For a person whose value is checked: there is nothing to choose.
    pub(super) fn for_check(&self) -> &'static str {
        match self.why {
            Why::TooLong => "looking it up took too long. Try again.",
            Why::Failed => "looking it up failed. Tell the people who run this extension.",
            Why::Busy => "too much is looked up just now. Try again in a moment.",
            Why::NotReady => "the list is being made ready after an update. Try again in a minute.",
            Why::TooMuch => "looking it up takes more than it may. Tell the people who run this extension.",
            Why::Away => "the database does not answer now. Try again in a minute.",
        }
    }
}

impl From<Unasked> for StepError {
    fn from(unasked: Unasked) -> Self {
        let message = unasked.for_choice().to_owned();
        Self { message, cause: unasked.cause, lasts: Lasts::ForGood }
    }
}

fn of_store(error: &StoreError) -> Unasked {
    let why = match error {
        StoreError::TooLong => Why::TooLong,
        StoreError::Busy => Why::Busy,
        StoreError::OldIndex { .. } => Why::NotReady,
        StoreError::TooMuch(_)
        | StoreError::LongText { .. }
        | StoreError::LargeValue
        | StoreError::Function
        | StoreError::Written => Why::TooMuch,
        _ => Why::Failed,
    };
    Unasked { why, cause: format!("a query of the store failed: {error}") }
}

fn of_database(name: &str, error: &DatabaseError) -> Unasked {
    let why = match error {
        DatabaseError::TooLong => Why::TooLong,
        DatabaseError::Busy(_) => Why::Busy,
        DatabaseError::TooMuch(_) | DatabaseError::LongText(_) => Why::TooMuch,
        DatabaseError::Unreachable(_) | DatabaseError::Down(_) => Why::Away,
        _ => Why::Failed,
    };
    Unasked { why, cause: format!("a query of the database {name} failed: {error}") }
}
