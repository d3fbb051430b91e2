//! The answer as the steps build it: messages, automation blockers, and the journal that becomes operations.

use bytes::Bytes;

use crate::forward::Answered;
use crate::outbox::{Outcome, RunTurn};
use crate::rossum::{
    AutomationBlocker, Done, Journal, MAX_MESSAGE_CHARACTERS, Message, MessageType, NodeRef, shorten,
};
use crate::txscript::Output;

use super::passed_on::PassedOn;
use super::reasons::Reasons;
use super::rows::FirstOf;
use super::undone::Undone;

#[derive(Default)]
pub struct Answer {
    messages: Vec<Message>,
    automation_blockers: Vec<AutomationBlocker>,
    pub journal: Journal,
    pub reasons: Reasons,
    /// What is to be kept once all steps are done, together or not at all.
    pub outcome: Outcome,
    /// Of runs that were made: the next ones begin when this delivery is kept.
    pub turns: Vec<RunTurn>,
    /// What functions said besides, each in its turn.
    pub passed_on: Vec<PassedOn>,
    /// What a service said, to be passed on as it is.
    pub verbatim: Option<Verbatim>,
    /// Fields of which one value was taken and several were there.
    pub first_of: Vec<FirstOf>,
    /// What does not come to the document as it was meant.
    pub undone: Vec<Undone>,
    /// Whether a part of the step failed that runs: the rest of its work stands, and the failure is counted.
    pub has_failed_part: bool,
    /// Changes up to here stay, whatever becomes of the step that made them.
    kept: usize,
}

/// A service's answer, as it is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verbatim {
    pub status: u16,
    /// Those of its headers that mean something to Rossum.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Bytes,
}

/// What is passed on of a service's headers: what its body is, where its answer will be, when to come again.
const PASSED: [&str; 4] = ["content-type", "content-encoding", "location", "retry-after"];

impl Verbatim {
    pub(super) fn of(answered: Answered) -> Self {
        let Answered { status, headers, body } = answered;
        let value = |name: &'static str| Some((name, headers.get(name)?.as_bytes().to_vec()));
        Self { status, headers: PASSED.into_iter().filter_map(value).collect(), body }
    }
}

/// Where an answer stood, to return to when a step fails.
#[derive(Clone, Copy)]
pub struct Checkpoint {
    messages: usize,
    automation_blockers: usize,
    journal: usize,
    jobs: usize,
    passed_on: usize,
}

impl Answer {
    /// Shows a message. Data quoted in `content` must be HTML-escaped; it is cut to what Rossum takes.
    pub fn show(&mut self, kind: MessageType, on: Option<NodeRef>, content: impl Into<String>) {
        let content = self.cut("a message", content.into());
        self.messages.push(Message { on, kind, content, failed_line: None });
    }

    /// A text as long as Rossum takes it. That it was longer is said.
    fn cut(&mut self, what: &str, content: String) -> String {
        let length = content.len();
        let cut = shorten(content);
        if cut.len() < length {
            self.undone.push(Undone::cut(what, MAX_MESSAGE_CHARACTERS));
        }
        cut
    }

    /// Shows that a customer's code failed, and where.
    pub fn show_exception(&mut self, on: Option<NodeRef>, content: String, line: u32) {
        let content = shorten(content);
        self.messages.push(Message { on, kind: MessageType::Error, content, failed_line: Some(line) });
    }

    /// Stops Rossum from confirming the document without a person.
    pub fn block_automation(&mut self, on: Option<NodeRef>, content: impl Into<String>) {
        let content = self.cut("a blocker", content.into());
        self.automation_blockers.push(AutomationBlocker { on, content });
    }

    /// Takes over what code showed.
    pub fn take(&mut self, output: Output) {
        for shown in output.shown {
            self.show(shown.kind, shown.on, shown.content);
        }
        for (on, content) in output.blockers {
            self.block_automation(on, content);
        }
    }

    /// Adds another answer's messages and blockers, each that is not there yet.
    pub fn append(&mut self, other: &Self) {
        self.undone.extend(other.undone.iter().cloned());
        for message in &other.messages {
            if !self.messages.contains(message) {
                self.messages.push(message.clone());
            }
        }
        for blocker in &other.automation_blockers {
            if !self.automation_blockers.contains(blocker) {
                self.automation_blockers.push(blocker.clone());
            }
        }
    }

    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub fn automation_blockers(&self) -> &[AutomationBlocker] {
        &self.automation_blockers
    }

    /// What came since a checkpoint: messages, blockers, changes.
    pub fn since(
        &self,
        before: Checkpoint,
    ) -> (&[Message], &[AutomationBlocker], impl Iterator<Item = Done<'_>>) {
        let messages = self.messages.get(before.messages..).unwrap_or_default();
        let blockers = self.automation_blockers.get(before.automation_blockers..).unwrap_or_default();
        (messages, blockers, self.journal.since(before.journal))
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            messages: self.messages.len(),
            automation_blockers: self.automation_blockers.len(),
            journal: self.journal.len(),
            jobs: self.outcome.jobs.len(),
            passed_on: self.passed_on.len(),
        }
    }

    /// What has been changed so far stays even if the step fails: another system has done its part already.
    pub fn keep_changes(&mut self) {
        self.kept = self.journal.len();
    }

    /// Takes back everything since the checkpoint, but for changes that are to be kept.
    pub fn roll_back(&mut self, to: Checkpoint) {
        self.messages.truncate(to.messages);
        self.automation_blockers.truncate(to.automation_blockers);
        self.journal.roll_back(to.journal.max(self.kept));
        self.outcome.jobs.truncate(to.jobs);
        self.passed_on.truncate(to.passed_on);
    }
}
