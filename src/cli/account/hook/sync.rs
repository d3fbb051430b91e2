//! `annex hook sync`: what Rossum knows of the hooks, against the configuration.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::account::Session;
use crate::shown::{Line, quoted};

use super::super::super::exit::{Failure, Mark, print};
use super::super::configured::{self, Configured};
use super::super::{Access, confirmed, raw_text_of, text_of};

#[derive(clap::Args)]
pub(in super::super::super) struct SyncArguments {
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Change the hooks in Rossum to match the configuration; it asks before
    #[arg(long)]
    apply: bool,
    /// Do not ask for confirmation
    #[arg(long, requires = "apply")]
    yes: bool,
    #[command(flatten)]
    pub(super) access: Access,
}

/// One hook of Rossum's that differs, and what would mend it.
struct Differs<'h> {
    hook: &'h Value,
    said: Vec<String>,
    patch: Map<String, Value>,
}

pub(super) async fn sync(session: &Session, arguments: &SyncArguments) -> Result<(), Failure> {
    let configured = configured::hooks(arguments.config.clone())?;
    let known = session.list("hooks").await?;
    let mut differing = Vec::new();
    let mut missing = 0;
    let mut report = Vec::new();
    for own in &configured {
        let same_url = |hook: &&Value| {
            raw_text_of(&hook["config"]["url"]).trim_end_matches('/') == own.url.trim_end_matches('/')
        };
        let found: Vec<&Value> = known.iter().filter(same_url).collect();
        if found.is_empty() {
            missing += 1;
            report.push(json!({"hook": own.name, "url": own.url, "registered": false}));
            if !arguments.access.json {
                print(format_args!("{} {}: no hook in Rossum calls {}", Mark::Bad, own.name, own.url))?;
                print(format_args!(
                    "    annex hook create {0} --from-config {0} -q QUEUE_ID",
                    quoted(&own.name)
                ))?;
            }
        }
        for hook in found {
            let differs = compare(own, hook);
            let id = text_of(&hook["id"]);
            report.push(
                json!({"hook": own.name, "id": hook["id"], "registered": true, "differences": differs.said}),
            );
            if !arguments.access.json {
                let mark = if differs.said.is_empty() { Mark::Good } else { Mark::Warning };
                print(format_args!("{mark} {}: hook {id} ({})", own.name, text_of(&hook["name"])))?;
                differs.said.iter().try_for_each(|line| print(format_args!("    {}", Line(line))))?;
            }
            if !differs.patch.is_empty() {
                differing.push(differs);
            }
        }
    }
    if arguments.access.json {
        print(json!(report))?;
    }
    if differing.is_empty() {
        return if missing == 0 { Ok(()) } else { Err(Failure::Said) };
    }
    if !arguments.apply {
        if !arguments.access.json {
            print("to change the hooks in Rossum to match the configuration: annex hook sync --apply")?;
        }
        return Err(Failure::Said);
    }
    let question = format!("Change {} in Rossum?", count(differing.len()));
    if !session.is_dry_run() && !confirmed(&question, arguments.yes)? {
        return arguments.access.tell("nothing is changed");
    }
    for Differs { hook, patch, .. } in differing {
        let id = text_of(&hook["id"]);
        session.change(Method::PATCH, &format!("hooks/{id}"), Some(&Value::Object(patch))).await?;
        if !session.is_dry_run() {
            arguments.access.tell(format_args!("hook {id} is changed"))?;
        }
    }
    Ok(())
}

fn count(number: usize) -> String {
    if number == 1 { "one hook".to_owned() } else { format!("{number} hooks") }
}

fn compare<'h>(own: &Configured, hook: &'h Value) -> Differs<'h> {
    let mut said = Vec::new();
    let mut patch = Map::new();
    let events: Vec<String> = hook["events"].as_array().into_iter().flatten().map(text_of).collect();
    let has = |pair: &String| {
        events
            .iter()
            .any(|event| event == pair || pair.split_once('.').is_some_and(|(whole, _)| whole == event))
    };
    let (kept, idle): (Vec<String>, Vec<String>) =
        events.iter().cloned().partition(|event| own.listens_to(event));
    let lacking: Vec<String> = own.events.iter().filter(|pair| !has(pair)).cloned().collect();
    if !lacking.is_empty() {
        said.push(format!("Rossum does not send {}", lacking.join(", ")));
    }
    if !idle.is_empty() {
        said.push(format!("no step handles {}", idle.join(", ")));
    }
    if !lacking.is_empty() || !idle.is_empty() {
        patch.insert("events".to_owned(), json!([kept, lacking].concat()));
    }
    let sideload = hook["sideload"].as_array().cloned().unwrap_or_default();
    if own.needs_schema && !sideload.contains(&json!("schemas")) {
        said.push("its steps need the schema, but Rossum does not send it (sideload)".to_owned());
        patch.insert("sideload".to_owned(), json!([sideload, vec![json!("schemas")]].concat()));
    }
    // A private hook does not show its secret.
    let secret = raw_text_of(&hook["config"]["secret"]);
    let is_ours = own.secrets.iter().any(|known| known.expose() == secret.as_bytes());
    if !secret.is_empty() && !is_ours {
        said.push("its secret is not in the configuration: the server refuses each delivery".to_owned());
        let mut config = hook["config"].as_object().cloned().unwrap_or_default();
        config.insert("secret".to_owned(), own.secret().into());
        patch.insert("config".to_owned(), config.into());
    }
    if hook["active"] == json!(false) {
        // Somebody may have paused it on purpose: this is said, and not changed.
        said.push("it is paused; to resume it: annex hook change ID --active true".to_owned());
    }
    Differs { hook, said, patch }
}
