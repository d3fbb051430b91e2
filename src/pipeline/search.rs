//! `$search`: texts by their words, scored by BM25 as Lucene has it (k1 = 1.2, b = 0.75), which Atlas Search uses.
//!
//! Source: Lucene's `BM25Similarity`; MongoDB's manual, "text Operator", "compound Operator". What a word is, is simpler
//! than in Lucene's standard analyzer: letters and digits, in lower case.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::slices::Budget;

use super::compile::{Compiler, Result, array, known, object, text, whole};
use super::meter::Meter;
use super::{Mistake, Reading, RunError};

const K1: f64 = 1.2;
const B: f64 = 0.75;
/// Words that one clause looks for: as many as Lucene takes.
const MOST_WORDS: usize = 1024;

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Search(pub Clause);

#[derive(Debug, Clone)]
pub enum Clause {
    Text(TextQuery),
    Compound { must: Vec<Self>, should: Vec<Self>, filter: Vec<Self>, must_not: Vec<Self>, least: usize },
}

#[derive(Debug, Clone)]
pub struct TextQuery {
    words: Vec<String>,
    /// The columns; `None` for all.
    pub columns: Option<Vec<String>>,
    /// How many letters a word may differ in, and how many first ones must not.
    fuzzy: Option<(usize, usize)>,
    boost: f64,
}

/// The words of a text.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

impl Search {
    pub(super) fn read(compiler: &Compiler<'_>, json: &Json, path: &str) -> Result<Self> {
        let object = object(json, path)?;
        known(object, path, &["index", "text", "compound", "scoreDetails", "count"])?;
        clause(compiler, json, path).map(Self)
    }

    /// The columns that it looks at; `None` for all.
    pub fn columns(&self) -> Option<Vec<&str>> {
        fn of<'c>(clause: &'c Clause, all: &mut Vec<&'c str>) -> Option<()> {
            match clause {
                Clause::Text(text) => all.extend(text.columns.as_ref()?.iter().map(String::as_str)),
                Clause::Compound { must, should, filter, must_not, .. } => {
                    for one in must.iter().chain(should).chain(filter).chain(must_not) {
                        of(one, all)?;
                    }
                }
            }
            Some(())
        }
        let mut all = Vec::new();
        of(&self.0, &mut all)?;
        all.sort_unstable();
        all.dedup();
        Some(all)
    }

    /// Rows and their scores, the best first; at most `most`.
    pub async fn rows(
        &self,
        index: &Index,
        most: usize,
        budget: &Budget,
    ) -> std::result::Result<Vec<(u32, f64)>, RunError> {
        let held = Meter::new(budget);
        let mut all: Vec<(u32, f64)> = self.0.scores(index, budget, &held).await?.into_iter().collect();
        let best = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if all.len() > most {
            all.select_nth_unstable_by(most, best);
            all.truncate(most);
        }
        all.sort_by(best);
        Ok(all)
    }
}

fn clause(compiler: &Compiler<'_>, json: &Json, path: &str) -> Result<Clause> {
    let own = object(json, path)?;
    match (own.get("text"), own.get("compound")) {
        (Some(json), None) => text_query(compiler, json, &format!("{path}.text")).map(Clause::Text),
        (None, Some(json)) => {
            let path = format!("{path}.compound");
            let own = object(json, &path)?;
            known(own, &path, &["must", "should", "filter", "mustNot", "minimumShouldMatch"])?;
            let list = |key: &str| -> Result<Vec<Clause>> {
                let Some(json) = own.get(key) else { return Ok(Vec::new()) };
                let path = format!("{path}.{key}");
                let items = if json.is_object() { std::slice::from_ref(json) } else { array(json, &path)? };
                items
                    .iter()
                    .enumerate()
                    .map(|(at, one)| clause(compiler, one, &format!("{path}[{at}]")))
                    .collect()
            };
            let least = own.get("minimumShouldMatch").map(|json| whole(json, &path)).transpose()?;
            let (must, should, filter, must_not) =
                (list("must")?, list("should")?, list("filter")?, list("mustNot")?);
            let needs_one = must.is_empty() && filter.is_empty();
            Ok(Clause::Compound {
                must,
                should,
                filter,
                must_not,
                least: least.unwrap_or(usize::from(needs_one)),
            })
        }
        _ => {
            let others: Vec<&str> = own.keys().filter(|key| *key != "index").map(String::as_str).collect();
            let what =
                format!("of `$search`, `text` and `compound` are known here, not {}", others.join(", "));
            Err(Mistake::new(path, what))
        }
    }
}

fn text_query(compiler: &Compiler<'_>, json: &Json, path: &str) -> Result<TextQuery> {
    let own = object(json, path)?;
    known(own, path, &["query", "path", "fuzzy", "score"])?;
    let mut found = Vec::new();
    let query = own.get("query").ok_or_else(|| Mistake::new(path, "`query` is missing"))?;
    for one in query.as_array().map_or_else(|| std::slice::from_ref(query), Vec::as_slice) {
        let place = format!("{path}.query");
        found.extend(words(&compiler.text(text(one, &place)?, &place)?));
    }
    let columns = own.get("path").ok_or_else(|| Mistake::new(path, "`path` is missing"))?;
    let columns = if columns.get("wildcard").is_some_and(|all| all == "*") {
        None
    } else {
        let items = columns.as_array().map_or_else(|| std::slice::from_ref(columns), Vec::as_slice);
        let place = format!("{path}.path");
        Some(items.iter().map(|item| text(item, &place).map(str::to_owned)).collect::<Result<_>>()?)
    };
    let fuzzy = own.get("fuzzy").map(|json| {
        let path = format!("{path}.fuzzy");
        let fuzzy = object(json, &path)?;
        known(fuzzy, &path, &["maxEdits", "prefixLength", "maxExpansions"])?;
        let of = |key: &str, default| fuzzy.get(key).map_or(Ok(default), |json| whole(json, &path));
        Ok((of("maxEdits", 2)?, of("prefixLength", 0)?))
    });
    let boost = own.get("score").map(|json| {
        let value = json.pointer("/boost/value").and_then(Json::as_f64);
        value.ok_or_else(|| Mistake::new(path, "of `score`, `boost` with a `value` is known here"))
    });
    Ok(TextQuery {
        words: found,
        columns,
        fuzzy: fuzzy.transpose()?,
        boost: boost.transpose()?.unwrap_or(1.0),
    })
}

/// Rows with their scores.
type Scores = HashMap<u32, f64>;

/// Memory of one row with its score.
const SCORE: usize = 24;

impl Clause {
    fn scores<'a>(
        &'a self,
        index: &'a Index,
        budget: &'a Budget,
        held: &'a Meter<'a>,
    ) -> Reading<'a, Scores> {
        Box::pin(async move {
            let (must, should, filter, must_not, least) = match self {
                Self::Text(text) => return text.scores(index, budget, held).await,
                Self::Compound { must, should, filter, must_not, least } => {
                    (must, should, filter, must_not, *least)
                }
            };
            let of = async |list: &'a [Self]| {
                let mut all = Vec::with_capacity(list.len());
                for one in list {
                    all.push(one.scores(index, budget, held).await?);
                }
                Ok::<_, RunError>(all)
            };
            let (must, should) = (of(must).await?, of(should).await?);
            let (filter, must_not) = (of(filter).await?, of(must_not).await?);
            let mut rows: Vec<u32> = Vec::new();
            for scores in must.iter().chain(&filter).chain(&should) {
                held.take(scores.len() * SCORE)?;
                rows.extend(scores.keys());
            }
            rows.sort_unstable();
            rows.dedup();
            let mut all = Scores::new();
            for (at, row) in rows.into_iter().enumerate() {
                if at % LOOK == 0 {
                    budget.turn().await?;
                }
                let found: Vec<f64> = should.iter().filter_map(|scores| scores.get(&row)).copied().collect();
                let fits = found.len() >= least
                    && must.iter().chain(&filter).all(|scores| scores.contains_key(&row))
                    && !must_not.iter().any(|scores| scores.contains_key(&row));
                if fits {
                    let own = must.iter().filter_map(|scores| scores.get(&row)).sum::<f64>();
                    all.insert(row, own + found.iter().sum::<f64>());
                }
            }
            Ok(all)
        })
    }
}

/// Words and records between two looks at the clock.
const LOOK: usize = 256;
/// Letters of a word that may be another one with mistakes; longer ones are the same or not.
const MOST_LETTERS: usize = 128;

impl TextQuery {
    async fn scores(
        &self,
        index: &Index,
        budget: &Budget,
        held: &Meter<'_>,
    ) -> std::result::Result<Scores, RunError> {
        if self.words.len() > MOST_WORDS {
            return Err(RunError::Query(format!("`$search` takes at most {MOST_WORDS} words")));
        }
        let mut all = Scores::new();
        let is_named =
            |name: &str| self.columns.as_ref().is_none_or(|names| names.iter().any(|known| known == name));
        for (_, column) in index.columns.iter().filter(|(name, _)| is_named(name)) {
            for word in &self.words {
                for (postings, weight) in column.postings(word, self.fuzzy, budget).await? {
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                    let (records, with) = (column.records as f64, postings.len() as f64);
                    let idf = (1.0 + (records - with + 0.5) / (with + 0.5)).ln();
                    let before = all.len();
                    for some in postings.chunks(LOOK) {
                        budget.turn().await?;
                        for posting in some {
                            let length = f64::from(posting.length) / column.average();
                            let count = f64::from(posting.count);
                            let tf = count / (count + K1 * (1.0 - B + B * length));
                            *all.entry(posting.row).or_default() += self.boost * weight * idf * tf;
                        }
                    }
                    held.take((all.len() - before) * SCORE)?;
                }
            }
        }
        Ok(all)
    }
}

/// The words of some columns of a dataset.
#[derive(Debug, Default)]
pub struct Index {
    columns: Vec<(String, Column)>,
    size: usize,
}

#[derive(Debug, Default)]
struct Column {
    words: HashMap<Box<str>, Vec<Posting>>,
    /// Records that have words, and how many in all.
    records: usize,
    length: usize,
}

/// Memory of a word, beside its letters and its records.
const WORD: usize = 80;

/// A record that has a word.
#[derive(Debug, Clone, Copy)]
struct Posting {
    row: u32,
    count: u16,
    /// Words of the record's text.
    length: u16,
}

impl Index {
    pub fn new(columns: &[String]) -> Self {
        Self { columns: columns.iter().map(|name| (name.clone(), Column::default())).collect(), size: 0 }
    }

    /// Bytes of memory, about.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Adds the text of a record, in the order of the columns.
    pub fn add(&mut self, row: u32, column: usize, text: &str) {
        let Some((_, column)) = self.columns.get_mut(column) else { return };
        let mut counts: HashMap<String, u16> = HashMap::new();
        let mut length = 0_u16;
        for word in words(text) {
            length = length.saturating_add(1);
            let count = counts.entry(word).or_default();
            *count = count.saturating_add(1);
        }
        if length == 0 {
            return;
        }
        column.records += 1;
        column.length += usize::from(length);
        for (word, count) in counts {
            let word: Box<str> = word.into();
            self.size += size_of::<Posting>();
            if !column.words.contains_key(&word) {
                self.size += word.len() + WORD;
            }
            column.words.entry(word).or_default().push(Posting { row, count, length });
        }
    }
}

impl Column {
    fn average(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        if self.records == 0 { 1.0 } else { self.length as f64 / self.records as f64 }
    }

    /// The records of a word, and of words like it, which weigh less.
    async fn postings(
        &self,
        word: &str,
        fuzzy: Option<(usize, usize)>,
        budget: &Budget,
    ) -> std::result::Result<Vec<(&[Posting], f64)>, RunError> {
        let length = word.chars().count();
        let Some((edits, prefix)) = fuzzy.filter(|_| length <= MOST_LETTERS) else {
            return Ok(self.words.get(word).map(|postings| (&postings[..], 1.0)).into_iter().collect());
        };
        let start: String = word.chars().take(prefix).collect();
        let weight = |known: &str| {
            // No letter has more than four bytes.
            if known.len() > 4 * (length + edits) || 4 * (known.len() + edits) < word.len() {
                return None;
            }
            let other = known.chars().count();
            if other.abs_diff(length) > edits || !known.starts_with(&start) {
                return None;
            }
            let distance = strsim::osa_distance(word, known);
            #[expect(clippy::cast_precision_loss, reason = "letters of a word")]
            let weight = 1.0 - distance as f64 / length.min(other) as f64;
            (distance <= edits && weight > 0.0).then_some(weight)
        };
        let mut all = Vec::new();
        for (at, (known, postings)) in self.words.iter().enumerate() {
            if at % LOOK == 0 {
                budget.turn().await?;
            }
            if let Some(weight) = weight(known) {
                all.push((&postings[..], weight));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn the_score_is_lucenes() {
        let mut index = Index::new(&["name".to_owned()]);
        for (row, text) in [(1, "Acme Holding"), (2, "Acme Trading Limited"), (3, "Other"), (4, "")] {
            index.add(row, 0, text);
        }
        let budget = Budget::until(Instant::now() + Duration::from_secs(60));
        let search = async |words: &str, fuzzy| {
            let words = super::words(words).collect();
            let search = Search(Clause::Text(TextQuery { words, columns: None, fuzzy, boost: 1.0 }));
            search.rows(&index, 10, &budget).await.unwrap()
        };
        // idf = ln(1 + (3 - 1 + 0.5) / 1.5), tf = 1 / (1 + 1.2 * (0.25 + 0.75 * 2 / 2)).
        let found = search("holding", None).await;
        assert_eq!(found.len(), 1);
        assert!((found[0].1 - (1.0_f64 + 2.5 / 1.5).ln() / 2.2).abs() < 1e-9, "{found:?}");
        assert_eq!(
            search("ACME, holding", None).await.iter().map(|(row, _)| *row).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(search("holdign", None).await, []);
        assert_eq!(
            search("holdign", Some((1, 0))).await.len(),
            1,
            "letters that changed places are one edit"
        );
        assert_eq!(search("golding", Some((1, 1))).await, [], "the first letter must be the same");
    }

    #[tokio::test]
    async fn words_and_their_length_have_bounds_and_the_clock_is_looked_at() {
        let mut index = Index::new(&["name".to_owned()]);
        let (long, other) = ("a".repeat(MOST_LETTERS + 1), "a".repeat(MOST_LETTERS));
        for (row, text) in [(1, &long), (2, &other)] {
            index.add(row, 0, text);
        }
        assert!(index.size() > long.len() + other.len());
        let search = |words: Vec<String>| {
            Search(Clause::Text(TextQuery { words, columns: None, fuzzy: Some((2, 0)), boost: 1.0 }))
        };
        let budget = Budget::until(Instant::now() + Duration::from_secs(60)).with_memory(1 << 20);
        let found = search(vec![long.clone()]).rows(&index, 10, &budget).await.unwrap();
        assert_eq!(found.len(), 1, "so long a word is itself or not");
        assert_eq!(search(vec![other]).rows(&index, 10, &budget).await.unwrap().len(), 2);
        let many = search(vec!["a".to_owned(); MOST_WORDS + 1]).rows(&index, 10, &budget).await;
        assert!(matches!(many, Err(RunError::Query(_))), "{many:?}");
        let late = Budget::until(Instant::now());
        let found = search(vec!["a".to_owned()]).rows(&index, 10, &late).await;
        assert!(matches!(found, Err(RunError::TooLong)), "{found:?}");
        assert_eq!(budget.take(1 << 20), Ok(()), "what was taken is given back");
    }
}
