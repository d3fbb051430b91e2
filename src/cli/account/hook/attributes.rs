//! What a hook is like, as flags say it.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::rossum::Event;

use super::super::super::exit::Failure;
use super::super::super::send;

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum HookType {
    Webhook,
    Function,
}

impl HookType {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Function => "function",
        }
    }
}

/// What a hook is like, for `create` and `change`.
#[derive(clap::Args)]
pub(super) struct Attributes {
    /// The type of the hook: a webhook, or a function that Rossum runs
    #[arg(long, short = 't', value_enum, value_name = "TYPE")]
    pub(super) hook_type: Option<HookType>,
    /// The id of a queue of the hook. Repeat the option for several queues
    #[arg(long, short, value_name = "ID")]
    pub(super) queue_id: Vec<u64>,
    /// Whether Rossum calls the hook
    #[arg(long, value_name = "BOOL")]
    pub(super) active: Option<bool>,
    /// An event, such as `annotation_content.updated`; `annotation_content` means all its actions. Repeat the option for several events
    #[arg(long, short, value_name = "EVENT")]
    pub(super) events: Vec<String>,
    /// The URL that Rossum calls
    #[arg(long, value_name = "URL")]
    pub(super) config_url: Option<String>,
    /// The secret that Rossum signs with
    #[arg(
        long,
        value_name = "SECRET",
        help = "The secret that Rossum signs with: itself, env:NAME or file:PATH"
    )]
    pub(super) config_secret: Option<String>,
    /// Whether Rossum calls a server whose certificate it cannot verify
    #[arg(long, value_name = "BOOL")]
    pub(super) config_insecure_ssl: Option<bool>,
    /// A file with the code of a function
    #[arg(long, value_name = "FILE")]
    pub(super) config_code: Option<PathBuf>,
    /// The runtime of a function, such as python3.12 or nodejs22.x
    #[arg(long, value_name = "RUNTIME")]
    pub(super) config_runtime: Option<String>,
    /// What Rossum sends with a delivery, such as schemas or queues. Repeat the option for several
    #[arg(long, short, value_name = "WHAT")]
    pub(super) sideload: Vec<String>,
    /// The id of the user whose token the hook gets
    #[arg(long, value_name = "USER_ID")]
    pub(super) token_owner: Option<u64>,
    /// The id of a hook that runs before it. Repeat the option for several hooks
    #[arg(long, value_name = "HOOK_ID")]
    pub(super) run_after: Vec<u64>,
    /// The `test` object of the hook, as JSON: settings that Rossum stores for trying the hook out
    #[arg(long, value_name = "JSON")]
    pub(super) test: Option<String>,
}

/// Pairs; a whole event stands for all that Rossum documents.
pub(super) fn pairs(events: &[String]) -> Result<Vec<String>, Failure> {
    let mut all: Vec<String> = Vec::new();
    for event in events {
        let known: Vec<&str> = if event.contains('.') {
            Event::known_patterns().filter(|pattern| pattern == event).collect()
        } else {
            let pair = |pattern: &&str| pattern.split_once('.').is_some_and(|(whole, _)| whole == event);
            Event::known_patterns().filter(pair).collect()
        };
        if known.is_empty() {
            let list = Event::known_patterns()
                .filter(|pattern| pattern.contains('.'))
                .collect::<Vec<_>>()
                .join(", ");
            return Err(Failure::usage(
                format_args!("Rossum has no event {event}"),
                format_args!("name one of {list}"),
            ));
        }
        for pair in known {
            if !all.iter().any(|one| one == pair) {
                all.push(pair.to_owned());
            }
        }
    }
    Ok(all)
}

impl Attributes {
    /// The parts of `config` that are asked for.
    pub(super) fn config(&self) -> Result<Map<String, Value>, Failure> {
        let mut config = Map::new();
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                config.insert(key.to_owned(), value);
            }
        };
        add("url", self.config_url.clone().map(Value::from));
        add("insecure_ssl", self.config_insecure_ssl.map(Value::from));
        let secret = self.config_secret.as_deref().map(send::secret_of).transpose()?;
        add("secret", secret.map(|secret| String::from_utf8_lossy(secret.expose()).into()));
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .map_err(|error| Failure::Because(format!("{}: {error}", path.display())))
        };
        add("code", self.config_code.as_ref().map(read).transpose()?.map(Value::from));
        add("runtime", self.config_runtime.clone().map(Value::from));
        Ok(config)
    }

    pub(super) fn test(&self) -> Result<Option<Value>, Failure> {
        let Some(text) = &self.test else { return Ok(None) };
        let json = serde_json::from_str(text);
        json.map(Some).map_err(|error| {
            Failure::usage(format_args!("--test is not JSON: {error}"), "write an object, such as '{}'")
        })
    }
}
