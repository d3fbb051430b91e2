//! `annex cert status` and `annex cert renew`: asks the running server.

use hyper::Method;
use serde_json::Value;

use crate::shown::Line;

use super::ask::Where;
use super::exit::{Failure, Mark, print, print_lines, say};
use super::status::certificate_for_people;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Show each certificate: names, expiry, next renewal, last error
    Status {
        #[command(flatten)]
        place: Where,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Have a new certificate ordered now, whatever its age, and wait for it
    Renew {
        /// Only this one, by the name that `annex cert status` shows [default: all]
        name: Option<String>,
        /// Only have the names validated by the CA's staging environment; nothing changes, no limit is used up
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
