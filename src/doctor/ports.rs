//! The ports: can they be bound, and do they lead here through the names?

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::config::Config;
use crate::server::bind;

use super::Finding;

/// A packet that a firewall drops is not answered.
const ANSWER: Duration = Duration::from_secs(3);

pub(super) async fn open(
    config: &Config,
    running: bool,
    addresses: &[(String, Vec<IpAddr>)],
    tell: &mut impl FnMut(Finding),
) {
    let listeners = [("https", Some(config.server.https)), ("http", config.server.http)];
    for (name, address) in listeners.into_iter().filter_map(|(name, address)| Some((name, address?))) {
        // Held open while we knock: without a running server nobody else would answer.
        let socket = if running { None } else { bindable(name, address, tell) };
        if running || socket.is_some() {
            for (domain, list) in addresses {
                for ip in list {
                    tell(reaches(domain, SocketAddr::new(*ip, address.port()), socket.as_ref()).await);
                }
            }
        }
    }
}

fn bindable(name: &str, address: SocketAddr, tell: &mut impl FnMut(Finding)) -> Option<TcpListener> {
    match bind(address) {
        Ok(socket) => {
            tell(Finding::good(format!("{name} can be bound: {address}")));
            Some(socket)
        }
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    format!("find who has it: ss -ltnp 'sport = :{}'", address.port())
                }
                io::ErrorKind::PermissionDenied => {
                    "let systemd pass it: systemctl enable --now annex.socket; or run the doctor as root"
                        .to_owned()
                }
                _ => format!("set `{name}` in [server] to an address of this host"),
            };
            tell(Finding::bad(format!("{name} cannot be bound: {address}: {error}"), remedy));
            None
        }
    }
}

/// Knocks at our own name from here: behind NAT that may fail although others get through.
async fn reaches(domain: &str, address: SocketAddr, socket: Option<&TcpListener>) -> Finding {
    let knock = async {
        let _stream = TcpStream::connect(address).await?;
        if let Some(socket) = socket {
            socket.accept().await?; // it came to us and not to somebody else
        }
        Ok::<_, io::Error>(())
    };
    let problem = match timeout(ANSWER, knock).await {
        Ok(Ok(())) => {
            return Finding::good(format!(
                "{domain} leads here on port {} ({})",
                address.port(),
                address.ip()
            ));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    Finding::warning(
        format!("{domain} does not lead here on port {} ({}): {problem}", address.port(), address.ip()),
        "open the port in the firewall for the whole world; behind NAT, try from another network: some routers do not lead back",
    )
}
