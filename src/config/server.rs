//! `[server]`: listeners and limits; its certificates are read in [`super::certificates`].

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;

use crate::outbound::Proxy;
use crate::server::Limits;
use crate::tls::{self, identifier};
use crate::webhook::{DoorLimits, HookPlan};

use super::certificates;
use super::numbers::{DAY, HOUR, LARGEST, SHORTEST_WAIT, SMALLEST_BODY};
use super::secrets::Environment;
use super::section::Section;
use super::units;

/// Everything that is not a hook.
pub struct ServerSettings {
    pub https: SocketAddr,
    /// Redirects to HTTPS and answers HTTP-01; `None` where it is switched off.
    pub http: Option<SocketAddr>,
    /// Health and readiness for everyone, where load balancers ask.
    pub probe: Option<SocketAddr>,
    pub admin: Admin,
    /// Whether the page that shows deliveries, masked, is among the admin pages.
    pub inspector: bool,
    /// Whether dev mode may listen where others reach it.
    pub insecure: bool,
    /// Names that a plain request may be redirected to; the request's own host where there are none.
    pub domains: Vec<String>,
    /// The first one is for clients that ask for no name. None in dev mode.
    pub certificates: Vec<tls::Settings>,
    /// CAs whose client certificates are asked for.
    pub client_ca: Option<PathBuf>,
    /// The way of outgoing calls, where it is not a direct one.
    pub proxy: Option<Proxy>,
    /// Load balancers that say by the PROXY protocol who calls.
    pub balancers: Vec<IpNet>,
    pub limits: Limits,
    pub door: DoorLimits,
}

/// Where status and metrics are to be had: never where Rossum calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    Off,
    /// A loopback address.
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// The default address, which is done without where it is taken.
    Default,
}

impl Admin {
    /// The design's default, on loopback.
    pub const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5043);
}

pub(super) fn read(
    root: &Section<'_>,
    server: Option<Section<'_>>,
    proxy: Option<Proxy>,
    hooks: &[HookPlan],
    state: &Path,
    environment: Environment<'_>,
) -> ServerSettings {
    let wants_tls = root.document().purpose.wants_tls();
    let limits = server.as_ref().and_then(|server| server.section("limits"));
    let mut settings = ServerSettings {
        https: server.as_ref().map_or_else(|| any(443), |server| address(server, "https", 443)),
        http: plain_address(server.as_ref()),
        probe: server.as_ref().and_then(probe),
        admin: admin(server.as_ref()),
        inspector: server.as_ref().and_then(|server| server.boolean("inspector")).unwrap_or(false),
        insecure: server.as_ref().and_then(|server| server.boolean("insecure")).unwrap_or(false),
        domains: server.as_ref().map(certificates::domains).unwrap_or_default(),
        certificates: Vec::new(),
        client_ca: server.as_ref().and_then(client_ca),
        proxy,
        balancers: server.as_ref().map(balancers).unwrap_or_default(),
        limits: server_limits(limits.as_ref()),
        door: door_limits(limits.as_ref()),
    };
    if let Some(limits) = limits {
        limits.finish();
    }
    let mut hook_domains: Vec<String> =
        hooks.iter().filter_map(|hook| hook.settings.domain.clone()).collect();
    hook_domains.sort_unstable();
    hook_domains.dedup();
    if let Some(server) = server {
        settings.certificates = certificates::read(&server, &settings, &hook_domains, state, environment);
        if settings.certificates.is_empty()
            && wants_tls
            && ["domains", "certificate", "key"].iter().all(|key| !server.has(key))
        {
            server.wrong(NO_CERTIFICATE.0, NO_CERTIFICATE.1);
        }
        server.finish();
    } else if wants_tls {
        root.wrong(NO_CERTIFICATE.0, NO_CERTIFICATE.1);
    }
    if wants_tls {
        look_at_addresses(root, &settings);
    }
    refuse_names_for_examples(root, &settings.certificates);
    look_at_bodies(root, settings.door.body_memory);
    if !wants_tls {
        settings.certificates.clear(); // a reload in dev mode orders none
    }
    hook_domains.retain(|domain| !identifier::covers(&settings.domains, domain));
    settings.domains.extend(hook_domains);
    if wants_tls && settings.client_ca.is_none() {
        for hook in hooks.iter().filter(|hook| hook.settings.demands_certificate) {
            let what =
                format!("{} demands a client certificate, but no CA for it is named", hook.settings.name);
            root.wrong(what, "write `client_ca = \"rossum-ca.pem\"` in [server]");
        }
    }
    settings
}

/// A CA refuses them at every try.
fn refuse_names_for_examples(root: &Section<'_>, certificates: &[tls::Settings]) {
    let hint = "write the public name or address of this host as `domains` in [server]; to develop without a certificate: annex --dev-http";
    for never in certificates.iter().filter_map(tls::Settings::never_issued) {
        let name = never.split(' ').next().unwrap_or_default();
        let what = format!("{never}: no public CA gives a certificate for it");
        let hooks = root.sections("hook");
        let of_hook = hooks.iter().filter(|hook| hook.has("domain"));
        let hook = of_hook.into_iter().find(|hook| {
            hook.text("domain").is_some_and(|domain| domain.get_ref().eq_ignore_ascii_case(name))
        });
        let place = hook.map(|hook| hook.place_of("domain"));
        let place = place.or_else(|| Some(root.section("server")?.place_of("domains")));
        root.document().refuse_to_serve(&place.unwrap_or(0..0), what, hint);
    }
}

/// A body that may be larger than all bodies together may be.
fn look_at_bodies(root: &Section<'_>, memory: usize) {
    for hook in root.sections("hook").iter().filter(|hook| hook.has("max_body")) {
        // What is wrong with it was noted as the hook was read.
        let text = hook.text("max_body").and_then(|text| units::bytes(text.get_ref()));
        if text.is_some_and(|most| most > memory) {
            let what = format!(
                "`max_body` is more than all bodies together may have: `body_memory` is {}",
                units::written_bytes(memory)
            );
            let hint = "write a smaller `max_body`, or a larger `body_memory` in [server.limits]";
            root.document().note(hook.place_of("max_body"), what, Some(hint));
        }
    }
}

/// Two listeners at one address: the second would find it taken.
fn look_at_addresses(root: &Section<'_>, settings: &ServerSettings) {
    let Some(server) = root.section("server") else { return };
    let admin = match settings.admin {
        Admin::Tcp(address) => Some(address),
        _ => None,
    };
    let all = [
        ("https", Some(settings.https)),
        ("http", settings.http),
        ("probe", settings.probe),
        ("admin", admin),
    ];
    let all: Vec<_> = all.into_iter().filter_map(|(key, address)| Some((key, address?))).collect();
    for (at, (key, address)) in all.iter().enumerate() {
        let Some((other, taken)) = all[..at].iter().find(|(_, other)| collide(*address, *other)) else {
            continue;
        };
        let (place, by) = if server.has(key) {
            (server.place_of(key), "")
        } else {
            (server.place_of(other), " by default")
        };
        let what = format!("`{key}` is {address}{by}, which `{other}` takes already with {taken}");
        server.document().note(place, what, Some("give each its own port"));
    }
}

/// Whether both cannot be listened at.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    // `[::]` takes the addresses of IPv4 too.
    let takes = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    one.port() == other.port()
        && one.port() != 0
        && (one.ip() == other.ip() || takes(one.ip(), other.ip()) || takes(other.ip(), one.ip()))
}

const NO_CERTIFICATE: (&str, &str) = (
    "there is no certificate to serve HTTPS with",
    "write `domains = [\"hooks.example.com\"]` in [server] for one from Let's Encrypt, or `certificate` and `key` for your own files; for plain HTTP while developing: annex --dev-http",
);

/// The default of a listener.
fn any(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), port)
}

/// A listener's address, the default where none is written or it is no address.
fn address(server: &Section<'_>, key: &'static str, port: u16) -> SocketAddr {
    server.text(key).map_or_else(|| any(port), |text| parsed(server, key, &text, port))
}

fn parsed(server: &Section<'_>, key: &str, text: &Spanned<&str>, port: u16) -> SocketAddr {
    text.get_ref().parse().unwrap_or_else(|_| {
        let hint =
            format!("write an IP address and a port: `{key} = \"[::]:{port}\"` or `\"127.0.0.1:8{port}\"`");
        server.document().note(text.span(), format!("`{}` is no address", text.get_ref()), Some(hint));
        any(port)
    })
}

/// `admin`: a loopback address, `unix:PATH`, or "off".
pub(super) fn admin(server: Option<&Section<'_>>) -> Admin {
    let Some((server, text)) = server.and_then(|server| Some((server, server.text("admin")?))) else {
        return Admin::Default;
    };
    let hint =
        format!("write `admin = \"{}\"`, `\"unix:/run/annex/admin.sock\"` or `\"off\"`", Admin::DEFAULT);
    let note = |what: String| server.document().note(text.span(), what, Some(hint.clone()));
    match text.get_ref().strip_prefix("unix:") {
        _ if *text.get_ref() == "off" => return Admin::Off,
        Some(path) => return Admin::Unix(server.document().resolve(path)),
        None => {}
    }
    match text.get_ref().parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => return Admin::Tcp(address),
        Ok(address) => {
            note(format!("`{address}` is not a loopback address: status and metrics are not for everyone"));
        }
        Err(_) => note(format!("`{}` is no address", text.get_ref())),
    }
    Admin::Default
}

/// `probe`: any address.
fn probe(server: &Section<'_>) -> Option<SocketAddr> {
    let text = server.text("probe")?;
    let parsed = text.get_ref().parse().ok();
    if parsed.is_none() {
        let what = format!("`{}` is no address", text.get_ref());
        server.document().note(
            text.span(),
            what,
            Some("write an IP address and a port: `probe = \"0.0.0.0:8081\"`"),
        );
    }
    parsed
}

fn client_ca(server: &Section<'_>) -> Option<PathBuf> {
    let text = server.text("client_ca")?;
    let path = server.document().resolve(text.get_ref());
    if let Err(error) = tls::load_roots(&path) {
        server.document().note(
            text.span(),
            error.to_string(),
            Some("name a PEM file with the CA that signs them"),
        );
    }
    Some(path)
}

/// `proxy_protocol_from`: networks or single addresses.
fn balancers(server: &Section<'_>) -> Vec<IpNet> {
    let texts = server.texts("proxy_protocol_from").unwrap_or_default();
    let one = |text: Spanned<&str>| {
        let net =
            text.get_ref().parse().ok().or_else(|| text.get_ref().parse::<IpAddr>().ok().map(IpNet::from));
        if net.is_none() {
            let what = format!("`{}` is no network", text.get_ref());
            server.document().note(text.span(), what, Some("write `10.0.0.0/8` or `10.1.2.3`"));
        }
        net
    };
    texts.into_iter().filter_map(one).collect()
}

/// `http`: the plain listener's address; `http = "off"` does without.
fn plain_address(server: Option<&Section<'_>>) -> Option<SocketAddr> {
    let Some((server, text)) = server.and_then(|server| Some((server, server.text("http")?))) else {
        return Some(any(80));
    };
    (*text.get_ref() != "off").then(|| parsed(server, "http", &text, 80))
}

fn server_limits(section: Option<&Section<'_>>) -> Limits {
    let defaults = Limits::default();
    let Some(section) = section else { return defaults };
    Limits {
        connections: section.count("connections", 1..=1_000_000).unwrap_or(defaults.connections),
        handshake: section.duration("handshake", SHORTEST_WAIT..=HOUR).unwrap_or(defaults.handshake),
        first_request: section
            .duration("first_request", SHORTEST_WAIT..=HOUR)
            .unwrap_or(defaults.first_request),
        idle: section.duration("idle", SHORTEST_WAIT..=DAY).unwrap_or(defaults.idle),
        drain: section.duration("drain", Duration::ZERO..=HOUR).unwrap_or(defaults.drain),
    }
}

fn door_limits(section: Option<&Section<'_>>) -> DoorLimits {
    let defaults = DoorLimits::default();
    let Some(section) = section else { return defaults };
    DoorLimits {
        body_grace: section.duration("body_grace", Duration::ZERO..=HOUR).unwrap_or(defaults.body_grace),
        body_rate: section.bytes("body_rate", 1..=LARGEST).unwrap_or(defaults.body_rate),
        body_memory: section.bytes("body_memory", SMALLEST_BODY..=LARGEST).unwrap_or(defaults.body_memory),
    }
}
