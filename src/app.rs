//! Assembly: the one file that knows every room. Everything is built before a port is opened; then it runs until
//! it is told to stop, and drains. A reload builds the new house first and swaps it in whole, or not at all.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::{Instant, interval, timeout_at};
use tracing::{error, info, warn};

use crate::clock;
use crate::config::{Admin, Config, Mistakes};
use crate::data::Watch;
use crate::database;
use crate::outbox::{Couriers, Outbox, Workers};
use crate::server::admin::{self, Pages};
use crate::server::systemd::{self, Sockets};
use crate::server::{Connections, Drain, Limits, Listener, Pulse, Redirect, Service, Shared, bind};
use crate::steps::post::Exporter;
use crate::telemetry::Metrics;
use crate::tls::{self, Acceptor, Keeper, KeeperError};
use crate::webhook::{Door, HookSettings};

/// How often tasks are looked after and systemd's status line is brought up to date.
const LOOK: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Config(#[from] Mistakes),
    #[error("cannot listen on {address}: {error}{}", hint(.error, .address))]
    Bind { address: SocketAddr, error: io::Error },
    #[error("cannot open the admin socket {path}: {error}\n\nhint: its folder must be there and writable")]
    AdminSocket { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Certificates(#[from] KeeperError),
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
}

fn hint(error: &io::Error, address: &SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("\n\nhint: find who has the port: ss -ltnp 'sport = :{}'", address.port())
        }
        io::ErrorKind::PermissionDenied => {
            "\n\nhint: ports below 1024 come from systemd: systemctl enable --now annex.socket".to_owned()
        }
        _ => String::new(),
    }
}

/// Reads the configuration, at start and at each reload.
pub type Load = Box<dyn Fn() -> Result<Config, Mistakes> + Send + Sync>;

/// A server with its ports open, not yet serving.
pub struct Annex {
    listeners: Vec<Listener>,
    admin: Option<admin::Socket>,
    house: House,
    /// Address of the listener that Rossum calls, with its real port.
    pub address: SocketAddr,
    /// Paths and names of the hooks.
    pub hooks: Vec<(String, String)>,
}

/// Everything that a reload exchanges, and what it needs for that.
struct House {
    load: Load,
    door: Arc<Door>,
    redirect: Option<Arc<Redirect>>,
    keeper: Keeper,
    shared: Shared,
    pulse: Pulse,
    metrics: Arc<Metrics>,
    pages: Arc<Pages>,
    workers: Arc<Workers>,
    watch: Arc<Watch>,
    fixed: Fixed,
    /// Somebody wants a reload.
    asked: Arc<Notify>,
}

/// What only a restart can change. Client CAs are among it: sessions resumed with old tickets would keep the old proof.
#[derive(PartialEq, Eq)]
struct Fixed {
    https: SocketAddr,
    http: Option<SocketAddr>,
    admin: Admin,
    client_ca: Option<PathBuf>,
    state: PathBuf,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        let server = &config.server;
        Self {
            https: server.https,
            http: server.http,
            admin: server.admin.clone(),
            client_ca: server.client_ca.clone(),
            state: config.state.clone(),
        }
    }
}

impl Annex {
    /// Plain HTTP on one address.
    pub fn dev_http(load: Load, path: PathBuf, address: SocketAddr) -> Result<Self, StartError> {
        let building = Building::new(load, path)?;
        let socket = listen(address, &mut Sockets::default())?;
        let address = socket.local_addr().unwrap_or(address);
        let listener = building.listener("dev", socket, Service::DevHttp(Arc::clone(&building.door)));
        building.finish(vec![listener], None, None, Keeper::default(), address)
    }

    /// HTTPS, with plain HTTP and the admin pages beside it.
    pub fn https(load: Load, path: PathBuf) -> Result<Self, StartError> {
        let mut building = Building::new(load, path)?;
        let mut keeper = Keeper::default();
        let prepared = keeper.prepare(std::mem::take(&mut building.config.server.certificates))?;
        let client_ca = building.config.server.client_ca.as_deref();
        let client_roots = client_ca.map(tls::load_roots).transpose().map_err(KeeperError::from)?;
        let acceptor =
            Acceptor::new(Arc::clone(&keeper.served), Arc::clone(&keeper.challenges), client_roots)?;
        let mut sockets = Sockets::inherited();
        let wanted = building.config.server.https;
        let socket = listen(wanted, &mut sockets)?;
        let address = socket.local_addr().unwrap_or(wanted);
        let service = Service::Https(acceptor, Arc::clone(&building.door));
        let mut listeners = vec![building.listener("https", socket, service)];
        let mut redirect = None;
        if let Some(http) = building.config.server.http {
            let domains = ArcSwap::from_pointee(building.config.server.domains.clone());
            let challenges = Arc::clone(&keeper.challenges);
            let plain = Arc::new(Redirect { domains, https_port: address.port(), challenges });
            let service = Service::Redirect(Arc::clone(&plain));
            listeners.push(building.listener("http", listen(http, &mut sockets)?, service));
            redirect = Some(plain);
        }
        for address in sockets.left() {
            warn!("systemd passed a socket on {address}, which annex.toml does not name: it stays unused");
        }
        keeper.commit(prepared);
        building.finish(listeners, Some(address), redirect, keeper, address)
    }

    /// Who notifies this has the configuration read again, as SIGHUP does.
    pub fn reloader(&self) -> Arc<Notify> {
        Arc::clone(&self.house.asked)
    }

    /// Whether a certificate is missing that a CA has to issue: its first order is next.
    pub fn lacks_certificate(&self) -> bool {
        self.house.keeper.board.all().iter().any(|status| status.not_after.is_none())
    }

    /// Serves until SIGTERM or Ctrl-C, then lets deliveries finish. SIGHUP reloads.
    pub async fn run(self) -> Result<(), StartError> {
        let on = |kind| signal(kind).map_err(StartError::Signals);
        let mut terminate = on(SignalKind::terminate())?;
        let mut interrupt = on(SignalKind::interrupt())?;
        let mut hangup = on(SignalKind::hangup())?;
        let Self { listeners, admin, mut house, .. } = self;
        let drain = house.shared.drain.clone();
        for listener in listeners {
            drain.spawn(listener.run());
        }
        let admin = match admin {
            Some(socket) => Some(socket),
            None => house.default_admin().await,
        };
        if let Some(socket) = admin {
            let beat = house.pulse.join();
            drain.spawn(admin::run(socket, Arc::clone(&house.pages), drain.clone(), beat));
        }
        let watchdog = tokio::spawn(systemd::watchdog(house.pulse.clone()));
        let mut workers = tokio::spawn(Arc::clone(&house.workers).run());
        let watch = tokio::spawn(Arc::clone(&house.watch).run());
        systemd::ready(&house.pages.line());
        let why = house.live([&mut terminate, &mut interrupt], &mut hangup).await;
        let deadline = house.shared.limits.load().drain;
        systemd::stopping();
        info!("{why}: stopping; deliveries under way have {}", clock::display_span(deadline));
        let until = Instant::now() + deadline;
        house.workers.stop();
        if drain.finish(deadline).await {
            info!("stopped");
        } else {
            warn!("stopped with connections still open");
        }
        // An export whose call is under way need not be sent again.
        if timeout_at(until, &mut workers).await.is_err() {
            warn!("stopped with an export under way: it is sent again, with the same key");
        }
        watchdog.abort();
        workers.abort();
        watch.abort();
        Ok(())
    }
}

impl House {
    /// Until somebody says stop; gives who.
    async fn live(&mut self, [terminate, interrupt]: [&mut Signal; 2], hangup: &mut Signal) -> &'static str {
        let mut looks = interval(LOOK);
        let mut said = String::new();
        loop {
            select! {
                _ = terminate.recv() => return "SIGTERM",
                _ = interrupt.recv() => return "Ctrl-C",
                _ = hangup.recv() => {
                    systemd::reloading();
                    self.reload();
                    systemd::ready(&self.pages.line());
                }
                () = self.asked.notified() => self.reload(),
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
            && let Ok([waiting, dead]) = self.workers.outbox.counts().await
        {
            self.metrics.outbox(waiting, dead);
        }
    }

    /// All or nothing: a configuration with one mistake changes nothing.
    fn reload(&mut self) {
        let taken = self.exchange();
        self.metrics.reload(clock::now(), taken.is_ok());
        match taken {
            Ok(()) => info!("configuration reloaded"),
            Err(problem) => {
                for line in problem.lines().filter(|line| !line.is_empty()) {
                    error!("{line}");
                }
                error!("the new configuration is refused; the one before stays");
            }
        }
    }

    fn exchange(&mut self) -> Result<(), String> {
        let config = (self.load)().map_err(|mistakes| mistakes.to_string())?;
        if Fixed::of(&config) != self.fixed {
            return Err(
                "`https`, `http`, `admin`, `client_ca` or `state` changed: they need a restart".to_owned()
            );
        }
        let Config { server, mut hooks, exports, datasets, queries, .. } = config;
        let prepared = self.keeper.prepare(server.certificates).map_err(|error| error.to_string())?;
        // From here on nothing can fail.
        self.keeper.commit(prepared);
        tokio::spawn(database::look_at_all(queries));
        let couriers = connect(&self.workers.outbox, &mut hooks, &exports);
        self.workers.couriers.store(Arc::new(couriers));
        self.watch.datasets.store(Arc::new(datasets));
        self.door.replace(hooks, server.door);
        self.shared.limits.store(Arc::new(server.limits));
        self.shared.connections.set_limit(server.limits.connections);
        self.shared.balancers.store(Arc::new(server.balancers));
        if let Some(redirect) = &self.redirect {
            redirect.domains.store(Arc::new(server.domains));
        }
        Ok(())
    }

    /// Where nothing is configured, loopback's usual port; not worth failing for.
    async fn default_admin(&self) -> Option<admin::Socket> {
        if self.fixed.admin != Admin::Default || self.pages.https.is_none() {
            return None;
        }
        let opened = admin::Socket::tcp(Admin::DEFAULT).await;
        opened
            .inspect_err(|error| {
                warn!("no admin pages on {}: {error}; name another address with `admin`", Admin::DEFAULT);
            })
            .ok()
    }
}

/// Gives exports the outbox, and the hooks that have some a memory that outlives the process; gives who carries what.
fn connect(outbox: &Arc<Outbox>, hooks: &mut [HookSettings], exports: &[Exporter]) -> Couriers {
    for export in exports {
        export.post.connect(outbox);
    }
    for hook in hooks {
        let own = format!("{}/", hook.name);
        if exports.iter().any(|export| export.post.courier().starts_with(&own)) {
            hook.memory = Some(Arc::clone(outbox));
        }
    }
    let courier = |export: &Exporter| (export.post.courier().to_owned(), Arc::clone(&export.courier));
    exports.iter().map(courier).collect()
}

fn listen(address: SocketAddr, sockets: &mut Sockets) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Bind { address, error };
    match sockets.take(address) {
        Some(socket) => TcpListener::from_std(socket).map_err(failed),
        None => bind(address).map_err(failed),
    }
}

/// A house whose ports are not open yet.
struct Building {
    config: Config,
    load: Load,
    path: PathBuf,
    door: Arc<Door>,
    hooks: Vec<(String, String)>,
    shared: Shared,
    pulse: Pulse,
    metrics: Arc<Metrics>,
    workers: Arc<Workers>,
    watch: Arc<Watch>,
}

impl Building {
    fn new(load: Load, path: PathBuf) -> Result<Self, Mistakes> {
        let mut config = load()?;
        let metrics = Arc::new(Metrics::new(clock::now()));
        tokio::spawn(database::look_at_all(std::mem::take(&mut config.queries)));
        let mut hooks = std::mem::take(&mut config.hooks);
        let outbox = Arc::new(Outbox::new(&config.state));
        let couriers = connect(&outbox, &mut hooks, &config.exports);
        let workers = Arc::new(Workers::new(outbox, couriers));
        let datasets = ArcSwap::from_pointee(std::mem::take(&mut config.datasets));
        let watch = Arc::new(Watch { state: config.state.clone(), datasets });
        let names = hooks.iter().map(|hook| (hook.path.clone(), hook.name.clone())).collect();
        let door = Arc::new(Door::new(hooks, config.server.door, Arc::clone(&metrics)));
        let limits: Limits = config.server.limits;
        let shared = Shared {
            limits: Arc::new(ArcSwap::from_pointee(limits)),
            balancers: Arc::new(ArcSwap::from_pointee(config.server.balancers.clone())),
            connections: Arc::new(Connections::new(limits.connections, Arc::clone(&metrics))),
            drain: Drain::default(),
            metrics: Arc::clone(&metrics),
        };
        Ok(Self {
            config,
            load,
            path,
            door,
            hooks: names,
            shared,
            pulse: Pulse::default(),
            metrics,
            workers,
            watch,
        })
    }

    fn listener(&self, name: &'static str, socket: TcpListener, service: Service) -> Listener {
        Listener { socket, name, service, shared: self.shared.clone(), beat: self.pulse.join() }
    }

    fn finish(
        self,
        listeners: Vec<Listener>,
        https: Option<SocketAddr>,
        redirect: Option<Arc<Redirect>>,
        keeper: Keeper,
        address: SocketAddr,
    ) -> Result<Annex, StartError> {
        let fixed = Fixed::of(&self.config);
        let admin = match &fixed.admin {
            Admin::Tcp(address) if https.is_some() => {
                let bound = std::net::TcpListener::bind(address).and_then(|socket| {
                    socket.set_nonblocking(true)?;
                    TcpListener::from_std(socket)
                });
                let failed = |error| StartError::Bind { address: *address, error };
                Some(admin::Socket::Tcp(bound.map_err(failed)?))
            }
            Admin::Unix(path) if https.is_some() => {
                let failed = |error| StartError::AdminSocket { path: path.clone(), error };
                Some(admin::Socket::unix(path).map_err(failed)?)
            }
            _ => None,
        };
        let pages = Arc::new(Pages {
            board: Arc::clone(&keeper.board),
            metrics: Arc::clone(&self.metrics),
            pulse: self.pulse.clone(),
            started: clock::now(),
            https,
            config: self.path,
        });
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
            fixed,
            asked: Arc::default(),
        };
        Ok(Annex { listeners, admin, house, address, hooks: self.hooks })
    }
}
