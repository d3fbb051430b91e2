//! `annex.toml` → the other rooms' own settings, typed and checked. Only this room knows that TOML exists.
//!
//! Reading never stops at the first mistake: [`load`] returns all of them, each with its line and what to write
//! instead. `annex check` is this and nothing else, so what it accepts starts.

mod api;
mod certificates;
mod columns;
mod databases;
mod datasets;
mod document;
mod forwarding;
mod hook;
mod json_places;
mod kinds;
mod known;
mod lists;
mod mistake;
mod numbers;
mod objects;
mod proxy;
pub mod reference;
mod saved;
mod schemas;
mod secrets;
mod section;
mod server;
mod sftp;
mod steps;
mod tables;
mod targets;
mod telemetry;
mod units;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::api::Api;
use crate::data::{Layout, Watched};
use crate::database::{Checked, Database};
use crate::otlp::Collector;
use crate::outbox::Outbox;
use crate::steps::blueprint::{Reaches, Services};
use crate::store::Reader;
use crate::webhook::HookPlan;

use known::Known;

pub use mistake::{Mistake, Mistakes};
pub use saved::Saved;
pub use secrets::{DEV_SECRET, Environment};
pub use server::{Admin, ServerSettings};

/// The configuration that is built in: Rossum's samples as hooks.
pub const SAMPLE: &str = include_str!("../../config/sample.toml");
/// How the built-in configuration is named in messages.
pub const SAMPLE_NAME: &str = "config/sample.toml (built in)";

/// Flags are written as keys are.
pub use units::{bytes, duration, written_bytes, written_duration};

/// What a configuration is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// HTTPS with a certificate, which must be configured.
    Serve,
    /// The same, to be looked at on any host: secrets need not be there.
    Check,
    /// Plain HTTP: certificate and listeners are not needed.
    DevHttp,
    /// To be tried out: nobody is let in and nothing is sent, so that no secret is read.
    Trial,
}

impl Purpose {
    /// Whether it needs a certificate, and listeners.
    fn wants_tls(self) -> bool {
        matches!(self, Self::Serve | Self::Check)
    }
}

pub struct Config {
    pub server: ServerSettings,
    pub hooks: Vec<HookPlan>,
    /// SHA-256 of its text.
    pub digest: String,
    /// The state folder.
    pub state: PathBuf,
    /// Whether nothing is sent that cannot be noted there: always, but for a trial in dev mode that names no state folder.
    pub must_note: bool,
    /// Files that are kept as datasets.
    pub datasets: Vec<Watched>,
    /// Databases of the customer's.
    pub databases: Vec<Arc<Database>>,
    /// Rossum's API, where steps may ask it.
    pub api: Option<Arc<Api>>,
    /// Who gets spans and metrics.
    pub collector: Option<Collector>,
    /// Files that are part of it: rules, templates, schemas, settings.
    pub files: Vec<PathBuf>,
    /// Lists of records among them, which a step matches against.
    pub lists: Vec<List>,
    /// Files that secrets were read from.
    pub secret_files: Vec<PathBuf>,
    /// What contradicts datasets and files as they are now. It may be right tomorrow, so a server starts with it.
    pub doubts: Vec<Mistake>,
    /// Those of them that a server's log has from importing the file.
    pub told_by_imports: Vec<String>,
    /// What is not wrong, and yet worth knowing, of what is no hook's.
    pub notes: Vec<String>,
    /// What could not be checked yet, and why.
    pub unchecked: Vec<String>,
    /// With which no server starts, though it can be worked with.
    refused_to_serve: Vec<Mistake>,
}

/// A file of records that a step matches against, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    pub file: PathBuf,
    /// How it is read: another sheet, or another line of heads, is another list.
    pub layout: Layout,
    pub records: usize,
    /// Percent of the records before that may be missing (`allow_shrink`).
    pub allow_shrink: u8,
    /// The file and line that name it.
    pub place: String,
}

impl List {
    /// What to say where it has far fewer records than it had: half a file was copied, perhaps.
    pub fn shrunken(&self, before: &[Self]) -> Option<String> {
        let Self { file, layout, records, allow_shrink, place } = self;
        let had = before.iter().find(|list| list.file == *file && list.layout == *layout)?.records;
        let is_too_few = records * 100 < had * usize::from(100 - (*allow_shrink).min(100));
        is_too_few.then(|| {
            format!(
                "{place}: {} has {records} records, and had {had}: more than {allow_shrink} % are missing; if that is right, write `allow_shrink = 100`",
                file.display()
            )
        })
    }
}

impl Config {
    /// What its steps work with. Without an outbox nothing that they send is kept.
    pub fn services(&self, outbox: Option<Arc<Outbox>>) -> Services {
        Services { outbox, api: self.api.clone(), store: Arc::new(Reader::new(&self.state)) }
    }

    /// What its steps ask of databases.
    pub fn queries(&self) -> impl Iterator<Item = &Checked> {
        self.hooks.iter().flat_map(|hook| &hook.stages).flat_map(|stage| &stage.queries)
    }

    /// Whom its steps send to.
    pub fn reaches(&self) -> impl Iterator<Item = Reaches<'_>> {
        self.hooks.iter().flat_map(|hook| &hook.stages).filter_map(|stage| stage.blueprint.reaches())
    }
}

/// Reads a configuration file, or reports every mistake in it.
pub fn load(path: &Path, purpose: Purpose, environment: Environment<'_>) -> Result<Config, Mistakes> {
    let text = document::read_text(path).map_err(|error| {
        let hint = (error.kind() == std::io::ErrorKind::NotFound).then(|| {
            "name another file, or start with the built-in sample: annex --dev-http --sample".to_owned()
        });
        let what = format!("cannot read the configuration: {error}");
        Mistakes(vec![Mistake {
            file: path.display().to_string(),
            line: 0,
            column: 0,
            what,
            hint,
            excerpt: None,
        }])
    })?;
    read(path, text, purpose, environment)
}

/// Reads a configuration that a server shall start with, or be checked for it: the two agree, since both ask here.
pub fn load_to_serve(
    path: &Path,
    purpose: Purpose,
    environment: Environment<'_>,
) -> Result<Config, Mistakes> {
    let mut config = load(path, purpose, environment)?;
    let refused = std::mem::take(&mut config.refused_to_serve);
    if refused.is_empty() { Ok(config) } else { Err(Mistakes(refused)) }
}

/// Where a running server with this configuration is asked. Mistakes elsewhere in it do not matter here, nor does a file
/// that cannot be read: the default is as good as any.
pub fn admin_of(path: &Path) -> Admin {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let document = document::Document::new(path, text, Purpose::Serve, &|_| None);
    document.parse().map_or(Admin::Default, |table| {
        let root = document.root(&table);
        server::admin(root.section("server").as_ref())
    })
}

/// The state folder of a configuration. Mistakes elsewhere in it do not matter here; without a file it is the default.
pub fn state_of(path: &Path, environment: Environment<'_>) -> PathBuf {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let document = document::Document::new(path, text, Purpose::Serve, environment);
    let table = document.parse();
    let server = table.as_ref().and_then(|table| document.root(table).section("server"));
    certificates::state_folder(server.as_ref(), environment).0
}

/// By which two texts of a configuration are compared.
pub fn digest_of(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Reads the text of a configuration; relative paths in it start at `path`'s folder.
pub fn read(
    path: &Path,
    text: String,
    purpose: Purpose,
    environment: Environment<'_>,
) -> Result<Config, Mistakes> {
    let digest = digest_of(&text);
    let document = document::Document::new(path, text, purpose, environment);
    let parsed = document.parse().filter(|table| {
        let is_empty = table.get_ref().is_empty();
        if is_empty {
            let hint = "`annex init` asks a few questions and writes one; every key: docs/reference.md";
            document.note(0..0, "the file is empty", Some(hint));
        }
        !is_empty
    });
    let config = parsed.map(|table| {
        let root = document.root(&table);
        // Read once: a mistake in it is told once.
        let server = root.section("server");
        let (state, is_named) = certificates::state_folder(server.as_ref(), environment);
        let must_note = is_named || purpose != Purpose::DevHttp;
        let proxy = proxy::read(&root, server.as_ref(), environment);
        let collector = telemetry::read(&root, proxy.as_ref(), environment);
        let known = Known::read(&root, &state, proxy.clone(), environment);
        let hooks = hook::read_all(&root, server.as_ref(), &known, environment);
        let server = server::read(&root, server, proxy, &hooks, &state, environment);
        forwarding::refuse_loops(&document, &server, &known);
        root.finish();
        known.remark_idle(&document, !hooks.is_empty());
        Config {
            server,
            hooks,
            digest: digest.clone(),
            state,
            must_note,
            databases: known.databases(),
            datasets: known.datasets,
            api: known.api,
            collector,
            files: document.files.borrow().clone(),
            lists: document.lists.take(),
            secret_files: document.secret_files(),
            doubts: Vec::new(),
            told_by_imports: document.of_imports(),
            notes: document.remarks(),
            unchecked: document.unchecked(),
            refused_to_serve: document.refused_to_serve(),
        }
    });
    let doubts = if document.has_mistakes() { Vec::new() } else { document.doubts() };
    match (config, document.into_mistakes()) {
        (Some(config), mistakes) if mistakes.is_empty() => Ok(Config { doubts, ..config }),
        (config, mut mistakes) => {
            // Who mends the one shall not meet the other next. Dev mode serves such names.
            let is_for_serving = matches!(purpose, Purpose::Serve | Purpose::Check);
            let refused = config.filter(|_| is_for_serving).map(|config| config.refused_to_serve);
            mistakes.extend(refused.into_iter().flatten());
            mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
            Err(Mistakes(mistakes))
        }
    }
}
