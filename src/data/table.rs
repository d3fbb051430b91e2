//! Rows as records: which row names the columns, which are no records, and what cannot be either.
//!
//! What is not certain is refused, with what to write; what is skipped is counted.

use std::collections::VecDeque;
use std::path::Path;

use crate::store::Record;

use super::doubts::{CONFLICT, is_conflict};
use super::head::{flaw, plain, unseen};
use super::notes::{Notes, Skipped};
use super::{Layout, ReadError, Records};

/// A row as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it begins and ends, from 1.
    pub(super) line: u64,
    pub(super) last_line: u64,
    pub(super) values: Vec<Option<String>>,
}

impl Row {
    /// It has separators at most, or the mark that DOS ends files with.
    pub(super) fn is_blank(&self) -> bool {
        self.values.iter().all(|value| is_blank(value.as_ref()))
    }

    fn filled(&self) -> usize {
        self.values.iter().filter(|value| !is_blank(value.as_ref())).count()
    }
}

fn is_blank(value: Option<&String>) -> bool {
    value.is_none_or(|text| text.chars().all(|c| c.is_whitespace() || c == '\u{1a}'))
}

pub(super) type Rows = Box<dyn Iterator<Item = Result<Row, ReadError>>>;

/// Rows in which the names of columns are looked for.
const LOOKED_AT: usize = 20;

/// The row that names the columns, among rows with values; and whether the configuration knows it.
pub(super) fn head_among(rows: &[Row], layout: &Layout) -> Option<(usize, bool)> {
    if let Some(line) = layout.head {
        return rows.iter().position(|row| row.line == line).map(|at| (at, true));
    }
    let has_all = |row: &Row| {
        let names: Vec<String> = row.values.iter().flatten().map(|text| plain(text)).collect();
        layout.needs.iter().all(|name| names.contains(name))
    };
    let known = rows.iter().take(LOOKED_AT).position(has_all).filter(|_| !layout.needs.is_empty());
    known.map(|at| (at, true)).or_else(|| (!rows.is_empty()).then_some((0, false)))
}

/// Begins to read a table. `is_strict` where a row that has fewer values is wrong, and not just empty at its end.
pub(super) fn read(
    path: &Path,
    mut rows: Rows,
    layout: &Layout,
    is_strict: bool,
    notes: Notes,
) -> Result<Records, ReadError> {
    let whole = |what: String| ReadError::Whole(format!("{}: {what}", path.display()));
    let mut first: Vec<Row> = Vec::new();
    let wanted = layout.head.unwrap_or(0);
    while first.len() < LOOKED_AT || first.last().is_some_and(|row| row.line < wanted) {
        let Some(row) = rows.next().transpose()? else { break };
        if row.is_blank() {
            notes.skip(Skipped::Blank, row.line);
        } else if row.line < wanted {
            notes.skip(Skipped::BeforeHead, row.line);
        } else {
            first.push(row);
        }
    }
    let Some((head, is_sure)) = head_among(&first, layout) else {
        return Err(match layout.head {
            Some(line) => {
                whole(format!("there is no row with values in line {line}, which is to name the columns"))
            }
            None => whole("it has no values at all".to_owned()),
        });
    };
    let mut rest: VecDeque<Row> = first.split_off(head + 1).into();
    let Some(head) = first.pop() else { return Err(whole("it has no values at all".to_owned())) };
    for row in first {
        notes.skip(Skipped::BeforeHead, row.line);
    }
    if let (false, 1, Some(next)) = (is_sure, head.filled(), rest.front())
        && next.filled() > 1
    {
        let (line, next, count) = (head.line, next.line, next.filled());
        let nameless = head.values.iter().position(|name| is_blank(name.as_ref()));
        let nameless = nameless.map(|at| format!(", and column {} has no name", at + 1)).unwrap_or_default();
        return Err(ReadError::Line {
            line,
            problem: format!(
                "it has one value, line {next} has {count}{nameless}: if it is a title, and line {next} names the \
                 columns, write --head {next}, in annex.toml head = {next}; if there is one column, name another --separator"
            ),
        });
    }
    let is_named: Vec<bool> = head.values.iter().map(|name| !is_blank(name.as_ref())).collect();
    let names: Vec<String> =
        head.values.iter().map(|name| plain(name.as_deref().unwrap_or_default())).collect();
    for (at, name) in names.iter().enumerate() {
        if let Some(flaw) = flaw(name) {
            return Err(ReadError::Line { line: head.line, problem: format!("column {}: {flaw}", at + 1) });
        }
    }
    let written = head.values.iter().map(Option::as_deref).map(Option::unwrap_or_default);
    for (name, sign) in names.iter().zip(written).filter_map(|(name, text)| Some((name, unseen(text)?))) {
        notes.say(unseen_is_left_out(name, sign));
    }
    distinct(&names, head.line)?;
    if is_named.iter().any(|named| !named) {
        let all: Vec<String> = (1..)
            .zip(&is_named)
            .filter(|(_, named)| !**named)
            .map(|(at, _): (usize, _)| at.to_string())
            .collect();
        notes.say(format!("left out, since there is neither name nor value: column {}", all.join(", ")));
    }
    let columns: Vec<String> = names.iter().filter(|name| !name.is_empty()).cloned().collect();
    let rows = move || rest.pop_front().map(Ok).or_else(|| rows.next());
    let reading = Reading {
        rows: Box::new(std::iter::from_fn(rows)),
        names,
        head: head.line,
        is_strict,
        has_one_more: None,
        foot: VecDeque::new(),
        foot_rows: layout.foot,
        notes: notes.clone(),
    };
    Ok(Records { columns, separator: None, notes, records: Box::new(reading) })
}

/// What to say of a name in which stood what nobody sees.
pub(super) fn unseen_is_left_out(name: &str, sign: char) -> String {
    format!(
        "the name of column `{name}` has signs that nobody sees, which are left out: U+{:04X}",
        u32::from(sign)
    )
}

fn distinct(names: &[String], line: u64) -> Result<(), ReadError> {
    for (at, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        if let Some(first) = names[..at].iter().position(|other| other.eq_ignore_ascii_case(name)) {
            let (first, second) = (first + 1, at + 1);
            let problem = format!("columns {first} and {second} have the same name, `{name}`");
            return Err(ReadError::Line { line, problem });
        }
    }
    Ok(())
}

/// A table whose columns are known.
struct Reading {
    rows: Rows,
    /// Empty where a column has none.
    names: Vec<String>,
    head: u64,
    is_strict: bool,
    /// Whether records end with a separator and the head does not; by the first of them.
    has_one_more: Option<bool>,
    /// The last rows that were read: perhaps they are no records.
    foot: VecDeque<Row>,
    foot_rows: usize,
    notes: Notes,
}

impl Iterator for Reading {
    type Item = Result<(u64, Record), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.rows.next() {
                Some(Ok(row)) if row.is_blank() => self.notes.skip(Skipped::Blank, row.line),
                Some(Ok(row)) => {
                    self.foot.push_back(row);
                    if self.foot.len() > self.foot_rows
                        && let Some(row) = self.foot.pop_front()
                    {
                        return Some(self.record(row));
                    }
                }
                Some(Err(problem)) => return Some(Err(problem)),
                None => {
                    for row in self.foot.drain(..) {
                        self.notes.skip(Skipped::Foot, row.line);
                    }
                    return None;
                }
            }
        }
    }
}

impl Reading {
    fn record(&mut self, mut row: Row) -> Result<(u64, Record), ReadError> {
        let line = row.line;
        let wrong = |problem: String| Err(ReadError::Line { line, problem });
        if row.values.first().and_then(Option::as_deref).is_some_and(is_conflict) {
            return wrong(CONFLICT.to_owned());
        }
        let width = self.names.len();
        let ends_empty =
            row.values.len() == width + 1 && is_blank(row.values.last().and_then(Option::as_ref));
        let has_one_more = *self.has_one_more.get_or_insert(ends_empty);
        if has_one_more && ends_empty {
            row.values.pop();
        } else if self.is_strict && (has_one_more || row.values.len() != width) {
            return wrong(self.unequal(&row));
        }
        if row.values.len() > width {
            let surplus = row.values.split_off(width);
            if let Some(at) = surplus.iter().position(|value| !is_blank(value.as_ref())) {
                return wrong(format!(
                    "column {} has no name in line {}, and here a value",
                    width + at + 1,
                    self.head
                ));
            }
        }
        row.values.resize(width, None);
        let mut record = Record::with_capacity(width);
        for (at, (name, value)) in self.names.iter().zip(row.values).enumerate() {
            if name.is_empty() {
                if !is_blank(value.as_ref()) {
                    return wrong(format!(
                        "column {} has no name in line {}, and here a value",
                        at + 1,
                        self.head
                    ));
                }
                continue;
            }
            if let Some(problem) = value.as_deref().and_then(|text| control(name, text)) {
                return wrong(problem);
            }
            record.push(value);
        }
        Ok((line, record))
    }

    /// What to say of a row that has more or fewer values than there are columns.
    fn unequal(&mut self, row: &Row) -> String {
        let (has, width) = (row.values.len(), self.names.len());
        let mut text = format!("it has {has} values, the header {width}");
        if self.has_one_more == Some(true) {
            text.push_str(" and each record before it one more, which is empty");
        }
        if row.last_line > row.line {
            text = format!("{text}; a quoted value makes it end in line {}", row.last_line);
        }
        text.push_str(": check the separator and the quotes");
        let is_last = self.foot.is_empty() && !self.rows.any(|row| !row.is_ok_and(|row| row.is_blank()));
        if is_last {
            text.push_str(
                "; it is the last row: perhaps the file was cut while it was written, or it is a total, which --foot 1 \
                 (in annex.toml foot = 1) skips",
            );
        }
        text
    }
}

/// What to say of a value with a sign that no text has: a control that is no white space, most often of another encoding.
fn control(column: &str, text: &str) -> Option<String> {
    if text.is_ascii() && !text.contains('\0') {
        return None;
    }
    let is_control = |c: char| c == '\0' || ('\u{80}'..='\u{9f}').contains(&c);
    let (at, sign) = text.chars().enumerate().find(|(_, c)| is_control(*c))?;
    Some(format!(
        "column `{column}`: its sign {} is the control U+{:04X}, as no text has it: it is written in another encoding \
         (windows-1250 and cp852 are often meant), or damaged",
        at + 1,
        u32::from(sign)
    ))
}
