//! What runs, and what a reload exchanges of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::select;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::interval;
use tracing::{error, info, warn};

use crate::clock;
use crate::config::{Admin, Config, List};
use crate::data::Watch;
use crate::database;
use crate::inspector::Inspector;
use crate::otlp::Exporter;
use crate::outbox::{Couriers, Workers};
use crate::server::admin::Pages;
use crate::server::systemd;
use crate::server::{ConfigFacts, Pulse, Redirect, Shared};
use crate::steps::Carries;
use crate::telemetry::Metrics;
use crate::tls::Keeper;
use crate::webhook::{BuiltHooks, Door, HookPlan};

use super::Load;
use super::signals::{Heard, Signals};

/// How often tasks are looked after and systemd's status line is brought up to date.
const LOOK: Duration = Duration::from_secs(5);

/// Everything that a reload exchanges, and what it needs for that.
pub(super) struct House {
    pub(super) load: Load,
    pub(super) door: Arc<Door>,
    pub(super) redirect: Option<Arc<Redirect>>,
    pub(super) keeper: Keeper,
    pub(super) shared: Shared,
    pub(super) pulse: Pulse,
    pub(super) metrics: Arc<Metrics>,
    pub(super) pages: Arc<Pages>,
    pub(super) workers: Arc<Workers>,
    pub(super) watch: Arc<Watch>,
    pub(super) exporter: Arc<Exporter>,
    pub(super) fixed: Fixed,
    /// Lists of records, as they were when the configuration was taken.
    pub(super) lists: Vec<List>,
    /// Of the configuration that was taken.
    pub(super) digest: String,
    pub(super) inspector: Option<Arc<Inspector>>,
    /// Somebody wants a reload.
    pub(super) asked: Arc<Notify>,
    /// The same from the admin pages, where they want to hear what came of it.
    pub(super) reloads: mpsc::Receiver<oneshot::Sender<Option<String>>>,
}

/// What only a restart can change. Client CAs are among it: sessions resumed with old tickets would keep the old proof.
#[derive(PartialEq, Eq)]
pub(super) struct Fixed {
    https: SocketAddr,
    http: Option<SocketAddr>,
    probe: Option<SocketAddr>,
    pub(super) admin: Admin,
    client_ca: Option<PathBuf>,
    state: PathBuf,
    inspector: bool,
}

impl Fixed {
    pub(super) fn of(config: &Config) -> Self {
        let server = &config.server;
        Self {
            https: server.https,
            http: server.http,
            probe: server.probe,
            admin: server.admin.clone(),
            client_ca: server.client_ca.clone(),
            state: config.state.clone(),
            inspector: server.inspector,
        }
    }
}

impl House {
    /// Until somebody says stop; gives who.
    pub(super) async fn live(&mut self, signals: &mut Signals) -> &'static str {
        let mut looks = interval(LOOK);
        let mut said = String::new();
        loop {
            select! {
                heard = signals.next() => match heard {
                    Heard::Stop(why) => return why,
                    Heard::Reload => {
                        systemd::reloading();
                        self.reload();
                        systemd::ready(&self.pages.line());
                    }
                },
                () = self.asked.notified() => drop(self.reload()),
                Some(answer) = self.reloads.recv() => {
                    // Whoever asked may be gone.
                    let _ = answer.send(self.reload());
                }
                _ = looks.tick() => {
                    self.keeper.mend();
                    self.count_jobs().await;
                    let line = self.pages.line();
                    if line != said {
                        systemd::status(&line);
                        said = line;
                    }
                }
            }
        }
    }

    /// What waits in the outbox, for the metrics.
    async fn count_jobs(&self) {
        if self.workers.outbox.exists()
            && let Ok(counts) = self.workers.outbox.counts().await
        {
            self.metrics.outbox(counts.waiting, counts.dead, counts.incomplete);
        }
    }

    /// All or nothing: a configuration with one mistake changes nothing. Gives the mistakes.
    fn reload(&mut self) -> Option<String> {
        let taken = self.exchange();
        self.metrics.reload(clock::now(), taken.is_ok());
        if let Some(inspector) = &self.inspector {
            inspector.reloaded(taken.as_ref().err().map(String::as_str));
        }
        self.note(taken.as_ref().err());
        match taken {
            Ok(()) => info!("configuration reloaded"),
            Err(ref problem) => {
                for line in problem.lines().filter(|line| !line.is_empty()) {
                    error!("{line}");
                }
                error!("the new configuration is refused; the server keeps the previous one");
            }
        }
        taken.err()
    }

    /// What became of a reload, for the pages. Of many mistakes the first is told.
    fn note(&self, problem: Option<&String>) {
        let mut facts = self.pages.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match problem {
            None => *facts = ConfigFacts::of(self.digest.clone()),
            Some(problem) => {
                let first = problem.lines().find(|line| !line.is_empty()).unwrap_or_default();
                (facts.refused, facts.refused_at) = (Some(first.to_owned()), Some(clock::now()));
            }
        }
    }

    fn exchange(&mut self) -> Result<(), String> {
        let config = (self.load)().map_err(|mistakes| mistakes.to_string())?;
        if Fixed::of(&config) != self.fixed {
            return Err(
                "`https`, `http`, `probe`, `admin`, `inspector`, `client_ca` or `state` changed: they need a restart"
                    .to_owned(),
            );
        }
        if let Some(shrunken) = config.lists.iter().find_map(|list| list.shrunken(&self.lists)) {
            return Err(shrunken);
        }
        say_doubts(&config);
        let queries = config.queries().cloned().collect();
        let services = config.services(Some(Arc::clone(&self.workers.outbox)));
        let Config { server, hooks, datasets, lists, collector, digest, .. } = config;
        let prepared = self.keeper.prepare(server.certificates).map_err(|error| error.to_string())?;
        // From here on nothing can fail.
        (self.lists, self.digest) = (lists, digest);
        self.keeper.commit(prepared);
        self.shared.drain.tasks.background(database::look_at_all(queries));
        let BuiltHooks { hooks, couriers } = HookPlan::build_all(hooks, &services);
        self.workers.couriers.store(Arc::new(by_name(couriers)));
        self.watch.datasets.store(Arc::new(datasets));
        self.exporter.replace(collector);
        self.door.replace(hooks, server.door);
        self.shared.limits.store(Arc::new(server.limits));
        self.shared.connections.set_limit(server.limits.connections);
        self.shared.balancers.store(Arc::new(server.balancers));
        if let Some(redirect) = &self.redirect {
            redirect.domains.store(Arc::new(server.domains));
        }
        Ok(())
    }
}

/// What contradicts data as they are now, which people change beside the configuration; and what is worth knowing of it.
pub(super) fn say_doubts(config: &Config) {
    // The import of a file says itself what is wrong with it.
    for doubt in config.doubts.iter().filter(|doubt| !config.told_by_imports.contains(&doubt.what)) {
        let hint = doubt.hint.as_deref().unwrap_or_default();
        warn!("{}:{}: {}; {hint}", doubt.file, doubt.line, doubt.what);
    }
    for note in &config.notes {
        warn!("{note}");
    }
}

/// Who carries what, as jobs name it.
pub(super) fn by_name(couriers: Vec<Carries>) -> Couriers {
    couriers.into_iter().map(|(id, courier)| (id.to_string(), courier)).collect()
}
