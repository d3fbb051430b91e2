//! What Rossum never sends: an event, an action, a status of an annotation, an attribute of the payload.

use ruff_python_ast as ast;
use ruff_python_ast::Expr as Syntax;

use super::super::names::nearest_of;
use super::Doubts;
use super::attributes::near_of;
use super::session::{PAYLOAD, Part};
use crate::rossum::Event;

/// All statuses of an annotation (API reference: "Annotation lifecycle").
const STATUSES: [&str; 15] = [
    "created",
    "importing",
    "failed_import",
    "split",
    "to_review",
    "reviewing",
    "in_workflow",
    "confirmed",
    "rejected",
    "exporting",
    "exported",
    "failed_export",
    "postponed",
    "deleted",
    "purged",
];

/// Methods of a dictionary.
const DICT: [&str; 11] =
    ["get", "keys", "values", "items", "pop", "popitem", "update", "setdefault", "copy", "clear", "fromkeys"];

/// What Rossum takes from a list of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Event,
    Action,
    Status,
}

impl Word {
    fn all(self) -> Vec<String> {
        match self {
            Self::Event => Event::pairs().map(|pair| pair.event.into_owned()).collect(),
            Self::Action => Event::pairs().map(|pair| pair.action.into_owned()).collect(),
            Self::Status => STATUSES.map(str::to_owned).to_vec(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Action => "action",
            Self::Status => "status of an annotation",
        }
    }
}

impl Doubts<'_> {
    /// `payload["event"] == "annotation_content.export"`, `annotation.status == "to_reveiw"`
    pub(super) fn word_of_rossum(&mut self, value: &Syntax, constant: &Syntax) {
        let Syntax::StringLiteral(text) = constant else { return };
        let Some(word) = self.is_typed().then(|| self.word(value)).flatten() else { return };
        let text = text.value.to_str();
        let known = word.all();
        if text.is_empty() || known.iter().any(|one| one == text) {
            return;
        }
        if let (Word::Event | Word::Action, Some((event, action))) = (word, text.split_once('.')) {
            let what = format!("`event` and `action` are two values, and neither is ever `{text}`");
            let payload = self.payload_name();
            let hint = format!(
                "write `{payload}[\"event\"] == \"{event}\" and {payload}[\"action\"] == \"{action}\"`"
            );
            return self.note(constant, what, hint);
        }
        let what = format!("Rossum has no {} `{text}`", word.name());
        match nearest_of(text, known.iter().map(String::as_str)) {
            Some(near) => self.note(constant, what, format!("did you mean `{near}`?")),
            // Rossum may have more of them one day.
            None => self.remark(constant, format!("{what} that it documents")),
        }
    }

    fn word(&self, value: &Syntax) -> Option<Word> {
        let (owner, key) = match self.meant(value) {
            Syntax::Attribute(part) => (&*part.value, part.attr.as_str()),
            Syntax::Subscript(part) => (&*part.value, part.slice.as_string_literal_expr()?.value.to_str()),
            Syntax::Call(call) => match (&*call.func, &call.arguments.args[..]) {
                (Syntax::Attribute(method), [Syntax::StringLiteral(key), ..]) if &*method.attr == "get" => {
                    (&*method.value, key.value.to_str())
                }
                _ => return None,
            },
            _ => return None,
        };
        match key {
            "event" if self.sessions.is_payload(owner) => Some(Word::Event),
            "action" if self.sessions.is_payload(owner) => Some(Word::Action),
            "status" | "previous_status"
                if self.part_of(owner) == Some(Part::Annotation) || self.is_annotation_of_payload(owner) =>
            {
                Some(Word::Status)
            }
            _ => None,
        }
    }

    /// `payload["annotation"]`
    fn is_annotation_of_payload(&self, syntax: &Syntax) -> bool {
        let Syntax::Subscript(part) = self.meant(syntax) else { return false };
        let key = part.slice.as_string_literal_expr().map(|key| key.value.to_str());
        key == Some("annotation") && self.sessions.is_payload(&part.value)
    }

    fn payload_name(&self) -> &str {
        self.sessions.payload().unwrap_or("payload")
    }

    /// `payload.event`: a dictionary has its values behind keys.
    pub(super) fn attribute_of_payload(&mut self, attribute: &ast::ExprAttribute) {
        let name = attribute.attr.as_str();
        if !self.sessions.is_payload(&attribute.value)
            || self.is_tried
            || DICT.contains(&name)
            || name.starts_with("__")
        {
            return;
        }
        let payload = self.payload_name();
        let what = format!("`{payload}` is a dictionary, which has no attribute `{name}`: this fails");
        let key = if PAYLOAD.contains(&name) { Some(name) } else { near_of(name, &PAYLOAD) };
        let hint = format!("write `{payload}[\"{}\"]`", key.unwrap_or(name));
        self.note(&attribute.attr, what, hint);
    }
}
