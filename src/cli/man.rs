//! `annex man`: the manual page, for packages. All commands are in one, so that it is found whatever one looks for.

use std::io;

use clap::Command;
use clap_mangen::Man;

use super::exit::{Failure, print_own};

pub(super) fn run() -> Result<(), Failure> {
    let mut annex = super::command();
    annex.build();
    let mut page = Vec::new();
    let man = Man::new(annex.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    commands(&annex, "annex", &mut page)?;
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    print_own(&String::from_utf8_lossy(&page))
}

/// A section for each command that does something.
fn commands(command: &Command, path: &str, page: &mut Vec<u8>) -> io::Result<()> {
    for one in command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help") {
        let name = format!("{path} {}", one.get_name());
        if one.has_subcommands() {
            commands(one, &name, page)?;
            continue;
        }
        let mut section = Vec::new();
        let man = Man::new(one.clone().bin_name(&name).disable_version_flag(true));
        man.render_synopsis_section(&mut section)?;
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        let section = String::from_utf8_lossy(&section);
        let section = section.replace(".SH SYNOPSIS\n", &format!(".SH \"{}\"\n", name.to_uppercase()));
        let section = section.replace(".SH DESCRIPTION\n", ".PP\n").replace(".SH OPTIONS\n", "");
        page.extend(section.as_bytes());
    }
    Ok(())
}
