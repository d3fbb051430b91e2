//! Words of a Hook object that Rossum has a list of: events, and what is sent along.

use serde_json::{Map, Value};

use super::document::Place;
use super::section::Section;
use crate::rossum::Event;
use crate::steps::nearest::nearest;

/// Refuses a word that is written almost as one of them; another is noted, since Rossum may have more of them one day.
pub(super) fn hook(section: &Section<'_>, place: &Place, path: &str, hook: &Map<String, Value>) {
    let words_of = |key: &str| {
        let list = hook.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    };
    let events: Vec<&str> = Event::known_patterns().collect();
    let places = section.document().places_in_json(path, None);
    let place_of = |key: &str| {
        let found = places.iter().find(|(name, _)| name == key);
        found.map_or_else(|| path.to_owned(), |(_, place)| place.clone())
    };
    for (key, known) in [("events", &events[..]), ("sideload", &SIDELOADS[..])] {
        for word in words_of(key).filter(|word| !known.contains(word)) {
            let what = format!("{}: `{key}`: Rossum knows no `{word}`", place_of(key));
            match nearest(word, known.iter().copied()) {
                Some(near) => {
                    section.document().note(place.clone(), what, Some(format!("did you mean `{near}`?")));
                }
                // Rossum may have more of them one day.
                None => section.remark(place, &format!("{what} that it documents")),
            }
        }
    }
}

/// What Rossum sends along where `sideload` asks for it.
const SIDELOADS: [&str; 14] = [
    "queues",
    "modifiers",
    "schemas",
    "emails",
    "related_emails",
    "relations",
    "child_relations",
    "suggested_edits",
    "assignees",
    "pages",
    "notes",
    "labels",
    "automation_blockers",
    "workspaces",
];
