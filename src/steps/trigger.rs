//! When an action of a rule acts: Rossum's trigger events (API reference, "Rule actions").

use crate::rossum::Event;

/// The event of an action. One that names none has `validation`, as in Rossum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trigger {
    /// Whenever the document is validated: at import, when it is opened or changed, and when it is confirmed.
    #[default]
    Validation,
    AnnotationImported,
    AnnotationConfirmed,
    AnnotationExported,
}

impl Trigger {
    /// Rossum's words.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("validation", Self::Validation),
        ("annotation_imported", Self::AnnotationImported),
        ("annotation_confirmed", Self::AnnotationConfirmed),
        ("annotation_exported", Self::AnnotationExported),
    ];

    /// Whether a delivery of this event is such a moment.
    pub fn is_at(self, event: &Event<'_>) -> bool {
        let content = |action| event.is("annotation_content", action);
        match self {
            Self::Validation => event.event == "annotation_content" && event.action != "export",
            Self::AnnotationImported => content("initialize"),
            Self::AnnotationConfirmed => content("confirm"),
            Self::AnnotationExported => content("export"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_moment_has_its_triggers() {
        let at = |event: &'static str, action: &'static str| {
            let event = Event { event: event.into(), action: action.into() };
            Trigger::WORDS
                .into_iter()
                .filter(|(_, trigger)| trigger.is_at(&event))
                .map(|(word, _)| word)
                .collect::<Vec<_>>()
        };
        assert_eq!(at("annotation_content", "initialize"), ["validation", "annotation_imported"]);
        for action in ["started", "user_update", "updated"] {
            assert_eq!(at("annotation_content", action), ["validation"]);
        }
        assert_eq!(at("annotation_content", "confirm"), ["validation", "annotation_confirmed"]);
        assert_eq!(at("annotation_content", "export"), ["annotation_exported"]);
        assert!(at("annotation_status", "changed").is_empty() && at("email", "received").is_empty());
    }
}
