//! `proxy` and `no_proxy` of `[server]`, or `HTTPS_PROXY` and `NO_PROXY` of the environment: the way of outgoing calls.

use std::net::IpAddr;

use reqwest::Url;
use toml::Spanned;

use crate::outbound::{Proxy, ProxyError};

use super::Purpose;
use super::secrets::{self, Environment};
use super::section::Section;

const SOURCES: [&str; 3] = ["env:", "file:", "credential:"];
const EXAMPLE: &str = "write `proxy = \"http://proxy.example.com:3128\"`; with a password, put the whole URL into a file: `proxy = \"credential:proxy\"`";

/// The proxy of all outgoing calls; `None` where they go without.
pub(super) fn read(
    root: &Section<'_>,
    server: Option<&Section<'_>>,
    environment: Environment<'_>,
) -> Option<Proxy> {
    let except = server.and_then(|server| server.texts("no_proxy")).unwrap_or_default();
    if let Some(server) = server {
        for text in &except {
            refuse_no_hosts(server, text);
        }
    }
    let except: Vec<&str> = except.iter().map(|name| *name.get_ref()).collect();
    let Some((server, text)) = server.and_then(|server| Some((server, server.text("proxy")?))) else {
        if let Some(server) = server.filter(|server| server.has("no_proxy")) {
            server.document().doubt(
                &server.place_of("no_proxy"),
                "`no_proxy` has no effect: there is no `proxy` in [server]".to_owned(),
                "write `proxy = \"http://proxy.example.com:3128\"`; beside HTTPS_PROXY of the environment it is NO_PROXY".to_owned(),
            );
        }
        return of_environment(root, environment);
    };
    let document = server.document();
    let is_elsewhere = SOURCES.iter().any(|source| text.get_ref().starts_with(source));
    let found = match *text.get_ref() {
        "off" => return None,
        _ if is_elsewhere && document.purpose == Purpose::Trial => return None,
        _ if is_elsewhere => {
            let secret = secrets::read_one(server, &text, secrets::Maker::Other, environment)?;
            if secret.is_absent() {
                server.remark(&text.span(), "without it, calls go directly");
                return None;
            }
            std::str::from_utf8(secret.expose())
                .map_err(|_| ProxyError::Url)
                .and_then(|url| Proxy::new(url, &except))
        }
        url => Proxy::new(url, &except),
    };
    match found {
        Ok(proxy) if proxy.has_password() && !is_elsewhere => {
            document.note(text.span(), "a password must not be in the configuration", Some(EXAMPLE));
            None
        }
        Ok(proxy) => Some(proxy),
        Err(error) => {
            document.note(text.span(), format!("`proxy` is {error}"), Some(EXAMPLE));
            None
        }
    }
}

/// What of `no_proxy` no call is ever compared with: hosts and networks have neither scheme nor path nor port.
fn refuse_no_hosts(server: &Section<'_>, text: &Spanned<&str>) {
    for entry in text.get_ref().split(',').map(str::trim) {
        let hint = match entry {
            "*" => continue,
            "" => "write a host, an address or a network between the commas".to_owned(),
            _ if entry.contains("://") => {
                match Url::parse(entry).ok().and_then(|url| url.host_str().map(str::to_owned)) {
                    Some(host) => format!("write the host alone: `{host}`"),
                    None => "write the host alone: `erp.example.com`".to_owned(),
                }
            }
            _ if entry.starts_with("*.") => {
                format!("write `{}`: names below it are meant too", entry.trim_start_matches("*."))
            }
            _ if is_host(entry) => continue,
            _ => "write a host as `erp.example.com`, an address as `10.0.0.1`, a network as `10.0.0.0/8`"
                .to_owned(),
        };
        let what = format!("`{entry}` of `no_proxy` is no host and no network");
        server.document().note(text.span(), what, Some(hint));
    }
}

/// A name, an address, or a network with the length of its prefix.
fn is_host(entry: &str) -> bool {
    if entry.parse::<IpAddr>().is_ok() {
        return true;
    }
    if let Some((address, length)) = entry.split_once('/') {
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        return length.parse::<u8>().is_ok_and(|length| length <= most);
    }
    let name = entry.strip_prefix('.').unwrap_or(entry);
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    name.trim_end_matches('.').split('.').all(is_part)
}

fn of_environment(root: &Section<'_>, environment: Environment<'_>) -> Option<Proxy> {
    Proxy::of_environment(environment).unwrap_or_else(|error| {
        root.wrong(
            format!("HTTPS_PROXY in the environment is {error}"),
            "set it to one like http://proxy.example.com:3128, or write `proxy` in [server]: \"off\" goes without",
        );
        None
    })
}
