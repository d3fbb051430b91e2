//! `annex init`: a configuration, a schema and a first test case that pass.

mod answers;
mod files;
mod sample;
mod written;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use crate::shown::quoted;

use super::exit::{Failure, print};
use answers::{Asked, EXAMPLE, NONE};
use files::{Step, files};
use written::{Passes, write_all};

/// Write a first configuration, a schema, and a test case that passes.
///
/// Asks for what no option gives. Without a terminal, and with --yes, it uses the defaults and prints them.
#[derive(clap::Args)]
#[expect(clippy::doc_markdown, reason = "a terminal shows it")]
pub(super) struct Arguments {
    /// The folder to write to
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The public name of the server [default: hooks.example.com]
    #[arg(long, value_name = "NAME", value_parser = answers::domain)]
    domain: Option<String>,
    /// The name of the hook, which is its path too [default: invoice-checks]
    #[arg(long, value_name = "NAME", value_parser = answers::hook)]
    hook: Option<String>,
    /// The first step of the hook [default: checks]
    #[arg(long, value_enum, value_name = "STEP")]
    step: Option<Step>,
    /// With --step forward: the address where your service listens [default: http://127.0.0.1:5050]
    #[arg(long, value_name = "URL", value_parser = answers::service)]
    to: Option<String>,
    /// The queue's schema, as `annex schema get ID -O schema.json` writes it [default: an example; with --step forward none]
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Where the hook's secret is: env:NAME, file:PATH or credential:NAME [default: env:ROSSUM_SECRET]
    #[arg(long, value_name = "SOURCE", value_parser = answers::secret)]
    secret: Option<String>,
    /// Ask nothing: use the defaults where no option gives another value
    #[arg(long)]
    yes: bool,
}

/// Where a service of one's own listens, unless it is somewhere else.
const SERVICE: &str = "http://127.0.0.1:5050";

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let asked = Asked::new(!arguments.yes && io::stdin().is_terminal());
    let question = "Which public name will the server have?";
    let domain =
        asked.text(("--domain", arguments.domain), question, "hooks.example.com", answers::domain)?;
    let question = "What is the name of the hook?";
    let name = asked.text(("--hook", arguments.hook), question, "invoice-checks", answers::hook)?;
    let question = "What does the hook do first: checks, rules, match or forward (to a service of yours)?";
    let step = asked.text(("--step", arguments.step), question, "checks", answers::step)?;
    let to = match (step, arguments.to) {
        (Step::Forward, to) => asked.text(
            ("--to", to),
            "At which address does your service listen?",
            SERVICE,
            answers::service,
        )?,
        (_, None) => String::new(),
        (_, Some(_)) => return Err(Failure::usage("--to is for --step forward", "leave it out, or add it")),
    };
    let given = arguments.schema.map(|path| answers::schema(&path.display().to_string(), step)).transpose();
    let given = given.map_err(|problem| Failure::Because(format!("--schema: {problem}")))?;
    let question = "Which file has the queue's schema (annex schema get ID -O schema.json)?";
    let usual = if step == Step::Forward { NONE } else { EXAMPLE };
    let schema = asked.text(("--schema", given), question, usual, |text| answers::schema(text, step))?;
    let question = "Where is the hook's secret?";
    let secret =
        asked.text(("--secret", arguments.secret), question, "env:ROSSUM_SECRET", answers::secret)?;
    asked.tell_defaults();

    let files = files(&domain, &name, (step, &to), &schema, &secret)?;
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
            "{domain} is a name for examples: before you run `annex serve`, set `domains` in {} to the public name of the server",
            toml.display()
        ))?;
    }
    Ok(())
}
