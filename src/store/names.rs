//! Names in SQL: of datasets and their columns, which are a customer's, and of what SQLite adds.

use sqlx::sqlite::SqliteConnection;

use super::StoreError;

/// Columns of a dataset: as many as one record's values fit into a statement, and no more than anyone has.
const MOST_COLUMNS: usize = 1_000;

/// The columns of a dataset, where there is one.
pub(super) async fn columns(
    connection: &mut SqliteConnection,
    dataset: &str,
) -> Result<Option<Vec<String>>, sqlx::Error> {
    let query = sqlx::query_scalar("SELECT columns FROM annex_datasets WHERE name = ?").bind(dataset);
    let columns: Option<String> = query.fetch_optional(connection).await?;
    columns.map(|json| names_of(&json)).transpose()
}

/// A list as it is kept.
pub(super) fn names_of(json: &str) -> Result<Vec<String>, sqlx::Error> {
    serde_json::from_str(json).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// What SQLite calls the number of a record, where no column of the dataset has that name.
const NUMBERS: [&str; 3] = ["rowid", "_rowid_", "oid"];

/// The name of a record's number, in the order of the import, beside these columns.
pub(super) fn number(columns: &[String]) -> &'static str {
    let is_free = |name: &&&'static str| !columns.iter().any(|column| column.eq_ignore_ascii_case(name));
    NUMBERS.iter().find(is_free).unwrap_or(&NUMBERS[0])
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// # Errors
///
/// It is no name of a dataset.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let wrong = |why| Err(StoreError::Name { name: name.to_owned(), why });
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.chars().next().is_some_and(|c| c.is_ascii_alphabetic()) || !name.chars().all(is_word) {
        return wrong("it has a letter first, then letters, digits and `_`");
    }
    if name.len() > 64 {
        return wrong("it is longer than 64 characters");
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("sqlite_") || lower.starts_with("annex_") {
        return wrong("names that begin with `sqlite_` and `annex_` are taken");
    }
    Ok(())
}

pub(super) fn check_columns(columns: &[String]) -> Result<(), StoreError> {
    let wrong = |text: String| Err(StoreError::Columns(text));
    if columns.is_empty() {
        return wrong("there are no columns".to_owned());
    }
    if columns.len() > MOST_COLUMNS {
        return wrong(format!("there are {} columns, more than {MOST_COLUMNS}", columns.len()));
    }
    for (at, column) in columns.iter().enumerate() {
        if column.is_empty() {
            return wrong(format!("column {} has no name", at + 1));
        }
        if let Some(first) = columns[..at].iter().position(|other| other.eq_ignore_ascii_case(column)) {
            let (first, second) = (first + 1, at + 1);
            return wrong(format!("columns {first} and {second} have the same name, `{column}`"));
        }
    }
    if NUMBERS.iter().all(|number| columns.iter().any(|column| column.eq_ignore_ascii_case(number))) {
        let all = NUMBERS.join("`, `");
        return wrong(format!("there are columns `{all}` all together: give one of them another name"));
    }
    Ok(())
}
