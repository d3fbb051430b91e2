//! `[server]`: listeners, certificate, limits.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rustls_acme::acme::{LETS_ENCRYPT_PRODUCTION_DIRECTORY, LETS_ENCRYPT_STAGING_DIRECTORY};
use toml::Spanned;

use crate::server::Limits;
use crate::tls::{self, AcmeSettings, Challenge};
use crate::webhook::DoorLimits;

use super::document::Section;
use super::secrets::Environment;

/// Everything that is not a hook.
pub struct ServerSettings {
    pub https: SocketAddr,
    /// Redirects to HTTPS and answers HTTP-01; `None` where it is switched off.
    pub http: Option<SocketAddr>,
    /// Names that a plain request may be redirected to; the request's own host where there are none.
    pub domains: Vec<String>,
    /// `None` in dev mode.
    pub tls: Option<tls::Settings>,
    pub limits: Limits,
    pub door: DoorLimits,
}

/// Let's Encrypt's advice after a failed order: 1, 10, 100 minutes, then daily.
const RETRY: [Duration; 4] = [
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(6_000),
    Duration::from_secs(86_400),
];

pub(super) fn read(root: &Section<'_>, wants_tls: bool, environment: Environment<'_>) -> ServerSettings {
    let server = root.section("server");
    let limits = server.as_ref().and_then(|server| server.section("limits"));
    let settings = ServerSettings {
        https: address(server.as_ref(), "https", 443),
        http: (!is_off(server.as_ref(), "http")).then(|| address(server.as_ref(), "http", 80)),
        domains: server.as_ref().map(domains).unwrap_or_default(),
        tls: None,
        limits: server_limits(limits.as_ref()),
        door: door_limits(limits.as_ref()),
    };
    if let Some(limits) = limits {
        limits.finish();
    }
    let tls = match &server {
        Some(server) => certificate(server, &settings.domains, environment),
        None => None,
    };
    if tls.is_none() && wants_tls {
        let what = "there is no certificate to serve HTTPS with";
        let hint = "write `domains = [\"hooks.example.com\"]` in [server] for one from Let's Encrypt, or `certificate` and `key` for your own files; for plain HTTP while developing: annex --dev-http";
        if server.as_ref().is_none_or(|s| !s.has("domains") && !s.has("certificate") && !s.has("key")) {
            server.as_ref().unwrap_or(root).wrong(what, hint);
        }
    }
    if let Some(server) = server {
        server.finish();
    }
    ServerSettings { tls, ..settings }
}

const ANY: IpAddr = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);

/// A listener's address, the default where none is written or it is no address.
fn address(server: Option<&Section<'_>>, key: &'static str, port: u16) -> SocketAddr {
    let default = SocketAddr::new(ANY, port);
    let Some((server, text)) = server.and_then(|server| Some((server, server.text(key)?))) else {
        return default;
    };
    text.get_ref().parse().unwrap_or_else(|_| {
        let hint =
            format!("write an IP address and a port: `{key} = \"[::]:{port}\"` or `\"127.0.0.1:8{port}\"`");
        server.document().note(text.span(), format!("`{}` is no address", text.get_ref()), Some(hint));
        default
    })
}

/// `http = "off"` does without the plain listener.
fn is_off(server: Option<&Section<'_>>, key: &'static str) -> bool {
    let text = server.filter(|server| server.has(key)).and_then(|server| server.text(key));
    text.is_some_and(|text| *text.get_ref() == "off")
}

fn domains(server: &Section<'_>) -> Vec<String> {
    let names = server.texts("domains").unwrap_or_default();
    for name in &names {
        if let Err((what, hint)) = check_domain(name.get_ref()) {
            server.document().note(name.span(), format!("`{}` {what}", name.get_ref()), Some(hint));
        }
    }
    names.into_iter().map(|name| name.get_ref().to_ascii_lowercase()).collect()
}

fn check_domain(name: &str) -> Result<(), (&'static str, &'static str)> {
    if name.starts_with("*.") {
        return Err(("is a wildcard, which needs DNS-01", "name each host"));
    }
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(("is an IP address", "a certificate needs a domain name that points to it"));
    }
    if name.contains("://") || name.contains('/') || name.contains(':') {
        return Err(("is a URL or has a port", "write the host name alone: \"hooks.example.com\""));
    }
    if !name.is_ascii() {
        return Err(("has letters outside ASCII", "write it in its xn-- form"));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.contains('.') || !name.split('.').all(label) {
        return Err(("is no public domain name", "write one like \"hooks.example.com\""));
    }
    Ok(())
}

fn certificate(
    server: &Section<'_>,
    domains: &[String],
    environment: Environment<'_>,
) -> Option<tls::Settings> {
    let acme = server.section("acme");
    let state = state_folder(server, environment);
    let contact = server.text("contact").map(Spanned::into_inner);
    let path = |key| server.text(key).map(|path| server.document().resolve(path.get_ref()));
    match (path("certificate"), path("key")) {
        (Some(certificate), Some(key)) => {
            if acme.is_some() {
                server.wrong("[server] has both certificate files and [server.acme]", "keep one of them");
            }
            return Some(tls::Settings::Files { certificate, key });
        }
        (Some(_), None) => {
            server.wrong("`certificate` without `key`", "write `key = \"/etc/annex/key.pem\"`");
        }
        (None, Some(_)) => {
            server.wrong("`key` without `certificate`", "write `certificate = \"/etc/annex/chain.pem\"`");
        }
        (None, None) => {}
    }
    let (directory, root, challenge, retry) = match acme {
        None => (LETS_ENCRYPT_PRODUCTION_DIRECTORY.to_owned(), None, Challenge::TlsAlpn01, RETRY.to_vec()),
        Some(acme) => {
            let directory = directory(&acme);
            let root = acme.text("root").map(|root| acme.document().resolve(root.get_ref()));
            let kinds = [("tls-alpn-01", Challenge::TlsAlpn01), ("http-01", Challenge::Http01)];
            let challenge = acme.choice("challenge", &kinds).unwrap_or(Challenge::TlsAlpn01);
            let retry =
                acme.durations("retry").filter(|retry| !retry.is_empty()).unwrap_or_else(|| RETRY.to_vec());
            acme.finish();
            (directory, root, challenge, retry)
        }
    };
    if domains.is_empty() {
        return None;
    }
    let contact =
        contact.map(|c| if c.starts_with("mailto:") { c.to_owned() } else { format!("mailto:{c}") });
    Some(tls::Settings::Acme(AcmeSettings {
        domains: domains.to_vec(),
        contact,
        directory,
        root,
        challenge,
        state,
        retry,
    }))
}

fn directory(acme: &Section<'_>) -> String {
    let Some(text) = acme.text("directory") else {
        return LETS_ENCRYPT_PRODUCTION_DIRECTORY.to_owned();
    };
    match *text.get_ref() {
        "production" => LETS_ENCRYPT_PRODUCTION_DIRECTORY.to_owned(),
        "staging" => LETS_ENCRYPT_STAGING_DIRECTORY.to_owned(),
        url => {
            if !url.starts_with("https://") {
                let hint = "write \"production\", \"staging\" (both Let's Encrypt) or an https:// URL";
                acme.document().note(text.span(), format!("`{url}` is no ACME directory"), Some(hint));
            }
            url.to_owned()
        }
    }
}

fn state_folder(server: &Section<'_>, environment: Environment<'_>) -> PathBuf {
    match server.text("state") {
        Some(path) => server.document().resolve(path.get_ref()),
        // systemd's StateDirectory= passes the folder that it made.
        None => environment("STATE_DIRECTORY").map_or_else(|| PathBuf::from("/var/lib/annex"), PathBuf::from),
    }
}

fn server_limits(section: Option<&Section<'_>>) -> Limits {
    let defaults = Limits::default();
    let Some(section) = section else { return defaults };
    Limits {
        connections: section.count("connections").unwrap_or(defaults.connections),
        handshake: section.duration("handshake").unwrap_or(defaults.handshake),
        first_request: section.duration("first_request").unwrap_or(defaults.first_request),
        idle: section.duration("idle").unwrap_or(defaults.idle),
        drain: section.duration("drain").unwrap_or(defaults.drain),
    }
}

fn door_limits(section: Option<&Section<'_>>) -> DoorLimits {
    let defaults = DoorLimits::default();
    let Some(section) = section else { return defaults };
    DoorLimits {
        body_grace: section.duration("body_grace").unwrap_or(defaults.body_grace),
        body_rate: section.bytes("body_rate").unwrap_or(defaults.body_rate),
        body_memory: section.bytes("body_memory").unwrap_or(defaults.body_memory),
    }
}
