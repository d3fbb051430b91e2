//! The index of similar texts: for each trigram of a column the records that have it.
//!
//! A table for each column: a trigram, and the numbers of its records as differences, 7 bits a byte. Under `SIZES` stands
//! how many trigrams each record has, and under `MADE` a mark that no other index has. It is built in the import's own
//! transaction.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, Transaction};

use crate::slices::Budget;

use super::counted::Counted;
use super::hot::{Hot, Known};
use super::lists::{List, Written};
use super::names::{number, quoted};
use super::normal::{Gram, grams, indexed};
use super::problem::Problem;

/// Records that are read at a time.
const PAGE: u32 = 10_000;
/// No trigram: how many of them each record has.
const SIZES: Gram = -1;
/// No trigram: random bytes, which tell an index from all others.
const MADE: Gram = -2;
/// What names of indexes begin with.
pub(super) const PREFIX: &str = "annex_near3_";

/// Those of earlier numbers.
const EARLIER: [&str; 2] = ["annex_near2_", "annex_near_"];

/// A point is in no name of a dataset, so no two have the same. The number is that of how texts are made comparable and of
/// what the index has: one of another number would miss something.
fn table(dataset: &str, column: &str) -> String {
    quoted(&format!("{PREFIX}{dataset}.{column}"))
}

/// Whether the index of a column is to be built anew: an earlier Annex made it, or has imported the records since.
pub(super) async fn is_outdated(
    connection: &mut SqliteConnection,
    dataset: &str,
    column: &str,
) -> Result<bool, sqlx::Error> {
    let of = |prefix: &str| format!("{prefix}{dataset}.{column}");
    let known = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?, ?)";
    let known = EARLIER
        .into_iter()
        .fold(sqlx::query_scalar(known).bind(of(PREFIX)), |query, prefix| query.bind(of(prefix)));
    let known: Vec<String> = known.fetch_all(connection).await?;
    Ok(known != [of(PREFIX)])
}

/// Builds the index of a column anew. `progress` hears of how many records it has read.
pub(super) async fn build(
    work: &mut Transaction<'_, Sqlite>,
    dataset: &str,
    columns: &[String],
    column: &str,
    mut progress: impl FnMut(u64),
) -> Result<(), sqlx::Error> {
    let number_of = number(columns);
    remove(work, dataset, column).await?;
    let table = table(dataset, column);
    let create = format!("CREATE TABLE {table} (gram INTEGER PRIMARY KEY, rows BLOB NOT NULL)");
    sqlx::query(AssertSqlSafe(create)).execute(&mut **work).await?;
    let mut lists: HashMap<Gram, Written> = HashMap::new();
    let mut sizes: Vec<u8> = Vec::new();
    let page = format!(
        "SELECT {number_of}, {} FROM {} WHERE {number_of} > ? ORDER BY {number_of} LIMIT {PAGE}",
        quoted(column),
        quoted(dataset)
    );
    let mut after = 0_i64;
    let mut read = 0;
    loop {
        progress(read);
        let rows = sqlx::query(AssertSqlSafe(page.as_str())).bind(after).fetch_all(&mut **work).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            after = row.try_get(0)?;
            read += 1;
            let Ok(number) = u32::try_from(after) else { continue };
            let text: Option<String> = row.try_get(1)?;
            let grams = grams(&indexed(text.as_deref().unwrap_or_default()));
            sizes.resize(number as usize, 0);
            sizes.push(u8::try_from(grams.len()).unwrap_or(u8::MAX));
            for gram in grams {
                lists.entry(gram).or_default().push(number);
            }
        }
    }
    let insert = format!("INSERT INTO {table} VALUES (?, ?)");
    let made = format!("INSERT INTO {table} VALUES ({MADE}, randomblob(16))");
    sqlx::query(AssertSqlSafe(made)).execute(&mut **work).await?;
    // In the order of the table, which is written from its beginning to its end so.
    let mut lists: Vec<(Gram, Vec<u8>)> = lists.into_iter().map(|(gram, list)| (gram, list.bytes)).collect();
    lists.sort_unstable_by_key(|(gram, _)| *gram);
    for (gram, bytes) in [(SIZES, sizes)].into_iter().chain(lists) {
        let query = sqlx::query(AssertSqlSafe(insert.as_str())).bind(gram).bind(bytes);
        query.execute(&mut **work).await?;
    }
    Ok(())
}

/// Removes the index of a column.
pub(super) async fn remove(
    work: &mut Transaction<'_, Sqlite>,
    dataset: &str,
    column: &str,
) -> Result<(), sqlx::Error> {
    for prefix in [PREFIX].into_iter().chain(EARLIER) {
        let statement = format!("DROP TABLE IF EXISTS {}", quoted(&format!("{prefix}{dataset}.{column}")));
        sqlx::query(AssertSqlSafe(statement)).execute(&mut **work).await?;
    }
    Ok(())
}

/// Asks the index of a column for the trigrams of a text. What was asked before is in memory.
pub(super) async fn counted(
    connection: &mut SqliteConnection,
    hot: &Hot,
    place: (&str, &str),
    grams: &[Gram],
    weight: f64,
    budget: &Budget,
) -> Result<Counted, Problem> {
    if grams.is_empty() {
        return Ok(Counted { of: 0, weight, lists: Vec::new(), sizes: Arc::new([]) });
    }
    let table = table(place.0, place.1);
    let statement = format!("SELECT gram, rows FROM {table} WHERE gram IN (SELECT value FROM json_each(?))");
    let mut known = hot.known(place, grams);
    let rows = loop {
        let missing = grams.iter().filter(|gram| !known.lists.contains_key(gram));
        let sizes = if known.sizes.is_none() { Some(&SIZES) } else { None };
        let asked: Vec<Gram> = missing.chain(sizes).chain([&MADE]).copied().collect();
        let query = sqlx::query(AssertSqlSafe(statement.as_str())).bind(Value::from(asked).to_string());
        // One statement sees one state of the database.
        let rows = query.fetch_all(&mut *connection).await?;
        let mut made: &[u8] = &[];
        for row in &rows {
            if row.try_get::<Gram, _>(0)? == MADE {
                made = row.try_get(1)?;
            }
        }
        if known.sizes.is_none() {
            known.made = made.to_vec();
        }
        if known.made == made {
            break rows;
        }
        // It was built anew since.
        known = Known::default();
    };
    budget.turn().await?;
    let mut read = Vec::with_capacity(rows.len());
    for row in &rows {
        let (gram, bytes): (Gram, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
        match gram {
            MADE => {}
            SIZES => known.sizes = Some(bytes.into()),
            gram => read.push((gram, bytes)),
        }
    }
    let sizes = Arc::clone(known.sizes.get_or_insert_default());
    for (gram, bytes) in read {
        budget.turn().await?;
        known.lists.insert(gram, Arc::new(List::read(bytes, sizes.len())));
    }
    // That no record has it is known, too.
    for gram in grams {
        known.lists.entry(*gram).or_insert_with(|| Arc::new(List::read(&[], sizes.len())));
    }
    hot.keep(place, &known);
    Ok(Counted { of: grams.len(), weight, lists: known.lists.into_values().collect(), sizes })
}

/// A text to be compared with many.
#[derive(Debug)]
pub struct Comparable(Vec<Gram>);

impl Comparable {
    pub fn new(text: &str) -> Self {
        Self(grams(&indexed(text)))
    }

    /// How similar a text is: the share of common trigrams.
    pub fn similarity(&self, other: &str) -> f64 {
        share(&self.0, &grams(&indexed(other)))
    }
}

/// How similar two texts are: the share of common trigrams.
pub fn similarity(a: &str, b: &str) -> f64 {
    Comparable::new(a).similarity(b)
}

fn share(a: &[Gram], b: &[Gram]) -> f64 {
    let common = a.iter().filter(|gram| b.binary_search(gram).is_ok()).count();
    let all = a.len() + b.len() - common;
    #[expect(clippy::cast_precision_loss, reason = "at most 510")]
    if all == 0 { 0.0 } else { common as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_that_of_pg_trgm() {
        // SELECT similarity('word', 'two words') = 0.36363637
        assert!((similarity("word", "two words") - 4.0 / 11.0).abs() < 1e-9);
        assert!((similarity("Acme, s.r.o.", "ACME") - 1.0).abs() < 1e-9);
    }
}
