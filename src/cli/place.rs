//! Where the state folder is, for commands that work on it.

use std::path::PathBuf;

use crate::config;
use crate::private;

use super::exit::Failure;

#[derive(clap::Args)]
pub(super) struct Place {
    /// The configuration, which names the state folder [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The state folder, without a configuration
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    state: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Place {
    /// The state folder. Root becomes its owner: nothing in it can lead to a file of root's.
    pub(super) fn enter(&self) -> Result<PathBuf, Failure> {
        let folder = match &self.state {
            Some(folder) => folder.clone(),
            None => {
                let path = super::config_path_or_default(self.config.clone())?;
                config::state_of(&path, &super::environment)
            }
        };
        let unusable = |error| {
            let folder = folder.display();
            Failure::Because(format!("cannot switch to the owner of the state folder {folder}: {error}"))
        };
        private::become_owner(&folder).map_err(unusable)?;
        Ok(folder)
    }
}
