//! Where the state folder is, for commands that work on it.

use std::path::PathBuf;

use crate::config;

#[derive(clap::Args)]
pub(super) struct Place {
    /// The configuration, which names the state folder [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The state folder itself
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    state: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Place {
    pub(super) fn folder(&self) -> PathBuf {
        match &self.state {
            Some(folder) => folder.clone(),
            None => config::state_of(&super::config_path(self.config.clone()), &super::environment),
        }
    }
}
