//! `annex init`: a configuration, a schema and a first test case that pass.

mod answers;
mod files;
mod sample;
mod written;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use crate::shown::quoted;

use super::exit::{Failure, print};
use answers::{Asked, EXAMPLE};
use files::{Step, files};
use written::{Passes, write_all};

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

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let asked = Asked { asks: !arguments.yes && io::stdin().is_terminal() };
    let question = "Which public name will the server have?";
    let domain =
        asked.text(("--domain", arguments.domain), question, "hooks.example.com", answers::domain)?;
    let name = asked.text(
        ("--hook", arguments.hook),
        "What is the hook called?",
        "invoice-checks",
        answers::hook,
    )?;
    let step = match arguments.step {
        Some(step) => step,
        None => asked.text(
            ("--step", None),
            "What does it do first: checks, rules or match?",
            "checks",
            answers::step,
        )?,
    };
    let given = arguments.schema.map(|path| path.display().to_string());
    let question = "Which file has the queue's schema (annex schema get ID -O schema.json)?";
    let schema = asked.text(("--schema", given), question, EXAMPLE, |text| answers::schema(text, step))?;
    let question = "Where is the hook's secret?";
    let secret =
        asked.text(("--secret", arguments.secret), question, "env:ROSSUM_SECRET", answers::secret)?;

    let files = files(&domain, &name, step, &schema, &secret)?;
    let folder = arguments.folder;
    let (written, passes) = write_all(&folder, files, &name, &schema)?;
    for path in written {
        print(format_args!("wrote {}", path.display()))?;
    }
    let inside = if folder == Path::new(".") {
        String::new()
    } else {
        format!("cd {} && ", quoted(&folder.to_string_lossy()))
    };
    let check = match passes {
        Passes::ToServe => "annex check",
        Passes::ToDevelop => "annex check --dev-http",
    };
    print("")?;
    print(format_args!("next: {inside}{check} && annex test"))?;
    print(format_args!("      {inside}annex --dev-http"))?;
    if passes == Passes::ToDevelop {
        print("")?;
        let toml = folder.join("annex.toml");
        print(format_args!(
            "{domain} is a name for examples: before `annex serve`, write the server's public name as `domains` in {}",
            toml.display()
        ))?;
    }
    Ok(())
}
