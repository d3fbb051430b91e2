//! The step `match` on a real PostgreSQL: over TLS with a password, every kind of query, and what happens when the
//! database refuses, hangs, goes away and comes back.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Annex, POSTGRES_PASSWORD, Postgres, write};

const TABLE: &str = "CREATE TABLE companies (id integer PRIMARY KEY, name text, city varchar(40), vat text, limits numeric, since date);
INSERT INTO companies VALUES
 (1, 'Žluťoučký Kůň, s.r.o.', 'Brno', 'CZ1', 1250.50, '2026-01-02'), (2, 'Acme Holdings Ltd', 'London', 'GB4', NULL, NULL),
 (3, 'Acme Holding Limited', 'Leeds', 'GB5', NULL, NULL), (4, 'Acme Trading', 'London', 'GB6', NULL, NULL),
 (5, 'O''Hara; DROP TABLE companies', 'Dublin', 'IE7', NULL, NULL);";

/// A server whose step asks this database.
fn start(database: &str, step: &str) -> Annex {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &config(database, step));
    write(&folder.path().join("password"), POSTGRES_PASSWORD);
    Annex::dev_in(folder, crate::support::free_port())
}

fn config(database: &str, step: &str) -> String {
    format!(
        "[server]\nstate = \"state\"\n[[database]]\nname = \"erp\"\n{database}\n\
         [[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
         [[hook.step]]\nuse = \"match\"\ntarget = \"vendor\"\ndatabase = \"erp\"\ndataset = \"companies\"\nvalue = \"id\"\n\
         label = \"{{name}} ({{score}})\"\nfields = {{ vendor_city = \"city\" }}\nnone = {{ message = \"nobody\" }}\n{step}\n\
         [[hook.step]]\nuse = \"rules\"\ntypes = {{}}\n[[hook.step.rule]]\ntrigger_condition = \"True\"\n\
         actions = [{{ type = \"show_message\", payload = {{ type = \"info\", content = \"after\" }} }}]\n"
    )
}

/// How the configuration names this server.
fn declared(postgres: &Postgres) -> String {
    format!(
        "url = \"{}\"\npassword = \"file:password\"\nca = \"{}\"",
        postgres.url(),
        postgres.ca().display()
    )
}

fn answer(annex: &Annex, vat: &str, name: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    let document = json!({"request_id": null, "event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
        {"id": 100, "schema_id": "s", "category": "section", "children": [
            datapoint(1, "sender_vat", vat), datapoint(2, "sender_name", name),
            datapoint(3, "vendor", ""), datapoint(4, "vendor_city", "old")]}]}});
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Labels of what is found.
fn labels(annex: &Annex, vat: &str, name: &str) -> Vec<String> {
    let answer = answer(annex, vat, name);
    let options =
        answer["operations"][0]["value"]["options"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let all = options.iter().map(|option| option["label"].as_str().unwrap().to_owned());
    all.filter(|label| label != "---").collect()
}

fn messages(annex: &Annex) -> Vec<String> {
    let answer = answer(annex, "GB4", "Acme Trading");
    let all = answer["messages"].as_array().unwrap().iter();
    all.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_kind_of_query_is_asked_of_a_customers_table() {
    let postgres = Postgres::start();
    postgres.sql(TABLE);
    let annex = |step: &str| start(&declared(&postgres), step);
    let nothing = Vec::<String>::new();
    // SQL: bound values, casts, numbers and dates as PostgreSQL writes them.
    let sql = annex(
        "queries = [\"SELECT id, name, city, limits || '/' || since AS score FROM companies WHERE id = :sender_vat::integer -- by number\", \
         \"SELECT id, name, city, 'n' AS score FROM companies WHERE name = :sender_name;\"]",
    );
    assert_eq!(labels(&sql, "1", ""), ["Žluťoučký Kůň, s.r.o. (1250.50/2026-01-02)"]);
    assert_eq!(labels(&sql, "", "O'Hara; DROP TABLE companies"), ["O'Hara; DROP TABLE companies (n)"]);
    assert_eq!(
        labels(&sql, "x", "Acme Trading"),
        ["Acme Trading (n)"],
        "what is not a number is no such number"
    );
    assert_eq!(labels(&sql, "2' OR '1'='1", "x"), nothing);
    assert!(!sql.log().contains("OR '1'"), "{}", sql.log());
    let chosen = answer(&sql, "2", "");
    assert_eq!(chosen["operations"][0]["value"]["content"]["value"], "2");
    assert_eq!(chosen["operations"][1]["value"]["content"]["value"], "London");
    let exact = annex("[[hook.step.query]]\nexact = { vat = \"sender_vat\" }\nonly = { city = \"London\" }");
    assert_eq!(labels(&exact, "GB6", ""), ["Acme Trading (1.00)"]);
    assert_eq!(labels(&exact, "GB5", ""), nothing);
    let number = annex("[[hook.step.query]]\nexact = { id = \"sender_vat\" }");
    assert_eq!(labels(&number, "3", ""), ["Acme Holding Limited (1.00)"]);
    assert_eq!(labels(&number, "three", ""), nothing);
    let normalized = annex("[[hook.step.query]]\nnormalized = { name = \"sender_name\" }");
    assert_eq!(labels(&normalized, "", "ZLUTOUCKY KUN SRO"), ["Žluťoučký Kůň, s.r.o. (1.00)"]);
    let prefix = annex("[[hook.step.query]]\nprefix = { name = \"sender_name\" }");
    assert_eq!(labels(&prefix, "", "ACME h").len(), 2);
    assert_eq!(labels(&prefix, "", "..."), nothing);
    let regex = annex("[[hook.step.query]]\nregex = { name = '(?i)\\b{sender_name}$' }");
    assert_eq!(labels(&regex, "", "trading"), ["Acme Trading (1.00)"]);
    assert_eq!(labels(&regex, "", "t.ading"), nothing);
}

#[test]
fn similar_texts_are_found_with_pg_trgm_and_without() {
    let postgres = Postgres::start();
    postgres.sql(TABLE);
    let fuzzy = "[[hook.step.query]]\nfuzzy = { name = \"sender_name\", city = \"sender_vat\" }\nthreshold = 0.6\nweights = { city = 3 }";
    for has_extension in [false, true] {
        if has_extension {
            postgres.sql("CREATE EXTENSION pg_trgm; CREATE INDEX ON companies USING gin (name gin_trgm_ops)");
        }
        let annex = start(&declared(&postgres), fuzzy);
        let found = labels(&annex, "Leeds", "Acme Holding");
        assert_eq!(found, ["Acme Holding Limited (1.00)"], "legal forms hardly count, whoever finds it");
        let unsure = answer(&annex, "Leeds", "Wayne Building");
        let unsure = &unsure["operations"][0]["value"];
        assert_eq!(unsure["content"]["value"], "", "{unsure}");
        assert!(
            unsure["options"].to_string().contains("Acme Holding Limited (0."),
            "it is offered: {unsure}"
        );
        assert_eq!(
            labels(&annex, "", "Acme Trading"),
            ["Acme Trading (1.00)"],
            "an empty field does not count"
        );
        assert_eq!(labels(&annex, "", "nobody like this"), Vec::<String>::new());
        postgres.sql("UPDATE companies SET city = NULL WHERE id = 4");
        let found = labels(&annex, "London", "Acme Trading");
        assert!(!found.is_empty() && found.iter().all(|label| !label.contains("Trading")), "{found:?}");
        postgres.sql("UPDATE companies SET city = 'London' WHERE id = 4");
    }
}

#[test]
fn similar_texts_are_ranked_and_chosen_as_those_of_a_dataset() {
    let postgres = Postgres::start();
    postgres.sql("CREATE EXTENSION pg_trgm; CREATE TABLE companies (id integer PRIMARY KEY, name text, city text); INSERT INTO companies VALUES
        (1, 'Schmitt Elektro GmbH', 'Ulm'), (2, 'Schmidt Elektro GmbH', 'Ulm'), (3, 'Modern Office Ltd', 'Leeds'),
        (4, 'Elektra I GmbH', 'Bonn'), (5, 'Elektra 2000 GmbH', 'Bonn'), (6, 'Zephyr Packaging Inc.', 'Boston')");
    let annex = start(
        &declared(&postgres),
        "[[hook.step.query]]\nfuzzy = { name = \"sender_name\" }\nthreshold = 0.2",
    );
    for (name, chosen, first) in [
        ("SCHMIDT ELEKTRO", "2", "Schmidt Elektro GmbH (0.99)"),
        ("Schmid Elektro", "", "Schmidt Elektro GmbH (0.9"),
        ("Modem Office Ltd", "", "Modern Office Ltd (0.93)"),
        ("Elektra 2O00", "", "Elektra 2000 GmbH (0.9"),
        ("Zephyr Packag1ng", "6", "Zephyr Packaging Inc. (0.9"),
    ] {
        let answer = answer(&annex, "", name);
        let found = &answer["operations"][0]["value"];
        assert_eq!(found["content"]["value"], chosen, "{name}: {answer}");
        let labels =
            found["options"].as_array().unwrap().iter().map(|option| option["label"].as_str().unwrap());
        let best = labels.into_iter().find(|label| *label != "---").unwrap_or_default();
        assert!(best.starts_with(first), "{name}: {answer}");
    }
}

#[test]
fn mistakes_are_told_at_load_by_the_log_and_by_doctor() {
    let postgres = Postgres::start();
    postgres.sql(TABLE);
    postgres.sql("CREATE TABLE hidden (id integer); CREATE ROLE reader LOGIN PASSWORD 'pg-password-1'; GRANT SELECT ON companies TO reader");
    let reader = declared(&postgres).replace("annex@", "reader@");
    let queries = [
        "sql = \"SELECT id, name FROM companies WHERE id = :sender_vat\"",
        "sql = \"SELECT * FROM hidden WHERE id = :sender_vat::int\"",
        "exact = { vendor = \"sender_vat\" }",
        "exact = { id = \"sender_vat\" }\ndataset = \"nothere\"",
    ];
    let step: Vec<String> = queries.iter().map(|query| format!("[[hook.step.query]]\n{query}\n")).collect();
    let annex = start(&reader, &step.concat());
    for part in [
        "the query at annex.toml:20 will fail: it refuses: operator does not exist: integer = text",
        "cast it, as in `WHERE id = :vendor_id::integer`",
        "permission denied for table hidden",
        "the table companies has no column vendor",
        "there is no table nothere",
    ] {
        annex.logs(part, Duration::from_secs(10));
    }
    // The doctor is for a server with HTTPS.
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    write(&annex.folder().join("server.crt"), &certificate.pem());
    write(&annex.folder().join("server.key"), &key.serialize_pem());
    let https = "[server]\ncertificate = \"server.crt\"\nkey = \"server.key\"\n";
    write(
        &annex.folder().join("annex.toml"),
        &config(&reader, &step.concat()).replacen("[server]\n", https, 1),
    );
    let doctor = annex.run(&["doctor"]);
    let text = String::from_utf8([doctor.stdout, doctor.stderr].concat()).unwrap();
    assert!(text.contains("the database erp, postgres at localhost:"), "{text}");
    assert!(text.contains("answers (PostgreSQL "), "{text}");
    assert!(text.contains("permission denied for table hidden"), "{text}");
    let check = annex.run(&["check"]);
    let text = String::from_utf8([check.stdout, check.stderr].concat()).unwrap();
    assert_eq!(check.status.code(), Some(1), "{text}");
    assert_eq!(text.matches("the database erp refuses this query: ").count(), queries.len(), "{text}");
    assert!(text.contains("permission denied for table hidden") && !text.contains("not checked"), "{text}");
    assert_eq!(messages(&annex)[0], "This could not be looked up. Tell the people who run this extension.");
    // It only reads, whatever a query calls.
    let writes = "queries = [\"SELECT setval('numbers', 7), :sender_vat::text\"]";
    postgres.sql("CREATE SEQUENCE numbers");
    let annex = start(&declared(&postgres), writes);
    assert_eq!(messages(&annex).len(), 2);
    annex.logs("Annex only reads", Duration::from_secs(5));
    assert_eq!(postgres.sql("SELECT is_called FROM numbers"), "f\n");
}

#[test]
fn a_connection_that_is_not_sure_is_not_made() {
    let postgres = Postgres::start();
    postgres.sql(TABLE);
    let step = "[[hook.step.query]]\nexact = { vat = \"sender_vat\" }";
    let stranger = declared(&postgres);
    let stranger = &stranger[..stranger.find("ca =").unwrap()];
    let annex = start(&format!("{stranger}tls = true"), step);
    assert_eq!(
        messages(&annex)[0],
        "The database does not answer now. Try again in a minute, or choose by hand."
    );
    annex.logs("it cannot be reached: its certificate ", Duration::from_secs(5));
    let annex = start(&declared(&postgres).replace("localhost", "127.0.0.1"), step);
    assert_eq!(messages(&annex).len(), 2, "the certificate is for another name");
    annex.logs("it cannot be reached: its certificate ", Duration::from_secs(5));
    let annex = start(&declared(&postgres).replace("annex@", "nobody@"), step);
    assert_eq!(messages(&annex).len(), 2);
    annex.logs("look at `url` and `password`", Duration::from_secs(5));
    assert!(!annex.log().contains(POSTGRES_PASSWORD));
}

#[test]
fn a_database_that_goes_away_costs_little_and_is_used_again_when_it_is_back() {
    let mut postgres = Postgres::start();
    postgres.sql(TABLE);
    let annex = start(
        &declared(&postgres),
        "time = \"700ms\"\n[[hook.step.query]]\nexact = { vat = \"sender_vat\" }",
    );
    assert_eq!(messages(&annex), ["after"]);
    // Connections that were lost meanwhile are not the person's problem.
    postgres.down();
    postgres.up();
    for _ in 0..5 {
        assert_eq!(messages(&annex), ["after"]);
    }
    let locked = "BEGIN; LOCK TABLE companies; SELECT pg_sleep(3); COMMIT";
    std::thread::scope(|scope| {
        let lock = scope.spawn(|| postgres.sql(locked));
        std::thread::sleep(Duration::from_millis(500));
        let start = Instant::now();
        let found = messages(&annex);
        assert_eq!(found, ["Looking this up took too long. Try again, or choose by hand.", "after"]);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        lock.join().unwrap();
    });
    assert_eq!(messages(&annex), ["after"]);
    postgres.down();
    // Somebody is there who takes connections and says nothing.
    let silent = TcpListener::bind(("127.0.0.1", postgres.port)).unwrap();
    let away = "The database does not answer now. Try again in a minute, or choose by hand.";
    let start = Instant::now();
    for _ in 0..20 {
        let found = messages(&annex);
        assert_eq!(found[1], "after");
        assert!(found[0] == away || found[0].starts_with("Looking this up took too long"), "{found:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(8), "20 time-outs were waited for: {:?}", start.elapsed());
    annex.logs("it was not asked: it failed before", Duration::from_secs(1));
    drop(silent);
    postgres.up();
    crate::support::eventually("it is asked again", Duration::from_secs(40), || {
        messages(&annex) == ["after"]
    });
}

#[test]
fn mistakes_in_the_declaration_are_told() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("password"), "x");
    let check = |database: &str, step: &str| {
        write(&folder.path().join("annex.toml"), &config(database, step));
        let mut command = crate::support::annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        let output = command.env("ROSSUM_SECRET", crate::support::SECRET).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let step = "[[hook.step.query]]\nexact = { vat = \"sender_vat\" }";
    for (database, part) in [
        ("url = \"mysql://x/y\"", "this is not an address of a PostgreSQL database"),
        ("url = \"postgres://a:geheim@h/d\"", "a password must not be in the configuration"),
        ("url = \"postgres://a@h/d?sslmode=disable\"", "`sslmode` does not belong in the address"),
        ("url = \"postgres://a@h/d\"\npassword = \"geheim\"", "a secret must not be in the configuration"),
        ("url = \"postgres://a@h/d\"\nca = \"none.pem\"", "there is no file "),
        ("url = \"postgres://a@h/d\"\npools = 3", "unknown key `pools`"),
        ("", "has no `url`"),
    ] {
        let text = check(database, step);
        assert!(text.contains(part) && !text.contains("geheim"), "{part}\n{text}");
    }
    let good = "url = \"postgres://a@h/d\"";
    assert!(check(good, step).contains("annex.toml: ok"), "{}", check(good, step));
    let text = check(good, &step.replace("[[hook.step.query]]", "[[hook.step.query]]\ndatabse = \"x\""));
    assert!(text.contains("unknown key `databse`"), "{text}");
    let other = config(good, step).replace("database = \"erp\"\ndataset", "database = \"crm\"\ndataset");
    write(&folder.path().join("annex.toml"), &other);
    let mut command = crate::support::annex_command();
    command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
    let output = command.env("ROSSUM_SECRET", crate::support::SECRET).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(text.contains("there is no database `crm`") && text.contains("declared are: erp"), "{text}");
}
