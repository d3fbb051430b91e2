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
    /// Register a hook in Rossum
    Create(Box<CreateArguments>),
    /// List the hooks of the account
    List(ListArguments),
    /// Change a hook; attributes without an option stay as they are
    Change(Box<ChangeArguments>),
    /// Compare the hooks in Rossum with the configuration; with --apply, change them to match it
    Sync(SyncArguments),
    /// Replace the secret of a hook, here and in Rossum; no delivery is refused meanwhile
    Rotate(RotateArguments),
    /// Delete a hook in Rossum
    Delete(DeleteArguments),
    /// Let Rossum call the hook with a payload, and show the answer; Rossum does not apply it
    Test(TestArguments),
    /// Run the hook by hand (`invocation.manual`), and show the answer
    Invoke(InvokeArguments),
    /// Show the last calls of a hook, from the log of Rossum
    Logs(LogsArguments),
    /// Get the payload that Rossum would send for an annotation
    Payload(PayloadArguments),
}

#[derive(clap::Args)]
pub(in super::super::super) struct ListArguments {
    #[command(flatten)]
    access: Access,
}

#[derive(clap::Args)]
pub(in super::super::super) struct DeleteArguments {
    /// The id of the hook
    id: u64,
    /// Do not ask for confirmation
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
    let question = format!("Delete hook {id} in Rossum?");
    if !session.is_dry_run() && !confirmed(&question, *yes)? {
        return access.result(json!({"hook": id, "deleted": false}), "nothing is deleted");
    }
    session.change(Method::DELETE, &format!("hooks/{id}"), None).await?;
    if session.is_dry_run() {
        return access.nothing_sent();
    }
    access.result(json!({"hook": id, "deleted": true}), format_args!("hook {id} is deleted"))
}
