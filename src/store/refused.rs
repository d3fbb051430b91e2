//! Files of datasets that were refused: why, and since when. What was imported before is served meanwhile.

use std::time::SystemTime;

use serde::Serialize;
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::{self, rfc3339};

use super::{Store, StoreError};

/// A file that is not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The dataset that it is declared for.
    pub name: String,
    pub file: String,
    pub problem: String,
    #[serde(serialize_with = "rfc3339")]
    pub since: Option<SystemTime>,
}

impl Store {
    /// Those that are refused now, by dataset.
    pub async fn refused(&self) -> Result<Vec<Refused>, StoreError> {
        let query = sqlx::query("SELECT name, source, problem, since FROM annex_refused ORDER BY name");
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.failed(error))?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> Result<Refused, sqlx::Error> {
            let seconds: i64 = row.try_get("since")?;
            Ok(Refused {
                name: row.try_get("name")?,
                file: row.try_get("source")?,
                problem: row.try_get("problem")?,
                since: u64::try_from(seconds).ok().map(clock::from_unix_seconds),
            })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }

    /// Keeps that a file is refused; gives since when, which is when the first of several was.
    pub async fn refuse(&self, name: &str, file: &str, problem: &str) -> Result<SystemTime, StoreError> {
        let now = i64::try_from(clock::unix_seconds(clock::now())).unwrap_or(i64::MAX);
        let query = sqlx::query_scalar(
            "INSERT INTO annex_refused (name, source, problem, since) VALUES (?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET source = excluded.source, problem = excluded.problem
            RETURNING since",
        );
        let query = query.bind(name).bind(file).bind(problem).bind(now);
        let since: i64 = query.fetch_one(&self.pool).await.map_err(|error| self.failed(error))?;
        Ok(clock::from_unix_seconds(u64::try_from(since).unwrap_or(0)))
    }

    /// The file of a dataset is not refused any more.
    pub async fn accept(&self, name: &str) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM annex_refused WHERE name = ?").bind(name);
        query.execute(&self.pool).await.map(drop).map_err(|error| self.failed(error))
    }

    /// Forgets those of other datasets.
    pub async fn refused_only(&self, names: &[&str]) -> Result<(), StoreError> {
        let places = vec!["?"; names.len()].join(", ");
        let statement = format!("DELETE FROM annex_refused WHERE name NOT IN ({places})");
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for name in names {
            query = query.bind(*name);
        }
        query.execute(&self.pool).await.map(drop).map_err(|error| self.failed(error))
    }
}
