//! Templates of JSON and XML are tried at load: what they make is read as its receiver reads it.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::export::formed::{Format, Malformed};
use crate::export::tried::Trial;
use crate::export::{Escape, Template};

use super::super::document::Place;
use super::super::section::Section;
use super::trials;

/// What trying a template may take.
const TIME: Duration = Duration::from_secs(1);
/// Texts that are a part of a document of JSON or XML, or a whole one: a field may hold that.
const PARTS: [&str; 6] = ["", "\"x\"", "{}", "\"a\": 1", "<x/>", "<?xml version=\"1.0\"?><x/>"];
/// Texts as people write them.
const ODD: [&str; 2] = ["R & D <b>", "12\" pipe"];

/// Refuses a template whose text no reader takes, whatever stands in the fields; notes one that some values spoil.
pub(super) fn look_at(
    section: &Section<'_>,
    title: &str,
    place: &Place,
    template: &Template,
    (format, escape): (Format, Escape),
) {
    let until = Instant::now() + TIME;
    let schemas = section.hook_schemas();
    let (mut first, mut some, mut has_passed) = (None::<Malformed>, None::<Malformed>, false);
    let read = |trial: &Trial| template.made(trial).map(|text| format.malformed(&text));
    let is_whole = trials::each(template, &schemas, None, &mut |trial, is_plain| {
        if Instant::now() > until {
            return ControlFlow::Break(());
        }
        match read(&trial) {
            Some(Some(malformed)) if is_plain => some = some.take().or(Some(malformed)),
            Some(Some(malformed)) => first = first.take().or(Some(malformed)),
            Some(None) => has_passed = true,
            None => {}
        }
        ControlFlow::Continue(())
    });
    let Some(always) = some.clone().or(first).filter(|_| !has_passed && is_whole) else {
        if has_passed && !schemas.is_empty() {
            note(section, title, place, template, (format, escape), some);
        }
        return;
    };
    for part in PARTS {
        let _ = trials::each(template, &schemas, Some(part), &mut |trial, _| {
            let brought = Trial { brought: json!(part), ..trial };
            has_passed = has_passed || matches!(read(&brought), Some(None));
            if has_passed || Instant::now() > until {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    }
    if has_passed || Instant::now() > until {
        return;
    }
    let what = format!(
        "`{title}`: what it makes is not {}, whatever the fields contain: {}",
        format.name(),
        told(&always)
    );
    let hint = match format {
        Format::Json => {
            "`{{ field.x | tojson }}` writes a text with its quotes; a comma stands only between the parts of a list: `{% if not loop.last %},{% endif %}`"
        }
        Format::Xml => {
            "one element holds all others, each has its end, and `&` is written `&amp;`; `{{ field.x | xml }}` does so for a value"
        }
    };
    section.document().note(place.clone(), what, Some(hint));
}

/// Says which values spoil what a template makes.
fn note(
    section: &Section<'_>,
    title: &str,
    place: &Place,
    template: &Template,
    (format, escape): (Format, Escape),
    some: Option<Malformed>,
) {
    let schemas = section.hook_schemas();
    let name = format.name();
    if let Some(malformed) = some {
        // What a delivery brings may have the type that belongs there.
        if !template.reads_brought() {
            let cure = match format {
                Format::Json => "`{{ field.x | tojson }}` writes a text with its quotes",
                Format::Xml => "`{{ field.x | xml }}` writes a value as XML has it",
            };
            let what = format!(
                "`{title}`: what it makes is not {name} with some values: {}; {cure}",
                told(&malformed)
            );
            section.remark(place, &what);
        }
        return;
    }
    for text in ODD {
        let mut found = None;
        let _ = trials::each(template, &schemas, Some(text), &mut |trial, _| {
            let brought = Trial { brought: json!(1), ..trial };
            found = template.made(&brought).and_then(|text| format.malformed(&text));
            ControlFlow::Break(())
        });
        if let Some(malformed) = found {
            let (word, filter) = match format {
                Format::Json => ("json", "`\"{{ field.x | json }}\"`"),
                Format::Xml => ("xml", "`{{ field.x | xml }}`"),
            };
            let cure = if escape == Escape::None {
                format!("write `escape = \"{word}\"`, or {filter}")
            } else {
                format!("write {filter}")
            };
            let what = format!(
                "`{title}`: what it makes is not {name} where a text has a quote, `&` or `<`: {}; {cure}",
                told(&malformed)
            );
            section.remark(place, &what);
            return;
        }
    }
}

fn told(Malformed { line, column, what, text }: &Malformed) -> String {
    format!("line {line}, column {column} of the text: {what}: `{text}`")
}
