//! The map of the house, kept true: which room imports which, and where each foreign crate is at home.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each room imports only what stands on its right; `telemetry` is open to all, nobody imports `main`, `cli` or `app`.
const ROOMS: [(&str, &[&str]); 38] = [
    (
        "cli",
        &[
            "account",
            "app",
            "cases",
            "clock",
            "config",
            "data",
            "doctor",
            "memory",
            "outbound",
            "outbox",
            "private",
            "rossum",
            "secret",
            "server",
            "shown",
            "signature",
            "steps",
            "store",
            "tasks",
            "telemetry",
            "tls",
            "txscript",
            "unreached",
            "webhook",
        ],
    ),
    (
        "app",
        &[
            "clock",
            "config",
            "data",
            "database",
            "inspector",
            "memory",
            "otlp",
            "outbox",
            "server",
            "shown",
            "steps",
            "tasks",
            "telemetry",
            "tls",
            "webhook",
        ],
    ),
    (
        "doctor",
        &["clock", "config", "forward", "outbox", "private", "requests", "server", "shown", "steps", "tls"],
    ),
    (
        "config",
        &[
            "api",
            "data",
            "database",
            "export",
            "forward",
            "otlp",
            "outbound",
            "outbox",
            "pipeline",
            "requests",
            "rossum",
            "secret",
            "server",
            "shown",
            "signature",
            "steps",
            "store",
            "tls",
            "txscript",
            "webhook",
        ],
    ),
    ("server", &["clock", "inspector", "memory", "private", "shown", "tasks", "tls", "unreached", "webhook"]),
    ("tls", &["clock", "outbound", "private", "secret", "tasks", "unreached"]),
    (
        "webhook",
        &[
            "cases",
            "clock",
            "forward",
            "inspector",
            "memory",
            "outbox",
            "rossum",
            "secret",
            "signature",
            "slices",
            "steps",
            "tasks",
        ],
    ),
    ("inspector", &["cases", "clock", "steps", "trees"]),
    (
        "steps",
        &[
            "api",
            "clock",
            "database",
            "export",
            "forward",
            "neighbour",
            "outbox",
            "requests",
            "rossum",
            "secret",
            "signature",
            "slices",
            "store",
            "trees",
            "txscript",
        ],
    ),
    (
        "requests",
        &["api", "breaker", "clock", "export", "neighbour", "outbound", "secret", "slices", "trees"],
    ),
    ("txscript", &["clock", "rossum", "trees"]),
    (
        "export",
        &["breaker", "clock", "neighbour", "outbound", "rossum", "secret", "slices", "tasks", "trees"],
    ),
    ("forward", &["clock", "outbound", "unreached"]),
    ("api", &["clock", "outbound", "secret", "slices", "trees"]),
    ("account", &["clock", "neighbour", "outbound", "private", "secret", "shown", "trees"]),
    ("database", &["breaker", "secret", "slices", "store", "unreached"]),
    ("cases", &["clock", "private"]),
    ("otlp", &["clock", "outbound"]),
    ("outbound", &["neighbour", "secret", "unreached"]),
    ("unreached", &[]),
    ("breaker", &[]),
    ("neighbour", &["trees"]),
    ("trees", &["slices"]),
    ("outbox", &["clock", "private", "sqlite", "tasks"]),
    ("data", &["clock", "memory", "slices", "store", "tasks"]),
    ("store", &["clock", "pipeline", "slices", "sqlite", "tasks"]),
    ("sqlite", &["private"]),
    ("private", &[]),
    ("pipeline", &["slices"]),
    ("signature", &["secret"]),
    ("rossum", &[]),
    ("telemetry", &["shown"]),
    ("shown", &[]),
    ("slices", &["memory"]),
    ("memory", &["tasks"]),
    ("tasks", &[]),
    ("secret", &[]),
    ("clock", &[]),
];

/// Foreign crates and the rooms that may name them.
const FOREIGN: [(&str, &[&str]); 52] = [
    ("annex_heap", &["memory"]),
    ("rusqlite", &["sqlite"]),
    ("sqlx", &["database", "outbox", "sqlite", "store"]),
    ("nix", &["export", "private", "server"]),
    ("futures_util", &["database", "doctor", "store", "tls"]),
    ("minijinja", &["export", "steps"]),
    (
        "reqwest", // config: URLs and headers of targets, URLs of databases; tls: methods and headers
        &[
            "account",
            "api",
            "cli",
            "config",
            "export",
            "forward",
            "neighbour",
            "otlp",
            "outbound",
            "requests",
            "tls",
        ],
    ),
    ("encoding_rs", &["data"]),
    ("calamine", &["data"]),
    ("toml", &["config"]),
    ("csv", &["data"]),
    ("oem_cp", &["data"]),
    ("strsim", &["export", "pipeline", "steps", "store", "txscript"]),
    ("ruff_python_parser", &["txscript"]),
    ("ruff_python_ast", &["txscript"]),
    ("ruff_text_size", &["txscript"]),
    ("fancy_regex", &["pipeline", "requests", "txscript"]),
    ("bumpalo", &["txscript"]),
    ("stacker", &["txscript"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("hickory_resolver", &["doctor"]),
    ("hmac", &["requests", "signature"]),
    ("sha1", &["requests", "signature"]),
    ("webpki_roots", &["tls"]),          // one place says whom calls trust
    ("rustls_acme", &["tls", "config"]), // config: the URLs of Let's Encrypt
    ("rcgen", &["tls"]),
    ("x509_parser", &["tls"]),
    ("tokio_rustls", &["tls", "cli"]), // cli: `annex send` is a client
    ("hyper", &["server", "webhook", "cli"]),
    ("hyper_util", &["server", "cli", "outbound"]), // outbound: what NO_PROXY means
    ("aws_lc_rs", &["tls"]),
    ("base64", &["export", "inspector", "neighbour", "outbound", "requests", "tls"]),
    ("httpdate", &["neighbour", "tls"]),
    ("listenfd", &["server"]),
    ("ppp", &["server"]),
    ("ipnet", &["server", "config"]),
    ("sd_notify", &["server"]),
    ("prometheus_client", &["telemetry"]),
    ("opentelemetry_proto", &["otlp"]),
    ("prost", &["otlp"]),
    ("memchr", &["outbound"]),
    ("getrandom", &["doctor", "forward", "otlp", "outbox", "requests", "secret", "tls", "webhook"]),
    ("jmespath", &["requests"]),
    ("russh", &["export"]),
    ("configparser", &["account"]),
    ("rpassword", &["cli"]),
    ("russh_sftp", &["export"]),
    ("roxmltree", &["export", "requests"]),
    ("jsonwebtoken", &["requests"]),
    ("jiff", &["clock", "export", "pipeline", "rossum", "telemetry", "txscript"]),
];

/// Every source file with its room.
fn files() -> Vec<(String, String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix("src").unwrap();
                let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
                found.push((path.display().to_string(), room, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("src"), &mut found);
    found
}

/// What the code names, without comments and without its unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Words that follow a prefix: `crate::room`, or the first of `use {a, b}`.
fn names_after<'t>(text: &'t str, prefix: &str) -> BTreeSet<&'t str> {
    let word =
        |rest: &'t str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    text.match_indices(prefix)
        .map(|(at, _)| word(&text[at + prefix.len()..]))
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn rooms_import_only_what_the_map_allows() {
    let map: BTreeMap<_, _> = ROOMS.into_iter().collect();
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for (path, room, text) in files().into_iter().filter(|(_, room, _)| room != "main" && room != "lib") {
        let allowed = map.get(room.as_str()).unwrap_or_else(|| panic!("{path}: the map has no room {room}"));
        let code = code(&text);
        assert!(!code.contains("use crate::{"), "{path}: name each room in a `use` of its own");
        for other in
            names_after(&code, "crate::").into_iter().filter(|other| *other != room && *other != "telemetry")
        {
            arrows += 1;
            if !allowed.contains(&other) {
                wrong.push(format!("{path} imports {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(arrows > 30, "the test reads imports at all");
}

#[test]
fn foreign_crates_stay_at_home() {
    let mut wrong = Vec::new();
    for (path, room, text) in files() {
        let code = code(&text);
        for (foreign, homes) in FOREIGN {
            let named = code
                .match_indices(&format!("{foreign}::"))
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if named && !homes.contains(&room.as_str()) {
                wrong.push(format!("{path} names {foreign}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    for (path, _, text) in files() {
        assert!(text.starts_with("//! "), "{path}");
        assert!(text.lines().count() < 450, "{path} is crowded: what are its two concepts?");
    }
}

#[test]
fn nothing_can_make_a_verified_body_but_the_verifier() {
    let makers: Vec<_> = files()
        .into_iter()
        .filter(|(_, _, text)| code(text).contains("VerifiedBody {"))
        .map(|(path, ..)| path)
        .collect();
    assert_eq!(makers, ["src/signature.rs"]);
}

/// What a person sees on a terminal goes through few hands, which make it neutral.
#[test]
fn nothing_is_printed_but_by_the_hands_that_make_it_neutral() {
    const HANDS: [&str; 2] = ["src/cli/exit.rs", "src/telemetry/log.rs"];
    let prints = [
        "print!(",
        "println!(",
        "dbg!(",
        "stdout()",
        "stderr()",
        "io::stdout",
        "io::stderr",
        "/dev/tty",
        "/dev/std",
    ];
    let mut wrong = Vec::new();
    for (path, room, text) in files().into_iter().filter(|(path, ..)| !HANDS.contains(&path.as_str())) {
        let code = code(&text);
        wrong.extend(
            prints.iter().filter(|print| code.contains(**print)).map(|print| format!("{path}: {print}")),
        );
        // Line feeds are ours: an error says one line, and `Lines` has what stands below it.
        if code.contains("Plain(") && path != "src/shown.rs" {
            wrong.push(format!("{path}: Plain"));
        }
        let errors = code.lines().filter(|line| line.trim_start().starts_with("#[error("));
        wrong.extend(errors.filter(|line| line.contains("\\n")).map(|line| format!("{path}: {line}")));
        if room == "cli" {
            let told = code.lines().filter(|line| {
                ["print(", "say(", "Because("].iter().any(|word| line.contains(word)) && line.contains("\\n")
            });
            wrong.extend(told.map(|line| format!("{path}: {line}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What builds a text or list of any length, and how often each file of the language may: where the length has a bound
/// that is no data's, or was counted before.
const UNCOUNTED: [(&str, usize); 16] = [
    ("src/txscript/machine/access.rs", 1), // a list of one
    ("src/txscript/machine/calls.rs", 3),  // arguments of one call, counted where they are spread
    ("src/txscript/machine/construct.rs", 1),
    ("src/txscript/machine/expressions.rs", 1), // the defaults of one function
    ("src/txscript/machine/memory.rs", 2),      // the two that count
    ("src/txscript/machine/mod.rs", 2),         // one for each level of calls
    ("src/txscript/modules/math.rs", 1),        // as many as a float has exponents
    ("src/txscript/modules/regex.rs", 1),       // arguments of one call
    ("src/txscript/modules/regex/replace.rs", 1),
    ("src/txscript/modules/regex/shape.rs", 1), // of patterns, which were counted
    ("src/txscript/modules/regex/syntax.rs", 1),
    ("src/txscript/types/date.rs", 1),
    ("src/txscript/types/date_text.rs", 2), // of one duration
    ("src/txscript/types/format.rs", 2),    // digits of one number
    ("src/txscript/types/number.rs", 1),
    ("src/txscript/types/letters.rs", 2), // upper and lower case
];

#[test]
fn texts_and_lists_of_the_language_are_counted_before_they_grow() {
    let grows = [
        "String::new(",
        "String::with_capacity(",
        "\".repeat(",
        "Vec::new(",
        "Vec::with_capacity(",
        ".to_vec()",
        "vec![",
        ".replace('",
        ".replace(\"",
    ];
    let rooms = ["src/txscript/machine/", "src/txscript/modules/", "src/txscript/types/"];
    let mut wrong = Vec::new();
    for (path, _, text) in files() {
        if !rooms.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        let code = code(&text);
        let lines = code.lines().filter(|line| grows.iter().any(|grow| line.contains(grow)));
        let count = lines.count();
        let allowed = UNCOUNTED.iter().find(|(file, _)| *file == path).map_or(0, |(_, count)| *count);
        if count != allowed {
            wrong.push(format!(
                "{path}: {count} places, not {allowed}: use `builder()` or `buffer()`, or say here why not"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Who starts tasks and threads of its own, and in how many lines. What a delivery starts takes along what it is about
/// (`telemetry::about`), or its lines would not say whose they are; the others are no delivery's.
const STARTERS: [(&str, usize); 11] = [
    ("src/app/mod.rs", 1),             // what carries exports
    ("src/cases/recorder.rs", 1),      // what is written has it with it
    ("src/cli/ask.rs", 1),             // a command
    ("src/cli/caller.rs", 1),          // a command
    ("src/cli/tunnel.rs", 1),          // a command
    ("src/inspector/mod.rs", 1),       // it writes no lines
    ("src/outbox/open.rs", 1),         // one task for the jobs of all
    ("src/outbox/worker.rs", 1),       // each job: within
    ("src/outbox/worker/carry.rs", 2), // the parts of a job: along
    ("src/tasks.rs", 3),               // along where somebody waits for it
    ("src/tls/keeper.rs", 2),
];

#[test]
fn a_task_or_thread_of_a_delivery_takes_along_what_it_is_about() {
    let starts = [
        "JoinSet",
        "thread::Builder",
        "thread::spawn(",
        "spawn_blocking(",
        " owned(",
        "::owned(",
        "handled(",
    ];
    let mut wrong = Vec::new();
    for (path, _, text) in files().into_iter().filter(|(path, ..)| !path.ends_with("/tests.rs")) {
        let code = code(&text.replace("#[cfg(test)]\nmod tests;", ""));
        let lines = code.lines().filter(|line| !line.starts_with("use "));
        let count = lines.filter(|line| starts.iter().any(|start| line.contains(start))).count();
        let allowed = STARTERS.iter().find(|(file, _)| *file == path).map_or(0, |(_, count)| *count);
        if count != allowed {
            wrong.push(format!("{path}: {count} lines, not {allowed}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `json["key"]` in mutable use panics where the value is a list or a text, as foreign JSON can be.
#[test]
fn no_json_is_indexed_to_be_changed() {
    let changes = |rest: &str| {
        let rest = rest.trim_start();
        let writes = rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>");
        writes
            || ["+=", "-=", ".take()", ".insert(", ".push(", ".retain("]
                .iter()
                .any(|end| rest.starts_with(end))
            || (rest.starts_with(".as_") && rest.split('(').next().is_some_and(|name| name.ends_with("_mut")))
    };
    let find = |code: &str| -> Vec<String> {
        let mut found = Vec::new();
        for (at, _) in code.match_indices("[\"") {
            let is_index =
                code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | ']'));
            let Some(end) = code[at + 2..].find("\"]").filter(|_| is_index) else { continue };
            let mut rest = &code[at + 2 + end + 2..];
            while let Some(after) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
                rest = after.1;
            }
            let start = code[..at]
                .rfind(|c: char| !c.is_alphanumeric() && !"_.[]\"()".contains(c))
                .map_or(0, |at| at + 1);
            if changes(rest) || code[..start].ends_with("&mut ") {
                found.push(code[start..].lines().next().unwrap_or_default().to_owned());
            }
        }
        found
    };
    for wrong in
        [r#"a["b"] = 1"#, r#"a["b"]["c"].as_array_mut()"#, r#"f(&mut a["b"])"#, r#"a["b"][0].take()"#]
    {
        assert_eq!(find(wrong).len().min(1), 1, "{wrong}");
    }
    for right in [r#"a["b"] == 1"#, r#"x = a["b"].as_str()"#, r#"let x = ["a", "b"]; x = 1"#] {
        assert!(find(right).is_empty(), "{right}");
    }
    // tls: requests to the CA, which are made here.
    let wrong: Vec<_> = files()
        .into_iter()
        .filter(|(_, room, _)| room != "tls")
        .flat_map(|(path, _, text)| find(&code(&text)).into_iter().map(move |line| format!("{path}: {line}")))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where JSON is read otherwise than by `src/trees/`, and how often: into types of our own, which keep nothing that they do
/// not name, or what this server wrote or its operator gives it.
const READERS: [(&str, usize); 28] = [
    ("src/cases/cleaned.rs", 1),      // a payload by its raw parts
    ("src/cases/mod.rs", 2),          // cases
    ("src/data/json.rs", 1),          // files of the operator's, in which no key may stand twice
    ("src/database/record.rs", 2),    // a row, by its raw parts
    ("src/export/formed.rs", 1),      // whether a text is JSON, without a tree
    ("src/export/shape/json.rs", 1),  // whether a text is a number
    ("src/export/target/auth.rs", 1), // of 64 kB at most
    ("src/export/view.rs", 1),        // names of the document
    ("src/neighbour/digits.rs", 2),   // one number
    ("src/requests/body.rs", 1),      // keeps nothing
    ("src/rossum/annotation.rs", 1),  // keeps nothing
    ("src/rossum/payload.rs", 1),     // counts its nodes
    ("src/steps/carrying.rs", 1),     // what was kept
    ("src/steps/delivery.rs", 1),     // raw secrets
    ("src/steps/exported.rs", 2),     // a status; raw content
    ("src/steps/forward.rs", 1),      // keeps nothing
    ("src/steps/formulas.rs", 2),     // what code made, which counts
    ("src/steps/halfway.rs", 1),      // what was kept
    ("src/steps/returned.rs", 1),     // what code made
    ("src/steps/sample.rs", 1),       // the sample that is built in
    ("src/steps/unread.rs", 1),       // keeps nothing
    ("src/store/names.rs", 1),        // what was kept
    ("src/store/tables.rs", 1),       // what was kept: names of columns
    ("src/tls/acme/refusal.rs", 1),   // problems of the CA
    ("src/tls/acme/request.rs", 1),   // the CA's answers, into types
    ("src/tls/acme/storage.rs", 3),   // what was kept
    ("src/trees/grow.rs", 1),
    ("src/txscript/modules/json_reader.rs", 1), // counts in the machine's memory
];

#[test]
fn foreign_json_becomes_a_tree_in_one_place_which_counts_it() {
    let reads = ["serde_json::from_s", "serde_json::from_r", "Deserializer::from_"];
    let mut wrong = Vec::new();
    for (path, room, text) in files() {
        if room == "cli" || room == "config" {
            continue; // files of the operator's
        }
        let code = code(&text);
        let count: usize = reads.iter().map(|read| code.matches(read).count()).sum();
        let allowed = READERS.iter().find(|(file, _)| *file == path).map_or(0, |(_, count)| *count);
        if count != allowed {
            wrong.push(format!(
                "{path}: {count} readers, not {allowed}: use `trees::read`, or say here why not"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
