//! A house whose ports are not open yet.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::warn;

use crate::clock;
use crate::config::{Admin, Config, List, ServerSettings};
use crate::data::{Board, Refusal, Watch};
use crate::database;
use crate::inspector::{Inspector, Mode};
use crate::otlp::Exporter;
use crate::outbox::{Outbox, Workers};
use crate::server::admin::{self, Pages};
use crate::server::inspect::{Called, Inspection, Streams};
use crate::server::systemd::Sockets;
use crate::server::{
    ConfigFacts, Connections, DatasetFacts, Drain, Limits, Listener, OutboxFacts, Pulse, Redirect, Service,
    Shared, bind, descriptors,
};
use crate::telemetry::Metrics;
use crate::tls::Keeper;
use crate::webhook::{BuiltHooks, Door, HookPlan};

use super::house::{Fixed, House, by_name, say_doubts};
use super::signals::Signals;
use super::{Annex, Load, StartError};

/// The page that shows deliveries while developing.
pub struct Page {
    /// On loopback.
    pub address: SocketAddr,
    /// Whether another port will do where this one is taken.
    pub is_default: bool,
    /// How commands name the secret that dev mode made, where it is kept in a file.
    pub secret: Option<String>,
    /// The folder that cases are saved in.
    pub cases: PathBuf,
}

pub(super) struct Building {
    pub(super) server: ServerSettings,
    fixed: Fixed,
    load: Load,
    path: PathBuf,
    pub(super) door: Arc<Door>,
    hooks: Vec<(String, String)>,
    shared: Shared,
    pulse: Pulse,
    metrics: Arc<Metrics>,
    workers: Arc<Workers>,
    watch: Arc<Watch>,
    exporter: Arc<Exporter>,
    page: Option<Page>,
    inspector: Option<Arc<Inspector>>,
    lists: Vec<List>,
    digest: String,
}

impl Building {
    pub(super) fn new(load: Load, path: PathBuf, page: Option<Page>) -> Result<Self, StartError> {
        descriptors::raise();
        let config = load()?;
        say_doubts(&config);
        let fixed = Fixed::of(&config);
        let metrics = Arc::new(Metrics::new(clock::now()));
        let drain = Drain::default();
        drain.tasks.background(database::look_at_all(config.queries().cloned().collect()));
        let outbox = Arc::new(Outbox::new(&config.state).that_must_note(config.must_note));
        let services = config.services(Some(Arc::clone(&outbox)));
        let Config { server, hooks, state, datasets, lists, collector, digest, .. } = config;
        let exporter = Arc::new(Exporter::new(Arc::clone(&metrics), collector));
        let names = hooks.iter().map(|hook| &hook.settings);
        let names = names.map(|hook| (hook.path.clone(), hook.name.clone())).collect();
        let BuiltHooks { hooks, couriers } = HookPlan::build_all(hooks, &services);
        let workers = Arc::new(Workers::new(outbox, by_name(couriers)));
        let datasets = ArcSwap::from_pointee(datasets);
        let watch = Arc::new(Watch { state, datasets, board: Board::default() });
        let mode = match &page {
            Some(page) => Some(Mode::Developing { cases: page.cases.clone() }),
            None => server.inspector.then_some(Mode::Masked),
        };
        let inspector = mode.map(Inspector::new).transpose().map_err(StartError::Inspector)?;
        let door =
            Door::new(hooks, server.door, Arc::clone(&metrics), inspector.clone(), drain.tasks.clone());
        let door = Arc::new(door);
        let limits: Limits = server.limits;
        let shared = Shared {
            limits: Arc::new(ArcSwap::from_pointee(limits)),
            balancers: Arc::new(ArcSwap::from_pointee(server.balancers.clone())),
            connections: Arc::new(Connections::new(limits.connections, Arc::clone(&metrics))),
            drain,
            metrics: Arc::clone(&metrics),
        };
        Ok(Self {
            server,
            fixed,
            load,
            path,
            door,
            hooks: names,
            shared,
            pulse: Pulse::default(),
            metrics,
            workers,
            watch,
            exporter,
            page,
            inspector,
            lists,
            digest,
        })
    }

    pub(super) fn listener(&self, name: &'static str, socket: TcpListener, service: Service) -> Listener {
        Listener { socket, name, service, shared: self.shared.clone(), beat: self.pulse.join() }
    }

    pub(super) fn finish(
        self,
        signals: Signals,
        mut listeners: Vec<Listener>,
        (https, probe): (Option<SocketAddr>, Option<TcpListener>),
        redirect: Option<Arc<Redirect>>,
        keeper: Keeper,
        address: SocketAddr,
    ) -> Result<Annex, StartError> {
        let fixed = self.fixed;
        let admin = match (&self.page, https) {
            (Some(page), _) => page.open()?,
            (None, Some(_)) => open(&fixed.admin)?,
            (None, None) => None,
        };
        let page = admin.as_ref().filter(|_| self.page.is_some()).and_then(admin::Socket::address);
        if let Some(page) = page {
            self.door.leads_to(page);
        }
        let called = || match &self.page {
            Some(page) => {
                Called::Developing { address, secret: page.secret.clone(), public: OnceLock::new() }
            }
            None => Called::Public { domains: self.server.domains.clone() },
        };
        let inspection = |inspector: &Arc<Inspector>| Inspection {
            inspector: Arc::clone(inspector),
            door: Arc::clone(&self.door),
            streams: Streams::default(),
            called: called(),
            tasks: self.shared.drain.tasks.clone(),
        };
        let (reload, reloads) = mpsc::channel(1);
        let outbox = Arc::clone(&self.workers.outbox);
        let outbox = move || {
            let health = outbox.health();
            OutboxFacts {
                problem: health.problem(),
                warnings: health.warnings(),
                times_lost: health.times_lost(),
            }
        };
        let watch = Arc::clone(&self.watch);
        let datasets = move || {
            let facts = |(name, refusal): (String, Option<Refusal>)| {
                let (refused, since) = refusal.map(|refusal| (refusal.problem, refusal.since)).unzip();
                DatasetFacts { name, refused, since }
            };
            watch.board.all().into_iter().map(facts).collect()
        };
        let pages = Arc::new(Pages {
            board: Arc::clone(&keeper.board),
            metrics: Arc::clone(&self.metrics),
            pulse: self.pulse.clone(),
            started: clock::now(),
            https,
            config: self.path,
            taken: Mutex::new(ConfigFacts::of(self.digest.clone())),
            inspection: self.inspector.as_ref().map(inspection),
            door: Arc::clone(&self.door),
            outbox: Box::new(outbox),
            datasets: Box::new(datasets),
            reload,
        });
        if let Some(socket) = probe {
            let service = Service::Probe(Arc::clone(&pages));
            let (shared, beat) = (self.shared.clone(), self.pulse.join());
            listeners.push(Listener { socket, name: "probe", service, shared, beat });
        }
        let house = House {
            load: self.load,
            door: self.door,
            redirect,
            keeper,
            shared: self.shared,
            pulse: self.pulse,
            metrics: self.metrics,
            pages,
            workers: self.workers,
            watch: self.watch,
            exporter: self.exporter,
            fixed,
            lists: self.lists,
            digest: self.digest.clone(),
            asked: Arc::default(),
            reloads,
            inspector: self.inspector,
        };
        Ok(Annex { signals, listeners, admin, house, inspector: page, address, hooks: self.hooks })
    }
}

impl Page {
    /// Where no address was asked for, a page is not worth failing for.
    fn open(&self) -> Result<Option<admin::Socket>, StartError> {
        let failed = |error| StartError::Bind { address: self.address, error };
        match admin::Socket::tcp(self.address) {
            Ok(socket) => Ok(Some(socket)),
            Err(error) if !self.is_default => Err(failed(error)),
            Err(_) => {
                let any = SocketAddr::new(self.address.ip(), 0);
                let opened = admin::Socket::tcp(any);
                Ok(opened.inspect_err(|error| warn!("cannot start the inspector on {any}: {error}")).ok())
            }
        }
    }
}

/// The admin listener of production. The default address is not worth failing for.
fn open(wanted: &Admin) -> Result<Option<admin::Socket>, StartError> {
    Ok(match wanted {
        Admin::Off => None,
        Admin::Tcp(address) => {
            let failed = |error| StartError::Bind { address: *address, error };
            Some(admin::Socket::tcp(*address).map_err(failed)?)
        }
        Admin::Unix(path) => {
            let failed = |error| StartError::AdminSocket { path: path.clone(), error };
            Some(admin::Socket::unix(path).map_err(failed)?)
        }
        Admin::Default => {
            let opened = admin::Socket::tcp(Admin::DEFAULT);
            let told = |error: &io::Error| {
                warn!(
                    "cannot serve the admin pages on {}: {error}; set another address with `admin`",
                    Admin::DEFAULT
                );
            };
            opened.inspect_err(told).ok()
        }
    })
}

pub(super) fn listen(address: SocketAddr, sockets: &mut Sockets) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Bind { address, error };
    match sockets.take(address) {
        Some(socket) => TcpListener::from_std(socket).map_err(failed),
        None => bind(address).map_err(failed),
    }
}
