//! Where exports go: an HTTP interface, or a folder here or on another host.

mod auth;
mod beneath;
mod file_name;
mod folder;
mod http;
mod sftp;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::call::Request;
use crate::outbound::CallError;

pub use auth::{Auth, OAuth2, Token};
pub use file_name::Exists;
pub use folder::FolderTarget;
pub use http::HttpTarget;
pub use sftp::{Login, SftpTarget};

/// Bytes of an answer that are read. Where something is to be taken out of it, a longer one is an error.
pub const LONGEST_ANSWER: usize = 1_000_000;

pub struct Target {
    pub name: String,
    pub kind: TargetKind,
    /// Queued exports that are sent to it at a time.
    pub concurrency: usize,
}

pub enum TargetKind {
    Http(Box<HttpTarget>),
    Folder(FolderTarget),
    Sftp(Box<SftpTarget>),
}

/// What a target answered. A file that was written counts as 201.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub content_type: String,
    /// As far as it was read.
    #[serde(with = "kept_body")]
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// Bytes in Base64: a list of numbers would take five times as much, and seventy times while it is read.
pub(crate) mod kept_body {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// A list is what earlier versions kept.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        List(Vec<u8>),
    }

    pub(crate) fn serialize<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(body))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match Kept::deserialize(deserializer)? {
            Kept::Text(text) => STANDARD.decode(text).map_err(D::Error::custom),
            Kept::List(list) => Ok(list),
        }
    }
}

impl Received {
    /// A file that was written.
    fn written() -> Self {
        Self { status: 201, retry_after: None, content_type: String::new(), body: Vec::new(), is_whole: true }
    }
}

/// Why there is no answer. It says nothing of what the request held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("it failed several times in a row and is left alone for {} more s", .0.as_secs().max(1))]
    Down(Duration),
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it did not answer in time")]
    TimedOut,
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("Annex cannot get its token: {0}")]
    Token(String),
    /// It answers, and does not let us in, or who issues its tokens does not: waiting does not change that.
    #[error("{0}")]
    Denied(String),
    /// Nothing that waiting mends.
    #[error("{0}")]
    Refused(String),
}

impl From<CallError> for SendError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Silent(_) => Self::TimedOut,
            CallError::Unreachable(why) | CallError::Untimely(why) => Self::Unreachable(why),
            CallError::Broken(why) => Self::Broken(why),
            CallError::Unfit(why) => Self::Refused(why),
            CallError::Url { .. } | CallError::TooLarge(_) => Self::Refused(error.to_string()),
        }
    }
}

impl SendError {
    /// Whether waiting mends nothing: whoever is asked answers, and will answer the same.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Denied(_))
    }

    /// Whether the other side may have done what it was asked.
    pub fn may_be_taken(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Broken(_))
    }
}

impl Target {
    /// Sends a request, once. `key` stays the same over all tries.
    pub async fn send(&self, request: &Request, key: &str, deadline: Instant) -> Result<Received, SendError> {
        match &self.kind {
            TargetKind::Http(target) => target.send(request, key, deadline).await,
            TargetKind::Folder(target) => target.write(request).await,
            TargetKind::Sftp(target) => target.write(request, deadline).await,
        }
    }

    /// Whether it is sent the key of a call. A file has none: the same file is the same.
    pub fn knows_keys(&self) -> bool {
        matches!(self.kind, TargetKind::Http(_))
    }

    /// Whether a path, as a document made it, can be one here.
    pub fn takes(&self, path: &str) -> Result<(), SendError> {
        match &self.kind {
            TargetKind::Http(target) => target.place(path).map(drop),
            TargetKind::Folder(_) | TargetKind::Sftp(_) => file_name::check(path),
        }
    }

    /// Whether it answers at all, without sending anything: the status of its URL, or `None` for a folder.
    pub async fn look(&self) -> Result<Option<u16>, SendError> {
        match &self.kind {
            TargetKind::Http(target) => target.look().await.map(Some),
            TargetKind::Folder(target) => target.look().map(|()| None),
            TargetKind::Sftp(target) => target.look().await.map(|()| None),
        }
    }

    /// Whether it is a folder of this host.
    pub fn is_folder(&self) -> bool {
        matches!(self.kind, TargetKind::Folder(_))
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match &self.kind {
            TargetKind::Http(target) => target.url().to_string(),
            TargetKind::Folder(target) => target.folder.display().to_string(),
            TargetKind::Sftp(target) => target.place(),
        }
    }
}
