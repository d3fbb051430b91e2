//! Services that deliveries are forwarded to and that are this server itself: a delivery would go round and round.

use std::net::{IpAddr, SocketAddr};

use reqwest::Url;

use super::document::Document;
use super::known::Known;
use super::server::{Admin, ServerSettings};
use super::targets::is_here;

pub(super) fn refuse_loops(document: &Document<'_>, server: &ServerSettings, known: &Known) {
    // In dev mode it listens where its command line says.
    if !document.purpose.wants_tls() {
        return;
    }
    for (place, service) in known.services.borrow().iter() {
        let to = service.place();
        if let Admin::Unix(path) = &server.admin
            && to.socket() == Some(path.as_path())
        {
            document.note(place.clone(), "this is the admin socket of Annex itself", Some(CURE));
        }
        if to.socket().is_none()
            && let Some(what) = is_own(to.url(), server)
        {
            document.note(place.clone(), format!("`to` leads to Annex itself: {what}"), Some(CURE));
        }
    }
}

const CURE: &str = "let the service listen on a port of its own, on 127.0.0.1, and name that";

/// Why a URL is one of this server's own.
fn is_own(url: &Url, server: &ServerSettings) -> Option<String> {
    let port = url.port_or_known_default()?;
    let host = url.host_str()?;
    let named = |listens: &SocketAddr| {
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let is_it = address == Some(listens.ip());
        listens.port() == port
            && (is_it
                || listens.ip().is_unspecified() && is_here(url)
                || is_here(url) && listens.ip().is_loopback())
    };
    let admin = match &server.admin {
        Admin::Tcp(address) => Some(*address),
        Admin::Default => Some(Admin::DEFAULT),
        Admin::Off | Admin::Unix(_) => None,
    };
    let listeners = [Some(server.https), server.http, server.probe, admin];
    if let Some(address) = listeners.iter().flatten().find(|address| named(address)) {
        return Some(format!("it listens on {address}"));
    }
    let is_public = [443, 80, server.https.port()].contains(&port);
    let is_ours = server.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host));
    (is_public && is_ours).then(|| format!("{host} is one of its `domains`"))
}
