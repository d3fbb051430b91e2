//! Indexes of similar texts that an earlier Annex made are built anew: it made texts comparable in another way.

use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;

use super::names::names_of;
use super::{Store, StoreError, near};

/// An index that was built anew.
#[derive(Debug)]
pub struct Renewed {
    pub dataset: String,
    pub column: String,
    pub took: Duration,
}

impl Store {
    /// Builds anew what is outdated, an index at a time; `progress` hears of each before.
    pub async fn renew(&self, mut progress: impl FnMut(&str, &str)) -> Result<Vec<Renewed>, StoreError> {
        let failed = |error| self.failed(error);
        let mut all = Vec::new();
        for known in self.datasets().await? {
            for column in known.near {
                let began = Instant::now();
                let mut connection = self.pool.acquire().await.map_err(failed)?;
                if !near::is_outdated(&mut connection, &known.name, &column).await.map_err(failed)? {
                    continue;
                }
                drop(connection);
                progress(&known.name, &column);
                let mut work = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
                // Another import may have been first, with other columns.
                let now = sqlx::query("SELECT * FROM annex_datasets WHERE name = ?").bind(&known.name);
                let now = now.fetch_optional(&mut *work).await.map_err(failed)?;
                let Some(now) = now.map(|row| self.dataset(&row)).transpose()? else { continue };
                if now.near.contains(&column)
                    && near::is_outdated(&mut work, &known.name, &column).await.map_err(failed)?
                {
                    near::build(&mut work, &known.name, &now.columns, &column, |_| {})
                        .await
                        .map_err(failed)?;
                    work.commit().await.map_err(failed)?;
                    all.push(Renewed { dataset: known.name.clone(), column, took: began.elapsed() });
                }
            }
        }
        Ok(all)
    }
}

/// Whether a column was imported to be found by similar texts: then its index is only to be built anew.
pub(super) async fn is_near(
    connection: &mut SqliteConnection,
    dataset: &str,
    column: &str,
) -> Result<bool, sqlx::Error> {
    let near =
        sqlx::query_scalar::<_, String>("SELECT near FROM annex_datasets WHERE name = ? COLLATE NOCASE");
    let near = near.bind(dataset).fetch_optional(connection).await?;
    Ok(near.is_some_and(|near| {
        names_of(&near).is_ok_and(|near| near.iter().any(|known| known.eq_ignore_ascii_case(column)))
    }))
}
