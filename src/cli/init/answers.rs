//! What is asked, and whether an answer can be meant: said as soon as it is given.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use serde_json::Value;

use crate::config::{self, Purpose};

use super::super::exit::{Failure, ask, say};
use super::files::{Step, header_fields, quoted_toml};

/// The schema that is taken where none is given: the one of the examples.
const SCHEMA: &str = include_str!("../../../config/example_schema.json");
/// How the answer is called that takes it.
pub(super) const EXAMPLE: &str = "an example";

/// The same where there is no need of one.
pub(super) const NONE: &str = "none";

/// Who is asked, and what was not.
pub(super) struct Asked {
    /// Whether somebody sits there.
    asks: bool,
    /// Options whose defaults are used.
    defaults: RefCell<Vec<String>>,
}

impl Asked {
    pub(super) fn new(asks: bool) -> Self {
        Self { asks, defaults: RefCell::default() }
    }

    /// What an option says, or who is asked; who is asked may try again.
    pub(super) fn text<T>(
        &self,
        (option, given): (&str, Option<T>),
        question: &str,
        usual: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        if let Some(given) = given {
            return Ok(given);
        }
        if !self.asks {
            self.defaults.borrow_mut().push(format!("{option} {usual}"));
            return read(usual).map_err(Failure::Because);
        }
        loop {
            let Some(answer) = ask(format_args!("{question} [{usual}] "))? else {
                return Err(Failure::Because("the answers ended: nothing was written".to_owned()));
            };
            match read(if answer.is_empty() { usual } else { &answer }) {
                Ok(read) => return Ok(read),
                Err(problem) => say(problem),
            }
        }
    }

    /// Nobody was asked: says what was taken instead.
    pub(super) fn tell_defaults(&self) {
        let defaults = self.defaults.borrow();
        if defaults.is_empty() {
            return;
        }
        say("nothing is asked here; the defaults are used for:");
        for default in defaults.iter() {
            say(format_args!("  {default}"));
        }
    }
}

/// What a configuration with an answer in it is refused for.
fn refused(server: &str, hook: &str) -> Result<(), String> {
    let text = format!("[server]\n{server}\n[[hook]]\n{hook}\n");
    let read = config::read(Path::new("annex.toml"), text, Purpose::Check, &|_| None);
    let Err(mistakes) = read else { return Ok(()) };
    let first = mistakes.0.into_iter().next();
    let words = first.map(|first| match first.hint {
        Some(hint) => format!("{}: {hint}", first.what),
        None => first.what,
    });
    Err(words.unwrap_or_default())
}

const SERVER: &str = "domains = [\"hooks.acme.com\"]";
const HOOK: &str = "path = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]";

pub(super) fn domain(text: &str) -> Result<String, String> {
    refused(&format!("domains = [{}]", quoted_toml(text)), HOOK)?;
    Ok(text.to_owned())
}

pub(super) fn hook(text: &str) -> Result<String, String> {
    let name = text.trim_matches('/');
    let [quoted, path] = [name.to_owned(), format!("/{name}")].map(|text| quoted_toml(&text));
    refused(SERVER, &format!("name = {quoted}\npath = {path}\nsecrets = [\"env:ROSSUM_SECRET\"]"))?;
    Ok(name.to_owned())
}

pub(super) fn secret(text: &str) -> Result<String, String> {
    refused(SERVER, &format!("path = \"/x\"\nsecrets = [{}]", quoted_toml(text)))?;
    Ok(text.to_owned())
}

pub(super) fn service(text: &str) -> Result<String, String> {
    let step = format!("[[hook.step]]\nuse = \"forward\"\nto = {}", quoted_toml(text));
    refused(SERVER, &format!("{HOOK}\n{step}"))?;
    Ok(text.to_owned())
}

pub(super) fn step(text: &str) -> Result<Step, String> {
    Step::from_str(text, true).map_err(|_| format!("`{text}` is none of checks, rules, match, forward"))
}

/// A schema, and where it came from.
pub(super) struct Schema {
    /// Its sections.
    pub(super) content: Value,
    /// `None` for the example, and where there is none.
    pub(super) file: Option<PathBuf>,
}

pub(super) fn schema(text: &str, step: Step) -> Result<Schema, String> {
    let is_file = text != EXAMPLE && (text != NONE || step != Step::Forward);
    let file = is_file.then(|| PathBuf::from(text));
    let json = match &file {
        None => SCHEMA.to_owned(),
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{text}: {error}"))?,
    };
    let json: Value =
        serde_json::from_str(&json).map_err(|error| format!("{text}: it is not JSON: {error}"))?;
    let content = json.get("content").cloned().unwrap_or(json);
    if !content.is_array() {
        return Err(format!("{text}: it is not a list of sections"));
    }
    let fields = header_fields(&content);
    if fields.is_empty() {
        return Err(format!("{text}: it has no header field for a step"));
    }
    if step == Step::Match && fields.len() < 2 {
        return Err(format!(
            "{text}: a match needs two header fields, one to look up and one for what is found, and the schema has one: choose another --step"
        ));
    }
    Ok(Schema { content, file })
}
