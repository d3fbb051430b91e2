//! `annex rule`: Rossum's rules as files that the step `rules` reads.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::account::Session;
use crate::shown::counted;

use super::super::exit::{Failure, print};
use super::{Access, first_line_of, ids_of, put, table, text_of};

#[derive(clap::Subcommand)]
pub(in super::super) enum Command {
    /// List the rules of the account
    List(ListArguments),
    /// Get rules, as a file that the step `rules` reads
    Get(GetArguments),
}

#[derive(clap::Args)]
pub(in super::super) struct ListArguments {
    /// Only rules of the queue with this id
    #[arg(long, short, value_name = "ID")]
    queue_id: Option<u64>,
    #[command(flatten)]
    access: Access,
}

#[derive(clap::Args)]
pub(in super::super) struct GetArguments {
    /// The ids of the rules
    #[arg(required_unless_present = "queue_id")]
    ids: Vec<u64>,
    /// Get all rules of the queue with this id
    #[arg(long, short, value_name = "ID", conflicts_with = "ids")]
    queue_id: Option<u64>,
    /// Write the rules to a file, such as rules.json
    #[arg(long, short = 'O', value_name = "FILE")]
    output_file: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

pub(in super::super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => arguments.access.run(|session| async {
            let done = list(&session, &arguments).await;
            (session, done)
        }),
        Command::Get(arguments) => arguments.access.run(|session| async {
            let done = get(&session, &arguments).await;
            (session, done)
        }),
    }
}

async fn rules(session: &Session, queue: Option<u64>) -> Result<Vec<Value>, Failure> {
    let mut rules = session.list("rules").await?;
    if let Some(id) = queue {
        // Older rules belong to a schema, newer ones to queues.
        let queue = session.get(&format!("queues/{id}")).await?;
        rules.retain(|rule| {
            let of_queue = rule["queues"].as_array().is_some_and(|queues| queues.contains(&queue["url"]));
            of_queue || (!rule["schema"].is_null() && rule["schema"] == queue["schema"])
        });
    }
    Ok(rules)
}

async fn list(session: &Session, arguments: &ListArguments) -> Result<(), Failure> {
    let rules = rules(session, arguments.queue_id).await?;
    if arguments.access.json {
        return print(json!(rules));
    }
    let row = |rule: &Value| {
        let condition: String = first_line_of(&rule["trigger_condition"]).chars().take(60).collect();
        let on = if rule["enabled"] == json!(false) { "off" } else { "on" };
        vec![text_of(&rule["id"]), text_of(&rule["name"]), on.to_owned(), ids_of(&rule["queues"]), condition]
    };
    let rows: Vec<_> = rules.iter().map(row).collect();
    table(&["id", "name", "", "queues", "fires when"], &rows)
}

async fn get(session: &Session, arguments: &GetArguments) -> Result<(), Failure> {
    let mut all = Vec::new();
    if arguments.queue_id.is_some() {
        all = rules(session, arguments.queue_id).await?;
    } else {
        for id in &arguments.ids {
            all.push(session.get(&format!("rules/{id}")).await?);
        }
    }
    let count = counted(all.len(), "rule");
    let word = format_args!(" with {count}: a step reads it by `use = \"rules\"` and `file`").to_string();
    put(&arguments.access, &Value::Array(all), arguments.output_file.as_deref(), word)
}
