//! One attempt at a certificate: from which CA, by which challenge, under a deadline; and what it leaves behind.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use tokio::time::timeout;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::clock;

use super::super::{AcmeSettings, Board, Certificate, Challenge, ChallengeChoice, OnBadName};
use super::Challenges;
use super::account::Session;
use super::authority::Authority;
use super::order::{self, OrderError, Ordered, Wanted};
use super::pace::{Failure, Pace, Waits};
use super::progress::Progress;
use super::request::Wire;
use super::storage::{Storage, StorageError};

/// The CAs of one certificate.
pub(super) struct Authorities {
    pub(super) first: Authority,
    pub(super) second: Option<Authority>,
    pub(super) staging: Option<Authority>,
}

/// What an attempt works with.
pub(super) struct Attempt<'a> {
    pub(super) settings: &'a AcmeSettings,
    pub(super) authorities: &'a Authorities,
    pub(super) storage: &'a Storage,
    pub(super) challenges: &'a Challenges,
    pub(super) provider: &'a Arc<CryptoProvider>,
    pub(super) board: &'a Arc<Board>,
    /// Of the certificate.
    pub(super) name: &'a str,
    pub(super) current: Option<Serving<'a>>,
}

/// The certificate that is served.
#[derive(Clone, Copy)]
pub(super) struct Serving<'a> {
    pub(super) certificate: &'a Certificate,
    /// Of the CA that issued it.
    pub(super) directory: &'a str,
    /// Key, leaf, rest of the chain.
    pub(super) pem: &'a [u8],
}

/// A new certificate.
pub(super) struct Issued {
    pub(super) certificate: Certificate,
    /// Key, leaf, rest of the chain.
    pub(super) pem: Zeroizing<Vec<u8>>,
    pub(super) directory: String,
    /// URL of the account that ordered it.
    pub(super) account: String,
    /// To be stored with it.
    pub(super) pace: Pace,
}

/// Why there is none.
pub(super) struct Failed {
    pub(super) problem: String,
    pub(super) directory: String,
    pub(super) pace: Pace,
}

impl Attempt<'_> {
    /// The pace on disk is that of an interrupted attempt before the CA hears of this one. `why` says why it is made.
    pub(super) async fn run(&self, why: &str) -> Result<Result<Issued, Failed>, StorageError> {
        let before = self.storage.load_pace()?;
        let now = clock::now();
        if let Err(error) = self.storage.save_pace(&before.before_attempt(now, self.waits(now))) {
            let _ = self.storage.save_pace(&before); // in memory: this attempt was none
            return Err(error);
        }
        self.challenges.sweep(self.settings.order_deadline);
        let (authority, challenge) = (self.authority(&before, now), self.challenge(&before));
        let directory = authority.ca.directory.clone();
        info!(
            "ordering a certificate for {} from {directory} by {}: {why}",
            self.domains(),
            challenge.word()
        );
        if before.interrupted() > 0 {
            info!("the server stopped during the last order, which is not a failure: continuing it");
        }
        let (ended, skipped) = self.order_what_can_be(authority, challenge, &before).await;
        let (failure, not_before, problem) = match ended {
            Ok((pem, account)) => {
                let pem = Zeroizing::new(pem.into_bytes());
                match Certificate::from_pem(&pem, &pem, self.provider) {
                    Ok(certificate) => {
                        let pace = match skipped {
                            None => Pace::succeeded(challenge, clock::now()),
                            // The names left out are tried again as after a failure.
                            Some(problem) => {
                                let ended = clock::now();
                                let mut pace = before.after(Failure::Validation, ended, self.waits(ended));
                                pace.tried(now, &problem);
                                pace
                            }
                        };
                        return Ok(Ok(Issued { certificate, pem, directory, account, pace }));
                    }
                    Err(error) => {
                        (Failure::Ca, None, format!("the CA's certificate cannot be used: {error}"))
                    }
                }
            }
            Err(OrderError::Storage(error)) => return Err(error),
            Err(error) => (error.kind(), error.not_before(), error.to_string()),
        };
        let ended = clock::now();
        let mut pace = before.after(failure, ended, self.waits(ended));
        pace.tried(now, &problem);
        if let Some(not_before) = not_before.filter(|moment| *moment > pace.next_try()) {
            pace.wait_until(not_before, ended);
        }
        if failure == Failure::Validation {
            pace.remember(challenge, false);
        }
        self.storage.save_pace(&pace)?;
        Ok(Err(Failed { problem, directory, pace }))
    }

    /// Has the names validated by staging, and orders nothing.
    pub(super) async fn rehearse(&self) -> Result<String, String> {
        let Some(staging) = &self.authorities.staging else {
            return Err("this CA has no staging environment: set `staging` in [server.acme]".to_owned());
        };
        let challenge = self.challenge(&self.storage.load_pace().map_err(|error| error.to_string())?);
        if challenge == Challenge::DnsPersist01 {
            return Err("staging cannot rehearse dns-persist-01: the record in the DNS names the account at the CA itself; `annex doctor` looks at it".to_owned());
        }
        let progress = self.progress();
        let rehearsal = self.rehearsed(staging, challenge, &self.settings.domains, &progress);
        let ended = self.bounded(rehearsal, &progress).await;
        self.challenges.forget_all();
        match ended {
            Ok(()) => Ok(format!(
                "{} validated {} by {}; nothing was ordered",
                staging.ca.directory,
                self.domains(),
                challenge.word()
            )),
            Err(error) => Err(format!("{}: {error}", staging.ca.directory)),
        }
    }

    /// Orders for all names; where one cannot be validated and may be skipped, for the others. Gives what was said of
    /// those left out.
    async fn order_what_can_be(
        &self,
        authority: &Authority,
        challenge: Challenge,
        pace: &Pace,
    ) -> (Result<(String, String), OrderError>, Option<String>) {
        let mut domains = self.settings.domains.clone();
        let mut skipped = None;
        let progress = self.progress();
        loop {
            let order = self.order(authority, challenge, pace, &domains, &progress);
            let ended = self.bounded(order, &progress).await;
            self.challenges.forget_all();
            progress.begins_anew();
            if ended.as_ref().is_err_and(OrderError::ends_order) {
                self.storage.forget_order();
            }
            match ended {
                Err(OrderError::Validation { domain, challenge, words })
                    if self.settings.on_bad_name == OnBadName::Skip && domains.len() > 1 =>
                {
                    warn!("{domain}: {words}; ordering without it");
                    domains.retain(|other| *other != domain);
                    // The one that is served covers the others already: nothing to gain.
                    if self.current.is_some_and(|current| current.certificate.covers(&domains)) {
                        return (Err(OrderError::Validation { domain, challenge, words }), skipped);
                    }
                    skipped = Some(format!("{domain}: {words}"));
                }
                ended => return (ended, skipped),
            }
        }
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, OrderError>>,
        progress: &Progress,
    ) -> Result<T, OrderError> {
        let deadline = self.settings.order_deadline;
        timeout(deadline, work)
            .await
            .unwrap_or_else(|_| Err(OrderError::TooLong { deadline, doing: progress.words() }))
    }

    /// After half of the waits staging is asked first: a failure there eats no limit of the CA's.
    async fn order(
        &self,
        authority: &Authority,
        challenge: Challenge,
        pace: &Pace,
        domains: &[String],
        progress: &Arc<Progress>,
    ) -> Result<(String, String), OrderError> {
        // Staging has an account of its own, which a record in the DNS does not name.
        if let Some(staging) = &self.authorities.staging
            && challenge != Challenge::DnsPersist01
            && pace.validation >= self.settings.retry.len().div_ceil(2)
        {
            match self.rehearsed(staging, challenge, domains, progress).await {
                Ok(()) => {
                    info!("{} validated {}: asking the CA itself", staging.ca.directory, self.domains());
                }
                Err(error) if error.kind() == Failure::Validation => return Err(error),
                Err(error) => warn!("{}: {error}; asking the CA itself", staging.ca.directory),
            }
            self.challenges.forget_all();
            progress.begins_anew();
        }
        let session = self.session(authority, progress).await?;
        let replaces = self
            .current
            .filter(|current| current.directory == authority.ca.directory)
            .and_then(|current| current.certificate.renewal_id.as_deref())
            // Only a CA with renewal information knows what it means.
            .filter(|_| session.offer.renewal_info.is_some());
        let wanted = Wanted { domains, profile: self.settings.profile.as_deref(), replaces };
        let wanted = wanted.fitted(&session);
        self.board.update(self.name, |status| status.profile = wanted.profile.map(str::to_owned));
        let may_be_lost = pace.interrupted() > 0;
        let ordered = self.begin_or_go_on(&session, &authority.ca.directory, wanted, may_be_lost).await?;
        order::validate(&session, &ordered, challenge, self.challenges).await?;
        let pem = order::finish(&session, ordered, domains, self.settings.preferred_chain.as_deref()).await?;
        Ok((pem, session.account.kid))
    }

    /// The order that was begun before, or a new one, which is kept before the CA works on it.
    async fn begin_or_go_on(
        &self,
        session: &Session,
        directory: &str,
        wanted: Wanted<'_>,
        may_be_lost: bool,
    ) -> Result<Ordered, OrderError> {
        let begun = self.storage.load_order(self.current.map(|current| current.pem))?;
        if let Some(begun) = begun.filter(|begun| begun.is(directory, &session.account.kid, wanted))
            && let Some(ordered) = order::resume(session, &begun).await?
        {
            info!("continuing the order {}", begun.url);
            return Ok(ordered);
        }
        let ordered = order::begin(session, wanted, may_be_lost).await?;
        self.storage.save_order(&ordered.begun(session, directory, wanted))?;
        Ok(ordered)
    }

    /// Has the names validated, and orders nothing.
    async fn rehearsed(
        &self,
        staging: &Authority,
        challenge: Challenge,
        domains: &[String],
        progress: &Arc<Progress>,
    ) -> Result<(), OrderError> {
        let session = self.session(staging, progress).await?;
        let wanted = Wanted { domains, profile: self.settings.profile.as_deref(), replaces: None };
        let ordered = order::begin(&session, wanted.fitted(&session), false).await?;
        order::validate(&session, &ordered, challenge, self.challenges).await
    }

    async fn session(&self, authority: &Authority, progress: &Arc<Progress>) -> Result<Session, OrderError> {
        let wire = Wire::new(&authority.client, Some(Arc::clone(progress)));
        Session::open(&authority.ca, self.settings.contact.as_deref(), wire, self.storage).await
    }

    fn progress(&self) -> Arc<Progress> {
        Arc::new(Progress::begin(self.board, self.name))
    }

    /// The second CA is asked in turn with the first, once that one has failed for long enough.
    fn authority(&self, pace: &Pace, now: SystemTime) -> &Authority {
        match &self.authorities.second {
            Some(second)
                if pace.failing_for(now) >= self.settings.second_after && pace.failures() % 2 == 1 =>
            {
                second
            }
            _ => &self.authorities.first,
        }
    }

    fn challenge(&self, pace: &Pace) -> Challenge {
        match self.settings.challenges {
            ChallengeChoice::Only(challenge) => challenge,
            ChallengeChoice::Either => pace.challenge(),
        }
    }

    fn waits(&self, now: SystemTime) -> Waits<'_> {
        let life = self.current.map(|current| (current.certificate.life(), current.certificate.left(now)));
        Waits { retry: &self.settings.retry, life }
    }

    fn domains(&self) -> String {
        self.settings.domains.join(", ")
    }
}
