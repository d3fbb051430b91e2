//! `[[target]]` with `url = "sftp://…"`: a folder of another host.

use percent_encoding::percent_decode_str;
use reqwest::Url;
use toml::Spanned;

use crate::export::target::{Login, SftpTarget};

use super::Purpose;
use super::numbers::{HOUR, SHORTEST_WAIT};
use super::secrets::{self, Environment, Maker};
use super::section::Section;
use super::targets::{TIMEOUT, exists};

pub(super) fn read(
    section: &Section<'_>,
    url: &Spanned<&str>,
    environment: Environment<'_>,
) -> Option<SftpTarget> {
    let timeout = section.duration("timeout", SHORTEST_WAIT..=HOUR).unwrap_or(TIMEOUT);
    let host_keys = host_keys(section);
    let login = login(section, environment);
    let wrong = |what: &str, hint: &str| {
        section.document().note(url.span(), what, Some(hint.to_owned()));
    };
    let hint =
        "write `url = \"sftp://annex@sftp.example.com/incoming\"`; `/~/incoming` is below the user's home";
    let parsed =
        Url::parse(url.get_ref()).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
    let Some(parsed) = parsed else {
        wrong("this is not an address of an SFTP server", hint);
        return None;
    };
    if parsed.password().is_some() {
        wrong(
            "a password must not be in the configuration",
            "write `auth = { password = \"credential:sftp\" }`",
        );
        return None;
    }
    if parsed.username().is_empty() {
        wrong("the address names no user", hint);
        return None;
    }
    let text = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let place = (host, parsed.port().unwrap_or(22));
    let exists = exists(section);
    let user = text(parsed.username());
    Some(SftpTarget::new(place, &text(parsed.path()), user, login?, host_keys?, timeout, exists))
}

fn host_keys(section: &Section<'_>) -> Option<Vec<String>> {
    let hint =
        "`ssh-keyscan HOST | ssh-keygen -lf -` prints it: ask the people of the host whether it is theirs";
    let Some(keys) = section.texts("host_key") else {
        if !section.has("host_key") {
            section.wrong("it needs the server's `host_key`: without it anybody could take its place", hint);
        }
        return None;
    };
    for key in &keys {
        if !key.get_ref().starts_with("SHA256:") {
            section.document().note(key.span(), "this is not a fingerprint: `SHA256:…`", Some(hint));
        }
    }
    let keys = keys.into_iter().map(|key| (*key.get_ref()).trim_end_matches('=').to_owned()).collect();
    Some(keys)
}

/// `auth = { key = "credential:sftp-key" }`, or with a password.
fn login(section: &Section<'_>, environment: Environment<'_>) -> Option<Login> {
    let hint =
        "write `auth = { key = \"credential:sftp-key\" }` or `auth = { password = \"credential:sftp\" }`";
    let Some(own) = section.section("auth") else {
        section.wrong("it needs `auth`", hint);
        return None;
    };
    let secret = |key, maker| secrets::read(&own, key, maker, environment).into_iter().next();
    let login = match (own.has("key"), own.has("password")) {
        (true, false) if section.document().purpose == Purpose::Trial => {
            secret("key", Maker::Ssh).map(Login::Password)
        }
        (true, false) => secret("key", Maker::Ssh).and_then(|secret| match Login::key(&secret) {
            _ if secret.is_absent() => Some(Login::Password(secret)),
            Ok(login) => Some(login),
            Err(problem) => {
                own.document().note(own.place_of("key"), problem, None::<&str>);
                None
            }
        }),
        (false, true) => secret("password", Maker::Other).map(Login::Password),
        _ => {
            own.wrong("it needs a key or a password", hint);
            None
        }
    };
    own.finish();
    login
}
