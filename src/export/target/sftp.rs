//! A folder of another host as a target, by SFTP: whole files only.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use russh::Disconnect;
use russh::client::{self, Handle};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::breaker::Breaker;
use crate::secret::Secret;

use super::super::call::Request;
use super::{Received, SendError};

pub struct SftpTarget {
    host: String,
    port: u16,
    /// Absolute, or below the home of the user; without a slash at its end.
    folder: String,
    user: String,
    login: Login,
    /// `SHA256:…` of the server's key, as `ssh-keygen -l` prints it. Nobody else gets a password or a document.
    host_keys: Vec<String>,
    /// For one file, from connecting to its place.
    timeout: Duration,
    breaker: Breaker,
}

/// How the user says who it is.
pub enum Login {
    Password(Secret),
    Key(Arc<PrivateKey>),
}

impl Login {
    /// A key in OpenSSH's form or in PKCS #8, without a passphrase.
    pub fn key(secret: &Secret) -> Result<Self, String> {
        let text = String::from_utf8_lossy(secret.expose());
        let key = decode_secret_key(&text, None).map_err(|_| {
            "the key cannot be read: it must be an Ed25519 or ECDSA key without a passphrase, as `ssh-keygen -t ed25519` makes it"
        })?;
        Ok(Self::Key(Arc::new(key)))
    }
}

/// Checks the server's key, and tells what it showed.
struct Handler {
    host_keys: Vec<String>,
    shown: Arc<OnceLock<String>>,
}

impl client::Handler for Handler {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let shown = key.fingerprint(HashAlg::Sha256).to_string();
        let fits = self.host_keys.contains(&shown);
        let _ = self.shown.set(shown); // once for each connection
        Ok(fits)
    }
}

/// A connection: it ends when it is dropped.
struct Session {
    handle: Handle<Handler>,
    sftp: SftpSession,
}

impl SftpTarget {
    pub fn new(
        (host, port): (String, u16),
        folder: &str,
        user: String,
        login: Login,
        host_keys: Vec<String>,
        timeout: Duration,
    ) -> Self {
        let folder = match folder.strip_prefix("/~") {
            Some(below) => format!(".{}", below.trim_end_matches('/')),
            None => folder.trim_end_matches('/').to_owned(),
        };
        Self { host, port, folder, user, login, host_keys, timeout, breaker: Breaker::default() }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        let Self { host, port, folder, user, .. } = self;
        format!(
            "sftp://{user}@{host}:{port}{}",
            folder.strip_prefix('.').map_or_else(|| folder.clone(), |below| format!("/~{below}"))
        )
    }

    pub(super) async fn look(&self) -> Result<(), SendError> {
        let look = async {
            let session = self.connect().await?;
            let folder = if self.folder.is_empty() { "/" } else { &self.folder };
            let known = session.sftp.metadata(folder).await.map_err(|error| failure(&error))?;
            session.end().await;
            if known.is_dir() { Ok(()) } else { Err(SendError::Unreachable("it is no folder".to_owned())) }
        };
        timeout(self.timeout, look).await.unwrap_or(Err(SendError::TimedOut))
    }

    pub(super) async fn write(&self, request: &Request, deadline: Instant) -> Result<Received, SendError> {
        if !super::is_file_name(&request.path) {
            let problem = "the path that was made is no name of a file in the folder";
            return Err(SendError::Refused(problem.to_owned()));
        }
        let call = self.breaker.admit(Instant::now()).map_err(SendError::Down)?;
        let left = deadline.saturating_duration_since(Instant::now()).min(self.timeout);
        let result = timeout(left, self.put(request)).await.unwrap_or(Err(SendError::TimedOut));
        match &result {
            Err(SendError::TimedOut) => _ = call.timed_out(left, self.timeout, Instant::now()),
            _ => call.report(matches!(result, Ok(()) | Err(SendError::Refused(_))), Instant::now()),
        }
        result.map(|()| Received { status: 201, retry_after: None, body: Vec::new() })
    }

    async fn connect(&self) -> Result<Session, SendError> {
        let config = client::Config { nodelay: true, ..client::Config::default() };
        let shown = Arc::new(OnceLock::new());
        let handler = Handler { host_keys: self.host_keys.clone(), shown: Arc::clone(&shown) };
        let connected = client::connect(Arc::new(config), (self.host.as_str(), self.port), handler).await;
        let mut handle = connected.map_err(|error| match (error, shown.get()) {
            (russh::Error::UnknownKey, Some(shown)) => {
                SendError::Unreachable(format!("its host key is {shown}, which `host_key` does not have"))
            }
            (error, _) => broken(&error),
        })?;
        let user = self.user.as_str();
        let taken = match &self.login {
            Login::Password(password) => {
                handle.authenticate_password(user, String::from_utf8_lossy(password.expose())).await
            }
            Login::Key(key) => {
                handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::clone(key), None)).await
            }
        };
        if !taken.map_err(|error| broken(&error))?.success() {
            return Err(SendError::Unreachable(format!("it does not let the user {user} in")));
        }
        let channel = handle.channel_open_session().await.map_err(|error| broken(&error))?;
        channel.request_subsystem(true, "sftp").await.map_err(|error| broken(&error))?;
        let sftp = SftpSession::new(channel.into_stream()).await.map_err(|error| failure(&error))?;
        Ok(Session { handle, sftp })
    }

    /// Readers see no file or a whole one: it is written beside its place, and then put there.
    async fn put(&self, request: &Request) -> Result<(), SendError> {
        let session = self.connect().await?;
        let sftp = &session.sftp;
        let path = format!("{}/{}", self.folder, request.path);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let draft = format!("{folder}/.{name}.part");
        let mut made = self.folder.clone();
        for part in request.path.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev() {
            made = format!("{made}/{part}");
            let _ = sftp.create_dir(&made).await; // it may be there; else the file cannot be made, which is told
        }
        let mut file = sftp.create(&draft).await.map_err(|error| failure(&error))?;
        let written = async {
            file.write_all(&request.body).await.map_err(|error| SendError::Broken(error.to_string()))?;
            let _ = file.sync_all().await; // an extension that few servers lack
            file.shutdown().await.map_err(|error| SendError::Broken(error.to_string()))
        };
        written.await?;
        if sftp.rename(&draft, &path).await.is_err() {
            // Version 3 of the protocol replaces no file.
            match sftp.remove_file(&path).await {
                Ok(()) => {}
                Err(SftpError::Status(status)) if status.status_code == StatusCode::NoSuchFile => {}
                Err(error) => return Err(failure(&error)),
            }
            sftp.rename(&draft, &path).await.map_err(|error| failure(&error))?;
        }
        session.end().await;
        Ok(())
    }
}

impl Session {
    async fn end(self) {
        let _ = self.sftp.close().await;
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
    }
}

fn broken(error: &russh::Error) -> SendError {
    match error {
        russh::Error::IO(error) => SendError::Unreachable(error.to_string()),
        error => SendError::Broken(error.to_string()),
    }
}

/// What the server says, without names of files: they are made of what stands in fields.
fn failure(error: &SftpError) -> SendError {
    match error {
        SftpError::Status(status) => {
            SendError::Unreachable(format!("it refuses the file: {}", status.status_code))
        }
        SftpError::Timeout => SendError::TimedOut,
        _ => SendError::Broken("the connection ended".to_owned()),
    }
}
