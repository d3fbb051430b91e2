//! `annex send`: signs a payload and sends it, as Rossum does; shows the answer for people.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::Value;

use crate::cases::Case;
use crate::outbox;
use crate::rossum::Event;
use crate::secret::Secret;
use crate::shown::{Line, Lines, counted};
use crate::signature::{Algorithm, sign};
use crate::steps::nearest::nearest;
use crate::steps::sample;

use super::caller::{self, Answered, Caller};
use super::exit::{Failure, print, print_lines, say, say_lines};

const SECRET_HELP: &str = "The secret of the hook: the secret itself, env:NAME or file:PATH [default: env:ROSSUM_SECRET; if that is not set, the payload is not signed]";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The payload; `-` is standard input [default: a built-in sample]
    file: Option<PathBuf>,
    /// The URL of the hook
    #[arg(long, value_name = "URL")]
    to: String,
    /// The hook's secret
    #[arg(long, value_name = "SECRET", help = SECRET_HELP)]
    secret: Option<String>,
    /// Sign with the legacy SHA-1 header
    #[arg(long)]
    sha1: bool,
    /// Send the payload as another event
    #[arg(
        long,
        value_name = "EVENT.ACTION",
        help = "Send the payload as another event, such as annotation_content.initialize"
    )]
    event: Option<String>,
    /// Send a new request id: the server does not run a delivery again whose id it has answered before
    #[arg(long)]
    new_id: bool,
    /// How many times to send it, on one connection
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Trust only the CA in this PEM file
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print one line of JSON for each answer
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let body = payload(arguments.file.as_deref(), arguments.event.as_deref(), arguments.new_id)?;
    let algorithm = if arguments.sha1 { Algorithm::Sha1 } else { Algorithm::Sha256 };
    let signature = secret(arguments.secret.as_deref())?.map(|secret| sign(algorithm, &secret, &body));
    let is_signed = signature.is_some();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answers = runtime.block_on(async {
        let mut caller =
            Caller::connect(&arguments.to, arguments.ca.as_deref()).await.map_err(caller::failure)?;
        let mut answers = Vec::new();
        for _ in 0..arguments.repeat {
            let signature = signature.as_deref().map(|value| (algorithm, value));
            caller.ready().await.map_err(caller::failure)?;
            answers.push(caller.call(body.clone(), signature).await?);
        }
        Ok::<_, Failure>(answers)
    })?;
    if arguments.json {
        answers.iter().try_for_each(|answer| print(as_json(answer)))?;
    } else {
        print_lines(&for_people(&answers, &body))?;
    }
    let is_refused = answers.iter().any(|answer| answer.status == StatusCode::UNAUTHORIZED);
    if is_refused && !is_signed {
        say_lines(&Lines::hinted(
            "the payload was not signed: no secret is given",
            "give the secret of the hook: --secret env:NAME, --secret file:PATH, or ROSSUM_SECRET in the environment; annex --dev-http prints its secret",
        ));
    }
    if answers.iter().all(|answer| answer.status.is_success()) { Ok(()) } else { Err(Failure::Said) }
}

fn payload(file: Option<&std::path::Path>, event: Option<&str>, new_id: bool) -> Result<Bytes, Failure> {
    let bytes = match file {
        None => sample::INVOICE.as_bytes().to_vec(),
        Some(path) if path.as_os_str() == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            bytes
        }
        Some(path) => std::fs::read(path)
            .map_err(|error| format!("cannot read the payload {}: {error}", path.display()))?,
    };
    let bytes = delivery_of_case(bytes)?;
    if let Some(event) = event {
        look_at_event(event)?;
    }
    if event.is_none() && !new_id {
        return Ok(bytes.into());
    }
    let mut json: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("the payload is not JSON: {error}"))?;
    let object = json.as_object_mut().ok_or("the payload is not a JSON object")?;
    if let Some(event) = event {
        let (event, action) = event.split_once('.').unwrap_or((event, ""));
        object.insert("event".to_owned(), event.into());
        object.insert("action".to_owned(), action.into());
    }
    if new_id {
        object.insert("request_id".to_owned(), outbox::random_key()?.into());
    }
    Ok(json.to_string().into())
}

/// The delivery in a recorded case; other bytes as they are.
fn delivery_of_case(bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if bytes.trim_ascii().is_empty() {
        let hint = "name a file with a delivery, or leave it out to send the built-in sample";
        return Err(Failure::hinted("the payload is empty", hint));
    }
    Ok(match serde_json::from_slice::<Case>(&bytes) {
        Ok(case) => {
            say("the file is a case: only its delivery is sent; `annex test` compares the answer too");
            case.payload.get().as_bytes().to_vec()
        }
        Err(_) => bytes,
    })
}

/// Refuses what is no event and an action; says where Rossum documents none of that name, which may be new.
fn look_at_event(event: &str) -> Result<(), Failure> {
    let pairs: Vec<_> = Event::pairs().map(|pair| format!("{}.{}", pair.event, pair.action)).collect();
    let known = || pairs.iter().map(String::as_str);
    let of_action = known().find(|pair| pair.split_once('.').is_some_and(|(_, action)| action == event));
    let near = of_action.or_else(|| nearest(event, known()));
    let hint = near
        .map_or_else(|| format!("write one of {}", pairs.join(", ")), |near| format!("write --event {near}"));
    match event.split_once('.') {
        Some((first, action)) if !first.is_empty() && !action.is_empty() => {
            if known().all(|pair| pair != event) {
                say_lines(&Lines::hinted(format_args!("Rossum documents no event {event}"), hint));
            }
            Ok(())
        }
        _ => Err(Failure::usage(format_args!("`{event}` is no EVENT.ACTION"), hint)),
    }
}

fn secret(argument: Option<&str>) -> Result<Option<Secret>, Failure> {
    let from_environment = |name: &str| super::environment(name).map(|value| Secret::new(value.into_bytes()));
    match argument {
        None => Ok(from_environment("ROSSUM_SECRET")),
        Some(argument) => secret_of(argument).map(Some),
    }
}

/// A secret as a command takes it: itself, `env:NAME` or `file:PATH`.
pub(super) fn secret_of(argument: &str) -> Result<Secret, Failure> {
    if let Some(name) = argument.strip_prefix("env:") {
        let value = super::environment(name).ok_or_else(|| format!("the environment has no {name}"))?;
        return Ok(Secret::new(value.into_bytes()));
    }
    if let Some(path) = argument.strip_prefix("file:") {
        let bytes = std::fs::read(path).map_err(|error| format!("cannot read the secret {path}: {error}"))?;
        return Ok(Secret::new(bytes.trim_ascii_end()));
    }
    Ok(Secret::new(argument.as_bytes()))
}

fn as_json(answer: &Answered) -> Value {
    let body = serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()));
    serde_json::json!({"status": answer.status.as_u16(), "ms": milliseconds(answer.took), "answer": body, "repeated": answer.is_repeated})
}

fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// The last answer, its messages and operations with their fields, and the times of all.
fn for_people(answers: &[Answered], sent: &[u8]) -> Lines {
    let mut text = Lines::default();
    let Some(last) = answers.last() else { return text };
    text.add(format_args!("{} in {} ms", last.status, milliseconds(last.took)));
    if answers.len() > 1 {
        let mut times: Vec<_> = answers.iter().map(|answer| answer.took).collect();
        times.sort_unstable();
        let [min, median, max] = [0, times.len() / 2, times.len() - 1].map(|at| milliseconds(times[at]));
        let failed = answers.iter().filter(|answer| !answer.status.is_success()).count();
        text.add(format_args!(
            "{}, {failed} failed; {min} / {median} / {max} ms (min / median / max)",
            counted(answers.len(), "call")
        ));
    }
    if last.is_repeated {
        text.add(
            "  answered from memory: the server has answered this request id before, so it ran no step; --new-id runs the steps",
        );
    }
    let Ok(answer) = serde_json::from_slice::<Value>(&last.body) else {
        let body = String::from_utf8_lossy(&last.body);
        if !body.trim().is_empty() {
            text.add(body.trim());
        }
        return text;
    };
    let fields = Fields::of(sent);
    let list = |key: &str| answer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for message in list("messages") {
        let kind = plain(message.get("type").unwrap_or(&"message".into()));
        text.add(format_args!("  {kind:<8} {}{}", fields.at(&message["id"]), plain(&message["content"])));
    }
    for blocker in list("automation_blockers") {
        text.add(format_args!(
            "  {:<8} {}{}",
            "blocker",
            fields.at(&blocker["id"]),
            plain(&blocker["content"])
        ));
    }
    for operation in list("operations") {
        let kind = plain(operation.get("op").unwrap_or(&"operation".into()));
        let value = &operation["value"];
        let new = value.pointer("/content/value").map_or_else(|| value.to_string(), Value::to_string);
        let before =
            fields.value(&operation["id"]).map(|value| format!("\"{value}\" → ")).unwrap_or_default();
        let options = value["options"].as_array().map_or_else(String::new, |options| {
            let labels = options.iter().map(|option| plain(&option["label"])).collect::<Vec<_>>();
            format!("  (of {})", labels.join(", "))
        });
        text.add(format_args!("  {kind:<8} {}{before}{new}{options}", fields.at(&operation["id"])));
    }
    for file in list("files") {
        text.add(format_args!("  file     {file}"));
    }
    text
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| Line(value).to_string(), |text| Line(text).to_string())
}

/// Schema ids and values of the payload that was sent, by datapoint id.
struct Fields(HashMap<String, (String, String)>);

impl Fields {
    fn of(sent: &[u8]) -> Self {
        let mut fields = HashMap::new();
        if let Ok(payload) = serde_json::from_slice::<Value>(sent)
            && let Some(content) = payload.pointer("/annotation/content")
        {
            Self::collect(content, &mut fields);
        }
        Self(fields)
    }

    fn collect(nodes: &Value, fields: &mut HashMap<String, (String, String)>) {
        for node in nodes.as_array().into_iter().flatten() {
            let value = node.pointer("/content/value").map(plain).unwrap_or_default();
            fields.insert(node["id"].to_string(), (plain(&node["schema_id"]), value));
            Self::collect(&node["children"], fields);
        }
    }

    fn at(&self, id: &Value) -> String {
        match self.0.get(&id.to_string()) {
            Some((schema_id, _)) => format!("{schema_id} ({}): ", plain(id)),
            None if id.is_null() => String::new(),
            None => format!("{}: ", plain(id)),
        }
    }

    fn value(&self, id: &Value) -> Option<&str> {
        self.0.get(&id.to_string()).map(|(_, value)| value.as_str())
    }
}
