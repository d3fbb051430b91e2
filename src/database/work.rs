//! What is done on one connection; done once more on another where that was lost.

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::store::{Found, Record, SCORE};

use super::record;
use super::search::Compare;

pub(super) trait Work: Sync {
    type Done: Send;

    fn run<'a>(
        &'a self,
        connection: &'a mut PgConnection,
    ) -> impl Future<Output = Result<Self::Done, sqlx::Error>> + Send + 'a;
}

/// A query whose rows are one text each.
pub(super) struct Texts<'q> {
    pub(super) sql: &'q str,
    pub(super) values: Vec<Option<&'q str>>,
    /// What `%` of `pg_trgm` takes for similar.
    pub(super) least: Option<f64>,
}

impl Work for Texts<'_> {
    type Done = Vec<String>;

    async fn run<'a>(&'a self, connection: &'a mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        let mut asked = sqlx::query_scalar::<_, String>(AssertSqlSafe(self.sql));
        for value in &self.values {
            asked = asked.bind(*value);
        }
        let Some(least) = self.least else { return asked.fetch_all(connection).await };
        let mut work = connection.begin().await?;
        sqlx::query("SELECT set_config('pg_trgm.similarity_threshold', $1, true)")
            .bind(least.to_string())
            .execute(&mut *work)
            .await?;
        let rows = asked.fetch_all(&mut *work).await?;
        work.commit().await?;
        Ok(rows)
    }
}

/// All rows of a query, of which the best are kept.
pub(super) struct Scan<'q> {
    pub(super) sql: &'q str,
    pub(super) values: Vec<&'q str>,
    pub(super) compare: Compare<'q>,
    pub(super) most: usize,
}

impl Work for Scan<'_> {
    type Done = Found;

    async fn run<'a>(&'a self, connection: &'a mut PgConnection) -> Result<Found, sqlx::Error> {
        let mut asked = sqlx::query_scalar::<_, String>(AssertSqlSafe(self.sql));
        for value in &self.values {
            asked = asked.bind(*value);
        }
        let mut rows = asked.fetch(connection);
        let (mut columns, mut best) = (Vec::new(), Vec::<(f64, Record)>::new());
        while let Some(row) = rows.try_next().await? {
            let (names, record) = record::read(&row);
            if columns.is_empty() {
                columns = names;
            }
            if let Some(score) = self.compare.score(&columns, &record) {
                best.push((score, record));
                if best.len() > 2 * self.most + 100 {
                    self.keep(&mut best);
                }
            }
        }
        self.keep(&mut best);
        columns.push(SCORE.to_owned());
        let scored = |(score, mut record): (f64, Record)| {
            record.push(Some(format!("{score:.2}")));
            record
        };
        Ok(Found { columns, records: best.into_iter().map(scored).collect() })
    }
}

impl Scan<'_> {
    /// The best first, and of equals the first.
    fn keep(&self, best: &mut Vec<(f64, Record)>) {
        best.sort_by(|a, b| b.0.total_cmp(&a.0));
        best.truncate(self.most);
    }
}
