//! What datasets look like, for who checks a configuration before anything is asked: their columns, and what a query
//! would give of them.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::sqlite::{Limited, Rows, Stopped, prepare};

use super::datasets::VERSIONS;
use super::{FILE, StoreError};

/// A dataset without its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<String>,
    /// Columns that have an index of similar texts.
    pub near: Vec<String>,
    /// As many as the last import left.
    pub records: u64,
}

/// For reading their names.
const TIME: Duration = Duration::from_secs(2);
/// Bytes of them all.
const MOST: usize = 16 << 20;

/// The datasets in the store of a state folder; `None` where there is no store. Nothing is made there.
///
/// # Errors
///
/// The store cannot be read.
pub fn tables(folder: &Path) -> Result<Option<Vec<Table>>, StoreError> {
    let file = folder.join(FILE);
    if !file.exists() {
        return Ok(None);
    }
    let store = Limited::open(&file, VERSIONS)?;
    let sql = "SELECT name, columns, near, records FROM annex_datasets ORDER BY name";
    let Rows { rows, .. } =
        store.ask(sql, &[], MOST, Instant::now() + TIME, || false).map_err(|stopped| match stopped {
            Stopped::Sqlite(error) => StoreError::from(crate::sqlite::SqliteError::Limited { file, error }),
            _ => StoreError::TooLong,
        })?;
    let list = |text: Option<String>| serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
    let table = |row: Vec<Option<String>>| {
        let [name, columns, near, records] = <[Option<String>; 4]>::try_from(row).ok()?;
        let records = records.and_then(|records| records.parse().ok()).unwrap_or_default();
        Some(Table { name: name?, columns: list(columns), near: list(near), records })
    };
    Ok(Some(rows.into_iter().filter_map(table).collect()))
}

/// The columns that a query in SQL gives of datasets, which it is prepared against and not run.
///
/// # Errors
///
/// SQLite's words for what is wrong with it.
pub fn columns_of(sql: &str, tables: &[Table]) -> Result<Vec<String>, String> {
    let tables: Vec<(&str, &[String])> =
        tables.iter().map(|table| (table.name.as_str(), table.columns.as_slice())).collect();
    prepare(&tables, sql).map_err(|stopped| match stopped {
        // The rest quotes the whole query.
        Stopped::Sqlite(error) => {
            let text = error.to_string();
            text.split(" in SELECT").next().unwrap_or(&text).split('\n').next().unwrap_or_default().to_owned()
        }
        stopped => stopped.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_prepared_against_the_columns_that_there_are() {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let vendors = Table {
            name: "vendors".to_owned(),
            columns: columns(&["id", "na\"me"]),
            near: Vec::new(),
            records: 0,
        };
        let of = |sql: &str| columns_of(sql, std::slice::from_ref(&vendors));
        assert_eq!(of("SELECT id, \"na\"\"me\" AS n FROM vendors WHERE id = ?1").unwrap(), ["id", "n"]);
        assert!(of("SELECT nme FROM vendors").unwrap_err().contains("no such column: nme"));
        // A text in double quotes is a name, as it is when the query runs.
        assert!(of("SELECT id FROM vendors WHERE id = \"1\"").unwrap_err().contains("no such column: \"1\""));
        assert!(of("SELECT id FROM vendor").unwrap_err().contains("no such table: vendor"));
        assert!(of("SELECT id FORM vendors").unwrap_err().contains("syntax error"));
        assert!(of("SELECT json_group_array(id) FROM vendors").unwrap_err().contains("function"));
    }
}
