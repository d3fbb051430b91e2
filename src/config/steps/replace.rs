//! `use = "replace"`.

use regex::Regex;

use crate::rossum::SourcesPlace;
use crate::steps::Blueprint;
use crate::steps::replace::{Replace, python_replacement};

use super::super::document::Place;
use super::super::known::Known;
use super::super::schemas::look_at_text;
use super::super::section::Section;

pub(super) fn read(section: &Section<'_>, _: &Known) -> Option<Box<dyn Blueprint>> {
    let target = section.written_field("target").map(|target| target.into_inner().to_owned());
    let field = match target {
        Some(_) => section.required_field("field", "\"document_id\""),
        None => section.required_written_field("field", "\"document_id\""),
    };
    if let (Some(field), Some(target)) = (&field, section.text("target")) {
        super::pairs::look(section, field.get_ref(), &target);
    }
    section.required_text_or_blank("pattern", "'[^0-9]'");
    let pattern = section.regex("pattern");
    let with = match section.required_text_or_blank("with", "''") {
        Some(with) => python_replacement(with.get_ref(), pattern.as_ref())
            .map_err(|problem| section.document().note(with.span(), problem, None::<&str>))
            .ok(),
        None => None,
    };
    if let (Some(pattern), Some(with), Some(text)) = (&pattern, &with, section.text_or_blank("with"))
        && let Some(target) = target.as_deref().or(field.as_ref().map(|field| *field.get_ref()))
        && is_whole(pattern.as_str())
        && !with.contains('$')
    {
        look_at_text(section, &text.span(), target, with);
    }
    if let (Some(pattern), Some(text)) = (&pattern, section.text_or_blank("with")) {
        look_at_groups(section, &text.span(), text.get_ref(), pattern);
    }
    if let (Some(pattern), Some(with)) = (&pattern, &with) {
        tell_of_nothing(section, pattern, with);
    }
    let places =
        [("beside_content", SourcesPlace::BesideContent), ("inside_content", SourcesPlace::InsideContent)];
    let sources_place = section.choice("validation_sources_place", &places).unwrap_or_default();
    let validation_sources = super::validation_sources(section);
    let field = field?.into_inner().to_owned();
    Some(Box::new(Replace {
        field,
        target,
        pattern: pattern?,
        with: with?,
        validation_sources,
        sources_place,
    }))
}

/// Whether a pattern takes the whole text, so that what replaces it is all that is written: it begins with `^` and ends
/// with `$`, and every `|` is in a group.
fn is_whole(pattern: &str) -> bool {
    let pattern = ["(?s)", "(?i)"].iter().fold(pattern, |rest, flag| rest.trim_start_matches(flag));
    let Some(inner) = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')) else { return false };
    let (mut depth, mut in_class) = (0_usize, false);
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.next().is_none() => return false, // the `$` is a letter
            '[' => in_class = true,
            ']' => in_class = false,
            _ if in_class => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return false,
            '^' | '$' => return false,
            _ => {}
        }
    }
    true
}

/// Texts of which one at least has, within, no place where a pattern such as `[^0-9]*` takes something.
const SAMPLES: [&str; 4] = ["AB-12", "4711", "ab c,d", "(x)/y_"];

/// Tells of a text that comes between all letters, because the pattern is found where there is nothing: it is tried.
fn tell_of_nothing(section: &Section<'_>, pattern: &Regex, with: &str) {
    let bounds = ["\\b", "\\B", "\\<", "\\>"];
    if with.is_empty() || bounds.into_iter().any(|bound| pattern.as_str().contains(bound)) {
        return;
    }
    // What is put before or behind the whole text is meant.
    let is_within = |text: &str| {
        pattern.find_iter(text).any(|one| one.is_empty() && one.start() > 0 && one.end() < text.len())
    };
    if let Some(text) = SAMPLES.iter().find(|text| is_within(text)) {
        let what = format!(
            "`pattern` is also found where there is nothing, so `with` comes between all letters: `{text}` becomes `{}`; `^…$` takes a text as a whole, `+` for `*` at least one letter",
            pattern.replace_all(text, with)
        );
        section.remark(&section.place_of("pattern"), &what);
    }
}

/// Groups as JavaScript and the shell write them, and placeholders of fields: all of that is written as it stands.
fn look_at_groups(section: &Section<'_>, place: &Place, with: &str, pattern: &Regex) {
    let has = |name: &str| match name.parse::<usize>() {
        Ok(number) => number < pattern.captures_len(),
        Err(_) => pattern.capture_names().flatten().any(|known| known == name),
    };
    let groups = || {
        let named: Vec<_> = pattern.capture_names().flatten().map(|name| format!("`\\g<{name}>`")).collect();
        match (pattern.captures_len() - 1, named.is_empty()) {
            (0, _) => {
                "the pattern has no groups: put `(…)` around what is to be kept, and write `\\1`".to_owned()
            }
            (1, true) => "the pattern has one group: write `\\1`".to_owned(),
            (count, true) => format!("the pattern has {count} groups: write `\\1` to `\\{count}`"),
            _ => format!("the pattern's groups are: {}", named.join(", ")),
        }
    };
    for (at, _) in with.match_indices('$') {
        if with[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1 {
            continue; // `\$` is the sign
        }
        let rest = &with[at + 1..];
        let braced = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(name, _)| name);
        if let Some(name) = braced.filter(|name| is_name(name)) {
            let what = format!("`${{{name}}}` is not a group here: it is written as it stands");
            let hint = match (has(name), name.parse::<usize>()) {
                (true, Ok(_)) => format!("write `\\{name}`"),
                (true, Err(_)) => format!("write `\\g<{name}>`"),
                _ => groups(),
            };
            section.document().note(place.clone(), what, Some(hint));
            return;
        }
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let is_amount =
            rest[digits.len()..].starts_with(['.', ',']) || digits.starts_with('0') || digits.len() > 2;
        if digits.is_empty() || is_amount {
            continue;
        }
        let what = format!("`${digits}` is not a group here: it is written as it stands");
        let hint = if has(&digits) {
            format!("write `\\{digits}`")
        } else {
            format!("{}; dollars are `\\${digits}`", groups())
        };
        section.document().note(place.clone(), what, Some(hint));
        return;
    }
    let schemas = section.hook_schemas();
    for name in with.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.trim()) {
        let id = name.strip_prefix("field.").unwrap_or(name);
        if is_name(id) && schemas.iter().any(|schema| schema.kind_of(id).is_some()) {
            let what = format!(
                "`with` has no placeholders: `{{{name}}}` is written as it stands, and not the value of `{id}`; `formulas` or `function` put fields together"
            );
            section.remark(place, &what);
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}
