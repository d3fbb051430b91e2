//! How a file of records is written: the same keys wherever one is named.

use std::io::Read as _;
use std::path::Path;

use crate::data::{self, Encoding, FORMATS_OF, Format, Layout, Sheet};

use super::section::Section;

const FORMATS: [(&str, Format); 3] =
    [("csv", Format::Csv), ("jsonl", Format::JsonLines), ("xlsx", Format::Workbook)];

/// Lines before the header, or after the records.
const MOST_LINES: usize = 1_000_000;

/// What to do with a file whose format its name does not show.
fn hint_of(file: &Path) -> &'static str {
    let end = file.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase);
    match end.as_deref() {
        Some("json") => {
            "write `format = \"jsonl\"` where each line is a record, as in `{\"id\": \"1\"}`; else save it so, or as CSV"
        }
        Some("xls" | "xlsb" | "xlsm" | "ods") => "save it as .xlsx, or as CSV",
        Some("xml" | "yaml" | "yml" | "parquet") => "save it as CSV, as JSON lines or as .xlsx",
        _ => "write `format = \"csv\"`, \"jsonl\" or \"xlsx\"",
    }
}

/// Whether a file is JSON by its name and by what it begins with.
fn is_json(file: &Path) -> bool {
    let is_named = file.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let start = || {
        let mut start = Vec::new();
        std::fs::File::open(file).ok()?.take(64).read_to_end(&mut start).ok()?;
        start.trim_ascii_start().first().copied()
    };
    is_named && matches!(start(), Some(b'[' | b'{'))
}

/// The format of a file that does not show it by its name is `otherwise`; where there is none, it must be said.
pub(super) fn layout(
    section: &Section<'_>,
    file: Option<&Path>,
    otherwise: Option<Format>,
) -> Option<Layout> {
    let document = section.document();
    let format = section.choice("format", &FORMATS);
    let otherwise = otherwise.filter(|_| !file.is_some_and(is_json));
    let format = format.or_else(|| Format::of(file?)).or(otherwise);
    if let (None, Some(file), false) = (format, file, section.has("format")) {
        let name = file.file_name().unwrap_or_default().display();
        let what = format!("it is not clear what kind of file {name} is");
        document.note(section.place_of("file"), what, Some(hint_of(file)));
    }
    let separator = section.text_or_blank("separator").and_then(|text| {
        let known = data::separator(text.get_ref());
        if known.is_none() {
            document.note(
                text.span(),
                "`separator` must be one ASCII character, or \"tab\"",
                Some("write `separator = \";\"`"),
            );
        }
        known
    });
    let encoding = section.text("encoding").and_then(|name| {
        let known = Encoding::of(name.get_ref());
        if known.is_none() {
            let what = format!("there is no encoding `{}`", name.get_ref());
            let hint = "write `encoding = \"windows-1250\"`, or windows-1252, iso-8859-2, cp852, utf-16le";
            document.note(name.span(), what, Some(hint));
        }
        known
    });
    let sheet = section.text_or_integer("sheet").and_then(|sheet| match sheet {
        Ok(name) if name.trim().is_empty() => {
            let hint = "write `sheet = 1`, or its name in quotes";
            document.note(section.place_of("sheet"), "`sheet` is empty", Some(hint));
            None
        }
        Ok(name) => Some(Sheet::Name(name)),
        Err(number) => {
            let number = usize::try_from(number).ok().filter(|number| *number > 0);
            if number.is_none() {
                let hint = "write `sheet = 1`, or its name in quotes";
                document.note(section.place_of("sheet"), "sheets are numbered from 1", Some(hint));
            }
            number.map(Sheet::Number)
        }
    });
    let head = section.count("head", 1..=MOST_LINES).map(|line| line as u64);
    let foot = section.count("foot", 0..=MOST_LINES).unwrap_or(0);
    for (key, formats) in FORMATS_OF.into_iter().filter(|(key, _)| section.has(key)) {
        if let Some(format) = format.filter(|format| !formats.contains(format)) {
            let what = format!("`{key}` says nothing of {}", format.words());
            document.note(section.place_of(key), what, Some("leave it out, or correct `format`"));
        }
    }
    Some(Layout { separator, encoding, sheet, head, foot, ..Layout::of(format?) })
}
