//! The body: bounded by declared and by real length, by a minimum rate, and by the memory that all bodies
//! together may take. The HMAC runs while it arrives. Complete and verified, or there is none.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use crate::signature::{VerifiedBody, Verifier};
use crate::slices::apart;

use super::body_memory::{BodyMemory, Share};
use super::refusal::Refusal;

/// Bytes by which a buffer grows, at least and at most. In between it doubles, so that it takes at most twice what
/// came and the least step.
const LEAST_STEP: usize = 16 << 10;
const LARGEST_STEP: usize = 256 << 10;
/// Bytes of a piece where memory is scarce: of a body of usual length, and of one that is large.
const PIECE: usize = LEAST_STEP;
const LARGE_PIECE: usize = 64 << 10;
/// Bytes of a body in pieces that are joined off the serving threads.
const LONG: usize = 1 << 20;

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
        let growth = whole.growth(data.len(), most, || share.is_scarce());
        share.grow(growth.bytes()).await?;
        patience.earn(data.len());
        verifier.update(&data);
        whole.push(data, growth);
    }
    let verified = match whole {
        Joined::Nothing => verifier.finish(vec![Bytes::new()]),
        Joined::One(bytes) => verifier.finish(vec![bytes]),
        Joined::Many(pieces) if pieces.len() > 1 && length > LONG => apart(|| verifier.finish(pieces)),
        Joined::Many(pieces) => verifier.finish(pieces),
    };
    let verified = verified.map_err(Refusal::Forged)?;
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
///
/// A buffer that grows leaves holes behind, each of another size: a flood of bodies would take twice the memory that is
/// counted. Where memory is scarce, a body is therefore kept in pieces, which fit into the holes of others, and joined at
/// its end if it is verified.
enum Joined {
    Nothing,
    One(Bytes),
    /// Only the last one has room.
    Many(Vec<Vec<u8>>),
}

/// How more bytes get their place.
#[derive(Clone, Copy)]
enum Growth {
    /// They have it.
    None,
    /// The frame itself.
    Frame(usize),
    /// The buffer, or its last piece, gets this many bytes more.
    Longer(usize),
    /// Another piece.
    Piece(usize),
}

impl Growth {
    /// The memory that it takes.
    fn bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Frame(bytes) | Self::Longer(bytes) | Self::Piece(bytes) => bytes,
        }
    }
}

impl Joined {
    /// How many bytes it has, how many fit into its last piece beside them, and how many pieces there are.
    fn size(&self) -> (usize, usize, usize) {
        match self {
            Self::Nothing => (0, 0, 0),
            Self::One(bytes) => (bytes.len(), 0, 1),
            Self::Many(pieces) => {
                let length = pieces.iter().map(Vec::len).sum();
                let room = pieces.last().map_or(0, |last| last.capacity() - last.len());
                (length, room, pieces.len())
            }
        }
    }

    /// What so many bytes more need, of a body that has so many at most.
    fn growth(&self, more: usize, most: usize, is_scarce: impl FnOnce() -> bool) -> Growth {
        let (length, room, pieces) = self.size();
        if pieces == 0 {
            return Growth::Frame(more);
        }
        if more <= room {
            return Growth::None;
        }
        let (needed, may_have) = (more - room, most.saturating_sub(length + room));
        if pieces > 1 || is_scarce() {
            let piece = if length < LARGEST_STEP { PIECE } else { LARGE_PIECE };
            return Growth::Piece(piece.min(may_have).max(needed));
        }
        Growth::Longer((length + room).clamp(LEAST_STEP, LARGEST_STEP).min(may_have).max(needed))
    }

    fn push(&mut self, data: Bytes, mut growth: Growth) {
        let mut pieces = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => {
                *self = Self::One(data);
                return;
            }
            Self::One(first) => {
                let mut buffer = Vec::with_capacity(first.len() + growth.bytes());
                buffer.extend_from_slice(&first);
                growth = Growth::None; // it has grown
                vec![buffer]
            }
            Self::Many(pieces) => pieces,
        };
        let mut rest = &data[..];
        if let Some(last) = pieces.last_mut() {
            if let Growth::Longer(bytes) = growth {
                last.reserve_exact(last.capacity() - last.len() + bytes);
            }
            let fits = rest.len().min(last.capacity() - last.len());
            last.extend_from_slice(&rest[..fits]);
            rest = &rest[fits..];
        }
        if !rest.is_empty() {
            let mut piece = Vec::with_capacity(growth.bytes());
            piece.extend_from_slice(rest);
            pieces.push(piece);
        }
        *self = Self::Many(pieces);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_what_was_counted_and_little_more_than_what_came() {
        for (frame, most) in [(60, 1_200_000), (8_000, 20_000_000), (16_384, 16_385), (8_000, 40_000)] {
            // Memory that is never scarce, always, or from some length on.
            for scarce_from in [usize::MAX, 0, 100_000] {
                let (mut whole, mut sent, mut counted) = (Joined::Nothing, Vec::new(), 0);
                while sent.len() < most.min(1_000_000) {
                    let part =
                        vec![u8::try_from(sent.len() / 7 % 256).unwrap(); frame.min(most - sent.len())];
                    let growth = whole.growth(part.len(), most, || sent.len() >= scarce_from);
                    counted += growth.bytes();
                    sent.extend_from_slice(&part);
                    whole.push(Bytes::from(part), growth);
                    let length = sent.len();
                    if let Joined::Many(pieces) = &whole {
                        assert_eq!(pieces.iter().map(Vec::capacity).sum::<usize>(), counted);
                        assert!(scarce_from < usize::MAX || pieces.len() == 1, "a common body is not copied");
                        assert!(length < scarce_from.saturating_add(300_000) || pieces.len() > 1);
                    }
                    assert!(
                        counted <= 2 * length + LEAST_STEP && counted <= length + LARGEST_STEP,
                        "{counted} for {length}"
                    );
                }
                assert!(counted <= most.max(sent.len()));
                let pieces = match whole {
                    Joined::Nothing => Vec::new(),
                    Joined::One(bytes) => bytes.to_vec(),
                    Joined::Many(pieces) => pieces.concat(),
                };
                assert_eq!(pieces, sent);
            }
        }
    }
}
