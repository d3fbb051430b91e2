//! `shape`: how a document is written without a template, with the keys that each shape has.

use toml::Spanned;

use crate::export::Document;
use crate::export::shape::{Csv, Json, Shape, Xml};
use crate::rossum::Category;
use crate::txscript::Schema;

use super::super::section::Section;
use super::ubl;

pub(super) const SHAPES: [(&str, Kind); 5] = [
    ("json", Kind::Json),
    ("csv", Kind::Csv),
    ("xml", Kind::Xml),
    ("ubl", Kind::Ubl),
    ("original", Kind::Original),
];
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Json,
    Csv,
    Xml,
    Ubl,
    Original,
}

pub(super) fn separator(section: &Section<'_>) -> char {
    let Some(text) = section.text("separator") else { return ',' };
    let mut all = text.get_ref().chars();
    match (all.next(), all.next()) {
        (Some(one), None) if !"\"\r\n".contains(one) => one,
        _ => {
            let hint = "write `separator = \";\"`";
            section.document().note(text.span(), "`separator` is one character", Some(hint));
            ','
        }
    }
}

pub(super) fn shaped(section: &Section<'_>, kind: Kind) -> Document {
    Document::Shape(match kind {
        Kind::Original => return Document::Original,
        Kind::Json => Shape::Json(Json {
            numbers: if section.has("numbers") {
                section.fields("numbers", |named| named).unwrap_or_default()
            } else {
                Vec::new()
            },
        }),
        Kind::Csv => Shape::Csv(Csv {
            columns: if section.has("columns") {
                section.fields("columns", |named| named).unwrap_or_default()
            } else {
                Vec::new()
            },
            table: table(section),
            separator: separator(section),
            joined_by: section.text("joined_by").map_or("|", Spanned::into_inner).to_owned(),
            guards_formulas: section.boolean("guard_formulas").unwrap_or(false),
        }),
        Kind::Xml => Shape::Xml(Xml { root: root(section) }),
        Kind::Ubl => Shape::Ubl(Box::new(ubl::read(section))),
    })
}

/// `table`, which must have rows or values.
fn table(section: &Section<'_>) -> Option<String> {
    let table = section.field("table")?;
    let id = *table.get_ref();
    let is_list = |schema: &Schema, id: &str| schema.category_of(id) == Some(Category::Multivalue);
    let schemas = section.hook_schemas();
    let mut known = schemas.iter().filter(|schema| schema.has(id)).peekable();
    if known.peek().is_some() && known.all(|schema| !is_list(schema, id)) {
        let tables: Vec<&str> =
            schemas.iter().flat_map(|schema| schema.ids().filter(|id| is_list(schema, id))).collect();
        let hint = match &tables[..] {
            [] => "leave it out: the schema has no table".to_owned(),
            tables => format!("there are: {}", tables.join(", ")),
        };
        section.document().note(table.span(), format!("`{id}` is no table"), Some(hint));
    }
    Some(id.to_owned())
}

/// `root`, which must be a name of XML.
fn root(section: &Section<'_>) -> String {
    let Some(root) = section.text("root") else { return "document".to_owned() };
    let text = *root.get_ref();
    let is_name = text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    if !is_name {
        let what = format!("`{text}` is no name of an XML element");
        section.document().note(
            root.span(),
            what,
            Some("begin with a letter; no blanks: `root = \"invoice\"`"),
        );
    }
    text.to_owned()
}
