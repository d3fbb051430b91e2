//! `use = "replace"`.

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
    let with = match section.required_text("with", "''") {
        Some(with) => python_replacement(with.get_ref(), pattern.as_ref())
            .map_err(|problem| section.document().note(with.span(), problem, None::<&str>))
            .ok(),
        None => None,
    };
    if let (Some(pattern), Some(with), Some(text)) = (&pattern, &with, section.text("with"))
        && let Some(target) = target.as_deref().or(field.as_ref().map(|field| *field.get_ref()))
        && is_whole(pattern.as_str())
        && !with.contains('$')
    {
        look_at_text(section, &text.span(), target, with);
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

/// Whether a pattern takes the whole text, so that what replaces it is all that is written.
fn is_whole(pattern: &str) -> bool {
    let inner = pattern.trim_start_matches("(?s)").strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
    inner.is_some_and(|inner| !inner.ends_with('\\') && !inner.contains(['|', '^', '$']))
}
