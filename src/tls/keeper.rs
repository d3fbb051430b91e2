//! All certificates of a configuration, each kept by a task of its own; exchanged as a whole when the configuration is
//! reloaded, without touching those that stay.

use std::sync::Arc;

use tracing::error;

use crate::tasks::{self, Owned};

use super::acme::{self, Challenges, Supervisor};
use super::files::Watch;
use super::{Board, FilesError, Served, Settings, Source};

#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    #[error("{0}")]
    Files(#[from] FilesError),
    #[error("{0}")]
    Acme(#[from] acme::StartError),
}

/// Starts and stops the tasks, and owns what they share.
#[derive(Default)]
pub struct Keeper {
    pub served: Arc<Served>,
    pub challenges: Arc<Challenges>,
    pub board: Arc<Board>,
    running: Vec<(Settings, Owned<()>)>,
}

/// Tasks that are ready to start: everything that can be wrong with their settings was right.
pub struct Prepared(Vec<(Settings, Option<Task>)>);

enum Task {
    Acme(Box<Supervisor>),
    Files(Box<Watch>),
}

impl Keeper {
    /// Builds a task for each certificate whose settings are new; changes nothing.
    pub fn prepare(&self, wanted: Vec<Settings>) -> Result<Prepared, KeeperError> {
        let one = |settings: Settings| {
            let stays =
                self.running.iter().any(|(running, task)| *running == settings && !task.is_finished());
            let task = if stays { None } else { Some(self.task(&settings)?) };
            Ok((settings, task))
        };
        wanted.into_iter().map(one).collect::<Result<_, _>>().map(Prepared)
    }

    fn task(&self, settings: &Settings) -> Result<Task, KeeperError> {
        let (name, served, board) =
            (settings.name.clone(), Arc::clone(&self.served), Arc::clone(&self.board));
        Ok(match &settings.source {
            Source::Acme(acme) => {
                let challenges = Arc::clone(&self.challenges);
                Task::Acme(Box::new(Supervisor::new(name, (**acme).clone(), served, challenges, board)?))
            }
            Source::Files { certificate, key, domains } => {
                let files = [certificate.clone(), key.clone()];
                Task::Files(Box::new(Watch::new(name, files, domains.clone(), served, board)?))
            }
        })
    }

    /// Stops what is no longer wanted and starts what is new. A certificate that stays is not touched; one whose
    /// settings changed goes on being served until its new task has another.
    pub fn commit(&mut self, Prepared(tasks): Prepared) {
        let names: Vec<String> = tasks.iter().map(|(settings, _)| settings.name.clone()).collect();
        self.served.expect(names.clone());
        self.board.retain(&names);
        let mut before = std::mem::take(&mut self.running);
        for (settings, task) in tasks {
            let stays = before.iter().position(|(running, _)| *running == settings);
            match (task, stays) {
                (None, Some(at)) => self.running.push(before.swap_remove(at)),
                (None, None) => {}
                (Some(task), _) => {
                    if let Some(at) = before.iter().position(|(running, _)| running.name == settings.name) {
                        drop(before.swap_remove(at));
                    }
                    self.running.push((settings, task.start()));
                }
            }
        }
        drop(before); // and with them the tasks of what is no longer wanted
    }

    /// The name of a certificate whose task ended, which it never should: a mistake of ours.
    pub fn ended(&self) -> Option<&str> {
        self.running.iter().find(|(_, task)| task.is_finished()).map(|(settings, _)| settings.name.as_str())
    }

    /// Starts tasks that ended by a panic again.
    pub fn mend(&mut self) {
        let Some(name) = self.ended() else { return };
        error!("the task that keeps the certificate `{name}` ended: starting it again");
        let settings = self.running.iter().map(|(settings, _)| settings.clone()).collect();
        match self.prepare(settings) {
            Ok(prepared) => self.commit(prepared),
            Err(error) => error!("{error}"),
        }
    }
}

impl Task {
    fn start(self) -> Owned<()> {
        match self {
            Self::Acme(mut supervisor) => {
                supervisor.announce();
                tasks::owned(supervisor.run())
            }
            Self::Files(watch) => {
                watch.announce();
                tasks::owned(watch.run())
            }
        }
    }
}
