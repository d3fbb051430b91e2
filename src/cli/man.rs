//! `annex man`: the manual page, for packages.

use clap::CommandFactory;

use super::exit::{Failure, print};

pub(super) fn run() -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(super::Cli::command()).render(&mut page)?;
    print(String::from_utf8_lossy(&page).trim_end())
}
