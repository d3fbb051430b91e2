//! Who asks: the variables and the file of the `rossum` tool, a token, or one that `annex login` kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use configparser::ini::Ini;
use reqwest::Url;

use crate::clock;
use crate::private;
use crate::secret::Secret;

use super::Problem;

type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Where the account is, and how one gets in.
pub struct Credentials {
    /// Ends in `/v1/`.
    pub url: Url,
    pub login: Login,
}

pub enum Login {
    Token(Secret),
    /// A session of one command, as the `rossum` tool has it.
    Password {
        username: String,
        password: Secret,
    },
}

/// A token that `annex login` keeps.
pub struct KeptToken {
    pub profile: String,
    pub url: Url,
    pub token: Secret,
    pub until: SystemTime,
}

/// The tool's own.
const DEFAULT_URL: &str = "https://api.elis.rossum.ai";
const DEFAULT_PROFILE: &str = "default";

impl Credentials {
    /// The environment is before files: `ROSSUM_TOKEN`, then `ROSSUM_USERNAME` and `ROSSUM_PASSWORD`, then a token that was
    /// kept, then the tool's file.
    pub fn find(profile: Option<&str>, environment: Environment<'_>) -> Result<Self, Problem> {
        let profile = Self::profile(profile, environment);
        let own = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let kept = kept(&profile, environment)?;
        let tool = tool(&profile, environment)?;
        let of_tool = |key: &str| {
            tool.as_ref().and_then(|tool| tool.get(&profile, key)).filter(|text| !text.is_empty())
        };
        let (kept_url, kept_token) =
            kept.map_or((None, None), |kept| (Some(kept.url), Some((kept.token, kept.until))));
        let url = match own("ROSSUM_URL") {
            Some(url) => address(&url)?,
            None => match (kept_url, of_tool("url")) {
                (Some(url), _) => url,
                (None, url) => address(url.as_deref().unwrap_or(DEFAULT_URL))?,
            },
        };
        let password = |username: Option<String>, password: Option<String>| {
            let (username, password) = (username?, password?);
            Some(Login::Password { username, password: Secret::new(password.into_bytes()) })
        };
        if let Some(token) = own("ROSSUM_TOKEN") {
            return Ok(Self { url, login: Login::Token(Secret::new(token.trim().as_bytes().to_vec())) });
        }
        if let Some(login) = password(own("ROSSUM_USERNAME"), own("ROSSUM_PASSWORD")) {
            return Ok(Self { url, login });
        }
        match kept_token {
            Some((token, until)) if until > clock::now() => {
                return Ok(Self { url, login: Login::Token(token) });
            }
            _ => {}
        }
        let has_ended = kept_token_ended(&profile, environment);
        if let Some(login) = password(of_tool("username"), of_tool("password")) {
            return Ok(Self { url, login });
        }
        Err(Problem::Credentials(if has_ended {
            "the token of the last login has expired: log in again with `annex login`".to_owned()
        } else {
            "you are not logged in: run `annex login`, or set ROSSUM_URL and ROSSUM_TOKEN".to_owned()
        }))
    }

    pub fn profile(named: Option<&str>, environment: Environment<'_>) -> String {
        environment("ROSSUM_PROFILE")
            .filter(|name| !name.is_empty())
            .or_else(|| named.map(str::to_owned))
            .unwrap_or_else(|| DEFAULT_PROFILE.to_owned())
    }
}

/// The API behind an address as the tool takes it, without `/v1`, or as Rossum shows it: `https://acme.rossum.app`.
pub(super) fn address(text: &str) -> Result<Url, Problem> {
    let wrong = |cause: &str| {
        Problem::Credentials(format!(
            "`{text}` is not an address of Rossum: {cause}; write https://acme.rossum.app"
        ))
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    let host = url.host_str().unwrap_or_default();
    let is_here = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    if url.scheme() != "https" && !(is_here && url.scheme() == "http") {
        return Err(wrong("it must begin with https://"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let path = match path.strip_suffix("/v1") {
        Some(before) => format!("{before}/v1/"),
        // Accounts of their own have the API under `/api`; the old common address has it at the root.
        None if path.is_empty() && host.ends_with(".rossum.app") => "/api/v1/".to_owned(),
        None => format!("{path}/v1/"),
    };
    url.set_path(&path);
    Ok(url)
}

fn home(environment: Environment<'_>) -> Option<PathBuf> {
    environment("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

/// `~/.rossum/credentials`, where the tool is set up.
fn tool(profile: &str, environment: Environment<'_>) -> Result<Option<Ini>, Problem> {
    let Some(path) = home(environment).map(|home| home.join(".rossum/credentials")) else { return Ok(None) };
    let known = read(&path)?;
    Ok(known.filter(|known| known.sections().iter().any(|section| section == profile)))
}

fn read(path: &Path) -> Result<Option<Ini>, Problem> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::Credentials(format!("{}: {error}", path.display()))),
    };
    let mut known = Ini::new_cs();
    known.set_inline_comment_symbols(Some(&[])); // a password may hold any sign
    known.set_default_section("\0"); // `[default]` is a profile like any other
    known.read(text).map_err(|_| {
        Problem::Credentials(format!("cannot read {}: it is not an INI file", path.display()))
    })?;
    Ok(Some(known))
}

fn kept_path(environment: Environment<'_>) -> Option<PathBuf> {
    let folder = environment("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    Some(folder.or_else(|| home(environment).map(|home| home.join(".config")))?.join("annex/tokens"))
}

fn kept(profile: &str, environment: Environment<'_>) -> Result<Option<KeptToken>, Problem> {
    let Some(known) = kept_path(environment).map(|path| read(&path)).transpose()?.flatten() else {
        return Ok(None);
    };
    let of = |key: &str| known.get(profile, key);
    let (Some(url), Some(token), Some(until)) = (of("url"), of("token"), of("until")) else {
        return Ok(None);
    };
    let url = address(&url)?;
    let until = clock::parse_rfc3339(&until).unwrap_or(SystemTime::UNIX_EPOCH);
    let (profile, token) = (profile.to_owned(), Secret::new(token.into_bytes()));
    Ok(Some(KeptToken { profile, url, token, until }))
}

fn kept_token_ended(profile: &str, environment: Environment<'_>) -> bool {
    kept(profile, environment).ok().flatten().is_some_and(|kept| kept.until <= clock::now())
}

impl KeptToken {
    /// Keeps it, in a file that only its owner reads; gives the file.
    pub fn keep(&self, environment: Environment<'_>) -> Result<PathBuf, Problem> {
        let path = kept_path(environment).ok_or_else(|| {
            Problem::Credentials("HOME is not set, so there is no folder for the token".to_owned())
        })?;
        let mut known = read(&path)?.unwrap_or_else(|| {
            let mut new = Ini::new_cs();
            new.set_default_section("\0");
            new
        });
        let until = clock::rfc3339(&Some(self.until), serde_json::value::Serializer).unwrap_or_default();
        let token = String::from_utf8_lossy(self.token.expose()).into_owned();
        known.set(&self.profile, "url", Some(self.url.to_string()));
        known.set(&self.profile, "token", Some(token));
        known.set(&self.profile, "until", until.as_str().map(str::to_owned));
        write(&path, &known.writes())
            .map_err(|error| Problem::Credentials(format!("{}: {error}", path.display())))?;
        Ok(path)
    }

    /// Forgets what a profile keeps.
    pub fn forget(profile: &str, environment: Environment<'_>) -> Result<(), Problem> {
        let Some(path) = kept_path(environment) else { return Ok(()) };
        let Some(mut known) = read(&path)? else { return Ok(()) };
        known.remove_section(profile);
        write(&path, &known.writes())
            .map_err(|error| Problem::Credentials(format!("{}: {error}", path.display())))
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        private::folder(folder)?;
    }
    private::write_durably(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_the_tool_takes_them_and_as_rossum_shows_them() {
        for (text, url) in [
            ("https://api.elis.rossum.ai", "https://api.elis.rossum.ai/v1/"),
            ("https://elis.rossum.ai/api", "https://elis.rossum.ai/api/v1/"),
            ("https://acme.rossum.app", "https://acme.rossum.app/api/v1/"),
            ("https://acme.rossum.app/api/v1/", "https://acme.rossum.app/api/v1/"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/"),
        ] {
            assert_eq!(address(text).unwrap().as_str(), url, "{text}");
        }
        assert!(address("http://acme.rossum.app").is_err() && address("acme").is_err());
    }
}
