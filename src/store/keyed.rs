//! Whether records are told apart by their key.

use std::collections::HashMap;

use super::Record;

/// The keys of records that were read.
pub struct Keyed {
    /// Of the key: name and place in a record.
    columns: Vec<(String, usize)>,
    lines: HashMap<Vec<Option<String>>, u64>,
}

impl Keyed {
    /// Of records with these columns. A column of the key that is not among them is not looked at.
    pub fn new(columns: &[String], key: &[String]) -> Self {
        let place = |name: &String| Some((name.clone(), columns.iter().position(|column| column == name)?));
        Self { columns: key.iter().filter_map(place).collect(), lines: HashMap::new() }
    }

    /// # Errors
    ///
    /// The key is empty, or another record has it.
    pub fn add(&mut self, line: u64, record: &Record) -> Result<(), String> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let is_empty = |at: &usize| record[*at].as_deref().is_none_or(str::is_empty);
        if let Some((name, _)) = self.columns.iter().find(|(_, at)| is_empty(at)) {
            let total = record.iter().flatten().find(|text| is_total(text));
            let total = total.map_or_else(String::new, |word| {
                format!("; `{word}` stands in it: perhaps it is a total, which --foot 1 (in annex.toml foot = 1) skips where it is the last")
            });
            return Err(format!("the key `{name}` is empty{total}"));
        }
        let key = self.columns.iter().map(|(_, at)| record[*at].clone()).collect();
        match self.lines.insert(key, line) {
            Some(first) => Err(format!("the same key as line {first}")),
            None => Ok(()),
        }
    }
}

/// What stands before a total, in small letters.
const TOTALS: [&str; 16] = [
    "total",
    "totals",
    "grand total",
    "sum",
    "summe",
    "gesamt",
    "gesamtsumme",
    "celkem",
    "součet",
    "spolu",
    "razem",
    "suma",
    "összesen",
    "totale",
    "totaal",
    "somme",
];

/// Whether a text is the word for a total.
pub fn is_total(text: &str) -> bool {
    let text = text.trim().trim_end_matches(':').trim_end();
    text.len() < 30 && TOTALS.contains(&text.to_lowercase().as_str())
}
