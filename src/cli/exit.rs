//! Errors on standard error, exit codes.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Why a command failed: what is said, if it was not said already.
pub(super) enum Failure {
    Said,
    Because(String),
}

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Because(error.to_string())
    }
}

pub(super) fn code(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Said) => ExitCode::FAILURE,
        Err(Failure::Because(error)) => {
            let (on, off) = if io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
                ("\u{1b}[1;31m", "\u{1b}[0m")
            } else {
                ("", "")
            };
            eprintln!("{on}error:{off} {}", error.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// How something is, at a glance; coloured on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Good,
    Warning,
    Bad,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, colour) = match self {
            Self::Good => ("✓", "\u{1b}[32m"),
            Self::Warning => ("!", "\u{1b}[33m"),
            Self::Bad => ("✗", "\u{1b}[31m"),
        };
        if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            write!(f, "{colour}{sign}\u{1b}[0m")
        } else {
            f.write_str(sign)
        }
    }
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
pub(super) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::from),
    }
}
