//! The worst queries that a configuration and a document can make, four at a time: each ends by its bounds, other hooks are
//! answered meanwhile, and the memory stays bounded. A field's text is no pattern. The pool's own crowd blames no database.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Annex, POSTGRES_PASSWORD, Postgres, write};

const RECORDS: usize = 20_000;

/// Hooks by their number, each with one query of a Master Data Hub configuration, and `/quick` with a rule.
fn start(queries: &[Value]) -> Annex {
    let mut config =
        "[server]\nstate = \"state\"\n[[hook]]\npath = \"/quick\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
        [[hook.step]]\nuse = \"rules\"\ntypes = {}\n[[hook.step.rule]]\ntrigger_condition = \"True\"\n\
        actions = [{ type = \"show_message\", payload = { type = \"info\", content = \"quick\" } }]\n"
            .to_owned();
    let mut files = Vec::new();
    for (at, query) in queries.iter().enumerate() {
        let _ = write!(
            config,
            "[[hook]]\npath = \"/{at}\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"match\"\nconfiguration = \"{at}.json\"\n"
        );
        let settings = json!({"configurations": [{"name": format!("W{at}."), "source": {"dataset": "vendors", "queries": [query]},
            "mapping": {"target_schema_id": "vendor", "dataset_key": "id", "label_template": "{id}"}}]});
        files.push((format!("{at}.json"), settings.to_string()));
    }
    let mut records = String::from("id,name,city\n");
    for number in 0..RECORDS {
        let _ = writeln!(
            records,
            "V{number},aaaaaaaa number {number} Holding{},Town {}",
            number * 7919,
            number % 100
        );
    }
    files.push(("vendors.csv".to_owned(), records));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let annex = Annex::dev_with_files(&config, &files);
    let output = annex.run(&["data", "import", "vendors", "vendors.csv", "--index", "id"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    annex
}

fn document(text: &str) -> String {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    json!({"event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
        {"id": 100, "schema_id": "s", "category": "section", "children": [datapoint(1, "vendor", ""), datapoint(2, "text", text)]}]}})
    .to_string()
}

/// The answer, and how long it took.
fn ask(annex: &Annex, hook: usize, text: &str) -> (Value, Duration) {
    let began = Instant::now();
    let answer = annex.client().deliver(&format!("/{hook}"), document(text));
    assert_eq!(answer.status, 200, "hook {hook}: {answer:?}");
    (answer.json(), began.elapsed())
}

fn options(answer: &Value) -> Vec<&str> {
    let options = answer["operations"][0]["value"]["options"].as_array();
    options
        .into_iter()
        .flatten()
        .filter_map(|option| option["value"].as_str())
        .filter(|id| !id.is_empty())
        .collect()
}

/// Queries, each with the text that makes it bad and what the log says of it.
fn worst() -> Vec<(Value, String, &'static str)> {
    let commas = ",".repeat(60_000);
    let words: Vec<String> = (0..800).map(|number| format!("holdimg{number}x")).collect();
    let long = "x".repeat(60_000);
    let nested = json!({"$lookup": {"from": "vendors", "let": {"a": "$city"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$city", "$$a"]}}}], "as": "all"}});
    let many: Vec<Value> =
        (0..10_000).map(|number| json!({"name": {"$regex": format!("x{number}$")}})).collect();
    let list: Vec<Value> = (0..20_000).map(|number| json!(format!("aaaaaaaa number {number} no"))).collect();
    let doubled = json!({"$reduce": {"input": {"$split": ["{text}", ","]}, "initialValue": "x", "in": {"$concat": ["$$value", "$$value"]}}});
    let grown = json!({"$reduce": {"input": {"$split": ["{text}", ","]}, "initialValue": [], "in": {"$concatArrays": ["$$value", ["$$this"]]}}});
    vec![
        (
            json!({"find": {"name": {"$regex": "^{text | raw}$"}}}),
            "(.*)(.*)(.*)(.*)\\1\\2\\3\\4z".to_owned(),
            "too many steps",
        ),
        (
            json!({"aggregate": [{"$search": {"text": {"query": "{text}", "path": "name", "fuzzy": {"maxEdits": 2}}}}]}),
            words.join(" "),
            "took too long",
        ),
        (
            json!({"aggregate": [{"$limit": 50}, {"$addFields": {"x": {"$split": ["{text}", ","]}}}, {"$unwind": "$x"}]}),
            commas.clone(),
            "memory|documents at a time",
        ),
        (
            json!({"aggregate": [{"$addFields": {"x": {"$concat": ["{text}", "$name"]}}}]}),
            long.clone(),
            "memory",
        ),
        (
            json!({"aggregate": [{"$lookup": {"from": "vendors", "localField": "city", "foreignField": "city", "as": "all"}}]}),
            "a".to_owned(),
            "memory",
        ),
        (json!({"aggregate": [nested]}), "a".to_owned(), "memory"),
        (json!({"aggregate": [{"$facet": {"a": [nested], "b": [nested]}}]}), "a".to_owned(), "memory"),
        (json!({"find": {"$or": many}}), "a".to_owned(), "too much work"),
        (json!({"aggregate": [{"$match": {"$expr": {"$in": ["$name", list]}}}]}), "a".to_owned(), "memory"),
        (
            json!({"aggregate": [{"$limit": 1}, {"$addFields": {"x": doubled}}]}),
            commas.clone(),
            "memory|too much work",
        ),
        (
            json!({"aggregate": [{"$limit": 5}, {"$addFields": {"x": grown}}]}),
            commas.clone(),
            "memory|too much work",
        ),
        (
            json!({"aggregate": [{"$addFields": {"x": {"$replaceAll": {"input": "{text}", "find": "x", "replacement": "{text}"}}}}]}),
            long.clone(),
            "memory",
        ),
        (
            json!({"aggregate": [{"$group": {"_id": null, "all": {"$push": "$$ROOT"}}}, {"$project": {"a": "$all", "b": "$all", "c": "$all", "d": "$all", "e": "$all", "f": "$all", "g": "$all"}}]}),
            "a".to_owned(),
            "memory",
        ),
        (
            json!({"aggregate": [{"$setWindowFields": {"partitionBy": "$city", "output": {"all": {"$push": "$name"}}}}]}),
            "a".to_owned(),
            "memory",
        ),
        (
            json!({"find": {"name": {"$regex": "(?i)^(\\w+\\s?)*\\1 {text}$"}}}),
            long[..60].to_owned(),
            "too many steps",
        ),
        (
            json!({"aggregate": [{"$match": {"$expr": {"$regexMatch": {"input": {"$concat": ["$name", "{text}"]}, "regex": "(a|aa)+(?=b)\\1$"}}}}]}),
            "a".repeat(5000),
            "too many steps",
        ),
    ]
}

/// How long another hook's deliveries take while these are asked, the shortest first.
fn beside(annex: &Annex, asked: &[(usize, &str)]) -> Vec<Duration> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let quick = scope.spawn(|| {
            let (mut times, mut client) = (Vec::new(), annex.client());
            while !done.load(Ordering::Relaxed) && times.len() < 10_000 {
                let began = Instant::now();
                assert_eq!(client.deliver("/quick", document("a")).status, 200);
                times.push(began.elapsed());
                std::thread::sleep(Duration::from_millis(10));
            }
            times
        });
        let mut under_way = Vec::new();
        for (at, text) in asked {
            under_way.push((*at, scope.spawn(|| ask(annex, *at, text))));
        }
        for (at, asked) in under_way {
            let asked = asked.join();
            done.store(asked.is_err(), Ordering::Relaxed); // else the other one would go on
            let (answer, took) = asked.unwrap();
            assert!(took < Duration::from_secs(20), "{at} took {took:?}");
            assert!(options(&answer).is_empty(), "{at}: {answer}");
        }
        done.store(true, Ordering::Relaxed);
        let mut times = quick.join().unwrap();
        times.sort();
        times
    })
}

#[test]
fn four_of_the_worst_queries_at_once_leave_others_their_time_and_memory() {
    let worst = worst();
    let queries: Vec<Value> = worst.iter().map(|(query, ..)| query.clone()).collect();
    let annex = start(&queries);
    let rests = annex.memory_kb("VmHWM");
    for four in (0..worst.len()).collect::<Vec<_>>().chunks(4) {
        let texts: Vec<(usize, &str)> = four.iter().map(|at| (*at, worst[*at].1.as_str())).collect();
        let times = beside(&annex, &texts);
        let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
        assert!(median < Duration::from_millis(250), "beside {four:?}: {times:?}");
        assert!(most < Duration::from_secs(2), "beside {four:?}: {times:?}");
    }
    let log = annex.log();
    for (at, (.., reasons)) in worst.iter().enumerate() {
        let name = format!("configuration=W{at}.");
        let line = log.lines().find(|line| line.contains(&name)).unwrap_or_else(|| panic!("{at}: {log}"));
        // Where the machine is busy, the clock may be the first.
        let mut reasons = reasons.split('|').chain(["took too long"]);
        assert!(reasons.any(|reason| line.contains(reason)), "{at}: {line}");
    }
    let grown = annex.memory_kb("VmHWM").saturating_sub(rests) / 1024;
    assert!(grown < 600, "four queries took {grown} MiB");
}

#[test]
fn a_fields_text_is_no_pattern_unless_the_configuration_says_so() {
    let matches = |pattern: Value| json!({"aggregate": [{"$match": {"$expr": {"$regexMatch": {"input": "$name", "regex": pattern}}}}]});
    let queries = [
        json!({"find": {"name": {"$regex": "^{text}"}}}),
        json!({"find": {"name": {"$regex": "^{text | re}"}}}),
        json!({"find": {"name": {"$regex": "^{text | raw}"}}}),
        matches(json!("^{text}")),
        matches(json!({"$concat": ["^", "{text}"]})),
        matches(json!("^{text | raw}")),
    ];
    let annex = start(&queries);
    for (at, is_raw) in [false, false, true, false, false, true].into_iter().enumerate() {
        let (answer, _) = ask(&annex, at, "aaaa.*number 7 .*");
        let expected: &[&str] = if is_raw { &["V7"] } else { &[] };
        assert_eq!(options(&answer), expected, "{at}: {answer}");
        let (answer, _) = ask(&annex, at, "aaaaaaaa number 7 Holding55433");
        assert_eq!(options(&answer), ["V7"], "{at}: {answer}");
    }
    let checked = annex.run(&["check", "--dev-http"]);
    let said = String::from_utf8(checked.stdout).unwrap();
    let notes: Vec<&str> = said.lines().filter(|line| line.contains("note: ")).collect();
    assert_eq!(notes.len(), 2, "{said}");
    assert!(notes.iter().all(|note| note.contains("`text` is read as a pattern")), "{said}");
}

/// Queries in SQL that take gigabytes where nothing bounds them: the text of each, and what the log says of it.
const GREEDY: [(&str, &str); 8] = [
    ("SELECT group_concat(a.name), 1 FROM vendors a, vendors b", "larger than a query may have"),
    (
        "WITH RECURSIVE t(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM t) SELECT x, 1 FROM t ORDER BY length(x) DESC",
        "larger than a query may have",
    ),
    ("SELECT replace(hex(zeroblob(400000000)), '0', 'xxxx'), 1", "larger than a query may have"),
    // SQLite gives nothing instead of an error.
    ("SELECT printf('%.*c', 900000000, 'x') AS id, 1 AS name", ""),
    ("SELECT json_group_array(a.name), 1 FROM vendors a, vendors b", "which SQLite does not bound in memory"),
    (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT printf('%.*c', 100000, 'x') || i AS a, i FROM n ORDER BY a",
        "put on the disk meanwhile",
    ),
    (
        "WITH t AS MATERIALIZED (SELECT a.id, b.name, printf('%.*c', 50000, 'x') AS c FROM vendors a, vendors b) SELECT t.id, t.name FROM t, t u ORDER BY u.c",
        "put on the disk meanwhile",
    ),
    (
        "SELECT a.id, printf('%.*c', 900000, 'x') FROM vendors a, vendors b",
        "needs more memory than a query may take (64 MiB)",
    ),
];

/// Four at a time: each is ended by its bounds with what to do, the next one is answered, and nobody else waits.
#[test]
fn the_greediest_queries_in_sql_take_little_memory() {
    let hook = |at: usize, sql: &str| {
        format!(
            "[[hook]]\npath = \"/{at}\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"match\"\nname = \"G{at}.\"\n\
             target = \"vendor\"\ndataset = \"vendors\"\nvalue = \"id\"\nlabel = \"{{id}}\"\ntime = \"15s\"\noptions = 1000\nqueries = [\"{sql}\"]\n"
        )
    };
    let plain = GREEDY.len();
    let mut config = "[server]\nstate = \"state\"\n".to_owned();
    for (at, (sql, _)) in GREEDY.iter().enumerate() {
        config += &hook(at, &format!("SELECT * FROM ({sql}) WHERE :text <> ''"));
    }
    config += &hook(plain, "SELECT id, name FROM vendors WHERE id = :text");
    let mut records = String::from("id,name\n");
    for number in 0..5_000 {
        let _ = writeln!(records, "V{number},aaaaaaaa number {number}");
    }
    let annex = Annex::dev_with_files(&config, &[("vendors.csv", &records)]);
    let output = annex.run(&["data", "import", "vendors", "vendors.csv", "--index", "id"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(options(&ask(&annex, plain, "V7").0), ["V7"]);
    let rests = annex.memory_kb("VmHWM");
    for four in (0..plain).collect::<Vec<_>>().chunks(4) {
        std::thread::scope(|scope| {
            for at in four {
                let annex = &annex;
                scope.spawn(move || {
                    let (answer, took) = ask(annex, *at, "a");
                    assert!(took < Duration::from_secs(20), "{at} took {took:?}");
                    assert!(options(&answer).is_empty(), "{at}: {answer}");
                });
            }
        });
        assert_eq!(options(&ask(&annex, plain, "V7").0), ["V7"]);
    }
    let log = annex.log();
    for (at, (_, said)) in GREEDY.iter().enumerate().filter(|(_, (_, said))| !said.is_empty()) {
        let line = log
            .lines()
            .find(|line| line.contains(&format!("step=G{at}.")))
            .unwrap_or_else(|| panic!("{at}: {log}"));
        assert!(line.contains(said), "{at}: {line}");
    }
    let grown = annex.memory_kb("VmHWM").saturating_sub(rests) / 1024;
    println!("{} greedy queries, four at a time, took {grown} MiB", GREEDY.len());
    assert!(grown < 200, "they took {grown} MiB");
}

/// A crowd of our own fills the pool: nobody blames the database for it, and it is asked again at once.
#[test]
fn a_crowd_of_our_own_opens_no_breaker() {
    let postgres = Postgres::start();
    postgres.sql("CREATE TABLE v (id text, name text); INSERT INTO v VALUES ('1', 'one')");
    let folder = tempfile::tempdir().unwrap();
    let hook = |path: &str, sql: &str| {
        format!(
            "[[hook]]\npath = \"{path}\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n[[hook.step]]\nuse = \"match\"\n\
             target = \"vendor\"\ndatabase = \"erp\"\nvalue = \"id\"\nlabel = \"{{name}}\"\ntime = \"1500ms\"\nqueries = [\"{sql}\"]\n"
        )
    };
    let config = format!(
        "[server]\nstate = \"state\"\n[[database]]\nname = \"erp\"\nurl = \"{}\"\npassword = \"file:password\"\nca = \"{}\"\nconnections = 2\n{}{}",
        postgres.url(),
        postgres.ca().display(),
        hook("/0", "SELECT id, name FROM v, pg_sleep(1) WHERE name = :text"),
        hook("/1", "SELECT id, name FROM v WHERE name = :text"),
    );
    write(&folder.path().join("annex.toml"), &config);
    write(&folder.path().join("password"), POSTGRES_PASSWORD);
    let annex = Annex::dev_in(folder, crate::support::free_port());
    assert_eq!(options(&ask(&annex, 1, "one").0), ["1"]);
    std::thread::scope(|scope| {
        let crowd: Vec<_> = (0..20).map(|_| scope.spawn(|| ask(&annex, 0, "one"))).collect();
        for one in crowd {
            one.join().unwrap();
        }
    });
    assert_eq!(options(&ask(&annex, 1, "one").0), ["1"], "{}", annex.log());
    let log = annex.log();
    assert!(log.contains("as many queries are under way as may be (2)"), "{log}");
    assert!(!log.contains("cannot be reached") && !log.contains("was not asked"), "{log}");
}
