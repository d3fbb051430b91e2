//! The CA's questions, asked by ourselves: `annex doctor` leaves answers in the state folder, where the running server finds
//! them, and looks whether a name's address gives them. Who does not share the folder cannot know them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::identifier;
use super::super::knock::{KnockError, Shows, answered, connected, handshake};
use super::Challenges;

/// No answer that is right is longer.
const LONGEST: u64 = 4096;

/// Answers for one name, for as long as it lives.
pub struct SelfCheck {
    domain: String,
    challenges: Challenges,
    token: String,
    authorization: String,
    /// `None` where an order of this name runs, whose answer is not to be replaced.
    digest: Option<[u8; 32]>,
}

impl SelfCheck {
    /// Leaves the answers. What lies there for longer than an order may take is nobody's any more.
    ///
    /// # Errors
    /// Where they cannot be written, or there is no randomness.
    pub fn leave(state: &Path, domain: &str, longest_order: Duration) -> io::Result<Self> {
        let challenges = Challenges::default();
        challenges.share(state);
        challenges.sweep(longest_order);
        let mut random = [0; 32];
        let mut fresh = || getrandom::fill(&mut random).map(|()| random).map_err(io::Error::other);
        let (token, authorization) = (hex::encode(fresh()?), hex::encode(fresh()?));
        let digest = fresh()?;
        challenges.lend_http(&token, &authorization)?;
        let lent = challenges.lend_tls_alpn(domain, &digest)?;
        let digest = lent.then_some(digest);
        Ok(Self { domain: domain.to_owned(), challenges, token, authorization, digest })
    }

    /// Asks as by HTTP-01 (RFC 8555 section 8.3).
    ///
    /// # Errors
    /// Where nobody answers, or somebody else does.
    pub async fn http_01(&self, address: SocketAddr) -> Result<(), KnockError> {
        let mut stream = connected(address).await?;
        let request = format!(
            "GET /.well-known/acme-challenge/{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: annex-doctor\r\nConnection: close\r\n\r\n",
            self.token,
            identifier::in_url(&self.domain)
        );
        let answer = answered(async {
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.take(LONGEST).read_to_end(&mut answer).await?;
            Ok(answer)
        });
        let answer = answer.await?;
        let body = answer.windows(4).position(|part| part == b"\r\n\r\n").map(|end| &answer[end + 4..]);
        let found = body.is_some_and(|body| {
            body.windows(self.authorization.len()).any(|part| part == self.authorization.as_bytes())
        });
        if found { Ok(()) } else { Err(KnockError::Stranger("it does not know our answer".to_owned())) }
    }

    /// Asks as by TLS-ALPN-01 (RFC 8737); `None` where an order of this name runs just now.
    ///
    /// # Errors
    /// Where nobody answers, or somebody else does.
    pub async fn tls_alpn_01(&self, address: SocketAddr) -> Option<Result<(), KnockError>> {
        Some(handshake(address, &identifier::server_name(&self.domain), Shows::Challenge(self.digest?)).await)
    }
}

impl Drop for SelfCheck {
    fn drop(&mut self) {
        self.challenges.take_back(&self.token, self.digest.map(|digest| (&*self.domain, digest)));
    }
}
