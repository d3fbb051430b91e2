//! `[[dataset]]`: a file that is kept as a dataset.

use std::path::Path;

use crate::data::{Layout, Watched};
use crate::store::{Allowed, check_name, tables as known_tables};

use super::columns::look_at_file;
use super::document::Place;
use super::section::Section;
use super::tables;

/// All of a file, with the places of their names.
pub(super) fn read_all(root: &Section<'_>, state: &Path) -> (Vec<Watched>, Vec<Place>) {
    let (mut all, mut places): (Vec<Watched>, Vec<Place>) = Default::default();
    let sections = root.sections("dataset");
    // What cannot be read says so where it is asked.
    let known = if sections.is_empty() { None } else { known_tables(state).ok().flatten() };
    for section in sections {
        let watched = read(&section);
        if let Some(watched) = watched {
            let before = known.iter().flatten().find(|table| table.name == watched.name);
            look_at_file(&section, &watched, before.map(|table| table.records));
            // To SQL capitals make no other name.
            if let Some(other) = all.iter().find(|other| other.name.eq_ignore_ascii_case(&watched.name)) {
                let what = if other.name == watched.name {
                    format!("two datasets have the name `{}`", watched.name)
                } else {
                    format!("the datasets `{}` and `{}` are one to SQL", other.name, watched.name)
                };
                section.document().note(section.place_of("name"), what, Some("give each its own name"));
            }
            places.push(section.place_of("name"));
            all.push(watched);
        }
        section.finish();
    }
    (all, places)
}

fn read(section: &Section<'_>) -> Option<Watched> {
    let document = section.document();
    let name = section.required_text("name", "\"vendors\"").map(|name| (*name.get_ref()).to_owned());
    if let Some(problem) = name.as_deref().and_then(|name| check_name(name).err()) {
        document.note(section.place_of("name"), problem.to_string(), Some("write `name = \"vendors\"`"));
    }
    let file = section.required_text("file", "\"vendors.csv\"");
    let path = file.as_ref().map(|file| document.resolve(file.get_ref()));
    let layout = tables::layout(section, path.as_deref(), None);
    let columns = |key| if section.has(key) { section.columns(key).unwrap_or_default() } else { Vec::new() };
    let [key, indexed, near] = ["key", "index", "near"].map(columns);
    let mut allowed = Allowed::default();
    allowed.empty = section.boolean("allow_empty").unwrap_or(allowed.empty);
    allowed.shrink = shrink(section).unwrap_or(allowed.shrink);
    let needs = [&key, &indexed, &near].into_iter().flatten().cloned().collect();
    let layout = Layout { needs, ..layout? };
    Some(Watched { name: name?, file: path?, layout, key, indexed, near, allowed })
}

/// `allow_shrink`: how many percent of the records before may be missing.
pub(super) fn shrink(section: &Section<'_>) -> Option<u8> {
    section.integer("allow_shrink", 0..=100).and_then(|percent| u8::try_from(percent).ok())
}
