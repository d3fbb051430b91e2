//! Assembly: the one file that knows every room. Everything is built before a port is opened; then it runs until
//! it is told to stop, and drains. A reload builds the new house first and swaps it in whole, or not at all.

mod building;
mod house;
mod signals;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::clock;
use crate::config::{Config, Mistakes};
use crate::memory;
use crate::server::admin;
use crate::server::systemd::{self, Sockets};
use crate::server::{Listener, Redirect, Service};
use crate::shown::Lines;
use crate::tasks;
use crate::tls::{self, Acceptor, Keeper, KeeperError};

use building::{Building, listen};
use house::House;
use signals::Signals;

pub use building::Page;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Config(#[from] Mistakes),
    #[error("cannot listen on {address}: {error}")]
    Bind { address: SocketAddr, error: io::Error },
    #[error("cannot open the admin socket {path}: {error}")]
    AdminSocket { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Certificates(#[from] KeeperError),
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("cannot start the inspector: {0}")]
    Inspector(io::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
}

impl StartError {
    /// For people: what failed, and what to do about it.
    pub fn lines(&self) -> Lines {
        let hint = match self {
            Self::Config(mistakes) => return mistakes.lines_without_code(),
            Self::AdminSocket { .. } => "its folder must exist and be writable".to_owned(),
            Self::Bind { address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                format!("find the process that uses the port: ss -ltnp 'sport = :{}'", address.port())
            }
            Self::Bind { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                "ports below 1024 come from systemd: systemctl enable --now annex.socket".to_owned()
            }
            _ => return Lines::of(self),
        };
        Lines::hinted(self, hint)
    }
}

/// For what is left of spans and metrics, when the server ends.
const TELEMETRY: Duration = Duration::from_secs(2);

/// Reads the configuration, at start and at each reload.
pub type Load = Box<dyn Fn() -> Result<Config, Mistakes> + Send + Sync>;

/// A server with its ports open, not yet serving.
pub struct Annex {
    signals: Signals,
    listeners: Vec<Listener>,
    admin: Option<admin::Socket>,
    house: House,
    /// Where the page that shows deliveries is, in dev mode.
    pub inspector: Option<SocketAddr>,
    /// Address of the listener that Rossum calls, with its real port.
    pub address: SocketAddr,
    /// Paths and names of the hooks.
    pub hooks: Vec<(String, String)>,
}

impl Annex {
    /// Plain HTTP on one address, and beside it the page that shows what comes.
    pub fn dev_http(
        load: Load,
        path: PathBuf,
        address: SocketAddr,
        page: Option<Page>,
    ) -> Result<Self, StartError> {
        let signals = Signals::listen(true).map_err(StartError::Signals)?;
        let building = Building::new(load, path, page)?;
        let socket = listen(address, &mut Sockets::default())?;
        let address = socket.local_addr().unwrap_or(address);
        let listener = building.listener("dev", socket, Service::DevHttp(Arc::clone(&building.door)));
        building.finish(signals, vec![listener], (None, None), None, Keeper::default(), address)
    }

    /// HTTPS, with plain HTTP and the admin pages beside it.
    pub fn https(load: Load, path: PathBuf) -> Result<Self, StartError> {
        let signals = Signals::listen(false).map_err(StartError::Signals)?;
        let mut building = Building::new(load, path, None)?;
        let mut keeper = Keeper::default();
        let prepared = keeper.prepare(std::mem::take(&mut building.server.certificates))?;
        let client_ca = building.server.client_ca.as_deref();
        let client_roots = client_ca.map(tls::load_roots).transpose().map_err(KeeperError::from)?;
        let acceptor =
            Acceptor::new(Arc::clone(&keeper.served), Arc::clone(&keeper.challenges), client_roots)?;
        let mut sockets = Sockets::inherited();
        let wanted = building.server.https;
        let socket = listen(wanted, &mut sockets)?;
        let address = socket.local_addr().unwrap_or(wanted);
        let service = Service::Https(acceptor, Arc::clone(&building.door));
        let mut listeners = vec![building.listener("https", socket, service)];
        let mut redirect = None;
        if let Some(http) = building.server.http {
            let domains = ArcSwap::from_pointee(building.server.domains.clone());
            let challenges = Arc::clone(&keeper.challenges);
            let plain = Arc::new(Redirect { domains, https_port: address.port(), challenges });
            let service = Service::Redirect(Arc::clone(&plain));
            listeners.push(building.listener("http", listen(http, &mut sockets)?, service));
            redirect = Some(plain);
        }
        let probe = building.server.probe.map(|address| listen(address, &mut sockets)).transpose()?;
        for address in sockets.left() {
            warn!(
                "systemd passed a socket on {address}, which is not in annex.toml: the server does not use it"
            );
        }
        keeper.commit(prepared);
        building.finish(signals, listeners, (Some(address), probe), redirect, keeper, address)
    }

    /// Who notifies this has the configuration read again, as SIGHUP does.
    pub fn reloader(&self) -> Arc<Notify> {
        Arc::clone(&self.house.asked)
    }

    /// A tunnel leads here: the page shows its URL.
    pub fn is_reached_by(&self, url: &str) {
        if let Some(inspection) = &self.house.pages.inspection {
            inspection.called.reached_by(url);
        }
    }

    /// What runs beside the server, and ends with it.
    pub fn tasks(&self) -> &tasks::Tasks {
        &self.house.shared.drain.tasks
    }

    /// Whether a certificate is missing that a CA has to issue: its first order is next.
    pub fn lacks_certificate(&self) -> bool {
        self.house.keeper.board.all().iter().any(|status| status.not_after.is_none())
    }

    /// Serves until SIGTERM, Ctrl-C or, in dev mode, the end of the terminal; then lets deliveries finish. SIGHUP reloads.
    pub async fn run(self) -> Result<(), StartError> {
        let Self { mut signals, listeners, admin, mut house, .. } = self;
        let drain = house.shared.drain.clone();
        for listener in listeners {
            drain.spawn(listener.run());
        }
        if let Some(socket) = admin {
            let beat = house.pulse.join();
            drain.spawn(admin::run(socket, Arc::clone(&house.pages), drain.clone(), beat));
        }
        drain.tasks.background(systemd::watchdog(house.pulse.clone()));
        drain.tasks.background(memory::keep());
        drain.tasks.background({
            let metrics = Arc::clone(&house.shared.metrics);
            async move { metrics.strangers.tell_sums().await }
        });
        let mut workers = tasks::owned({
            let workers = Arc::clone(&house.workers);
            async move { tasks::kept_up("sending exports", || Arc::clone(&workers).run()).await }
        });
        drain.tasks.background({
            let watch = Arc::clone(&house.watch);
            async move { tasks::kept_up("watching datasets", || Arc::clone(&watch).run()).await }
        });
        drain.tasks.background({
            let exporter = Arc::clone(&house.exporter);
            async move { tasks::kept_up("sending telemetry", || Arc::clone(&exporter).run()).await }
        });
        systemd::ready(&house.pages.line());
        let why = house.live(&mut signals).await;
        let deadline = house.shared.limits.load().drain;
        systemd::stopping();
        info!("{why}: stopping; running deliveries have {} to finish", clock::display_span(deadline));
        let until = Instant::now() + deadline;
        house.workers.stop();
        let left = drain.finish(deadline).await;
        if left > 0 {
            house.door.tell_cut_off();
            drain.cut_off().await;
        }
        // An export whose call is under way need not be sent again.
        if timeout_at(until, &mut workers).await.is_err() {
            for export in house.workers.carried() {
                warn!(
                    "the server stopped while it sent export {export}; it will be sent again with the same key"
                );
            }
        }
        drop(workers);
        if !timeout_at(until, house.workers.outbox.close()).await.unwrap_or(false) {
            warn!("the outbox was not closed in time; the next start closes it");
        }
        drain.tasks.end_background().await;
        // A collector that is down does not keep the server from ending.
        let _ = timeout_at(until.min(Instant::now() + TELEMETRY), house.exporter.finish()).await;
        if timeout_at(until, tasks::blocking_ended()).await.is_err() {
            warn!("the server stopped before all disk writes and queries had finished");
        }
        house.shared.metrics.strangers.tell();
        match left {
            0 => info!("stopped"),
            left => warn!("stopped while connections or deliveries were still open: {left}"),
        }
        Ok(())
    }
}
