//! `annex cert status` and `annex cert renew` ask the running server; `annex cert dns` needs none.

use std::path::PathBuf;

use hyper::Method;
use serde_json::{Value, json};

use crate::config::{self, Purpose};
use crate::private;
use crate::shown::Line;
use crate::tls::acme::{Record, records};
use crate::tls::{Challenge, ChallengeChoice, Source};

use super::ask::Where;
use super::exit::{Failure, Mark, mistaken, print, print_lines, say};
use super::status::certificate_for_people;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Show each certificate: names, expiry, next renewal, last error
    Status {
        #[command(flatten)]
        place: Where,
        /// Print the certificates as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the TXT record that DNS-PERSIST-01 needs for each name; create the account at the CA if there is none
    Dns {
        /// The configuration [default: annex.toml, else /etc/annex/annex.toml]
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print the records as JSON
        #[arg(long)]
        json: bool,
    },
    /// Order a new certificate now, whatever the age of the old one, and wait for it
    Renew {
        /// The certificate, by its name in `annex cert status` [default: all]
        name: Option<String>,
        /// Only validate the names, at the staging environment of the CA; nothing changes, and no rate limit is used
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        place: Where,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Status { place, json } => status(place, json),
        Command::Dns { config, json } => dns(config, json),
        Command::Renew { name, dry_run, place, json } => renew(name.as_deref(), dry_run, place, json),
    }
}

fn status(place: Where, json: bool) -> Result<(), Failure> {
    let (_, status) = place.ask(Method::GET, "/status")?;
    let certificates = &status["certificates"];
    if json {
        return print(certificates);
    }
    let list = certificates.as_array().map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        return print("no certificates");
    }
    list.iter().try_for_each(|certificate| print_lines(&certificate_for_people(certificate)))
}

fn dns(path: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let path = super::config_path(path);
    let config = config::load(&path, Purpose::Serve, &super::service_environment(&path)).map_err(mistaken)?;
    private::become_owner(&config.state).map_err(|error| {
        let folder = config.state.display();
        Failure::Because(format!("cannot switch to the owner of the state folder {folder}: {error}"))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut all: Vec<Record> = Vec::new();
    for settings in &config.server.certificates {
        if let Source::Acme(acme) = &settings.source {
            all.extend(
                runtime.block_on(records(acme, true)).map_err(|error| Failure::Because(error.to_string()))?,
            );
        }
    }
    if all.is_empty() {
        let hint = "TXT records are for names that a CA validates: set `domains` in [server]";
        return Err(Failure::hinted("there are no TXT records to print", hint));
    }
    if json {
        let one = |record: &Record| json!({"name": record.place(), "type": "TXT", "value": record.value(), "ca": record.directory});
        return print(Value::from(all.iter().map(one).collect::<Vec<_>>()));
    }
    let is_used = config.server.certificates.iter().any(|settings| match &settings.source {
        Source::Acme(acme) => acme.challenges == ChallengeChoice::Only(Challenge::DnsPersist01),
        Source::Files { .. } => false,
    });
    for record in &all {
        print(record.line())?;
    }
    if !is_used {
        say("Annex uses these records when [server.acme] has `challenge = \"dns-persist-01\"`");
    }
    Ok(())
}

fn renew(name: Option<&str>, dry_run: bool, place: Where, json: bool) -> Result<(), Failure> {
    let page = if dry_run { "/certificates/rehearse" } else { "/certificates/renew" };
    let path = name.map_or_else(|| page.to_owned(), |name| format!("{page}?certificate={name}"));
    if !json {
        say("asking the CA; this takes a few seconds …");
    }
    let (status, results) = place.ask(Method::POST, &path)?;
    if json {
        print(&results)?;
    } else {
        for result in results.as_array().into_iter().flatten() {
            let mark = if result["ok"] == true { Mark::Good } else { Mark::Bad };
            let text = |key: &str| Line(result[key].as_str().unwrap_or_default());
            print(format_args!("{mark} {}: {}", text("certificate"), text("message")))?;
        }
    }
    if status.is_success() && results != Value::Null { Ok(()) } else { Err(Failure::Said) }
}
