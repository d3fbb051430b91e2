//! `annex schema`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::Session;

use super::super::exit::{Failure, print, print_json};
use super::{Access, put, read_json, text_of};

#[derive(clap::Subcommand)]
pub(in super::super) enum Command {
    /// Get the content of a schema, as a file for `schema put`, `queue change` and `schema` in annex.toml
    Get(GetArguments),
    /// Let Rossum validate a schema
    Validate(ValidateArguments),
    /// Create a schema from a file, or change one in place
    Put(PutArguments),
}

#[derive(clap::Args)]
pub(in super::super) struct GetArguments {
    /// The id of the schema
    id: u64,
    /// Write the schema to a file
    #[arg(long, short = 'O', value_name = "FILE")]
    output_file: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

#[derive(clap::Args)]
pub(in super::super) struct ValidateArguments {
    /// A file with the schema: a list of sections as JSON
    file: PathBuf,
    #[command(flatten)]
    access: Access,
}

#[derive(clap::Args)]
pub(in super::super) struct PutArguments {
    /// A file with the schema: a list of sections as JSON
    file: PathBuf,
    /// The name of the new schema
    #[arg(long, short, value_name = "NAME", required_unless_present = "in_place")]
    name: Option<String>,
    /// The id of a schema to change instead; this changes all documents with that schema
    #[arg(long, value_name = "ID")]
    in_place: Option<u64>,
    #[command(flatten)]
    access: Access,
}

pub(in super::super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Get(arguments) => arguments.access.run(|session| async {
            let done = get(&session, &arguments).await;
            (session, done)
        }),
        Command::Validate(arguments) => arguments.access.run(|session| async {
            let done = validate(&session, &arguments).await;
            (session, done)
        }),
        Command::Put(arguments) => arguments.access.run(|session| async {
            let done = store(&session, &arguments).await;
            (session, done)
        }),
    }
}

async fn get(session: &Session, arguments: &GetArguments) -> Result<(), Failure> {
    let schema = session.get(&format!("schemas/{}", arguments.id)).await?;
    put(&arguments.access, &sorted(&schema["content"]), arguments.output_file.as_deref(), "")
}

async fn validate(session: &Session, arguments: &ValidateArguments) -> Result<(), Failure> {
    let content = content(&arguments.file)?;
    let answer = session.try_out("schemas/validate", &json!({"content": content})).await?;
    let is_good = match &answer {
        Value::Null => true,
        Value::Object(map) => map
            .values()
            .all(|value| value.is_null() || *value == content || value == &json!([]) || value == &json!({})),
        _ => false,
    };
    if arguments.access.json {
        print(&answer)?;
    } else if is_good {
        print("Rossum accepts this schema")?;
    } else {
        print("Rossum refuses this schema:")?;
        print_json(&answer)?;
    }
    if is_good { Ok(()) } else { Err(Failure::Said) }
}

async fn store(session: &Session, arguments: &PutArguments) -> Result<(), Failure> {
    let content = content(&arguments.file)?;
    if let Some(id) = arguments.in_place {
        session.change(Method::PATCH, &format!("schemas/{id}"), Some(&json!({"content": content}))).await?;
        let verb = if session.is_dry_run() { "would be changed" } else { "is changed" };
        return arguments.access.result(
            json!({"schema": id, "changed": !session.is_dry_run(), "dry_run": session.is_dry_run()}),
            format_args!("schema {id} {verb}, with all documents that have it"),
        );
    }
    let name = arguments.name.clone().unwrap_or_default();
    let made =
        session.change(Method::POST, "schemas", Some(&json!({"name": name, "content": content}))).await?;
    if session.is_dry_run() {
        return arguments.access.nothing_sent();
    }
    let id = text_of(&made["id"]);
    arguments.access.result(
        json!({"schema": made["id"], "name": name}),
        format_args!("schema {id} is created; give it to a queue in Rossum"),
    )
}

fn content(path: &std::path::Path) -> Result<Value, Failure> {
    let json = read_json(path)?;
    let content = json.get("content").cloned().unwrap_or(json);
    if content.is_array() {
        Ok(content)
    } else {
        Err(Failure::Because(format!("{}: a schema's content is a list of sections", path.display())))
    }
}

/// Keys in alphabetical order, as the `rossum` tool prints them.
fn sorted(json: &Value) -> Value {
    match json {
        Value::Object(map) => {
            let all: BTreeMap<_, _> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            Value::Object(all.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
