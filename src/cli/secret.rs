//! `annex secret new`.

use crate::secret::Secret;

use super::exit::{Failure, print};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Print a new random secret, for the hook in Rossum and for a file that only Annex can read
    New,
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New => print(String::from_utf8_lossy(Secret::generate()?.expose())),
    }
}
