//! `[[dataset]]`: a file that is kept as a dataset.

use crate::data::{self, Format, Layout, Watched};

use super::columns::look_at_file;
use super::section::Section;

const FORMATS: [(&str, Format); 3] =
    [("csv", Format::Csv), ("jsonl", Format::JsonLines), ("xlsx", Format::Workbook)];

pub(super) fn read_all(root: &Section<'_>) -> Vec<Watched> {
    let mut all: Vec<Watched> = Vec::new();
    for section in root.sections("dataset") {
        let watched = read(&section);
        if let Some(watched) = watched {
            look_at_file(&section, &watched);
            if all.iter().any(|other| other.name == watched.name) {
                section.wrong(format!("two datasets have the name `{}`", watched.name), "give each its own");
            }
            all.push(watched);
        }
        section.finish();
    }
    all
}

fn read(section: &Section<'_>) -> Option<Watched> {
    let document = section.document();
    let name = section.required_text("name", "\"vendors\"").map(|name| (*name.get_ref()).to_owned());
    let file = section.required_text("file", "\"vendors.csv\"");
    let path = file.as_ref().map(|file| document.resolve(file.get_ref()));
    let format = section.choice("format", &FORMATS);
    let format = format.or_else(|| Format::of(path.as_ref()?));
    if let (None, Some(file), false) = (format, &file, section.has("format")) {
        let what = format!("what kind of file {} is does not show", file.get_ref());
        document.note(file.span(), what, Some("write `format = \"csv\"`"));
    }
    let separator = section.text("separator").and_then(|text| match text.get_ref().as_bytes() {
        [one] if one.is_ascii() => Some(*one),
        _ => {
            document.note(
                text.span(),
                "`separator` must be one ASCII character",
                Some("write `separator = \";\"`"),
            );
            None
        }
    });
    let encoding = section.text("encoding").and_then(|label| {
        let known = data::encoding(label.get_ref());
        if known.is_none() {
            let what = format!("there is no encoding `{}`", label.get_ref());
            document.note(label.span(), what, Some("write `encoding = \"windows-1252\"`"));
        }
        known
    });
    let columns = |key| if section.has(key) { section.columns(key).unwrap_or_default() } else { Vec::new() };
    let [key, indexed, near] = ["key", "index", "near"].map(columns);
    Some(Watched {
        name: name?,
        file: path?,
        layout: Layout { format: format?, separator, encoding },
        key,
        indexed,
        near,
    })
}
