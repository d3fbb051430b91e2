//! What a record can hardly mean: a formula's error, a number that lost its digits, letters read in the wrong encoding, a
//! total, the names of the columns once more. It is imported all the same, and said with its lines.

use encoding_rs::{Encoding, WINDOWS_1250, WINDOWS_1252};

use crate::store::{Record, is_total};

use super::notes::{Doubt, Notes};
use super::{ReadError, Records};

/// What spreadsheets write where a formula fails, in the languages that translate it too.
const ERRORS: [&str; 22] = [
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#DIV/0!",
    "#NAME?",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#FIELD!",
    "#NV",
    "#BEZUG!",
    "#WERT!",
    "#ZAHL!",
    "#ODKAZ!",
    "#HODNOTA!",
    "#NÁZEV?",
    "#ADR!",
    "#ARG!",
    "#NAZWA?",
    "#VALEUR!",
    "#NOM?",
];
/// Excel shows a number of twelve digits or more so.
const LONG: u32 = 11;

/// Watches the records of a file; what is to be said is among its notes when the last one was read.
pub(super) fn watched(read: Records, needs: &[String]) -> Records {
    let is_leading = |(at, name): (usize, &String)| at == 0 || needs.contains(name);
    let leading = read.columns.iter().enumerate().map(is_leading).collect();
    let watching = Watching {
        records: read.records,
        columns: read.columns.clone(),
        leading,
        total: None,
        notes: read.notes.clone(),
    };
    Records { records: Box::new(watching), ..read }
}

struct Watching {
    records: Box<dyn Iterator<Item = Result<(u64, Record), ReadError>>>,
    columns: Vec<String>,
    /// The first column, and those of the key and of indexes.
    leading: Vec<bool>,
    /// The line of the last record, where it looks like a total.
    total: Option<u64>,
    notes: Notes,
}

impl Iterator for Watching {
    type Item = Result<(u64, Record), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.records.next() {
            Some(Ok((line, record))) => {
                self.look(line, &record);
                Some(Ok((line, record)))
            }
            Some(Err(problem)) => Some(Err(problem)),
            None => {
                if let Some(line) = self.total.take() {
                    self.notes.doubt(Doubt::Total, "", line);
                }
                None
            }
        }
    }
}

impl Watching {
    fn look(&mut self, line: u64, record: &Record) {
        let cells =
            || self.columns.iter().zip(record).filter_map(|(name, value)| Some((name, value.as_deref()?)));
        for (name, text) in cells() {
            if let Some(doubt) = doubt(text) {
                self.notes.doubt(doubt, name, line);
            }
        }
        let is_head = record.len() > 1
            && record.len() == self.columns.len()
            && self.columns.iter().zip(record).all(|(name, value)| value.as_deref() == Some(name));
        if is_head {
            self.notes.doubt(Doubt::Head, "", line);
        }
        self.total = self.is_total_row(record).then_some(line);
    }

    /// Whether a record has the word for a total in its first column or its key, and beside it numbers or nothing.
    fn is_total_row(&self, record: &Record) -> bool {
        let has_word =
            |(leads, value): (&bool, &Option<String>)| *leads && value.as_deref().is_some_and(is_total);
        let is_bare = |value: &Option<String>| {
            value.as_deref().is_none_or(|text| is_total(text) || text.chars().all(|c| !c.is_alphabetic()))
        };
        record.len() > 1 && self.leading.iter().zip(record).any(has_word) && record.iter().all(is_bare)
    }
}

fn doubt(text: &str) -> Option<Doubt> {
    if text.starts_with('#') && ERRORS.contains(&text) {
        return Some(Doubt::Error);
    }
    if text.contains("E+") && is_shortened(text) {
        return Some(Doubt::Shortened);
    }
    (!text.is_ascii() && is_misread(text)).then_some(Doubt::Misread)
}

/// `4.5E+11`, `4,50123E+11`: Excel's form of a long number.
fn is_shortened(text: &str) -> bool {
    let Some((digits, power)) = text.split_once("E+") else { return false };
    let mut marks = digits.chars().filter(|c| !c.is_ascii_digit());
    let fits = digits.starts_with(|c: char| c.is_ascii_digit())
        && matches!((marks.next(), marks.next()), (None | Some('.' | ','), None));
    fits && power.len() == 2 && power.parse::<u32>().is_ok_and(|power| power >= LONG)
}

/// Whether a text is UTF-8 that was read in an encoding of one byte a letter: `MÃ¼ller`, `â€“`.
fn is_misread(text: &str) -> bool {
    misread_as(text, WINDOWS_1252)
        // In capitals Romanian has `ĂŞ` and `ÂŞ`.
        || (!text.contains(['Ş', 'ş']) && misread_as(text, WINDOWS_1250))
}

fn misread_as(text: &str, encoding: &'static Encoding) -> bool {
    let (bytes, _, is_lossy) = encoding.encode(text);
    if is_lossy {
        return false;
    }
    let Ok(meant) = std::str::from_utf8(&bytes) else { return false };
    // Letters of Europe, and marks that word processors put: others come out of capitals with a sign behind, `NESTLÉ®`.
    let is_usual =
        |c: char| c.is_ascii() || matches!(c, '\u{a0}'..='\u{17f}' | '\u{2010}'..='\u{203a}' | '€' | '™');
    meant.chars().all(is_usual) && !meant.is_ascii()
}

/// Whether a line is a mark that git leaves in a file where it could not merge.
pub(super) fn is_conflict(line: &str) -> bool {
    ["<<<<<<<", "|||||||", ">>>>>>>"]
        .iter()
        .filter_map(|mark| line.strip_prefix(mark))
        .any(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// What to say of one.
pub(super) const CONFLICT: &str = "it is a mark of git, which could not merge two versions of the file: take out the marks and \
                                   the records of one of the versions";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_value_can_hardly_mean_is_found() {
        for (text, expected) in [
            ("#N/A", Doubt::Error),
            ("#REF!", Doubt::Error),
            ("4.5E+11", Doubt::Shortened),
            ("4,50123E+11", Doubt::Shortened),
            ("5E+12", Doubt::Shortened),
            ("MÃ¼ller", Doubt::Misread),
            ("10 â€“ 12", Doubt::Misread),
            ("MĂĽller", Doubt::Misread),
            ("PÅ™Ã\u{ad}bram", Doubt::Misread),
            ("CafÃ© â‚¬", Doubt::Misread),
        ] {
            assert_eq!(doubt(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "#1",
            "#N/A Ltd",
            "N/A",
            "E+11",
            "4.5E+03",
            "1E+5",
            "4.5.5E+11",
            "BE+12",
            "Müller",
            "Příbram",
            "SÃO PAULO",
            "NESTLÉ®",
            "CAFÉ™",
            "Łódź",
            "ORĂŞENESC",
            "50 €",
            "– a",
            "Ä",
            "Â",
            "漢字",
            "АО «Ромашка»",
            "« CAFÉ »",
            "ÎLE D’AIX",
        ] {
            assert_eq!(doubt(text), None, "{text}");
        }
        assert!(
            is_conflict("<<<<<<< HEAD")
                && is_conflict(">>>>>>>")
                && !is_conflict("<<<<<<<<")
                && !is_conflict("=======")
        );
        assert!(is_total("Total:") && is_total(" SUMME ") && !is_total("Total Energies"));
    }
}
