//! `[[target]]`: other systems that exports go to.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::Mutex;

use crate::export::target::{Auth, Exists, FolderTarget, HttpTarget, OAuth2};
use crate::export::{Target, TargetKind};
use crate::outbound::{Proxy, Uplink};
use crate::outbox::{CONCURRENCY, MOST_AT_A_TIME};
use crate::tls;

use super::document::Place;
use super::numbers::{HOUR, SHORTEST_WAIT};
use super::secrets::{self, Environment, Maker};
use super::section::Section;
use super::sftp;

/// One call to a target; Rossum waits 30 s for all of a delivery.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// All of a file, by name; `None` where the configuration of one is wrong.
pub(super) fn read_all(
    root: &Section<'_>,
    proxy: Option<&Proxy>,
    environment: Environment<'_>,
) -> HashMap<String, (Place, Option<Arc<Target>>)> {
    let mut targets = HashMap::new();
    for section in root.sections("target") {
        let name = section.required_text("name", "\"erp\"");
        let target = name.as_ref().and_then(|name| read(&section, name.get_ref(), proxy, environment));
        if let Some(name) = name {
            let text = (*name.get_ref()).to_owned();
            if let Some((first, _)) = targets.insert(text.clone(), (name.span(), target)) {
                let first = section.document().named(&first);
                let what = format!("two targets have the name `{text}`: the first is at {first}");
                section.document().note(name.span(), what, Some("give each its own"));
            }
        }
        section.finish();
    }
    targets
}

fn read(
    section: &Section<'_>,
    name: &str,
    proxy: Option<&Proxy>,
    environment: Environment<'_>,
) -> Option<Arc<Target>> {
    let folder = section.folder("folder");
    let url = section.text("url");
    let called = url.as_ref().map(|url| {
        if url.get_ref().starts_with("sftp:") {
            sftp::read(section, url, environment).map(|target| TargetKind::Sftp(Box::new(target)))
        } else {
            http(section, url, proxy, environment).map(|target| TargetKind::Http(Box::new(target)))
        }
    });
    let concurrency = concurrency(section);
    let kind = match (folder, called) {
        (Some(folder), None) => TargetKind::Folder(FolderTarget { folder, exists: exists(section) }),
        (None, Some(called)) => called?,
        (Some(_), Some(_)) => {
            section.wrong("this target has both `url` and `folder`", "make two targets of it");
            return None;
        }
        (None, None) => {
            section.wrong(
                "this target leads nowhere",
                "give it `url = \"https://erp.example.com/api/\"`, `url = \"sftp://user@host/folder\"` or `folder = \"exports\"`",
            );
            return None;
        }
    };
    Some(Arc::new(Target { name: name.to_owned(), kind, concurrency }))
}

/// Queued exports at a time.
pub(super) fn concurrency(section: &Section<'_>) -> usize {
    section.count("concurrency", 1..=MOST_AT_A_TIME).unwrap_or(CONCURRENCY)
}

/// What becomes of a file whose name is taken.
pub(super) fn exists(section: &Section<'_>) -> Exists {
    let words = [("error", Exists::Error), ("number", Exists::Number), ("replace", Exists::Replace)];
    section.choice("exists", &words).unwrap_or_default()
}

fn http(
    section: &Section<'_>,
    url: &toml::Spanned<&str>,
    proxy: Option<&Proxy>,
    environment: Environment<'_>,
) -> Option<HttpTarget> {
    let headers = headers(section);
    let auth = auth(section, section.boolean("insecure").unwrap_or(false), environment);
    let uplink = uplink(section, proxy);
    let timeout = section.duration("timeout", SHORTEST_WAIT..=HOUR).unwrap_or(TIMEOUT);
    let is_meant = section.boolean("insecure").unwrap_or(false);
    let base = address(section, url)?;
    if !is_meant && is_plain_to_strangers(&base) {
        refuse_plain(section, url, "documents and secrets");
        return None;
    }
    if !is_meant && !matches!(auth, None | Some(Auth::None)) {
        remark_plain(section, &base, &url.span(), "the secret of `auth`");
    }
    match HttpTarget::new(base, uplink?, headers, auth?, timeout) {
        Ok(target) => Some(target),
        Err(error) => {
            section.wrong(error.to_string(), "look at `ca` and `client_certificate`");
            None
        }
    }
}

pub(super) fn address(section: &Section<'_>, text: &toml::Spanned<&str>) -> Option<Url> {
    let wrong = |what: String, hint: &str| {
        section.document().note(text.span(), what, Some(hint.to_owned()));
        None
    };
    let hint = "write `https://erp.example.com/api/`";
    let url = match Url::parse(text.get_ref()) {
        Ok(url) => url,
        Err(_) if !text.get_ref().contains(":/") => {
            let whole = format!("https://{}", text.get_ref().trim_start_matches('/'));
            let is_url = Url::parse(&whole).is_ok_and(|url| url.host_str().is_some_and(|h| h.contains('.')));
            let hint = if is_url { format!("write `{whole}`") } else { hint.to_owned() };
            return wrong(format!("`{}` has no `https://` in front", text.get_ref()), &hint);
        }
        Err(error) => return wrong(format!("`{}` is not a URL: {error}", text.get_ref()), hint),
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return wrong(format!("`{}` is not an address of an HTTP interface", text.get_ref()), hint);
    }
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "take it out of the URL; a target has `auth`, [telemetry] has `headers`, [rossum] has `token`, and each names where the secret is: `credential:erp`";
        return wrong("a password must not be in the configuration".to_owned(), hint);
    }
    let own = text.get_ref().split(['?', '#']).next().unwrap_or_default();
    if own.split('/').skip(3).any(|part| matches!(part, "." | "..")) {
        section.remark(&text.span(), &format!("`..` in it leads upwards: calls go to {url}"));
    }
    Some(url)
}

/// Whether what is sent there stays on this host.
pub(super) fn is_here(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]")
}

/// Whether everybody on the way through the Internet can read what is sent there. A name without a dot, or below one that
/// the public DNS does not have, is of one's own network.
fn is_plain_to_strangers(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let is_own = match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, ..] = address.octets();
            let is_shared = a == 100 && (64..128).contains(&b); // RFC 6598
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => {
            let top = host.rsplit_once('.').map(|(_, top)| top);
            top.is_none_or(|top| OWN_NETWORK.contains(&top)) || host.ends_with(".home.arpa")
        }
    };
    url.scheme() == "http" && !is_own
}

/// Tops of names that lead nowhere in the public DNS.
const OWN_NETWORK: [&str; 13] = [
    "local",
    "internal",
    "lan",
    "localdomain",
    "localhost",
    "intranet",
    "intra",
    "corp",
    "home",
    "private",
    "test",
    "example",
    "invalid",
];

fn refuse_plain(section: &Section<'_>, url: &toml::Spanned<&str>, what: &str) {
    let what =
        format!("{what} would travel unencrypted to {}, a host of the Internet by its name", url.get_ref());
    let hint = "write `https://`; if the host is in your own network, or this is intended, write `insecure = true` in this [[target]]";
    section.document().note(url.span(), what, Some(hint));
}

/// Says that a secret can be read on its way. A system in one's own network may have nothing else.
pub(super) fn remark_plain(section: &Section<'_>, url: &Url, place: &Place, what: &str) {
    if url.scheme() == "http" && !is_here(url) {
        section.remark(
            place,
            &format!("{what} travels unencrypted: write `https://` if the system supports it"),
        );
    }
}

/// Notes a header that Annex or HTTP itself sets: sent twice, or with another value, it breaks the request.
pub(super) fn note_header_of_ours(section: &Section<'_>, name: &HeaderName, place: Place) -> bool {
    let hint = match name.as_str() {
        "content-length" | "transfer-encoding" | "host" | "connection" | "te" | "trailer" | "upgrade"
        | "expect" => "leave it out: it follows from the request",
        "idempotency-key" => "leave it out: Annex sets it, the same over all tries of a call",
        "content-type" => "write `content_type` beside the template; a `shape` has its own",
        _ => return false,
    };
    section.document().note(place, format!("the header `{name}` is set by Annex"), Some(hint));
    true
}

fn headers(section: &Section<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in section.section("headers").map(|own| own.entries()).unwrap_or_default() {
        let known = HeaderName::from_bytes(name.get_ref().as_bytes()).ok();
        let text = value.get_ref().as_str().and_then(|text| HeaderValue::from_str(text).ok());
        match known.zip(text) {
            Some((known, _)) if known == "authorization" => {
                let hint = "write `auth = { bearer = \"credential:erp\" }`";
                section.document().note(
                    value.span(),
                    "a secret must not be in the configuration",
                    Some(hint),
                );
            }
            Some((known, _)) if note_header_of_ours(section, &known, value.span()) => {}
            Some((known, text)) => {
                headers.append(known, text);
            }
            None => {
                let what = format!("`{}` is no header", name.get_ref());
                section.document().note(
                    value.span(),
                    what,
                    Some("write `headers = { \"X-Company\" = \"42\" }`"),
                );
            }
        }
    }
    headers
}

fn auth(section: &Section<'_>, is_meant: bool, environment: Environment<'_>) -> Option<Auth> {
    let Some(own) = section.section("auth") else { return Some(Auth::None) };
    let secret = |key| secrets::read(&own, key, Maker::Other, environment).into_iter().next();
    let auth = if own.has("bearer") {
        secret("bearer").map(Auth::Bearer)
    } else if own.has("header") {
        let name = own.text("header").and_then(|name| {
            let known = HeaderName::from_bytes(name.get_ref().as_bytes()).ok();
            if known.is_none() {
                let what = format!("`{}` is no header", name.get_ref());
                own.document().note(name.span(), what, Some("write `header = \"X-API-Key\"`"));
            }
            known
        });
        own.required_text("value", "\"credential:erp\"");
        name.zip(secret("value")).map(|(name, secret)| Auth::Header(name, secret))
    } else if own.has("token_url") {
        let url = own.required_text("token_url", "\"https://login.example.com/token\"");
        let client_id = own.required_text("client_id", "\"annex\"").map(|id| (*id.get_ref()).to_owned());
        own.required_text("client_secret", "\"credential:erp\"");
        let client_secret = secret("client_secret");
        let scope = own.text("scope").map(|scope| (*scope.get_ref()).to_owned());
        let url = url.and_then(|text| {
            let url = address(&own, &text)?;
            if !is_meant && is_plain_to_strangers(&url) {
                refuse_plain(&own, &text, "the secret of `client_secret`");
                return None;
            }
            if !is_meant {
                remark_plain(&own, &url, &text.span(), "the secret of `client_secret`");
            }
            Some(url)
        });
        (|| {
            let (token_url, client_id, client_secret) = (url?, client_id?, client_secret?);
            Some(Auth::OAuth2(OAuth2 { token_url, client_id, client_secret, scope, token: Mutex::new(None) }))
        })()
    } else if own.has("user") {
        let user = own.required_text("user", "\"annex\"").map(|user| (*user.get_ref()).to_owned());
        own.required_text("password", "\"credential:erp\"");
        user.zip(secret("password")).map(|(user, password)| Auth::Basic { user, password })
    } else {
        own.wrong(
            "this `auth` says nothing",
            "write `bearer`, or `header` and `value`, or `user` and `password`, or `token_url`, `client_id` and `client_secret`",
        );
        None
    };
    own.finish();
    auth
}

/// How its calls leave this host.
pub(super) fn uplink(section: &Section<'_>, proxy: Option<&Proxy>) -> Option<Uplink> {
    Some(Uplink { tls: tls(section)?, proxy: proxy.cloned() })
}

fn tls(section: &Section<'_>) -> Option<ClientConfig> {
    let document = section.document();
    let ca = section.text("ca");
    let certificate = section.text("client_certificate");
    let key = section.text("client_key");
    let builder = match tls::outgoing(ca.as_ref().map(|path| document.resolve(path.get_ref())).as_deref()) {
        Ok(builder) => builder,
        Err(error) => {
            let place = ca.map_or_else(|| section.place_of("ca"), |path| path.span());
            document.note(place, error.to_string(), None::<&str>);
            return None;
        }
    };
    match (&certificate, &key) {
        (None, None) => Some(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let [chain, key_path] = [certificate, key].map(|path| document.resolve(path.get_ref()));
            document.add_secret_file(&key_path);
            let read = || -> Result<_, String> {
                let text = |error: &dyn std::fmt::Display| error.to_string();
                let chain = CertificateDer::pem_file_iter(&chain)
                    .map_err(|error| tls::pem_words(&error))?
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| tls::pem_words(&error))?;
                let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|error| tls::pem_words(&error))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| text(&error))
            };
            let note = |problem: String| {
                let what = format!("the client certificate cannot be used: {problem}");
                document.note(certificate.span(), what, Some("both files are PEM, and belong together"));
            };
            read().map_err(note).ok()
        }
        _ => {
            section.wrong("a client certificate and its key go together", "give both, or none");
            None
        }
    }
}
