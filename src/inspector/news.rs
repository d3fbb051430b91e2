//! What pages are told as it happens, as server-sent events (WHATWG HTML, "Server-sent events").

use bytes::Bytes;
use tokio::sync::broadcast;

/// Events that a slow page may be behind; then it is told to ask anew.
const BEHIND: usize = 256;

#[derive(Clone)]
pub struct News(broadcast::Sender<Bytes>);

impl Default for News {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }
}

/// One page's ear.
pub struct Subscription(broadcast::Receiver<Bytes>);

impl News {
    /// `data` is JSON on one line.
    pub(super) fn tell(&self, event: &str, data: String) {
        if self.0.receiver_count() > 0 {
            // Nobody listening any more is no error.
            let _ = self.0.send(Bytes::from(format!("event: {event}\ndata: {data}\n\n")));
        }
    }

    pub fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribe())
    }
}

impl Subscription {
    /// The next event as it goes over the wire; `None` when there will be none.
    pub async fn next(&mut self) -> Option<Bytes> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                Some(Bytes::from_static(b"event: behind\ndata: {}\n\n"))
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
