//! Listeners: permit, accept, hand over. Nothing here waits for a client.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::tls::{Acceptor, Handshake, Protocol};
use crate::webhook::{Caller, Door};

use super::connection;
use super::limits::{ACCEPT_PAUSE, Limits};
use super::{Drain, Redirect};

/// What a listener's connections are for.
#[derive(Clone)]
pub enum Service {
    /// HTTPS to the door.
    Https(Acceptor, Arc<Door>),
    /// Plain HTTP/1.1 and h2c to the door, while developing.
    DevHttp(Arc<Door>),
    /// Plain HTTP beside HTTPS: redirects, and answers HTTP-01.
    Redirect(Arc<Redirect>),
}

pub struct Listener {
    pub socket: TcpListener,
    pub service: Service,
    pub limits: Limits,
    /// Shared by all listeners.
    pub permits: Arc<Semaphore>,
    pub drain: Drain,
}

/// Opens a port. Where the host has no IPv6, `[::]` becomes `0.0.0.0`.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error)
            if address.ip().is_unspecified()
                && address.is_ipv6()
                && error.raw_os_error() == Some(EAFNOSUPPORT) =>
        {
            TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port())).await
        }
        result => result,
    }
}

/// "Address family not supported by protocol", on Linux.
const EAFNOSUPPORT: i32 = 97;

impl Listener {
    /// Accepts until the drain begins.
    pub async fn run(self) {
        let mut failing = false;
        loop {
            let permit = select! {
                () = self.drain.stopping() => return,
                permit = Arc::clone(&self.permits).acquire_owned() => permit,
            };
            let Ok(permit) = permit else { return };
            let accepted = select! {
                () = self.drain.stopping() => return,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    let (service, limits, drain) = (self.service.clone(), self.limits, self.drain.clone());
                    self.drain.spawn(async move {
                        serve(stream, peer, service, limits, &drain).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        warn!(
                            "cannot accept connections: {error}; trying again every {} ms",
                            ACCEPT_PAUSE.as_millis()
                        );
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, service: Service, limits: Limits, drain: &Drain) {
    let _ = stream.set_nodelay(true); // a socket that is gone already says so at its first read
    let caller = Caller { address: peer.ip().to_canonical() };
    match service {
        Service::Https(acceptor, door) => match timeout(limits.handshake, acceptor.accept(stream)).await {
            Err(_) => debug!("TLS handshake with {} took too long", caller.address),
            Ok(Err(error)) => debug!("TLS handshake with {} failed: {error}", caller.address),
            Ok(Ok(Handshake::ChallengeAnswered)) => {
                debug!("answered a TLS-ALPN-01 challenge to {}", caller.address);
            }
            Ok(Ok(Handshake::Stream(stream, protocol))) => {
                connection::serve(*stream, protocol, limits, drain, move |request| {
                    let door = Arc::clone(&door);
                    async move { door.answer(request, caller).await }
                })
                .await;
            }
        },
        Service::DevHttp(door) => {
            let Ok(Some(protocol)) = timeout(limits.first_request, sniff(&stream)).await else {
                return;
            };
            connection::serve(stream, protocol, limits, drain, move |request| {
                let door = Arc::clone(&door);
                async move { door.answer(request, caller).await }
            })
            .await;
        }
        Service::Redirect(redirect) => {
            connection::serve(stream, Protocol::Http1, limits, drain, move |request| {
                let response = redirect.answer(&request);
                std::future::ready(response)
            })
            .await;
        }
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
