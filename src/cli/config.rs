//! `annex config`: the keys of annex.toml, for editors and for people.

use crate::config::reference;

use super::exit::{Failure, print_lines, print_own};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Print a JSON schema of annex.toml, with which editors complete and explain its keys
    ///
    /// Save it beside the configuration, and begin the configuration with this line: #:schema ./annex.schema.json
    Schema,
    /// Print all keys with their values, defaults and effects, as Markdown
    Reference,
    /// Explain one key or table
    Explain {
        /// The key with its table, such as server.acme.retry or hook.timeout; for a key of a step, with the `use` of the step: checks.tolerance
        key: String,
    },
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Schema => print_own(reference::SCHEMA),
        Command::Reference => print_own(&reference::page()),
        Command::Explain { key } => match reference::explain(key) {
            Ok(lines) => print_lines(&lines),
            Err(unknown) => Err(Failure::hinted(&unknown, &unknown.hint)),
        },
    }
}
