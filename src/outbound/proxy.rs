//! The way out of a closed network: a proxy that makes the connections (`CONNECT`, RFC 9110 section 9.3.6). What goes through it
//! is encrypted as ever. It stands in annex.toml, or in the environment as `HTTPS_PROXY` and `NO_PROXY`.
//!
//! Its URL may have a password, which no message shows.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::percent_decode_str;
use reqwest::{ClientBuilder, Url};

use crate::secret::Secret;

use super::client::CallError;
use super::tunnel;

/// How the client's words begin where a proxy did not connect, and what stands there of one that refused.
const TUNNEL: &str = "tunnel error: ";
const REFUSED: &str = "unsuccessful";

/// Why a text is no proxy. It does not show the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    #[error("not a URL of a proxy")]
    Url,
    #[error("no proxy that Annex can go through: it speaks to one by http://, and HTTPS goes through that")]
    Scheme,
}

/// A proxy, and what is reached without it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// With its user and password.
    url: Secret,
    shown: String,
    has_password: bool,
    /// As `NO_PROXY` has it: names with all below them, addresses, networks, `*`.
    except: String,
    is_for_https_only: bool,
}

impl Proxy {
    /// For all calls but those to `except`: names with all below them, addresses, networks, `*`.
    ///
    /// # Errors
    ///
    /// Where `url` is none, or not of `http://`.
    pub fn new(url: &str, except: &[impl AsRef<str>]) -> Result<Self, ProxyError> {
        let except: Vec<&str> = except.iter().map(AsRef::as_ref).collect();
        Self::read(url, except.join(","), false)
    }

    /// The one of `HTTPS_PROXY`, or of `https_proxy`, which is for HTTPS alone.
    ///
    /// # Errors
    ///
    /// Where that is no URL of a proxy.
    pub fn of_environment(environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, ProxyError> {
        let either = |upper: &str, lower: &str| {
            [lower, upper].into_iter().filter_map(environment).find(|value| !value.trim().is_empty())
        };
        let Some(url) = either("HTTPS_PROXY", "https_proxy") else { return Ok(None) };
        // As curl takes it: without a scheme it is http://.
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        Self::read(&url, either("NO_PROXY", "no_proxy").unwrap_or_default(), true).map(Some)
    }

    fn read(text: &str, except: String, is_for_https_only: bool) -> Result<Self, ProxyError> {
        let url = Url::parse(text.trim()).map_err(|_| ProxyError::Url)?;
        if url.scheme() != "http" {
            return Err(ProxyError::Scheme);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ProxyError::Url)?;
        Ok(Self {
            shown: format!("http://{host}:{}", url.port_or_known_default().unwrap_or(80)),
            has_password: url.password().is_some(),
            url: Secret::new(url.as_str().as_bytes()),
            except,
            is_for_https_only,
        })
    }

    /// Without user and password.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// All of it, to be compared with another.
    pub fn identity(&self) -> (&Secret, &str) {
        (&self.url, &self.except)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Which calls of a client go through a proxy.
#[derive(Clone, Default)]
pub(super) struct Route(Option<Arc<Way>>);

struct Way {
    shown: String,
    url: Url,
    matcher: Matcher,
    is_for_https_only: bool,
}

impl Route {
    pub(super) fn new(proxy: Option<&Proxy>) -> Self {
        let way = |proxy: &Proxy| {
            let text = std::str::from_utf8(proxy.url.expose()).ok()?;
            let matcher = Matcher::builder().all(text).no(proxy.except.as_str()).build();
            let (url, shown) = (Url::parse(text).ok()?, proxy.shown.clone());
            Some(Arc::new(Way { shown, url, matcher, is_for_https_only: proxy.is_for_https_only }))
        };
        Self(proxy.and_then(way))
    }

    /// A client whose calls go this way, whatever the environment says.
    pub(super) fn of(&self, builder: ClientBuilder) -> ClientBuilder {
        let builder = builder.no_proxy();
        let Some(way) = self.0.clone() else { return builder };
        builder.proxy(reqwest::Proxy::custom(move |to| way.leads_to(to).then(|| way.url.clone())))
    }

    /// Whether calls go through a proxy there.
    pub(super) fn is_for(&self, to: &Url) -> bool {
        self.0.as_ref().is_some_and(|way| way.leads_to(to))
    }

    /// What the proxy is shown of who we are, where a call is not encrypted on its way: whoever answers may repeat it.
    pub(super) fn secrets(&self, to: &Url) -> Vec<Secret> {
        let Some(way) = self.0.as_ref().filter(|_| to.scheme() == "http" && self.is_for(to)) else {
            return Vec::new();
        };
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, Some(password)) = (plain(way.url.username()), way.url.password().map(plain)) else {
            return Vec::new();
        };
        let both = STANDARD.encode(format!("{user}:{password}"));
        [password, both].map(|text| Secret::new(text.into_bytes())).into()
    }

    /// The status by which it refuses to connect, where that is what a call failed by.
    pub(super) async fn refusal(&self, to: &Url, error: &CallError, within: Duration) -> Option<u16> {
        let way = self.0.as_ref().filter(|way| way.leads_to(to))?;
        let CallError::Unreachable(words) = error else { return None };
        if words.strip_prefix(TUNNEL)? != REFUSED {
            return None;
        }
        tunnel::refusal(&way.url, to, within).await
    }

    /// Why there was no answer, with the proxy that it would have come through.
    pub(super) fn words(&self, to: &Url, words: String, status: Option<u16>) -> String {
        let Some(way) = self.0.as_ref().filter(|way| way.leads_to(to)) else { return words };
        let words = match words.strip_prefix(TUNNEL) {
            Some("proxy authorization required") => {
                "it wants a user and a password, or others than these (status 407)".to_owned()
            }
            Some(REFUSED) => {
                let port = to.port_or_known_default().unwrap_or_default();
                let place = format!("{}:{port}", to.host_str().unwrap_or_default());
                match status {
                    Some(status @ 502..=504) => format!("it cannot connect to {place} (status {status})"),
                    Some(status) => format!("it refuses to connect to {place} (status {status})"),
                    None => format!("it does not connect to {place}"),
                }
            }
            Some("unexpected end of file") => "it ended the connection".to_owned(),
            _ => words,
        };
        format!("through the proxy {}: {words}", way.shown)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("direct", |way| &way.shown))
    }
}

impl Way {
    /// What runs on this host is reached without it.
    fn leads_to(&self, to: &Url) -> bool {
        let host = to.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        let is_for_it = to.scheme() == "https" || !self.is_for_https_only;
        let is_meant = || to.as_str().parse().is_ok_and(|uri| self.matcher.intercept(&uri).is_some());
        is_for_it && !is_here && is_meant()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(proxy: &Proxy, to: &str) -> bool {
        Route::new(Some(proxy)).0.unwrap().leads_to(&Url::parse(to).unwrap())
    }

    #[test]
    fn what_is_excepted_or_here_is_reached_without_it() {
        let proxy = Proxy::new("http://10.0.0.1:3128", &["corp.example", "10.0.0.0/8"]).unwrap();
        for to in [
            "https://ca.example.com/dir",
            "http://erp.example.com/",
            "https://192.0.2.1/",
            "https://mycorp.example/",
        ] {
            assert!(leads(&proxy, to), "{to}");
        }
        for to in [
            "https://corp.example/",
            "https://a.corp.example/",
            "https://10.2.3.4:8443/",
            "https://localhost/",
            "https://127.0.0.1:14000/dir",
            "https://[::1]/",
        ] {
            assert!(!leads(&proxy, to), "{to}");
        }
    }

    #[test]
    fn the_environment_says_it_as_other_programs_read_it() {
        let of = |values: &'static [(&str, &str)]| {
            Proxy::of_environment(&move |name| {
                values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("HTTPS_PROXY", "")]), Ok(None));
        assert_eq!(of(&[("HTTPS_PROXY", "socks5://10.0.0.1")]), Err(ProxyError::Scheme));
        assert_eq!(of(&[("HTTPS_PROXY", "http://")]), Err(ProxyError::Url));
        let proxy =
            of(&[("https_proxy", "10.0.0.1:3128"), ("NO_PROXY", "a.example, b.example")]).unwrap().unwrap();
        assert_eq!(proxy.shown(), "http://10.0.0.1:3128");
        assert!(leads(&proxy, "https://c.example/") && !leads(&proxy, "https://b.example/"));
        assert!(!leads(&proxy, "http://c.example/"), "HTTPS_PROXY is for HTTPS");
    }

    #[test]
    fn its_password_shows_nowhere() {
        let proxy = Proxy::new("http://user:hunter2@proxy.example", &[""; 0]).unwrap();
        let shown = format!("{proxy:?} {} {:?}", proxy.shown(), Route::new(Some(&proxy)));
        assert_eq!(shown, "http://proxy.example:80 http://proxy.example:80 http://proxy.example:80");
        assert!(proxy.has_password());
    }
}
