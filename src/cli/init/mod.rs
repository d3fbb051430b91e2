//! `annex init`: a configuration, a schema and a first test case that pass.

mod sample;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cases::Case;
use crate::config::{self, Purpose};
use crate::shown::quoted;
use crate::webhook::{HookPlan, Trial};

use super::exit::{Failure, ask, mistaken, print};

/// The schema that is taken where none is given: the one of the examples.
const SCHEMA: &str = include_str!("../../../config/example_schema.json");

/// Write a configuration to begin with, a schema, and a first test case that passes.
///
/// Asks five questions; what a flag answers is not asked, and without a terminal nothing is.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The public name that the server will have
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// What the hook is called; its path is the same
    #[arg(long, value_name = "NAME")]
    hook: Option<String>,
    /// What it does first
    #[arg(long, value_enum, value_name = "STEP")]
    step: Option<Step>,
    /// The queue's schema, as `annex schema get ID -O schema.json` writes it [default: an example]
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Where the hook's secret is
    #[arg(
        long,
        value_name = "SOURCE",
        help = "Where the hook's secret is: env:NAME, file:PATH or credential:NAME"
    )]
    secret: Option<String>,
    /// Ask nothing: what no flag says is as in brackets
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// Totals add up, fields are filled
    Checks,
    /// Rossum's rules, in TxScript
    Rules,
    /// A vendor is looked up in a file
    Match,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let asks = !arguments.yes && io::stdin().is_terminal();
    let text = |given: Option<String>, question: &str, usual: &str| match given {
        Some(given) => Ok(given),
        None if asks => asked(question, usual),
        None => Ok(usual.to_owned()),
    };
    let domain = text(arguments.domain, "Which public name will the server have?", "hooks.example.com")?;
    let name = text(arguments.hook, "What is the hook called?", "invoice-checks")?;
    let name = name.trim_matches('/').to_owned();
    let step = match arguments.step {
        Some(step) => step,
        None => match &*text(None, "What does it do first: checks, rules or match?", "checks")? {
            "rules" => Step::Rules,
            "match" => Step::Match,
            "checks" => Step::Checks,
            other => return Err(Failure::Because(format!("`{other}` is none of checks, rules, match"))),
        },
    };
    let given = arguments.schema.map(|path| path.display().to_string());
    let schema =
        text(given, "Which file has the queue's schema (annex schema get ID -O schema.json)?", "an example")?;
    let secret = text(arguments.secret, "Where is the hook's secret?", "env:ROSSUM_SECRET")?;

    let content = content(&schema)?;
    let files = files(&domain, &name, step, &content, &secret)?;
    let folder = arguments.folder;
    let path = |name: &str| folder.join(name);
    let there =
        files.iter().map(|(name, _)| path(name)).chain([path("cases/first.json")]).find(|path| path.exists());
    if let Some(there) = there {
        return Err(Failure::Because(format!(
            "{} is there already: nothing is written over",
            there.display()
        )));
    }
    std::fs::create_dir_all(path("cases"))?;
    for (name, text) in &files {
        write(&path(name), text)?;
    }
    let case = first_case(&path("annex.toml"), &name, &content)?;
    case.write(&path("cases/first.json"))?;
    for (name, _) in &files {
        print(format_args!("wrote {}", path(name).display()))?;
    }
    print(format_args!("wrote {}", path("cases/first.json").display()))?;
    let inside = if folder == Path::new(".") {
        String::new()
    } else {
        format!("cd {} && ", quoted(&folder.to_string_lossy()))
    };
    print("")?;
    print(format_args!("next: {inside}annex check && annex test"))?;
    print(format_args!("      {inside}annex --dev-http --config annex.toml"))
}

fn asked(question: &str, usual: &str) -> Result<String, Failure> {
    let answer = ask(format_args!("{question} [{usual}] "))?;
    Ok(if answer.is_empty() { usual.to_owned() } else { answer })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let because = |error| Failure::Because(format!("{}: {error}", path.display()));
    let mut file = std::fs::File::create_new(path).map_err(because)?;
    file.write_all(text.as_bytes()).map_err(because)
}

/// The sections of a schema.
fn content(schema: &str) -> Result<Value, Failure> {
    let text = match schema {
        "an example" => SCHEMA.to_owned(),
        path => {
            std::fs::read_to_string(path).map_err(|error| Failure::Because(format!("{path}: {error}")))?
        }
    };
    let json: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::Because(format!("{schema}: it is not JSON: {error}")))?;
    let content = json.get("content").cloned().unwrap_or(json);
    if content.is_array() {
        Ok(content)
    } else {
        Err(Failure::Because(format!("{schema}: it is no list of sections")))
    }
}

/// Header fields of a schema: id, type, label.
fn header_fields(content: &Value) -> Vec<(&str, &str)> {
    let sections = content.as_array().into_iter().flatten();
    let fields = sections.flat_map(|section| section["children"].as_array().into_iter().flatten());
    let fields = fields.filter(|field| field["category"] == json!("datapoint"));
    fields.filter_map(|field| Some((field["id"].as_str()?, field["type"].as_str()?))).collect()
}

/// What is written, by name.
fn files(
    domain: &str,
    name: &str,
    step: Step,
    content: &Value,
    secret: &str,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let fields = header_fields(content);
    let has = |id: &str| fields.iter().any(|(known, _)| *known == id);
    let of_type = |wanted: &str| fields.iter().find(|(_, kind)| *kind == wanted).map(|(id, _)| *id);
    let first = of_type("string").or_else(|| fields.first().map(|(id, _)| *id));
    let first = first.ok_or_else(|| Failure::Because("the schema has no header field".to_owned()))?;
    let mut files = vec![("schema.json", serde_json::to_string_pretty(content)? + "\n")];
    let mut text = String::new();
    let _ = write!(
        text,
        "# Every key is explained at the project's home, in config/annex.toml. After a change: annex check && annex test\n\n\
         [server]\ndomains = [\"{domain}\"]\n\n[[hook]]\nname = \"{name}\"\npath = \"/{name}\"\nsecrets = [\"{secret}\"]\n\n  [[hook.step]]\n"
    );
    match step {
        Step::Checks => {
            text.push_str("  use = \"checks\"\n");
            if ["amount_total", "amount_total_base", "amount_total_tax"].iter().all(|id| has(id)) {
                text.push_str(
                    "\n    [[hook.step.check]]\n    sum = [\"amount_total_base\", \"amount_total_tax\"]\n    equals = \"amount_total\"\n    \
                     message = \"Total {amount_total} is not base + tax (difference {difference}).\"\n",
                );
            }
            let _ = write!(
                text,
                "\n    [[hook.step.check]]\n    required = \"{first}\"\n    message = \"This field must be filled.\"\n"
            );
        }
        Step::Rules => {
            text.push_str("  use = \"rules\"\n  file = \"rules.json\"\n  schema = \"schema.json\"\n");
            let rule = json!([{"name": format!("{first} is filled"), "enabled": true, "trigger_condition": format!("is_empty(field.{first})"),
                "actions": [{"id": "say", "enabled": true, "type": "show_message", "event": "validation",
                    "payload": {"type": "error", "content": "This field must be filled.", "schema_id": first}}]}]);
            files.push(("rules.json", serde_json::to_string_pretty(&rule)? + "\n"));
        }
        Step::Match => {
            let target = of_type("enum").unwrap_or(first);
            let by = fields
                .iter()
                .find(|(id, kind)| *kind == "string" && *id != target)
                .map_or(first, |(id, _)| *id);
            let _ = write!(
                text,
                "  use = \"match\"\n  field = \"{by}\"\n  target = \"{target}\"\n  file = \"vendors.csv\"\n  compare = \"substring\"\n"
            );
            files.push(("vendors.csv", "value,label\nV1,Acme Ltd\nV2,Globex Inc\n".to_owned()));
        }
    }
    files.push(("annex.toml", text));
    Ok(files)
}

/// A case whose answer is what the configuration answers.
fn first_case(config: &Path, name: &str, content: &Value) -> Result<Case, Failure> {
    let config = config::load(config, Purpose::Trial, &|_| None).map_err(mistaken)?;
    let services = config.services(None);
    let trial = Trial::new(HookPlan::build_all(config.hooks, &services).hooks)?;
    let body = serde_json::to_vec(&sample::payload(content))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (answer, _) = runtime.block_on(trial.answer(name, &body))?;
    let case = Case::unanswered(name, &body);
    let mut case = case.ok_or_else(|| Failure::Because("the first case cannot be made".to_owned()))?;
    case.answer = Some(RawValue::from_string(String::from_utf8_lossy(&answer).into_owned())?);
    Ok(case)
}
