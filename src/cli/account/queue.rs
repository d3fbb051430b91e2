//! `annex queue`.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::account::Session;

use super::super::exit::{Failure, print};
use super::{Access, id_of, ids_of, raw_text_of, read_json, table, text_of};

#[derive(clap::Subcommand)]
pub(in super::super) enum Command {
    /// List the queues of the account
    List(ListArguments),
    /// Change a queue; attributes without an option stay as they are
    Change(ChangeArguments),
}

#[derive(clap::Args)]
pub(in super::super) struct ListArguments {
    #[command(flatten)]
    access: Access,
}

#[derive(clap::Args)]
pub(in super::super) struct ChangeArguments {
    /// The id of the queue
    id: u64,
    /// A file with a new schema for the queue: a list of sections as JSON. Existing documents keep the old schema
    #[arg(long, short, value_name = "FILE")]
    schema_content_file: Option<PathBuf>,
    /// The new name of the queue
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    /// The language of the queue, such as `en_US`
    #[arg(long, value_name = "LOCALE")]
    locale: Option<String>,
    /// The id of a hook to add; existing hooks stay. Repeat the option for several hooks
    #[arg(long, value_name = "ID")]
    hook_id: Vec<u64>,
    /// The id of a hook to remove. Repeat the option for several hooks
    #[arg(long, value_name = "ID")]
    remove_hook_id: Vec<u64>,
    #[command(flatten)]
    access: Access,
}

pub(in super::super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => arguments.access.run(|session| async {
            let done = list(&session, &arguments.access).await;
            (session, done)
        }),
        Command::Change(arguments) => arguments.access.run(|session| async {
            let done = change(&session, &arguments).await;
            (session, done)
        }),
    }
}

async fn list(session: &Session, access: &Access) -> Result<(), Failure> {
    let queues = session.list("queues").await?;
    let mut named = Map::new();
    for kind in ["workspaces", "inboxes", "schemas", "users", "hooks"] {
        for object in session.list(kind).await? {
            let name = match kind {
                "inboxes" => &object["email"],
                _ => &object["name"],
            };
            if let Some(url) = object["url"].as_str() {
                named.insert(url.to_owned(), raw_text_of(name).into());
            }
        }
    }
    if access.json {
        return print(json!(queues));
    }
    let of = |url: &Value| named.get(url.as_str().unwrap_or_default()).map(text_of).unwrap_or_default();
    let row = |queue: &Value| {
        let workspace = format!("{} {}", id_of(&queue["workspace"]), of(&queue["workspace"]));
        let schema = format!("{} {}", id_of(&queue["schema"]), of(&queue["schema"]));
        vec![
            text_of(&queue["id"]),
            text_of(&queue["name"]),
            workspace.trim().to_owned(),
            of(&queue["inbox"]),
            schema.trim().to_owned(),
            ids_of(&queue["hooks"]),
        ]
    };
    let rows: Vec<_> = queues.iter().map(row).collect();
    table(&["id", "name", "workspace", "inbox", "schema", "hooks"], &rows)
}

async fn change(session: &Session, arguments: &ChangeArguments) -> Result<(), Failure> {
    let ChangeArguments { id, schema_content_file, name, locale, hook_id, remove_hook_id, access } =
        arguments;
    let path = format!("queues/{id}");
    let mut asked = Map::new();
    let mut said: Vec<String> = Vec::new();
    if let Some(name) = name {
        asked.insert("name".to_owned(), name.clone().into());
        said.push(format!("the name becomes {name}"));
    }
    if let Some(locale) = locale {
        asked.insert("locale".to_owned(), locale.clone().into());
        said.push(format!("the locale becomes {locale}"));
    }
    let content = schema_content_file.as_deref().map(read_json).transpose()?;
    if content.as_ref().is_some_and(|content| !content.is_array()) {
        let hint = "a schema's content is a list of sections, as `annex schema get` prints it";
        return Err(Failure::Because(format!("{hint}; this file is not one")));
    }
    let changes_hooks = !hook_id.is_empty() || !remove_hook_id.is_empty();
    let needs_queue = changes_hooks || (content.is_some() && name.is_none());
    let queue = if needs_queue { session.get(&path).await? } else { Value::Null };
    if changes_hooks {
        let added = hook_id.iter().map(|id| session.url("hooks", *id));
        let removed: Vec<_> = remove_hook_id.iter().map(u64::to_string).collect();
        let mut hooks: Vec<String> = queue["hooks"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text_of)
            .filter(|url| !removed.contains(&id_of(&url.as_str().into())))
            .collect();
        hooks.extend(added.filter(|url| !hooks.contains(url)).collect::<Vec<_>>());
        said.push(format!("the hooks {} become {}", ids_of(&queue["hooks"]), ids_of(&json!(hooks))));
        asked.insert("hooks".to_owned(), json!(hooks));
    }
    if let Some(content) = content {
        let queue_name = name.clone().unwrap_or_else(|| raw_text_of(&queue["name"]));
        let schema = json!({"name": format!("{queue_name} schema"), "content": content});
        let made = session.change(Method::POST, "schemas", Some(&schema)).await?;
        said.push(format!(
            "the schema becomes {}; existing documents keep the old schema",
            text_of(&made["id"])
        ));
        asked.insert("schema".to_owned(), made["url"].clone());
    }
    if asked.is_empty() {
        let none = json!({"queue": id, "changed": said, "dry_run": session.is_dry_run()});
        return access.result(none, "nothing to change: no option names a change");
    }
    session.change(Method::PATCH, &path, Some(&Value::Object(asked))).await?;
    let verb = if session.is_dry_run() { "would be changed" } else { "is changed" };
    access.result(
        json!({"queue": id, "changed": said, "dry_run": session.is_dry_run()}),
        format_args!("queue {id} {verb}: {}", said.join("; ")),
    )
}
