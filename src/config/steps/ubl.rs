//! The keys of `shape = "ubl"`, and the fields that it needs of the hook's schemas.

use std::collections::{BTreeSet, HashMap};

use toml::Spanned;
use toml::de::DeValue;

use crate::export::shape::{
    Holds, KINDS, Kind, Mismatch, NEEDED, Ubl, Usable, fields as known_fields, holds, is_single,
    is_unit_code, rows_of, type_word,
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
    for (word, field) in texts(section, "fields") {
        look_at_place(section, &ubl, word.get_ref(), &field);
    }
    look_at_values(section, &ubl);
    note_absent(section, &ubl);
    ubl
}

/// The entries of a table of texts; one that is no text is noted.
fn texts<'d>(section: &Section<'d>, key: &'static str) -> Vec<(Spanned<&'d str>, Spanned<&'d str>)> {
    let entries = section.section(key).map(|own| own.entries()).unwrap_or_default();
    let text = |(name, value): (Spanned<&'d str>, &'d Spanned<DeValue<'d>>)| match value.get_ref().as_str() {
        Some(text) => Some((name, Spanned::new(value.span(), text))),
        None => {
            let what = format!("`{}` is not a text", name.get_ref());
            section.document().note(value.span(), what, None::<&str>);
            None
        }
    };
    entries.into_iter().filter_map(text).collect()
}

fn note_no_word(section: &Section<'_>, word: &Spanned<&str>, what: String) {
    let words = known_fields().map(|field| field.word);
    let known = known_fields().map(|field| field.word).collect::<Vec<_>>().join(", ");
    let hint = nearest(word.get_ref(), words)
        .filter(|near| near != word.get_ref())
        .map_or_else(|| format!("the words are: {known}"), |near| format!("did you mean `{near}`?"));
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

/// The id of a word's field: that of `fields`, or else the usual one.
fn id_of<'u>(ubl: &'u Ubl, word: &str) -> &'u str {
    let standard = known_fields().find(|field| field.word == word).map_or("", |field| field.id);
    ubl.fields.get(word).map_or(standard, String::as_str)
}

/// The table that the lines or the tax details are taken from.
fn table_of<'s>(schema: &'s Schema, ubl: &'s Ubl, word: &str) -> Option<&'s str> {
    let id = id_of(ubl, word);
    if schema.has_rows(id) {
        return Some(id);
    }
    if word != "lines" || ubl.fields.contains_key("lines") {
        return None;
    }
    let details = id_of(ubl, "tax_details");
    let tables: BTreeSet<&str> = schema.ids().filter_map(|id| schema.table_of(id)).collect();
    let mut others = tables.into_iter().filter(|table| *table != details);
    let only = others.next();
    only.filter(|_| others.next().is_none())
}

/// Refuses a column where a field of the header belongs, and one of another table than its row's.
fn look_at_place(section: &Section<'_>, ubl: &Ubl, word: &str, field: &Spanned<&str>) {
    let id = *field.get_ref();
    let astray = |schema: &Schema| -> Option<String> {
        let own = schema.table_of(id)?;
        let Some(rows) = rows_of(word) else {
            return is_single(word).then(|| format!("`{id}` is a column of `{own}`"));
        };
        let of = if rows == "lines" { "the lines are" } else { "the details of the tax are" };
        match table_of(schema, ubl, rows) {
            Some(wanted) => {
                (own != wanted).then(|| format!("`{id}` is a column of `{own}`, and {of} in `{wanted}`"))
            }
            None => Some(format!("no table says where {of}: `fields = {{ {rows} = \"{own}\" }}` would")),
        }
    };
    let schemas = section.hook_schemas();
    let found: Vec<_> = schemas.iter().map(|schema| astray(schema)).collect();
    if let Some(Some(is)) = found.first()
        && found.iter().all(Option::is_some)
    {
        let of = match rows_of(word) {
            None => "a field of the header",
            Some("lines") => "a column of the lines",
            Some(_) => "a column of the details of the tax",
        };
        section.document().note(
            field.span(),
            format!("`{word}` is {of}, and {is}"),
            Some("name another field, or leave the word out"),
        );
    }
}

/// `values = { currency = "EUR", customer_name = "ACME" }`.
fn values(section: &Section<'_>) -> HashMap<String, String> {
    let mut all = HashMap::new();
    for (word, text) in texts(section, "values") {
        if !is_single(word.get_ref()) {
            let what = format!("`{}` is not a field of an invoice's header", word.get_ref());
            note_no_word(section, &word, what);
            continue;
        }
        if text.get_ref().trim().is_empty() {
            let hint = "write the value for documents that have none, or leave it out";
            section.document().note(text.span(), format!("`{}` is empty", word.get_ref()), Some(hint));
        }
        all.insert((*word.get_ref()).to_owned(), text.get_ref().trim().to_owned());
    }
    all
}

/// Values that no document can be made with, and those that some cannot.
fn look_at_values(section: &Section<'_>, ubl: &Ubl) {
    for (word, text) in texts(section, "values") {
        let (word, value) = (*word.get_ref(), text.get_ref().trim());
        if !is_single(word) || value.is_empty() {
            continue;
        }
        match ubl.check_value(word, value) {
            Usable::Yes => {}
            Usable::Perhaps(why) => section.remark(&text.span(), &format!("`{word}` is `{value}`: {why}")),
            Usable::No(why) => {
                section.document().note(text.span(), format!("`{value}`: {why}"), None::<&str>);
            }
        }
    }
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
                let what = format!("`{}` is not a kind of document", kind.get_ref());
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

/// Notes what a document must have and neither the schema nor the settings give.
fn note_absent(section: &Section<'_>, ubl: &Ubl) {
    let schemas = section.hook_schemas();
    for (words, why) in NEEDED {
        let is_left_out = |word: &&str| ubl.fields.get(*word).is_some_and(String::is_empty);
        let gives = |word: &&str| ubl.values.contains_key(*word);
        if words.iter().all(is_left_out) && !words.iter().any(gives) {
            let what = format!("`fields` leaves `{}` out: {why}", words.join("` and `"));
            section.document().note(section.place_of("fields"), what, Some("name the field that has it"));
            continue;
        }
        if schemas.is_empty() {
            continue;
        }
        let has = |schema: &Schema, word: &str| {
            let id = id_of(ubl, word);
            match rows_of(word) {
                // A column of another table is of no use; what `fields` names is looked at where it stands.
                Some(rows) if !ubl.fields.contains_key(word) => {
                    schema.has(id)
                        && table_of(schema, ubl, rows).is_none_or(|table| schema.table_of(id) == Some(table))
                }
                None if word == "lines" => schema.has(id) || table_of(schema, ubl, word).is_some(),
                _ => schema.has(id),
            }
        };
        let is_there = |word: &&str| {
            let names = ubl.fields.get(*word).is_some_and(|id| !id.is_empty());
            names || gives(word) || schemas.iter().any(|schema| has(schema, word))
        };
        if words.iter().any(is_there) {
            continue;
        }
        let standard =
            |word: &&&str| known_fields().find(|field| field.word == **word).map_or("", |field| field.id);
        let ids: Vec<String> = words.iter().map(|word| format!("`{}`", standard(&word))).collect();
        let table = words.first().and_then(|word| rows_of(word));
        let table = table.and_then(|rows| table_of(schemas.first()?, ubl, rows));
        let what = match table {
            Some(table) => {
                format!("`{table}`, where the lines are, has no column {}: {why}", ids.join(" or "))
            }
            None => format!("the schema has no field {}: {why}", ids.join(" or ")),
        };
        let word = words.first().copied().unwrap_or_default();
        let mut hint = format!("name yours: `fields = {{ {word} = \"…\" }}`");
        if is_single(word) {
            let always = format!(", or say what it always is: `values = {{ {word} = \"…\" }}`");
            hint.push_str(&always);
        }
        section.document().note(section.place_of("shape"), what, Some(hint));
    }
}
