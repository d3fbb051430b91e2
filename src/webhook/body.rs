//! The body: bounded by declared and by real length, by a minimum rate, and by the memory that all bodies
//! together may take. The HMAC runs while it arrives. Complete and verified, or there is none.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use crate::signature::{VerifiedBody, Verifier};

use super::body_memory::{BodyMemory, Share};
use super::refusal::Refusal;

/// The first buffer for a body of unknown length, and the most that a declared length gets in advance.
const FIRST_BUFFER: usize = 1 << 20;

/// How much of a refused body is thrown away, and for how long.
const DISCARD_BYTES: usize = 64 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The most time that a body can have earned in advance by coming faster than it must.
const EARNED: Duration = Duration::from_secs(10);

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

/// Until when the next part of a body must be there: it earns time by what it brings.
struct Patience {
    limits: DoorLimits,
    until: Instant,
}

impl Patience {
    fn begin(limits: DoorLimits) -> Self {
        Self { limits, until: Instant::now() + limits.body_grace }
    }

    fn next(&self) -> Instant {
        self.until.min(Instant::now() + self.limits.body_grace)
    }

    /// A body that came fast does not have all of that time to be slow in.
    fn earn(&mut self, bytes: usize) {
        let microseconds = bytes.saturating_mul(1_000_000) / self.limits.body_rate.max(1);
        let earned = Duration::from_micros(microseconds as u64);
        self.until = (self.until + earned).min(Instant::now() + EARNED.max(self.limits.body_grace));
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
    let mut patience = Patience::begin(*limits);
    let mut share = memory.share();
    let mut whole = Joined::Nothing { expected: declared.unwrap_or(0).min(FIRST_BUFFER) };
    let mut length = 0_usize;
    loop {
        let frame = tokio::select! {
            biased;
            frame = timeout_at(patience.next(), body.frame()) => frame,
            refusal = share.must_leave() => return Err(refusal),
        };
        let frame = match frame {
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
        share.grow(data.len()).await?;
        patience.earn(data.len());
        verifier.update(&data);
        whole.push(data);
    }
    let verified = verifier.finish(whole.into_bytes()).map_err(Refusal::Forged)?;
    share.verified()?;
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
