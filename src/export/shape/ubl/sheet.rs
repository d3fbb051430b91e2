//! A document's fields by our words: each value with its place and name, so that what is wrong is said of it.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::super::super::view::View;
use super::codes::Currency;
use super::problems::{Place, Problems, quoted};
use super::words::{Field, HEADER, LINE, TAX_DETAIL, field_of, is_single, needed};
use super::{Ubl, values};

/// Fields that may have several values.
const SEVERAL: [&str; 2] = ["note", "order"];

fn texts(list: &[Value]) -> impl Iterator<Item = &str> {
    list.iter().filter_map(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// A document as the settings see it.
pub(super) struct Sheet<'s> {
    pub(super) settings: &'s Ubl,
    view: &'s View,
    pub(super) problems: RefCell<Problems>,
    /// What is likely wrong, and keeps nothing from being made.
    pub(super) doubts: RefCell<Problems>,
}

/// A row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'s> {
    cells: &'s Map<String, Value>,
    place: Place,
}

/// What stands in a field.
pub(super) struct Cell<'s> {
    pub(super) text: &'s str,
    place: Place,
    id: &'s str,
    label: &'s str,
    /// Whether the document has the field at all.
    is_there: bool,
}

impl Row<'_> {
    /// Counted from 1 on, as the table has it.
    pub(super) fn number(self) -> usize {
        match self.place {
            Place::Line(number) | Place::TaxDetail(number) => number,
            Place::Header => 0,
        }
    }
}

impl Cell<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Its label and its schema id.
    pub(super) fn name(&self) -> String {
        if self.id.is_empty() { self.label.to_owned() } else { format!("{} (`{}`)", self.label, self.id) }
    }

    /// In what way there is no value.
    pub(super) fn absence(&self) -> &'static str {
        if self.is_there { "is empty" } else { "is not in this document" }
    }

    pub(super) fn label(&self) -> &str {
        self.label
    }

    pub(super) fn id(&self) -> &str {
        self.id
    }
}

impl<'s> Sheet<'s> {
    pub(super) fn new(settings: &'s Ubl, view: &'s View) -> Self {
        Self { settings, view, problems: RefCell::default(), doubts: RefCell::default() }
    }

    fn id(&self, field: &'s Field) -> &'s str {
        self.settings.fields.get(field.word).map_or(field.id, String::as_str)
    }

    fn label(&self, field: &'s Field) -> &'s str {
        let labels = [&self.settings.labels, &self.view.labels];
        let found =
            labels.into_iter().find_map(|labels: &HashMap<String, String>| labels.get(self.id(field)));
        found.map_or(field.label, String::as_str)
    }

    fn cell(&self, word: &str, place: Place, value: Option<&'s Value>) -> Cell<'s> {
        let Some(field) = field_of(word) else {
            return Cell { text: "", place, id: "", label: "", is_there: false };
        };
        let (id, label) = (self.id(field), self.label(field));
        let mut cell = Cell { text: "", place, id, label, is_there: value.is_some() };
        match value {
            Some(Value::String(text)) => cell.text = text.trim(),
            // Of a list the one value that it has.
            Some(Value::Array(list)) => {
                let mut texts = texts(list);
                cell.text = texts.next().unwrap_or_default();
                if texts.any(|other| other != cell.text) && !SEVERAL.contains(&word) {
                    self.wrong(&cell, "has several values, and UBL takes one".to_owned());
                }
            }
            _ => {}
        }
        cell
    }

    /// A field of the header, or what the settings give for it where it is empty.
    pub(super) fn header(&self, word: &str) -> Cell<'s> {
        let value = field_of(word).and_then(|field| self.view.get(self.id(field)));
        let mut cell = self.cell(word, Place::Header, value);
        if cell.is_empty() {
            cell.text = self.settings.values.get(word).map_or("", |text| text.trim());
        }
        cell
    }

    /// Every value of a field that may have several.
    pub(super) fn several(&self, word: &str) -> Vec<&'s str> {
        let list = field_of(word).and_then(|field| self.view.get(self.id(field)));
        let all: Vec<&str> =
            list.and_then(Value::as_array).into_iter().flat_map(|list| texts(list)).collect();
        if all.is_empty() {
            Some(self.header(word).text).filter(|text| !text.is_empty()).into_iter().collect()
        } else {
            all
        }
    }

    /// Looks at each header field, so that one with several values is noted.
    pub(super) fn look_at_header(&self) {
        for field in HEADER.iter().filter(|field| is_single(field.word)) {
            self.header(field.word);
        }
    }

    pub(super) fn column(&self, row: Row<'s>, word: &str) -> Cell<'s> {
        let value = field_of(word).and_then(|field| row.cells.get(self.id(field)));
        self.cell(word, row.place, value)
    }

    /// The rows of the lines that hold something, numbered as the table has them.
    pub(super) fn lines(&self) -> Vec<Row<'s>> {
        let rows = field_of("lines").and_then(|field| self.view.get(self.id(field)));
        let rows = match rows.and_then(Value::as_array) {
            Some(rows) => &rows[..],
            None if self.settings.fields.contains_key("lines") => &[],
            None => self.only_table(),
        };
        self.rows(rows, &LINE, Place::Line)
    }

    /// The one table that is not the tax details.
    fn only_table(&self) -> &'s [Value] {
        let details = field_of("tax_details").map_or("", |field| self.id(field));
        let tables = self.view.field.iter().filter(|(id, _)| *id != details);
        let mut tables = tables
            .filter_map(|(_, value)| value.as_array())
            .filter(|rows| rows.first().is_some_and(Value::is_object));
        match (tables.next(), tables.next()) {
            (Some(rows), None) => rows,
            _ => &[],
        }
    }

    pub(super) fn tax_details(&self) -> Vec<Row<'s>> {
        let rows = field_of("tax_details").and_then(|field| self.view.get(self.id(field)));
        let rows = rows.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.rows(rows, &TAX_DETAIL, Place::TaxDetail)
    }

    fn rows(&self, rows: &'s [Value], columns: &'static [Field], place: fn(usize) -> Place) -> Vec<Row<'s>> {
        let holds = |cells: &Map<String, Value>| {
            let mut texts = columns.iter().map(|field| cells.get(self.id(field)).and_then(Value::as_str));
            texts.any(|text| text.is_some_and(|text| !text.trim().is_empty()))
        };
        let all = rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.as_object()?)));
        all.filter(|(_, cells)| holds(cells)).map(|(at, cells)| Row { cells, place: place(at + 1) }).collect()
    }

    /// Notes what is wrong with a value: the rest of a sentence that begins with its name.
    pub(super) fn wrong(&self, cell: &Cell<'_>, what: String) {
        let what = format!("{} {what}", cell.name());
        self.problems.borrow_mut().note(cell.place, &[cell.id], what);
    }

    /// Notes what is likely wrong with a value.
    pub(super) fn doubt(&self, cell: &Cell<'_>, why: &str) {
        let what = format!("{} is {}: {why}", cell.name(), quoted(cell.text));
        self.doubts.borrow_mut().note(cell.place, &[cell.id], what);
    }

    pub(super) fn unusable(&self, cell: &Cell<'_>, why: &str) {
        self.wrong(cell, format!("is {}: {why}", quoted(cell.text)));
    }

    /// Says that a value is needed and not there.
    pub(super) fn missing(&self, cell: &Cell<'_>, why: &str) {
        self.wrong(cell, format!("{}: {why}", cell.absence()));
    }

    /// A text of the header that UBL needs.
    pub(super) fn needed(&self, word: &str) -> &'s str {
        let cell = self.header(word);
        if cell.is_empty() {
            self.missing(&cell, needed(word));
        }
        cell.text
    }

    /// Whether it is written for receivers of Peppol, who check more than EN 16931.
    pub(super) fn is_peppol(&self) -> bool {
        self.header("customization_id").text.to_ascii_lowercase().contains("peppol")
    }

    fn read<T>(&self, cell: &Cell<'_>, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if cell.is_empty() {
            return None;
        }
        match read(cell.text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.unusable(cell, &why);
                None
            }
        }
    }

    /// `None` where the field is empty, and where it holds no date, which is noted.
    pub(super) fn date(&self, cell: &Cell<'_>) -> Option<Date> {
        self.read(cell, values::date)
    }

    pub(super) fn amount(&self, cell: &Cell<'_>, currency: &Currency) -> Option<Decimal> {
        self.read(cell, |text| values::amount(text, currency))
    }

    /// An amount of the whole document: it has no more decimals than its currency.
    pub(super) fn total(&self, cell: &Cell<'_>, currency: &Currency) -> Option<Decimal> {
        self.read(cell, |text| {
            let amount = values::amount(text, currency)?;
            let rounded = values::rounded(amount, currency.digits);
            if rounded == amount {
                return Ok(rounded);
            }
            Err(format!("{} has {} decimals at most", currency.code, currency.digits))
        })
    }

    pub(super) fn number(&self, cell: &Cell<'_>) -> Option<Decimal> {
        self.read(cell, values::number)
    }

    pub(super) fn rate(&self, cell: &Cell<'_>) -> Option<Decimal> {
        self.read(cell, values::rate)
    }

    pub(super) fn coded<T>(
        &self,
        cell: &Cell<'_>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.read(cell, read)
    }
}
