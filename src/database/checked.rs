//! Queries of the configuration, looked at before a delivery needs them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::error;

use crate::store::Asked;

use super::{Database, DatabaseError};

/// For one query.
const TIME: Duration = Duration::from_secs(5);

/// A query of a step on a database.
#[derive(Clone)]
pub struct Checked {
    pub database: Arc<Database>,
    /// File and line.
    pub place: String,
    pub asked: Asked,
}

impl Checked {
    /// Whether the database answers and takes the query: its tables, columns and types.
    pub async fn look(&self) -> Result<(), DatabaseError> {
        self.database.check(&self.asked, Instant::now() + TIME).await
    }
}

/// Says in the log which queries will fail; a database that is away is said once.
pub async fn look_at_all(queries: Vec<Checked>) {
    let mut away: Vec<String> = Vec::new();
    for query in queries {
        let name = &query.database.name;
        if away.contains(name) {
            continue;
        }
        match query.look().await {
            Ok(()) => {}
            Err(problem) if problem.is_away() => {
                error!(database = name, "{problem}");
                away.push(name.clone());
            }
            Err(problem) => error!(database = name, "the query at {} will fail: {problem}", query.place),
        }
    }
}
