//! Trying a hook out through Rossum: `test`, `invoke`, `logs`, `payload`.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::account::Session;
use crate::cases::Case;

use super::super::super::exit::{Failure, print, print_json};
use super::super::{Access, first_line_of, put, read_json, table, text_of};

/// A call that Rossum would make.
#[derive(clap::Args)]
pub(super) struct Called {
    /// The event of the delivery
    #[arg(long, short, value_name = "EVENT.ACTION", default_value = "annotation_content.initialize")]
    event: String,
    /// The id of the annotation
    #[arg(long, short, value_name = "ID")]
    annotation: Option<u64>,
    /// The status of the annotation
    #[arg(long, value_name = "STATUS", default_value = "to_review")]
    status: String,
    /// The previous status of the annotation
    #[arg(long, value_name = "STATUS", default_value = "importing")]
    previous_status: String,
}

#[derive(clap::Args)]
pub(in super::super::super) struct TestArguments {
    /// The id of the hook
    id: u64,
    /// A file with the payload [default: Rossum generates it from --annotation and --event]
    #[arg(long, value_name = "FILE", conflicts_with = "annotation")]
    payload: Option<PathBuf>,
    #[command(flatten)]
    called: Called,
    #[command(flatten)]
    pub(super) access: Access,
}

#[derive(clap::Args)]
pub(in super::super::super) struct InvokeArguments {
    /// The id of the hook
    id: u64,
    /// A file with the payload of the call, as JSON
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    #[command(flatten)]
    pub(super) access: Access,
}

#[derive(clap::Args)]
pub(in super::super::super) struct LogsArguments {
    /// The id of the hook [default: all hooks]
    id: Option<u64>,
    /// Only failed calls
    #[arg(long)]
    errors: bool,
    /// The largest number of calls to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    #[command(flatten)]
    pub(super) access: Access,
}

#[derive(clap::Args)]
pub(in super::super::super) struct PayloadArguments {
    /// The id of the hook
    id: u64,
    #[command(flatten)]
    called: Called,
    /// Write a case for `annex test` instead, for this hook of the configuration
    #[arg(long, value_name = "HOOK")]
    case: Option<String>,
    /// Write the payload to a file
    #[arg(long, short = 'O', value_name = "FILE")]
    output_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) access: Access,
}

/// What Rossum would send.
pub(super) async fn generated(session: &Session, id: u64, called: &Called) -> Result<Value, Failure> {
    let (event, action) = called.event.split_once('.').ok_or_else(|| {
        Failure::usage(
            format_args!("`{}` is no EVENT.ACTION", called.event),
            "write --event annotation_content.initialize",
        )
    })?;
    let mut body =
        Map::from_iter([("event".to_owned(), Value::from(event)), ("action".to_owned(), action.into())]);
    if let Some(annotation) = called.annotation {
        body.insert("annotation".to_owned(), session.url("annotations", annotation).into());
        body.insert("status".to_owned(), called.status.clone().into());
        body.insert("previous_status".to_owned(), called.previous_status.clone().into());
    } else if event.starts_with("annotation") {
        return Err(Failure::usage(
            format_args!("the event {} is about an annotation, and no option names one", called.event),
            "add --annotation ID",
        ));
    }
    Ok(session.try_out(&format!("hooks/{id}/generate_payload"), &body.into()).await?)
}

pub(super) async fn test(session: &Session, arguments: &TestArguments) -> Result<(), Failure> {
    let payload = match &arguments.payload {
        Some(path) => read_json(path)?,
        None => generated(session, arguments.id, &arguments.called).await?,
    };
    let answer =
        session.try_out(&format!("hooks/{}/test", arguments.id), &json!({"payload": payload})).await?;
    print_json(answer.get("response").unwrap_or(&answer))
}

pub(super) async fn invoke(session: &Session, arguments: &InvokeArguments) -> Result<(), Failure> {
    let payload = arguments.payload.as_deref().map_or(Ok(json!({})), read_json)?;
    let path = format!("hooks/{}/invoke", arguments.id);
    let answer = session.change(Method::POST, &path, Some(&payload)).await?;
    if session.is_dry_run() { arguments.access.nothing_sent() } else { print_json(&answer) }
}

pub(super) async fn logs(session: &Session, arguments: &LogsArguments) -> Result<(), Failure> {
    let mut path = format!("hooks/logs?page_size={}", arguments.limit);
    if let Some(id) = arguments.id {
        path = format!("{path}&hook={id}");
    }
    if arguments.errors {
        path.push_str("&log_level=ERROR");
    }
    let answer = session.get(&path).await?;
    let entries = answer["results"].as_array().cloned().unwrap_or_default();
    if arguments.access.json {
        return print(json!(entries));
    }
    let row = |entry: &Value| {
        let event = format!("{}.{}", text_of(&entry["event"]), text_of(&entry["action"]));
        vec![
            text_of(&entry["timestamp"]),
            text_of(&entry["hook_id"]),
            event,
            text_of(&entry["annotation_id"]),
            text_of(&entry["status_code"]),
            text_of(&entry["log_level"]),
            first_line_of(&entry["message"]),
        ]
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    table(&["time", "hook", "event", "annotation", "status", "level", "message"], &rows)
}

pub(super) async fn payload(session: &Session, arguments: &PayloadArguments) -> Result<(), Failure> {
    let payload = generated(session, arguments.id, &arguments.called).await?;
    let json = match &arguments.case {
        None => payload,
        Some(hook) => {
            let body = serde_json::to_vec(&payload)?;
            let case = Case::unanswered(hook, &body);
            serde_json::to_value(
                &case.ok_or_else(|| Failure::Because("the answer of Rossum is not a payload".to_owned()))?,
            )?
        }
    };
    put(&arguments.access, &json, arguments.output_file.as_deref(), "")
}
