//! `use = "replace"`.

use regex::Regex;

use crate::rossum::SourcesPlace;
use crate::steps::Blueprint;
use crate::steps::replace::{Replace, python_replacement};

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
    section.required_text("pattern", "'[^0-9]'");
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

/// Tells of a text that comes between all letters, because the pattern is found where there is nothing.
fn tell_of_nothing(section: &Section<'_>, pattern: &Regex, with: &str) {
    let is_bound = pattern.as_str().contains(['^', '$']) || pattern.as_str().contains("\\b");
    if pattern.is_match("") && !with.is_empty() && !is_bound {
        let what = "`pattern` is also found where there is nothing: `with` comes between all letters and at the end; `^…$` takes a text as a whole, `+` for `*` at least one letter";
        section.remark(&section.place_of("pattern"), what);
    }
}
