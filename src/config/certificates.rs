//! The certificates of `[server]`, `[server.acme]` and of hooks that live under a domain of their own.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls_acme::acme::{LETS_ENCRYPT_PRODUCTION_DIRECTORY, LETS_ENCRYPT_STAGING_DIRECTORY};
use toml::Spanned;

use crate::tls::{
    self, AcmeSettings, Ca, Challenge, ChallengeChoice, ExternalAccount, OnBadName, Source, identifier,
};

use super::Purpose;
use super::numbers::{DAY, HOUR};
use super::secrets::{self, Environment, Maker};
use super::section::Section;
use super::server::ServerSettings;

/// The certificate of `domains`; those of hooks are named after their domain.
const SERVER: &str = "server";

/// Let's Encrypt's advice after a failed order: 1, 10, 100 minutes, then daily.
const RETRY: [Duration; 4] = [
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(6_000),
    Duration::from_secs(86_400),
];
/// The challenge that wildcards need.
const DNS_PERSIST: &str = "dns-persist-01";
/// For a whole order. Let's Encrypt needs seconds.
const ORDER_DEADLINE: Duration = Duration::from_secs(300);
/// A CA must not be asked without a pause.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// No certificate lives longer.
const YEAR: Duration = DAY.saturating_mul(366);
/// How long the first CA must have failed before a second one is asked.
const SECOND_AFTER: Duration = Duration::from_secs(86_400);

/// Reads every key about certificates; none where there is nothing to make one from.
pub(super) fn read(
    server: &Section<'_>,
    settings: &ServerSettings,
    hook_domains: &[String],
    state: &Path,
    environment: Environment<'_>,
) -> Vec<tls::Settings> {
    let acme = server.section("acme");
    let domains = &settings.domains;
    let template = acme_settings(server, acme.as_ref(), settings, state, environment);
    if let Some(files) = files(server, domains) {
        if let Some(acme) = &acme {
            acme.wrong("[server] has both certificate files and [server.acme]", "keep one of them");
        }
        return vec![tls::Settings { name: SERVER.to_owned(), source: files }];
    }
    if let Some(acme) = acme {
        acme.finish();
    }
    let own = hook_domains.iter().filter(|domain| !identifier::covers(domains, domain));
    let one = |name: &str, domains: Vec<String>| tls::Settings {
        name: name.to_owned(),
        source: Source::Acme(Box::new(AcmeSettings { domains, ..template.clone() })),
    };
    let first = (!domains.is_empty()).then(|| one(SERVER, domains.clone()));
    first.into_iter().chain(own.map(|domain| one(domain, vec![domain.clone()]))).collect()
}

/// `certificate` and `key`.
fn files(server: &Section<'_>, domains: &[String]) -> Option<Source> {
    let path = |key| server.text(key).map(|path| server.document().resolve(path.get_ref()));
    match (path("certificate"), path("key")) {
        (Some(certificate), Some(key)) => {
            return Some(Source::Files { certificate, key, domains: domains.to_vec() });
        }
        (Some(_), None) => {
            server.wrong("`certificate` without `key`", "write `key = \"/etc/annex/key.pem\"`");
        }
        (None, Some(_)) => {
            server.wrong("`key` without `certificate`", "write `certificate = \"/etc/annex/chain.pem\"`");
        }
        (None, None) => {}
    }
    None
}

/// Everything but the domains, which differ by certificate.
fn acme_settings(
    server: &Section<'_>,
    acme: Option<&Section<'_>>,
    listening: &ServerSettings,
    state: &Path,
    environment: Environment<'_>,
) -> AcmeSettings {
    let has_plain_listener = listening.http.is_some();
    let mut settings = AcmeSettings {
        domains: Vec::new(),
        contact: server.text("contact").map(|contact| address_of(server, &contact)),
        ca: lets_encrypt(LETS_ENCRYPT_PRODUCTION_DIRECTORY),
        staging: Some(lets_encrypt(LETS_ENCRYPT_STAGING_DIRECTORY)),
        second: None,
        second_after: SECOND_AFTER,
        challenges: if has_plain_listener {
            ChallengeChoice::Either
        } else {
            ChallengeChoice::Only(Challenge::TlsAlpn01)
        },
        on_bad_name: OnBadName::default(),
        profile: None,
        preferred_chain: None,
        proxy: listening.proxy.clone(),
        state: state.to_owned(),
        retry: RETRY.to_vec(),
        order_deadline: ORDER_DEADLINE,
    };
    let Some(acme) = acme else { return settings };
    settings.ca = ca(acme, environment);
    settings.staging = staging(acme, &settings.ca);
    if let Some(second) = acme.section("second") {
        if !second.has("directory") {
            second.wrong(
                "`second` has no `directory`",
                "write `directory = \"https://acme.zerossl.com/v2/DV90\"`",
            );
        }
        settings.second_after = second.duration("after", Duration::ZERO..=YEAR).unwrap_or(SECOND_AFTER);
        settings.second = Some(ca(&second, environment));
        second.finish();
    }
    let kinds = [
        ("tls-alpn-01", Challenge::TlsAlpn01),
        ("http-01", Challenge::Http01),
        (DNS_PERSIST, Challenge::DnsPersist01),
    ];
    if let Some(challenge) = acme.choice("challenge", &kinds) {
        settings.challenges = ChallengeChoice::Only(challenge);
        if challenge == Challenge::Http01 && !has_plain_listener {
            acme.wrong("`http-01` needs the plain listener", "take `http = \"off\"` out of [server]");
        }
    }
    let words = [("wait", OnBadName::Wait), ("skip", OnBadName::Skip)];
    settings.on_bad_name = acme.choice("on_bad_name", &words).unwrap_or_default();
    settings.profile = acme.text("profile").map(|profile| profile.into_inner().to_owned());
    settings.preferred_chain = acme.text("preferred_chain").map(|name| name.into_inner().to_owned());
    if let Some(retry) = acme.durations("retry", SHORTEST_PAUSE..=YEAR).filter(|retry| !retry.is_empty()) {
        settings.retry = retry;
    }
    settings.order_deadline = acme.duration("order_timeout", SHORTEST_PAUSE..=HOUR).unwrap_or(ORDER_DEADLINE);
    settings
}

/// `contact`: an e-mail address, as a URL. What cannot be one is noted: the CA would refuse the account.
fn address_of(server: &Section<'_>, contact: &Spanned<&str>) -> String {
    let address = contact.get_ref().strip_prefix("mailto:").unwrap_or(contact.get_ref());
    let is_word =
        |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "@,;<>".contains(c));
    let parts = address.split_once('@');
    if !parts.is_some_and(|(name, host)| is_word(name) && check_domain(host).is_ok()) {
        let what = format!("`{}` is not an e-mail address", contact.get_ref());
        server.document().note(contact.span(), what, Some("write one: `contact = \"ops@your-company.com\"`"));
    }
    format!("mailto:{address}")
}

fn lets_encrypt(directory: &str) -> Ca {
    Ca { directory: directory.to_owned(), root: None, external_account: None }
}

/// `directory`, `root`, `eab_key_id` and `eab_key`.
fn ca(section: &Section<'_>, environment: Environment<'_>) -> Ca {
    let root = section.text("root").map(|root| section.document().resolve(root.get_ref()));
    let key_id = section.text("eab_key_id").map(|id| id.into_inner().to_owned());
    let mac_key = secrets::read(section, "eab_key", Maker::Other, environment).into_iter().next();
    let is_read = section.document().purpose != Purpose::Trial;
    if mac_key.as_ref().is_some_and(|key| is_read && !key.is_absent() && !tls::acme::is_mac_key(key)) {
        let what = "the key of the external account is not base64";
        section.document().note(
            section.place_of("eab_key"),
            what,
            Some("copy it from the CA again, complete and with nothing else"),
        );
    }
    if key_id.is_some() != section.has("eab_key") {
        section.wrong(
            "an external account needs both `eab_key_id` and `eab_key`",
            "write `eab_key_id = \"…\"` and `eab_key = \"credential:eab-key\"`, as the CA gave them",
        );
    }
    let external_account = key_id.zip(mac_key).map(|(key_id, mac_key)| ExternalAccount { key_id, mac_key });
    Ca { directory: directory(section, "directory"), root, external_account }
}

/// Let's Encrypt has a staging environment; another CA's is named by its URL.
fn staging(acme: &Section<'_>, ca: &Ca) -> Option<Ca> {
    let root = acme.text("staging_root").map(|root| acme.document().resolve(root.get_ref()));
    if acme.has("staging") {
        let root = root.or_else(|| ca.root.clone());
        return Some(Ca { directory: directory(acme, "staging"), root, external_account: None });
    }
    (ca.directory == LETS_ENCRYPT_PRODUCTION_DIRECTORY).then(|| lets_encrypt(LETS_ENCRYPT_STAGING_DIRECTORY))
}

fn directory(section: &Section<'_>, key: &'static str) -> String {
    let Some(text) = section.text(key) else {
        return LETS_ENCRYPT_PRODUCTION_DIRECTORY.to_owned();
    };
    match *text.get_ref() {
        "production" => LETS_ENCRYPT_PRODUCTION_DIRECTORY.to_owned(),
        "staging" => LETS_ENCRYPT_STAGING_DIRECTORY.to_owned(),
        url => {
            if !url.starts_with("https://") {
                let hint = "write \"production\", \"staging\" (both Let's Encrypt) or an https:// URL";
                section.document().note(text.span(), format!("`{url}` is not an ACME directory"), Some(hint));
            }
            url.to_owned()
        }
    }
}

/// Where everything is kept that must outlive the process, and whether somebody says so.
pub(super) fn state_folder(server: Option<&Section<'_>>, environment: Environment<'_>) -> (PathBuf, bool) {
    if let Some((server, path)) = server.and_then(|server| Some((server, server.text("state")?))) {
        let folder = server.document().resolve(path.get_ref());
        // It may be one tomorrow: a server starts, and says so.
        if let Some(what) = no_folder(path.get_ref(), &folder) {
            let hint = "name a folder: `state = \"/var/lib/annex\"`; Annex makes it".to_owned();
            server.document().doubt(&path.span(), what, hint);
        }
        return (folder, true);
    }
    // systemd's StateDirectory= passes the folder that it made.
    let given = environment("STATE_DIRECTORY").map(PathBuf::from);
    let is_given = given.is_some();
    (given.unwrap_or_else(|| PathBuf::from("/var/lib/annex")), is_given)
}

/// Why it can never be a folder. Whether it can be written is known where the server runs.
fn no_folder(text: &str, folder: &Path) -> Option<String> {
    let there = folder.ancestors().find_map(|part| Some((part, std::fs::metadata(part).ok()?)));
    let (part, metadata) = there?;
    (!metadata.is_dir()).then(|| format!("`{text}` cannot be a folder: {} is a file", part.display()))
}

/// `domains` of [server]: names in lower case, addresses as [`identifier`] has them.
pub(super) fn domains(server: &Section<'_>) -> Vec<String> {
    let names = server.texts("domains").unwrap_or_default();
    let by_dns = is_by_dns(server);
    let all: Vec<String> = names.iter().map(|name| one_of_server(server, name, by_dns)).collect();
    for (name, text) in all.iter().zip(&names) {
        // Let's Encrypt, for one, refuses the whole order.
        if let Some(wildcard) =
            identifier::wildcard_of(name).filter(|wildcard| by_dns && all.contains(wildcard))
        {
            let hint = "take one of them out";
            server.document().note(
                text.span(),
                format!("`{name}` is in `{wildcard}`: a CA refuses both"),
                Some(hint),
            );
        }
    }
    all
}

/// Whether names are validated by a record in the DNS: only then can one be a wildcard, and none an address.
fn is_by_dns(server: &Section<'_>) -> bool {
    let acme = server.is_table("acme").then(|| server.section("acme")).flatten();
    acme.is_some_and(|acme| {
        acme.value("challenge").and_then(|value| value.get_ref().as_str()) == Some(DNS_PERSIST)
    })
}

fn one_of_server(server: &Section<'_>, name: &Spanned<&str>, by_dns: bool) -> String {
    if let Some(address) = address(server, name) {
        if by_dns {
            let hint = "take it out, or take `challenge` out of [server.acme]";
            let what = format!("`{address}` is an IP address: dns-persist-01 is not for these");
            server.document().note(name.span(), what, Some(hint));
        }
        return address;
    }
    match name.get_ref().strip_prefix("*.") {
        Some(below) if by_dns => {
            let checked = if below.contains('*') { Err(STARS) } else { check_domain(below) };
            if let Err((what, hint)) = checked {
                server.document().note(name.span(), format!("`{}` {what}", name.get_ref()), Some(hint));
            }
            name.get_ref().to_ascii_lowercase()
        }
        _ => domain(server, name),
    }
}

/// An IP address, with or without brackets.
fn address(section: &Section<'_>, name: &Spanned<&str>) -> Option<String> {
    let text = name.get_ref();
    let address =
        identifier::address(text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text))?;
    if address.is_unspecified() || address.is_multicast() {
        let hint = "write the address that Rossum calls: `annex doctor` shows whether it leads here";
        section.document().note(name.span(), format!("`{text}` is not an address of a host"), Some(hint));
    }
    Some(address.to_string())
}

/// A domain name in lower case; what cannot be one is noted.
pub(super) fn domain(section: &Section<'_>, name: &Spanned<&str>) -> String {
    if let Err((what, hint)) = check_domain(name.get_ref()) {
        section.document().note(name.span(), format!("`{}` {what}", name.get_ref()), Some(hint));
    }
    name.get_ref().to_ascii_lowercase()
}

/// Said of a `*` that is not the whole first label.
const STARS: (&str, &str) = (
    "has a `*` in the wrong place",
    "a wildcard has one `*`, before the domain: \"*.example.com\" is for each name right below example.com",
);

fn check_domain(name: &str) -> Result<(), (&'static str, &'static str)> {
    if name.strip_prefix("*.").unwrap_or(name).contains('*') {
        return Err(STARS);
    }
    if name.starts_with("*.") {
        return Err((
            "is a wildcard, which a CA validates by dns-persist-01 only",
            "name each host; or write `challenge = \"dns-persist-01\"` in [server.acme], for `domains` of [server]: annex cert dns prints the record",
        ));
    }
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err((
            "is an IP address",
            "write an address in `domains` of [server]: a call to an address has no host name",
        ));
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
    // As in 127.1: what ends in a number is an address, or none.
    let is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if name.len() > 253 || !name.contains('.') || !name.split('.').all(label) || is_number {
        return Err(("is not a public domain name", "write one like \"hooks.example.com\""));
    }
    Ok(())
}
