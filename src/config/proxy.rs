//! `proxy` and `no_proxy` of `[server]`, or `HTTPS_PROXY` and `NO_PROXY` of the environment: the way of outgoing calls.

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
            std::str::from_utf8(secret.expose())
                .map_err(|_| ProxyError::Url)
                .and_then(|url| Proxy::new(url, &except))
        }
        url => Proxy::new(url, &except),
    };
    match found {
        Ok(proxy) if proxy.has_password() && !is_elsewhere => {
            document.note(text.span(), "a password must not stand in the configuration", Some(EXAMPLE));
            None
        }
        Ok(proxy) => Some(proxy),
        Err(error) => {
            document.note(text.span(), format!("`proxy` is {error}"), Some(EXAMPLE));
            None
        }
    }
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
