//! One run through the stages: what is sent next, and what an answer changes. Between two calls all of it is in [`State`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::api::Api;
use crate::export::SendError;
use crate::export::target::LONGEST_ANSWER;
use crate::outbound::{self, ClientError, Uplink};
use crate::secret::Secret;
use crate::slices::Spent;
use crate::trees::{ANSWERS, make_of};

use super::auth::Tokens;
use super::call::{LOOK_THERE, Run};
use super::client::{Answer, Clients, Sent, Unrepeated, header};
use super::failure::{Failure, Told};
use super::scope::{Absent, Scope};
use super::settings::{Call, Settings, called};
use super::state::{State, Upload};
use super::template::Text;

/// Settings with all that they need to run.
pub struct Processor {
    pub settings: Settings,
    /// Secrets of this server's own: `{payload.secrets.NAME}`.
    pub secrets: HashMap<String, Secret>,
    /// Rossum's API, once it is there.
    pub api: Option<Arc<Api>>,
    pub(super) clients: Clients,
    pub(super) tokens: Tokens,
}

/// What a delivery brings that is never kept.
#[derive(Default)]
pub struct Credentials {
    /// The hook's secrets, as Rossum sends them.
    pub secrets: Map<String, Json>,
    pub token: Option<String>,
}

/// Names of what stands among the secrets of a hook, and is none: an answer may well have it.
const PUBLIC: [&str; 10] =
    ["account", "client_id", "company", "domain", "email", "host", "login", "tenant", "url", "user"];

impl Credentials {
    /// All that no answer shall repeat: the hook's secrets, this server's own, and the token.
    fn known(&self, own: &HashMap<String, Secret>) -> Vec<Secret> {
        let is_public = |name: &str| {
            let name = name.to_ascii_lowercase();
            PUBLIC.iter().any(|public| name.contains(public))
        };
        let of_hook = self.secrets.iter().filter(|(name, _)| !is_public(name));
        let texts = of_hook.filter_map(|(_, value)| value.as_str()).chain(self.token.as_deref());
        texts.map(|text| Secret::new(text.as_bytes())).chain(own.values().cloned()).collect()
    }
}

impl Call {
    /// Its headers that prove who we are. One that is made of the document's values proves nothing, unless its name says so.
    fn proofs(&self) -> Vec<HeaderName> {
        let named = self
            .request
            .headers
            .iter()
            .filter_map(|(name, text)| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, text)));
        let is_of_document =
            |text: &Text| text.holes().any(|hole| !hole.path.is_secret() && hole.path.root() != "token");
        let proves = |name: &HeaderName, text: &Text| {
            outbound::is_proof(name) || !outbound::is_harmless(name) && !is_of_document(text)
        };
        let proofs = named.filter(|(name, text)| proves(name, text)).map(|(name, _)| name);
        proofs.chain([AUTHORIZATION]).collect()
    }
}

/// A call that is ready; its body is kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// `stage 1, call create_draft`
    pub name: String,
    pub method: String,
    pub url: String,
    pub content_type: Option<String>,
    #[serde(default)]
    pub(super) form: Vec<(String, String)>,
    #[serde(skip)]
    pub body: Vec<u8>,
}

impl Prepared {
    /// Where it goes, for people.
    pub fn host(&self) -> String {
        let url = reqwest::Url::parse(&self.url).ok();
        url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// That it was not made, which waiting may mend.
    pub fn unsent(&self, text: &str, cause: String) -> Failure {
        Told { text: text.to_owned(), ..Told::passing(cause) }.at(&self.name)
    }
}

/// What is next.
pub enum Next {
    Call(Box<Prepared>),
    /// Something was done that must not be done again: the state is to be kept before the run goes on.
    Further,
    Finished,
}

impl Processor {
    /// `hosts` may be called beside those that stand in the settings.
    pub fn new(
        settings: Settings,
        secrets: HashMap<String, Secret>,
        uplink: Uplink,
        hosts: &[String],
    ) -> Result<Self, ClientError> {
        let mut all = settings.hosts();
        all.extend(hosts.iter().map(|host| host.to_ascii_lowercase()));
        Ok(Self {
            settings,
            secrets,
            api: None,
            clients: Clients::new(uplink, all)?,
            tokens: Tokens::default(),
        })
    }

    /// Whether a host of the settings answers at all: the status of its root. No credentials are sent.
    pub async fn look(&self, host: &str, deadline: Instant) -> Result<u16, SendError> {
        let url = self.settings.url_of(host).unwrap_or_default();
        let url = self.clients.admit(&url).map_err(SendError::Refused)?;
        let unrepeated = Unrepeated::default();
        let sent = Sent { method: Method::HEAD, url, headers: HeaderMap::new(), body: &[], unrepeated };
        Ok(self.clients.send(sent, TOKEN_TIME, deadline).await?.status)
    }

    /// The call that is next. What it says of a failure names the call.
    pub async fn next(
        &self,
        state: &mut State,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<Next, Failure> {
        if let Some(upload) = state.uploads.first() {
            let api = self.api.as_ref().ok_or_else(|| Failure::final_one("", "there is no [rossum]"))?;
            let Upload { key, name, text } = upload;
            let done = api.attach(&state.annotation, key, name, text, deadline).await;
            done.map_err(|error| Failure::of_api("an answer that is to become a document", &error))?;
            state.uploads.remove(0);
            return Ok(Next::Further);
        }
        while let Some(stage) = self.settings.stages.get(state.stage) {
            if !state.is_entered {
                let place = format!("stage {}", state.stage + 1);
                let holds = |scope: &Scope<'_>| {
                    for filter in &stage.evaluate {
                        if !filter.holds(scope)? {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                };
                let run = Run { processor: self, credentials, deadline };
                if !run
                    .filled(state, Absent::IsNullUnfetched, &Map::new(), holds)
                    .await
                    .map_err(|told| told.at(&place))?
                {
                    state.leave_stage();
                    continue;
                }
                for content in &stage.get_content {
                    let found = run.gather(state, content).await;
                    let found =
                        found.map_err(|told| told.at(&format!("{place}, get_content {}", content.name)))?;
                    state.property.insert(content.name.clone(), found);
                }
                state.is_entered = true;
            }
            let Some(call) = stage.call_api.get(state.call) else {
                state.leave_stage();
                continue;
            };
            let name = called(state.stage, &call.name);
            let run = Run { processor: self, credentials, deadline };
            if let Some(path) = call.request.iterate_over.as_ref().filter(|_| state.items.is_none()) {
                let items = run.items(state, path).await.map_err(|told| told.at(&name))?;
                if items.is_empty() {
                    state.leave_call();
                    continue;
                }
                state.items = Some(items);
            }
            let prepared = run.prepare(state, call, name.clone()).await.map_err(|told| told.at(&name))?;
            return Ok(Next::Call(Box::new(prepared)));
        }
        Ok(Next::Finished)
    }

    fn call(&self, state: &State) -> Option<&Call> {
        self.settings.stages.get(state.stage)?.call_api.get(state.call)
    }

    /// Whether a time-out of the call that is next is to be passed over.
    pub fn ignores_timeout(&self, state: &State) -> bool {
        self.call(state).is_some_and(|call| call.request.ignore_timeout)
    }

    /// The name of the call that is next, as the settings have it.
    pub fn call_name(&self, state: &State) -> &str {
        self.call(state).map_or("", |call| &call.name)
    }

    /// Leaves the call that is next out.
    pub fn pass_over(&self, state: &mut State) {
        state.advance();
    }

    /// Leaves out the call that cannot be made, with all its items, or the stage that cannot be entered.
    pub fn abandon(&self, state: &mut State) {
        if state.is_entered { state.leave_call() } else { state.leave_stage() }
    }

    /// Sends a call, once; a token that is refused is fetched anew.
    pub async fn send(
        &self,
        state: &State,
        credentials: &Credentials,
        prepared: &Prepared,
        key: &str,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        let run = Run { processor: self, credentials, deadline };
        let at = |told: Told| told.at(&prepared.name);
        let Some(call) = self.call(state) else {
            return Err(Failure::final_one(&prepared.name, "the settings have no such call any more"));
        };
        let mut is_second = false;
        loop {
            let mut names = Run::names(state, call);
            let token = run.sign(state, call, prepared).await.map_err(at)?;
            if let Some(token) = &token.placeholder {
                names.insert("token".to_owned(), token.clone().into());
            }
            let filled = run.filled(state, Absent::Fails, &names, |scope| {
                call.request
                    .headers
                    .iter()
                    .map(|(name, text)| Ok((name, super::scope::words(&scope.text(text)?))))
                    .collect::<Result<Vec<_>, _>>()
            });
            let mut headers = HeaderMap::new();
            let key_header = ("idempotency-key".to_owned(), key.to_owned());
            let mut all = vec![(&key_header.0, key_header.1)];
            all.extend(filled.await.map_err(at)?);
            for (name, value) in all {
                let (name, value) = header(name, &value)
                    .ok_or_else(|| Failure::final_one(&prepared.name, "a header cannot be made"))?;
                headers.insert(name, value);
            }
            if let Some((name, value)) =
                token.header.as_ref().and_then(|value| header("authorization", value))
            {
                headers.insert(name, value);
            }
            // The boundary of a form is ours to say; else what the settings say wins.
            if let Some((name, value)) =
                prepared.content_type.as_ref().and_then(|kind| header("content-type", kind))
                && (!headers.contains_key(CONTENT_TYPE)
                    || value.to_str().is_ok_and(|kind| kind.starts_with("multipart/")))
            {
                headers.insert(name, value);
            }
            let url = self
                .clients
                .admit(&prepared.url)
                .map_err(|what| Failure::final_one(&prepared.name, &what))?;
            let method = Method::from_bytes(prepared.method.as_bytes())
                .map_err(|_| Failure::final_one(&prepared.name, "it has no method"))?;
            let mut secrets = credentials.known(&self.secrets);
            secrets.extend(token.placeholder.as_ref().map(|token| Secret::new(token.as_bytes())));
            let unrepeated = Unrepeated { secrets, headers: call.proofs() };
            let sent = Sent { method, url, headers, body: &prepared.body, unrepeated };
            let answer = self.clients.send(sent, call.request.timeout, deadline).await;
            let answer = answer.map_err(|error| Failure::unsent(&prepared.name, &error))?;
            match token.cached {
                Some(key) if answer.status == 401 && !is_second => {
                    self.tokens.forget(&key).await;
                    is_second = true;
                }
                _ => return Ok(answer),
            }
        }
    }

    /// Takes an answer in: what the handlers make of it, and then the next call is next.
    pub async fn take(
        &self,
        state: &mut State,
        credentials: &Credentials,
        answer: &Answer,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let Some(call) = self.call(state) else { return Ok(()) };
        let name = called(state.stage, &call.name);
        let run = Run { processor: self, credentials, deadline };
        let handlers = call.priority_handlers.len() + call.handlers.len();
        if handlers == 0 {
            state.advance();
            return Ok(());
        }
        if !answer.is_whole {
            let what = format!(
                "the answer has more than {LONGEST_ANSWER} bytes, which is too much to read. {LOOK_THERE}"
            );
            return Err(Failure::final_one(&name, &what));
        }
        let spent =
            |spent: Spent| Told::passing(format!("other answers keep this one waiting: {spent}")).at(&name);
        let room = ANSWERS.room(&answer.body, deadline).await.map_err(spent)?;
        let response = make_of(&answer.body, deadline, || answer.to_json(room)).map_err(spent)?;
        let response = response
            .map_err(|unread| Failure::final_one(&name, &format!("its answer: {unread}. {LOOK_THERE}")))?;
        for handler in &call.priority_handlers {
            if run.handle(state, call, handler, answer, &response, &name).await? {
                break;
            }
        }
        for handler in &call.handlers {
            run.handle(state, call, handler, answer, &response, &name).await?;
        }
        state.advance();
        Ok(())
    }
}

/// The time of one token's request.
pub(super) const TOKEN_TIME: Duration = Duration::from_secs(10);
