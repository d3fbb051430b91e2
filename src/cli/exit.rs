//! Errors on standard error, or as JSON on standard output; exit codes.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::config::{Mistake, Mistakes};
use crate::shown::{Line, Lines, Plain, Seen, counted};
use crate::telemetry::about::{self, Word};

/// The exit codes of all commands, as the help and docs/commands.md have them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  the command failed, or it found a fault
  2  wrong usage: an option or an argument is wrong or missing";

const WRONG_USAGE: u8 = 2;

/// Why a command failed: what is said, if it was not said already.
pub(super) enum Failure {
    Said,
    /// In one line, whatever it holds.
    Because(String),
    Told(Lines),
    /// What failed, and what to do about it.
    Hinted(String, String),
    /// A configuration that cannot be read.
    Mistaken(Mistakes),
    /// The command line is wrong, and what to write instead.
    Usage(String, String),
}

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Because(error.to_string())
    }
}

impl Failure {
    /// What failed, and what to do about it.
    pub(super) fn hinted(what: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self::Hinted(what.to_string(), hint.to_string())
    }

    /// What is wrong with the command line, and what to write instead.
    pub(super) fn usage(what: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self::Usage(what.to_string(), hint.to_string())
    }

    /// What is said to a person; `None` where it was said.
    pub(super) fn lines(&self) -> Option<Lines> {
        Some(match self {
            Self::Said => return None,
            Self::Because(error) => Lines::of(error.trim_end()),
            Self::Told(lines) => lines.clone(),
            Self::Hinted(what, hint) | Self::Usage(what, hint) => Lines::hinted(what, hint),
            Self::Mistaken(mistakes) => mistakes.lines(),
        })
    }

    /// The same for programs.
    fn json(&self) -> Option<Value> {
        let lines = self.lines()?.to_string();
        Some(match self {
            Self::Hinted(what, hint) | Self::Usage(what, hint) => error_json(what, Some(hint), &[]),
            Self::Mistaken(Mistakes(all)) => error_json(&counted(all.len(), "mistake"), None, all),
            _ => error_json(&lines, None, &[]),
        })
    }

    fn code(&self) -> ExitCode {
        match self {
            Self::Usage(..) => ExitCode::from(WRONG_USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}

/// What each command with `--json` prints where it fails.
pub(super) fn error_json(error: &str, hint: Option<&str>, mistakes: &[Mistake]) -> Value {
    let one = |mistake: &Mistake| {
        let Mistake { file, line, column, what, hint, .. } = mistake;
        json!({"file": file, "line": line, "column": column, "what": what, "hint": hint})
    };
    let mistakes: Vec<_> = mistakes.iter().map(one).collect();
    json!({"ok": false, "error": error, "hint": hint, "mistakes": mistakes})
}

/// A configuration that cannot be read.
pub(super) fn mistaken(mistakes: Mistakes) -> Failure {
    Failure::Mistaken(mistakes)
}

/// Says why a command failed: with `--json` on standard output, for the program that reads there.
pub(super) fn code(done: Result<(), Failure>, is_json: bool) -> ExitCode {
    let Err(failure) = done else { return ExitCode::SUCCESS };
    match failure.json().filter(|_| is_json) {
        Some(json) => {
            if let Err(failure) = print(json) {
                failure.lines().iter().for_each(fail);
            }
        }
        None => failure.lines().iter().for_each(fail),
    }
    failure.code()
}

fn fail(lines: &Lines) {
    let (on, off) = if io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        ("\u{1b}[1;31m", "\u{1b}[0m")
    } else {
        ("", "")
    };
    let _ = match journal_error(&format!("error: {lines}")) {
        Some(lines) => writeln!(io::stderr(), "{lines}"),
        None => writeln!(io::stderr(), "{on}error:{off} {lines}"),
    };
}

/// Lines for the journal, each with the priority of an error: it reads that before each line (sd-daemon(3)), and takes
/// one without as information. `None` where standard error is not the journal's.
fn journal_error(text: &str) -> Option<String> {
    // systemd sets it; a terminal within a session that systemd started inherits it.
    if std::env::var_os("JOURNAL_STREAM").is_none() || io::stderr().is_terminal() {
        return None;
    }
    let lines: Vec<_> =
        text.lines().filter(|line| !line.is_empty()).map(|line| format!("<3>{line}")).collect();
    Some(lines.join("\n"))
}

/// Help and version, which were asked for, or arguments that the command line does not know. What of them is quoted is
/// neutral.
pub(super) fn usage(
    error: &clap::Error,
    is_json: bool,
    again: impl Fn(Vec<String>) -> Option<clap::Error>,
) -> ExitCode {
    if !error.use_stderr() {
        // Nothing in them is from outside.
        return code(is_read(error.print()).map(drop), false);
    }
    let neutral = std::env::args_os().map(|argument| Line(argument.to_string_lossy()).to_string());
    // The same mistake, in words of neutral arguments: its lines are clap's.
    let text = again(neutral.collect()).map(|error| error.render().to_string());
    let mut lines = Lines::default();
    let text = text.unwrap_or_else(|| Line(error).to_string());
    let text = text.trim_end().strip_prefix("error: ").unwrap_or(text.trim_end());
    text.lines().for_each(|line| lines.add(line));
    if is_json {
        return code(Err(Failure::Usage(in_one_line(text), usage_hint(text))), true);
    }
    fail(&lines);
    ExitCode::from(WRONG_USAGE)
}

/// What is wrong: the first paragraph of clap's words.
fn in_one_line(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default();
    first.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Clap's tip, or how the command is used.
fn usage_hint(text: &str) -> String {
    let line = |start: &str| text.lines().map(str::trim).find_map(|line| line.strip_prefix(start));
    line("tip:").or_else(|| line("Usage:")).unwrap_or("annex --help").trim().to_owned()
}

/// A fault of ours, with its place. What it quotes may be from outside.
pub(super) fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let name = std::thread::current().name().unwrap_or("unnamed").to_owned();
    let mut lines = Lines::of(format_args!(
        "thread '{name}' panicked at {place}: {}",
        panic.payload_as_str().unwrap_or("it says nothing")
    ));
    if let Some(about) = about::current() {
        let words = about.values().map(|(name, value)| format!("{name}={}", Word(value)));
        lines.add(format_args!("in the course of {}", words.collect::<Vec<_>>().join(" ")));
    }
    let trace = std::backtrace::Backtrace::capture();
    if trace.status() == std::backtrace::BacktraceStatus::Captured {
        trace.to_string().lines().for_each(|line| lines.add(line));
    }
    match journal_error(&lines.to_string()) {
        Some(lines) => drop(writeln!(io::stderr(), "{lines}")),
        None => say_lines(&lines),
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

/// Prints one line to standard output, whatever the text holds.
pub(super) fn print(line: impl fmt::Display) -> Result<(), Failure> {
    print_lines(&Lines::of(line))
}

/// Prints lines, those that begin with a mark in colour.
pub(super) fn print_lines(lines: &Lines) -> Result<(), Failure> {
    let mut text = lines.to_string();
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        text = text.split('\n').map(Mark::coloured).collect::<Vec<_>>().join("\n");
    }
    put(text)
}

/// Prints what a command did: as JSON for a program, or in words.
pub(super) fn print_result(is_json: bool, json: Value, words: impl fmt::Display) -> Result<(), Failure> {
    if is_json { print(json) } else { print(words) }
}

/// Prints JSON over several lines, for people and programs.
pub(super) fn print_json(json: &Value) -> Result<(), Failure> {
    let mut lines = Lines::default();
    lines.add_json(json);
    put(lines.to_string())
}

/// Prints a document that comes with the program.
pub(super) fn print_own(document: &str) -> Result<(), Failure> {
    put(Plain(document.trim_end()).to_string())
}

fn put(mut text: String) -> Result<(), Failure> {
    text.push('\n');
    is_read(io::stdout().write_all(text.as_bytes())).map(drop)
}

/// Whether somebody still reads what was written: a reader that went away (`| head`) is no error.
pub(super) fn is_read(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}

/// Prints bytes as they are, for programs; what a person sees of them on a terminal is plain.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = document();
    is_read(out.write_all(bytes).and_then(|()| out.flush())).map(drop)
}

/// Where a document of the customer's own goes: byte by byte into a pipe or a file, plain onto a terminal. What is
/// written is there after `flush`.
pub(super) fn document() -> Box<dyn Write> {
    let out = io::stdout();
    if out.is_terminal() { Box::new(Seen::new(out)) } else { Box::new(io::BufWriter::new(out)) }
}

/// Says one line beside the result, on standard error.
pub(super) fn say(line: impl fmt::Display) {
    say_lines(&Lines::of(line));
}

pub(super) fn say_lines(lines: &Lines) {
    let _ = writeln!(io::stderr(), "{lines}"); // nobody is there to hear it
}

/// The same of mistakes, on a terminal with their places, carets and hints in colour.
pub(super) fn say_mistakes(lines: &Lines) {
    if !io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return say_lines(lines);
    }
    let text = lines.to_string();
    let coloured: Vec<_> = text.split('\n').map(mistake_coloured).collect();
    let _ = writeln!(io::stderr(), "{}", coloured.join("\n")); // nobody is there to hear it
}

fn mistake_coloured(line: &str) -> String {
    let off = "\u{1b}[0m";
    match line.strip_prefix("  hint:") {
        Some(rest) => format!("  \u{1b}[36mhint:{off}{rest}"),
        None if line.trim() == "^" => format!("\u{1b}[1;31m{line}{off}"),
        None => match line.split_once(": ").filter(|_| !line.starts_with(' ')) {
            Some((place, rest)) => format!("\u{1b}[1m{place}:{off} {rest}"),
            None => line.to_owned(),
        },
    }
}

/// Says what is going on, on a terminal alone: somebody waits there.
pub(super) fn say_meanwhile(line: impl fmt::Display) {
    if io::stderr().is_terminal() {
        say(line);
    }
}

/// Shows how far something is, on a terminal, in the place of what was shown before. Whether it is shown.
pub(super) fn show_progress(line: impl fmt::Display) -> bool {
    let mut out = io::stderr();
    out.is_terminal() && write!(out, "\r{}\u{1b}[K", Line(line)).is_ok()
}

/// Takes away what [`show_progress`] showed.
pub(super) fn clear_progress() {
    let _ = write!(io::stderr(), "\r\u{1b}[K");
}

/// Asks at the terminal, beside the result; the answer without its line feed, `None` at the end of all answers.
pub(super) fn ask(question: impl fmt::Display) -> Result<Option<String>, Failure> {
    let mut out = io::stderr();
    write!(out, "{}", Line(question))?;
    out.flush()?;
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer)?;
    Ok((read > 0).then(|| answer.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mark_that_a_line_begins_with_is_coloured() {
        assert_eq!(Mark::coloured("✓ good"), "\u{1b}[32m✓\u{1b}[0m good");
        assert_eq!(Mark::coloured("is ✗ bad"), "is ✗ bad");
        assert_eq!(mistake_coloured("      ^"), "\u{1b}[1;31m      ^\u{1b}[0m");
        assert_eq!(mistake_coloured("a.py:1:2: no"), "\u{1b}[1ma.py:1:2:\u{1b}[0m no");
        assert_eq!(mistake_coloured("    x: int = y"), "    x: int = y");
    }
}
