//! The names of an order: each is shown to be ours by a challenge (RFC 8555 section 7.5), several at a time.

use std::fmt;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rustls_acme::acme;
use serde::Deserialize;
use tokio::time::sleep;

use super::super::Challenge;
use super::Challenges;
use super::account::Session;
use super::order::{OrderError, Polls};
use super::refusal::Problem;
use super::request::Step;

/// Names at a time.
const AT_A_TIME: usize = 8;

#[derive(Debug, Deserialize)]
struct Authorization {
    status: String,
    identifier: Identifier,
    #[serde(default)]
    wildcard: bool,
    #[serde(default)]
    challenges: Vec<Offered>,
}

#[derive(Debug, Deserialize)]
struct Identifier {
    value: String,
}

/// A challenge as the CA offers it, and what came of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offered {
    #[serde(rename = "type")]
    kind: String,
    url: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    status: String,
    error: Option<Problem>,
    #[serde(default)]
    validation_record: Vec<Record>,
}

/// Where the CA looked.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Record {
    hostname: String,
    /// A text at some CAs, a number at others.
    port: serde_json::Value,
    addresses_resolved: Vec<String>,
    address_used: String,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.to_string();
        write!(
            f,
            "{} at {}",
            self.hostname,
            if self.address_used.is_empty() { "no address" } else { &self.address_used }
        )?;
        match port.trim_matches('"') {
            "" | "null" => {}
            port => write!(f, " port {port}")?,
        }
        let others = self.addresses_resolved.iter().filter(|address| **address != self.address_used);
        let others = others.map(String::as_str).collect::<Vec<_>>().join(", ");
        if others.is_empty() { Ok(()) } else { write!(f, " (its other addresses: {others})") }
    }
}

/// Has each of these authorizations validated, or says which one was not.
pub(super) async fn all(
    session: &Session,
    urls: &[String],
    challenge: Challenge,
    challenges: &Challenges,
) -> Result<(), OrderError> {
    let names: Vec<_> = urls.iter().map(|url| one(url, challenge, session, challenges)).collect();
    stream::iter(names).buffer_unordered(AT_A_TIME).try_collect().await
}

async fn one(
    url: &str,
    challenge: Challenge,
    session: &Session,
    challenges: &Challenges,
) -> Result<(), OrderError> {
    let mut answered = session.ask(Step::Authorization, url, "").await?;
    let mut authorization: Authorization = answered.json()?;
    // As it was ordered.
    let star = if authorization.wildcard { "*." } else { "" };
    let domain = format!("{star}{}", authorization.identifier.value);
    let mut polls = Polls::default();
    if authorization.status == "pending" {
        let offered = authorization.challenges.iter().find(|offered| offered.kind == challenge.word());
        let offered = offered.ok_or_else(|| OrderError::NoChallenge(challenge.word(), domain.clone()))?;
        expect(session, &domain, offered, challenge, challenges)?;
        if let Some(progress) = session.wire.progress() {
            progress.waits_for(&domain, challenge);
        }
        // One that is under way was asked for by the process before.
        if matches!(offered.status.as_str(), "" | "pending") {
            match session.ask(Step::Challenge, &offered.url, "{}").await {
                Err(error) if error.may_be_done() => {}
                told => answered = told?,
            }
        }
        sleep(polls.next(Some(&answered))).await;
        answered = session.ask(Step::Authorization, url, "").await?;
        authorization = answered.json()?;
    }
    loop {
        match authorization.status.as_str() {
            "valid" => break,
            "pending" => {}
            _ => {
                let mut words = failed_challenge(&authorization);
                if challenge == Challenge::DnsPersist01 {
                    words += "; `annex cert dns` prints the record that the CA looks for";
                }
                return Err(OrderError::Validation { domain, challenge, words });
            }
        }
        sleep(polls.next(Some(&answered))).await;
        answered = session.ask(Step::Authorization, url, "").await?;
        authorization = answered.json()?;
    }
    if let Some(progress) = session.wire.progress() {
        progress.validated(&domain);
    }
    Ok(())
}

/// Has the answer ready before the CA looks for it.
fn expect(
    session: &Session,
    domain: &str,
    offered: &Offered,
    challenge: Challenge,
    challenges: &Challenges,
) -> Result<(), OrderError> {
    let typ = match challenge {
        Challenge::TlsAlpn01 => acme::ChallengeType::TlsAlpn01,
        Challenge::Http01 => acme::ChallengeType::Http01,
        Challenge::DnsPersist01 => return Ok(()), // it stands in the DNS
    };
    let (url, token) = (offered.url.clone(), offered.token.clone());
    let theirs = [acme::Challenge { typ, url, token, error: None }];
    let failed =
        |error: acme::AcmeError| OrderError::Answer { domain: domain.to_owned(), problem: error.to_string() };
    match challenge {
        Challenge::TlsAlpn01 => {
            let (_, certificate) = session.account.tls_alpn_01(&theirs, domain.to_owned()).map_err(failed)?;
            challenges.expect_tls_alpn(domain, certificate);
        }
        Challenge::Http01 => {
            let (_, answer) = session.account.http_01(&theirs).map_err(failed)?;
            challenges.expect_http(&offered.token, answer);
        }
        Challenge::DnsPersist01 => {}
    }
    Ok(())
}

/// The CA's words, and where it looked.
fn failed_challenge(authorization: &Authorization) -> String {
    let failed = authorization.challenges.iter().find(|offered| offered.error.is_some());
    let Some((failed, problem)) = failed.and_then(|failed| Some((failed, failed.error.as_ref()?))) else {
        return format!("the CA gives no reason (the authorization is {})", authorization.status);
    };
    let looked: Vec<_> = failed
        .validation_record
        .iter()
        .filter(|record| !record.hostname.is_empty())
        .map(ToString::to_string)
        .collect();
    if looked.is_empty() {
        problem.to_string()
    } else {
        format!("{problem}; it looked for {}", looked.join(", then "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_validation_names_the_address_where_the_ca_looked() {
        let authorization = r#"{"status": "invalid", "identifier": {"type": "dns", "value": "a.example"}, "challenges": [
            {"type": "http-01", "url": "https://ca/1", "token": "t", "status": "pending"},
            {"type": "tls-alpn-01", "url": "https://ca/2", "token": "t", "status": "invalid",
             "error": {"type": "urn:ietf:params:acme:error:connection", "status": 400, "detail": "Connection refused"},
             "validationRecord": [{"hostname": "a.example", "port": "443", "addressesResolved": ["192.0.2.1", "2001:db8::1"],
                                   "addressUsed": "2001:db8::1"}]}]}"#;
        let words = failed_challenge(&serde_json::from_str(authorization).unwrap());
        let expected = "Connection refused (status 400, connection); it looked for a.example at 2001:db8::1 port 443 (its other addresses: 192.0.2.1)";
        assert_eq!(words, expected);
    }
}
