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
use super::about::about;
use super::account::Offer;
use super::attempt::{Attempt, Authorities, Serving};
use super::authority::{Authority, AuthorityError};
use super::due::{self, Due};
use super::keep::{Keep, STORAGE_AGAIN};
use super::lease::Lease;
use super::pace::Pace;
use super::renewal::{self, Advice};
use super::request::Wire;
use super::storage::{Storage, StorageError};

/// The wall clock is looked at at least this often: timers do not notice a suspend or a clock that is set. The store
/// is looked at as often.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(10);
/// Nodes that share a state folder share the moment of the next try. The one whose try failed last lets the others go first:
/// its own CA or network may be what is wrong.
const AFTER_OTHERS: Duration = Duration::from_millis(300);
/// A problem that lasts is said this often.
const SAY_AGAIN: Duration = Duration::from_secs(86_400);
/// Renewal information that could not be had is asked for again after this, or after a part of the life.
const ADVICE_AGAIN: Duration = Duration::from_secs(3_600);
/// The state folder is tried out this often while all is well.
const PROBE_AGAIN: Duration = Duration::from_secs(300);
/// The part of a certificate's life at whose end a new one is ordered although it cannot be stored.
const LAST_PART: u32 = 8;
/// It must not hold up an order.
const ADVICE: Duration = Duration::from_secs(5);

/// Why it cannot even begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Authority(#[from] AuthorityError),
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
    /// The next try that the log has told of.
    told: Option<SystemTime>,
    probe_after: SystemTime,
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
        let authority = |ca: &Ca| Authority::new(ca.clone(), settings.proxy.as_ref());
        let authorities = Authorities {
            first: authority(&settings.ca)?,
            second: settings.second.as_ref().map(authority).transpose()?,
            staging: settings.staging.as_ref().map(authority).transpose()?,
        };
        let storage = Storage::new(&settings.state, &name, about(&settings));
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
            told: None,
            probe_after: SystemTime::UNIX_EPOCH,
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
        loop {
            let looked = if self.loaded { self.look().await } else { self.load_again().await };
            if let Err(error) = looked {
                self.keep.tell_problem(Some(error.to_string()));
                self.rest(STORAGE_AGAIN).await;
            }
        }
    }

    /// A store that could not be read.
    async fn load_again(&mut self) -> Result<(), StorageError> {
        self.rest(STORAGE_AGAIN).await;
        self.loaded = self.keep.load();
        Ok(())
    }

    /// Waits, and hears an operator meanwhile. The end of a certificate's life is not slept through.
    async fn rest(&mut self, longest: Duration) {
        let to_last_part = self.keep.current.as_ref().map(|current| {
            let left = current.certificate.left(clock::now());
            left.saturating_sub(current.certificate.life() / LAST_PART)
        });
        let wait = match to_last_part {
            Some(left) if !left.is_zero() => longest.min(left),
            _ => longest,
        };
        select! {
            () = sleep(wait.max(Duration::from_millis(10))) => {}
            Some(word) = self.words.recv() => self.answer(word).await,
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
        self.probe(now);
        let due = self.due().rested(&pace, now);
        self.publish(&due, &pace);
        self.say_problem(now);
        let next_try = pace.next_try() + if self.failed_last { AFTER_OTHERS } else { Duration::ZERO };
        let held_back = next_try > now && pace.is_plausible(now);
        if now >= due.at && !held_back {
            let ended = self.attempt(&due.reason).await?;
            self.answer_meanwhile(&ended).await;
            return Ok(());
        }
        if now >= due.at {
            self.say_wait(&pace, &due);
        }
        let next = if now < due.at { due.at } else { next_try };
        let wait = next.duration_since(now).unwrap_or_default();
        self.rest(wait.min(LOOK_AT_CLOCK)).await;
        Ok(())
    }

    /// Whether the state folder can be written is known before a certificate has to be.
    fn probe(&mut self, now: SystemTime) {
        if self.keep.storage.problem().is_some()
            || now >= self.probe_after
            || self.probe_after > now + 2 * PROBE_AGAIN
        {
            self.keep.storage.probe();
            self.probe_after = now + PROBE_AGAIN;
        }
        if !self.keep.is_unsaved() {
            self.keep.tell_problem(self.keep.storage.problem());
        }
    }

    /// Says once why a start does not order at once.
    fn say_wait(&mut self, pace: &Pace, due: &Due) {
        if self.told == Some(pace.next_try()) || self.failed_last {
            return;
        }
        self.told = Some(pace.next_try());
        let until = clock::display(pace.next_try());
        let because = match &pace.last_error {
            Some(error) => format!("the last try failed: {error}"),
            None => format!("{} tries were interrupted in a row", pace.interrupted()),
        };
        warn!(
            "a certificate for {} is due ({}), but waits until {until}: {because}; `annex cert renew` tries at once",
            self.domains(),
            due.reason
        );
    }

    /// Asks the CA when the certificate should be renewed, as often as it wants to be asked. No answer is no failure.
    async fn take_advice(&mut self) {
        let now = clock::now();
        let Some((id, life)) = self
            .keep
            .current
            .as_ref()
            .filter(|current| due::is_ours(&current.directory, &self.settings))
            .and_then(|current| Some((current.certificate.renewal_id.clone()?, current.certificate.life())))
        else {
            return;
        };
        let known = self.advice.as_ref().is_some_and(|advice| advice.is_for(&id) && !advice.is_stale(now));
        if known || now < self.ask_advice_after {
            return;
        }
        self.ask_advice_after = now + ADVICE_AGAIN.min(life / 8);
        let wire = Wire::new(&self.authorities.first.client, None);
        let Ok((offer, _)) = Offer::ask(&wire, &self.settings.ca).await else {
            debug!("the CA's directory does not answer: no renewal information");
            return;
        };
        let Some(renewal_info) = offer.renewal_info else {
            return;
        };
        match renewal::ask(&wire, &renewal_info, &id, self.advice.as_ref()).await {
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

    fn due(&self) -> Due {
        Due::of(self.keep.current.as_ref(), &self.settings, self.advice.as_ref())
    }

    /// One attempt, if no other process makes one. Gives a line for an operator.
    ///
    /// Without a state folder that can be written none is made, for every restart would make another; but near the end of a
    /// certificate's life that is better than none.
    async fn attempt(&mut self, why: &str) -> Result<Result<String, String>, StorageError> {
        let is_last_part = self.is_last_part(clock::now());
        let _lease = match Lease::of(&self.keep.storage).await {
            Ok(Some(lease)) => Some(lease),
            Ok(None) => {
                debug!("another order runs: its lease was waited for");
                return Ok(Err("another order is running: try again in a minute".to_owned()));
            }
            Err(error) if is_last_part => {
                self.keep.tell_problem(Some(error.to_string()));
                None
            }
            Err(error) => return Err(error),
        };
        // Whoever had the lease may have got it.
        if self.keep.adopt() && clock::now() < self.due().at {
            return Ok(Ok("another process has just got the certificate".to_owned()));
        }
        self.keep.storage.be_lenient(is_last_part);
        let ended = self.prepare().run(why).await;
        self.keep.storage.be_lenient(false);
        let ended = ended?;
        self.failed_last = ended.is_err();
        match ended {
            Ok(issued) => {
                self.keep.put(issued);
                self.said = None;
                let renewal = clock::display(self.due().at);
                info!("renewal is due from {renewal}");
                Ok(Ok(format!("certificate for {} is there, renewal from {renewal}", self.domains())))
            }
            Err(failed) => {
                let serving = self.keep.current.as_ref().map_or_else(
                    || "the server cannot serve HTTPS until there is one".to_owned(),
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

    /// Whether little of the certificate's life is left, or nothing.
    fn is_last_part(&self, now: SystemTime) -> bool {
        self.keep
            .current
            .as_ref()
            .is_some_and(|current| current.certificate.left(now) <= current.certificate.life() / LAST_PART)
    }

    fn prepare(&self) -> Attempt<'_> {
        Attempt {
            settings: &self.settings,
            authorities: &self.authorities,
            storage: &self.keep.storage,
            challenges: &self.challenges,
            provider: &self.keep.provider,
            board: &self.keep.board,
            name: &self.keep.name,
            current: self.keep.current.as_ref().map(|current| Serving {
                certificate: &current.certificate,
                directory: &current.directory,
                pem: &current.pem,
            }),
        }
    }

    /// Whoever asked for a certificate while one was ordered gets that one: a second would be one of the week's few.
    async fn answer_meanwhile(&mut self, ended: &Result<String, String>) {
        while let Ok(word) = self.words.try_recv() {
            match word.asked {
                Asked::Renew => _ = word.answer.send(ended.clone()),
                Asked::Rehearse => self.answer(word).await,
            }
        }
    }

    /// An operator's word: a try at once, whatever the pace says.
    async fn answer(&mut self, word: Word) {
        let answer = match word.asked {
            _ if !self.loaded => {
                Err("the state folder cannot be read: the log and `annex status` say why".to_owned())
            }
            Asked::Renew => {
                info!("an operator requested a new certificate");
                self.attempt("an operator requested it").await.unwrap_or_else(|error| {
                    self.keep.tell_problem(Some(error.to_string()));
                    Err(format!("{error}; nothing was ordered, since it could not be stored"))
                })
            }
            Asked::Rehearse => match Lease::of(&self.keep.storage).await {
                Ok(Some(_lease)) => self.prepare().rehearse().await,
                Ok(None) => Err("another order is running: try again in a minute".to_owned()),
                Err(error) => Err(error.to_string()),
            },
        };
        let answer = match self.keep.storage.problem() {
            Some(problem) if answer.is_ok() => {
                answer.map(|line| format!("{line}; it cannot be stored: {problem}"))
            }
            _ => answer,
        };
        let _ = word.answer.send(answer); // whoever asked may have gone away
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
