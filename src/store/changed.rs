//! What a new import changes of a dataset's columns, for whoever asks for them.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::Record;
use super::names::{columns, quoted};

/// The columns of a dataset in which a record has a value.
#[derive(Debug, Default)]
pub(super) struct Filled(Vec<(String, bool)>);

impl Filled {
    /// Of the records that are there. A column with values costs a look at the first of them.
    pub(super) async fn before(
        connection: &mut SqliteConnection,
        dataset: &str,
    ) -> Result<Self, sqlx::Error> {
        let columns = columns(connection, dataset).await?.unwrap_or_default();
        let table = quoted(dataset);
        let looks = columns
            .iter()
            .map(|column| format!("EXISTS (SELECT 1 FROM {table} WHERE {} <> '')", quoted(column)));
        let looks: Vec<String> = looks.collect();
        if looks.is_empty() {
            return Ok(Self::default());
        }
        let row = sqlx::query(AssertSqlSafe(format!("SELECT {}", looks.join(", "))));
        let row = row.fetch_one(connection).await?;
        let one = |(at, column)| Ok((column, row.try_get(at)?));
        columns.into_iter().enumerate().map(one).collect::<Result<_, sqlx::Error>>().map(Self)
    }

    /// Of records that are to come.
    pub(super) fn none(columns: &[String]) -> Self {
        Self(columns.iter().map(|column| (column.clone(), false)).collect())
    }

    pub(super) fn add(&mut self, record: &Record) {
        for ((_, is_filled), value) in self.0.iter_mut().zip(record) {
            *is_filled |= value.as_ref().is_some_and(|value| !value.is_empty());
        }
    }

    /// What is to be said of the columns, which were `before`.
    pub(super) fn against(&self, before: &Self) -> Vec<String> {
        let find = |all: &Self, name: &str| all.0.iter().find(|(other, _)| other == name).map(|(_, is)| *is);
        let names = |all: &Self, is_meant: &dyn Fn(&(String, bool)) -> bool| {
            all.0
                .iter()
                .filter(|one| is_meant(one))
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let gone = names(before, &|(name, _)| find(self, name).is_none());
        let new = names(self, &|(name, _)| find(before, name).is_none());
        let emptied = names(before, &|(name, was_filled)| *was_filled && find(self, name) == Some(false));
        let mut notes = Vec::new();
        if !gone.is_empty() {
            let new = if new.is_empty() { new } else { format!("; new are: {new}") };
            notes.push(format!("columns that the dataset had before are gone: {gone}{new}"));
        }
        if !emptied.is_empty() {
            notes.push(format!("columns that had values before have none now: {emptied}"));
        }
        notes
    }
}
