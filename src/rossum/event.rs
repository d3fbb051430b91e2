//! What made Rossum call (API reference: "Webhook events").

use std::borrow::Cow;
use std::fmt;

/// The pair of `event` and `action`, as text: new ones may come at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    pub event: Cow<'a, str>,
    pub action: Cow<'a, str>,
}

/// Every pair that Rossum documents. `invocation.interface` is named in its tools only.
const KNOWN: [&str; 12] = [
    "annotation_content.initialize",
    "annotation_content.started",
    "annotation_content.user_update",
    "annotation_content.updated",
    "annotation_content.confirm",
    "annotation_content.export",
    "annotation_status.changed",
    "upload.created",
    "email.received",
    "invocation.scheduled",
    "invocation.manual",
    "invocation.interface",
];

impl Event<'_> {
    /// The pair as Rossum documents it; `None` for one that it does not.
    pub fn known(&self) -> Option<&'static str> {
        KNOWN.into_iter().find(|pair| self.matches(pair))
    }

    /// Whether a person waits at the screen for the answer: Rossum never sends such an event again.
    pub fn is_interactive(&self) -> bool {
        (self.event == "annotation_content" && self.action != "export") || self.is("invocation", "manual")
    }

    /// Whether Rossum may send a delivery of it again that failed (API reference: "Webhook events").
    pub fn may_come_again(&self) -> bool {
        !self.is_interactive() || self.is("annotation_content", "initialize")
    }

    /// Whether `pattern`, a whole event (`annotation_content`) or a pair (`annotation_content.export`), covers it.
    pub fn matches(&self, pattern: &str) -> bool {
        match pattern.split_once('.') {
            None => self.event == pattern,
            Some((event, action)) => self.event == event && self.action == action,
        }
    }

    pub fn is(&self, event: &str, action: &str) -> bool {
        self.event == event && self.action == action
    }

    /// Every pair that Rossum documents.
    pub fn pairs() -> impl Iterator<Item = Event<'static>> {
        let pair = |pair: &'static str| pair.split_once('.');
        KNOWN
            .into_iter()
            .filter_map(pair)
            .map(|(event, action)| Event { event: event.into(), action: action.into() })
    }

    /// Every event and pair that a configuration may name.
    pub fn known_patterns() -> impl Iterator<Item = &'static str> {
        let whole = KNOWN.into_iter().filter_map(|pair| Some(pair.split_once('.')?.0));
        KNOWN.into_iter().chain(whole)
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.action.is_empty() {
            f.write_str(&self.event)
        } else {
            write!(f, "{}.{}", self.event, self.action)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_events_and_pairs() {
        let event = Event { event: "annotation_content".into(), action: "export".into() };
        assert!(event.matches("annotation_content") && event.matches("annotation_content.export"));
        assert!(!event.matches("annotation_content.updated") && !event.matches("annotation"));
        assert_eq!(event.known(), Some("annotation_content.export"));
        assert_eq!(Event { event: "annotation_content".into(), action: "melted".into() }.known(), None);
    }
}
