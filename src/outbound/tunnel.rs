//! Why a proxy does not connect: reqwest says that it refused, and not how. It is asked once more, for its status alone.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For the question.
const LONGEST: Duration = Duration::from_secs(3);
/// Bytes of a status line, with room to spare.
const MOST: u64 = 256;

/// The status with which a proxy refuses to connect there; `None` where it does not say one, or connects.
pub(super) async fn refusal(proxy: &Url, to: &Url, within: Duration) -> Option<u16> {
    timeout(within.min(LONGEST), status(proxy, to)).await.ok()?.filter(|status| !(200..300).contains(status))
}

async fn status(proxy: &Url, to: &Url) -> Option<u16> {
    let host = proxy.host_str()?.trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, proxy.port_or_known_default()?)).await.ok()?;
    let place = format!("{}:{}", to.host_str()?, to.port_or_known_default()?);
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let login = proxy.password().map(|password| {
        let both = STANDARD.encode(format!("{}:{}", plain(proxy.username()), plain(password)));
        format!("Proxy-Authorization: Basic {both}\r\n")
    });
    let login = login.unwrap_or_default();
    let request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut line = Vec::new();
    let mut answer = stream.take(MOST);
    while !line.contains(&b'\n') {
        if answer.read_buf(&mut line).await.ok()? == 0 {
            break;
        }
    }
    let line = String::from_utf8_lossy(&line);
    let code = line.strip_prefix("HTTP/1.")?.split_whitespace().nth(1)?;
    code.parse().ok().filter(|status| (100..600).contains(status))
}
