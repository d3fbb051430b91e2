//! Code that fails for every document: pieces of it are run over documents that a schema could give.

use serde_json::{Value as Json, json};

use crate::rossum::{Category, Journal, Payload};

use super::compile::{Doubts, Language, Piece, Variables};
use super::field::{Document, FieldType, Schema};
use super::machine::limits::Limits;
use super::problem::Problem;
use super::script::Script;

/// What one piece may take: a moment, since a configuration has many.
const LIMITS: Limits = Limits {
    steps: 10_000,
    memory: 1 << 20,
    depth: 20,
    time: std::time::Duration::from_millis(20),
    messages: 1,
};

/// Documents of a schema: two with a value in each field, one whose tables are empty.
struct Tried<'d> {
    filled: [Document<'d>; 2],
    without_rows: Document<'d>,
    language: Language,
    found: Doubts,
    /// What is known to be wrong already: it may well be why a piece fails.
    known: &'d [Problem],
}

/// Whose documents a piece fails for.
enum Fails {
    Each(String),
    /// Code of a row, for each row.
    EachRow(String),
    /// Those that have rows.
    WithRows(String),
}

/// Adds what fails of these pieces with every document.
///
/// Without a schema these are pieces that read nothing of a document.
pub(super) fn try_all(
    mut pieces: Vec<Piece>,
    language: Language,
    schema: Option<&Schema>,
    found: &mut Doubts,
) {
    let none = Schema::default();
    if schema.is_none() {
        pieces = reading_nothing(pieces);
    }
    let schema = schema.unwrap_or(&none);
    if pieces.is_empty() || language == Language::MasterData {
        return;
    }
    let bodies =
        [("x", true), ("1", true), ("x", false)].map(|(text, rows)| body(schema, text, rows).to_string());
    let payloads = bodies.each_ref().map(|body| Payload::read(body.as_bytes()));
    let [Ok(one), Ok(other), Ok(bare)] = payloads else { return };
    let (Some(one), Some(other), Some(bare)) = (&one.annotation, &other.annotation, &bare.annotation) else {
        return;
    };
    let journal = Journal::default();
    let mut tried = Tried {
        filled: [
            Document::new(one, &journal, schema, bodies[0].as_bytes()),
            Document::new(other, &journal, schema, bodies[1].as_bytes()),
        ],
        without_rows: Document::new(bare, &journal, schema, bodies[2].as_bytes()),
        language,
        found: Doubts::default(),
        known: &found.wrong,
    };
    for piece in &pieces {
        tried.look(piece);
    }
    let Doubts { wrong, odd } = tried.found;
    found.wrong.extend(wrong);
    found.odd.extend(odd);
}

/// The largest pieces that read nothing of a document.
fn reading_nothing(pieces: Vec<Piece>) -> Vec<Piece> {
    let parts = |piece: Piece| if piece.reads { reading_nothing(piece.inner) } else { vec![piece] };
    pieces.into_iter().flat_map(parts).collect()
}

impl Tried<'_> {
    /// Tells of the innermost piece that fails: what is around it fails for it.
    fn look(&mut self, piece: &Piece) {
        let start = (piece.place.line, piece.place.column);
        let is_within = |known: &Problem| {
            let at = (known.line, known.column);
            (start..piece.end).contains(&at) || piece.values.contains(&at)
        };
        if self.known.iter().chain(&self.found.wrong).any(is_within) {
            return;
        }
        let Some(fails) = self.fails(piece) else { return };
        let count = |found: &Doubts| found.wrong.len() + found.odd.len();
        let before = count(&self.found);
        for inner in &piece.inner {
            self.look(inner);
        }
        if count(&self.found) > before {
            return;
        }
        let (whom, why, is_sure) = match &fails {
            Fails::Each(why) => ("document", why, true),
            Fails::EachRow(why) => ("row", why, true),
            Fails::WithRows(why) => ("document that has rows", why, false),
        };
        let message = format!("this fails for every {whom}: {why}");
        let cure = cure(why, self.language);
        let place = piece.place.clone();
        if is_sure {
            self.found.wrong.push(Problem { message, hint: Some(cure), ..place });
        } else {
            self.found.odd.push(Problem { message: format!("{message}; {cure}"), hint: None, ..place });
        }
    }

    /// Whether it fails with all documents, and for types alone.
    fn fails(&self, piece: &Piece) -> Option<Fails> {
        let script = match self.language {
            Language::BusinessRule => Script::business_rule("tried", &piece.source, &Variables::new()),
            _ => Script::new("tried", &piece.source),
        };
        let script = script.ok()?;
        let [one, other] = &self.filled;
        let why = failure(&script, one).filter(|_| failure(&script, other).is_some())?;
        let is_of_row = piece.is_of_row || script.table(self.without_rows.schema).is_some();
        Some(if is_of_row {
            Fails::EachRow(why)
        } else if self.language == Language::BusinessRule || failure(&script, &self.without_rows).is_some() {
            // A business rule is skipped where there is nothing to look at.
            Fails::Each(why)
        } else {
            Fails::WithRows(why)
        })
    }
}

/// Why it fails with a document, where that is for types alone.
fn failure(script: &Script, document: &Document<'_>) -> Option<String> {
    let row = script.table(document.schema).map(|table| (table, 0));
    let (result, _) = script.run(document, row, LIMITS);
    let text = result.err()?.text;
    let of_types = text.strip_prefix("TypeError: ").or_else(|| {
        text.strip_prefix("AttributeError: ").filter(|text| text.contains("object has no attribute"))
    })?;
    // What is empty may be filled in another document; what has several values is told of otherwise.
    let may_differ = of_types.contains("NoneType")
        || of_types.starts_with("Ambiguous")
        || of_types.contains("argument(s)")
        || of_types.starts_with("Field formulas must not"); // a function may
    (!may_differ).then_some(text)
}

/// What to do about it: the first line of which all words are said.
fn cure(why: &str, language: Language) -> String {
    const OF_RULES: [(&[&str], &str); 4] = [
        (&["'datetime.timedelta'"], "compare the time between two dates with `timedelta(days=14)`"),
        (&["+: 'datetime.date' and 'datetime.date'"], "the time between two dates is their difference, `-`"),
        (&["+: 'datetime.date'"], "a day some days later is `{x} + timedelta(days=30)`"),
        (&["'datetime.date'"], "compare a date with a date: `{x} > {y}`, `{x} <= today()`"),
    ];
    const CURES: [(&[&str], &str); 18] = [
        (&["has no attribute"], "look for the name in Python's documentation of that type"),
        (&["fromisoformat"], "the field is a date already: leave `date.fromisoformat` out"),
        (&["'datetime.timedelta'"], "the days of a time between two dates are `(…).days`"),
        (&["+: 'datetime.date' and 'datetime.date'"], "the time between two dates is their difference, `-`"),
        (&["+: 'datetime.date'"], "a day some days later is `field.x + timedelta(days=30)`"),
        (&["-: 'datetime.date'"], "a day some days earlier is `field.x - timedelta(days=30)`"),
        (
            &["datetime.datetime", "datetime.date"],
            "compare it with a day: `date.today()`, `date(2026, 1, 31)`",
        ),
        (&["'datetime.date'"], "compare a date with a date: `date.today()`, `date(2026, 1, 31)`"),
        (&[" for &"], "write `and` between two comparisons"),
        (&[" for |"], "write `or` between two comparisons"),
        (&["concatenate"], "make a text of the other one: `str(field.x)`"),
        (&["+: 'float' and 'str'"], "make a text of the number: `str(field.x)`"),
        (&["+: 'float' and 'StringValue'"], "make one kind of both: `str(field.x)` or `float(field.x)`"),
        (&["sequence item"], "make texts of them: `\",\".join(str(x) for x in field.x.all_values)`"),
        (&["TableRow"], "name a column: `field.item_amount.all_values`"),
        (&["StringValue"], "`float(field.x)` is the number that a text holds"),
        (
            &["NumberValue"],
            "the text of a number is `str(field.x)`; all numbers of a column are `field.x.all_values`",
        ),
        (&["argument"], "look for what it takes in Python's documentation"),
    ];
    let cures = if language == Language::BusinessRule { &OF_RULES[..] } else { &CURES[..] };
    let cure = cures.iter().find(|(words, _)| words.iter().all(|word| why.contains(word)));
    cure.map_or("compare what the schema says of these fields' types", |(_, cure)| cure).to_owned()
}

/// A delivery with a value in each field, in which a text is this one, and with rows or without.
fn body(schema: &Schema, text: &str, has_rows: bool) -> Json {
    let mut made = Made { schema, text, has_rows, id: 0 };
    let sections = (0..schema.fields.len()).filter(|field| schema.fields[*field].parent.is_none());
    let content: Vec<_> = sections.map(|field| made.node(field)).collect();
    json!({"annotation": {"id": 1, "content": content}})
}

struct Made<'s> {
    schema: &'s Schema,
    text: &'s str,
    has_rows: bool,
    id: u64,
}

impl Made<'_> {
    fn node(&mut self, field: usize) -> Json {
        let of = &self.schema.fields[field];
        self.id += 1;
        let id = self.id;
        let category = match of.category {
            Category::Section => "section",
            Category::Multivalue => "multivalue",
            Category::Tuple => "tuple",
            Category::Datapoint => {
                let value = self.value(field);
                let content = json!({"value": value, "normalized_value": value, "page": 1});
                return json!({"id": id, "category": "datapoint", "schema_id": of.id, "content": content});
            }
        };
        let has_children = self.has_rows || of.category != Category::Multivalue;
        let children: Vec<_> =
            of.children.iter().filter(|_| has_children).map(|child| self.node(*child)).collect();
        json!({"id": id, "category": category, "schema_id": of.id, "children": children})
    }

    fn value(&self, field: usize) -> String {
        let of = &self.schema.fields[field];
        match of.kind {
            FieldType::Number => "2".to_owned(),
            FieldType::Date => "2026-01-31".to_owned(),
            FieldType::Boolean => "true".to_owned(),
            FieldType::Text | FieldType::Nothing => {
                let options = self.schema.options_of(&of.id).unwrap_or_default();
                options.into_iter().find(|option| !option.is_empty()).unwrap_or_else(|| self.text.to_owned())
            }
        }
    }
}
