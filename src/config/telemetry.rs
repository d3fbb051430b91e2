//! `[telemetry]`: an OpenTelemetry collector that gets spans and metrics.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::otlp::Collector;
use crate::outbound::Proxy;

use super::secrets::{self, Environment};
use super::section::Section;
use super::targets;

/// How a collector knows this server where nothing else is said.
const SERVICE_NAME: &str = "annex";

/// `None` where there is none, or it is wrong, which is noted.
pub(super) fn read(
    root: &Section<'_>,
    proxy: Option<&Proxy>,
    environment: Environment<'_>,
) -> Option<Collector> {
    let section = root.section("telemetry")?;
    let collector = collector(&section, proxy, environment);
    section.finish();
    collector
}

fn collector(
    section: &Section<'_>,
    proxy: Option<&Proxy>,
    environment: Environment<'_>,
) -> Option<Collector> {
    let url = section.required_text("otlp", "\"http://127.0.0.1:4318\", the address of a collector");
    let service_name = section.text("service_name").map_or(SERVICE_NAME, |name| *name.get_ref());
    let headers = headers(section, environment);
    let uplink = targets::uplink(section, proxy);
    let base = targets::address(section, &url?)?;
    if base.query().is_some() || base.path().ends_with("/v1/traces") || base.path().ends_with("/v1/metrics") {
        section.document().note(
            section.place_of("otlp"),
            "`otlp` is the address of the collector, to which Annex adds `/v1/traces` and `/v1/metrics`",
            Some("write `otlp = \"http://127.0.0.1:4318\"`"),
        );
        return None;
    }
    let headers = headers?;
    let lacks_secret = headers.values().any(HeaderValue::is_empty);
    if !headers.is_empty() && base.scheme() != "https" && !targets::is_here(&base) {
        let what = "what stands in `headers` must not travel unencrypted";
        section.document().note(section.place_of("otlp"), what, Some("write `https://`"));
        return None;
    }
    match Collector::new(base, headers, service_name, uplink?) {
        // Without its key a collector refuses everything.
        Ok(collector) => (!lacks_secret).then_some(collector),
        Err(error) => {
            section.wrong(error.to_string(), "look at `ca` and `client_certificate`");
            None
        }
    }
}

/// Each value is a secret's source: what a collector wants in a header is a key.
fn headers(section: &Section<'_>, environment: Environment<'_>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut is_good = true;
    for (name, value) in section.section("headers").map(|own| own.entries()).unwrap_or_default() {
        let known = HeaderName::from_bytes(name.get_ref().as_bytes()).ok();
        let source = value.get_ref().as_str().map(|text| toml::Spanned::new(value.span(), text));
        let Some((known, source)) = known.zip(source) else {
            let what = format!("`{}` is no header", name.get_ref());
            let hint = "write `headers = { \"api-key\" = \"credential:otlp-key\" }`";
            section.document().note(value.span(), what, Some(hint));
            is_good = false;
            continue;
        };
        if targets::note_header_of_ours(section, &known, value.span()) {
            is_good = false;
            continue;
        }
        if headers.contains_key(&known) {
            let what = format!("the header `{known}` appears twice: upper and lower case are the same");
            section.document().note(name.span(), what, Some("take one of them out"));
            is_good = false;
            continue;
        }
        let secret = secrets::read_one(section, &source, secrets::Maker::Other, environment);
        match secret.map(|secret| HeaderValue::from_bytes(secret.expose())) {
            Some(Ok(mut text)) => {
                text.set_sensitive(true);
                headers.append(known, text);
            }
            Some(Err(_)) => {
                let what = "the secret cannot be in a header";
                section.document().note(value.span(), what, Some("it must be one line of ASCII"));
                is_good = false;
            }
            None => is_good = false,
        }
    }
    is_good.then_some(headers)
}
