//! `use = "replace"`.

use crate::rossum::SourcesPlace;
use crate::steps::Blueprint;
use crate::steps::replace::{Replace, python_replacement};

use super::super::known::Known;
use super::super::section::Section;

pub(super) fn read(section: &Section<'_>, _: &Known) -> Option<Box<dyn Blueprint>> {
    let field = section.required_field("field", "\"document_id\"");
    let target = section.field("target").map(|target| target.into_inner().to_owned());
    section.required_text("pattern", "'[^0-9]'");
    let pattern = section.regex("pattern");
    let with = match section.required_text("with", "''") {
        Some(with) => python_replacement(with.get_ref())
            .map_err(|problem| section.document().note(with.span(), problem, None::<&str>))
            .ok(),
        None => None,
    };
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
