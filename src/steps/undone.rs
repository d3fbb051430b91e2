//! What a step gave that does not come to the document as the step meant it: a key that nobody reads, an id that leads
//! nowhere, an action without a place, a message that is cut. Each is said in the log, the metrics, the inspector and
//! `annex test`.

use super::reasons::{Came, Reason};

/// One such thing, in words that hold no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// What is so.
    pub what: String,
    /// What becomes of it, and what to do.
    pub cure: String,
    /// It is logged once for each of these.
    pub kind: String,
}

impl Undone {
    /// A key of a function's answer.
    pub(super) fn unread_key(path: &str, event: &str, near: Option<&str>) -> Self {
        let near = near.map_or_else(
            || "leave it out, or compare it with Rossum's reference".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Self {
            what: format!("the function returned `{path}`, which Rossum does not read at {event}"),
            cure: near,
            kind: format!("unread key {path}"),
        }
    }

    /// An id that the document does not have: `what` names it, `a message`, `a blocker` or `an operation`. The id is a
    /// number; a text may be the document's, and is not told.
    pub(super) fn unknown_id(what: &str, id: Option<i64>) -> Self {
        let id =
            id.map_or_else(|| "datapoint with the id that was named".to_owned(), |id| format!("id {id}"));
        let becomes = if what == "an operation" { "it is left out" } else { "it is shown at the document" };
        Self {
            what: format!("the document has no {id}, which {what} of the step names"),
            cure: format!("{becomes}; take ids from the delivery's own content"),
            kind: format!("unknown id of {what}"),
        }
    }

    /// An action of a rule that fired.
    pub(super) fn action(rule: &str, action: &str, field: &str, why: &str) -> Self {
        Self {
            what: format!("not done: {action} of rule {rule} on `{field}`"),
            cure: why.to_owned(),
            kind: format!("{action} {rule} {field}"),
        }
    }

    /// A text that was cut: `a message` or `a blocker`.
    pub(super) fn cut(what: &str, most: usize) -> Self {
        Self {
            what: format!("{what} of the step is longer than the {most} characters that Rossum takes"),
            cure: "its end is left out; write less".to_owned(),
            kind: format!("{what} too long"),
        }
    }

    /// As people read it.
    pub fn words(&self) -> String {
        format!("{}: {}", self.what, self.cure)
    }

    /// For the inspector.
    pub fn reason(&self) -> Reason {
        Reason::single(&*self.what, Came::Failed, &*self.cure, Vec::new())
    }
}
