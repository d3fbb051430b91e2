//! What is known of each certificate, for `annex status`, metrics and readiness; and the way back: an operator's word
//! to the supervisor of one.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::clock::{self, rfc3339};

use super::{Certificate, identifier};

/// All certificates, in the order of the configuration.
#[derive(Debug, Default)]
pub struct Board {
    entries: Mutex<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    status: Status,
    words: Option<mpsc::Sender<Word>>,
    /// When an operator asked for a new certificate, within a week.
    renewals: Vec<SystemTime>,
}

/// One certificate, as an operator wants to know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    pub name: String,
    /// The names that the configuration wants.
    pub domains: Vec<String>,
    /// The CA's directory, or the file.
    pub source: String,
    /// Names in the certificate that is served; empty where none is.
    pub names: Vec<String>,
    pub issuer: Option<String>,
    pub profile: Option<String>,
    #[serde(serialize_with = "rfc3339")]
    pub not_before: Option<SystemTime>,
    #[serde(serialize_with = "rfc3339")]
    pub not_after: Option<SystemTime>,
    /// When the next one is due, and why then.
    #[serde(serialize_with = "rfc3339")]
    pub renewal: Option<SystemTime>,
    pub renewal_reason: Option<String>,
    /// Since when an order runs, and what it waits for.
    #[serde(serialize_with = "rfc3339")]
    pub ordering_since: Option<SystemTime>,
    pub ordering: Option<String>,
    #[serde(serialize_with = "rfc3339")]
    pub last_attempt: Option<SystemTime>,
    /// Where the last attempt failed: why, in the CA's own words.
    pub last_error: Option<String>,
    /// Why what stands in files of one's own is not served; the certificate before it is.
    pub refused: Option<String>,
    /// Failed attempts since the last certificate.
    pub failures: usize,
    #[serde(serialize_with = "rfc3339")]
    pub next_try: Option<SystemTime>,
    /// Why the state folder cannot be used.
    pub storage: Option<String>,
    /// URL of the account at the CA.
    pub account: Option<String>,
    /// The challenge that the next order uses.
    pub challenge: Option<String>,
}

impl Status {
    pub(super) fn show(&mut self, certificate: &Certificate) {
        self.names.clone_from(&certificate.names);
        self.issuer = Some(certificate.issuer.clone());
        self.not_before = Some(certificate.not_before);
        self.not_after = Some(certificate.not_after);
    }

    /// Whether a client that looks at the time takes it.
    pub fn serves(&self, now: SystemTime) -> bool {
        self.not_before.is_some_and(|from| from <= now) && self.not_after.is_some_and(|until| until > now)
    }

    /// What is wrong with the state folder, and what that means; `None` where all is well.
    pub fn storage_problem(&self) -> Option<String> {
        let problem = self.storage.as_ref()?;
        let so = if self.not_after.is_some() {
            "Annex orders no new certificate until it is about to expire"
        } else {
            "Annex orders no certificate, because it could not store one"
        };
        Some(format!("the state folder of the certificate `{}` is unusable, so {so}: {problem}", self.name))
    }

    /// What an operator should look at; `None` where all is well.
    ///
    /// A certificate warns from a quarter of its life on, and whenever it lacks a name.
    pub fn problem(&self, now: SystemTime) -> Option<String> {
        let because = match (&self.last_error, &self.ordering) {
            (_, Some(step)) => {
                let since = self.ordering_since.and_then(|since| now.duration_since(since).ok());
                format!(": ordering since {}: {step}", clock::display_span(since.unwrap_or_default()))
            }
            (Some(error), None) => format!(": {error}"),
            (None, None) => self.refused.as_ref().map(|refused| format!(": {refused}")).unwrap_or_default(),
        };
        let (Some(from), Some(until)) = (self.not_before, self.not_after) else {
            return Some(format!("no certificate for {} yet{because}", self.domains.join(", ")));
        };
        let missing: Vec<_> =
            self.domains.iter().filter(|d| !identifier::covers(&self.names, d)).map(String::as_str).collect();
        let left = until.duration_since(now).unwrap_or_default();
        let life = until.duration_since(from).unwrap_or_default();
        if from > now {
            Some(format!("the certificate is valid only from {} on{because}", clock::display(from)))
        } else if left.is_zero() {
            Some(format!("the certificate expired on {}{because}", clock::display(until)))
        } else if let Some(refused) = &self.refused {
            Some(format!(
                "the certificate files are unusable, so the server still uses the previous certificate, which expires on {}: {refused}",
                clock::display(until)
            ))
        } else if !missing.is_empty() {
            Some(format!("the certificate does not cover {}{because}", missing.join(", ")))
        } else if left < life / 4 {
            let left = clock::display_span(left);
            Some(format!("the certificate expires in {left}, and there is no new one{because}"))
        } else {
            None
        }
    }
}

/// Certificates that Let's Encrypt issues for the same names within a week.
const MOST_A_WEEK: usize = 5;
const WEEK: Duration = Duration::from_hours(7 * 24);

fn often(times: usize) -> String {
    format!(
        "asked for {times} times within a week: Let's Encrypt issues {MOST_A_WEEK} certificates a week for the same names, and then \
         none. annex cert renew --dry-run costs nothing"
    )
}

/// What an operator asks of a supervisor.
#[derive(Debug)]
pub struct Word {
    pub asked: Asked,
    /// How it ended: a line for people.
    pub answer: oneshot::Sender<Result<String, String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Order a new certificate now.
    Renew,
    /// Have the names validated by the CA's staging environment, and change nothing.
    Rehearse,
}

impl Board {
    /// Adds an entry, or replaces the one of the same name.
    pub(super) fn put(&self, status: Status, words: Option<mpsc::Sender<Word>>) {
        let mut entries = self.lock();
        match entries.iter_mut().find(|entry| entry.status.name == status.name) {
            Some(entry) => (entry.status, entry.words) = (status, words),
            None => entries.push(Entry { status, words, renewals: Vec::new() }),
        }
    }

    /// Forgets the certificates that the configuration no longer has.
    pub fn retain(&self, wanted: &[String]) {
        self.lock().retain(|entry| wanted.contains(&entry.status.name));
    }

    pub(super) fn update(&self, name: &str, change: impl FnOnce(&mut Status)) {
        if let Some(entry) = self.lock().iter_mut().find(|entry| entry.status.name == name) {
            change(&mut entry.status);
        }
    }

    pub fn all(&self) -> Vec<Status> {
        self.lock().iter().map(|entry| entry.status.clone()).collect()
    }

    /// Asks the supervisor of one certificate, or of each, and waits for the answers.
    pub async fn ask(&self, name: Option<&str>, asked: Asked) -> Vec<(String, Result<String, String>)> {
        let chosen: Vec<_> = self
            .lock()
            .iter()
            .filter(|entry| name.is_none_or(|name| entry.status.name == name))
            .map(|entry| (entry.status.name.clone(), entry.words.clone()))
            .collect();
        let mut answers = Vec::new();
        for (name, words) in chosen {
            let Some(words) = words else {
                let text = "comes from files, which Annex reads again when they change";
                answers.push((name, Err(text.to_owned())));
                continue;
            };
            let again = if asked == Asked::Renew { self.renewals(&name, clock::now()) } else { 0 };
            let (answer, answered) = oneshot::channel();
            let sent = words.send(Word { asked, answer }).await;
            let result = match sent {
                Ok(()) => answered.await.unwrap_or_else(|_| Err("the supervisor was stopped".to_owned())),
                Err(_) => Err("the supervisor was stopped".to_owned()),
            };
            let result = if again > MOST_A_WEEK {
                warn!("certificate {name}: {}", often(again));
                result
                    .map(|said| format!("{said}; {}", often(again)))
                    .map_err(|said| format!("{said}; {}", often(again)))
            } else {
                result
            };
            answers.push((name, result));
        }
        answers
    }

    /// How often a certificate was asked for within a week, with this time.
    fn renewals(&self, name: &str, now: SystemTime) -> usize {
        let mut entries = self.lock();
        let Some(entry) = entries.iter_mut().find(|entry| entry.status.name == name) else { return 0 };
        entry.renewals.retain(|asked| now.duration_since(*asked).is_ok_and(|since| since < WEEK));
        entry.renewals.push(now);
        entry.renewals.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_unix_seconds;

    #[test]
    fn it_warns_before_it_is_late() {
        let (start, life) = (from_unix_seconds(1_800_000_000), Duration::from_secs(400));
        let status = Status {
            domains: vec!["a.example".into()],
            names: vec!["a.example".into()],
            not_before: Some(start),
            not_after: Some(start + life),
            last_error: Some("refused".into()),
            ..Status::default()
        };
        let problem = |at| status.problem(start + Duration::from_secs(at));
        assert_eq!(problem(299), None);
        assert!(
            problem(301).is_some_and(|text| text.contains("expires in 99 s") && text.contains("refused"))
        );
        assert!(problem(401).is_some_and(|text| text.contains("expired on")));
        let before = start - Duration::from_secs(1);
        assert!(status.problem(before).is_some_and(|text| text.contains("valid only from")));
        let serves = |at| status.serves(start + Duration::from_secs(at));
        assert!(!status.serves(before) && serves(0) && serves(399) && !serves(400));
        let more = Status { domains: vec!["a.example".into(), "b.example".into()], ..status.clone() };
        assert!(more.problem(start).is_some_and(|text| text.contains("does not cover b.example")));
        // Without a certificate there is no end of a life to wait for.
        let full = Status { storage: Some("No space left".into()), ..status.clone() };
        let said = |status: &Status| status.storage_problem().unwrap();
        assert!(said(&full).contains("until it is about to expire: No space left"));
        let bare = Status { not_after: None, ..full };
        assert!(
            said(&bare)
                .ends_with("Annex orders no certificate, because it could not store one: No space left")
        );
        // Files of one's own that no longer fit: said at once, with what is served until when.
        let files =
            Status { last_error: None, refused: Some("the key does not fit".into()), ..status.clone() };
        let said = files.problem(start).unwrap();
        assert!(
            said.contains("previous certificate, which expires on")
                && said.ends_with(": the key does not fit"),
            "{said}"
        );
        let said = files.problem(start + life).unwrap();
        assert!(said.contains("expired on") && said.ends_with(": the key does not fit"), "{said}");
        let wild = Status {
            names: vec!["*.example.org".into()],
            domains: vec!["a.example.org".into()],
            ..status.clone()
        };
        assert_eq!(wild.problem(start), None, "a wildcard covers it");
        let none = Status { not_after: None, ..status };
        assert!(none.problem(start).is_some_and(|text| text.contains("no certificate for a.example yet")));
    }
}
