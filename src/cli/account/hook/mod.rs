//! `annex hook`: registers hooks in Rossum, changes them, tries them out.

mod attributes;
mod register;
mod rotate;
mod sync;
mod tried;

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::Session;

use super::super::exit::{Failure, print};
use super::{Access, confirmed, id_of, table, text_of};
use register::{ChangeArguments, CreateArguments, change, create};
use rotate::{RotateArguments, rotate};
use sync::{SyncArguments, sync};
use tried::{InvokeArguments, LogsArguments, PayloadArguments, TestArguments, invoke, logs, payload, test};

#[derive(clap::Subcommand)]
pub(in super::super::super) enum Command {
    /// Register a hook
    Create(Box<CreateArguments>),
    /// The hooks of the account
    List(ListArguments),
    /// Change a hook: what is not named stays as it is
    Change(Box<ChangeArguments>),
    /// Compare Rossum's hooks with the configuration, and change them to what it says
    Sync(SyncArguments),
    /// Give a hook a new secret, here and in Rossum, without a delivery being refused
    Rotate(RotateArguments),
    /// Delete a hook
    Delete(DeleteArguments),
    /// Have Rossum call the hook with a payload, and show its answer, which is not applied
    Test(TestArguments),
    /// Run the hook by hand (`invocation.manual`), and show its answer
    Invoke(InvokeArguments),
    /// The last calls of a hook, as Rossum saw them
    Logs(LogsArguments),
    /// What a hook would get for an annotation
    Payload(PayloadArguments),
}

#[derive(clap::Args)]
pub(in super::super::super) struct ListArguments {
    #[command(flatten)]
    access: Access,
}

#[derive(clap::Args)]
pub(in super::super::super) struct DeleteArguments {
    /// The hook
    id: u64,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    access: Access,
}

/// Runs one command within a session of its own.
macro_rules! within {
    ($work:ident, $arguments:expr) => {{
        let arguments = $arguments;
        arguments.access.run(|session| async {
            let done = $work(&session, &arguments).await;
            (session, done)
        })
    }};
}

pub(in super::super::super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => within!(create, arguments),
        Command::List(arguments) => within!(list, arguments),
        Command::Change(arguments) => within!(change, arguments),
        Command::Sync(arguments) => within!(sync, arguments),
        Command::Rotate(arguments) => within!(rotate, arguments),
        Command::Delete(arguments) => within!(delete, arguments),
        Command::Test(arguments) => within!(test, arguments),
        Command::Invoke(arguments) => within!(invoke, arguments),
        Command::Logs(arguments) => within!(logs, arguments),
        Command::Payload(arguments) => within!(payload, arguments),
    }
}

/// A hook without its secret.
fn hidden(mut hook: Value) -> Value {
    if let Some(secret) = hook.pointer_mut("/config/secret").filter(|secret| !secret.is_null()) {
        *secret = "…".into();
    }
    hook
}

async fn list(session: &Session, arguments: &ListArguments) -> Result<(), Failure> {
    let hooks = session.list("hooks").await?;
    let queues = session.list("queues").await?;
    if arguments.access.json {
        return print(Value::Array(hooks.into_iter().map(hidden).collect()));
    }
    let name = |url: &Value| {
        let known = queues.iter().find(|queue| queue["url"] == *url);
        known.map_or_else(|| id_of(url), |queue| format!("{} {}", id_of(url), text_of(&queue["name"])))
    };
    let row = |hook: &Value| {
        let queues = hook["queues"].as_array().into_iter().flatten().map(name).collect::<Vec<_>>().join(", ");
        let state = if hook["active"] == json!(false) { "paused" } else { "active" };
        let signed = if text_of(&hook["config"]["secret"]).is_empty() { "no secret" } else { "signed" };
        let signed = if hook["type"] == json!("webhook") { signed } else { "function" };
        vec![
            text_of(&hook["id"]),
            text_of(&hook["name"]),
            state.to_owned(),
            text_of(&hook["events"]),
            queues,
            text_of(&hook["config"]["url"]),
            signed.to_owned(),
        ]
    };
    let rows: Vec<_> = hooks.iter().map(row).collect();
    table(&["id", "name", "", "events", "queues", "url", ""], &rows)
}

async fn delete(session: &Session, arguments: &DeleteArguments) -> Result<(), Failure> {
    let DeleteArguments { id, yes, access } = arguments;
    let question = format!("Rossum will no longer call hook {id}, and forgets it. Delete it?");
    if !session.is_dry_run() && !confirmed(&question, *yes)? {
        return access.result(json!({"hook": id, "deleted": false}), "nothing is deleted");
    }
    session.change(Method::DELETE, &format!("hooks/{id}"), None).await?;
    if session.is_dry_run() {
        return access.nothing_sent();
    }
    access.result(json!({"hook": id, "deleted": true}), format_args!("hook {id} is deleted"))
}
