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
    ) -> Result<Found, StepError> {
        match self {
            Self::Store(store) => {
                store.ask(asked, values, most, deadline).await.map_err(|error| of_store(&error))
            }
            Self::Database(database) => match database.ask(asked, values, most, deadline).await {
                // Nothing is equal to it: the next query may be more generous.
                Err(error @ DatabaseError::Value(_)) => {
                    warn!(database = database.name, "nothing found: {error}");
                    Ok(Found::default())
                }
                other => other.map_err(|error| of_database(&database.name, &error)),
            },
        }
    }
}

const TOO_LONG: &str = "Looking this up took too long. Try again, or choose by hand.";
const FAILED: &str = "This could not be looked up. Tell the people who run this extension.";
const BUSY: &str = "Too much is looked up just now. Try again in a moment, or choose by hand.";
const NOT_READY: &str =
    "The list is being prepared after an update. Try again in a minute, or choose by hand.";
const TOO_MUCH: &str =
    "Looking this up takes too much work. Choose by hand, and tell the people who run this extension.";
const AWAY: &str = "The database does not answer now. Try again in a minute, or choose by hand.";

/// The person waits for no database's words; the log has them.
fn of_store(error: &StoreError) -> StepError {
    let message = match error {
        StoreError::TooLong => TOO_LONG,
        StoreError::Busy => BUSY,
        StoreError::OldIndex { .. } => NOT_READY,
        StoreError::TooMuch(_)
        | StoreError::LongText { .. }
        | StoreError::LargeValue
        | StoreError::Function
        | StoreError::Written => TOO_MUCH,
        _ => FAILED,
    };
    StepError {
        message: message.to_owned(),
        cause: format!("a query of the store failed: {error}"),
        lasts: Lasts::ForGood,
    }
}

fn of_database(name: &str, error: &DatabaseError) -> StepError {
    let message = match error {
        DatabaseError::TooLong => TOO_LONG,
        DatabaseError::Busy(_) => BUSY,
        DatabaseError::TooMuch(_) | DatabaseError::LongText(_) => TOO_MUCH,
        DatabaseError::Unreachable(_) | DatabaseError::Down(_) => AWAY,
        _ => FAILED,
    };
    StepError {
        message: message.to_owned(),
        cause: format!("a query of the database {name} failed: {error}"),
        lasts: Lasts::ForGood,
    }
}
