//! What is to be said of a file that was read: what was skipped, how often and where first.

use std::cell::RefCell;
use std::rc::Rc;

/// Shared by those who read a file; complete when its last record was read.
#[derive(Clone, Default)]
pub struct Notes(Rc<RefCell<Vec<Note>>>);

enum Note {
    Said(String),
    Counted {
        what: Skipped,
        count: u64,
        first: u64,
    },
    /// In a column, or in the whole record where it has no name.
    Doubted {
        what: Doubt,
        column: String,
        count: u64,
        first: Vec<u64>,
    },
}

/// What a record can hardly mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    Error,
    Shortened,
    Misread,
    Total,
    Head,
}

/// Lines that are named for one doubt.
const NAMED: usize = 3;

/// What is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skipped {
    BeforeHead,
    Blank,
    Foot,
    /// A record, in which a value holds line ends and separators: perhaps other records, where a quote is missing.
    Spanning,
}

impl Notes {
    pub(super) fn say(&self, text: impl Into<String>) {
        self.0.borrow_mut().push(Note::Said(text.into()));
    }

    /// The same text is said once.
    pub(super) fn say_once(&self, text: &str) {
        let is_said = self.0.borrow().iter().any(|note| matches!(note, Note::Said(said) if said == text));
        if !is_said {
            self.say(text);
        }
    }

    pub(super) fn skip(&self, skipped: Skipped, line: u64) {
        let mut notes = self.0.borrow_mut();
        for note in notes.iter_mut() {
            match note {
                Note::Counted { what, count, .. } if *what == skipped => {
                    *count += 1;
                    return;
                }
                _ => {}
            }
        }
        notes.push(Note::Counted { what: skipped, count: 1, first: line });
    }

    pub(super) fn doubt(&self, doubt: Doubt, named: &str, line: u64) {
        let mut notes = self.0.borrow_mut();
        for note in notes.iter_mut() {
            if let Note::Doubted { what, column, count, first } = note
                && *what == doubt
                && column == named
            {
                *count += 1;
                if first.len() < NAMED {
                    first.push(line);
                }
                return;
            }
        }
        notes.push(Note::Doubted { what: doubt, column: named.to_owned(), count: 1, first: vec![line] });
    }

    /// What is likely wrong with the records, each with its lines and its cure.
    pub fn doubts(&self) -> Vec<String> {
        self.0.borrow().iter().filter_map(Note::doubt).collect()
    }

    /// As people read it, each a line.
    pub fn texts(&self) -> Vec<String> {
        let text = |note: &Note| match note {
            Note::Said(text) => text.clone(),
            Note::Doubted { .. } => note.doubt().unwrap_or_default(),
            Note::Counted { what, count, first } => {
                let lines = match count {
                    1 => format!("line {first}"),
                    _ => format!("{count} lines, the first is {first}"),
                };
                match what {
                    Skipped::BeforeHead => format!("skipped above the names of the columns: {lines}"),
                    Skipped::Blank => format!("skipped, since there is no value: {lines}"),
                    Skipped::Foot => format!("skipped at the end, as `foot` says: {lines}"),
                    Skipped::Spanning => format!(
                        "a quoted value holds line ends and separators, perhaps other records because a quote is missing: \
                         {lines}"
                    ),
                }
            }
        };
        self.0.borrow().iter().map(text).collect()
    }
}

impl Note {
    fn doubt(&self) -> Option<String> {
        let Self::Doubted { what, column, count, first } = self else { return None };
        let named: Vec<String> = first.iter().map(u64::to_string).collect();
        let lines = match (&named[..], count.saturating_sub(NAMED as u64)) {
            ([line], _) => format!("line {line}"),
            ([others @ .., last], 0) => format!("lines {} and {last}", others.join(", ")),
            (all, more) => format!("lines {} and {more} more", all.join(", ")),
        };
        Some(match what {
            Doubt::Error => {
                format!(
                    "{lines}: `{column}` is the error of a formula, such as #N/A: mend the formula in the spreadsheet and save again"
                )
            }
            Doubt::Shortened => format!(
                "{lines}: `{column}` is a long number in the short form of a spreadsheet (4.5E+11), which has lost digits: format the \
                 column as text and save again"
            ),
            Doubt::Misread => format!(
                "{lines}: `{column}` seems to be UTF-8 that was read in another encoding and written again (`MÃ¼ller` for `Müller`): \
                 write the file again from its source as UTF-8"
            ),
            Doubt::Total => {
                format!(
                    "{lines}: the last record seems to be a total: --foot 1 (in annex.toml foot = 1) skips it"
                )
            }
            Doubt::Head => format!("{lines}: the record repeats the names of the columns: take it out"),
        })
    }
}
