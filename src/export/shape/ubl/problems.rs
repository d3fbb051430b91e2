//! What is missing or unusable in a document, all of it, by the fields that it is about.

use std::collections::{BTreeSet, HashMap};

use super::super::Unfit;

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Header,
    /// A row of the lines, from 1 on.
    Line(usize),
    /// A row of the tax details.
    TaxDetail(usize),
}

/// Characters of the text of one answer: Rossum takes 4,096.
const LONGEST: usize = 3_300;
/// Rows that are named for one problem.
const ROWS: usize = 3;

#[derive(Default)]
pub(super) struct Problems {
    found: Vec<Found>,
    index: HashMap<(&'static str, String), usize>,
}

struct Found {
    ids: Vec<String>,
    /// The problem as a sentence, without its row and its point.
    what: String,
    /// `Line`, `Tax detail`; empty in the header.
    table: &'static str,
    rows: Vec<usize>,
}

impl Problems {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Notes a problem; the same one of another row is that one.
    pub(super) fn note(&mut self, place: Place, ids: &[&str], what: String) {
        let (table, row) = match place {
            Place::Header => ("", None),
            Place::Line(row) => ("Line", Some(row)),
            Place::TaxDetail(row) => ("Tax detail", Some(row)),
        };
        let at = *self.index.entry((table, what.clone())).or_insert_with(|| {
            let ids = ids.iter().filter(|id| !id.is_empty()).map(|id| (*id).to_owned()).collect();
            self.found.push(Found { ids, what, table, rows: Vec::new() });
            self.found.len() - 1
        });
        if let Some(row) = row {
            self.found[at].rows.push(row);
        }
    }

    /// Takes over what others noted.
    pub(super) fn take(&mut self, other: &mut Self) {
        self.found.append(&mut other.found);
    }

    /// The problems as sentences, as many as fit; how many more there are.
    fn sentences(&self) -> String {
        let mut text = String::new();
        for (at, found) in self.found.iter().enumerate() {
            let sentence = found.sentence();
            if text.len() + sentence.len() > LONGEST && at > 0 {
                let more = format!(" There are {} more.", self.found.len() - at);
                text.push_str(&more);
                break;
            }
            if at > 0 {
                text.push(' ');
            }
            text.push_str(&sentence);
        }
        text
    }

    pub(super) fn unfit(&self, what: &str) -> Unfit {
        let ids: BTreeSet<&String> = self.found.iter().flat_map(|found| &found.ids).collect();
        let text = format!("{what} cannot be made. {}", self.sentences());
        Unfit::new("UBL", text, ids.into_iter().cloned().collect())
    }

    /// What is said of a document that is made all the same.
    pub(super) fn warning(&self, what: &str) -> Option<String> {
        (!self.is_empty()).then(|| format!("{what} is made with what does not add up. {}", self.sentences()))
    }

    /// What is said of a document in which something is likely wrong.
    pub(super) fn doubted(&self, what: &str) -> Option<String> {
        (!self.is_empty()).then(|| format!("{what} is made with what is likely wrong. {}", self.sentences()))
    }
}

impl Found {
    fn sentence(&self) -> String {
        let what = &self.what;
        let all = &self.rows;
        let named: Vec<String> = all.iter().take(ROWS).map(ToString::to_string).collect();
        let table = self.table;
        match (&named[..], all.len().saturating_sub(ROWS)) {
            ([], _) => format!("{what}."),
            ([row], _) => format!("{table} {row}: {what}."),
            ([rows @ .., last], 0) => format!("{table}s {} and {last}: {what}.", rows.join(", ")),
            (rows, more) => format!("{table}s {} and {more} more: {what}.", rows.join(", ")),
        }
    }
}

/// A value as a message quotes it.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    let mut short: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}
