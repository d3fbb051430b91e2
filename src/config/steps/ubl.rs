//! The keys of `shape = "ubl"`, and the fields that it needs of the hook's schemas.

use std::collections::{BTreeSet, HashMap};

use toml::Spanned;
use toml::de::DeValue;

use crate::export::shape::{
    Holds, KINDS, Kind, Mismatch, NEEDED, Ubl, fields as known_fields, holds, is_single, is_unit_code,
    rows_of, type_word,
};
use crate::rossum::Category;
use crate::txscript::{FieldType, Schema};

use super::super::section::Section;
use crate::steps::nearest::nearest;

pub(super) fn read(section: &Section<'_>) -> Ubl {
    let mismatch = section.choice("mismatch", &[("refuse", Mismatch::Refuse), ("warn", Mismatch::Warn)]);
    let schemas = section.hook_schemas();
    let labels = schemas.iter().flat_map(|schema| schema.labels());
    let ubl = Ubl {
        fields: fields(section),
        values: values(section),
        labels: labels.map(|(id, label)| (id.to_owned(), label.to_owned())).collect(),
        document: section.choice("document", &KINDS),
        document_types: document_types(section),
        units: units(section),
        mismatch: mismatch.unwrap_or_default(),
        tolerance: section.decimal("tolerance"),
    };
    note_absent(section, &ubl);
    ubl
}

/// The entries of a table of texts; one that is no text is noted.
fn texts<'d>(section: &Section<'d>, key: &'static str) -> Vec<(Spanned<&'d str>, Spanned<&'d str>)> {
    let entries = section.section(key).map(|own| own.entries()).unwrap_or_default();
    let text = |(name, value): (Spanned<&'d str>, &'d Spanned<DeValue<'d>>)| match value.get_ref().as_str() {
        Some(text) => Some((name, Spanned::new(value.span(), text))),
        None => {
            let what = format!("`{}` is no text", name.get_ref());
            section.document().note(value.span(), what, None::<&str>);
            None
        }
    };
    entries.into_iter().filter_map(text).collect()
}

fn note_no_word(section: &Section<'_>, word: &Spanned<&str>, what: String) {
    let words = known_fields().map(|field| field.word);
    let hint = nearest(word.get_ref(), words).filter(|near| near != word.get_ref()).map_or_else(
        || "the words are in docs/export.md".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    section.document().note(word.span(), what, Some(hint));
}

/// `fields = { supplier_name = "vendor_name" }`.
fn fields(section: &Section<'_>) -> HashMap<String, String> {
    let mut all = HashMap::new();
    for (word, field) in texts(section, "fields") {
        if known_fields().any(|known| known.word == *word.get_ref()) {
            section.names_field(field.span(), field.get_ref());
            refuse_other_type(section, word.get_ref(), &field);
            all.insert((*word.get_ref()).to_owned(), (*field.get_ref()).to_owned());
        } else {
            note_no_word(section, &word, format!("an invoice has no `{}`", word.get_ref()));
        }
    }
    all
}

/// A field that never holds what its word stands for.
fn refuse_other_type(section: &Section<'_>, word: &str, field: &Spanned<&str>) {
    let id = *field.get_ref();
    let what_is = |schema: &Schema| -> Option<String> {
        let is = match (schema.category_of(id)?, schema.kind_of(id)?) {
            (Category::Section, _) => "a section",
            (Category::Tuple, _) => "a row",
            (Category::Multivalue, _) if holds(word) == Holds::Rows => {
                return (!schema.has_rows(id)).then(|| "a list of values, and no table".to_owned());
            }
            (Category::Multivalue, _) if schema.has_rows(id) => "a table",
            (Category::Multivalue, _) => return None,
            (Category::Datapoint, FieldType::Nothing) => "a button",
            (Category::Datapoint, kind) => match (holds(word), kind) {
                (Holds::Rows, _) => "no table",
                (Holds::Date | Holds::Amount, FieldType::Boolean) => "true or false",
                (Holds::Date, FieldType::Number) => "a number",
                (Holds::Amount, FieldType::Date) => "a date",
                (Holds::Text, FieldType::Date | FieldType::Number)
                    if matches!(word, "currency" | "supplier_name" | "customer_name") =>
                {
                    if kind == FieldType::Date { "a date" } else { "a number" }
                }
                _ if rows_of(word).is_some() && schema.table_of(id).is_none() => "no column of a table",
                _ => return None,
            },
        };
        Some(is.to_owned())
    };
    let schemas = section.hook_schemas();
    let mut found = schemas.iter().map(|schema| what_is(schema));
    if let Some(Some(is)) = found.next()
        && found.all(|other| other.is_some())
    {
        let wanted = match holds(word) {
            Holds::Text => "a text",
            Holds::Date => "a date",
            Holds::Amount => "an amount",
            Holds::Rows => "a table",
        };
        let place = if rows_of(word).is_some() { " of each row" } else { "" };
        let what = format!("`{word}` is {wanted}{place}, and `{id}` is {is} in the schema");
        section.document().note(field.span(), what, Some("name another field, or leave the word out"));
    }
}

/// `values = { currency = "EUR", customer_name = "ACME" }`.
fn values(section: &Section<'_>) -> HashMap<String, String> {
    let mut all = HashMap::new();
    for (word, text) in texts(section, "values") {
        if !is_single(word.get_ref()) {
            let what = format!("`{}` is no field of an invoice's header", word.get_ref());
            note_no_word(section, &word, what);
        } else if let Err(why) = Ubl::check_value(word.get_ref(), text.get_ref()) {
            section.document().note(text.span(), format!("`{}`: {why}", text.get_ref()), None::<&str>);
        } else {
            all.insert((*word.get_ref()).to_owned(), (*text.get_ref()).to_owned());
        }
    }
    all
}

/// `document_types = { receipt = "invoice" }`.
fn document_types(section: &Section<'_>) -> HashMap<String, Kind> {
    let mut all = HashMap::new();
    for (word, kind) in texts(section, "document_types") {
        match KINDS.iter().find(|(known, _)| known == kind.get_ref()) {
            Some((_, kind)) => {
                all.insert(type_word(word.get_ref()), *kind);
            }
            None => {
                let words = KINDS.map(|(word, _)| word).join(", ");
                let what = format!("`{}` is no kind of document", kind.get_ref());
                section.document().note(kind.span(), what, Some(format!("write one of {words}")));
            }
        }
    }
    all
}

/// `units = { krabice = "XBX" }`.
fn units(section: &Section<'_>) -> HashMap<String, String> {
    let mut all = HashMap::new();
    for (word, code) in texts(section, "units") {
        if !is_unit_code(code.get_ref()) {
            let hint = "write a code of UN/ECE Recommendation 20, such as KGM, or of 21 with an X in front, such as XBX";
            section.document().note(code.span(), format!("`{}` is no unit", code.get_ref()), Some(hint));
        }
        all.insert(word.get_ref().trim().to_lowercase(), (*code.get_ref()).to_owned());
    }
    all
}

/// Notes fields that a document must have and no schema of the hook has.
fn note_absent(section: &Section<'_>, ubl: &Ubl) {
    let schemas = section.hook_schemas();
    if schemas.is_empty() {
        return;
    }
    let standard = |word: &str| known_fields().find(|field| field.word == word).map_or("", |field| field.id);
    let has = |id: &str| schemas.iter().any(|schema| schema.has(id));
    for (words, why) in NEEDED {
        // What `fields` names is looked at where it stands.
        let is_there = |word: &&str| {
            ubl.fields.contains_key(*word) || ubl.values.contains_key(*word) || has(standard(word))
        };
        if words.iter().any(is_there) || (words == ["lines"] && has_one_table(section, ubl)) {
            continue;
        }
        let ids: Vec<String> = words.iter().map(|word| format!("`{}`", standard(word))).collect();
        let what = format!("the schema has no field {}: {why}", ids.join(" or "));
        let word = words.first().copied().unwrap_or_default();
        let mut hint = format!("name yours: `fields = {{ {word} = \"…\" }}`");
        if is_single(word) {
            let always = format!(", or say what it always is: `values = {{ {word} = \"…\" }}`");
            hint.push_str(&always);
        }
        section.document().note(section.place_of("shape"), what, Some(hint));
    }
}

/// Whether there is one table that the lines can be taken from.
fn has_one_table(section: &Section<'_>, ubl: &Ubl) -> bool {
    let standard = known_fields().find(|field| field.word == "tax_details").map_or("", |field| field.id);
    let details = ubl.fields.get("tax_details").map_or(standard, String::as_str);
    section.hook_schemas().iter().any(|schema| {
        let tables: BTreeSet<&str> = schema.ids().filter_map(|id| schema.table_of(id)).collect();
        tables.into_iter().filter(|table| *table != details).count() == 1
    })
}
