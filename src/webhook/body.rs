//! The body: bounded by declared and by real length, by a minimum rate, and by the memory that all bodies
//! together may take. The HMAC runs while it arrives. Complete and verified, or there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use crate::signature::{VerifiedBody, Verifier};

use super::refusal::Refusal;

/// The first buffer for a body of unknown length, and the most that a declared length gets in advance.
const FIRST_BUFFER: usize = 1 << 20;

/// How much of a refused body is thrown away, and for how long.
const DISCARD_BYTES: usize = 64 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy)]
pub struct DoorLimits {
    /// How long a body may take whatever its rate, and how long it may pause.
    pub body_grace: Duration,
    /// After that: bytes a second on average since the start.
    pub body_rate: usize,
    /// Bytes that all bodies under way may take together.
    pub body_memory: usize,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self { body_grace: Duration::from_secs(5), body_rate: 64 << 10, body_memory: 256 << 20 }
    }
}

impl DoorLimits {
    /// Until when the next part of a body must be there.
    fn patience(&self, start: Instant, received: usize) -> Instant {
        let earned = Duration::from_secs((received / self.body_rate) as u64);
        (start + self.body_grace.max(earned)).min(Instant::now() + self.body_grace)
    }
}

/// The memory that bodies take at the moment.
#[derive(Debug, Clone)]
pub(super) struct BodyMemory {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl BodyMemory {
    pub(super) fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    fn share(&self) -> Share {
        Share { memory: self.clone(), bytes: 0 }
    }
}

/// One body's part of it, given back on drop.
pub(super) struct Share {
    memory: BodyMemory,
    bytes: usize,
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let before = self.memory.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before + bytes > self.memory.limit {
            Err(Refusal::Overloaded("bodies take all the memory they may"))
        } else {
            Ok(())
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a body to its end and checks its signature.
pub(super) async fn read(
    body: &mut Incoming,
    mut verifier: Verifier<'_>,
    largest: usize,
    memory: &BodyMemory,
    limits: &DoorLimits,
) -> Result<(VerifiedBody, Share), Refusal> {
    let declared = body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if declared.is_some_and(|declared| declared > largest) {
        return Err(Refusal::TooLarge { limit: largest });
    }
    let start = Instant::now();
    let mut share = memory.share();
    let mut whole = Joined::Nothing { expected: declared.unwrap_or(0).min(FIRST_BUFFER) };
    let mut length = 0_usize;
    loop {
        let frame = match timeout_at(limits.patience(start, length), body.frame()).await {
            Err(_) => return Err(Refusal::TooSlow),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Refusal::Truncated),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue }; // trailers mean nothing here
        length += data.len();
        if length > largest {
            return Err(Refusal::TooLarge { limit: largest });
        }
        share.grow(data.len())?;
        verifier.update(&data);
        whole.push(data);
    }
    let verified = verifier.finish(whole.into_bytes()).map_err(Refusal::Forged)?;
    Ok((verified, share))
}

/// Throws away what is left of a refused body, for a while, so that the caller sees its answer: dropped unread, the
/// body would reset the HTTP/2 stream before the answer is out, or the TCP connection after it.
pub(super) async fn discard(mut body: Incoming) {
    let throw_away = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > DISCARD_BYTES {
                break;
            }
        }
    };
    let _ = timeout(DISCARD_TIME, throw_away).await; // what comes later is cut off
}

/// Frames joined; a body of one frame is not copied.
enum Joined {
    Nothing { expected: usize },
    One(Bytes, usize),
    Many(BytesMut),
}

impl Joined {
    fn push(&mut self, data: Bytes) {
        *self = match std::mem::replace(self, Self::Nothing { expected: 0 }) {
            Self::Nothing { expected } => Self::One(data, expected),
            Self::One(first, expected) => {
                let mut buffer = BytesMut::with_capacity(expected.max(first.len() + data.len()));
                buffer.extend_from_slice(&first);
                buffer.extend_from_slice(&data);
                Self::Many(buffer)
            }
            Self::Many(mut buffer) => {
                buffer.extend_from_slice(&data);
                Self::Many(buffer)
            }
        };
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing { .. } => Bytes::new(),
            Self::One(bytes, _) => bytes,
            Self::Many(buffer) => buffer.freeze(),
        }
    }
}
