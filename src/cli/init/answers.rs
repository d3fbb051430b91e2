//! What is asked, and whether an answer can be meant: said as soon as it is given.

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

/// Whether somebody sits there.
pub(super) struct Asked {
    pub(super) asks: bool,
}

impl Asked {
    /// What a flag says, or who is asked; who is asked may try again.
    pub(super) fn text<T>(
        &self,
        (flag, given): (&str, Option<String>),
        question: &str,
        usual: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        if let Some(given) = given {
            return read(&given).map_err(|problem| Failure::Because(format!("{flag}: {problem}")));
        }
        loop {
            let answer = if self.asks { ask(format_args!("{question} [{usual}] "))? } else { None };
            let is_over = self.asks && answer.is_none();
            let answer = answer.filter(|answer| !answer.is_empty()).unwrap_or_else(|| usual.to_owned());
            match read(&answer) {
                Ok(read) if !is_over => return Ok(read),
                Ok(_) => return Err(Failure::Because("the answers ended: nothing was written".to_owned())),
                Err(problem) if self.asks && !is_over => say(problem),
                Err(problem) => return Err(Failure::Because(problem)),
            }
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

pub(super) fn step(text: &str) -> Result<Step, String> {
    Step::from_str(text, true).map_err(|_| format!("`{text}` is none of checks, rules, match"))
}

/// A schema, and where it came from.
pub(super) struct Schema {
    /// Its sections.
    pub(super) content: Value,
    /// `None` for the example.
    pub(super) file: Option<PathBuf>,
}

pub(super) fn schema(text: &str, step: Step) -> Result<Schema, String> {
    let file = (text != EXAMPLE).then(|| PathBuf::from(text));
    let json = match &file {
        None => SCHEMA.to_owned(),
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{text}: {error}"))?,
    };
    let json: Value =
        serde_json::from_str(&json).map_err(|error| format!("{text}: it is not JSON: {error}"))?;
    let content = json.get("content").cloned().unwrap_or(json);
    if !content.is_array() {
        return Err(format!("{text}: it is no list of sections"));
    }
    let fields = header_fields(&content);
    if fields.is_empty() {
        return Err(format!("{text}: it has no header field that a step could speak of"));
    }
    if step == Step::Match && fields.len() < 2 {
        return Err(format!(
            "{text}: a match needs two header fields, one that is looked up and one for what was found; it has one: take another --step"
        ));
    }
    Ok(Schema { content, file })
}
