//! What separates the values of a CSV, where nobody said it.

use std::path::Path;

use super::delimited::Rows;
use super::table::{self, Row};
use super::{Layout, ReadError};

/// In the order in which they are taken where nothing tells them apart.
const SEPARATORS: [u8; 4] = *b",;\t|";
/// Rows at the beginning that are looked at.
const SAMPLED_ROWS: usize = 30;

/// What a line above all others says, for Excel: `sep=;`.
pub(super) struct Hint {
    pub(super) separator: u8,
    pub(super) line: u64,
}

pub(super) fn hint(sample: &[u8]) -> Option<Hint> {
    let blank = |line: &&[u8]| line.trim_ascii().is_empty();
    let mut lines = sample.split(|byte| *byte == b'\n');
    let empty = lines.clone().take_while(blank).count();
    let first = lines.nth(empty)?.trim_ascii_end();
    let unquoted = first.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(first);
    let (word, separator) = unquoted.split_at_checked(4)?;
    // A separator of white space was trimmed with the line's end.
    let separator = match separator {
        [one] if one.is_ascii() => *one,
        b"\\t" => b'\t',
        [] if sample.split(|byte| *byte == b'\n').nth(empty)?.contains(&b'\t') => b'\t',
        _ => return None,
    };
    word.eq_ignore_ascii_case(b"sep=").then_some(Hint { separator, line: empty as u64 + 1 })
}

/// A separator, for people.
pub(super) fn name(separator: u8) -> String {
    if separator == b'\t' { "tabs".to_owned() } else { format!("`{}`", char::from(separator)) }
}

/// The separator by which the first rows are a table: as many values in each as names above them.
pub(super) fn separator(
    path: &Path,
    sample: &[u8],
    is_whole: bool,
    layout: &Layout,
) -> Result<u8, ReadError> {
    let mut fits: Vec<(u8, bool)> = Vec::new();
    let mut most = (SEPARATORS[0], 1);
    for separator in SEPARATORS {
        let first = First::by(separator, path, sample, is_whole);
        if is_whole && first.is_right && first.all > 0 && first.rows.is_empty() {
            return Ok(separator); // there is nothing else in it
        }
        if first.widest() > most.1 {
            most = (separator, first.widest());
        }
        fits.extend(first.table(is_whole, layout).map(|is_sure| (separator, is_sure)));
    }
    if fits.iter().any(|(_, is_sure)| *is_sure) {
        fits.retain(|(_, is_sure)| *is_sure);
    }
    match fits[..] {
        [(one, _)] => Ok(one),
        // What fits none is told with the separator that makes most values.
        [] => Ok(most.0),
        _ => {
            let all: Vec<String> = fits.iter().map(|(separator, _)| name(*separator)).collect();
            Err(ReadError::Whole(format!(
                "{}: its values may be separated by {}: say which with --separator, in annex.toml `separator`",
                path.display(),
                all.join(" or ")
            )))
        }
    }
}

/// The separator by which the rows below a line are a table, where the one that was said makes one value of each.
pub(super) fn better(
    said: u8,
    below: u64,
    path: &Path,
    (sample, is_whole): (&[u8], bool),
    layout: &Layout,
) -> Option<u8> {
    let first = |separator: u8| {
        let mut first = First::by(separator, path, sample, is_whole);
        first.rows.retain(|row| row.line > below);
        first
    };
    if first(said).widest() != 1 {
        return None;
    }
    SEPARATORS.into_iter().filter(|other| *other != said).find(|other| {
        let first = first(*other);
        first.rows.len() > 1 && first.table(is_whole, layout).is_some()
    })
}

/// The first rows with values, as one separator makes them.
struct First {
    rows: Vec<Row>,
    /// With those that have no value.
    all: usize,
    is_right: bool,
}

impl First {
    fn by(separator: u8, path: &Path, sample: &[u8], is_whole: bool) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        let mut is_right = true;
        for row in Rows::new(path, sample, separator).take(SAMPLED_ROWS) {
            match row {
                Ok(row) => rows.push(row),
                Err(_) => is_right = false,
            }
        }
        if !is_whole && (rows.len() < SAMPLED_ROWS || !is_right) {
            rows.pop(); // it was cut
            is_right = true;
        }
        let all = rows.len();
        rows.retain(|row| !row.is_blank());
        Self { rows, all, is_right }
    }

    /// The most values of a row.
    fn widest(&self) -> usize {
        self.rows.iter().map(|row| row.values.len()).max().unwrap_or(0)
    }

    /// Where each row has as many values as names stand above them, several: whether the configuration knows which row these
    /// are.
    fn table(&self, is_whole: bool, layout: &Layout) -> Option<bool> {
        let Self { rows, is_right, .. } = self;
        let (head, is_sure) = table::head_among(rows, layout)?;
        let width = rows[head].values.len();
        let last = if is_whole { rows.len().saturating_sub(layout.foot) } else { rows.len() };
        // One more, which is empty: a separator at the end of each record.
        let is_as_wide = |row: &Row| row.values.len() == width || row.values.len() == width + 1;
        let is_table = *is_right && width > 1 && rows[head + 1..last.max(head + 1)].iter().all(is_as_wide);
        is_table.then_some(is_sure)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    #[test]
    fn the_separator_is_the_one_by_which_the_rows_are_a_table() {
        for (text, found) in [
            ("a,b", Some(b',')),
            ("a;b", Some(b';')),
            ("a\tb", Some(b'\t')),
            ("\"a,b,c\";d", Some(b';')),
            ("alone", Some(b',')),
            ("id;price\n1;2,50\n", Some(b';')),
            ("id;name;city\n1;Acme, Inc.;Bonn\n", Some(b';')),
            ("List\n\nid;name\n1;a\n", Some(b';')),
            ("a,b;c\n1,2;3\n", None),
        ] {
            let layout = Layout::of(Format::Csv);
            assert_eq!(separator(Path::new("a.csv"), text.as_bytes(), true, &layout).ok(), found, "{text}");
        }
        let layout = Layout { needs: vec!["c".to_owned()], ..Layout::of(Format::Csv) };
        let known = separator(Path::new("a.csv"), b"a,b;c\n1,2;3\n", true, &layout);
        assert_eq!(known.ok(), Some(b';'), "a column that must be there decides");
    }
}
