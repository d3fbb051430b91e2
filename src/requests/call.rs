//! One call: what it sends, and what its handlers make of the answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::Url;
use serde_json::{Map, Value as Json};
use tracing::warn;

use crate::api::Fetched;
use crate::neighbour;
use crate::outbound::urlencoded;
use crate::slices::{Budget, apart, aside};
use crate::trees::work_with;

use super::body::{Body, pairs};
use super::client::Answer;
use super::failure::{Failure, Told};
use super::filter::{Filter, Values};
use super::run::{Credentials, Prepared, Processor};
use super::scope::{Absent, Scope, Unfilled};
use super::settings::{Call, Handler, Target};
use super::state::{State, Upload};
use super::template::{Path, Template};
use super::url::url;

/// For one handler's look at an answer.
const EXTRACTION: Duration = Duration::from_secs(2);
/// Bytes that one handler takes out of an answer.
const LARGEST_EXTRACT: usize = 16 << 20;
/// The end of what is told of an answer that was not understood.
pub(super) const LOOK_THERE: &str = "It may have been taken or not: look there before you export again.";
/// Fetches of one call or query at most.
const FETCHES: usize = 50;

/// What one step of a run works with.
pub(super) struct Run<'r> {
    pub(super) processor: &'r Processor,
    pub(super) credentials: &'r Credentials,
    pub(super) deadline: Instant,
}

impl Values for Scope<'_> {
    fn find(&self, path: &Path) -> Result<Option<Json>, Unfilled> {
        Ok(Scope::find(self, path)?.map(std::borrow::Cow::into_owned))
    }

    fn fill(&self, template: &Template) -> Result<Json, Unfilled> {
        Scope::fill(self, template)
    }
}

impl Run<'_> {
    /// Names that only a call has.
    pub(super) fn names(state: &State, call: &Call) -> Map<String, Json> {
        let mut names = Map::new();
        if let Some(item) = state.items.as_ref().and_then(|items| items.get(state.item)) {
            names.insert(call.request.item.clone(), item.clone());
        }
        names.insert("sequence".to_owned(), state.item.into());
        names
    }

    /// What `fill` makes; whatever it lacks of Rossum's is fetched, then it is asked again.
    pub(super) async fn filled<T>(
        &self,
        state: &State,
        absent: Absent,
        names: &Map<String, Json>,
        fill: impl Fn(&Scope<'_>) -> Result<T, Unfilled>,
    ) -> Result<T, Told> {
        let processor = self.processor;
        let mut secrets = self.credentials.secrets.clone();
        for (name, secret) in processor.secrets.iter().filter(|(_, secret)| !secret.is_absent()) {
            secrets.insert(name.clone(), String::from_utf8_lossy(secret.expose()).into());
        }
        let mut names = names.clone();
        if let Some(token) = &self.credentials.token {
            names.insert("rossum_authorization_token".to_owned(), token.clone().into());
        }
        let is_rossum = |url: &str| processor.api.as_ref().is_some_and(|api| api.is_own(url));
        let mut fetched: HashMap<String, Fetched> = HashMap::new();
        loop {
            let scope = || Scope {
                payload: &state.payload,
                fields: &state.fields,
                property: &state.property,
                secrets: &secrets,
                names: &names,
                fetched: &fetched,
                absent,
                rossum: Some(&is_rossum),
            };
            let result = aside(self.deadline, || fill(&scope()));
            match result.map_err(|spent| Told::passing(spent.to_string()))? {
                Ok(filled) => return Ok(filled),
                Err(Unfilled::Missing(path)) => {
                    return Err(Told::final_one(format!("there is no `{{{path}}}` for this document")));
                }
                Err(Unfilled::Foreign(path)) => {
                    return Err(Told::final_one(format!(
                        "`{{{path}}}` is not of the account in [rossum]: only that is fetched with `.@`"
                    )));
                }
                Err(Unfilled::Fetch(_)) if fetched.len() >= FETCHES => {
                    return Err(Told::final_one(format!(
                        "it fetches more than {FETCHES} things for one call"
                    )));
                }
                Err(Unfilled::Fetch(url)) => {
                    let api = processor.api.as_ref();
                    let api = api
                        .ok_or_else(|| Told::final_one("there is no [rossum] to fetch it with".to_owned()))?;
                    let found = api.fetch(&url, self.deadline).await;
                    let found = found.map_err(|error| Told::of_api("what `.@` fetches", &error))?;
                    fetched.insert(url, found);
                }
            }
        }
    }

    pub(super) async fn items(&self, state: &State, path: &Path) -> Result<Vec<Json>, Told> {
        let find = |scope: &Scope<'_>| Ok(Scope::find(scope, path)?.map(std::borrow::Cow::into_owned));
        Ok(match self.filled(state, Absent::Fails, &Map::new(), find).await? {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(list)) => list,
            Some(column) if column.get("all_values").is_some() => {
                return Err(Told::final_one(format!(
                    "`{path}` is a column: iterate over `{path}.all_values`"
                )));
            }
            Some(one) => vec![one],
        })
    }

    pub(super) async fn prepare(&self, state: &State, call: &Call, name: String) -> Result<Prepared, Told> {
        let request = &call.request;
        let names = Self::names(state, call);
        let made = self.filled(state, Absent::Fails, &names, |scope| {
            let address = url(scope, &request.url)?;
            let params = request.params.as_ref().map(|params| scope.fill(params)).transpose()?;
            let content = request.content.as_ref().map(|content| scope.fill(content)).transpose()?;
            let body = Body::new(request.content_type, &content.unwrap_or_default(), scope);
            Ok((address, params, body))
        });
        let (address, params, body) = made.await?;
        let body = body.map_err(Told::final_one)?;
        let mut address: Url =
            self.processor.clients.admit(&address.map_err(Told::final_one)?).map_err(Told::final_one)?;
        match params {
            Some(Json::Object(map)) if !map.is_empty() => {
                let more = urlencoded(&pairs(&map));
                let query =
                    address.query().filter(|query| !query.is_empty()).map(|query| format!("{query}&{more}"));
                address.set_query(Some(&query.unwrap_or(more)));
            }
            _ => {}
        }
        Ok(Prepared {
            name,
            method: request.method.to_string(),
            url: address.to_string(),
            content_type: body.content_type,
            form: body.form,
            body: body.bytes,
        })
    }

    /// What one handler makes of an answer; whether it applied.
    pub(super) async fn handle(
        &self,
        state: &mut State,
        call: &Call,
        handler: &Handler,
        answer: &Answer,
        response: &Json,
        name: &str,
    ) -> Result<bool, Failure> {
        let key = handler.key.replace("{sequence}", &state.item.to_string());
        let found = match &handler.value {
            None => Json::Null,
            Some(extract) => {
                if extract.reads_json() && answer.is_ok() && !answer.is_understood(response) {
                    let what = format!("{key}: the answer is not JSON, maybe a login page. {LOOK_THERE}");
                    return Err(Failure::final_one(name, &what));
                }
                let deadline = self.deadline.min(Instant::now() + EXTRACTION);
                let budget = Budget::until(deadline).with_memory(LARGEST_EXTRACT);
                let found = work_with(&answer.body, self.deadline, || extract.from(response, &budget));
                match found.unwrap_or_else(|spent| Err(spent.to_string())) {
                    Ok(found) => found,
                    Err(problem) => {
                        state.problems.push(format!("{name}: {key}: {problem}"));
                        return Ok(false);
                    }
                }
            }
        };
        if let Some(condition) = &handler.condition
            && !self
                .applies(state, call, condition, answer, response, &found)
                .await
                .map_err(|told| told.at(name))?
        {
            return Ok(false);
        }
        match handler.target {
            Target::Field => {
                if found.is_null() {
                    warn!(
                        annotation = state.annotation,
                        "{name}: the answer has nothing for the field {key}"
                    );
                }
                let written = match &found {
                    Json::Number(number) if number.is_f64() => {
                        let spelling = || neighbour::spelling(&answer.body, number);
                        work_with(&answer.body, self.deadline, spelling)
                            .map_err(|spent| Told::passing(spent.to_string()).at(name))?
                    }
                    _ => None,
                };
                state.write(&key, &written.map_or(found, Json::String));
            }
            Target::Property => {
                state.property.insert(key, found);
            }
            Target::DocumentRelation => {
                let name = format!("{key}_response");
                state.uploads.push(Upload { key, name, text: answer.text() });
            }
        }
        Ok(true)
    }

    async fn applies(
        &self,
        state: &State,
        call: &Call,
        condition: &Filter,
        answer: &Answer,
        response: &Json,
        found: &Json,
    ) -> Result<bool, Told> {
        let names = work_with(&answer.body, self.deadline, || {
            let mut names = Self::names(state, call);
            names.insert("response".to_owned(), response.clone());
            names.insert("found_value".to_owned(), found.clone());
            names
        });
        let names = names.map_err(|spent| Told::passing(spent.to_string()))?;
        let holds = self.filled(state, Absent::IsNullUnfetched, &names, |scope| condition.holds(scope)).await;
        apart(|| drop(names));
        holds
    }
}
