//! `$search`: texts by their words, scored by BM25 as Lucene has it (k1 = 1.2, b = 0.75), which Atlas Search uses.
//!
//! Source: Lucene's `BM25Similarity`; MongoDB's manual, "text Operator", "compound Operator". What a word is, is simpler
//! than in Lucene's standard analyzer: letters and digits, in lower case.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::Mistake;
use super::compile::{Compiler, Result, array, known, object, text, whole};

const K1: f64 = 1.2;
const B: f64 = 0.75;

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

    /// Rows and their scores, the best first.
    pub fn rows(&self, index: &Index) -> Vec<(u32, f64)> {
        let mut all: Vec<(u32, f64)> = self.0.scores(index).into_iter().collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all
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

impl Clause {
    fn scores(&self, index: &Index) -> HashMap<u32, f64> {
        match self {
            Self::Text(text) => text.scores(index),
            Self::Compound { must, should, filter, must_not, least } => {
                let of = |list: &[Self]| list.iter().map(|one| one.scores(index)).collect::<Vec<_>>();
                let (must, should, filter, must_not) = (of(must), of(should), of(filter), of(must_not));
                let mut all: HashMap<u32, (f64, usize)> = HashMap::new();
                for (row, _) in must.iter().chain(&filter).chain(&should).flatten() {
                    all.entry(*row).or_default();
                }
                for (row, (sum, count)) in &mut all {
                    *sum += must.iter().filter_map(|scores| scores.get(row)).sum::<f64>();
                    for score in should.iter().filter_map(|scores| scores.get(row)) {
                        *sum += score;
                        *count += 1;
                    }
                }
                let fits = |row: &u32, count: usize| {
                    count >= *least
                        && must.iter().chain(&filter).all(|scores| scores.contains_key(row))
                        && !must_not.iter().any(|scores| scores.contains_key(row))
                };
                all.into_iter()
                    .filter(|(row, (_, count))| fits(row, *count))
                    .map(|(row, (sum, _))| (row, sum))
                    .collect()
            }
        }
    }
}

impl TextQuery {
    fn scores(&self, index: &Index) -> HashMap<u32, f64> {
        let mut all: HashMap<u32, f64> = HashMap::new();
        let is_named =
            |name: &str| self.columns.as_ref().is_none_or(|names| names.iter().any(|known| known == name));
        for (_, column) in index.columns.iter().filter(|(name, _)| is_named(name)) {
            for word in &self.words {
                for (postings, weight) in column.postings(word, self.fuzzy) {
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                    let (records, with) = (column.records as f64, postings.len() as f64);
                    let idf = (1.0 + (records - with + 0.5) / (with + 0.5)).ln();
                    for posting in postings {
                        let length = f64::from(posting.length) / column.average();
                        let count = f64::from(posting.count);
                        let tf = count / (count + K1 * (1.0 - B + B * length));
                        *all.entry(posting.row).or_default() += self.boost * weight * idf * tf;
                    }
                }
            }
        }
        all
    }
}

/// The words of some columns of a dataset.
#[derive(Debug, Default)]
pub struct Index {
    columns: Vec<(String, Column)>,
}

#[derive(Debug, Default)]
struct Column {
    words: HashMap<Box<str>, Vec<Posting>>,
    /// Records that have words, and how many in all.
    records: usize,
    length: usize,
}

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
        Self { columns: columns.iter().map(|name| (name.clone(), Column::default())).collect() }
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
            column.words.entry(word.into()).or_default().push(Posting { row, count, length });
        }
    }
}

impl Column {
    fn average(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        if self.records == 0 { 1.0 } else { self.length as f64 / self.records as f64 }
    }

    /// The records of a word, and of words like it, which weigh less.
    fn postings(&self, word: &str, fuzzy: Option<(usize, usize)>) -> Vec<(&[Posting], f64)> {
        let Some((edits, prefix)) = fuzzy else {
            return self.words.get(word).map(|postings| (&postings[..], 1.0)).into_iter().collect();
        };
        let length = word.chars().count();
        let start: String = word.chars().take(prefix).collect();
        let weight = |known: &str| {
            let other = known.chars().count();
            if other.abs_diff(length) > edits || !known.starts_with(&start) {
                return None;
            }
            let distance = strsim::osa_distance(word, known);
            #[expect(clippy::cast_precision_loss, reason = "letters of a word")]
            let weight = 1.0 - distance as f64 / length.min(other) as f64;
            (distance <= edits && weight > 0.0).then_some(weight)
        };
        let all = self.words.iter();
        all.filter_map(|(known, postings)| Some((&postings[..], weight(known)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_lucenes() {
        let mut index = Index::new(&["name".to_owned()]);
        for (row, text) in [(1, "Acme Holding"), (2, "Acme Trading Limited"), (3, "Other"), (4, "")] {
            index.add(row, 0, text);
        }
        let search = |words: &str, fuzzy| {
            let words = super::words(words).collect();
            Search(Clause::Text(TextQuery { words, columns: None, fuzzy, boost: 1.0 })).rows(&index)
        };
        // idf = ln(1 + (3 - 1 + 0.5) / 1.5), tf = 1 / (1 + 1.2 * (0.25 + 0.75 * 2 / 2)).
        let found = search("holding", None);
        assert_eq!(found.len(), 1);
        assert!((found[0].1 - (1.0_f64 + 2.5 / 1.5).ln() / 2.2).abs() < 1e-9, "{found:?}");
        assert_eq!(search("ACME, holding", None).iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(search("holdign", None), []);
        assert_eq!(search("holdign", Some((1, 0))).len(), 1, "letters that changed places are one edit");
        assert_eq!(search("golding", Some((1, 1))), [], "the first letter must be the same");
    }
}
