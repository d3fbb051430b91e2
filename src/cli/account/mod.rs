//! The commands that administer an account: `login`, `hook`, `queue`, `schema`, `rule`.

mod configured;
pub(super) mod hook;
pub(super) mod login;
pub(super) mod queue;
pub(super) mod rule;
pub(super) mod schema;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::pin::Pin;

use serde_json::{Value, json};

use crate::account::{Credentials, Session};
use crate::shown::Line;

use super::caller::uplink;
use super::exit::{Failure, ask, print, print_json, print_result, say, say_lines};

/// What all of them take.
#[derive(clap::Args)]
pub(super) struct Access {
    /// The profile
    #[arg(
        long,
        short,
        value_name = "NAME",
        help = "The profile, as in the `rossum` tool [env: ROSSUM_PROFILE]"
    )]
    profile: Option<String>,
    /// Print the requests instead of sending them; nothing changes
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Access {
    fn open(&self) -> Result<Session, Failure> {
        let credentials = Credentials::find(self.profile.as_deref(), &super::environment)?;
        let uplink = uplink()?;
        Ok(Session::new(credentials, uplink, self.dry_run, say_lines)?)
    }

    /// What a command did, as JSON or in words.
    fn result(&self, json: Value, words: impl Display) -> Result<(), Failure> {
        print_result(self.json, json, words)
    }

    /// What happens on the way: beside the result where that is JSON.
    fn tell(&self, words: impl Display) -> Result<(), Failure> {
        if self.json {
            say(words);
            return Ok(());
        }
        print(words)
    }

    /// A dry run changed nothing: what would be sent was said.
    fn nothing_sent(&self) -> Result<(), Failure> {
        if self.json { print(json!({"dry_run": true})) } else { Ok(()) }
    }

    /// Does a command's work within a session.
    fn run<F>(&self, work: impl FnOnce(Session) -> F) -> Result<(), Failure>
    where
        F: Future<Output = (Session, Result<(), Failure>)>,
    {
        let session = self.open()?;
        finish(Box::pin(work(session)))
    }
}

/// A command's work, which gives its session back.
type Work<'w> = Pin<Box<dyn Future<Output = (Session, Result<(), Failure>)> + 'w>>;

/// Waits for a command's work, and ends its session. Boxed: what waits is there once, and not for each command.
fn finish(work: Work<'_>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (session, done) = work.await;
        let ended = session.end().await;
        done.and_then(|()| Ok(ended?))
    })
}

/// The number at the end of an object's URL.
fn id_of(url: &Value) -> String {
    let id = url.as_str().unwrap_or_default().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Line(id).to_string()
}

fn ids_of(urls: &Value) -> String {
    let urls = urls.as_array().into_iter().flatten();
    urls.map(id_of).collect::<Vec<_>>().join(", ")
}

fn text_of(value: &Value) -> String {
    Line(raw_text_of(value)).to_string()
}

/// As [`text_of`], as it came: to be compared and sent, not to be shown.
fn raw_text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(list) => list.iter().map(raw_text_of).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The first line of a text of several, as people may see it.
fn first_line_of(value: &Value) -> String {
    Line(raw_text_of(value).lines().next().unwrap_or_default()).to_string()
}

/// Columns under their names.
fn table(names: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(names[column].len())
    };
    let widths: Vec<_> = (0..names.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| {
            let room = width - cell.chars().count().min(*width);
            format!("{cell}{}", " ".repeat(room))
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    print(line(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()))?;
    rows.iter().try_for_each(|row| print(line(row)))
}

/// Asks for a yes; without a terminal there must be `--yes`.
fn confirmed(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            format_args!("{question} There is no terminal to ask at"),
            "add --yes to answer yes",
        ));
    }
    let answer = ask(format_args!("{question} [y/N] "))?;
    Ok(matches!(answer.as_deref(), Some("y" | "Y" | "yes")))
}

/// A file with JSON.
fn read_json(path: &Path) -> Result<Value, Failure> {
    let because = |error: &dyn Display| Failure::Because(format!("{}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| because(&error))?;
    serde_json::from_slice(&text).map_err(|error| because(&format_args!("the file is not JSON: {error}")))
}

/// Into a file, with a word about it, or to standard output.
fn put(access: &Access, json: &Value, into: Option<&Path>, word: impl Display) -> Result<(), Failure> {
    match into {
        None => print_json(json),
        Some(path) => {
            let because = |error| Failure::Because(format!("{}: {error}", path.display()));
            let mut file = std::fs::File::create(path).map_err(because)?;
            writeln!(file, "{json:#}").map_err(because)?;
            access.result(json!({"file": path}), format_args!("wrote {}{word}", path.display()))
        }
    }
}
