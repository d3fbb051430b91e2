//! `annex hook create` and `annex hook change`.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::account::Session;
use crate::shown::counted;

use super::super::super::exit::{Failure, print};
use super::super::{Access, configured, ids_of, text_of};
use super::attributes::{Attributes, HookType, pairs};
use super::hidden;

#[derive(clap::Args)]
pub(in super::super::super) struct CreateArguments {
    /// The name of the hook in Rossum
    name: String,
    #[command(flatten)]
    attributes: Attributes,
    /// The name of a hook of the configuration: its URL, secret, events and sideload are used where no option gives others
    #[arg(long, value_name = "HOOK")]
    from_config: Option<String>,
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) access: Access,
}

#[derive(clap::Args)]
pub(in super::super::super) struct ChangeArguments {
    /// The id of the hook
    id: u64,
    /// The new name of the hook
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    attributes: Attributes,
    #[command(flatten)]
    pub(super) access: Access,
}

pub(super) async fn create(session: &Session, arguments: &CreateArguments) -> Result<(), Failure> {
    let CreateArguments { name, attributes, from_config, config, access } = arguments;
    let mut own = attributes.config()?;
    let configured = match from_config {
        Some(hook) if own.contains_key("url") && own.contains_key("secret") => {
            Some(configured::hook_behind_tunnel(config.clone(), hook)?)
        }
        Some(hook) => Some(configured::hook(config.clone(), hook)?),
        None => None,
    };
    let mut events = pairs(&attributes.events)?;
    let mut sideload = attributes.sideload.clone();
    if let Some(known) = configured {
        let secret = known.secret();
        if events.is_empty() {
            events = known.events;
        }
        if sideload.is_empty() && known.needs_schema {
            sideload = vec!["schemas".to_owned()];
        }
        own.entry("url").or_insert_with(|| known.url.into());
        own.entry("secret").or_insert_with(|| secret.into());
    }
    if events.is_empty() {
        return Err(Failure::usage(
            "a hook needs events",
            "add -e annotation_content.updated, or --from-config HOOK",
        ));
    }
    let kind = attributes.hook_type.unwrap_or(HookType::Webhook);
    if matches!(kind, HookType::Webhook) && !own.contains_key("url") {
        return Err(Failure::usage("a webhook needs a URL", "add --config-url URL, or --from-config HOOK"));
    }
    let test = attributes.test()?.unwrap_or_else(|| json!({}));
    let mut queues = Vec::new();
    if attributes.queue_id.is_empty() {
        match session.list("queues").await?.as_slice() {
            [one] => queues.push(one["url"].clone()),
            all => {
                return Err(Failure::usage(
                    format_args!("the account has {}, and no option names one", counted(all.len(), "queue")),
                    "add -q ID; `annex queue list` shows the ids",
                ));
            }
        }
    }
    for id in &attributes.queue_id {
        queues.push(session.get(&format!("queues/{id}")).await?["url"].clone());
    }
    let run_after: Vec<_> = attributes.run_after.iter().map(|id| session.url("hooks", *id)).collect();
    let mut body = json!({
        "name": name, "type": kind.word(), "queues": queues, "active": attributes.active.unwrap_or(true),
        "events": events, "sideload": sideload, "config": own, "metadata": {}, "run_after": run_after, "test": test,
    });
    if let Some(owner) = attributes.token_owner {
        let body = body.as_object_mut().into_iter();
        body.for_each(|body| {
            body.insert("token_owner".to_owned(), session.url("users", owner).into());
        });
    }
    let made = session.change(Method::POST, "hooks", Some(&body)).await?;
    if session.is_dry_run() {
        return access.nothing_sent();
    }
    if access.json {
        return print(hidden(made));
    }
    let (id, url) = (text_of(&made["id"]), text_of(&made["config"]["url"]));
    print(format_args!("hook {id} is registered: {name}"))?;
    print(format_args!("  events  {}", text_of(&made["events"])))?;
    print(format_args!("  queues  {}", ids_of(&made["queues"])))?;
    if url.is_empty() { Ok(()) } else { print(format_args!("  url     {url}")) }
}

pub(super) async fn change(session: &Session, arguments: &ChangeArguments) -> Result<(), Failure> {
    let ChangeArguments { id, name, attributes, access } = arguments;
    let config = attributes.config()?;
    let test = attributes.test()?;
    let mut asked = Map::new();
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            asked.insert(key.to_owned(), value);
        }
    };
    let some = |list: &[String]| (!list.is_empty()).then(|| json!(list));
    add("name", name.clone().map(Value::from));
    add("type", attributes.hook_type.map(|kind| kind.word().into()));
    add("active", attributes.active.map(Value::from));
    add("events", some(&pairs(&attributes.events)?));
    add("sideload", some(&attributes.sideload));
    add("token_owner", attributes.token_owner.map(|owner| session.url("users", owner).into()));
    let run_after: Vec<_> = attributes.run_after.iter().map(|id| session.url("hooks", *id)).collect();
    add("run_after", some(&run_after));
    add("test", test);
    if asked.is_empty() && config.is_empty() && attributes.queue_id.is_empty() {
        return access
            .result(json!({"hook": id, "changed": []}), "nothing to change: no option names a change");
    }
    let path = format!("hooks/{id}");
    let hook = session.get(&path).await?;
    if !attributes.queue_id.is_empty() {
        let mut queues = Vec::new();
        for id in &attributes.queue_id {
            queues.push(session.get(&format!("queues/{id}")).await?["url"].clone());
        }
        asked.insert("queues".to_owned(), json!(queues));
    }
    if !config.is_empty() {
        // Whether Rossum merges a part of `config` or takes it for the whole is not documented: the whole is sent.
        let mut whole = hook["config"].as_object().cloned().unwrap_or_default();
        whole.extend(config);
        asked.insert("config".to_owned(), whole.into());
    }
    let said = changes(&hook, &asked);
    if said.is_empty() {
        return access.result(
            json!({"hook": id, "changed": []}),
            format_args!("nothing to change: hook {id} is like that already"),
        );
    }
    session.change(Method::PATCH, &path, Some(&Value::Object(asked))).await?;
    if access.json {
        return print(json!({"hook": id, "changed": said, "dry_run": session.is_dry_run()}));
    }
    let verb = if session.is_dry_run() { "would be changed" } else { "is changed" };
    print(format_args!("hook {id} ({}) {verb}:", text_of(&hook["name"])))?;
    said.iter().try_for_each(|line| print(format_args!("  {line}")))
}

/// What differs from how the hook is, for people.
pub(super) fn changes(hook: &Value, asked: &Map<String, Value>) -> Vec<String> {
    let mut said = Vec::new();
    let mut line = |name: &str, before: &Value, after: &Value| {
        if before == after {
            return;
        }
        said.push(match name {
            "config.secret" => "config.secret: a new one".to_owned(),
            "config.code" => "config.code: a new one".to_owned(),
            "queues" | "run_after" => format!("{name}: {} → {}", ids_of(before), ids_of(after)),
            _ => format!("{name}: {} → {}", text_of(before), text_of(after)),
        });
    };
    for (key, value) in asked {
        match value.as_object() {
            Some(config) if key == "config" => {
                for (part, value) in config {
                    line(&format!("config.{part}"), &hook["config"][part], value);
                }
            }
            _ => line(key, &hook[key], value),
        }
    }
    said
}
