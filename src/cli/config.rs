//! `annex config`: the keys of annex.toml, for editors and for people.

use crate::config::reference;

use super::exit::{Failure, print_lines, print_own};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// A JSON schema of annex.toml: editors complete and explain its keys by it
    ///
    /// Save it beside the configuration, whose first line then is: #:schema ./annex.schema.json
    Schema,
    /// Every key with its value, its default and what it does, as Markdown
    Reference,
    /// What one key or table is
    Explain {
        /// The key, with its table: server.acme.retry, hook.timeout; keys of a step by its `use`: checks.tolerance
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
