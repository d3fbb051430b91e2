//! `[[database]]`: PostgreSQL databases that steps look records up in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::database::{Database, Settings};

use super::document::Place;
use super::numbers::{HOUR, SHORTEST_WAIT};
use super::secrets::{self, Environment, Maker};
use super::section::Section;

const CONNECTIONS: usize = 4;
/// The server itself stops a query after it.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// All of a file, by name; `None` where the configuration of one is wrong.
pub(super) fn read_all(
    root: &Section<'_>,
    environment: Environment<'_>,
) -> HashMap<String, (Place, Option<Arc<Database>>)> {
    let mut known = HashMap::new();
    for section in root.sections("database") {
        let name = section.required_text("name", "\"erp\"");
        let database =
            name.as_ref().and_then(|name| read(&section, name.get_ref(), environment)).map(Arc::new);
        if let Some(name) = name {
            let text = (*name.get_ref()).to_owned();
            if known.insert(text.clone(), (name.span(), database)).is_some() {
                let what = format!("two databases have the name `{text}`");
                section.document().note(name.span(), what, Some("give each its own"));
            }
        }
        section.finish();
    }
    known
}

fn read(section: &Section<'_>, name: &str, environment: Environment<'_>) -> Option<Database> {
    let url = section.required_text("url", "\"postgres://annex@db.example.com/erp\"");
    let password = secrets::read(section, "password", Maker::Other, environment);
    let is_missing = section.has("password") && password.is_empty();
    let ca = section.text("ca").map(|file| section.document().resolve(file.get_ref()));
    if let Some(file) = ca.as_ref().filter(|file| !file.is_file()) {
        let what = format!("there is no file {}", file.display());
        section.document().note(section.place_of("ca"), what, Some("name the CA's certificate, as PEM"));
    }
    let tls = section.boolean("tls");
    let connections = section.count("connections", 1..=1000).unwrap_or(CONNECTIONS);
    let statement_timeout =
        section.duration("statement_timeout", SHORTEST_WAIT..=HOUR).unwrap_or(STATEMENT_TIMEOUT);
    let url = url?;
    let wrong = |what: &str, hint: &str| {
        section.document().note(url.span(), what, Some(hint.to_owned()));
        None
    };
    let address = match Url::parse(url.get_ref()) {
        Ok(address) if matches!(address.scheme(), "postgres" | "postgresql") => address,
        _ => {
            let hint = "write `postgres://user@db.example.com:5432/database`";
            return wrong("this is not an address of a PostgreSQL database", hint);
        }
    };
    if address.password().is_some() || address.query_pairs().any(|(key, _)| key == "password") {
        let hint = "write `password = \"credential:erp-database\"`";
        return wrong("a password must not be in the configuration", hint);
    }
    if let Some((key, _)) = address.query_pairs().find(|(key, _)| key.starts_with("ssl")) {
        let hint =
            "TLS is on if the database is on another host, and checks its name; `ca` names your own CA";
        return wrong(&format!("`{key}` does not belong in the address"), hint);
    }
    if is_missing {
        return None;
    }
    let settings = Settings {
        name: name.to_owned(),
        url: (*url.get_ref()).to_owned(),
        password: password.into_iter().next(),
        tls: tls.unwrap_or_else(|| ca.is_some() || !is_here(&address)),
        ca,
        connections: u32::try_from(connections).unwrap_or(u32::MAX),
        statement_timeout,
    };
    match Database::new(&settings) {
        Ok(database) => Some(database),
        Err(error) => wrong(&error.to_string(), "write `postgres://user@db.example.com:5432/database`"),
    }
}

/// Whether the database is on this host.
fn is_here(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default();
    let socket = address.query_pairs().any(|(key, value)| key == "host" && value.starts_with('/'));
    socket
        || host.is_empty()
        || host.starts_with("%2F")
        || host.starts_with("%2f")
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
