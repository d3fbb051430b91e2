//! What systemd gives (sockets) and wants to hear (readiness, status, the watchdog). Without systemd nothing happens.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::time::sleep;
use tracing::{error, warn};

use super::Pulse;

/// Sockets that systemd opened for us (`annex.socket`).
#[derive(Default)]
pub struct Sockets(Vec<(SocketAddr, TcpListener)>);

impl Sockets {
    /// Takes over all that were passed.
    pub fn inherited() -> Self {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for at in 0..passed.len() {
            let taken = passed.take_tcp_listener(at);
            let socket = taken.and_then(|socket| {
                let Some(socket) = socket else { return Ok(None) };
                socket.set_nonblocking(true)?;
                Ok(Some((socket.local_addr()?, socket)))
            });
            match socket {
                Ok(socket) => sockets.extend(socket),
                Err(error) => warn!("socket {at} that systemd passed is unusable: {error}"),
            }
        }
        Self(sockets)
    }

    /// The one with this port: a unit may bind the address more narrowly or widely than annex.toml says.
    pub fn take(&mut self, wanted: SocketAddr) -> Option<TcpListener> {
        let at = self.0.iter().position(|(address, _)| address.port() == wanted.port())?;
        Some(self.0.swap_remove(at).1)
    }

    /// Ports that nobody took.
    pub fn left(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(|(address, _)| *address)
    }
}

pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// To be followed by [`ready`], whether the reload was taken or not.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    // Nobody to tell is the usual case.
    let _ = sd_notify::notify(states);
}

/// Feeds systemd's watchdog while every accept loop beats; that this task runs shows that the runtime does.
pub async fn watchdog(pulse: Pulse) {
    let Some(interval) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut starving = false;
    loop {
        if pulse.is_alive(interval / 2) {
            tell(&[NotifyState::Watchdog]);
            starving = false;
        } else if !std::mem::replace(&mut starving, true) {
            error!("the server has stopped accepting connections: systemd will restart it (watchdog)");
        }
        sleep(interval / 4).await;
    }
}
