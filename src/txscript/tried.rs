//! Code that fails for every document: pieces of it are run over documents that a schema could give.

use serde_json::{Value as Json, json};

use crate::rossum::{Category, Journal, Payload};

use super::compile::{Language, Piece, Variables};
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

/// What fails of these pieces with every document.
pub(super) fn failing(pieces: &[Piece], language: Language, schema: &Schema) -> Vec<Problem> {
    if pieces.is_empty() || language == Language::MasterData {
        return Vec::new();
    }
    let bodies = ["x", "1"].map(|text| body(schema, text).to_string());
    let [Ok(one), Ok(other)] = [&bodies[0], &bodies[1]].map(|body| Payload::read(body.as_bytes())) else {
        return Vec::new();
    };
    let (Some(first), Some(second)) = (&one.annotation, &other.annotation) else { return Vec::new() };
    let journal = Journal::default();
    let documents = [
        Document::new(first, &journal, schema, bodies[0].as_bytes()),
        Document::new(second, &journal, schema, bodies[1].as_bytes()),
    ];
    let mut found = Vec::new();
    for piece in pieces {
        look(piece, language, &documents, &mut found);
    }
    found
}

/// Tells of the innermost piece that fails: what is around it fails for it.
fn look(piece: &Piece, language: Language, documents: &[Document<'_>; 2], found: &mut Vec<Problem>) {
    let Some(why) = fails(piece, language, documents) else { return };
    let before = found.len();
    for inner in &piece.inner {
        look(inner, language, documents, found);
    }
    if found.len() == before {
        let message = format!("this fails for every document: {why}");
        found.push(Problem { message, hint: Some(cure(&why)), ..piece.place.clone() });
    }
}

/// Why it fails, where it does so with all documents and for types alone.
fn fails(piece: &Piece, language: Language, documents: &[Document<'_>; 2]) -> Option<String> {
    let script = match language {
        Language::BusinessRule => Script::business_rule("tried", &piece.source, &Variables::new()),
        _ => Script::new("tried", &piece.source),
    };
    let script = script.ok()?;
    let mut why = None;
    for document in documents {
        let row = script.table(document.schema).map(|table| (table, 0));
        let (result, _) = script.run(document, row, LIMITS);
        let text = result.err().map(|failure| failure.text)?;
        // What is empty may be filled in another document; what has several values is told of otherwise.
        let of_types = text.strip_prefix("TypeError: ")?;
        if of_types.contains("NoneType")
            || of_types.starts_with("Ambiguous")
            || of_types.contains("argument(s)")
        {
            return None;
        }
        why = Some(text);
    }
    why
}

/// What to do about it: the first line of which all words are said.
fn cure(why: &str) -> String {
    const CURES: [(&[&str], &str); 15] = [
        (&["fromisoformat"], "the field is a date already: leave `date.fromisoformat` out"),
        (&["'datetime.timedelta'"], "the days of a time between two dates are `(…).days`"),
        (&["+: 'datetime.date' and 'datetime.date'"], "the time between two dates is their difference, `-`"),
        (&["+: 'datetime.date'"], "a day some days later is `field.x + timedelta(days=30)`"),
        (&["-: 'datetime.date'"], "a day some days earlier is `field.x - timedelta(days=30)`"),
        (
            &["datetime.datetime", "datetime.date"],
            "compare it with a day: `date.today()`, `date(2026, 1, 31)`",
        ),
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
    ];
    let cure = CURES.iter().find(|(words, _)| words.iter().all(|word| why.contains(word)));
    cure.map_or("compare what the schema says of these fields' types", |(_, cure)| cure).to_owned()
}

/// A delivery with a value in each field, in which a text is this one.
fn body(schema: &Schema, text: &str) -> Json {
    let mut made = Made { schema, text, id: 0 };
    let sections = (0..schema.fields.len()).filter(|field| schema.fields[*field].parent.is_none());
    let content: Vec<_> = sections.map(|field| made.node(field)).collect();
    json!({"annotation": {"id": 1, "content": content}})
}

struct Made<'s> {
    schema: &'s Schema,
    text: &'s str,
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
        let children: Vec<_> = of.children.iter().map(|child| self.node(*child)).collect();
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
