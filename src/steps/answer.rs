//! The answer as the steps build it: messages, automation blockers, and the journal that becomes operations.

use crate::rossum::{AutomationBlocker, Journal, Message, MessageType, NodeRef, shorten};

#[derive(Default)]
pub struct Answer {
    messages: Vec<Message>,
    automation_blockers: Vec<AutomationBlocker>,
    pub journal: Journal,
}

/// Where an answer stood, to return to when a step fails.
#[derive(Clone, Copy)]
pub struct Checkpoint {
    messages: usize,
    automation_blockers: usize,
    journal: usize,
}

impl Answer {
    /// Shows a message. Data quoted in `content` must be HTML-escaped; it is cut to what Rossum takes.
    pub fn show(&mut self, kind: MessageType, on: Option<NodeRef>, content: impl Into<String>) {
        self.messages.push(Message { on, kind, content: shorten(content.into()) });
    }

    /// Stops Rossum from confirming the document without a person.
    pub fn block_automation(&mut self, on: Option<NodeRef>, content: impl Into<String>) {
        self.automation_blockers.push(AutomationBlocker { on, content: shorten(content.into()) });
    }

    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub fn automation_blockers(&self) -> &[AutomationBlocker] {
        &self.automation_blockers
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            messages: self.messages.len(),
            automation_blockers: self.automation_blockers.len(),
            journal: self.journal.len(),
        }
    }

    /// Takes back everything since the checkpoint.
    pub fn roll_back(&mut self, to: Checkpoint) {
        self.messages.truncate(to.messages);
        self.automation_blockers.truncate(to.automation_blockers);
        self.journal.roll_back(to.journal);
    }
}
