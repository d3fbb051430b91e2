//! Calls that were made while Rossum waits, and what is known of each.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::trees;

/// Calls that a message names.
const LISTED: usize = 8;
/// Characters of an id that a person reads.
const QUOTED: usize = 100;

/// A call, as far as it must be the same to be the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) hash: String,
}

impl Call {
    /// What is sent, and its body, which is kept apart.
    pub(super) fn new(name: &str, request: &impl Serialize, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        // Writing these types to memory cannot fail: their keys are texts.
        hash.update(serde_json::to_vec(request).unwrap_or_default());
        hash.update([0]);
        hash.update(body);
        Self { name: name.to_owned(), hash: hex::encode(hash.finalize()) }
    }
}

/// A call that was made, or that is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Made<A> {
    pub(super) call: Call,
    /// What the target calls what it made. None where answers are not kept: it may be the id of a session.
    pub(super) id: Option<String>,
    /// Of one that was taken; none in a run whose answers are not kept.
    pub(super) answer: Option<A>,
    /// What an earlier version kept was taken.
    #[serde(default)]
    pub(super) fate: Fate,
    /// None for a file, and for what an earlier version kept.
    #[serde(default)]
    pub(super) key: Option<String>,
    /// Whom it went to.
    #[serde(default)]
    pub(super) place: String,
}

/// What is known of a call.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    /// Its target took it.
    #[default]
    Taken,
    /// It was begun, and nobody knows whether it was taken.
    Open,
    /// As `Open`, and nobody need know.
    PassedOver,
    /// As `Open`, and made again under its key it was refused: made once more, it has another key.
    Refused,
}

/// How a call ended that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// Nothing came of this try.
    Nothing,
    /// What it holds was refused. So a target that heeds the key took no earlier try either.
    Refused,
    /// Nobody knows whether it was taken.
    Unknown,
    /// As `Unknown`, and the configuration passes that over.
    PassedOver,
}

impl NotTaken {
    /// By the status of an answer that is an error. A 409 may say that an earlier try is still in work.
    pub(super) fn by(status: u16) -> Self {
        match status {
            400 | 422 => Self::Refused,
            408 => Self::Unknown,
            // What the configuration calls an error was understood.
            200..=299 | 400..=499 => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

impl<A> Made<A> {
    pub(super) fn new(call: &Call) -> Self {
        Self { call: call.clone(), id: None, answer: None, fate: Fate::Open, key: None, place: String::new() }
    }

    /// A later run wants to know of each.
    pub(super) fn is_of_earlier(&mut self) {
        if self.fate == Fate::PassedOver {
            self.fate = Fate::Open;
        }
    }

    pub(super) fn told(&self) -> String {
        let name = &self.call.name;
        match (&self.id, &self.key) {
            (Some(id), _) => format!("{name} (id {id})"),
            (None, Some(key)) if self.answer.is_none() => {
                format!("{name} at {} (Idempotency-Key {key})", self.place)
            }
            _ if self.fate == Fate::Taken => name.clone(),
            _ => format!("{name} at {}", self.place),
        }
    }
}

/// Those of some calls that were taken, and those of which nobody knows it, in words.
pub(super) fn told<'m, A: 'm>(all: impl Iterator<Item = &'m Made<A>>) -> (String, String) {
    let (mut taken, mut open) = (Vec::new(), Vec::new());
    for made in all {
        match made.fate {
            Fate::Taken => taken.push(made.told()),
            Fate::Open | Fate::Refused => open.push(made.told()),
            Fate::PassedOver => {}
        }
    }
    (listed(&taken), listed(&open))
}

/// The last of them, so that the others do not push them out of a message.
fn listed(all: &[String]) -> String {
    let before = all.len().saturating_sub(LISTED);
    let last = all.get(before..).unwrap_or_default().join(", ");
    if before == 0 { last } else { format!("{before} others, and {last}") }
}

/// The id in an answer: `{"id": …}`, or one level below.
pub(super) fn id_in(body: &[u8]) -> Option<String> {
    let answer = trees::read(body, trees::SMALL).ok()?;
    let all = answer.as_object()?;
    let id = all.get("id").or_else(|| all.values().find_map(|inner| inner.get("id")))?;
    let text = match id {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text.chars().filter(|c| !c.is_control()).take(QUOTED).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_version_kept_was_taken_and_only_an_answer_says_that_nothing_was() {
        let kept = r#"{"call": {"name": "create", "hash": "00"}, "id": "17", "answer": "x"}"#;
        let made: Made<String> = serde_json::from_str(kept).unwrap();
        assert_eq!((made.fate, made.told().as_str()), (Fate::Taken, "create (id 17)"));
        let by = |statuses: &[u16]| statuses.iter().map(|status| NotTaken::by(*status)).collect::<Vec<_>>();
        assert_eq!(by(&[301, 408, 500, 501, 503, 599]), [NotTaken::Unknown; 6]);
        assert_eq!(by(&[202, 401, 403, 404, 409, 425, 429]), [NotTaken::Nothing; 7]);
        let many: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        assert_eq!(listed(&many), "2 others, and 2, 3, 4, 5, 6, 7, 8, 9");
        assert_eq!(listed(&many[..2]), "0, 1");
        assert_eq!(by(&[400, 422]), [NotTaken::Refused; 2]);
    }

    #[test]
    fn ids_are_found_and_calls_are_the_same_only_with_the_same_data() {
        assert_eq!(id_in(br#"{"id": 17}"#).as_deref(), Some("17"));
        assert_eq!(id_in(br#"{"invoice": {"id": "E-1"}}"#).as_deref(), Some("E-1"));
        for none in [&b"<html>"[..], b"[1]", br#"{"id": null}"#, br#"{"number": 4}"#] {
            assert_eq!(id_in(none), None);
        }
        let call = |path: &str, body: &[u8]| Call::new("create", &path, body);
        assert_eq!(call("a", b"b"), call("a", b"b"));
        assert_ne!(call("a", b"b"), call("a", b"c"));
        assert_ne!(call("a", b"b"), call("b", b"b"));
    }
}
