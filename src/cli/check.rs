//! `annex check`: everything that start does, except opening the door.

use std::path::PathBuf;

use crate::config::{self, Config, Mistakes, Purpose};
use crate::tls;

use super::exit::{Failure, print, say_lines};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check it for --dev-http, which needs no certificate
    #[arg(long)]
    dev_http: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let path = super::config_path(arguments.config);
    let purpose = if arguments.dev_http { Purpose::DevHttp } else { Purpose::Serve };
    let checked = config::load(&path, purpose, &super::service_environment(&path));
    let certificate = checked.as_ref().ok().and_then(certificate_problem);
    if arguments.json {
        return as_json(&checked, certificate.as_deref());
    }
    let config = match checked {
        Ok(config) => config,
        Err(mistakes) => {
            let count = mistakes.0.len();
            let mut lines = mistakes.lines();
            lines.add(format_args!("{count} mistake{}", if count == 1 { "" } else { "s" }));
            say_lines(&lines);
            return Err(Failure::Said);
        }
    };
    if let Some(problem) = certificate {
        return Err(Failure::Because(problem));
    }
    print(format_args!("{}: ok", path.display()))?;
    for hook in &config.hooks {
        let steps = hook.stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(", ");
        print(format_args!(
            "  {}  {}  {}",
            hook.path,
            hook.name,
            if steps.is_empty() { "no steps" } else { &steps }
        ))?;
        for note in hook.stages.iter().flat_map(|stage| stage.step.notes()) {
            print(format_args!("    note: {note}"))?;
        }
    }
    Ok(())
}

/// Certificate files are read and checked here, as start would.
fn certificate_problem(config: &Config) -> Option<String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    config.server.certificates.iter().find_map(|settings| match &settings.source {
        tls::Source::Files { certificate, key } => {
            tls::load_files(certificate, key, &provider).err().map(|error| error.to_string())
        }
        tls::Source::Acme(_) => None,
    })
}

fn as_json(checked: &Result<Config, Mistakes>, certificate: Option<&str>) -> Result<(), Failure> {
    let mut mistakes: Vec<_> = checked.as_ref().err().map_or_else(Vec::new, |mistakes| {
        let one = |m: &config::Mistake| {
            serde_json::json!({"file": m.file, "line": m.line, "column": m.column, "what": m.what, "hint": m.hint})
        };
        mistakes.0.iter().map(one).collect()
    });
    mistakes.extend(certificate.map(|problem| serde_json::json!({"what": problem})));
    let hooks = checked.as_ref().map_or_else(|_| Vec::new(), |config| config.hooks.iter().collect());
    let notes: Vec<_> = hooks
        .iter()
        .flat_map(|hook| hook.stages.iter().map(move |stage| (hook, stage)))
        .flat_map(|(hook, stage)| stage.step.notes().into_iter().map(move |note| (hook, stage, note)))
        .map(|(hook, stage, note)| serde_json::json!({"hook": hook.name, "step": stage.name, "note": note}))
        .collect();
    print(serde_json::json!({"ok": mistakes.is_empty(), "mistakes": mistakes, "notes": notes}))?;
    if mistakes.is_empty() { Ok(()) } else { Err(Failure::Said) }
}
