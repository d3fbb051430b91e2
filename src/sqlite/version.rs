//! The version of a file's tables, in its `user_version`: an older file is brought up to date, a newer one refused.

use std::path::Path;

use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Sqlite, Transaction};

use super::SqliteError;

/// What leads from each version of a file's tables to the next; a file is at the version of as many as were done.
pub(crate) type Versions = &'static [&'static [Step]];

/// A change of the tables. Files from before there were versions count as 0 and have some of version 1 already.
pub(crate) enum Step {
    Run(&'static str),
    /// Adds a column where it is not there yet.
    Column {
        table: &'static str,
        name: &'static str,
        definition: &'static str,
    },
}

fn number(versions: Versions) -> i64 {
    i64::try_from(versions.len()).unwrap_or(i64::MAX)
}

/// The version that a file has; a newer one than is known is an error.
pub(super) async fn of(pool: &SqlitePool, file: &Path, versions: Versions) -> Result<i64, SqliteError> {
    let found = sqlx::query_scalar("PRAGMA user_version").fetch_one(pool).await;
    let found = found.map_err(|error| SqliteError::Sqlite { file: file.to_owned(), error })?;
    known(file, found, versions)?;
    Ok(found)
}

/// A newer version than is known is an error.
pub(super) fn known(file: &Path, found: i64, versions: Versions) -> Result<(), SqliteError> {
    let known = number(versions);
    if found > known {
        return Err(SqliteError::Newer { file: file.to_owned(), found, known });
    }
    Ok(())
}

/// Whether a file has the tables that are known.
pub(super) async fn is_current(
    pool: &SqlitePool,
    file: &Path,
    versions: Versions,
) -> Result<bool, SqliteError> {
    Ok(of(pool, file, versions).await? == number(versions))
}

/// Brings a file up to date: all of it, or nothing.
pub(super) async fn migrate(pool: &SqlitePool, file: &Path, versions: Versions) -> Result<(), SqliteError> {
    if is_current(pool, file, versions).await? {
        return Ok(());
    }
    let failed = |error| SqliteError::Sqlite { file: file.to_owned(), error };
    let mut work = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // Another process may have done it meanwhile.
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *work).await.map_err(failed)?;
    let done = usize::try_from(found).unwrap_or(0);
    let steps: Vec<&'static Step> = versions.iter().skip(done).copied().flatten().collect();
    for step in steps {
        take(&mut work, step).await.map_err(failed)?;
    }
    let known = number(versions).max(found);
    let set = format!("PRAGMA user_version = {known}");
    sqlx::query(AssertSqlSafe(set)).execute(&mut *work).await.map_err(failed)?;
    work.commit().await.map_err(failed)
}

async fn take(work: &mut Transaction<'_, Sqlite>, step: &'static Step) -> Result<(), sqlx::Error> {
    match step {
        Step::Run(statement) => {
            sqlx::query(*statement).execute(&mut **work).await?;
        }
        Step::Column { table, name, definition } => {
            let known = sqlx::query_scalar("SELECT count(*) FROM pragma_table_info(?) WHERE name = ?");
            let known: i64 = known.bind(*table).bind(*name).fetch_one(&mut **work).await?;
            if known == 0 {
                let add = format!("ALTER TABLE {table} ADD COLUMN {name} {definition}");
                sqlx::query(AssertSqlSafe(add)).execute(&mut **work).await?;
            }
        }
    }
    Ok(())
}
