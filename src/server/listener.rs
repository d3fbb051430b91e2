//! Listeners: accept, find a place, hand over. Nothing here waits for a client.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{interval, sleep, timeout};
use tokio::{pin, select};
use tracing::{Level, debug, enabled, warn};

use crate::memory;
use crate::telemetry::Metrics;
use crate::tls::{Acceptor, Handshake, Protocol};
use crate::unreached::io_words;
use crate::webhook::{Caller, ClientCertificate, Door};

use super::connection;
use super::connections::{Activity, Connections};
use super::limits::{ACCEPT_PAUSE, BACKLOG, Limits};
use super::proxy_protocol;
use super::pulse::{BEAT, Beat};
use super::{Drain, Redirect, admin, probe};

/// What a listener's connections are for.
#[derive(Clone)]
pub enum Service {
    /// HTTPS to the door.
    Https(Acceptor, Arc<Door>),
    /// Plain HTTP/1.1 and h2c to the door, while developing.
    DevHttp(Arc<Door>),
    /// Plain HTTP beside HTTPS: redirects, and answers HTTP-01.
    Redirect(Arc<Redirect>),
    /// Plain HTTP: health and readiness, for everyone.
    Probe(Arc<admin::Pages>),
}

pub struct Listener {
    pub socket: TcpListener,
    /// Its name in metrics.
    pub name: &'static str,
    pub service: Service,
    pub shared: Shared,
    pub beat: Beat,
}

/// What all listeners share.
#[derive(Clone)]
pub struct Shared {
    /// New connections take what is there when they begin.
    pub limits: Arc<ArcSwap<Limits>>,
    /// Load balancers that say by the PROXY protocol who calls.
    pub balancers: Arc<ArcSwap<Vec<IpNet>>>,
    pub connections: Arc<Connections>,
    pub drain: Drain,
    pub metrics: Arc<Metrics>,
}

/// Opens a port. Where the host has no IPv6, `[::]` becomes `0.0.0.0`.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    match listen(address) {
        Err(error)
            if address.ip().is_unspecified()
                && address.is_ipv6()
                && error.raw_os_error() == Some(EAFNOSUPPORT) =>
        {
            listen((IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port()).into())
        }
        result => result,
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// "Address family not supported by protocol", on Linux.
const EAFNOSUPPORT: i32 = 97;

impl Listener {
    /// Accepts until the drain begins.
    pub async fn run(self) {
        let Self { socket, name, service, shared, beat } = self;
        let mut failing = false;
        let mut ticks = interval(BEAT);
        loop {
            let accepted = select! {
                () = shared.drain.stopping() => return,
                _ = ticks.tick() => { beat.beat(); continue }
                accepted = socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        warn!(
                            "cannot accept connections: {error}; trying again every {} ms",
                            ACCEPT_PAUSE.as_millis()
                        );
                    }
                    beat.beat();
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            failing = false;
            let ticket = shared.connections.admit(name);
            pin!(ticket);
            let ticket = loop {
                // Accepted is accepted: the end of the server does not lose it while there is a place.
                select! {
                    biased;
                    ticket = &mut ticket => break ticket,
                    () = shared.drain.stopping() => return,
                    _ = ticks.tick() => beat.beat(),
                }
            };
            let (service, shared) = (service.clone(), shared.clone());
            shared.drain.clone().spawn(async move {
                select! {
                    () = ticket.activity.dismissed() => {}
                    () = serve(stream, peer, service, &ticket.activity, &shared) => {}
                }
                memory::stirred();
            });
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    service: Service,
    activity: &Arc<Activity>,
    shared: &Shared,
) {
    let _ = stream.set_nodelay(true); // a socket that is gone already says so at its first read
    let limits = **shared.limits.load();
    let (drain, metrics) = (&shared.drain, &shared.metrics);
    let balancers = shared.balancers.load_full();
    let source = timeout(limits.handshake, proxy_protocol::source(&mut stream, peer.ip(), &balancers));
    let caller = match source.await {
        Ok(Ok(address)) => Caller { address, certificate: ClientCertificate::None, secure: false },
        Ok(Err(error)) => return tell(metrics, "proxy", peer.ip(), format_args!("{}: {error}", peer.ip())),
        Err(_) => {
            return tell(
                metrics,
                "proxy",
                peer.ip(),
                format_args!("{}: the PROXY header did not come in time", peer.ip()),
            );
        }
    };
    match service {
        Service::Https(acceptor, door) => match timeout(limits.handshake, acceptor.accept(stream)).await {
            Err(_) => {
                metrics.handshake("-", "timeout");
                let from = caller.address;
                tell(metrics, "handshake", from, format_args!("TLS handshake with {from} took too long"));
            }
            Ok(Err(error)) => {
                metrics.handshake("-", "failed");
                let from = caller.address;
                tell(
                    metrics,
                    "handshake",
                    from,
                    format_args!("TLS handshake with {from} failed: {}", io_words(&error)),
                );
            }
            Ok(Ok(Handshake::ChallengeAnswered)) => {
                metrics.handshake("-", "challenge");
                debug!("answered a TLS-ALPN-01 challenge to {}", caller.address);
            }
            Ok(Ok(Handshake::Stream(stream, agreed))) => {
                metrics.handshake(agreed.version, if agreed.resumed { "resumed" } else { "full" });
                let certificate = if agreed.shows_certificate {
                    ClientCertificate::Verified
                } else {
                    ClientCertificate::None
                };
                let caller = Caller { certificate, secure: true, ..caller };
                connection::serve(
                    *stream,
                    agreed.protocol,
                    activity,
                    limits,
                    drain,
                    move |request, mut under_way| {
                        let door = Arc::clone(&door);
                        async move { door.answer(request, caller, || under_way.verified()).await }
                    },
                )
                .await;
            }
        },
        Service::DevHttp(door) => {
            let Ok(Some(protocol)) = timeout(limits.first_request, sniff(&stream)).await else {
                return;
            };
            connection::serve(stream, protocol, activity, limits, drain, move |request, mut under_way| {
                let door = Arc::clone(&door);
                async move { door.answer(request, caller, || under_way.verified()).await }
            })
            .await;
        }
        Service::Redirect(redirect) => {
            connection::serve(stream, Protocol::Http1, activity, limits, drain, move |request, _| {
                let response = redirect.answer(&request);
                std::future::ready(response)
            })
            .await;
        }
        Service::Probe(pages) => {
            connection::serve(stream, Protocol::Http1, activity, limits, drain, move |request, _| {
                let response = probe::answer(&pages, &request);
                std::future::ready(response)
            })
            .await;
        }
    }
}

/// A connection that came to nothing: anybody can make many of them.
fn tell(metrics: &Metrics, kind: &'static str, from: IpAddr, what: fmt::Arguments<'_>) {
    if enabled!(Level::DEBUG) && metrics.strangers.has_line(kind, "", Level::DEBUG, from) {
        debug!("{what}");
    }
}

/// The protocol of a plain connection by its first four bytes: HTTP/2 begins with `PRI `, which no method of HTTP/1.1 is.
async fn sniff(stream: &TcpStream) -> Option<Protocol> {
    const HTTP2: &[u8] = b"PRI ";
    let mut first = [0; HTTP2.len()];
    loop {
        let length = stream.peek(&mut first).await.ok().filter(|length| *length > 0)?;
        if !HTTP2.starts_with(&first[..length]) {
            return Some(Protocol::Http1);
        }
        if length == HTTP2.len() {
            return Some(Protocol::Http2);
        }
        sleep(std::time::Duration::from_millis(5)).await; // `peek` sees the same bytes again at once
    }
}
