//! The body: bounded by declared and by real length, by a minimum rate, and by the memory that all bodies
//! together may take. The HMAC runs while it arrives. Complete and verified, or there is none.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use crate::signature::{VerifiedBody, Verifier};

use super::body_memory::{BodyMemory, Share};
use super::refusal::Refusal;

/// Bytes by which a buffer grows, at least and at most. In between it doubles, so that it takes at most twice what
/// came and the least step. Large buffers are mapped by the allocator one by one: they grow without a copy and are given back at once.
const LEAST_STEP: usize = 16 << 10;
const LARGEST_STEP: usize = 256 << 10;

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
    let mut whole = Joined::Nothing;
    let most = declared.unwrap_or(largest);
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
        // What it takes is counted, not what it declares.
        let capacity = whole.capacity_with(data.len(), most);
        share.grow(capacity.saturating_sub(whole.capacity())).await?;
        patience.earn(data.len());
        verifier.update(&data);
        whole.push(data, capacity);
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
    Nothing,
    One(Bytes),
    Many(Vec<u8>),
}

impl Joined {
    /// Bytes of memory that it takes.
    fn capacity(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(buffer) => buffer.capacity(),
        }
    }

    /// The same with so many bytes more, of a body that has so many at most.
    fn capacity_with(&self, more: usize, most: usize) -> usize {
        let (length, capacity) = match self {
            Self::Nothing => return more,
            Self::One(bytes) => (bytes.len(), bytes.len()),
            Self::Many(buffer) => (buffer.len(), buffer.capacity()),
        };
        let needed = length + more;
        if needed <= capacity {
            return capacity;
        }
        (capacity + capacity.clamp(LEAST_STEP, LARGEST_STEP)).min(most).max(needed)
    }

    fn push(&mut self, data: Bytes, capacity: usize) {
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::One(data),
            Self::One(first) => {
                let mut buffer = Vec::with_capacity(capacity);
                buffer.extend_from_slice(&first);
                buffer.extend_from_slice(&data);
                Self::Many(buffer)
            }
            Self::Many(mut buffer) => {
                buffer.reserve_exact(capacity - buffer.len());
                buffer.extend_from_slice(&data);
                Self::Many(buffer)
            }
        };
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(buffer) => buffer.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_takes_what_was_counted_and_little_more_than_what_came() {
        for (frame, most) in [(60, 1_200_000), (8_000, 20_000_000), (16_384, 16_385), (8_000, 40_000)] {
            let (mut whole, mut length, mut counted) = (Joined::Nothing, 0, 0);
            while length < most.min(1_000_000) {
                let data = Bytes::from(vec![b'x'; frame.min(most - length)]);
                let capacity = whole.capacity_with(data.len(), most);
                length += data.len();
                whole.push(data, capacity);
                counted = capacity;
                assert_eq!(whole.capacity(), counted);
                assert!(
                    counted <= 2 * length + LEAST_STEP && counted <= length + LARGEST_STEP,
                    "{counted} for {length}"
                );
            }
            assert!(counted <= most.max(length));
            assert_eq!(whole.into_bytes().len(), length);
        }
    }
}
