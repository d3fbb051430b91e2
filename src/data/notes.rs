//! What is to be said of a file that was read: what was skipped, how often and where first.

use std::cell::RefCell;
use std::rc::Rc;

/// Shared by those who read a file; complete when its last record was read.
#[derive(Clone, Default)]
pub struct Notes(Rc<RefCell<Vec<Note>>>);

enum Note {
    Said(String),
    Counted { what: Skipped, count: u64, first: u64 },
}

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

    /// As people read it, each a line.
    pub fn texts(&self) -> Vec<String> {
        let text = |note: &Note| match note {
            Note::Said(text) => text.clone(),
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
