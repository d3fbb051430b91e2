//! `shape`: how a document is written without a template, with the keys that each shape has.

use crate::export::Document;
use crate::export::shape::{Json, Shape, Xml};

use super::super::section::Section;
use super::{delimited, ubl};

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
        Kind::Csv => Shape::Csv(delimited::read(section)),
        Kind::Xml => Shape::Xml(Xml { root: root(section) }),
        Kind::Ubl => Shape::Ubl(Box::new(ubl::read(section))),
    })
}

/// `root`, which must be a name of XML.
fn root(section: &Section<'_>) -> String {
    let Some(root) = section.text("root") else { return "document".to_owned() };
    let text = *root.get_ref();
    let is_name = text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    if !is_name {
        let what = format!("`{text}` is not a name of an XML element");
        section.document().note(
            root.span(),
            what,
            Some("begin with a letter; no blanks: `root = \"invoice\"`"),
        );
    }
    text.to_owned()
}
