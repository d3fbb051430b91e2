//! `annex status`: how the running server is. Exit code 0 if it is ready.

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::Value;

use crate::clock;
use crate::shown::{Line, Lines};

use super::ask::Where;
use super::exit::{Failure, Mark, print, print_lines};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// Print the state as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let (_, status) = arguments.place.ask(Method::GET, "/status")?;
    if arguments.json {
        print(&status)?;
    } else {
        print_lines(&for_people(&status))?;
    }
    if status["ready"] == true { Ok(()) } else { Err(Failure::Said) }
}

fn for_people(status: &Value) -> Lines {
    let text = |key: &str| Line(status[key].as_str().unwrap_or("-"));
    let mut out = Lines::default();
    let ready = status["ready"] == true;
    out.add(format_args!(
        "{} annex {} is {}, process {}, {}{}",
        if ready { Mark::Good } else { Mark::Bad },
        text("version"),
        if ready { "ready" } else { "not ready" },
        status["pid"],
        since(&status["started"]),
        status["https"].as_str().map(|https| format!(", on https://{}", Line(https))).unwrap_or_default(),
    ));
    out.add(format_args!("  configuration {}", text("config")));
    let list = |key: &str| status[key].as_array().cloned().unwrap_or_default();
    for (mark, problem) in list("reasons")
        .into_iter()
        .map(|problem| (Mark::Bad, problem))
        .chain(list("warnings").into_iter().map(|problem| (Mark::Warning, problem)))
    {
        out.add(format_args!("{mark} {}", problem.as_str().unwrap_or_default()));
    }
    let exports = &status["exports"];
    if exports["waiting"].as_u64().is_some_and(|waiting| waiting > 0) {
        out.add(format_args!("  exports {} wait", exports["waiting"]));
    }
    for certificate in list("certificates") {
        out.append(certificate_for_people(&certificate));
    }
    out
}

/// A few lines for one certificate.
pub(super) fn certificate_for_people(certificate: &Value) -> Lines {
    let text = |key: &str| certificate[key].as_str();
    let names = |key: &str| {
        let list = certificate[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        list.collect::<Vec<_>>().join(", ")
    };
    // A CA sorts the names as it likes.
    let set = |key: &str| -> BTreeSet<&str> {
        certificate[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let mut out = Lines::default();
    out.add(format_args!("certificate {}", text("name").unwrap_or_default()));
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            out.add(format_args!("  {name:<10} {value}"));
        }
    };
    line("names", Some(names("names")));
    if set("domains") != set("names") {
        line("wanted", Some(names("domains")));
    }
    line("issuer", text("issuer").map(str::to_owned));
    line("from", text("source").map(str::to_owned));
    line("profile", text("profile").map(str::to_owned));
    line("expires", text("not_after").map(moment));
    let why = text("renewal_reason").map(|why| format!(": {why}")).unwrap_or_default();
    line("renewal", text("renewal").map(|at| format!("{}{why}", moment(at))));
    line("challenge", text("challenge").map(str::to_owned));
    line("account", text("account").map(str::to_owned));
    let ordering = text("ordering_since").and_then(clock::parse_rfc3339).map(|since| {
        let span = clock::now().duration_since(since).unwrap_or_default();
        format!("since {}: {}", clock::display_span(span), text("ordering").unwrap_or("beginning"))
    });
    line("ordering", ordering);
    line("state", text("storage").map(str::to_owned));
    line("attempt", text("last_attempt").map(moment));
    let failures = certificate["failures"].as_u64().filter(|failures| *failures > 0);
    line("failures", failures.map(|failures| format!("{failures} since the last certificate")));
    line("refused", text("refused").map(str::to_owned));
    line("error", text("last_error").map(str::to_owned));
    line("next try", text("next_try").map(|at| format!("{}; at once: annex cert renew", moment(at))));
    out
}

/// A moment with how far away it is.
fn moment(rfc3339: &str) -> String {
    let Some(at) = clock::parse_rfc3339(rfc3339) else {
        return rfc3339.to_owned();
    };
    let now = clock::now();
    let distance = match (at.duration_since(now), now.duration_since(at)) {
        (Ok(ahead), _) => format!("in {}", clock::display_span(ahead)),
        (_, Ok(ago)) => format!("{} ago", clock::display_span(ago)),
        (Err(_), Err(_)) => "now".to_owned(),
    };
    format!("{} ({distance})", clock::display(at))
}

fn since(started: &Value) -> String {
    let started = started.as_str().and_then(clock::parse_rfc3339);
    let up = started.and_then(|at| clock::now().duration_since(at).ok()).unwrap_or_default();
    format!("up {}", clock::display_span(up))
}
