//! Assembly: the one file that knows every room. Everything is built before a port is opened; then it runs until
//! it is told to stop, and drains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::{pin, select};
use tracing::{info, warn};

use crate::clock;
use crate::config::{Config, ServerSettings};
use crate::server::{Drain, Limits, Listener, Redirect, Service, bind};
use crate::tls::{self, Acceptor, Challenges, Served, Supervisor};
use crate::webhook::Door;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {error}{}", hint(.error, .address))]
    Bind { address: SocketAddr, error: io::Error },
    #[error("{0}")]
    Files(#[from] tls::FilesError),
    #[error("{0}")]
    Acme(#[from] tls::acme::StartError),
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
            "\n\nhint: ports below 1024 need CAP_NET_BIND_SERVICE, which systemd/annex.service gives"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// A server with its ports open, not yet serving.
pub struct Annex {
    listeners: Vec<Listener>,
    supervisor: Option<Supervisor>,
    drain: Drain,
    deadline: Duration,
    /// Address of the listener that Rossum calls, with its real port.
    pub address: SocketAddr,
}

impl Annex {
    /// Plain HTTP on one address.
    pub async fn dev_http(config: Config, address: SocketAddr) -> Result<Self, StartError> {
        let door = Arc::new(Door::new(config.hooks, config.server.door));
        let socket = listen(address).await?;
        let building = Building::new(config.server.limits);
        let address = socket.local_addr().unwrap_or(address);
        let listeners = vec![building.listener(socket, Service::DevHttp(door))];
        Ok(building.finish(listeners, None, address))
    }

    /// HTTPS, with plain HTTP beside it.
    pub async fn https(config: Config) -> Result<Self, StartError> {
        let Config { server, hooks } = config;
        let ServerSettings { https, http, domains, tls, limits, door } = server;
        let (served, challenges) = (Arc::new(Served::default()), Arc::new(Challenges::default()));
        let supervisor = match tls {
            Some(tls::Settings::Acme(settings)) => {
                Some(Supervisor::new(settings, Arc::clone(&served), Arc::clone(&challenges))?)
            }
            Some(tls::Settings::Files { certificate, key }) => {
                let provider = rustls::crypto::aws_lc_rs::default_provider();
                let certificate = tls::load_files(&certificate, &key, &provider)?;
                if certificate.not_after < clock::now() {
                    warn!("the certificate expired on {}", clock::display(certificate.not_after));
                }
                served.serve(&certificate);
                None
            }
            None => None,
        };
        let acceptor = Acceptor::new(served, Arc::clone(&challenges))?;
        let door = Arc::new(Door::new(hooks, door));
        let building = Building::new(limits);
        let socket = listen(https).await?;
        let address = socket.local_addr().unwrap_or(https);
        let mut listeners = vec![building.listener(socket, Service::Https(acceptor, door))];
        if let Some(http) = http {
            let redirect = Redirect { domains, https_port: address.port(), challenges };
            listeners.push(building.listener(listen(http).await?, Service::Redirect(Arc::new(redirect))));
        }
        Ok(building.finish(listeners, supervisor, address))
    }

    /// Serves until SIGTERM or Ctrl-C, then lets deliveries finish.
    pub async fn run(self) -> Result<(), StartError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
        for listener in self.listeners {
            self.drain.spawn(listener.run());
        }
        let certificates = async {
            match self.supervisor {
                Some(supervisor) => supervisor.run().await,
                None => std::future::pending().await,
            }
        };
        pin!(certificates);
        let why = select! {
            () = &mut certificates => "the certificate supervisor ended",
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "Ctrl-C",
        };
        info!("{why}: stopping; deliveries under way have {}", clock::display_span(self.deadline));
        if self.drain.finish(self.deadline).await {
            info!("stopped");
        } else {
            warn!("stopped with connections still open");
        }
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    bind(address).await.map_err(|error| StartError::Bind { address, error })
}

/// What all listeners share.
struct Building {
    limits: Limits,
    permits: Arc<Semaphore>,
    drain: Drain,
}

impl Building {
    fn new(limits: Limits) -> Self {
        let permits = limits.connections.min(Semaphore::MAX_PERMITS);
        Self { limits, permits: Arc::new(Semaphore::new(permits)), drain: Drain::default() }
    }

    fn listener(&self, socket: TcpListener, service: Service) -> Listener {
        Listener {
            socket,
            service,
            limits: self.limits,
            permits: Arc::clone(&self.permits),
            drain: self.drain.clone(),
        }
    }

    fn finish(self, listeners: Vec<Listener>, supervisor: Option<Supervisor>, address: SocketAddr) -> Annex {
        Annex { listeners, supervisor, drain: self.drain, deadline: self.limits.drain, address }
    }
}
