//! CSV as it comes: a row is a list of values, which may be quoted and then hold separators, line ends and quotes, written
//! twice (RFC 4180).
//!
//! The rows are read here and not by the crate `csv`, which takes a quote without end for a value that holds the rest of the
//! file, and drops a quote that another text follows.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read as _};
use std::path::{Path, PathBuf};

use super::doubts::{CONFLICT, is_conflict};
use super::notes::{Notes, Skipped};
use super::separator::{better, hint, name, separator};
use super::table::{self, Row};
use super::{Layout, ReadError, Records, text};

/// Bytes of a row, most often of a quote without end.
const LONGEST_ROW: usize = 1 << 20;
/// Bytes at the beginning in which the separator is looked for.
const SAMPLE: u64 = 64 << 10;

pub(super) fn read(path: &Path, layout: &Layout) -> Result<Records, ReadError> {
    let notes = Notes::default();
    let mut file = text::open(path, layout, &notes)?;
    let mut sample = Vec::new();
    let sampled = (&mut file).take(SAMPLE).read_to_end(&mut sample);
    sampled.map_err(|error| text::problem(path, error))?;
    let is_whole = (sample.len() as u64) < SAMPLE;
    refuse_conflict(&sample)?;
    let hint = hint(&sample);
    let separator = match (&hint, layout.separator) {
        (Some(hint), Some(given)) if hint.separator != given => {
            let (said, given) = (name(hint.separator), name(given));
            return Err(ReadError::Line {
                line: hint.line,
                problem: format!(
                    "it says that values are separated by {said}, but {given} was given: leave it out"
                ),
            });
        }
        (Some(hint), _) => hint.separator,
        (None, Some(given)) => given,
        (None, None) => separator(path, &sample, is_whole, layout)?,
    };
    let below = hint.as_ref().map_or(0, |hint| hint.line);
    if let Some(better) = better(separator, below, path, (&sample, is_whole), layout) {
        let (said, better) = (name(separator), name(better));
        let one = format!("there is one value in each row by {said}, and several by {better}");
        match (&hint, layout.separator) {
            (Some(hint), None) => {
                let problem = format!(
                    "it says that values are separated by {said}, but {one}: correct the line or take it out; where {said} is \
                     right, name it with --separator too, in annex.toml `separator`"
                );
                return Err(ReadError::Line { line: hint.line, problem });
            }
            _ => notes.say(format!("{one}: perhaps the separator is another one")),
        }
    }
    let mut rows = Rows::new(path, io::Cursor::new(sample).chain(file), separator);
    if let Some(hint) = hint {
        notes.say(format!("line {} says that values are separated by {}", hint.line, name(hint.separator)));
        for row in rows.by_ref().take(usize::try_from(hint.line).unwrap_or(usize::MAX)) {
            let row = row?;
            if row.line < hint.line {
                notes.skip(Skipped::Blank, row.line);
            }
        }
    }
    let noted = notes.clone();
    let spans = move |row: &Row| {
        let holds = |value: &String| value.contains(['\n', '\r']) && value.contains(char::from(separator));
        row.last_line > row.line && row.values.iter().flatten().any(holds)
    };
    let rows = rows.inspect(move |row| {
        if let Some(row) = row.as_ref().ok().filter(|row| spans(row)) {
            noted.skip(Skipped::Spanning, row.line);
        }
    });
    let read = table::read(path, Box::new(rows), layout, true, notes)?;
    Ok(Records { separator: Some(separator), ..read })
}

/// A mark of git makes another number of values in its line: it is found before the separator is.
fn refuse_conflict(sample: &[u8]) -> Result<(), ReadError> {
    let lines = sample.split(|byte| *byte == b'\n').zip(1..);
    let mut marks = lines.filter(|(line, _)| is_conflict(String::from_utf8_lossy(line).trim_end()));
    match marks.next() {
        Some((_, line)) => Err(ReadError::Line { line, problem: CONFLICT.to_owned() }),
        None => Ok(()),
    }
}

/// Where the reader stands in a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of the value was read, but perhaps white space.
    Start,
    Plain,
    Quoted,
    /// After the quote that ends a value, unless it is the first of two.
    Closed,
    /// After that, and white space.
    Ended,
}

/// The rows of a CSV.
pub(super) struct Rows<R> {
    path: PathBuf,
    from: R,
    separator: u8,
    line: u64,
    column: u64,
    after_return: bool,
    /// What was read after the end of a row in the same piece.
    ahead: VecDeque<Row>,
    row: Building,
    /// Said when the rows before it were given.
    problem: Option<ReadError>,
    is_done: bool,
}

/// A row of which not all was read.
struct Building {
    line: u64,
    values: Vec<Vec<u8>>,
    value: Vec<u8>,
    state: State,
    /// Where the last quoted value begins.
    quote: (u64, u64),
    size: usize,
}

impl Building {
    fn new(line: u64) -> Self {
        Self { line, values: Vec::new(), value: Vec::new(), state: State::Start, quote: (0, 0), size: 0 }
    }

    fn end_value(&mut self) {
        self.values.push(std::mem::take(&mut self.value));
        self.state = State::Start;
    }

    fn finish(mut self, last_line: u64) -> Row {
        self.end_value();
        // What came was UTF-8, and ASCII alone parts it.
        let text = |value: Vec<u8>| match String::from_utf8(value) {
            Ok(text) => text.trim().to_owned(),
            Err(error) => String::from_utf8_lossy(error.as_bytes()).trim().to_owned(),
        };
        let values = self.values.into_iter().map(|value| Some(text(value))).collect();
        Row { line: self.line, last_line, values }
    }
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(path: &Path, from: R, separator: u8) -> Self {
        Self {
            path: path.to_owned(),
            from,
            separator,
            line: 1,
            column: 0,
            after_return: false,
            ahead: VecDeque::new(),
            row: Building::new(1),
            problem: None,
            is_done: false,
        }
    }

    /// Reads a piece; what ends in it is ahead then.
    fn piece(&mut self) -> Result<(), ReadError> {
        let piece = match self.from.fill_buf() {
            Ok(piece) => piece.to_owned(),
            Err(error) => return Err(text::problem(&self.path, error)),
        };
        if piece.is_empty() {
            self.is_done = true;
            return self.end();
        }
        for byte in &piece {
            self.byte(*byte)?;
        }
        self.from.consume(piece.len());
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadError> {
        let row = std::mem::replace(&mut self.row, Building::new(self.line));
        match row.state {
            State::Quoted => Err(unclosed(&row, "the file ends in it")),
            State::Start if row.values.is_empty() && row.value.is_empty() => Ok(()),
            _ => {
                self.ahead.push_back(row.finish(self.line));
                Ok(())
            }
        }
    }

    fn byte(&mut self, byte: u8) -> Result<(), ReadError> {
        if std::mem::take(&mut self.after_return) && byte == b'\n' {
            if self.row.state == State::Quoted {
                self.row.value.push(byte);
            }
            return Ok(()); // counted with the return before it
        }
        let row = &mut self.row;
        if (byte & 0xc0) != 0x80 {
            self.column += 1;
        }
        row.size += 1;
        if row.size > LONGEST_ROW {
            return Err(match row.state {
                State::Quoted => unclosed(row, "a mebibyte further on there is none"),
                _ => ReadError::Line { line: row.line, problem: "it is longer than 1 MiB".to_owned() },
            });
        }
        let ends_line = matches!(byte, b'\r' | b'\n');
        match (row.state, byte) {
            (State::Quoted, b'"') => row.state = State::Closed,
            (State::Quoted, _) => row.value.push(byte),
            (State::Closed, b'"') => {
                row.value.push(b'"');
                row.state = State::Quoted;
            }
            (_, b'\r' | b'\n') => {
                let row = std::mem::replace(&mut self.row, Building::new(self.line + 1));
                self.ahead.push_back(row.finish(self.line));
            }
            (_, _) if byte == self.separator => row.end_value(),
            (State::Closed | State::Ended, b' ' | b'\t') => row.state = State::Ended,
            (State::Closed | State::Ended, _) => {
                let (line, column) = row.quote;
                return Err(ReadError::Line {
                    line: self.line,
                    problem: format!(
                        "column {}: text follows the quote that ends a value (which begins in line {line}, column \
                         {column}): a quote inside a quoted value is written twice",
                        self.column
                    ),
                });
            }
            (State::Start, b'"') => {
                row.value.clear();
                row.state = State::Quoted;
                row.quote = (self.line, self.column);
            }
            (State::Start, b' ' | b'\t') => row.value.push(byte),
            (State::Start | State::Plain, _) => {
                row.value.push(byte);
                row.state = State::Plain;
            }
        }
        if ends_line {
            self.after_return = byte == b'\r';
            self.line += 1;
            self.column = 0;
        }
        Ok(())
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.ahead.pop_front() {
                return Some(Ok(row));
            }
            if let Some(problem) = self.problem.take() {
                return Some(Err(problem));
            }
            if self.is_done {
                return None;
            }
            if let Err(problem) = self.piece() {
                self.problem = Some(problem);
                self.is_done = true;
            }
        }
    }
}

fn unclosed(row: &Building, why: &str) -> ReadError {
    let (line, column) = row.quote;
    let problem = format!("column {column}: the quote that begins a value here has no end: {why}");
    ReadError::Line { line, problem }
}

/// Writes records as CSV, separated by commas.
pub struct Writer<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> Writer<W> {
    pub fn new(to: W) -> Self {
        Self(csv::Writer::from_writer(to))
    }

    pub fn write<'v>(&mut self, values: impl Iterator<Item = &'v str>) -> io::Result<()> {
        // The crate's own conversion hides what kind of error it is: that nobody reads any more.
        self.0.write_record(values.map(str::as_bytes)).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        })
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, separator: u8) -> Result<Vec<Vec<String>>, String> {
        let rows = Rows::new(Path::new("a.csv"), text.as_bytes(), separator);
        rows.map(|row| match row {
            Ok(row) => Ok(row.values.into_iter().flatten().collect()),
            Err(error) => Err(error.to_string()),
        })
        .collect()
    }

    /// What is well-formed is read as the crate `csv` reads it.
    #[test]
    fn well_formed_rows_are_read_as_by_others() {
        let pieces = [
            "a",
            "",
            " ",
            "\"x\"",
            "\"a,b\"",
            "\"1\n2\"",
            "\"3\r\n4\"",
            "\"q\"\"q\"",
            "Kůň",
            "5\" pipe",
            "\"\"",
            "\" y \" ",
        ];
        let mut state = 7_u64;
        let mut next = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % bound).unwrap()
        };
        for _ in 0..2_000 {
            let end = ["\n", "\r\n", "\r"][next(3)];
            let mut text = String::new();
            for _ in 0..=next(4) {
                let values: Vec<_> = (0..=next(3)).map(|_| pieces[next(12)]).collect();
                text.push_str(&values.join(","));
                text.push_str(end);
            }
            let mut other = csv::ReaderBuilder::new();
            let other = other.flexible(true).has_headers(false).trim(csv::Trim::All);
            let other: Vec<Vec<String>> = other
                .from_reader(text.as_bytes())
                .into_records()
                .map(|row| row.unwrap().iter().map(str::to_owned).collect())
                .collect();
            let mut ours = rows(&text, b',').unwrap_or_else(|error| panic!("{text:?}: {error}"));
            let is_empty = |row: &Vec<String>| row.len() == 1 && row[0].is_empty();
            ours.retain(|row| !is_empty(row));
            let other: Vec<_> = other.into_iter().filter(|row| !is_empty(row)).collect();
            assert_eq!(ours, other, "{text:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_place() {
        for (text, said) in [
            (
                "a,b\n1,\"x\n2,y\n",
                "line 2: column 3: the quote that begins a value here has no end: the file ends in it",
            ),
            ("a\n\"x\" y\n", "line 2: column 5: text follows the quote"),
            ("a\n\"x\"y\"\n", "line 2: column 4: text follows the quote"),
            (
                "a\r\n\"x\r\ny\" z\r\n",
                "line 3: column 4: text follows the quote that ends a value (which begins in line 2, column 1)",
            ),
        ] {
            let problem = rows(text, b',').unwrap_err();
            assert!(problem.contains(said), "{text:?}: {problem}");
        }
        let long = format!("a\n\"{}", "x\n".repeat(LONGEST_ROW));
        assert!(
            rows(&long, b',')
                .unwrap_err()
                .contains("line 2: column 1: the quote that begins a value here has no end: a mebibyte")
        );
        let long = format!("a\n{}", "x".repeat(LONGEST_ROW + 1));
        assert!(rows(&long, b',').unwrap_err().contains("line 2: it is longer than 1 MiB"));
    }
}
