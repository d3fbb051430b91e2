//! What a function's answer says besides messages, operations and blockers: of mails, uploads and invocations Rossum reads
//! more, and it reaches Rossum as the function wrote it (API reference: "Email received event", "Upload created event",
//! "Invocation").

use serde_json::{Map, Value as Json};

use crate::rossum::Event;
use crate::trees;

/// What one function said.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct PassedOn {
    /// Keys beside those of every answer.
    pub keys: Map<String, Json>,
    /// An answer that is no object: `invocation.manual` takes any JSON.
    pub whole: Option<Json>,
}

/// Which keys Rossum reads at an event.
enum Read {
    These(&'static [&'static str]),
    Anything,
}

fn read_at(event: &Event<'_>) -> Read {
    match (&*event.event, &*event.action) {
        ("email", "received") => Read::These(&["files", "additional_files", "extracted_original_sender"]),
        ("upload", "created") => Read::These(&["files"]),
        ("invocation", _) => Read::Anything,
        _ => Read::These(&[]),
    }
}

impl PassedOn {
    /// Reads what a function returned. Nothing is read for events whose answers have no more than the three lists.
    pub(super) fn read(event: &Event<'_>, json: &str) -> Result<Self, &'static str> {
        let read = read_at(event);
        if matches!(read, Read::These([])) {
            return Ok(Self::default());
        }
        let Ok(returned) = trees::read(json.as_bytes(), trees::LARGEST_ANSWER) else {
            return Err("more than an answer may hold");
        };
        let keys = match (returned, &read) {
            (Json::Null, _) => Map::new(),
            // Whoever invoked it gets the whole answer, whatever its keys mean elsewhere.
            (Json::Object(keys), Read::Anything) => return Ok(Self { keys, whole: None }),
            (Json::Object(keys), _) => keys,
            (whole, Read::Anything) => return Ok(Self { keys: Map::new(), whole: Some(whole) }),
            (_, Read::These(_)) => return Err("something else than an object"),
        };
        let mut passed_on = Self::default();
        for (key, value) in keys {
            let wanted = matches!(read, Read::These(names) if names.contains(&key.as_str()));
            match key.as_str() {
                "files" | "additional_files" if wanted && !value.is_array() => {
                    return Err("`files` or `additional_files` that are no list");
                }
                _ if wanted => _ = passed_on.keys.insert(key, value),
                // That nobody reads it is said by `unread`.
                _ => {}
            }
        }
        Ok(passed_on)
    }

    /// What several functions said together: a file is imported that all of them list, as for hooks side by side; other lists
    /// are joined; of anything else the last word counts.
    pub fn together(all: &[Self]) -> Self {
        let mut sum = Self::default();
        for passed_on in all {
            for (key, value) in &passed_on.keys {
                let before = sum.keys.remove(key);
                let joined = match (key.as_str(), before, value) {
                    ("files", Some(Json::Array(before)), Json::Array(now)) => Json::Array(
                        now.iter()
                            .filter(|file| before.iter().any(|one| is_same(one, file)))
                            .cloned()
                            .collect(),
                    ),
                    ("additional_files", Some(Json::Array(mut before)), Json::Array(now)) => {
                        before.extend(now.iter().cloned());
                        Json::Array(before)
                    }
                    (_, _, value) => value.clone(),
                };
                sum.keys.insert(key.clone(), joined);
            }
            sum.whole = passed_on.whole.clone().or(sum.whole);
        }
        sum
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.whole.is_none()
    }
}

/// A mail's file has an `id`, which comes as a text or a number; a file of an upload has its `document`.
fn is_same(one: &Json, other: &Json) -> bool {
    let name = |file: &Json| match file.get("id").or_else(|| file.get("document")) {
        Some(Json::String(text)) => Some(text.clone()),
        Some(Json::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    name(one).is_some_and(|one| name(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(event: &'static str, action: &'static str, json: &Json) -> Result<PassedOn, &'static str> {
        PassedOn::read(&Event { event: event.into(), action: action.into() }, &json.to_string())
    }

    #[test]
    fn what_rossum_reads_at_an_event_is_passed_on_and_nothing_else() {
        let said = json!({"messages": [], "files": [{"id": "1"}], "extracted_original_sender": {"email": "a@b"}, "odd": 1});
        let names = |event, action| {
            let keys = read(event, action, &said).unwrap().keys;
            keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(names("email", "received"), ["files", "extracted_original_sender"]);
        assert_eq!(names("upload", "created"), ["files"]);
        assert_eq!(names("invocation", "manual"), ["messages", "files", "extracted_original_sender", "odd"]);
        assert!(names("annotation_content", "updated").is_empty());
        assert_eq!(read("invocation", "manual", &json!([1, "x"])).unwrap().whole, Some(json!([1, "x"])));
        assert!(read("email", "received", &json!([1])).is_err());
        assert!(read("email", "received", &json!({"files": "all"})).is_err());
        assert!(read("upload", "created", &Json::Null).unwrap().is_empty());
    }

    #[test]
    fn a_file_is_imported_that_all_functions_list() {
        let of = |said: Json| read("email", "received", &said).unwrap();
        let first = of(json!({"files": [{"id": "1"}, {"id": "2"}], "additional_files": [{"document": "a"}]}));
        let second = of(
            json!({"files": [{"id": 2, "values": [7]}, {"id": "3"}], "additional_files": [{"document": "b"}]}),
        );
        let sum = PassedOn::together(&[first, PassedOn::default(), second]).keys;
        assert_eq!(sum["files"], json!([{"id": 2, "values": [7]}]));
        assert_eq!(sum["additional_files"], json!([{"document": "a"}, {"document": "b"}]));
    }
}
