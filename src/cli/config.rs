//! `annex config schema`.

use super::exit::{Failure, print_own};

/// Every key with what it means, for editors.
const SCHEMA: &str = include_str!("../../config/annex.schema.json");

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// A JSON schema of annex.toml: editors complete and explain its keys by it
    ///
    /// Save it beside the configuration, whose first line then is: #:schema ./annex.schema.json
    Schema,
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Schema => print_own(SCHEMA),
    }
}
