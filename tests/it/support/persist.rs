//! What pebble of Debian lacks: DNS-PERSIST-01. The proxy before it offers the challenge in place of `dns-01`, and validates as
//! the draft says, by the TXT records of the test's name server. The pebble behind takes every challenge for met, and issues.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use serde_json::{Value, json};

/// The CA's name in records.
pub(crate) const ISSUER: &str = "pebble.example";

/// What the CA knows of its challenges.
#[derive(Default)]
pub(super) struct Persist {
    /// By the path of the challenge: the path of its authorization, the name, whether a wildcard is asked for.
    asked: BTreeMap<String, (String, String, bool)>,
    /// Paths of authorizations that failed, with the reason.
    failed: BTreeMap<String, String>,
}

fn path_of(url: &str) -> String {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned())
}

impl Persist {
    /// The answer of an authorization with the challenge in it.
    pub(super) fn offer(&mut self, path: &str, answer: &str) -> String {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let Ok(mut authorization) = serde_json::from_str::<Value>(body) else { return answer.to_owned() };
        let name = authorization["identifier"]["value"].as_str().unwrap_or_default().to_owned();
        let is_wildcard = authorization["wildcard"] == true;
        let reason = self.failed.get(path).cloned();
        if reason.is_some() {
            authorization["status"] = "invalid".into();
        }
        for challenge in authorization["challenges"].as_array_mut().into_iter().flatten() {
            if challenge["type"] != "dns-01" {
                continue;
            }
            let url = challenge["url"].as_str().unwrap().to_owned();
            self.asked.insert(path_of(&url), (path.to_owned(), name.clone(), is_wildcard));
            *challenge = json!({"type": "dns-persist-01", "url": url, "status": challenge["status"],
                                "issuer-domain-names": [ISSUER]});
            if let Some(reason) = &reason {
                challenge["status"] = "invalid".into();
                challenge["error"] = json!({"type": "urn:ietf:params:acme:error:unauthorized", "detail": reason, "status": 403});
            }
        }
        let body = authorization.to_string();
        let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
        let lines: Vec<&str> = kept.collect();
        format!("{}\r\ncontent-length: {}\r\n\r\n{body}", lines.join("\r\n"), body.len())
    }

    /// Validates a challenge that the client says is met; `None` where it is not one of these, or is met.
    pub(super) fn refuse(&mut self, path: &str, request: &[u8], dns: u16) -> Option<Value> {
        let (authorization, name, is_wildcard) = self.asked.get(path)?.clone();
        let jws: Value = serde_json::from_slice(request).ok()?;
        let header = BASE64URL.decode(jws["protected"].as_str()?).ok()?;
        let header: Value = serde_json::from_slice(&header).ok()?;
        let account = header["kid"].as_str()?;
        let place = format!("_validation-persist.{name}");
        let texts = texts(&place, dns);
        let is_right = |text: &String| {
            let mut parts = text.split(';').map(str::trim);
            let policy = |part: &str| part.eq_ignore_ascii_case("policy=wildcard");
            parts.next() == Some(ISSUER)
                && parts.clone().any(|part| part.strip_prefix("accounturi=") == Some(account))
                && (!is_wildcard || parts.any(policy))
        };
        if texts.iter().any(is_right) {
            return None;
        }
        self.failed.insert(authorization, format!("no TXT record at {place} lets this account"));
        Some(json!({"type": "dns-persist-01", "status": "processing", "url": "x"}))
    }
}

/// TXT records of the test's name server.
fn texts(place: &str, dns: u16) -> Vec<String> {
    let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
    server.connections[0].port = dns;
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let resolver =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build().unwrap();
        let Ok(lookup) = resolver.lookup(format!("{place}."), RecordType::TXT).await else {
            return Vec::new();
        };
        let one = |data: &RData| match data {
            RData::TXT(text) => {
                Some(text.txt_data.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect())
            }
            _ => None,
        };
        lookup.answers().iter().filter_map(|record| one(&record.data)).collect()
    })
}
