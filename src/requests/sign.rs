//! The token or the signature of a call, made when it is sent: neither is ever kept with it.

use std::time::{Instant, UNIX_EPOCH};

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value as Json};

use crate::clock;
use crate::neighbour;
use crate::outbound::urlencoded;
use crate::trees;

use super::auth::{Auth, OAuth1, Signed, TokenRequest, issued, key};
use super::body::pairs;
use super::call::Run;
use super::client::{Sent, Unrepeated, header};
use super::failure::Told;
use super::run::{Prepared, TOKEN_TIME};
use super::scope::{Absent, Scope, words};
use super::settings::Call;
use super::state::State;
use super::template::Path;
use super::url::url;

/// How a call says who it is.
#[derive(Default)]
pub(super) struct Token {
    /// `{token}` in the headers.
    pub(super) placeholder: Option<String>,
    /// By what it is kept, to be forgotten where it is refused.
    pub(super) cached: Option<[u8; 32]>,
    /// The whole `Authorization` header.
    pub(super) header: Option<String>,
}

impl Run<'_> {
    pub(super) async fn sign(&self, state: &State, call: &Call, prepared: &Prepared) -> Result<Token, Told> {
        match &call.auth {
            None => Ok(Token::default()),
            Some(Auth::OAuth1(own)) => self.signature(state, own, prepared).await,
            Some(Auth::Bearer(own)) => {
                let fill = |scope: &Scope<'_>| {
                    let part = |part: &Option<super::template::Template>| match part {
                        Some(part) => scope.fill(part),
                        None => Ok(Json::Null),
                    };
                    let url = match url(scope, &own.url)? {
                        Ok(url) => url,
                        Err(what) => return Ok(Err(what)),
                    };
                    let (content, headers, params) =
                        (part(&own.content)?, part(&own.headers)?, part(&own.params)?);
                    let key = key(&[&url.clone().into(), &content, &headers, &params]);
                    let headers = headers.as_object().cloned().unwrap_or_default();
                    let (method, is_json) = (own.method.clone(), own.is_json);
                    Ok(Ok(TokenRequest { url, method, is_json, content, headers, params, key }))
                };
                let request = self.filled(state, Absent::Fails, &Map::new(), fill).await?;
                let request = request.map_err(|what| Told::final_one(format!("`auth`: {what}")))?;
                self.token(request, &own.credential_key).await
            }
            Some(Auth::Certificate(own)) => {
                let fill = |scope: &Scope<'_>| {
                    let texts: Result<Vec<Json>, _> = own.texts().map(|text| scope.text(text)).collect();
                    let templates: Result<Vec<Json>, _> =
                        own.templates().map(|part| scope.fill(part)).collect();
                    Ok((texts?, templates?))
                };
                let (texts, templates) = self.filled(state, Absent::Fails, &Map::new(), fill).await?;
                let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                let request = own.request(&texts, &templates, now);
                self.token(request.map_err(|what| Told::final_one(what.to_owned()))?, &own.credential_key)
                    .await
            }
        }
    }

    async fn signature(&self, state: &State, own: &OAuth1, prepared: &Prepared) -> Result<Token, Told> {
        let fill = |scope: &Scope<'_>| own.texts().map(|text| Ok(words(&scope.text(text)?))).collect();
        let filled: Vec<String> = self.filled(state, Absent::Fails, &Map::new(), fill).await?;
        let [consumer_key, consumer_secret, token_key, token_secret, realm @ ..] = filled.as_slice() else {
            return Err(Told::final_one("its `auth` is not complete".to_owned()));
        };
        let url = Url::parse(&prepared.url).map_err(|_| Told::final_one("its `url` is none".to_owned()))?;
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random)
            .map_err(|_| Told::passing("the system gives no random numbers".to_owned()))?;
        let signed = Signed {
            consumer_key,
            consumer_secret,
            token_key,
            token_secret,
            realm: realm.first().map(String::as_str),
            hash: own.hash,
            timestamp: clock::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            nonce: &hex::encode(random),
        };
        let header = signed.header(&prepared.method, &url, &prepared.form);
        Ok(Token { header: Some(header), ..Token::default() })
    }

    /// A token that is known, or a new one.
    async fn token(&self, request: TokenRequest, credential_key: &Path) -> Result<Token, Told> {
        let tokens = &self.processor.tokens;
        let key = request.key;
        if let Some(token) = tokens.get(&key, Instant::now()).await {
            return Ok(Token { placeholder: Some(token), cached: Some(key), header: None });
        }
        let clients = &self.processor.clients;
        let mut url =
            clients.admit(&request.url).map_err(|what| Told::final_one(format!("`auth`: {what}")))?;
        if let Json::Object(params) = &request.params {
            let params = pairs(params);
            if !params.is_empty() {
                url.query_pairs_mut().extend_pairs(params);
            }
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let made = header(name, &words(value));
            let (name, value) =
                made.ok_or_else(|| Told::final_one("`auth`: a header cannot be made".to_owned()))?;
            headers.insert(name, value);
        }
        let (body, kind) = match &request.content {
            Json::Null => (Vec::new(), None),
            content if request.is_json => (content.to_string().into_bytes(), Some("application/json")),
            Json::Object(form) => {
                (urlencoded(&pairs(form)).into_bytes(), Some("application/x-www-form-urlencoded"))
            }
            other => (words(other).into_bytes(), None),
        };
        if let Some((name, value)) =
            kind.filter(|_| !headers.contains_key(CONTENT_TYPE)).and_then(|kind| header("content-type", kind))
        {
            headers.insert(name, value);
        }
        let unrepeated = Unrepeated::default(); // what is told of a refusal is looked through below
        let sent = Sent { method: request.method.clone(), url, headers, body: &body, unrepeated };
        let answer = clients.send(sent, TOKEN_TIME, self.deadline).await;
        let answer = answer.map_err(|error| {
            let what = format!("Annex cannot get its token: {error}");
            if error.is_final() { Told::final_one(what) } else { Told::passing(what) }
        })?;
        if !answer.is_ok() {
            let secrets = own_words(&request);
            let refusal = neighbour::refusal(answer.status, &answer.body, &secrets);
            let what = format!("Annex cannot get its token: status {}", answer.status);
            let what = if refusal.words.is_empty() { what } else { format!("{what}, {}", refusal.words) };
            return Err(if refusal.may_pass { Told::passing(what) } else { Told::final_one(what) });
        }
        let json: Option<Json> = trees::read(&answer.body, trees::SMALL).ok();
        let found = json.as_ref().and_then(|json| issued(json, credential_key));
        let (secret, life) = found.ok_or_else(|| {
            let kind = if answer.is_whole { neighbour::kind(json.as_ref()) } else { "more than 1,000,000 bytes" };
            Told::final_one(format!(
                "Annex cannot get its token: the token endpoint answered {} with {kind}, and there is no token at `credential_key` in it",
                answer.status
            ))
        })?;
        let token = String::from_utf8_lossy(secret.expose()).into_owned();
        if token.trim().contains(char::is_control) {
            let (status, no_header) = (answer.status, neighbour::NO_HEADER);
            return Err(Told::final_one(format!(
                "Annex cannot get its token: the token endpoint answered {status} with {no_header}"
            )));
        }
        tokens.keep(key, secret, Instant::now() + life).await;
        Ok(Token { placeholder: Some(token), cached: Some(key), header: None })
    }
}

/// The texts of a request for a token that nobody may read in the answer to it: all but those that say what is asked for.
fn own_words(request: &TokenRequest) -> Vec<&str> {
    const PUBLIC: [&str; 6] =
        ["grant_type", "scope", "client_id", "client_assertion_type", "audience", "resource"];
    const HEADERS: [&str; 3] = ["accept", "content-type", "user-agent"];
    fn collect<'r>(value: &'r Json, into: &mut Vec<&'r str>) {
        match value {
            Json::String(text) => into.push(text),
            Json::Array(list) => list.iter().for_each(|value| collect(value, into)),
            Json::Object(map) => {
                let secret = map.iter().filter(|(name, _)| !PUBLIC.contains(&name.as_str()));
                secret.for_each(|(_, value)| collect(value, into));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&request.content, &mut found);
    collect(&request.params, &mut found);
    let headers = request.headers.iter();
    let secret = headers.filter(|(name, _)| !HEADERS.iter().any(|public| name.eq_ignore_ascii_case(public)));
    secret.for_each(|(_, value)| collect(value, &mut found));
    found
}
