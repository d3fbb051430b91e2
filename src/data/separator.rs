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
        let had_rows = !rows.is_empty();
        rows.retain(|row| !row.is_blank());
        if is_whole && is_right && had_rows && rows.is_empty() {
            return Ok(separator); // there is nothing else in it
        }
        let Some((head, is_sure)) = table::head_among(&rows, layout) else { continue };
        let widest = rows.iter().map(|row| row.values.len()).max().unwrap_or(0);
        if widest > most.1 {
            most = (separator, widest);
        }
        let width = rows[head].values.len();
        let last = if is_whole { rows.len().saturating_sub(layout.foot) } else { rows.len() };
        // One more, which is empty: a separator at the end of each record.
        let is_as_wide = |row: &Row| row.values.len() == width || row.values.len() == width + 1;
        if is_right && width > 1 && rows[head + 1..last.max(head + 1)].iter().all(is_as_wide) {
            fits.push((separator, is_sure));
        }
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
