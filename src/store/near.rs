//! The index of similar texts: for each trigram of a column the records that have it.
//!
//! A table for each column: a trigram, and the numbers of its records as differences, 7 bits a byte. Under `SIZES` stands
//! how many trigrams each record has. It is built in the import's own transaction.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, Transaction};

use crate::slices::Budget;

use super::names::{number, quoted};
use super::normal::{Gram, grams, indexed};
use super::problem::Problem;

/// Records that are read at a time.
const PAGE: u32 = 10_000;
/// No trigram: how many of them each record has.
const SIZES: Gram = -1;
/// What names of indexes begin with.
pub(super) const PREFIX: &str = "annex_near2_";

/// Those of the number before.
const EARLIER: &str = "annex_near_";

/// A point is in no name of a dataset, so no two have the same. The number is that of how texts are made comparable: an index
/// of another number would miss what it has.
fn table(dataset: &str, column: &str) -> String {
    quoted(&format!("{PREFIX}{dataset}.{column}"))
}

fn earlier(dataset: &str, column: &str) -> String {
    quoted(&format!("{EARLIER}{dataset}.{column}"))
}

/// Whether the index of a column is to be built anew: an earlier Annex made it, or has imported the records since.
pub(super) async fn is_outdated(
    connection: &mut SqliteConnection,
    dataset: &str,
    column: &str,
) -> Result<bool, sqlx::Error> {
    let of = |prefix: &str| format!("{prefix}{dataset}.{column}");
    let known = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?)";
    let known: Vec<String> =
        sqlx::query_scalar(known).bind(of(PREFIX)).bind(of(EARLIER)).fetch_all(connection).await?;
    Ok(known != [of(PREFIX)])
}

/// Builds the index of a column anew.
pub(super) async fn build(
    work: &mut Transaction<'_, Sqlite>,
    dataset: &str,
    columns: &[String],
    column: &str,
) -> Result<(), sqlx::Error> {
    let number_of = number(columns);
    remove(work, dataset, column).await?;
    let table = table(dataset, column);
    let create = format!("CREATE TABLE {table} (gram INTEGER PRIMARY KEY, rows BLOB NOT NULL)");
    sqlx::query(AssertSqlSafe(create)).execute(&mut **work).await?;
    let mut lists: HashMap<Gram, List> = HashMap::new();
    let mut sizes: Vec<u8> = Vec::new();
    let page = format!(
        "SELECT {number_of}, {} FROM {} WHERE {number_of} > ? ORDER BY {number_of} LIMIT {PAGE}",
        quoted(column),
        quoted(dataset)
    );
    let mut after = 0_i64;
    loop {
        let rows = sqlx::query(AssertSqlSafe(page.as_str())).bind(after).fetch_all(&mut **work).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            after = row.try_get(0)?;
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
    let lists = lists.into_iter().map(|(gram, list)| (gram, list.bytes)).chain([(SIZES, sizes)]);
    for (gram, bytes) in lists {
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
    for table in [table(dataset, column), earlier(dataset, column)] {
        let statement = format!("DROP TABLE IF EXISTS {table}");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut **work).await?;
    }
    Ok(())
}

/// How many trigrams the records of a column have in common with a text.
pub(super) struct Common {
    /// Trigrams of the text.
    of: usize,
    /// By the number of a record: what it has in common, and how many it has.
    counts: Vec<u8>,
    sizes: Vec<u8>,
}

impl Common {
    /// Asks the index for the trigrams of a text.
    pub(super) async fn of(
        connection: &mut SqliteConnection,
        (dataset, column): (&str, &str),
        grams: &[Gram],
        budget: &Budget,
    ) -> Result<Self, Problem> {
        if grams.is_empty() {
            return Ok(Self { of: 0, counts: Vec::new(), sizes: Vec::new() });
        }
        let table = table(dataset, column);
        let places = vec!["?"; grams.len()].join(", ");
        let statement = format!("SELECT gram, rows FROM {table} WHERE gram IN ({places}, {SIZES})");
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for gram in grams {
            query = query.bind(gram);
        }
        let rows = query.fetch_all(connection).await?;
        budget.turn().await?;
        let mut sizes: &[u8] = &[];
        let mut lists = Vec::with_capacity(rows.len());
        for row in &rows {
            let bytes: &[u8] = row.try_get(1)?;
            if row.try_get::<Gram, _>(0)? == SIZES { sizes = bytes } else { lists.push(bytes) }
        }
        let mut counts = vec![0_u8; sizes.len()];
        for list in lists {
            budget.turn().await?;
            for number in numbers(list) {
                if let Some(count) = counts.get_mut(number as usize) {
                    *count = count.saturating_add(1);
                }
            }
        }
        Ok(Self { of: grams.len(), counts, sizes: sizes.to_vec() })
    }

    /// One more than the number of the last record.
    pub(super) fn end(&self) -> usize {
        self.counts.len()
    }

    /// A record that has fewer in common is not so similar, whatever else it has. At least one.
    pub(super) fn fewest(&self, least: f64) -> u8 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 255")]
        let fewest = (least * f64::from(self.all())).ceil() as u8;
        fewest.max(1)
    }

    /// Trigrams of the text: at most 255.
    pub(super) fn all(&self) -> u8 {
        u8::try_from(self.of).unwrap_or(u8::MAX)
    }

    /// How many a record has in common with the text.
    pub(super) fn count(&self, number: usize) -> u8 {
        self.counts.get(number).copied().unwrap_or(0)
    }

    /// The share of common trigrams of a record, from 0 to 1.
    pub(super) fn similarity(&self, number: usize) -> f64 {
        let common = usize::from(self.count(number));
        let all = self.of + self.sizes.get(number).copied().map_or(0, usize::from) - common;
        #[expect(clippy::cast_precision_loss, reason = "at most 510")]
        if common == 0 { 0.0 } else { common as f64 / all as f64 }
    }
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

/// Numbers of records, growing: each as the difference to the one before.
#[derive(Default)]
struct List {
    bytes: Vec<u8>,
    last: u32,
}

impl List {
    fn push(&mut self, number: u32) {
        let mut rest = number - self.last;
        self.last = number;
        while rest >= 0x80 {
            self.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest.to_le_bytes()[0]);
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let mut last = 0_u32;
    let mut bytes = bytes.iter();
    std::iter::from_fn(move || {
        let (mut difference, mut shift) = (0_u32, 0);
        loop {
            let byte = bytes.next()?;
            difference |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift = (shift + 7).min(28);
        }
        last = last.wrapping_add(difference);
        Some(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_as_they_were() {
        let all = [0, 1, 2, 130, 131, 20_000, 2_000_000, u32::MAX];
        let mut list = List::default();
        for number in all {
            list.push(number);
        }
        assert_eq!(numbers(&list.bytes).collect::<Vec<_>>(), all);
    }

    #[test]
    fn similarity_is_that_of_pg_trgm() {
        // SELECT similarity('word', 'two words') = 0.36363637
        assert!((similarity("word", "two words") - 4.0 / 11.0).abs() < 1e-9);
        assert!((similarity("Acme, s.r.o.", "ACME") - 1.0).abs() < 1e-9);
    }
}
