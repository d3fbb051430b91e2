//! `annex check`: everything that start does, except opening the door.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::config::{self, Config, DEV_SECRET, Mistakes, Purpose};
use crate::doctor::unwritable;
use crate::shown::{counted, quoted};
use crate::tls;
use crate::webhook::HookPlan;

use super::exit::{Failure, error_json, print, say_mistakes};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml]
    file: Option<PathBuf>,
    /// The configuration, as the other commands take it
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration for --dev-http, which needs no certificate
    #[arg(long)]
    dev_http: bool,
    /// Also require the secrets, as `annex serve` does: run this on the server before a restart
    #[arg(long, conflicts_with = "dev_http")]
    strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    if let (Some(file), Some(config)) = (&arguments.file, &arguments.config)
        && file != config
    {
        return Err(Failure::usage(
            format_args!("two configurations are named: {} and {}", file.display(), config.display()),
            format_args!("name one: annex check {}", quoted(&file.to_string_lossy())),
        ));
    }
    let path = super::config_path(arguments.file.or(arguments.config));
    let environment = super::service_environment(&path);
    let checked = if arguments.dev_http {
        // Dev mode makes its secret where there is none.
        let made = |name: &str| (name == DEV_SECRET).then(|| "x".repeat(64));
        config::load(&path, Purpose::DevHttp, &|name| environment(name).or_else(|| made(name)))
    } else {
        let purpose = if arguments.strict { Purpose::Serve } else { Purpose::Check };
        config::load_to_serve(&path, purpose, &environment)
    };
    // To a person who checks, what contradicts the data is a mistake as others are.
    let (checked, unchecked) = match checked {
        Ok(config) => {
            let (doubts, unchecked) = doubts(&config)?;
            (if doubts.is_empty() { Ok(config) } else { Err(Mistakes(doubts)) }, unchecked)
        }
        Err(mistakes) => (Err(mistakes), Vec::new()),
    };
    let certificate = checked.as_ref().ok().and_then(certificate_problem);
    if arguments.json {
        return as_json(&checked, certificate.as_deref(), &unchecked);
    }
    let config = match checked {
        Ok(config) => config,
        Err(mistakes) => {
            let mut lines = mistakes.lines();
            lines.add(counted(mistakes.0.len(), "mistake"));
            say_mistakes(&lines);
            return Err(Failure::Said);
        }
    };
    if let Some(problem) = certificate {
        return Err(Failure::Because(problem));
    }
    print(format_args!("{}: ok", path.display()))?;
    for unchecked in &unchecked {
        print(format_args!("  not checked: {unchecked}"))?;
    }
    for note in &config.notes {
        print(format_args!("  note: {note}"))?;
    }
    for hook in &config.hooks {
        let HookPlan { settings, stages, .. } = hook;
        let steps = stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(", ");
        print(format_args!(
            "  {}  {}  {}",
            settings.path,
            settings.name,
            if steps.is_empty() { "no steps" } else { &steps }
        ))?;
        for (_, note) in hook.notes() {
            print(format_args!("    note: {note}"))?;
        }
    }
    Ok(())
}

/// What contradicts the data, and which queries on databases will fail; what could not be checked, and why.
fn doubts(config: &Config) -> Result<(Vec<config::Mistake>, Vec<String>), Failure> {
    let mut doubts = config.doubts.clone();
    let mut unchecked: Vec<String> = config.unchecked.clone();
    unchecked.extend(config.hooks.iter().filter_map(fields_without_schema));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    unchecked.extend(runtime.block_on(unwritable(config)));
    if config.queries().next().is_some() {
        let mut away: Vec<(&str, String)> = Vec::new();
        for query in config.queries() {
            let name = query.database.name.as_str();
            let known = away.iter().find(|(known, _)| *known == name).map(|(_, problem)| problem.clone());
            let looked = match known {
                Some(problem) => Err((true, problem)),
                None => {
                    runtime.block_on(query.look()).map_err(|problem| (problem.is_away(), problem.to_string()))
                }
            };
            match looked {
                Ok(()) => {}
                Err((true, problem)) => {
                    unchecked.push(format!("the query at {}: the database {name}: {problem}", query.place));
                    away.push((name, problem));
                }
                Err((false, problem)) => {
                    let (file, line) = query.place.rsplit_once(':').unwrap_or((&query.place, ""));
                    doubts.push(config::Mistake {
                        file: file.to_owned(),
                        line: line.parse().unwrap_or(0),
                        column: 1,
                        what: format!("the database {name} refuses this query: {problem}"),
                        hint: Some("correct the query, or grant its user SELECT on the table".to_owned()),
                        excerpt: None,
                    });
                }
            }
        }
    }
    Ok((doubts, unchecked))
}

/// Without a schema nobody knows whether a field is there: a letter wrong in its name, and a check holds for ever.
fn fields_without_schema(hook: &HookPlan) -> Option<String> {
    let HookPlan { settings, stages, .. } = hook;
    let fields: BTreeSet<&str> = stages
        .iter()
        .filter(|stage| stage.schema.is_none() && settings.schemas.is_sent() && !settings.schemas.are_listed)
        .flat_map(|stage| stage.names.iter().map(|named| named.id.as_str()))
        .collect();
    let count = match fields.len() {
        0 => return None,
        1 => "the field".to_owned(),
        many => format!("the {many} fields"),
    };
    Some(format!(
        "{}: whether documents have {count} that its steps use: the configuration has no `schema`",
        settings.name
    ))
}

/// Certificate files are read and checked here, as start would.
fn certificate_problem(config: &Config) -> Option<String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    config.server.certificates.iter().find_map(|settings| match &settings.source {
        tls::Source::Files { certificate, key, .. } => {
            tls::load_files(certificate, key, &provider).err().map(|error| error.to_string())
        }
        tls::Source::Acme(_) => None,
    })
}

fn as_json(
    checked: &Result<Config, Mistakes>,
    certificate: Option<&str>,
    unchecked: &[String],
) -> Result<(), Failure> {
    let config = checked.as_ref().ok();
    let general = config.into_iter().flat_map(|config| &config.notes);
    let general = general.map(|note| serde_json::json!({"hook": null, "step": null, "note": note}));
    let notes = config
        .into_iter()
        .flat_map(|config| &config.hooks)
        .flat_map(|hook| hook.notes().map(move |(stage, note)| (hook, stage, note)))
        .map(|(hook, stage, note)| serde_json::json!({"hook": hook.settings.name, "step": stage, "note": note}));
    let notes: Vec<_> = general.chain(notes).collect();
    let error = match (checked, certificate) {
        (Err(Mistakes(all)), _) => Some(error_json(&counted(all.len(), "mistake"), None, all)),
        (Ok(_), Some(problem)) => Some(error_json(problem, None, &[])),
        (Ok(_), None) => None,
    };
    let is_good = error.is_none();
    let mut result = error.unwrap_or_else(|| serde_json::json!({"ok": true, "mistakes": []}));
    if let Some(result) = result.as_object_mut() {
        result.insert("notes".to_owned(), notes.into());
        result.insert("unchecked".to_owned(), unchecked.into());
    }
    print(result)?;
    if is_good { Ok(()) } else { Err(Failure::Said) }
}
