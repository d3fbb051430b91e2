//! `annex completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::exit::{Failure, print_own};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Cli::command(), "annex", &mut script);
    print_own(&String::from_utf8_lossy(&script))
}
