//! A folder of another host as a target, by SFTP: whole files only.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use russh::Disconnect;
use russh::client::{self, Handle};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::breaker::Breaker;
use crate::outbound::NoHeader;
use crate::secret::Secret;

use super::super::call::Request;
use super::file_name::{self, Exists};
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
    exists: Exists,
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

/// Who owns a file, and its group.
const FILE_MODE: u32 = 0o640;

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
        exists: Exists,
    ) -> Self {
        let folder = match folder.strip_prefix("/~") {
            Some(below) => format!(".{}", below.trim_end_matches('/')),
            None => folder.trim_end_matches('/').to_owned(),
        };
        Self { host, port, folder, user, login, host_keys, timeout, exists, breaker: Breaker::default() }
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
            if known.is_dir() { Ok(()) } else { Err(SendError::Unreachable("it is not a folder".to_owned())) }
        };
        timeout(self.timeout, look).await.unwrap_or(Err(SendError::TimedOut))
    }

    pub(super) async fn write(&self, request: &Request, deadline: Instant) -> Result<Received, SendError> {
        file_name::check(&request.path)?;
        let call = self.breaker.admit(Instant::now()).map_err(SendError::Down)?;
        let left = deadline.saturating_duration_since(Instant::now()).min(self.timeout);
        let result = timeout(left, self.put(request)).await.unwrap_or(Err(SendError::TimedOut));
        match &result {
            Err(SendError::TimedOut) => _ = call.timed_out(left, self.timeout, Instant::now()),
            _ => call.report(result.as_ref().err().is_none_or(SendError::is_final), Instant::now()),
        }
        result.map(|()| Received::written())
    }

    async fn connect(&self) -> Result<Session, SendError> {
        if matches!(&self.login, Login::Password(password) if password.is_absent()) {
            return Err(SendError::Refused(NoHeader::Absent.to_string()));
        }
        let config = client::Config { nodelay: true, ..client::Config::default() };
        let shown = Arc::new(OnceLock::new());
        let handler = Handler { host_keys: self.host_keys.clone(), shown: Arc::clone(&shown) };
        let connected = client::connect(Arc::new(config), (self.host.as_str(), self.port), handler).await;
        let mut handle = connected.map_err(|error| match (error, shown.get()) {
            (russh::Error::UnknownKey, Some(shown)) => {
                SendError::Denied(format!("its host key is {shown}, which `host_key` does not have"))
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
            return Err(SendError::Denied(format!("it does not let the user {user} in")));
        }
        let channel = handle.channel_open_session().await.map_err(|error| broken(&error))?;
        channel.request_subsystem(true, "sftp").await.map_err(|error| broken(&error))?;
        let sftp = SftpSession::new(channel.into_stream()).await.map_err(|error| failure(&error))?;
        Ok(Session { handle, sftp })
    }

    /// Readers see no file or a whole one: it is written beside its place, and then put there.
    async fn put(&self, request: &Request) -> Result<(), SendError> {
        let session = self.connect().await?;
        let below = request.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut folder = self.folder.clone();
        for part in below.split('/').filter(|part| !part.is_empty()) {
            folder = format!("{folder}/{part}");
            let _ = session.sftp.create_dir(&folder).await; // it may be there; else the file cannot be made, which is told
            // The protocol has no way to open a folder without its links: what is one now is not gone through.
            let known = session.sftp.symlink_metadata(&folder).await;
            if known.is_ok_and(|known| known.file_type().is_symlink()) {
                return Err(file_name::linked());
            }
        }
        let draft = format!("{folder}/{}", file_name::draft());
        let put = async {
            session.keep(&draft, &request.body).await?;
            for candidate in file_name::candidates(&request.path, self.exists) {
                let path = format!("{}/{candidate}", self.folder);
                if session.place(&draft, &path, &request.body, self.exists).await? {
                    return Ok(());
                }
            }
            Err(file_name::taken())
        };
        let result = put.await;
        let _ = session.sftp.remove_file(&draft).await; // it is at its place, or there was an error
        session.end().await;
        result
    }
}

impl Session {
    /// Writes a file that was not there.
    async fn keep(&self, draft: &str, body: &[u8]) -> Result<(), SendError> {
        let flags = OpenFlags::CREATE | OpenFlags::EXCLUDE | OpenFlags::WRITE;
        let attributes = FileAttributes { permissions: Some(FILE_MODE), ..FileAttributes::empty() };
        let opened = self.sftp.open_with_flags_and_attributes(draft, flags, attributes).await;
        let mut file = opened.map_err(|error| failure(&error))?;
        let broken = |error: std::io::Error| SendError::Broken(error.to_string());
        file.write_all(body).await.map_err(broken)?;
        let _ = file.sync_all().await; // an extension that few servers lack
        file.shutdown().await.map_err(broken)
    }

    /// Gives the draft its name; `false` where that is another file's.
    async fn place(&self, draft: &str, path: &str, body: &[u8], exists: Exists) -> Result<bool, SendError> {
        let is_there = self.sftp.symlink_metadata(path).await.is_ok();
        if !is_there && self.sftp.rename(draft, path).await.is_ok() {
            return Ok(true);
        }
        if exists == Exists::Replace {
            // Version 3 of the protocol replaces no file.
            match self.sftp.remove_file(path).await {
                Ok(()) => {}
                Err(SftpError::Status(status)) if status.status_code == StatusCode::NoSuchFile => {}
                Err(error) => return Err(failure(&error)),
            }
            return self.sftp.rename(draft, path).await.map(|()| true).map_err(|error| failure(&error));
        }
        if !is_there && self.sftp.symlink_metadata(path).await.is_err() {
            return self.sftp.rename(draft, path).await.map(|()| true).map_err(|error| failure(&error));
        }
        // What an earlier try wrote is as it should be.
        self.is_same(path, body).await
    }

    async fn is_same(&self, path: &str, body: &[u8]) -> Result<bool, SendError> {
        let known = self.sftp.symlink_metadata(path).await.map_err(|error| failure(&error))?;
        if !known.file_type().is_file() || known.size != u64::try_from(body.len()).ok() {
            return Ok(false);
        }
        let Ok(file) = self.sftp.open(path).await else { return Ok(false) };
        let mut bytes = Vec::with_capacity(body.len());
        let most = u64::try_from(body.len()).unwrap_or(u64::MAX).saturating_add(1);
        let read = file.take(most).read_to_end(&mut bytes).await;
        read.map_err(|error| SendError::Broken(error.to_string()))?;
        Ok(bytes == body)
    }

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
        SftpError::Status(status)
            if matches!(status.status_code, StatusCode::PermissionDenied | StatusCode::OpUnsupported) =>
        {
            SendError::Denied(format!("it refuses the file: {}", status.status_code))
        }
        SftpError::Status(status) => {
            SendError::Unreachable(format!("it refuses the file: {}", status.status_code))
        }
        SftpError::Timeout => SendError::TimedOut,
        _ => SendError::Broken("the connection ended".to_owned()),
    }
}
