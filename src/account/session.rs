//! The calls of one command: log in where a password is all there is, ask, log out.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use tokio::time::sleep;

use crate::clock;
use crate::neighbour;
use crate::outbound::{CallError, Client, Read, Request, Settings, Uplink};
use crate::secret::Secret;
use crate::shown::Lines;
use crate::trees;

use super::{Credentials, Login, Problem};

/// For one request.
const TIME: Duration = Duration::from_secs(60);
/// Tries of a request that was not answered, or answered "later".
const TRIES: u32 = 4;
/// The longest wait that is asked for and kept.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The largest answer, in bytes.
const LARGEST: usize = 64_000_000;
/// Objects of a list at most.
const MOST: usize = 100_000;

pub struct Session {
    base: Url,
    login: Login,
    client: Client,
    token: OnceCell<Secret>,
    /// Changes are said and not made.
    dry_run: bool,
    say: fn(&Lines),
}

impl Session {
    /// `say` tells the person what takes long, and with `dry_run` what would be sent.
    pub fn new(
        credentials: Credentials,
        uplink: Uplink,
        dry_run: bool,
        say: fn(&Lines),
    ) -> Result<Self, Problem> {
        let client = Client::new(Settings::new(uplink));
        let client = client.map_err(|error| Problem::Credentials(error.to_string()))?;
        let Credentials { url, login } = credentials;
        Ok(Self { base: url, login, client, token: OnceCell::new(), dry_run, say })
    }

    /// Where the API is; it ends in `/v1/`.
    pub fn base(&self) -> &Url {
        &self.base
    }

    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The URL of an object.
    pub fn url(&self, kind: &str, id: u64) -> String {
        format!("{}{kind}/{id}", self.base)
    }

    pub async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.ask(Method::GET, path, None).await
    }

    /// All objects of a list, page after page.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, Problem> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let mut page = self.get(&path).await?;
            match page.get_mut("results").and_then(Value::as_array_mut) {
                Some(results) => all.append(results),
                None => return Err(Problem::Unreadable(path)),
            }
            next = page["pagination"]["next"].as_str().map(str::to_owned);
            if all.len() > MOST {
                return Err(Problem::Unreadable(format!("{path} has too many pages")));
            }
        }
        Ok(all)
    }

    /// A change: said and not made in a dry run, which gives `null`.
    pub async fn change(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Problem> {
        if self.dry_run {
            let mut lines = Lines::of(format_args!("would send: {method} {}{path}", self.base.path()));
            if let Some(body) = body {
                lines.add_json(&masked(body));
            }
            (self.say)(&lines);
            return Ok(Value::Null);
        }
        self.ask(method, path, body).await
    }

    /// A call that changes nothing, though it is a POST.
    pub async fn try_out(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Ends what a password began.
    pub async fn end(&self) -> Result<(), Problem> {
        if matches!(self.login, Login::Password { .. }) && self.token.initialized() {
            self.ask(Method::POST, "auth/logout", Some(&json!({}))).await?;
        }
        Ok(())
    }

    /// A token for these credentials, which lives so long.
    pub async fn token(&self, life: Duration) -> Result<Secret, Problem> {
        self.log_in(Some(life)).await
    }

    async fn log_in(&self, life: Option<Duration>) -> Result<Secret, Problem> {
        let Login::Password { username, password } = &self.login else {
            return Err(Problem::Credentials("no password is given".to_owned()));
        };
        let mut body = Map::new();
        body.insert("username".to_owned(), username.clone().into());
        body.insert("password".to_owned(), String::from_utf8_lossy(password.expose()).into());
        if let Some(life) = life {
            body.insert("max_token_lifetime_s".to_owned(), life.as_secs().into());
        }
        let body = Value::Object(body);
        let answer = self.once(Method::POST, "auth/login", Some(&body), None).await;
        let answer = answer.map_err(|problem| match problem {
            Problem::Token | Problem::Refused { status: 400 | 403, .. } => Problem::Login,
            other => other,
        })?;
        let key = answer["key"].as_str().ok_or_else(|| {
            let kind = neighbour::kind(Some(&answer));
            Problem::Unreadable(format!("auth/login answers with {kind}, and no `key` in it"))
        })?;
        Ok(Secret::new(key.as_bytes().to_vec()))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Problem> {
        let token = match &self.login {
            Login::Token(token) => token,
            Login::Password { .. } => self.token.get_or_try_init(|| self.log_in(None)).await?,
        };
        self.once(method, path, body, Some(token)).await
    }

    /// A path below the API, or a whole URL of it, as pages name the next one.
    fn place(&self, path: &str) -> Result<Url, Problem> {
        let url = self.base.join(path).map_err(|_| Problem::Unreadable(path.to_owned()))?;
        if url.origin() == self.base.origin() { Ok(url) } else { Err(Problem::Unreadable(path.to_owned())) }
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&Secret>,
    ) -> Result<Value, Problem> {
        let url = self.place(path)?;
        let what = format!("{method} {}", url.path());
        for tried in 1.. {
            let mut request = Request::new(method.clone(), url.clone());
            if let Some(body) = body {
                request = request.with_json(body).without_repeating(secrets_in(body));
            }
            if let Some(token) = token {
                request = request.with_bearer(token).map_err(|_| {
                    Problem::Credentials(
                        "the token has characters that an HTTP header cannot have".to_owned(),
                    )
                })?;
            }
            let received = match self.client.send(request, TIME, Read::Whole(LARGEST)).await {
                Ok(received) => received,
                // Nothing was sent yet: it may be tried again, whatever it is.
                Err(error) if error.is_unsent() && error.may_pass() && tried < TRIES => {
                    (self.say)(&Lines::of("cannot reach Rossum; trying again"));
                    sleep(Duration::from_secs(u64::from(tried))).await;
                    continue;
                }
                Err(CallError::TooLarge(most)) => {
                    let why = format!("it has more than {most} bytes");
                    return Err(Problem::TooLarge { what, why });
                }
                Err(error) => return Err(self.unreachable(error)),
            };
            if matches!(received.status, 429 | 503) && tried < TRIES {
                let wait = received.retry_after(clock::now());
                let wait = wait.unwrap_or(Duration::from_secs(u64::from(tried) * 2)).min(LONGEST_WAIT);
                (self.say)(&Lines::of(format_args!(
                    "Rossum is busy (status {}); trying again in {} s",
                    received.status,
                    wait.as_secs()
                )));
                sleep(wait).await;
                continue;
            }
            let bytes = received.body.as_slice();
            if !received.is_success() {
                return Err(Problem::of(&what, received.status, bytes));
            }
            if bytes.is_empty() {
                return Ok(Value::Null);
            }
            return trees::read(bytes, trees::LARGEST_DELIVERY).map_err(|unread| match unread {
                unread if unread.is_too_large() => Problem::TooLarge { what, why: unread.to_string() },
                _ => Problem::Unreadable(what),
            });
        }
        Err(Problem::Busy(0))
    }

    fn unreachable(&self, error: CallError) -> Problem {
        let cause = match error {
            CallError::Unreachable(why) | CallError::Untimely(why) => why,
            other => other.to_string(),
        };
        Problem::Unreachable { url: self.base.to_string(), cause }
    }
}

/// The texts of a body that an answer must not repeat.
fn secrets_in(json: &Value) -> Vec<Secret> {
    fn collect(json: &Value, is_secret: bool, into: &mut Vec<Secret>) {
        match json {
            Value::String(text) if is_secret => into.push(Secret::new(text.as_bytes())),
            Value::Array(list) => list.iter().for_each(|value| collect(value, is_secret, into)),
            Value::Object(map) => {
                for (key, value) in map {
                    collect(value, is_secret || key.contains("secret") || key == "password", into);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(json, false, &mut found);
    found
}

/// What is to be shown, without what stands under `secret`.
fn masked(json: &Value) -> Value {
    match json {
        Value::Object(map) => {
            let one = |(key, value): (&String, &Value)| match key.as_str() {
                "secret" if !value.is_null() => (key.clone(), "…".into()),
                _ => (key.clone(), masked(value)),
            };
            Value::Object(map.iter().map(one).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(masked).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_body_are_found_wherever_they_stand() {
        let body =
            json!({"username": "u", "password": "p1", "config": {"secret": "s3", "secrets": [{"a": "b"}]}});
        let found: Vec<_> = secrets_in(&body).iter().map(|one| one.expose().to_vec()).collect();
        assert_eq!(found, [&b"p1"[..], b"s3", b"b"]);
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        let body = json!({"config": {"secret": "s3", "url": "https://x"}, "name": "n"});
        let shown = json!({"config": {"secret": "…", "url": "https://x"}, "name": "n"});
        assert_eq!(masked(&body), shown);
        assert_eq!(masked(&json!([{"secret": null}])), json!([{"secret": null}]));
    }
}
