//! Calls a hook as Rossum does: a signed POST over HTTP/1.1, on one connection for all calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::outbound::{Proxy, Uplink};
use crate::signature::Algorithm;
use crate::tasks::{self, Owned};
use crate::tls;
use crate::unreached::{io_words, is_not_tls};
use crate::webhook::REPEATED;

use super::exit::Failure;

/// Rossum gives up after 30 s (contract: "Time, retries").
const GIVE_UP: Duration = Duration::from_secs(30);

/// So long a connection may take for the next call once the one before was answered.
const READY: Duration = Duration::from_millis(500);

pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) took: Duration,
    /// Whether the server had answered it before, and ran nothing.
    pub(super) is_repeated: bool,
}

pub(super) struct Caller {
    url: String,
    ca: Option<PathBuf>,
    sender: SendRequest<Full<Bytes>>,
    _connection: Owned<Result<(), hyper::Error>>,
    uri: Uri,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("`{0}` is not the URL of a hook: write http://HOST:PORT/PATH or https://HOST/PATH")]
    Url(String),
    #[error("cannot connect to {0}: {1}")]
    Connect(String, std::io::Error),
    #[error("TLS with {0}: {words}", words = io_words(.1))]
    Tls(String, std::io::Error),
    #[error("--ca: {0}")]
    Ca(#[from] tls::OutgoingError),
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within 30 s, the time after which Rossum gives up")]
    TimeOut,
}

/// What is said of it, with what to do.
pub(super) fn failure(error: CallError) -> Failure {
    let hint = match &error {
        CallError::Connect(..) => "check that Annex runs there: annex --dev-http starts it",
        CallError::Tls(_, cause) if is_not_tls(cause) => {
            "for plain HTTP, as in development mode, write --to http://…"
        }
        CallError::Tls(..) => "if a private CA issued the certificate, name its root with --ca FILE",
        _ => return error.into(),
    };
    Failure::hinted(error, hint)
}

impl Caller {
    pub(super) async fn connect(url: &str, ca: Option<&Path>) -> Result<Self, CallError> {
        let bad = || CallError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let host = uri.host().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad()),
        };
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let stream = timeout(GIVE_UP, TcpStream::connect((host.as_str(), port)))
            .await
            .map_err(|_| CallError::TimeOut)?
            .map_err(|error| CallError::Connect(format!("{host}:{port}"), error))?;
        let _ = stream.set_nodelay(true); // only a matter of speed
        let (sender, connection) = if is_https {
            let name = ServerName::try_from(host.clone()).map_err(|_| bad())?;
            let connector = TlsConnector::from(Arc::new(client_config(ca)?));
            let stream =
                connector.connect(name, stream).await.map_err(|error| CallError::Tls(host, error))?;
            handshake(stream).await?
        } else {
            handshake(stream).await?
        };
        Ok(Self { url: url.to_owned(), ca: ca.map(Path::to_path_buf), sender, _connection: connection, uri })
    }

    /// A connection for the next call. One whose last body was refused before it was read ends, and another is made.
    pub(super) async fn ready(&mut self) -> Result<(), CallError> {
        match timeout(READY, self.sender.ready()).await {
            Ok(Ok(())) => {}
            _ => *self = Self::connect(&self.url, self.ca.as_deref()).await?,
        }
        Ok(())
    }

    pub(super) async fn call(
        &mut self,
        body: Bytes,
        signature: Option<(Algorithm, &str)>,
    ) -> Result<Answered, CallError> {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("annex-send/", env!("CARGO_PKG_VERSION")));
        if let Some((algorithm, value)) = signature {
            request = request.header(algorithm.header(), value);
        }
        let request = request.body(Full::new(body)).map_err(|_| CallError::Url(self.uri.to_string()))?;
        let start = Instant::now();
        let whole = async {
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let status = response.status();
            let is_repeated = response.headers().contains_key(REPEATED);
            Ok((status, response.into_body().collect().await?.to_bytes(), is_repeated))
        };
        let answered: Result<_, hyper::Error> =
            timeout(GIVE_UP, whole).await.map_err(|_| CallError::TimeOut)?;
        let (status, body, is_repeated) = answered?;
        Ok(Answered { status, body, took: start.elapsed(), is_repeated })
    }
}

async fn handshake(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<(SendRequest<Full<Bytes>>, Owned<Result<(), hyper::Error>>), CallError> {
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    Ok((sender, tasks::owned(connection)))
}

/// How the commands call Rossum and others: directly, or through the proxy of the environment.
pub(super) fn uplink() -> Result<Uplink, Failure> {
    let proxy = Proxy::of_environment(&super::environment)
        .map_err(|error| Failure::Because(format!("HTTPS_PROXY in the environment is {error}")))?;
    Ok(Uplink { tls: client_config(None)?, proxy })
}

pub(super) fn client_config(ca: Option<&Path>) -> Result<ClientConfig, CallError> {
    Ok(tls::outgoing(ca)?.with_no_client_auth())
}
