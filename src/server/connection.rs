//! One connection from its first request to its last, under our own deadlines.
//!
//! hyper alone lets a peer that says nothing after the handshake stay for ever on HTTP/2, and has no idle
//! deadline there. A clock of our own watches both versions alike.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tokio::{pin, select};

use crate::tls::Protocol;

use super::Drain;
use super::connections::{Activity, RequestUnderWay};
use super::limits::{HTTP1_BUFFER, HTTP1_LINGER, HTTP2_PING, HTTP2_STREAMS, Limits};
use super::nudge::Nudge;
use super::parting::Parting;

type BoxedAnswer<B> = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

/// Serves a connection until its peer, a deadline or the drain ends it. `answer` drops what it gets with a request when
/// the answer is ready.
pub(super) async fn serve<IO, F, A, B>(
    io: IO,
    protocol: Protocol,
    activity: &Arc<Activity>,
    limits: Limits,
    drain: &Drain,
    answer: F,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>, RequestUnderWay) -> A + Send + Unpin + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let service = service_fn({
        let activity = Arc::clone(activity);
        let drain = drain.clone();
        move |request: Request<Incoming>| -> BoxedAnswer<B> {
            let can_be_closed = request.version() < Version::HTTP_2;
            let (answer, drain) = (answer(request, activity.begin()), drain.clone());
            Box::pin(async move {
                let mut answer = answer.await;
                if can_be_closed && drain.is_stopping() {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok(answer)
            })
        }
    });
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.idle)
                .max_buf_size(HTTP1_BUFFER)
                .serve_connection(TokioIo::new(Parting::new(io)), service);
            pin!(connection);
            drive(&mut Http1(connection), activity, limits, drain).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(drain.clone())
                .timer(TokioTimer::new())
                .max_concurrent_streams(HTTP2_STREAMS)
                .keep_alive_interval(HTTP2_PING)
                .keep_alive_timeout(HTTP2_PING)
                .serve_connection(TokioIo::new(Parting::new(io)), service);
            pin!(connection);
            drive(&mut Http2(connection), activity, limits, drain).await;
        }
    }
}

/// What the two versions have in common.
trait Connection {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()>;
    /// Finish what is under way, take nothing new.
    fn finish(&mut self);
    /// How long to wait with that once the server stops.
    fn linger(&self) -> Duration;
}

struct Http1<'c, IO, S: hyper::service::HttpService<Incoming>>(
    Pin<&'c mut http1::Connection<TokioIo<Parting<IO>>, S>>,
);

impl<IO, S, B> Connection for Http1<'_, IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // How it ended does not matter: there is nobody left to tell.
        self.0.as_mut().poll(context).map(drop)
    }

    fn finish(&mut self) {
        self.0.as_mut().graceful_shutdown();
    }

    fn linger(&self) -> Duration {
        HTTP1_LINGER
    }
}

struct Http2<'c, IO, S: hyper::service::HttpService<Incoming>>(
    Pin<&'c mut http2::Connection<TokioIo<Parting<IO>>, S, Drain>>,
)
where
    IO: AsyncRead + AsyncWrite + Unpin;

impl<IO, S, B> Connection for Http2<'_, IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
{
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context).map(drop)
    }

    fn finish(&mut self) {
        self.0.as_mut().graceful_shutdown();
    }

    fn linger(&self) -> Duration {
        Duration::ZERO
    }
}

async fn drive(connection: &mut impl Connection, activity: &Activity, limits: Limits, drain: &Drain) {
    let (start, nudge) = (Instant::now(), Nudge::new());
    let mut deadline = activity.deadline(limits, start);
    // An HTTP/1 peer may be sending its next request at this very moment: it is answered, with `Connection: close`.
    // HTTP/2 says GOAWAY, which peers understand.
    let mut finish_at = None;
    let mut finished = false;
    loop {
        select! {
            () = std::future::poll_fn(|context| nudge.poll(context, |context| connection.poll(context))) => return,
            () = drain.stopping(), if finish_at.is_none() => {
                finish_at = Some(Instant::now() + connection.linger());
            }
            () = sleep_until(finish_at.unwrap_or(deadline)), if finish_at.is_some() && !finished => {
                finished = true;
                connection.finish();
            }
            () = sleep_until(deadline) => {
                let now = Instant::now();
                deadline = activity.deadline(limits, start);
                if deadline <= now {
                    return; // dropped: a deadline passed
                }
            }
        }
    }
}
