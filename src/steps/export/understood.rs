//! What an answer gives to the calls after it and to fields. One that was not understood is an error where something is to be
//! read from it: nothing is called with what it did not say.

use std::time::Instant;

use serde_json::{Map, Value};

use crate::export::target::LONGEST_ANSWER;
use crate::export::{Call, Received};
use crate::neighbour::{self, Digits};
use crate::slices::Spent;
use crate::trees::{ANSWERS, Parts, Tree, make_of};

use super::super::{Lasts, StepError};
use super::Export;

/// The end of each message about an answer that was not understood.
pub(super) const LOOK_THERE: &str =
    "It may have taken the export or not: look there before you export again.";

/// Why nothing can be read from an answer, in words that quote nothing of it.
pub(super) enum Unusable {
    /// It does not say what is to be read from it, whenever it is read.
    NotUnderstood(String),
    /// The time or the memory that we read it with is short. The other system has answered.
    Waits(String),
}

impl Unusable {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::NotUnderstood(text) | Self::Waits(text) => text,
        }
    }

    pub(super) fn lasts(&self) -> Lasts {
        match self {
            Self::NotUnderstood(_) => Lasts::ForGood,
            Self::Waits(_) => Lasts::ForNow,
        }
    }
}

impl Export {
    /// An answer as later templates read it: `answers.create.body.id`.
    pub(super) async fn understood(
        &self,
        at: usize,
        received: &Received,
        deadline: Instant,
    ) -> Result<Tree, Unusable> {
        let said = |body: Tree| {
            let status = ("status".to_owned(), received.status.into());
            Ok(body.map(|body| Value::Object(Map::from_iter([status, ("body".to_owned(), body)]))))
        };
        let fills = self
            .settings
            .calls
            .get(at)
            .is_some_and(|call| call.write.iter().any(|(_, from)| from != "status"));
        if !fills && !self.reads_answers_after(at) {
            return said(Tree::default());
        }
        if !received.is_whole {
            return Err(Unusable::NotUnderstood(format!(
                "its answer has more than {LONGEST_ANSWER} bytes, which is too much to read"
            )));
        }
        if received.body.is_empty() {
            return said(Tree::default());
        }
        let kind = received.content_type.to_ascii_lowercase();
        let room = ANSWERS.room(&received.body, deadline).await;
        let waits =
            |spent: Spent| Unusable::Waits(format!("its answer waits behind those of others: {spent}"));
        let room = room.map_err(waits)?;
        let read = || neighbour::tree(&received.body, Digits::AsWritten, Parts::All, room);
        match make_of(&received.body, deadline, read).map_err(waits)? {
            Ok(body) => said(body),
            Err(unread) if unread.is_too_large() => {
                Err(Unusable::NotUnderstood(format!("its answer: {unread}")))
            }
            Err(_) if fills || kind.contains("html") || kind.contains("json") => {
                let what = if kind.contains("html") { "a page (HTML), maybe a login" } else { "no JSON" };
                let what = format!("its answer is {what}, and something is to be read from it");
                Err(Unusable::NotUnderstood(what))
            }
            Err(_) => said(Value::from(String::from_utf8_lossy(&received.body)).into()),
        }
    }

    /// Whether a call after this one reads answers.
    pub(super) fn reads_answers_after(&self, at: usize) -> bool {
        self.settings
            .calls
            .iter()
            .skip(at + 1)
            .flat_map(Call::templates)
            .any(|template| template.reads("answers"))
    }

    /// That an answer was not understood, for the person at the screen.
    pub(super) fn not_understood(&self, call: &Call, unread: &Unusable) -> StepError {
        let (name, what) = (&self.settings.target.name, unread.text());
        StepError {
            message: format!("{name}, {}: {what}. {LOOK_THERE}", call.name),
            cause: format!("{name}, {}: {what}", call.title()),
            lasts: unread.lasts(),
        }
    }
}
