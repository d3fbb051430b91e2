//! What a connection may cost. Deadlines for bodies and steps are the door's.

use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time, over all listeners; for more, the idlest one is closed.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// From the end of the handshake to the first whole request head. hyper has no such deadline for HTTP/2.
    pub first_request: Duration,
    /// Without a request under way; also the deadline for a later request's head.
    pub idle: Duration,
    /// For deliveries to finish once the server was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            drain: Duration::from_secs(30),
        }
    }
}

/// hyper's read buffer grows to 400 KiB with a large body and stays so while the connection is idle; 8 KiB is the least
/// that it takes. A head must fit into it, which is ample for Rossum's.
pub(super) const HTTP1_BUFFER: usize = 8 << 10;
/// An idle HTTP/1 connection is kept so long when the server stops: a request that is on its way then, across an ocean,
/// still gets its answer.
pub(super) const HTTP1_LINGER: Duration = Duration::from_millis(300);
/// HTTP/2 streams at a time on one connection.
pub(super) const HTTP2_STREAMS: u32 = 64;
/// A silent HTTP/2 peer is pinged this often, and has as long to answer.
pub(super) const HTTP2_PING: Duration = Duration::from_secs(20);
/// Connections that the kernel keeps while accepting is busy with making room; it takes at most its `somaxconn`.
pub(super) const BACKLOG: u32 = 4096;
/// Pause after `accept` failed: out of descriptors, it would fail again at once.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
