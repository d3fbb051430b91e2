//! A sample delivery on its way to the server's own door: over a socket, as any other comes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::tasks::Tasks;
use crate::webhook::Sample;

/// Longer than a hook may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends it; gives the status of the answer, or why there is none.
pub(super) async fn send(sample: Sample, to: SocketAddr, tasks: &Tasks) -> Result<u16, String> {
    let Sample { path, domain, body, signature: (name, value) } = sample;
    let to = SocketAddr::new(reached(to.ip()), to.port());
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, domain.unwrap_or_else(|| to.to_string()))
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "annex inspector (sample)")
        .header(name, value)
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let sent = async {
        let stream = TcpStream::connect(to).await.map_err(|error| format!("{to} is not reached: {error}"))?;
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| error.to_string())?;
        tasks.background(async move {
            let _ = connection.await; // what fails is said by the answer that does not come
        });
        sender.send_request(request).await.map_err(|error| format!("there is no answer: {error}"))
    };
    let answer = timeout(PATIENCE, sent).await.map_err(|_| "there is no answer in time".to_owned())?;
    Ok(answer?.status().as_u16())
}

/// An address that everybody is served at is reached on loopback.
fn reached(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => address,
    }
}
