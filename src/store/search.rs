//! Ready-made searches: by value, by text made comparable, by beginning, by pattern, by similarity, with several columns
//! weighed.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use regex::{Regex, RegexBuilder};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Column as _, Row as _};
use tokio::time::sleep;

use crate::slices::{Budget, Spent, sliced};

use super::documents::MEMORY;
use super::hot::Hot;
use super::names::{columns, number, quoted};
use super::near;
use super::nearest::Near;
use super::problem::Problem;
use super::query::{Found, Reader, text, until};
use super::ranking::Decides;
use super::{Record, StoreError, renewal};

/// A search as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    pub dataset: String,
    pub kind: SearchKind,
    pub compared: Vec<Compared>,
    /// Columns and the value that each must have, whatever the document.
    pub only: Vec<(String, String)>,
    /// Of a fuzzy one: when its best record may be chosen alone.
    pub decides: Decides,
}

/// A column and what it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    pub column: String,
    /// The field whose value is looked for.
    pub field: String,
    /// How much the column counts beside others.
    pub weight: f64,
    /// Of a pattern: what stands before and after the value.
    pub around: (String, String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SearchKind {
    Exact,
    Normalized,
    Prefix,
    Regex,
    /// At least so similar.
    Fuzzy(f64),
}

/// After so long it is asked again where the index is being built anew.
const AGAIN: Duration = Duration::from_millis(50);
/// Bytes of a compiled pattern: a field's text is in it.
const MOST_PROGRAM: usize = 16 << 20;
/// The table that says which datasets there are.
const LIST: &str = "annex_datasets";
/// The column that says how similar a record is.
pub const SCORE: &str = "score";

impl Search {
    /// Whether it finds what is similar, and not only what fits.
    pub fn is_similar(&self) -> bool {
        matches!(self.kind, SearchKind::Fuzzy(_))
    }

    /// What is compared, with the values that there are; `None` where too few are there to find anything: all are needed,
    /// but where several are weighed.
    pub fn given<'s>(&'s self, values: &'s [Option<String>]) -> Option<Vec<(&'s Compared, &'s str)>> {
        let pairs = self.compared.iter().zip(values);
        let given: Vec<_> =
            pairs.filter_map(|(compared, value)| Some((compared, value.as_deref()?))).collect();
        let weighs = matches!(self.kind, SearchKind::Fuzzy(_));
        (!given.is_empty() && (weighs || given.len() == self.compared.len())).then_some(given)
    }
}

impl Reader {
    /// Searches until `deadline`; at most `most` records, the best first. A field that is empty finds nothing, and counts
    /// for nothing where several are weighed.
    pub async fn search(
        &self,
        search: &Search,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, StoreError> {
        let run = async {
            loop {
                match self.run_search(search, values, most, deadline).await {
                    // A small one is built anew while a delivery waits.
                    Err(StoreError::OldIndex { .. }) if Instant::now() + 2 * AGAIN < deadline => {
                        sleep(AGAIN).await;
                    }
                    found => break found,
                }
            }
        };
        // An index finds what is equal: nothing is worked out here.
        if search.kind == SearchKind::Exact {
            return until(deadline, run).await;
        }
        until(deadline, sliced(run)).await
    }

    async fn run_search(
        &self,
        search: &Search,
        values: &[Option<String>],
        most: usize,
        deadline: Instant,
    ) -> Result<Found, StoreError> {
        let Some(given) = search.given(values) else { return Ok(Found::default()) };
        let mut connection = self.guarded(deadline).await?;
        let budget = Budget::until(deadline).with_memory(MEMORY);
        let found = async {
            let columns = columns(&mut connection, &search.dataset).await?;
            let Some(columns) = columns else { return Err(Problem::NoDataset) };
            let named = search.compared.iter().map(|compared| &compared.column);
            let named = named.chain(search.only.iter().map(|(column, _)| column));
            // To SQLite a name in quotes that no column has is a text.
            for name in named {
                if !columns.iter().any(|column| column.eq_ignore_ascii_case(name)) {
                    return Err(Problem::NoColumn { name: name.clone(), columns });
                }
            }
            let number = number(&columns);
            let asked = Asked { search, given, most, number, hot: &self.hot, budget: &budget };
            match search.kind {
                SearchKind::Exact => asked.exact(&mut connection).await,
                SearchKind::Regex => asked.pattern(&mut connection).await,
                SearchKind::Normalized => asked.same(&mut connection, Near::Same).await,
                SearchKind::Prefix => asked.same(&mut connection, Near::Beginning).await,
                SearchKind::Fuzzy(least) => asked.similar(&mut connection, least).await,
            }
        };
        let found = found.await.map_err(|error| self.why(error, search, deadline));
        let found = match found {
            Err(StoreError::NoIndex { dataset, column })
                if renewal::is_near(&mut connection, &dataset, &column).await.unwrap_or(false) =>
            {
                Err(StoreError::OldIndex { dataset, column })
            }
            found => found,
        };
        self.release(&mut connection).await?;
        found
    }

    /// What an error of the database means for a search.
    fn why(&self, problem: Problem, search: &Search, deadline: Instant) -> StoreError {
        let error = match problem {
            Problem::Sqlite(error) => error,
            Problem::Spent(Spent::Time) => return StoreError::TooLong,
            Problem::Spent(Spent::Memory(most)) => return StoreError::TooMuch(most),
            Problem::NoDataset => return StoreError::NoDataset(search.dataset.clone()),
            Problem::NoColumn { name, columns } => {
                let (dataset, have) = (&search.dataset, columns.join(", "));
                return StoreError::Columns(format!("`{dataset}` has no column `{name}`; it has: {have}"));
            }
        };
        let text = error.to_string();
        let missing = text.split_once("no such table: ").map(|(_, name)| name.trim());
        match missing {
            _ if Instant::now() >= deadline => StoreError::TooLong,
            // Before the first import there is not even the list of datasets.
            Some(name) if name == search.dataset || name == LIST => {
                StoreError::NoDataset(search.dataset.clone())
            }
            Some(name) => match name.strip_prefix(&format!("{}{}.", near::PREFIX, search.dataset)) {
                Some(column) => {
                    StoreError::NoIndex { dataset: search.dataset.clone(), column: column.to_owned() }
                }
                None => self.failed(error),
            },
            None => self.failed(error),
        }
    }
}

/// A search with what it is asked for.
pub(super) struct Asked<'a> {
    pub(super) search: &'a Search,
    pub(super) given: Vec<(&'a Compared, &'a str)>,
    pub(super) most: usize,
    /// What SQLite calls the number of a record.
    pub(super) number: &'static str,
    pub(super) hot: &'a Hot,
    pub(super) budget: &'a Budget,
}

impl Asked<'_> {
    async fn exact(&self, connection: &mut SqliteConnection) -> Result<Found, Problem> {
        let Self { search, given, most, .. } = self;
        let given = given.iter().map(|(compared, value)| (&compared.column, *value));
        let only = search.only.iter().map(|(column, value)| (column, value.as_str()));
        let wanted: Vec<(&String, &str)> = given.chain(only).collect();
        let conditions: Vec<_> = wanted.iter().map(|(column, _)| format!("{} = ?", quoted(column))).collect();
        let statement = format!(
            "SELECT * FROM {} WHERE {} ORDER BY {} LIMIT {most}",
            quoted(&search.dataset),
            conditions.join(" AND "),
            self.number
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for (_, value) in wanted {
            query = query.bind(value);
        }
        let mut found = Found::default();
        let mut rows = query.fetch(connection);
        while let Some(row) = rows.try_next().await? {
            found.add(&row, 0, self.budget)?;
        }
        Ok(scored(found, |_| 1.0))
    }

    async fn pattern(&self, connection: &mut SqliteConnection) -> Result<Found, Problem> {
        let Self { search, given, most, number, budget, .. } = self;
        let mut patterns = Vec::new();
        for (compared, value) in given {
            let (before, after) = &compared.around;
            let source = format!("{before}{}{after}", regex::escape(value));
            let pattern = pattern(&source).map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
            patterns.push((compared.column.as_str(), pattern));
        }
        let table = quoted(&search.dataset);
        let statement = format!("SELECT * FROM {table} ORDER BY {number}");
        let mut found = Found::default();
        let mut rows = sqlx::query(AssertSqlSafe(statement)).fetch(connection);
        while found.records.len() < *most
            && let Some(row) = rows.try_next().await?
        {
            budget.turn().await?;
            let cell = |column: &str| -> Result<String, sqlx::Error> {
                let at = row.columns().iter().position(|known| known.name().eq_ignore_ascii_case(column));
                let at = at.ok_or_else(|| sqlx::Error::ColumnNotFound(column.to_owned()))?;
                Ok(row.try_get::<Option<String>, _>(at)?.unwrap_or_default())
            };
            let mut fits = true;
            for (column, pattern) in &patterns {
                fits &= pattern.is_match(&cell(column)?);
            }
            for (column, value) in &search.only {
                fits &= cell(column)? == *value;
            }
            if fits {
                found.add(&row, 0, budget)?;
            }
        }
        Ok(scored(found, |_| 1.0))
    }
}

/// A pattern with a field's text in it.
pub(crate) fn pattern(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).size_limit(MOST_PROGRAM).build()
}

/// With a column that says how similar each record is, with two digits.
pub(super) fn scored(mut found: Found, score: impl Fn(usize) -> f64) -> Found {
    if !found.columns.is_empty() {
        found.columns.push(SCORE.to_owned());
        for (at, record) in found.records.iter_mut().enumerate() {
            record.push(Some(format!("{:.2}", score(at))));
        }
    }
    found
}

impl Found {
    /// Adds a row without its first `skip` columns.
    pub(super) fn add(
        &mut self,
        row: &sqlx::sqlite::SqliteRow,
        skip: usize,
        budget: &Budget,
    ) -> Result<(), Problem> {
        if self.columns.is_empty() {
            self.columns = row.columns().iter().skip(skip).map(|column| column.name().to_owned()).collect();
        }
        let record =
            (skip..skip + self.columns.len()).map(|at| text(row, at)).collect::<Result<Record, _>>()?;
        budget.take(record.iter().flatten().map(|text| text.len() + 48).sum())?;
        self.records.push(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::similarity;
    use super::super::{Import, Store};
    use super::*;

    /// Names that are the same in each run, and another for each number.
    fn name(number: u64) -> String {
        let words = [
            "Acme", "Nord", "Süd", "Holding", "Trade", "s.r.o.", "GmbH", "Steel", "Steal", "Bau", "Kůň",
            "Kun", "X",
        ];
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(bound).unwrap()).unwrap()
        };
        let count = 1 + next(4);
        (0..count).map(|_| words[next(words.len())]).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test]
    async fn a_pattern_that_is_not_done_in_time_says_so_and_alike_names_have_indexes_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        for (name, column, text) in [("a", "b_c", "Acme"), ("a_b", "c", "Wayne")] {
            let import = Import {
                indexed: vec![column.to_owned()],
                near: vec![column.to_owned()],
                ..Import::new(name, vec![column.to_owned()], "test")
            };
            let records = std::iter::once(Ok((1, vec![Some(text.to_owned())])));
            store.import(&import, records, |_| {}).await.unwrap();
        }
        let reader = Reader::new(folder.path());
        let search = |kind| Search {
            dataset: "a".to_owned(),
            kind,
            compared: vec![Compared {
                column: "b_c".to_owned(),
                field: "x".to_owned(),
                weight: 1.0,
                around: <(String, String)>::default(),
            }],
            only: Vec::new(),
            decides: Decides::default(),
        };
        let value = [Some("Acme".to_owned())];
        let later = Instant::now() + Duration::from_secs(60);
        let found = reader.search(&search(SearchKind::Normalized), &value, 5, later).await.unwrap();
        assert_eq!(found.records.len(), 1);
        let late = reader
            .run_search(&search(SearchKind::Regex), &[Some("Nobody".to_owned())], 5, Instant::now())
            .await;
        assert!(matches!(late, Err(StoreError::TooLong)), "{late:?}");
    }

    #[tokio::test]
    async fn before_the_first_import_the_dataset_is_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        // The file is there before its tables are.
        std::fs::File::create(folder.path().join(crate::store::FILE)).unwrap();
        let reader = Reader::new(folder.path());
        let compared = Compared {
            column: "name".to_owned(),
            field: "x".to_owned(),
            weight: 1.0,
            around: <(String, String)>::default(),
        };
        for kind in [SearchKind::Exact, SearchKind::Normalized, SearchKind::Fuzzy(0.5)] {
            let (dataset, compared) = ("vendors".to_owned(), vec![compared.clone()]);
            let search = Search { dataset, kind, compared, only: Vec::new(), decides: Decides::default() };
            let later = Instant::now() + Duration::from_secs(60);
            let found = reader.search(&search, &[Some("Acme".to_owned())], 5, later).await;
            assert!(matches!(&found, Err(StoreError::NoDataset(name)) if name == "vendors"), "{found:?}");
        }
    }

    #[tokio::test]
    async fn the_index_finds_what_looking_at_each_record_finds() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let names: Vec<String> = (0..1_000).map(name).collect();
        let import =
            Import { near: vec!["name".to_owned()], ..Import::new("v", vec!["name".to_owned()], "test") };
        let records = (1..).zip(&names).map(|(line, name)| Ok((line, vec![Some(name.clone())])));
        store.import(&import, records, |_| {}).await.unwrap();
        let reader = Reader::new(folder.path());
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut count = 0;
        for number in 5_000..5_040 {
            let wanted = name(number);
            for least in [0.3, 0.55, 1.0] {
                let compared = Compared {
                    column: "name".to_owned(),
                    field: "x".to_owned(),
                    weight: 1.0,
                    around: <(String, String)>::default(),
                };
                let search = Search {
                    dataset: "v".to_owned(),
                    kind: SearchKind::Fuzzy(least),
                    compared: vec![compared],
                    only: Vec::new(),
                    decides: Decides::default(),
                };
                let found = reader.search(&search, &[Some(wanted.clone())], 10_000, deadline).await.unwrap();
                let mut found: Vec<_> =
                    found.records.into_iter().map(|record| record[0].clone().unwrap()).collect();
                let mut expected: Vec<_> =
                    names.iter().filter(|name| similarity(name, &wanted) >= least).cloned().collect();
                found.sort();
                expected.sort();
                count += found.len();
                assert_eq!(found, expected, "{wanted:?} at {least}");
            }
        }
        assert!(count > 500, "{count}");
    }
}
