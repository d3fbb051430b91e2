//! XLSX: a sheet of a workbook, with its numbers as they are shown where that tells something else: `00123`, dates, times.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use calamine::{
    CellErrorType, DataRef, ExcelDateTime, Reader as _, SheetType, SheetVisible, Xlsx, XlsxCellReader,
    XlsxError, open_workbook,
};

use super::notes::Notes;
use super::number_format::{Shown, is_time};
use super::table::{self, Row};
use super::{Layout, ReadError, Records, Sheet};

/// Columns that are looked at; no dataset has as many.
const MOST_COLUMNS: u32 = 2_000;
/// Excel's dates: from 1900 to 9999.
const DATES: std::ops::Range<f64> = 1.0..2_958_466.0;

pub(super) fn read(path: &Path, layout: &Layout) -> Result<Records, ReadError> {
    let whole = |problem: &dyn std::fmt::Display| ReadError::Whole(format!("{}: {problem}", path.display()));
    is_zip(path)?;
    let notes = Notes::default();
    let mut book: Xlsx<BufReader<File>> =
        open_workbook(path).map_err(|problem: XlsxError| whole(&problem))?;
    let name = chosen(&book, layout.sheet.as_ref(), &notes).map_err(|problem| whole(&problem))?;
    let mut rows: Vec<Row> = Vec::new();
    // Cells without a value; where they have a formula, nobody worked it out.
    let mut empty: HashSet<(u32, u32)> = HashSet::new();
    let mut cells = book.worksheet_cells_reader(&name).map_err(|problem| whole(&problem))?;
    let formats: Vec<Option<String>> = cells
        .styles()
        .iter()
        .map(|style| style.number_format.as_ref().map(|format| format.format_code.clone()))
        .collect();
    let shown: Vec<Shown> =
        formats.iter().map(|code| code.as_deref().map_or(Shown::Plain, Shown::of)).collect();
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(|problem| whole(&problem))? {
        let (row, column) = cell.get_position();
        let line = u64::from(row) + 1;
        let place = || format!("cell {}{line}", letters(column));
        let wrong = |problem: &str| ReadError::Line { line, problem: format!("{}: {problem}", place()) };
        let code = formats.get(style).and_then(Option::as_deref).unwrap_or("General");
        let value = match cell.get_value() {
            DataRef::Empty => {
                empty.insert((row, column));
                continue;
            }
            DataRef::Error(error) => return Err(wrong(&of_error(error))),
            DataRef::DateTime(time) => moment(*time, code).map_err(wrong)?,
            DataRef::Int(number) => {
                #[expect(clippy::cast_precision_loss, reason = "Excel has no other numbers")]
                let number = *number as f64;
                shown_as(number, shown.get(style), code, &notes)
            }
            DataRef::Float(number) => shown_as(*number, shown.get(style), code, &notes),
            DataRef::Bool(is_true) => is_true.to_string(),
            DataRef::SharedString(text) => text.trim().to_owned(),
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
                text.trim().to_owned()
            }
        };
        if column >= MOST_COLUMNS {
            return Err(wrong("there are more columns than a dataset may have"));
        }
        if rows.last().is_none_or(|last| last.line != line) {
            rows.push(Row { line, last_line: line, values: Vec::new() });
        }
        if let Some(last) = rows.last_mut() {
            let at = column as usize;
            if last.values.len() <= at {
                last.values.resize(at + 1, None);
            }
            last.values[at] = Some(value);
        }
    }
    drop(cells);
    let formulas = book.worksheet_cells_reader(&name).map_err(|problem| whole(&problem))?;
    unworked(formulas, &empty, &notes).map_err(|problem| whole(&problem))??;
    if rows.is_empty() {
        return Err(whole(&format!("its sheet `{name}` is empty")));
    }
    table::read(path, Box::new(rows.into_iter().map(Ok)), layout, false, notes)
}

/// Says which formulas have no value; where none has one, and none makes an empty text, nobody worked them out.
fn unworked<R: std::io::Read + std::io::Seek>(
    mut formulas: XlsxCellReader<'_, R>,
    empty: &HashSet<(u32, u32)>,
    notes: &Notes,
) -> Result<Result<(), ReadError>, XlsxError> {
    let (mut all, mut without, mut first, mut may_be_empty) = (0, 0, None, false);
    while let Some(formula) = formulas.next_formula()? {
        if formula.get_value().is_empty() {
            continue;
        }
        all += 1;
        may_be_empty |= formula.get_value().contains("\"\"");
        if empty.contains(&formula.get_position()) {
            without += 1;
            first.get_or_insert(formula.get_position());
        }
    }
    let Some((row, column)) = first else { return Ok(Ok(())) };
    let line = u64::from(row) + 1;
    let cell = format!("cell {}{line}", letters(column));
    if all == without && !may_be_empty {
        let problem = format!(
            "{cell}: its formula has no value, nor has any other: the program that wrote the file does not calculate. Open \
             it in Excel or LibreOffice and save it"
        );
        return Ok(Err(ReadError::Line { line, problem }));
    }
    notes.say(format!(
        "{without} of {all} formulas have no value, the first is in {cell}: they count as empty"
    ));
    Ok(Ok(()))
}

fn is_zip(path: &Path) -> Result<(), ReadError> {
    let failed = |error| ReadError::Io { path: path.to_owned(), error };
    let mut begin = Vec::new();
    File::open(path).map_err(failed)?.take(4).read_to_end(&mut begin).map_err(failed)?;
    let what = match &begin[..] {
        b"PK\x03\x04" => return Ok(()),
        b"" => "it is empty",
        b"\xd0\xcf\x11\xe0" => {
            "it is an old workbook (XLS), or one with a password: save it as XLSX without one"
        }
        _ => "it is not a workbook (XLSX): if it is text, --format csv",
    };
    Err(ReadError::Whole(format!("{}: {what}", path.display())))
}

/// The name of the sheet that is read.
fn chosen(book: &Xlsx<BufReader<File>>, wanted: Option<&Sheet>, notes: &Notes) -> Result<String, String> {
    let all: Vec<_> =
        book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).collect();
    let names = || all.iter().map(|sheet| format!("`{}`", sheet.name)).collect::<Vec<_>>().join(", ");
    let found = match wanted {
        Some(Sheet::Name(name)) => {
            let same = |sheet: &&&calamine::Sheet| sheet.name.to_lowercase() == name.to_lowercase();
            all.iter().find(same).ok_or_else(|| format!("it has no sheet `{name}`; it has: {}", names()))?
        }
        Some(Sheet::Number(number)) => number
            .checked_sub(1)
            .and_then(|at| all.get(at))
            .ok_or_else(|| format!("it has no sheet {number}; it has {}: {}", all.len(), names()))?,
        None => all.iter().find(|sheet| sheet.visible == SheetVisible::Visible).ok_or_else(|| {
            format!("it has no sheet that is visible: name one with --sheet; it has: {}", names())
        })?,
    };
    let others = match (wanted, all.len()) {
        (Some(_), _) | (None, 0 | 1) => String::new(),
        (None, count) => format!(", the first that is visible of {count}: {}", names()),
    };
    notes.say(format!("read from the sheet `{}`{others}", found.name));
    Ok(found.name.clone())
}

/// A column as Excel names it, from 0: A, B, … Z, AA.
fn letters(column: u32) -> String {
    let mut text = String::new();
    let mut rest = column + 1;
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).unwrap_or(0);
        text.insert(0, char::from(b'A' + letter));
        rest = (rest - 1) / 26;
    }
    text
}

fn of_error(error: &CellErrorType) -> String {
    format!("it holds the error {error}: mend the formula, or empty the cell")
}

/// A number as text; with zeros before it where its format shows them.
fn shown_as(number: f64, shown: Option<&Shown>, code: &str, notes: &Notes) -> String {
    match shown {
        Some(Shown::Digits(pieces)) => {
            if let Some(text) = Shown::digits(pieces, number) {
                return text;
            }
        }
        Some(Shown::Unknown) => {}
        Some(Shown::Plain) | None => return plain(number),
    }
    notes.say_once(&format!(
        "a number is shown as `{code}` in the workbook, which is not reproduced: it is imported as {}",
        "the bare number"
    ));
    plain(number)
}

/// With 15 digits, as Excel has them: what it works out has others behind.
fn plain(number: f64) -> String {
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    rounded.to_string()
}

/// A date, a time of day, both, or a duration, as ISO 8601 has them.
fn moment(time: ExcelDateTime, code: &str) -> Result<String, &'static str> {
    if time.is_duration() {
        return Ok(duration(time.as_f64()));
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    let clock = format!("{hour:02}:{minute:02}:{second:02}{fraction}");
    if is_time(code) && time.as_f64() >= 0.0 {
        return Ok(clock);
    }
    if !DATES.contains(&time.as_f64()) {
        return Err(
            "it has the format of a date, and its number is none: give it another format, or empty it",
        );
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    Ok(if clock == "00:00:00" { date } else { format!("{date}T{clock}") })
}

/// Days as a duration.
fn duration(days: f64) -> String {
    let seconds = (days.abs() * 86_400.0).round();
    let (hours, rest) = ((seconds / 3_600.0).floor(), seconds % 3_600.0);
    let (minutes, seconds) = ((rest / 60.0).floor(), rest % 60.0);
    let part =
        |count: f64, unit: char| if count == 0.0 { String::new() } else { format!("{count:.0}{unit}") };
    let text = format!("{}{}{}", part(hours, 'H'), part(minutes, 'M'), part(seconds, 'S'));
    let sign = if days < 0.0 { "-" } else { "" };
    if text.is_empty() { "PT0S".to_owned() } else { format!("{sign}PT{text}") }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType::{DateTime, TimeDelta};

    use super::*;

    #[test]
    fn moments_are_iso() {
        let of = |value, kind, code| moment(ExcelDateTime::new(value, kind, false), code);
        assert_eq!(of(46_331.0, DateTime, "d.m.yyyy").as_deref(), Ok("2026-11-05"));
        assert_eq!(of(46_331.25, DateTime, "d.m.yyyy h:mm").as_deref(), Ok("2026-11-05T06:00:00"));
        assert_eq!(of(0.354_166_666_666_667, DateTime, "h:mm").as_deref(), Ok("08:30:00"));
        assert_eq!(of(0.0, DateTime, "hh:mm").as_deref(), Ok("00:00:00"));
        assert_eq!(of(1.104_166_666_666_667, TimeDelta, "[h]:mm").as_deref(), Ok("PT26H30M"));
        assert_eq!(of(0.0, TimeDelta, "[h]:mm").as_deref(), Ok("PT0S"));
        assert_eq!(of(-0.5, TimeDelta, "[h]:mm").as_deref(), Ok("-PT12H"));
        assert!(of(0.0, DateTime, "yyyy-mm-dd").is_err() && of(-1.0, DateTime, "yyyy-mm-dd").is_err());
        assert!(of(3e6, DateTime, "yyyy-mm-dd").is_err());
    }

    #[test]
    fn numbers_have_the_digits_that_a_person_sees() {
        for (number, text) in [
            (0.1 + 0.2, "0.3"),
            (1_250.5, "1250.5"),
            (1000.0, "1000"),
            (-7.0, "-7"),
            (1e21, "1000000000000000000000"),
        ] {
            assert_eq!(plain(number), text);
        }
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }
}
