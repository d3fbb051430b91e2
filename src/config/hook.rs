//! `[[hook]]`: a path, its secrets, its steps.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use toml::Spanned;

use crate::signature::LegacySha1;
use crate::steps::StagePlan;
use crate::steps::blueprint::CourierId;
use crate::webhook::{Answers, HookLimits, HookPlan, HookSettings, RECORD_MAX, Record};

use super::Purpose;
use super::certificates;
use super::document::{Document, Place};
use super::known::Known;
use super::numbers::{DAY, HOUR, LARGEST, SHORTEST_WAIT, SMALLEST_BODY};
use super::schemas::HookSchemas;
use super::secrets::{self, Environment};
use super::section::Section;
use super::steps;
use super::units::written_duration;

/// Rossum gives up a call after it (contract of Rossum's API: "Hook"), the longest one after the other.
const CALL: Duration = Duration::from_secs(30);
const LONGEST_CALL: Duration = Duration::from_secs(60);
/// So long Rossum asks for the result of an answer that is to come.
const POLLING: Duration = Duration::from_secs(300);
/// Rossum polls for 300 s where a hook does not say how long (`max_polling_time_s`).
const ASYNC_TIMEOUT: Duration = Duration::from_secs(280);

/// All hooks; two that share a path or a name are noted.
pub(super) fn read_all(
    root: &Section<'_>,
    server: Option<&Section<'_>>,
    known: &Known,
    environment: Environment<'_>,
) -> Vec<HookPlan> {
    let sections = root.sections("hook");
    // Of a `hook` that is no list is told already.
    if sections.is_empty() && !root.has("hook") {
        root.wrong("there is no hook", "add a `[[hook]]` with `name`, `path`, `secrets` and its steps");
    }
    let server = server.map(HookSchemas::read).unwrap_or_default();
    let (mut paths, mut names) = (HashMap::<_, HashMap<_, _>>::new(), HashMap::new());
    let mut couriers = HashSet::new();
    sections
        .into_iter()
        .filter_map(|section| {
            let document = section.document();
            let path = section.required_text("path", "\"/invoice_checks\"");
            let name = section.text("name");
            // The same path may be another hook under another domain.
            let domain = section.text("domain");
            if let Some(path) = &path {
                let host = domain.as_ref().map_or("", |domain| domain.get_ref());
                note_second(document, "path", path, paths.entry(host).or_default());
            }
            if let Some(name) = &name {
                note_second(document, "name", name, &mut names);
            }
            let named = [path.as_ref(), name.as_ref(), domain.as_ref()];
            read(section, named, (&server, known), &mut couriers, environment)
        })
        .collect()
}

fn note_second<'t>(
    document: &Document<'_>,
    key: &str,
    text: &Spanned<&'t str>,
    seen: &mut HashMap<&'t str, Place>,
) {
    if let Some(first) = seen.insert(text.get_ref(), text.span()) {
        let text_of = text.get_ref();
        document.note(
            text.span(),
            format!("two hooks have the {key} `{text_of}`: the first is at {}", document.named(&first)),
            Some("give each its own"),
        );
    }
}

fn read(
    section: Section<'_>,
    [path, name, domain]: [Option<&Spanned<&str>>; 3],
    (server, known): (&HookSchemas, &Known),
    couriers: &mut HashSet<CourierId>,
    environment: Environment<'_>,
) -> Option<HookPlan> {
    let document = section.document();
    if let Some(path) = path {
        check_path(document, path);
    }
    if !section.has("secrets") {
        section.wrong(
            "this hook has no `secrets`",
            "write `secrets = [\"credential:rossum-secret\"]`, and set the same one in Rossum",
        );
    }
    let secrets = secrets::of_hook(&section, environment);
    let secret_file = secrets::file_of_hook(&section, environment);
    let secret_source = secrets::source_of_hook(&section, secret_file.as_ref(), environment);
    let domain = domain.map(|domain| certificates::domain(&section, domain));
    let demands_certificate = section.boolean("client_certificate").unwrap_or(false);
    let legacy = match section.boolean("allow_sha1") {
        Some(true) => LegacySha1::Allowed,
        _ => LegacySha1::Refused,
    };
    let answers = section.choice("answer", &[("direct", Answers::Direct), ("async", Answers::Async)]);
    let defaults = HookLimits::default();
    let limits = HookLimits {
        timeout: section.duration("timeout", SHORTEST_WAIT..=HOUR).unwrap_or(match answers {
            Some(Answers::Async) => ASYNC_TIMEOUT,
            _ => defaults.timeout,
        }),
        in_flight: section.count("max_in_flight", 1..=100_000).unwrap_or(defaults.in_flight),
        repeat_window: section
            .duration("repeat_window", Duration::ZERO..=DAY)
            .unwrap_or(defaults.repeat_window),
        body: section.bytes("max_body", SMALLEST_BODY..=LARGEST).unwrap_or(defaults.body),
    };
    let notes = notes_of_timeout(&section, limits.timeout, answers.unwrap_or_default());
    let record = record(&section);
    let schemas = if section.has("schema") { HookSchemas::read(&section) } else { server.clone() };
    let stages = steps::read_all(&section, &schemas, limits.timeout, known);
    steps::forward::tell_of_two(document, &stages);
    section.finish();
    let path = path?.get_ref();
    let name =
        name.map_or_else(|| path.trim_matches('/').replace('/', "-"), |name| (*name.get_ref()).to_owned());
    let stages = stages.into_iter().map(|(place, stage)| {
        note_second_courier(document, place, &name, &stage, couriers);
        stage
    });
    let stages = stages.collect();
    let settings = HookSettings {
        name,
        domain,
        demands_certificate,
        path: (*path).to_owned(),
        secrets,
        secret_file,
        secret_source,
        legacy,
        limits,
        schemas: schemas.at_run_time(),
        answers: answers.unwrap_or_default(),
        record,
        is_developed: document.purpose == Purpose::DevHttp,
    };
    Some(HookPlan { settings, stages, notes })
}

/// A `timeout` that Rossum does not wait for.
fn notes_of_timeout(section: &Section<'_>, timeout: Duration, answers: Answers) -> Vec<String> {
    let waits = match answers {
        Answers::Direct if timeout >= LONGEST_CALL => {
            "Rossum waits 60 s at most, so that an answer may come too late: it would show none of it"
        }
        Answers::Direct if timeout >= CALL => {
            "Rossum waits 30 s while a person works; for other events as long as `timeout_s` of its hook says, 60 s at most"
        }
        Answers::Async if timeout >= POLLING => {
            "Rossum asks for the result for 300 s, unless `max_polling_time_s` of its hook says more"
        }
        _ => return Vec::new(),
    };
    let place = section.document().named(&section.place_of("timeout"));
    vec![format!("{place}: `timeout` is {}: {waits}", written_duration(timeout))]
}

/// Two steps of one name that send would take each other's jobs.
fn note_second_courier(
    document: &Document<'_>,
    place: Place,
    hook: &str,
    stage: &StagePlan,
    couriers: &mut HashSet<CourierId>,
) {
    let id = CourierId { hook: hook.to_owned(), step: stage.name.clone() };
    let what = format!("two exports have the name `{id}`");
    if stage.blueprint.reaches().is_some() && !couriers.insert(id) {
        document.note(place, what, Some("give each its own `name`"));
    }
}

/// `record = "deliveries"`, `record_max = "500MB"`.
fn record(section: &Section<'_>) -> Option<Record> {
    let most = section
        .bytes("record_max", 1..=LARGEST)
        .map_or(RECORD_MAX, |bytes| u64::try_from(bytes).unwrap_or(u64::MAX));
    let folder = section.folder("record");
    if folder.is_none() && section.has("record_max") {
        section.wrong(
            "`record_max` is for recorded deliveries",
            "add `record = \"deliveries\"`, or leave it out",
        );
    }
    Some(Record { folder: folder?, most })
}

fn check_path(document: &Document<'_>, path: &Spanned<&str>) {
    let text = path.get_ref();
    let clean = |c: char| c.is_ascii_graphic() && !"?#\"<>\\^`{|}".contains(c);
    if !text.starts_with('/') || !text.chars().all(clean) {
        document.note(
            path.span(),
            format!("`{text}` is no path"),
            Some("begin with `/`; no host, no `?`, no blanks: `path = \"/invoice_checks\"`"),
        );
    } else if text.starts_with("/.annex/") {
        document.note(
            path.span(),
            "this path belongs to Annex: results are found there",
            Some("choose another"),
        );
    } else if text.starts_with("/.well-known/acme-challenge/") {
        document.note(path.span(), "this path belongs to the certificate authority", Some("choose another"));
    }
}
