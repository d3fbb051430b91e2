//! Asks the admin pages of the running server, over loopback or its unix socket.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::config::Admin;
use crate::server::admin::HEADER;
use crate::tasks;

use super::exit::Failure;
use super::given;

/// An order may take as long as its deadline, five minutes by default, and wait for another.
const PATIENCE: Duration = Duration::from_secs(630);
/// For a page, and for the rest of an answer that has begun.
const PAGE: Duration = Duration::from_secs(10);

/// Where the running server is asked: as its configuration says, or as the command line does.
#[derive(clap::Args)]
pub(super) struct Where {
    /// The configuration of the running server [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address of the running server's admin pages: PORT, HOST:PORT or unix:PATH, as `admin` in annex.toml
    #[arg(long, value_name = "ADDR", value_parser = admin)]
    admin: Option<Place>,
}

#[derive(Clone)]
enum Place {
    Tcp(String),
    Unix(PathBuf),
}

/// A host may be a name: that of a container.
fn admin(text: &str) -> Result<Place, String> {
    match text.strip_prefix("unix:") {
        Some(path) if !path.is_empty() => return Ok(Place::Unix(path.into())),
        _ => {}
    }
    let named = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok();
    match given::address(text, Admin::DEFAULT.port()) {
        Ok(address) => Ok(Place::Tcp(address.to_string())),
        Err(_) if text.rsplit_once(':').is_some_and(named) => Ok(Place::Tcp(text.to_owned())),
        Err(_) => Err(format!("give a port, an address such as {}, or unix:PATH", Admin::DEFAULT)),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl Where {
    /// The server of this configuration.
    pub(super) fn of(config: &Path) -> Self {
        Self { config: Some(config.to_path_buf()), admin: None }
    }

    fn place(self) -> Result<Place, Failure> {
        if let Some(admin) = self.admin {
            return Ok(admin);
        }
        let path = super::config_path_or_default(self.config)?;
        match crate::config::admin_of(&path) {
            Admin::Off => Err(format!("{} switches off the admin pages", path.display()).into()),
            Admin::Tcp(address) => Ok(Place::Tcp(address.to_string())),
            Admin::Unix(path) => Ok(Place::Unix(path)),
            Admin::Default => Ok(Place::Tcp(Admin::DEFAULT.to_string())),
        }
    }

    /// Asks for a page; gives its status and its JSON.
    pub(super) fn ask(self, method: Method, path: &str) -> Result<(StatusCode, Value), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.asked(method, path))
    }

    /// The same, where a runtime is there.
    pub(super) async fn asked(self, method: Method, path: &str) -> Result<(StatusCode, Value), Failure> {
        let place = self.place()?;
        let unreachable = |error: std::io::Error| {
            Failure::hinted(
                format_args!("cannot reach the running server at {place}: {error}"),
                "check that it runs: systemctl status annex; if it uses another configuration or address, add --config FILE or --admin ADDR",
            )
        };
        let answered = match &place {
            Place::Tcp(address) => {
                request(TcpStream::connect(address).await.map_err(unreachable)?, method, path).await
            }
            Place::Unix(socket) => {
                request(UnixStream::connect(Path::new(socket)).await.map_err(unreachable)?, method, path)
                    .await
            }
        };
        let (status, body) = answered?;
        let json = serde_json::from_slice(&body)
            .map_err(|_| format!("{place} answers {status}: {}", String::from_utf8_lossy(&body).trim()))?;
        Ok((status, json))
    }
}

async fn request(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Bytes), Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    let _connection = tasks::owned(connection);
    let method_is_get = method == Method::GET;
    let request = Request::builder().method(method).uri(path).header(HOST, "localhost").header(HEADER, "1");
    // A page is there at once; an order, which is asked for by POST, takes its time.
    let patience = if method_is_get { PAGE } else { PATIENCE };
    let silent = |_| format!("the running server does not answer within {} s", patience.as_secs());
    let asked = sender.send_request(request.body(Empty::<Bytes>::new())?);
    let response = timeout(patience, asked).await.map_err(silent)??;
    let status = response.status();
    Ok((status, timeout(PAGE, response.into_body().collect()).await.map_err(silent)??.to_bytes()))
}
