//! The ports: can they be bound, and do they lead here through the names?
//!
//! Where the server runs, it is asked as a CA asks: only a server that shares the state folder knows the answers. Where it
//! does not, the ports are bound for a moment, and what is sent to the name must arrive here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::config::Config;
use crate::server::bind;
use crate::tls::acme::SelfCheck;
use crate::tls::{KnockError, Shows, Source, handshake, load_usual};

use super::names::is_ours;
use super::systemd::Unit;
use super::{Finding, Late, Time, acme};

/// A packet that a firewall drops is not answered.
const ANSWER: Duration = Duration::from_secs(3);
/// For somebody else's connection that arrives in between.
const WORD: Duration = Duration::from_millis(500);

/// Which listener is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    Https,
    Http,
}

impl Listener {
    fn key(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

pub(super) async fn open(
    config: &Config,
    running: bool,
    unit: Option<&Unit>,
    addresses: &[(String, Vec<IpAddr>)],
    time: Time,
    tell: &(impl Fn(Finding) + Sync),
) {
    if let Some(address) = config.server.probe.filter(|_| !running)
        && !unit.is_some_and(|unit| unit.holds(address))
    {
        drop(bindable("probe", address, tell));
    }
    let listeners = [(Listener::Https, Some(config.server.https)), (Listener::Http, config.server.http)];
    let listeners: Vec<_> =
        listeners.into_iter().filter_map(|(listener, at)| Some((listener, at?))).collect();
    if running {
        let listeners = &listeners;
        let checks = addresses.iter().map(|(domain, list)| async move {
            let found = time.within(through_server(config, listeners, domain, list)).await;
            found.unwrap_or_else(|late| vec![late.unchecked(&format!("whether {domain} leads here"))])
        });
        return super::side_by_side(checks.collect(), tell).await;
    }
    for (listener, address) in listeners {
        if unit.is_some_and(|unit| unit.holds(address)) {
            tell(Finding::good(format!("systemd holds {address} for the service")));
            for (domain, _) in addresses {
                tell(Finding::warning(
                    format!("not checked: whether {domain} leads here on port {}", address.port()),
                    "start the service, then run the doctor again",
                ));
            }
            continue;
        }
        // Held open while we knock: without a running server nobody else would answer.
        let Some(socket) = bindable(listener.key(), address, tell) else { continue };
        // One after the other: what arrives is taken off one socket.
        for (domain, list) in addresses {
            for ip in list {
                let to = SocketAddr::new(*ip, address.port());
                let late = |late: Late| {
                    late.unchecked(&format!("whether {domain} leads here on port {} ({ip})", to.port()))
                };
                let ended = time.within(arrives(to, &socket)).await;
                tell(ended.map_or_else(late, |ended| said(domain, to, ended)));
            }
        }
    }
}

fn bindable(name: &str, address: SocketAddr, tell: &impl Fn(Finding)) -> Option<TcpListener> {
    match bind(address) {
        Ok(socket) => {
            tell(Finding::good(format!("{name} is free: {address}")));
            Some(socket)
        }
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    format!("find the process that uses it: ss -ltnp 'sport = :{}'", address.port())
                }
                io::ErrorKind::PermissionDenied => {
                    "let systemd open it: systemctl enable --now annex.socket; or run the doctor as root"
                        .to_owned()
                }
                _ => format!("set `{name}` in [server] to an address of this host"),
            };
            tell(Finding::bad(format!("cannot listen on {address} ({name}): {error}"), remedy));
            None
        }
    }
}

/// Asks our own name, from here, for what only our running server knows.
async fn through_server(
    config: &Config,
    listeners: &[(Listener, SocketAddr)],
    domain: &str,
    list: &[IpAddr],
) -> Vec<Finding> {
    let unchecked = |why: String| {
        let remedy = "run the doctor as root, or as the user that Annex runs as";
        vec![Finding::warning(format!("not checked: whether {domain} leads here: {why}"), remedy)]
    };
    let places = |wanted: Listener| {
        let ports = listeners.iter().filter(move |(listener, _)| *listener == wanted);
        ports.flat_map(|(_, at)| list.iter().map(|ip| SocketAddr::new(*ip, at.port())))
    };
    if let Some(settings) = acme(config) {
        let check = match SelfCheck::leave(&settings.state, domain, settings.order_deadline) {
            Ok(check) => check,
            Err(error) => return unchecked(error.to_string()),
        };
        let by_handshake = join_all(places(Listener::Https).map(|to| {
            let check = &check;
            async move {
                match check.tls_alpn_01(to).await {
                    Some(ended) => said(domain, to, ended),
                    None => Finding::warning(
                        format!(
                            "not checked: whether {domain} leads here on port {}: an order runs",
                            to.port()
                        ),
                        "run the doctor again in a minute",
                    ),
                }
            }
        }));
        let by_request = join_all(places(Listener::Http).map(|to| {
            let check = &check;
            async move { said(domain, to, check.http_01(to).await) }
        }));
        let (by_handshake, by_request) = tokio::join!(by_handshake, by_request);
        return by_handshake.into_iter().chain(by_request).collect();
    }
    // With files of one's own no CA asks the plain listener: it shows nothing that only ours knows.
    let source = config.server.certificates.first().map(|settings| &settings.source);
    let Some(Source::Files { certificate, key, .. }) = source else { return Vec::new() };
    let leaf = match load_usual(certificate, key).map(|certificate| certificate.leaf()) {
        Err(error) => return unchecked(error.to_string()),
        Ok(None) => return unchecked("the file holds no certificate".to_owned()),
        Ok(Some(leaf)) => leaf,
    };
    let knocks = places(Listener::Https).map(|to| {
        let shows = Shows::Certificate(leaf.clone());
        async move { said(domain, to, handshake(to, domain, shows).await) }
    });
    join_all(knocks).await
}

/// Whether what is sent to the name's address arrives at our socket: behind NAT that may fail although others get through.
async fn arrives(to: SocketAddr, socket: &TcpListener) -> Result<(), KnockError> {
    let silent = |error: String| KnockError::Silent(error);
    let mut word = [0; 16];
    getrandom::fill(&mut word).map_err(|error| silent(error.to_string()))?;
    let mut stream = match timeout(ANSWER, TcpStream::connect(to)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(silent(error.to_string())),
        Err(_) => return Err(silent("no answer".to_owned())),
    };
    let knock = async {
        stream.write_all(&word).await?;
        loop {
            let (mut arrived, _) = socket.accept().await?;
            let mut heard = [0; 16];
            if matches!(timeout(WORD, arrived.read_exact(&mut heard)).await, Ok(Ok(_))) && heard == word {
                return Ok::<_, io::Error>(());
            }
        }
    };
    match timeout(ANSWER, knock).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(silent(error.to_string())),
        Err(_) => Err(KnockError::Stranger("the connection did not reach this host".to_owned())),
    }
}

fn said(domain: &str, to: SocketAddr, ended: Result<(), KnockError>) -> Finding {
    let place = format!("on port {} ({})", to.port(), to.ip());
    match ended {
        Ok(()) => Finding::good(format!(
            "{domain} leads here {place}. This was checked from this host, which cannot see a firewall in front of it"
        )),
        Err(error @ KnockError::Stranger(_)) => Finding::bad(
            format!("{domain} leads elsewhere {place}: {error}"),
            "correct the A and AAAA records, or the port forwarding",
        ),
        // An address of this host is behind no firewall when this host asks.
        Err(error @ KnockError::Silent(_)) if is_ours(to.ip()) => Finding::bad(
            format!("{domain} does not lead here {place}: {error}"),
            "Annex does not listen on this address of this host: check `https` and `http` in [server], or remove the address from the DNS records of the name",
        ),
        Err(error @ KnockError::Silent(_)) => Finding::warning(
            format!("{domain} does not lead here {place}: {error}"),
            "open the port in the firewall for all addresses. Behind NAT, try from another network: some routers do not lead back into their own network",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    /// Somebody else has the port of the name's address: the connection is made, and does not arrive here.
    #[tokio::test]
    async fn a_connection_that_does_not_arrive_is_told_from_one_that_does() {
        let ours = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let here = ours.local_addr().unwrap();
        assert_eq!(said("a.example", here, arrives(here, &ours).await).verdict, Verdict::Good);
        let others = bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let there = others.local_addr().unwrap();
        let found = said("a.example", there, arrives(there, &ours).await);
        assert_eq!(found.verdict, Verdict::Bad, "{found:?}");
        assert!(found.what.contains("leads elsewhere"), "{found:?}");
        drop(others);
        // Nothing listens on an address of this host, or no answer comes from one that is elsewhere.
        assert_eq!(said("a.example", there, arrives(there, &ours).await).verdict, Verdict::Bad);
        let elsewhere = "192.0.2.1:9".parse().unwrap();
        assert_eq!(said("a.example", elsewhere, arrives(elsewhere, &ours).await).verdict, Verdict::Warning);
    }

    /// A stranger who connects in between, and says nothing, is passed over.
    #[tokio::test]
    async fn somebody_elses_connection_is_not_taken_for_ours() {
        let ours = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let here = ours.local_addr().unwrap();
        let _stranger = TcpStream::connect(here).await.unwrap();
        arrives(here, &ours).await.unwrap();
    }
}
