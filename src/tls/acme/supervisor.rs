//! Keeps a valid certificate served: loads it, renews it in time, tries again at a pace that no CA minds, adopts what
//! another process with the same state folder obtained.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::clock;

use super::super::{AcmeSettings, Asked, Board, Ca, ChallengeChoice, Served, Status, Word};
use super::Challenges;
use super::account::Offer;
use super::attempt::{Attempt, Authorities};
use super::authority::{Authority, AuthorityError};
use super::keep::{Current, Keep, STORAGE_AGAIN};
use super::pace::Pace;
use super::renewal::{self, Advice};
use super::request::Http;
use super::storage::{Storage, StorageError};

/// The wall clock is looked at at least this often: timers do not notice a suspend or a clock that is set. The store
/// is looked at as often.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(10);
/// Wait for a lease that another process has.
const LEASE_AGAIN: Duration = Duration::from_secs(1);
/// Nodes that share a state folder share the moment of the next try. The one whose try failed last lets the others go first:
/// its own CA or network may be what is wrong.
const AFTER_OTHERS: Duration = Duration::from_millis(300);
/// A problem that lasts is said this often.
const SAY_AGAIN: Duration = Duration::from_secs(86_400);
/// Renewal information that could not be had is asked for again after this, or after a part of the life.
const ADVICE_AGAIN: Duration = Duration::from_secs(3_600);
/// After an order, advice to renew can wait this long, or a part of the life.
const ADVICE_REST: Duration = Duration::from_secs(6 * 3_600);
/// It must not hold up an order.
const ADVICE: Duration = Duration::from_secs(5);

/// Why it cannot even begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Authority(#[from] AuthorityError),
    #[error("the state folder: {0}")]
    Storage(String),
}

/// When the next certificate is due, and why then.
struct Due {
    at: SystemTime,
    reason: String,
    /// How long after the last order at the earliest: a clock that is far ahead finds every new certificate old.
    rest: Duration,
}

impl Due {
    /// Not so soon after the last certificate.
    fn rested(self, pace: &Pace, now: SystemTime) -> Self {
        // One that lies ahead was written by a clock that was wrong.
        let last = pace.last_attempt().filter(|last| pace.failures() == 0 && *last <= now);
        match last.and_then(|last| last.checked_add(self.rest)) {
            Some(rested) if rested > self.at && !self.rest.is_zero() => {
                let reason = "the last one was obtained a short while ago: is the clock right?".to_owned();
                Self { at: rested, reason, ..self }
            }
            _ => self,
        }
    }
}

/// The task that keeps one certificate.
pub struct Supervisor {
    settings: AcmeSettings,
    authorities: Authorities,
    keep: Keep,
    /// Whether the store could be read.
    loaded: bool,
    challenges: Arc<Challenges>,
    words: mpsc::Receiver<Word>,
    sender: mpsc::Sender<Word>,
    advice: Option<Advice>,
    ask_advice_after: SystemTime,
    said: Option<SystemTime>,
    /// Whether the last try of this process failed.
    failed_last: bool,
}

impl Supervisor {
    pub fn new(
        name: String,
        settings: AcmeSettings,
        served: Arc<Served>,
        challenges: Arc<Challenges>,
        board: Arc<Board>,
    ) -> Result<Self, StartError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let authority = |ca: &Ca| Authority::new(ca.clone());
        let authorities = Authorities {
            first: authority(&settings.ca)?,
            second: settings.second.as_ref().map(authority).transpose()?,
            staging: settings.staging.as_ref().map(authority).transpose()?,
        };
        let storage =
            Storage::open(&settings.state, &name).map_err(|error| StartError::Storage(error.to_string()))?;
        challenges.share(&settings.state);
        let (sender, words) = mpsc::channel(4);
        let advice = storage.load_advice();
        let keep = Keep::new(name, settings.domains.clone(), storage, (served, board), provider);
        Ok(Self {
            settings,
            authorities,
            keep,
            loaded: false,
            challenges,
            words,
            sender,
            advice,
            ask_advice_after: SystemTime::UNIX_EPOCH,
            said: None,
            failed_last: false,
        })
    }

    /// Puts itself on the board and serves what is stored, before it runs: the first handshake finds it there.
    pub fn announce(&mut self) {
        let status = Status {
            name: self.keep.name.clone(),
            domains: self.settings.domains.clone(),
            source: self.settings.ca.directory.clone(),
            profile: self.settings.profile.clone(),
            ..Status::default()
        };
        self.keep.board.put(status, Some(self.sender.clone()));
        self.loaded = self.keep.load();
    }

    /// Never ends. Drop it to stop: nothing is lost.
    pub async fn run(mut self: Box<Self>) {
        while !self.loaded {
            sleep(STORAGE_AGAIN).await;
            self.loaded = self.keep.load();
        }
        loop {
            if let Err(error) = self.look().await {
                error!("{error}; trying again in {}", clock::display_span(STORAGE_AGAIN));
                sleep(STORAGE_AGAIN).await;
            }
        }
    }

    /// One look at clock and store, one attempt if it is time, then a wait.
    async fn look(&mut self) -> Result<(), StorageError> {
        self.keep.save();
        self.keep.adopt();
        let pace = self.keep.storage.load_pace()?;
        if pace.failures() == 0 {
            let _ = timeout(ADVICE, self.take_advice()).await; // no answer is no failure
        }
        let now = clock::now();
        let due = self.due().rested(&pace, now);
        self.publish(&due, &pace);
        self.say_problem(now);
        let next_try = pace.next_try() + if self.failed_last { AFTER_OTHERS } else { Duration::ZERO };
        let held_back = next_try > now && pace.is_plausible(now);
        if now >= due.at && !held_back {
            return self.attempt().await.map(drop);
        }
        let next = if now < due.at { due.at } else { next_try };
        let wait = next.duration_since(now).unwrap_or_default();
        select! {
            () = sleep(wait.clamp(Duration::from_millis(10), LOOK_AT_CLOCK)) => Ok(()),
            Some(word) = self.words.recv() => self.answer(word).await,
        }
    }

    /// Asks the CA when the certificate should be renewed, as often as it wants to be asked. No answer is no failure.
    async fn take_advice(&mut self) {
        let now = clock::now();
        let Some((id, life)) =
            self.keep.current.as_ref().filter(|current| self.is_ours(&current.directory)).and_then(
                |current| Some((current.certificate.renewal_id.clone()?, current.certificate.life())),
            )
        else {
            return;
        };
        let known = self.advice.as_ref().is_some_and(|advice| advice.is_for(&id) && !advice.is_stale(now));
        if known || now < self.ask_advice_after {
            return;
        }
        self.ask_advice_after = now + ADVICE_AGAIN.min(life / 8);
        let http = Http::new(&self.authorities.first.client);
        let Ok((offer, _)) = Offer::ask(&http, &self.settings.ca).await else {
            debug!("the CA's directory does not answer: no renewal information");
            return;
        };
        let Some(renewal_info) = offer.renewal_info else {
            return;
        };
        match renewal::ask(&http, &renewal_info, &id, self.advice.as_ref()).await {
            Ok(advice) => {
                if let Some(page) = &advice.explanation {
                    warn!("the CA explains its advice to renew at {page}");
                }
                if let Err(error) = self.keep.storage.save_advice(&advice) {
                    warn!("{error}");
                }
                self.advice = Some(advice);
            }
            Err(error) => info!("no renewal information: {error}"),
        }
    }

    /// Whether a CA of the configuration issued it.
    fn is_ours(&self, directory: &str) -> bool {
        let second = self.settings.second.as_ref();
        directory == self.settings.ca.directory || second.is_some_and(|second| second.directory == directory)
    }

    /// A certificate for other names or from another CA (staging, say) is served, and replaced at once.
    fn due(&self) -> Due {
        let at_once = |reason: &str| Due {
            at: SystemTime::UNIX_EPOCH,
            reason: reason.to_owned(),
            rest: Duration::ZERO,
        };
        let Some(Current { certificate, directory, .. }) = &self.keep.current else {
            return at_once("there is none yet");
        };
        if !certificate.covers(&self.settings.domains) {
            return at_once("the domains changed");
        }
        if !self.is_ours(directory) {
            return at_once("the CA changed");
        }
        let by_life = Due {
            at: renewal::by_life(certificate),
            reason: renewal::by_life_reason(certificate).to_owned(),
            rest: certificate.life() / 4,
        };
        let advice = self
            .advice
            .as_ref()
            .filter(|advice| certificate.renewal_id.as_deref().is_some_and(|id| advice.is_for(id)));
        match advice {
            // Never relied on alone: a window after that moment changes nothing.
            Some(advice) if advice.moment() < by_life.at => {
                // Before its own first day: the CA means at once, whatever clock one goes by.
                let at_once = advice.moment() < certificate.not_before;
                let rest = if at_once { Duration::ZERO } else { ADVICE_REST.min(certificate.life() / 8) };
                Due { at: advice.moment(), reason: "the CA advises it".to_owned(), rest }
            }
            _ => by_life,
        }
    }

    /// One attempt, if no other process makes one. Gives a line for an operator.
    async fn attempt(&mut self) -> Result<Result<String, String>, StorageError> {
        let Some(_lease) = self.keep.storage.lease()? else {
            debug!("another order runs: waiting for its lease");
            sleep(LEASE_AGAIN).await;
            return Ok(Err("another order runs: try again in a minute".to_owned()));
        };
        // Whoever had the lease may have got it.
        if self.keep.adopt() && clock::now() < self.due().at {
            return Ok(Ok("another process has just obtained it".to_owned()));
        }
        let ended = self.prepare().run().await?;
        self.failed_last = ended.is_err();
        match ended {
            Ok(issued) => {
                self.keep.put(issued);
                self.said = None;
                let renewal = clock::display(self.due().at);
                info!("it will be renewed from {renewal}");
                Ok(Ok(format!("certificate for {} is there, renewal from {renewal}", self.domains())))
            }
            Err(failed) => {
                let serving = self.keep.current.as_ref().map_or_else(
                    || "HTTPS cannot be served until there is one".to_owned(),
                    |current| {
                        let until = clock::display(current.certificate.not_after);
                        format!("still serving the one valid until {until}")
                    },
                );
                let next = clock::display(failed.pace.next_try());
                let line = format!(
                    "no certificate for {} from {}: {}; {serving}; failure {}, next try {next}",
                    self.domains(),
                    failed.directory,
                    failed.problem,
                    failed.pace.failures()
                );
                error!("{line}");
                Ok(Err(line))
            }
        }
    }

    fn prepare(&self) -> Attempt<'_> {
        Attempt {
            settings: &self.settings,
            authorities: &self.authorities,
            storage: &self.keep.storage,
            challenges: &self.challenges,
            provider: &self.keep.provider,
            current: self.keep.current.as_ref().map(|current| (&*current.certificate, &*current.directory)),
        }
    }

    /// An operator's word: a try at once, whatever the pace says.
    async fn answer(&mut self, word: Word) -> Result<(), StorageError> {
        let answer = match word.asked {
            Asked::Renew => {
                info!("an operator asks for a new certificate");
                self.attempt().await?
            }
            Asked::Rehearse => match self.keep.storage.lease()? {
                Some(_lease) => self.prepare().rehearse().await,
                None => Err("an order runs: try again in a minute".to_owned()),
            },
        };
        let _ = word.answer.send(answer); // whoever asked may have gone away
        Ok(())
    }

    fn publish(&self, due: &Due, pace: &Pace) {
        let challenge = match self.settings.challenges {
            ChallengeChoice::Only(challenge) => challenge,
            ChallengeChoice::Either => pace.challenge(),
        };
        self.keep.board.update(&self.keep.name, |status| {
            status.renewal = self.keep.current.is_some().then_some(due.at);
            status.renewal_reason = Some(due.reason.clone());
            status.last_attempt = pace.last_attempt();
            status.failures = pace.failures();
            status.next_try = (pace.failures() > 0).then(|| pace.next_try());
            status.last_error.clone_from(&pace.last_error);
            status.challenge = Some(challenge.word().to_owned());
        });
    }

    /// From a quarter of the life on, and daily after that.
    fn say_problem(&mut self, now: SystemTime) {
        let status = self.keep.board.all().into_iter().find(|status| status.name == self.keep.name);
        let problem = status.filter(|_| self.keep.current.is_some()).and_then(|status| status.problem(now));
        let said =
            self.said.is_some_and(|said| now.duration_since(said).is_ok_and(|since| since < SAY_AGAIN));
        match problem {
            Some(problem) if !said => {
                warn!("{problem}");
                self.said = Some(now);
            }
            Some(_) => {}
            None => self.said = None,
        }
    }

    fn domains(&self) -> String {
        self.settings.domains.join(", ")
    }
}
