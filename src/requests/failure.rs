//! Why a run does not go on: where, what a person reads, what the log says.

use std::time::Duration;

use crate::api::ApiError;
use crate::export::SendError;

/// A failure and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `stage 2, call upload_scan`; empty where none is to blame.
    pub place: String,
    pub told: Told,
}

/// What failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// For people; it may quote what Rossum says.
    pub text: String,
    /// For the log: it quotes nothing.
    pub cause: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The same may succeed later: not before this, where the other side says so.
    Passing(Option<Duration>),
    /// The call was sent, and no answer came in time.
    TimedOut,
    /// The call was sent, or a part of it, and the connection ended.
    Broken,
    Final,
}

impl Told {
    pub(super) fn final_one(text: String) -> Self {
        Self { cause: text.clone(), text, kind: Kind::Final }
    }

    pub(super) fn passing(text: String) -> Self {
        Self { cause: text.clone(), text, kind: Kind::Passing(None) }
    }

    pub(super) fn of_api(what: &str, error: &ApiError) -> Self {
        let cause = format!("{what}: {error}");
        let words = error.words();
        let text = if words.is_empty() { cause.clone() } else { format!("{cause}: {words}") };
        let kind = if error.may_pass() { Kind::Passing(error.retry_after()) } else { Kind::Final };
        Self { text, cause, kind }
    }

    pub(super) fn at(self, place: &str) -> Failure {
        Failure { place: place.to_owned(), told: self }
    }
}

impl Failure {
    pub(super) fn final_one(place: &str, text: &str) -> Self {
        Told::final_one(text.to_owned()).at(place)
    }

    pub(super) fn of_api(what: &str, error: &ApiError) -> Self {
        Told::of_api(what, error).at("")
    }

    pub(super) fn unsent(place: &str, error: &SendError) -> Self {
        let kind = match error {
            error if error.is_final() => Kind::Final,
            SendError::TimedOut => Kind::TimedOut,
            SendError::Broken(_) => Kind::Broken,
            SendError::Down(wait) => Kind::Passing(Some(*wait)),
            _ => Kind::Passing(None),
        };
        let text = error.to_string();
        Told { cause: text.clone(), text, kind }.at(place)
    }

    /// With its place, for people.
    pub fn text(&self) -> String {
        self.with(&self.told.text)
    }

    /// With its place, for the log.
    pub fn cause(&self) -> String {
        self.with(&self.told.cause)
    }

    fn with(&self, what: &str) -> String {
        if self.place.is_empty() { what.to_owned() } else { format!("{}: {what}", self.place) }
    }
}
