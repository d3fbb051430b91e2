//! The TXT records of DNS-PERSIST-01: do they let the CA issue to our account?

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::clock;
use crate::tls::acme::{Record, Unfit, records};
use crate::tls::{AcmeSettings, Challenge, ChallengeChoice};

use super::{Finding, Time};

pub(super) fn is_used(settings: &AcmeSettings) -> bool {
    settings.challenges == ChallengeChoice::Only(Challenge::DnsPersist01)
}

/// Looks at the records of all certificates that are validated so.
pub(super) async fn look(all: &[&AcmeSettings], time: Time, tell: &(impl Fn(Finding) + Sync)) {
    // What keeps the resolver from being used is said where the names are resolved.
    let resolver = TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
    let Ok(resolver) = resolver else { return };
    for settings in all.iter().filter(|settings| is_used(settings)) {
        let records = match time.within(records(settings, false)).await {
            Ok(records) => records,
            Err(late) => {
                tell(late.unchecked("the TXT records of dns-persist-01"));
                continue;
            }
        };
        match records {
            Ok(records) if records.is_empty() => tell(Finding::warning(
                "not checked: the TXT records of dns-persist-01: there is no account at the CA yet",
                "annex cert dns creates one, and prints the record of each name",
            )),
            Ok(records) => {
                let checks = records.iter().map(|record| async {
                    let found = time.within(checked(&resolver, record)).await;
                    vec![found.unwrap_or_else(|late| unknown(record, &late))]
                });
                super::side_by_side(checks.collect(), tell).await;
            }
            Err(error) => tell(Finding::warning(
                format!("not checked: the TXT records of dns-persist-01: {error}"),
                "run the doctor as root, or as the user that Annex runs as",
            )),
        }
    }
}

fn unknown(record: &Record, why: &dyn std::fmt::Display) -> Finding {
    Finding::warning(
        format!("not checked: cannot look up the TXT records of {}: {why}", record.place()),
        "the name servers of the domain or this host's resolver fail; the CA asks those name servers too",
    )
}

async fn checked(resolver: &TokioResolver, record: &Record) -> Finding {
    let place = record.place();
    let found: Vec<String> = match resolver.lookup(format!("{place}."), RecordType::TXT).await {
        Ok(lookup) => {
            let texts = lookup.answers().iter().filter_map(|answer| match &answer.data {
                RData::TXT(text) => {
                    Some(text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect())
                }
                _ => None,
            });
            texts.collect()
        }
        Err(error) if error.is_no_records_found() => Vec::new(),
        Err(error) => {
            return unknown(record, &error);
        }
    };
    let why = match record.look_at(&found, clock::now()) {
        Ok(()) => {
            return Finding::good(format!("the TXT record of {place} lets the CA issue to our account"));
        }
        Err(Unfit::Absent) => format!("{place} has no TXT record"),
        Err(Unfit::Issuer(other)) => format!("the TXT record of {place} is for another CA: {other}"),
        Err(Unfit::Account(other)) => format!("the TXT record of {place} is for another account: {other}"),
        Err(Unfit::NoWildcard) => {
            format!("the TXT record of {place} is not for wildcards: it lacks policy=wildcard")
        }
        Err(Unfit::Ended(until)) => format!("the TXT record of {place} has expired: persistUntil is {until}"),
    };
    Finding::bad(why, format!("add: {}", record.line()))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use hickory_resolver::config::{NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::Record as Answer;
    use hickory_resolver::proto::rr::rdata::TXT;

    use super::*;
    use crate::doctor::Verdict;
    use crate::doctor::denied;

    const ACCOUNT: &str = "https://ca.example/acct/7";

    /// Asks a name server that has this text at the record's place; it fails without one.
    async fn looked(text: Option<&'static str>) -> Finding {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut server = NameServerConfig::udp(socket.local_addr().unwrap().ip());
        server.connections[0].port = socket.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut bytes = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                let asked = Message::from_vec(&bytes[..length]).unwrap();
                let query = asked.queries[0].clone();
                let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
                answer.add_query(query.clone());
                match text {
                    None => answer.metadata.response_code = ResponseCode::ServFail,
                    Some("") => {}
                    Some(text) => {
                        assert_eq!(query.name().to_ascii(), "_validation-persist.x.test.");
                        let half = text.len() / 2;
                        let strings = vec![text[..half].to_owned(), text[half..].to_owned()];
                        let text = RData::TXT(TXT::new(strings));
                        answer.add_answer(Answer::from_rdata(query.name().clone(), 60, text));
                    }
                }
                let _ = socket.send_to(&answer.to_vec().unwrap(), from);
            }
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let issuers = vec!["ca.example".to_owned()];
        let record = Record::new("x.test", "https://ca.example/dir", issuers, vec![ACCOUNT.to_owned()]);
        checked(&resolver.build().unwrap(), &record).await
    }

    #[tokio::test]
    async fn the_record_decides_and_no_answer_is_no_absence() {
        for (text, verdict, said) in [
            (Some("ca.example; accounturi=https://ca.example/acct/7"), Verdict::Good, "lets the CA issue"),
            (Some("ca.example; accounturi=https://ca.example/acct/8"), Verdict::Bad, "for another account"),
            (Some("v=spf1"), Verdict::Bad, "for another CA: v=spf1"),
            (Some(""), Verdict::Bad, "has no TXT record"),
            (None, Verdict::Warning, "not checked"),
        ] {
            let found = looked(text).await;
            assert_eq!(found.verdict, verdict, "{text:?}: {found:?}");
            assert!(found.what.contains(said), "{text:?}: {found:?}");
        }
        let other = looked(Some("ca.example; accounturi=https://ca.example/acct/8")).await;
        denied("the TXT record of {place} lets the CA issue to our account", &other);
    }
}
