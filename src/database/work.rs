//! What is done on one connection; done once more on another where that was lost.

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::store::{Found, Record, SCORE};

use crate::slices::{Budget, Spent};

use super::record;
use super::search::Compare;

/// Memory that the rows of one query may take.
pub(super) const MEMORY: usize = 64 << 20;

/// Why a work was not done.
#[derive(Debug)]
pub(super) enum Failed {
    Sqlx(sqlx::Error),
    /// What is still to come would be read by the next query.
    Spent(Spent),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

impl From<Spent> for Failed {
    fn from(spent: Spent) -> Self {
        Self::Spent(spent)
    }
}

pub(super) trait Work: Sync {
    type Done: Send;

    fn run<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        budget: &'a Budget,
    ) -> impl Future<Output = Result<Self::Done, Failed>> + Send + 'a;
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

    async fn run<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        budget: &'a Budget,
    ) -> Result<Vec<String>, Failed> {
        let all = async |mut rows: BoxStream<'_, Result<String, sqlx::Error>>| {
            let mut all = Vec::new();
            while let Some(row) = rows.try_next().await? {
                budget.take(row.len())?;
                all.push(row);
            }
            Ok(all)
        };
        let mut asked = sqlx::query_scalar::<_, String>(AssertSqlSafe(self.sql));
        for value in &self.values {
            asked = asked.bind(*value);
        }
        let Some(least) = self.least else { return all(asked.fetch(connection)).await };
        let mut work = connection.begin().await?;
        sqlx::query("SELECT set_config('pg_trgm.similarity_threshold', $1, true)")
            .bind(least.to_string())
            .execute(&mut *work)
            .await?;
        let rows = all(asked.fetch(&mut *work)).await?;
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

    async fn run<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        budget: &'a Budget,
    ) -> Result<Found, Failed> {
        let mut asked = sqlx::query_scalar::<_, String>(AssertSqlSafe(self.sql));
        for value in &self.values {
            asked = asked.bind(*value);
        }
        let mut rows = asked.fetch(connection);
        let (mut columns, mut best) = (Vec::new(), Vec::<(f64, Record)>::new());
        while let Some(row) = rows.try_next().await? {
            budget.turn().await?;
            let (names, record) = record::read(&row);
            if columns.is_empty() {
                columns = names;
            }
            if let Some(score) = self.compare.score(&columns, &record) {
                budget.take(row.len())?;
                best.push((score, record));
                if best.len() > 2 * self.most + 100 {
                    self.keep(&mut best, budget);
                }
            }
        }
        self.keep(&mut best, budget);
        columns.push(SCORE.to_owned());
        let scored = |(score, mut record): (f64, Record)| {
            record.push(Some(format!("{score:.2}")));
            record
        };
        let records = best.into_iter().map(scored).collect();
        Ok(Found { columns, records, ..Found::default() })
    }
}

impl Scan<'_> {
    /// The best first, and of equals the first.
    fn keep(&self, best: &mut Vec<(f64, Record)>, budget: &Budget) {
        best.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, gone) in best.drain(self.most.min(best.len())..) {
            budget.give_back(gone.iter().flatten().map(String::len).sum());
        }
    }
}
