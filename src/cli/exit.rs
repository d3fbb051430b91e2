//! Errors on standard error, exit codes.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use crate::shown::Plain;

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
            let _ = writeln!(io::stderr(), "{on}error:{off} {}", Plain(error.trim_end()));
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
        f.write_str(self.sign())
    }
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Warning => "!",
            Self::Bad => "✗",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Good => "\u{1b}[32m",
            Self::Warning => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
        }
    }

    /// A line with the mark that it begins with in its colour.
    fn coloured(line: &str) -> String {
        let mut marks = [Self::Good, Self::Warning, Self::Bad].into_iter();
        let found = marks.find_map(|mark| Some((mark, line.strip_prefix(mark.sign())?)));
        found.map_or_else(
            || line.to_owned(),
            |(mark, rest)| format!("{}{}\u{1b}[0m{rest}", mark.colour(), mark.sign()),
        )
    }
}

/// Prints to standard output, and nothing in it acts on the terminal; a reader that went away (`| head`) is no error.
pub(super) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut text = Plain(text).to_string();
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        text = text.split('\n').map(Mark::coloured).collect::<Vec<_>>().join("\n");
    }
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::from),
    }
}

/// Prints bytes as they are, for programs; what a person sees of them on a terminal is plain.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    if io::stdout().is_terminal() {
        return print(String::from_utf8_lossy(bytes));
    }
    match io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::from),
    }
}

/// Says something beside the result, on standard error.
pub(super) fn say(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{}", Plain(text)); // nobody is there to hear it
}

/// Asks at the terminal; the answer without its line feed.
pub(super) fn ask(question: impl fmt::Display) -> Result<String, Failure> {
    let mut out = io::stdout();
    write!(out, "{}", Plain(question))?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mark_that_a_line_begins_with_is_coloured() {
        assert_eq!(Mark::coloured("✓ good"), "\u{1b}[32m✓\u{1b}[0m good");
        assert_eq!(Mark::coloured("is ✗ bad"), "is ✗ bad");
    }
}
