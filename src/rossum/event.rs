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
const KNOWN: [(&str, &[&str]); 5] = [
    ("annotation_content", &["initialize", "started", "user_update", "updated", "confirm", "export"]),
    ("annotation_status", &["changed"]),
    ("upload", &["created"]),
    ("email", &["received"]),
    ("invocation", &["scheduled", "manual", "interface"]),
];

impl Event<'_> {
    pub fn is_known(&self) -> bool {
        KNOWN.iter().any(|(event, actions)| *event == self.event && actions.contains(&&*self.action))
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

    /// Every event and pair that a configuration may name.
    pub fn known_patterns() -> impl Iterator<Item = String> {
        KNOWN.iter().flat_map(|(event, actions)| {
            std::iter::once((*event).to_owned())
                .chain(actions.iter().map(move |action| format!("{event}.{action}")))
        })
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
        assert!(event.is_known());
        assert!(!Event { event: "annotation_content".into(), action: "melted".into() }.is_known());
    }
}
