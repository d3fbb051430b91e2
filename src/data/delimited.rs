//! CSV: a header line, then a record a line; values may be quoted and hold line ends.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

use super::{Layout, NOT_UTF8, ReadError, Records, open};

/// In the order in which they are taken where one occurs as often as another.
const SEPARATORS: [u8; 4] = *b",;\t|";

pub(super) fn read(path: &Path, layout: Layout) -> Result<Records, ReadError> {
    let mut file = open(path, layout.encoding)?;
    let failed = |error| ReadError::Io { path: path.to_owned(), error };
    let mut first = Vec::new();
    file.read_until(b'\n', &mut first).map_err(failed)?;
    if first.is_empty() {
        return Err(ReadError::Whole(format!("{} is empty", path.display())));
    }
    if first.starts_with(b"\xef\xbb\xbf") {
        first.drain(..3);
    }
    let separator = layout.separator.unwrap_or_else(|| separator(&first));
    let whole = io::Cursor::new(first).chain(file);
    let mut reader = ReaderBuilder::new().delimiter(separator).trim(Trim::All).from_reader(whole);
    let header = reader.headers().map_err(|error| problem(&error))?;
    let columns: Vec<String> = header.iter().map(str::to_owned).collect();
    let records = reader.into_records().map(|record| {
        let record: StringRecord = record.map_err(|error| problem(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        Ok((line, record.iter().map(|value| Some(value.to_owned())).collect()))
    });
    Ok(Records { columns, separator: Some(separator), records: Box::new(records) })
}

/// Writes records as CSV, separated by commas.
pub struct Writer<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> Writer<W> {
    pub fn new(to: W) -> Self {
        Self(csv::Writer::from_writer(to))
    }

    pub fn write<'v>(&mut self, values: impl Iterator<Item = &'v str>) -> io::Result<()> {
        Ok(self.0.write_record(values.map(str::as_bytes))?)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The separator that occurs most in a header line, outside of quotes.
fn separator(header: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [0_usize; SEPARATORS.len()];
    for byte in header {
        match SEPARATORS.iter().position(|separator| separator == byte) {
            _ if *byte == b'"' => quoted = !quoted,
            Some(at) if !quoted => counts[at] += 1,
            _ => {}
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    let at = counts.iter().position(|count| *count == most).unwrap_or(0);
    SEPARATORS[at]
}

fn problem(error: &csv::Error) -> ReadError {
    let line = error.position().map_or(1, csv::Position::line);
    let problem = match error.kind() {
        ErrorKind::Utf8 { .. } => NOT_UTF8.to_owned(),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} values, the header {expected_len}: check the separator and the quotes")
        }
        _ => error.to_string(),
    };
    ReadError::Line { line, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_the_one_that_the_header_has_most_of() {
        for (header, found) in
            [("a,b", b','), ("a;b", b';'), ("a\tb", b'\t'), ("\"a,b,c\";d", b';'), ("alone", b',')]
        {
            assert_eq!(separator(header.as_bytes()), found, "{header}");
        }
    }
}
