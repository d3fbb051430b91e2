//! The keys of a function's answer that nobody reads: a misspelt one is lost without a word. One table says for every event
//! which keys there are, at every depth (API reference: "Webhook events", "Bulk update annotation data", "Email received
//! event", "Upload created event"; what else Rossum's own library `txscript` 1.2.0 returns).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::rossum::Event;

use super::nearest::nearest;
use super::undone::Undone;

/// A key, and what is below it.
type Key = (&'static str, Below);

#[derive(Clone, Copy)]
enum Below {
    /// Whatever stands there is read, or handed on.
    Anything,
    /// An object with these keys, or a list of such.
    Keys(&'static [Key]),
}

use Below::{Anything, Keys};

const MESSAGE: &[Key] = &[
    ("id", Anything),
    ("type", Anything),
    ("content", Anything),
    ("detail", Anything),
    ("source_id", Anything), // the library's own
];
const BLOCKER: &[Key] =
    &[("id", Anything), ("content", Anything), ("detail", Anything), ("source_id", Anything)];
const CONTENT: &[Key] = &[
    ("value", Anything),
    ("normalized_value", Anything),
    ("page", Anything),
    ("position", Anything),
    ("struct", Anything),
    ("validation_sources", Anything), // as Rossum's vendor matching sample has it
    // What a copied datapoint has.
    ("rir_text", Anything),
    ("rir_raw_text", Anything),
    ("rir_page", Anything),
    ("rir_position", Anything),
    ("rir_confidence", Anything),
    ("connector_text", Anything),
    ("connector_position", Anything),
    ("ocr_text", Anything),
    ("ocr_raw_text", Anything),
    ("ocr_position", Anything),
];
const DATAPOINT: &[Key] = &[
    ("content", Keys(CONTENT)),
    ("options", Anything),
    ("validation_sources", Anything),
    ("hidden", Anything),
    ("schema_id", Anything),
    // What a copied datapoint has.
    ("id", Anything),
    ("url", Anything),
    ("category", Anything),
    ("time_spent", Anything),
    ("time_spent_overall", Anything),
];
const OPERATION: &[Key] =
    &[("op", Anything), ("id", Anything), ("value", Keys(DATAPOINT)), ("validation_sources", Anything)];
const VALUE: &[Key] = &[("id", Anything), ("value", Anything)];

/// The keys that an answer has at most events.
const MESSAGES: Key = ("messages", Keys(MESSAGE));
const BLOCKERS: Key = ("automation_blockers", Keys(BLOCKER));
const OPERATIONS: Key = ("operations", Keys(OPERATION));
/// What the library returns beside them.
const LIBRARY: [Key; 3] = [("actions", Anything), ("computed_ids", Anything), ("promises", Anything)];

const OF_CONTENT: &[Key] = &[MESSAGES, BLOCKERS, OPERATIONS, LIBRARY[0], LIBRARY[1], LIBRARY[2]];
const OF_MAIL: &[Key] = &[
    ("files", Keys(MAIL_FILE)),
    ("additional_files", Keys(ADDITIONAL_FILE)),
    ("extracted_original_sender", Keys(&[("email", Anything), ("name", Anything)])),
    MESSAGES,
    BLOCKERS,
    OPERATIONS,
    LIBRARY[0],
    LIBRARY[1],
    LIBRARY[2],
];
const OF_UPLOAD: &[Key] =
    &[("files", Keys(UPLOADED_FILE)), MESSAGES, BLOCKERS, OPERATIONS, LIBRARY[0], LIBRARY[1], LIBRARY[2]];
/// A file may come back as it was sent.
const MAIL_FILE: &[Key] = &[
    ("id", Anything),
    ("values", Keys(VALUE)),
    ("filename", Anything),
    ("mime_type", Anything),
    ("n_pages", Anything),
    ("height_px", Anything),
    ("width_px", Anything),
    ("document", Anything),
];
const ADDITIONAL_FILE: &[Key] =
    &[("document", Anything), ("values", Keys(VALUE)), ("import_document", Anything)];
const UPLOADED_FILE: &[Key] = &[
    ("document", Anything),
    ("prevent_importing", Anything),
    ("messages", Keys(MESSAGE)),
    ("values", Keys(VALUE)),
    ("queue", Anything),
    ("annotation", Anything),
];

/// Keys that are said of one answer.
const MOST: usize = 20;
/// Characters of a key that are said.
const LONGEST: usize = 40;

/// The keys of an event's answer; `None` where whoever called gets any answer as it is.
fn keys_at(event: &Event<'_>) -> Option<&'static [Key]> {
    match (&*event.event, &*event.action) {
        ("email", "received") => Some(OF_MAIL),
        ("upload", "created") => Some(OF_UPLOAD),
        ("invocation", _) => None,
        _ => Some(OF_CONTENT),
    }
}

/// What of an answer nobody reads, each key once. Its text is looked through, and nothing of it is kept.
pub(super) fn keys(event: &Event<'_>, json: &str) -> Vec<Undone> {
    let Some(known) = keys_at(event) else { return Vec::new() };
    let mut found = Found { event: event.to_string(), paths: Vec::new(), unread: Vec::new() };
    let look = Look { known, path: "", found: &mut found };
    // What is no JSON, or something else than an object, is told by whoever reads it.
    let _ = look.deserialize(&mut serde_json::Deserializer::from_str(json));
    found.unread
}

struct Found {
    event: String,
    paths: Vec<String>,
    unread: Vec<Undone>,
}

impl Found {
    fn add(&mut self, path: &str, key: &str, known: &'static [Key]) {
        if self.paths.len() >= MOST {
            return;
        }
        // A key may be made of a document's value: only what is written as a name is told.
        let is_name =
            key.len() <= LONGEST && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        let whole = if is_name { format!("{path}{key}") } else { format!("{path}…") };
        if self.paths.contains(&whole) {
            return;
        }
        let near = nearest(key, known.iter().map(|(name, _)| *name));
        self.unread.push(Undone::unread_key(&whole, &self.event, near));
        self.paths.push(whole);
    }
}

/// Looks at an object, or at each element of a list.
struct Look<'f> {
    known: &'static [Key],
    path: &'f str,
    found: &'f mut Found,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.known.iter().find(|(name, _)| *name == key) {
                Some((name, Keys(below))) => {
                    let path = format!("{}{name}.", self.path);
                    map.next_value_seed(Look { known: below, path: &path, found: self.found })?;
                }
                Some((_, Anything)) => _ = map.next_value::<IgnoredAny>()?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                    self.found.add(self.path, &key, self.known);
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { known, path, found } = self;
        while list.next_element_seed(Look { known, path, found })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[track_caller]
    fn said(event: (&'static str, &'static str), answer: &Json) -> Vec<String> {
        let event = Event { event: event.0.into(), action: event.1.into() };
        keys(&event, &answer.to_string()).iter().map(Undone::words).collect()
    }

    const CONTENT: (&str, &str) = ("annotation_content", "updated");
    const MAIL: (&str, &str) = ("email", "received");
    const UPLOAD: (&str, &str) = ("upload", "created");

    /// One for each object that an answer may have.
    #[test]
    fn a_misspelt_key_is_said_at_every_depth_of_every_events_answer() {
        let rows = [
            (CONTENT, json!({"mesages": []}), "mesages", "messages"),
            (CONTENT, json!({"operation": []}), "operation", "operations"),
            (
                CONTENT,
                json!({"messages": [{"content": "a"}, {"contents": "a"}]}),
                "messages.contents",
                "content",
            ),
            (
                CONTENT,
                json!({"automation_blockers": [{"contnt": "a"}]}),
                "automation_blockers.contnt",
                "content",
            ),
            (
                CONTENT,
                json!({"operations": [{"op": "replace", "id": 1, "valeu": {}}]}),
                "operations.valeu",
                "value",
            ),
            (
                CONTENT,
                json!({"operations": [{"value": {"contnt": {}}}]}),
                "operations.value.contnt",
                "content",
            ),
            (
                CONTENT,
                json!({"operations": [{"value": [{"hiden": true}]}]}),
                "operations.value.hiden",
                "hidden",
            ),
            (
                CONTENT,
                json!({"operations": [{"value": {"content": {"valeu": "1"}}}]}),
                "operations.value.content.valeu",
                "value",
            ),
            (MAIL, json!({"file": []}), "file", "files"),
            (MAIL, json!({"files": [{"id": 1, "value": []}]}), "files.value", "values"),
            (MAIL, json!({"files": [{"id": 1, "values": [{"ids": "a"}]}]}), "files.values.ids", "id"),
            (
                MAIL,
                json!({"additional_files": [{"import_documents": true}]}),
                "additional_files.import_documents",
                "import_document",
            ),
            (
                MAIL,
                json!({"extracted_original_sender": {"mail": "a@b"}}),
                "extracted_original_sender.mail",
                "email",
            ),
            (
                UPLOAD,
                json!({"files": [{"prevent_import": true}]}),
                "files.prevent_import",
                "prevent_importing",
            ),
            (UPLOAD, json!({"files": [{"messages": [{"typ": "info"}]}]}), "files.messages.typ", "type"),
        ];
        for (event, answer, path, near) in rows {
            let said = said(event, &answer);
            assert_eq!(said.len(), 1, "{answer}: {said:?}");
            let at = format!("`{path}`, which Rossum does not read at {}.{}", event.0, event.1);
            assert!(said[0].contains(&at), "{answer}: {said:?}");
            assert!(said[0].ends_with(&format!("did you mean `{near}`?")), "{answer}: {said:?}");
        }
    }

    #[test]
    fn what_is_read_is_not_said() {
        let option = json!({"value": "a", "label": "A", "anything": 1});
        let cell =
            json!({"schema_id": "x", "content": {"value": 1, "page": 1, "position": [], "struct": {"a": 1}}});
        let all = json!({
            "messages": [{"id": 1, "type": "info", "content": "a", "detail": {"a": 1}, "source_id": -1}],
            "automation_blockers": [{"id": 1, "content": "a"}],
            "operations": [
                {"op": "replace", "id": 1, "value": {"options": [option], "hidden": true, "validation_sources": []}},
                {"op": "add", "id": 2, "value": [cell], "validation_sources": ["connector"]},
                {"op": "remove", "id": 3}],
            "actions": [], "computed_ids": [], "promises": []});
        assert_eq!(said(CONTENT, &all), [""; 0]);
        assert_eq!(said(("invocation", "manual"), &json!({"anything": 1})), [""; 0]);
        for no_object in [json!(null), json!("a"), json!(1.5), json!([true, -1, 1])] {
            assert_eq!(said(CONTENT, &no_object), [""; 0]);
        }
    }

    #[test]
    fn no_data_is_told_and_nothing_twice() {
        let value = said(CONTENT, &json!({"Smith & Sons": 1, "x".repeat(60): 1}));
        assert_eq!(value.len(), 1, "{value:?}");
        assert!(value[0].contains("`…`") && !value[0].contains("Smith"), "{value:?}");
        let rows: Vec<Json> = (0..1000).map(|_| json!({"value": {"contnt": 1}})).collect();
        assert_eq!(said(CONTENT, &json!({"operations": rows})).len(), 1);
        let many: serde_json::Map<_, _> = (0..1000).map(|n| (format!("k{n}"), json!(1))).collect();
        assert_eq!(said(CONTENT, &many.into()).len(), MOST);
    }
}
