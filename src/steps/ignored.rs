//! What Rossum is likely to ignore of an answer, without a word: an operation that it cannot apply, a value that it cannot
//! read, an id that the document does not have. The answer is sent as it is: Rossum decides.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value as Json;
use tracing::warn;

use crate::rossum::{
    Category, EnumOption, GrownTree, Journal, MAX_VALUE_CHARACTERS, Operation, Value, Written, is_option,
    is_written_date, is_written_number,
};
use crate::txscript::{FieldType, Schema};

use super::reasons::{Came, Reason, Saw};

/// An operation or a value, and why it is likely to be ignored.
pub struct Ignored<'a> {
    /// The schema id.
    pub field: &'a str,
    /// The text that was to be written.
    pub value: Option<Cow<'a, str>>,
    pub why: Why,
    /// The place in the journal of what wrote it.
    pub entry: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    NoDate,
    NoNumber,
    NoOption,
    /// An enum that nobody gave options.
    NoOptions,
    /// A list or an object.
    NoText,
    /// An option without a `value`, or with one that is no text.
    OddOption,
    TooLong {
        most: usize,
        is_of_schema: bool,
    },
    /// Rossum computes the field itself.
    Computed,
    Button,
    /// `replace` on something else than a datapoint.
    NoDatapoint(Category),
    /// `remove` of what stands in no multivalue.
    NotInMultivalue,
    /// A row that is added to a list of values, or a value to a table.
    OtherShape,
    /// A cell of a new row that is no column of the table.
    NoColumn,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoDate => "its value is not a date as Rossum reads it",
            Self::NoNumber => "its value is not a number as Rossum reads it",
            Self::NoOption => "its value is not one of its options",
            Self::NoOptions => "it has no options to choose its value from",
            Self::NoText => "its value is a list or an object, and a field holds a text",
            Self::OddOption => "one of its options has no text as its `value`",
            Self::TooLong { most, is_of_schema: true } => {
                return write!(f, "its value is longer than the {most} characters that the schema allows");
            }
            Self::TooLong { most, is_of_schema: false } => {
                return write!(f, "its value is longer than the {most} characters that a value may have");
            }
            Self::Computed => "Rossum computes this field itself",
            Self::Button => "it is a button, which has no value",
            Self::NoDatapoint(Category::Multivalue) => {
                "it is a multivalue, and only datapoints can be replaced"
            }
            Self::NoDatapoint(Category::Tuple) => "it is a row, and only datapoints can be replaced",
            Self::NoDatapoint(_) => "it is a section, and only datapoints can be replaced",
            Self::NotInMultivalue => {
                "it is not in a multivalue, and only rows and values of one can be removed"
            }
            Self::OtherShape => "a table takes rows, and a list of values takes one value at a time",
            Self::NoColumn => "the table that the row is added to has no such column",
        })
    }
}

impl Why {
    /// What to do about it.
    pub fn cure(self) -> &'static str {
        match self {
            Self::NoDate => "write it as YYYY-MM-DD without a time, whatever the field's format shows",
            Self::NoNumber => {
                "write it with a point, without grouping, exponent, `+` or white space, as 1234.5"
            }
            Self::NoText => "write a text; code makes one with `str(…)`",
            Self::OddOption => "give each option a text as its `value`",
            Self::NoOption => "write the `value` of an option, or send `options` along that have it",
            Self::NoOptions => "send `options` along that have the value",
            Self::TooLong { is_of_schema: true, .. } => {
                "write less, or allow more in the schema: `constraints.length`"
            }
            Self::TooLong { .. } => "write less",
            Self::Computed => "write to another field, or let its type in the schema be `data`",
            Self::Button => "write to a field of another type",
            Self::NoDatapoint(_) => "name a field that has a value",
            Self::NotInMultivalue => "replace its value by an empty text instead",
            Self::OtherShape => "look at what the multivalue holds in the schema",
            Self::NoColumn => "compare its `schema_id` with the schema",
        }
    }

    /// Of a text that a field is to get; `is_option` says whether the document or the answer has such an option.
    pub fn of_text(schema: Option<&Schema>, field: &str, text: &str, option: Option<bool>) -> Option<Self> {
        let longest = schema.and_then(|schema| schema.longest(field));
        let is_longer = |most: usize| text.len() > most && text.chars().nth(most).is_some();
        if is_longer(MAX_VALUE_CHARACTERS) {
            return Some(Self::TooLong { most: MAX_VALUE_CHARACTERS, is_of_schema: false });
        }
        if let Some(most) = longest.filter(|most| is_longer(*most)) {
            return Some(Self::TooLong { most, is_of_schema: true });
        }
        if text.trim().is_empty() {
            return None;
        }
        match option {
            Some(true) => return None,
            Some(false) => return Some(Self::NoOption),
            None => {}
        }
        let schema = schema?;
        if let Some(mut options) = schema.options(field) {
            let mut has_any = false;
            return match options.any(|option| {
                has_any = true;
                is_option(option, text)
            }) {
                true => None,
                false if has_any => Some(Self::NoOption),
                false => Some(Self::NoOptions),
            };
        }
        match schema.kind_of(field)? {
            FieldType::Date if !is_written_date(text) => Some(Self::NoDate),
            FieldType::Number if !is_written_number(text) => Some(Self::NoNumber),
            FieldType::Nothing => Some(Self::Button),
            _ => None,
        }
    }

    /// Of a field whose value a configuration is to change; nothing is said of one that the schema does not have.
    pub fn of_field(schema: &Schema, field: &str) -> Option<Self> {
        match schema.category_of(field)? {
            Category::Datapoint if schema.is_computed(field) => Some(Self::Computed),
            Category::Datapoint if schema.kind_of(field) == Some(FieldType::Nothing) => Some(Self::Button),
            Category::Datapoint => None,
            other => Some(Self::NoDatapoint(other)),
        }
    }
}

/// Looks at every operation that the answer is going to have. `schema` gives that of the step that wrote the entry of the
/// journal, where it is known.
pub fn each<'a, 's>(
    journal: &'a Journal,
    tree: &'a GrownTree<'_>,
    schema: impl Fn(usize) -> Option<&'s Schema>,
    mut tell: impl FnMut(Ignored<'a>),
) {
    for written in journal.written() {
        let field = &*tree.node(written.node).schema_id;
        if let Some(why) = look(&written, field, tree, schema(written.entry)) {
            let value = written.value.map(Value::as_text);
            tell(Ignored { field, value, why, entry: written.entry });
        }
    }
}

fn look(written: &Written<'_>, field: &str, tree: &GrownTree<'_>, schema: Option<&Schema>) -> Option<Why> {
    let node = tree.node(written.node);
    let parent = tree.parent(written.node).map(|parent| tree.node(parent));
    match written.operation {
        Some(Operation::Replace) if node.category != Category::Datapoint => {
            return Some(Why::NoDatapoint(node.category));
        }
        Some(Operation::Remove) => {
            let is_in = parent.is_some_and(|parent| parent.category == Category::Multivalue);
            return (!is_in).then_some(Why::NotInMultivalue);
        }
        Some(Operation::Add) => {
            let (schema, parent) = (schema?, parent?);
            let is_row = node.category == Category::Tuple;
            if schema.has(&parent.schema_id) && schema.has_rows(&parent.schema_id) != is_row {
                return Some(Why::OtherShape);
            }
        }
        None => {
            let table = &*tree.node(tree.parent(tree.row(written.node)?)?).schema_id;
            let schema = schema.filter(|schema| schema.has_rows(table));
            if schema.is_some_and(|schema| schema.table_of(field) != Some(table)) {
                return Some(Why::NoColumn);
            }
        }
        Some(Operation::Replace) => {}
    }
    let odd = written.options.is_some_and(|options| options.iter().any(is_odd)).then_some(Why::OddOption);
    let Some(value) = written.value else { return odd };
    let text = value.as_text();
    if schema.is_some_and(|schema| schema.is_computed(field)) {
        return Some(Why::Computed);
    }
    if matches!(value, Value::Json(Json::Array(_) | Json::Object(_))) {
        return Some(Why::NoText);
    }
    let among =
        |options: &[EnumOption]| options.iter().any(|option| is_option(&option.value.as_text(), &text));
    // Options make no value right of a field that is no enum.
    let is_plain = schema.is_some_and(|schema| schema.has(field) && schema.options(field).is_none());
    let option = written.options.map(among).or_else(|| node.has_option(&text));
    let option = option.filter(|_| !is_plain);
    Why::of_text(schema, field, &text, option).or(odd)
}

/// Rossum's own samples send numbers too.
fn is_odd(option: &EnumOption) -> bool {
    !matches!(option.value, Value::Text(_) | Value::Number(_) | Value::Json(Json::Number(_)))
}

/// Warns of values that go to Rossum's API once the answer is sent: a field and its text. What options the document has is
/// not known then.
pub(super) fn warn_later(courier: &str, schema: Option<&Schema>, field: &str, text: &str) {
    let Some(schema) = schema else { return };
    let why = Why::of_field(schema, field).or_else(|| {
        let may_be_filled = schema.options(field).is_some_and(|options| options.take(2).count() < 2);
        Why::of_text(Some(schema), field, text, may_be_filled.then_some(true))
    });
    if let Some(why) = why {
        let cure = why.cure();
        warn!(courier, field, "Rossum is likely to ignore what is written back to `{field}`: {why}; {cure}");
    }
}

impl Ignored<'_> {
    /// For the log: it holds nothing of the value but its shape.
    pub fn words(&self) -> String {
        let Self { field, why, .. } = self;
        let shape = self.shape().map(|shape| format!(" (it looks like {shape})")).unwrap_or_default();
        let cure = why.cure();
        format!("Rossum is likely to ignore what the step writes to `{field}`: {why}{shape}; {cure}")
    }

    /// How the value is written, without what it is: digits as 9, letters as a.
    pub fn shape(&self) -> Option<String> {
        let value = self.value.as_ref().filter(|_| matches!(self.why, Why::NoDate | Why::NoNumber))?;
        let shape = |c: char| match c {
            c if c.is_numeric() => '9',
            c if c.is_alphabetic() => 'a',
            c if c.is_control() => ' ',
            c => c,
        };
        Some(value.chars().take(20).map(shape).collect())
    }

    /// For the inspector.
    pub fn reason(&self) -> Reason {
        let what = format!("Rossum is likely to ignore this change of {}", self.field);
        let saw = self.value.iter().map(|value| Saw::new(self.field, value)).collect();
        Reason::single(what, Came::Failed, format!("{}: {}", self.why, self.why.cure()), saw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"[{"id": "s", "category": "section", "children": [
        {"id": "string", "category": "datapoint", "type": "string"},
        {"id": "short", "category": "datapoint", "type": "string", "constraints": {"length": {"max": 3}}},
        {"id": "number", "category": "datapoint", "type": "number"},
        {"id": "date", "category": "datapoint", "type": "date"},
        {"id": "enum", "category": "datapoint", "type": "enum", "options": [{"value": "V-1"}, {"value": "V-2"}]},
        {"id": "open", "category": "datapoint", "type": "enum", "options": []},
        {"id": "boolean", "category": "datapoint", "type": "boolean"},
        {"id": "button", "category": "datapoint", "type": "button"},
        {"id": "typeless", "category": "datapoint"}]}]"#;

    /// What a datapoint of each type takes, and what it does not.
    #[test]
    fn each_type_takes_what_it_takes() {
        let long = "ä".repeat(1500);
        let longer = "ä".repeat(1501);
        let too_long = Why::TooLong { most: 1500, is_of_schema: false };
        let rows: [(&str, &[&str], Why, &[&str]); 9] = [
            ("string", &["x", " x ", "1e5", "", "\n", &long], too_long, &[&longer]),
            ("short", &["abc", "äöü", ""], Why::TooLong { most: 3, is_of_schema: true }, &["abcd", "ab  "]),
            (
                "number",
                &["0", "5", "-5", "1234.50", "007", "-0.5", "", " ", "123456789012345678901234567890.1"],
                Why::NoNumber,
                &[
                    "1e5", "1E5", "1e-07", "+5", " 5", "5 ", " 5 ", "1 234.5", "1,234.5", "1234,5", ".5",
                    "5.", "-", "--5", "1.2.3", "5 EUR", "NaN", "Infinity", "0x10", "1_000", "٥", "5\u{a0}",
                    "1-",
                ],
            ),
            (
                "date",
                &["2026-11-24", "2024-02-29", ""],
                Why::NoDate,
                &[
                    "24/11/2026",
                    "2026-11-24T00:00:00",
                    "2026-11-24 10:15",
                    "2026-11-24T10:15:00Z",
                    " 2026-11-24",
                    "2026-11-24 ",
                    "2026-02-30",
                    "2025-02-29",
                    "20261124",
                    "26-11-24",
                    "2026-1-2",
                    "2026-W48",
                    "today",
                    "２０２６-11-24",
                ],
            ),
            ("enum", &["V-1", "v-2", "", " "], Why::NoOption, &["V-3", " V-1", "V-1 "]),
            ("open", &[""], Why::NoOptions, &["V-1"]),
            ("boolean", &["true", "True", "no"], too_long, &[&longer]),
            ("button", &[""], Why::Button, &["x"]),
            ("typeless", &["1e5", "x"], too_long, &[&longer]),
        ];
        let schema = Schema::parse(SCHEMA).unwrap();
        let of = |field: &str, text: &str| Why::of_text(Some(&schema), field, text, None);
        for (field, taken, why, refused) in rows {
            for text in taken {
                assert_eq!(of(field, text), None, "{field} takes {text:?}");
            }
            for text in refused {
                assert_eq!(of(field, text), Some(why), "{field} does not take {text:?}");
            }
        }
        let rows: Vec<&str> = schema.ids().filter(|id| *id != "s").collect();
        assert_eq!(rows.len(), 9, "a row for each type: {rows:?}");
    }
}
