//! What came back, in bounds.

use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Response, Url};

use crate::neighbour;

use super::client::CallError;

/// How much of an answer's body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// These first bytes at most: [`Received::is_whole`] says whether they are all.
    UpTo(usize),
    /// All, of this many bytes at most: a larger one is [`CallError::TooLarge`]. Of a refusal the beginning is enough.
    Whole(usize),
    /// The same, whatever the status.
    All(usize),
}

/// Bytes of a refusal that are read.
const REFUSAL: usize = 100_000;

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Received {
    pub status: u16,
    pub headers: HeaderMap,
    /// Where it came from: elsewhere than asked where a redirection was followed.
    pub url: Url,
    pub body: Vec<u8>,
    /// Whether the body is all of it.
    pub is_whole: bool,
    /// From the request's begin to the answer's end.
    pub elapsed: Duration,
}

impl Received {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the same call may be answered differently later.
    pub fn may_pass(&self) -> bool {
        neighbour::may_pass(self.status)
    }

    /// `Content-Type`, where there is one that is a text.
    pub fn content_type(&self) -> Option<&str> {
        self.headers.get(CONTENT_TYPE)?.to_str().ok()
    }

    /// How long the other system wants to be left in peace.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        neighbour::retry_after(&self.headers, now)
    }

    pub(super) async fn read(response: Response, how: Read) -> Result<Self, CallError> {
        let (status, headers, url) =
            (response.status().as_u16(), response.headers().clone(), response.url().clone());
        let must_be_whole = match how {
            Read::UpTo(_) => false,
            Read::Whole(_) => response.status().is_success(),
            Read::All(_) => true,
        };
        let most = match how {
            Read::UpTo(most) | Read::Whole(most) | Read::All(most) => most,
        };
        let most = if matches!(how, Read::Whole(_)) && !must_be_whole { REFUSAL.min(most) } else { most };
        let is_longer = |length| usize::try_from(length).map_or(true, |length: usize| length > most);
        if must_be_whole && response.content_length().is_some_and(is_longer) {
            return Err(CallError::TooLarge(most));
        }
        let (body, is_whole) = beginning(response, most).await.map_err(|error| CallError::of(&error))?;
        if must_be_whole && !is_whole {
            return Err(CallError::TooLarge(most));
        }
        Ok(Self { status, headers, url, body, is_whole, elapsed: Duration::ZERO })
    }
}

/// The first bytes of an answer, this many at most, and whether they are all of it. The rest is not read.
async fn beginning(mut response: Response, most: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(data) = response.chunk().await? {
        let room = most - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((body.into(), false));
        }
    }
    Ok((body.into(), true))
}
