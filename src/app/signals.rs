//! Signals, heard from before a port is open.

use std::io;

use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
pub(super) enum Heard {
    /// To stop; by whom.
    Stop(&'static str),
    Reload,
}

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Whether there is a terminal whose end is the server's.
    ends_with_terminal: bool,
}

impl Signals {
    /// `ends_with_terminal`: while developing, the server ends with the terminal that it was started in, as every command does
    /// that is not started by `nohup`.
    pub(super) fn listen(ends_with_terminal: bool) -> io::Result<Self> {
        let ends_with_terminal = ends_with_terminal && !ignores_hangup() && has_terminal();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            ends_with_terminal,
        })
    }

    /// SIGHUP reloads, unless it says that the terminal is gone.
    pub(super) async fn next(&mut self) -> Heard {
        select! {
            _ = self.terminate.recv() => Heard::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Heard::Stop("Ctrl-C"),
            _ = self.hangup.recv() => {
                if self.ends_with_terminal && !has_terminal() {
                    Heard::Stop("the terminal was closed")
                } else {
                    Heard::Reload
                }
            }
        }
    }
}

/// Whether the process has a terminal; one that was closed is none. After the name in brackets: state, parent, group, session
/// and the terminal's number, 0 where there is none.
fn has_terminal() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let number = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(4));
    number.is_some_and(|number| number != "0")
}

/// As `nohup` has it.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
