//! `annex doctor`: what is wrong on this host, and what to do. Exit code 0 if nothing is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::clock;
use crate::config::{self, Mistake, Purpose};
use crate::doctor::{Finding, Running, Unit, Verdict, examine};
use crate::shown::Lines;

use super::ask::Where;
use super::exit::{Failure, Mark, print, print_lines, say_meanwhile};
use super::given;

/// What it may wait for others.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration [default: annex.toml, else /etc/annex/annex.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How long to wait for answers, in total
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = given::duration(SHORTEST..=LONGEST))]
    timeout: Duration,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let path = super::config_path(arguments.config);
    let mut findings = Vec::new();
    let mut tell = |finding: Finding| {
        if !arguments.json {
            // A pipe that was closed ends the printing, not the examination.
            let _ = print_lines(&lines(&finding));
        }
        findings.push(finding);
    };
    match config::load(&path, Purpose::Serve, &super::service_environment(&path)) {
        Err(mistakes) => {
            for mistake in mistakes.0 {
                let (what, remedy) = told(mistake);
                tell(Finding::bad(what, remedy));
            }
        }
        Ok(config) => {
            if config.doubts.is_empty() {
                tell(Finding::good(format!("{} is right", path.display())));
            }
            for (what, remedy) in config.doubts.iter().cloned().map(told) {
                tell(Finding::warning(what, remedy));
            }
            for note in &config.notes {
                tell(Finding::warning(note.clone(), "change it, or leave it if it is intended"));
            }
            for unchecked in &config.unchecked {
                tell(Finding::warning(format!("not checked: {unchecked}"), "annex data list"));
            }
            let unit = Unit::of(&path);
            let status = Where::of(&path).ask(Method::GET, "/status").ok().map(|(_, status)| status);
            tell(server(status.as_ref(), unit.as_ref(), &path));
            if let Some(finding) = status
                .as_ref()
                .filter(|status| is_of(status, &path) == Some(true))
                .and_then(|status| changed(status, &config.digest))
            {
                tell(finding);
            }
            let running =
                status.filter(|status| is_of(status, &path) != Some(false)).map(|status| running(&status));
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            if !arguments.json {
                let seconds = arguments.timeout.as_secs_f64();
                say_meanwhile(format_args!("… asking other systems; this takes {seconds} s at most"));
            }
            let time = arguments.timeout;
            runtime.block_on(examine(&config, running.as_ref(), unit.as_ref(), time, &mut tell));
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (bad, warnings) = (count(Verdict::Bad), count(Verdict::Warning));
    if arguments.json {
        let list: Vec<_> = findings.iter().map(as_json).collect();
        print(json!({"ok": bad == 0, "findings": list}))?;
    } else {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        print(format_args!("{bad} problem{}, {warnings} warning{}", plural(bad), plural(warnings)))?;
    }
    if bad == 0 { Ok(()) } else { Err(Failure::Said) }
}

/// Where and what, and what to do.
fn told(mistake: Mistake) -> (String, String) {
    let Mistake { file, line, what, hint, .. } = mistake;
    let place = if line == 0 { file } else { format!("{file}:{line}") };
    (format!("{place}: {what}"), hint.unwrap_or_else(|| "correct it".to_owned()))
}

/// What is asked of a server that runs.
fn running(status: &Value) -> Running {
    let certificates = status["certificates"].as_array().into_iter().flatten();
    let accounts = certificates.filter_map(|certificate| {
        Some((certificate["source"].as_str()?.to_owned(), certificate["account"].as_str()?.to_owned()))
    });
    let pid = status["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    Running { pid, accounts: accounts.collect() }
}

/// Whether the server that answers was started with this file; `None` where that cannot be seen.
fn is_of(status: &Value, path: &Path) -> Option<bool> {
    let theirs = PathBuf::from(status["config"].as_str()?);
    let theirs = if theirs.is_absolute() {
        theirs
    } else {
        std::fs::read_link(format!("/proc/{}/cwd", status["pid"])).ok()?.join(theirs)
    };
    Some(theirs.canonicalize().ok()? == path.canonicalize().ok()?)
}

/// Whether the file says something else than what the server goes by. One that was refused is told with the server's state.
fn changed(status: &Value, digest: &str) -> Option<Finding> {
    let taken = &status["configuration"];
    if taken["digest"].as_str()? == digest || !taken["refused"].is_null() {
        return None;
    }
    let loaded = taken["loaded"]
        .as_str()
        .and_then(clock::parse_rfc3339)
        .map_or_else(|| "-".to_owned(), clock::display);
    Some(Finding::warning(
        format!(
            "the file has changed since the server loaded it at {loaded}: the server still uses the old content"
        ),
        "systemctl reload annex; the log says whether a change needs a restart",
    ))
}

fn server(status: Option<&Value>, unit: Option<&Unit>, path: &Path) -> Finding {
    let Some(status) = status else {
        if unit.is_some_and(Unit::is_active) {
            return Finding::bad(
                "systemd reports that the service runs, but its admin pages do not answer",
                "check `admin` in [server], and read the log: journalctl -u annex -n 20",
            );
        }
        return Finding::warning("the server does not run", "systemctl enable --now annex.socket annex");
    };
    match is_of(status, path) {
        Some(true) => {}
        Some(false) => {
            return Finding::bad(
                format!(
                    "the server that answers at `admin` (process {}) was started with another file: {}",
                    status["pid"],
                    status["config"].as_str().unwrap_or_default()
                ),
                "check that file with --config, or set another `admin` in [server]",
            );
        }
        None => {
            return Finding::warning(
                "a server answers at `admin`, but this user cannot see whether it uses this file",
                "run the doctor as root, or as the user that Annex runs as",
            );
        }
    }
    let texts = |key: &str| {
        let list = status[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        list.collect::<Vec<_>>().join("; ")
    };
    match (status["ready"] == true, texts("reasons"), texts("warnings")) {
        (true, _, warnings) if warnings.is_empty() => Finding::good("the server runs and is ready"),
        (true, _, warnings) => {
            Finding::warning(format!("the server is ready, but: {warnings}"), "annex cert status")
        }
        (false, reasons, _) => {
            Finding::bad(format!("the server is not ready: {reasons}"), "annex cert status")
        }
    }
}

fn lines(finding: &Finding) -> Lines {
    let mark = match finding.verdict {
        Verdict::Good => Mark::Good,
        Verdict::Warning => Mark::Warning,
        Verdict::Bad => Mark::Bad,
    };
    let mut lines = Lines::of(format_args!("{mark} {}", finding.what));
    if let Some(remedy) = &finding.remedy {
        lines.add(format_args!("    {remedy}"));
    }
    lines
}

fn as_json(finding: &Finding) -> Value {
    let verdict = match finding.verdict {
        Verdict::Good => "good",
        Verdict::Warning => "warning",
        Verdict::Bad => "bad",
    };
    json!({"verdict": verdict, "what": finding.what, "remedy": finding.remedy})
}
