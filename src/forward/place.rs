//! Where a service listens: `http://127.0.0.1:5050`, `https://host/path`, `unix:/run/app.sock`, `unix:/run/app.sock:/path`.
//!
//! Without a path, the service is called under the path that Rossum called. That is how Nginx reads `proxy_pass`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::Url;
use tokio::net::{TcpStream, UnixStream};

/// Bytes of the longest path of a unix socket (`sun_path`, with its end).
const LONGEST: usize = 107;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    url: Url,
    socket: Option<PathBuf>,
    /// Whether the path is Rossum's.
    keeps_path: bool,
}

/// Why a text is no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("`{0}` is not an address of a service")]
    No(String),
    #[error("a password must not be in the configuration")]
    Password,
    #[error("the path of a unix socket has {LONGEST} bytes at most, and this one has {0}")]
    TooLong(usize),
}

impl Place {
    /// Reads it; `resolve` makes a path of the file system absolute.
    ///
    /// # Errors
    ///
    /// Where it is none.
    pub fn read(text: &str, resolve: impl FnOnce(&str) -> PathBuf) -> Result<Self, PlaceError> {
        let no = || PlaceError::No(text.to_owned());
        let rest = text.strip_prefix("http://").unwrap_or(text);
        if let Some(rest) = rest.strip_prefix("unix:") {
            let (path, own) = rest.split_once(':').unwrap_or((rest, ""));
            let socket = resolve(path);
            let length = socket.as_os_str().len();
            let is_abstract = path.starts_with('@');
            if path.is_empty() || is_abstract || !(own.is_empty() || own.starts_with('/')) {
                return Err(no());
            }
            if length > LONGEST {
                return Err(PlaceError::TooLong(length));
            }
            let url = Url::parse(&format!("http://localhost{own}")).map_err(|_| no())?;
            return Ok(Self { url, socket: Some(socket), keeps_path: own.is_empty() });
        }
        let url = Url::parse(text).map_err(|_| no())?;
        if !matches!(url.scheme(), "http" | "https")
            || url.host().is_none()
            || url.fragment().is_some()
            || url.port() == Some(0)
        {
            return Err(no());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PlaceError::Password);
        }
        let after = text.split_once("://").map_or(text, |(_, after)| after);
        let keeps_path = !after.contains(['/', '?']);
        Ok(Self { url, socket: None, keeps_path })
    }

    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where a delivery goes that came with this path and query.
    pub(super) fn url_for(&self, target: &str) -> Url {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let mut url = self.url.clone();
        if self.keeps_path {
            url.set_path(path);
        }
        let both = [url.query().map(str::to_owned), query.map(str::to_owned)];
        let both: Vec<String> = both.into_iter().flatten().filter(|query| !query.is_empty()).collect();
        url.set_query(Some(both.join("&")).filter(|query| !query.is_empty()).as_deref());
        url
    }

    /// Connects, and ends the connection.
    pub(super) async fn connect(&self) -> io::Result<()> {
        if let Some(socket) = &self.socket {
            return UnixStream::connect(socket).await.map(drop);
        }
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        TcpStream::connect((host, self.url.port_or_known_default().unwrap_or(80))).await.map(drop)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(socket) => {
                write!(f, "unix:{}", socket.display())?;
                if self.keeps_path { Ok(()) } else { write!(f, ":{}", self.url.path()) }
            }
            None if self.keeps_path => f.write_str(super::shown(&self.url).trim_end_matches('/')),
            None => f.write_str(&super::shown(&self.url)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Place, PlaceError> {
        Place::read(text, |path| Path::new("/srv").join(path))
    }

    #[test]
    fn a_place_without_a_path_keeps_the_path_that_rossum_called() {
        for (to, called, goes) in [
            ("http://127.0.0.1:5050", "/vendor?a=1", "http://127.0.0.1:5050/vendor?a=1"),
            ("http://127.0.0.1:5050/", "/vendor?a=1", "http://127.0.0.1:5050/?a=1"),
            ("http://127.0.0.1:5050/x?k=2", "/vendor?a=1", "http://127.0.0.1:5050/x?k=2&a=1"),
            ("https://app.example.com/x", "/vendor", "https://app.example.com/x"),
            ("unix:/run/app.sock", "/vendor", "http://localhost/vendor"),
            ("http://unix:/run/app.sock:/x", "/vendor", "http://localhost/x"),
        ] {
            assert_eq!(read(to).unwrap().url_for(called).as_str(), goes, "{to}");
        }
        assert_eq!(read("unix:app.sock").unwrap().socket(), Some(Path::new("/srv/app.sock")));
        assert_eq!(read("unix:app.sock:/x").unwrap().to_string(), "unix:/srv/app.sock:/x");
        assert_eq!(read("http://127.0.0.1:5050/x?key=1").unwrap().to_string(), "http://127.0.0.1:5050/x");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for wrong in [
            "",
            "127.0.0.1:5050",
            "ftp://x/",
            "unix:",
            "unix:@a",
            "unix:/run/a.sock:x",
            "http://h/#a",
            "http://h:0/",
            "/run/a.sock",
        ] {
            assert!(matches!(read(wrong), Err(PlaceError::No(_))), "{wrong}");
        }
        assert_eq!(read("http://me:secret@127.0.0.1/"), Err(PlaceError::Password));
        let long = format!("unix:/{}", "a".repeat(LONGEST));
        assert_eq!(read(&long), Err(PlaceError::TooLong(LONGEST + 1)));
        assert!(read(&long[..long.len() - 1]).is_ok());
    }
}
