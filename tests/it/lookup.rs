//! The step `match` with `queries` in the running binary: a cascade over a dataset, and what happens when the store is
//! away, slow, or changed meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Annex, annex_command, write};

const VENDORS: &str = "id,name,vat,city\n\
    V-1,Acme Ltd,CZ1,Brno\nV-2,Acme Ltd,CZ2,Prague\nV-3,\"O'Hara; DROP TABLE vendors\",CZ3,Dublin\nV-4,Empty vat,,Nowhere\n";

const STEP: &str = r#"
[[hook.step]]
use = "match"
target = "vendor"
queries = [
  "SELECT id, name || ' - ' || city AS label, city FROM vendors WHERE vat = :sender_vat -- the sure one",
  "SELECT id, name || ' - ' || city AS label, city FROM vendors WHERE name = :sender_name COLLATE NOCASE ORDER BY id",
]
fields = { vendor_city = "city" }
none = { message = "{sender_name} is not among our vendors." }
several = { message = "Choose one." }
"#;

fn config(steps: &str) -> String {
    format!(
        "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{steps}"
    )
}

fn start(steps: &str) -> Annex {
    let annex = Annex::dev_with_files(&config(steps), &[("vendors.csv", VENDORS)]);
    import(&annex);
    annex
}

fn import(annex: &Annex) {
    let output = annex_command()
        .args(["data", "import", "vendors", "vendors.csv"])
        .current_dir(annex.folder())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn document(vat: &str, name: &str) -> Value {
    let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value, "normalized_value": value}});
    json!({"request_id": "r", "event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
        {"id": 100, "schema_id": "s", "category": "section", "children": [
            datapoint(1, "sender_vat", vat), datapoint(2, "sender_name", name),
            datapoint(3, "vendor", ""), datapoint(4, "vendor_city", "old")]}]}})
}

#[track_caller]
fn answer(annex: &Annex, document: &Value) -> Value {
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Value, labels of the options, value of the other field, messages.
fn outcome(answer: &Value) -> (Value, Vec<Value>, Value, Vec<Value>) {
    let [target, other] = [0, 1].map(|at| answer["operations"][at]["value"].clone());
    let labels = target["options"].as_array().into_iter().flatten().map(|option| option["label"].clone());
    let messages = answer["messages"].as_array().unwrap().iter().map(|message| message["content"].clone());
    (
        target["content"]["value"].clone(),
        labels.collect(),
        other["content"]["value"].clone(),
        messages.collect(),
    )
}

#[test]
fn queries_are_asked_in_order_and_the_number_of_records_decides() {
    let annex = start(STEP);
    let of = |vat: &str, name: &str| outcome(&answer(&annex, &document(vat, name)));
    let one = (json!("V-2"), vec![json!("Acme Ltd - Prague")], json!("Prague"), vec![]);
    assert_eq!(of("CZ2", "whatever"), one);
    let several = (
        json!(""),
        vec![json!("---"), json!("Acme Ltd - Brno"), json!("Acme Ltd - Prague")],
        json!(""),
        vec![json!("Choose one.")],
    );
    assert_eq!(of("CZ9", "ACME LTD"), several);
    let none = (json!(""), vec![json!("---")], json!(""), vec![json!("&lt;b&gt; is not among our vendors.")]);
    assert_eq!(of("CZ9", "<b>"), none);
    // An empty field is equal to nothing, not even to an empty cell.
    assert_eq!(of("", "nobody").0, json!(""));
    // What is in a field is bound, whatever it is.
    assert_eq!(of("", "O'Hara; DROP TABLE vendors").0, json!("V-3"));
    assert_eq!(of("x' OR '1'='1", "x").0, json!(""));
    let answer = answer(&annex, &document("CZ1", ""));
    assert_eq!(answer["operations"][0]["id"], 3);
    assert_eq!(answer["operations"][0]["value"]["validation_sources"], json!(["connector"]));
}

#[test]
fn the_first_of_several_is_chosen_where_the_configuration_says_so() {
    let annex = start(&format!("{STEP}choose = \"first\"\n"));
    let (value, labels, city, messages) = outcome(&answer(&annex, &document("", "acme ltd")));
    assert_eq!((value, city), (json!("V-1"), json!("Brno")));
    assert_eq!(labels, ["Acme Ltd - Brno", "Acme Ltd - Prague"]);
    assert_eq!(messages, ["Choose one."], "that several fit is still said");
}

#[test]
fn it_runs_when_a_field_that_it_reads_changed_and_leaves_a_choice_alone_otherwise() {
    let annex = start(STEP);
    let mut document = document("CZ2", "x");
    document["action"] = json!("updated");
    for (updated, count) in [(json!([4]), 0), (json!([3]), 0), (json!([1]), 2), (json!([2]), 2)] {
        document["updated_datapoints"] = updated;
        assert_eq!(answer(&annex, &document)["operations"].as_array().unwrap().len(), count);
    }
}

#[test]
fn rows_are_looked_up_one_by_one() {
    let steps = r#"
[[hook.step]]
use = "match"
target = "item_vendor"
queries = ["SELECT id, name, city FROM vendors WHERE vat = :item_vat"]
fields = { item_city = "city" }
"#;
    let annex = start(steps);
    let row = |id: u64, vat: &str| {
        let cell = |at: u64, schema_id: &str, value: &str| json!({"id": id + at, "schema_id": schema_id, "category": "datapoint", "content": {"value": value}});
        json!({"id": id, "schema_id": "line", "category": "tuple", "children": [
            cell(1, "item_vat", vat), cell(2, "item_vendor", ""), cell(3, "item_city", "")]})
    };
    let document = json!({"event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
        {"id": 1, "schema_id": "lines", "category": "multivalue", "children": [row(10, "CZ1"), row(20, "x"), row(30, "CZ3")]}]}});
    let answer = answer(&annex, &document);
    let values: Vec<_> = answer["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| {
            (operation["id"].as_u64().unwrap(), operation["value"]["content"]["value"].as_str().unwrap())
        })
        .collect();
    assert_eq!(values, [(12, "V-1"), (13, "Brno"), (22, ""), (23, ""), (32, "V-3"), (33, "Dublin")]);
}

#[test]
fn an_import_is_seen_by_the_next_delivery() {
    let annex = start(STEP);
    assert_eq!(outcome(&answer(&annex, &document("CZ5", "x"))).0, json!(""));
    write(&annex.folder().join("vendors.csv"), "id,name,vat,city\nV-5,New,CZ5,Oslo\n");
    import(&annex);
    assert_eq!(outcome(&answer(&annex, &document("CZ5", "x"))).0, json!("V-5"));
    assert_eq!(outcome(&answer(&annex, &document("CZ1", "x"))).0, json!(""));
}

/// A step after it, which must answer whatever happens to the one before.
const AFTER: &str = r#"
[[hook.step]]
use = "rules"
types = {}
[[hook.step.rule]]
trigger_condition = "True"
actions = [{ type = "show_message", payload = { type = "info", content = "after" } }]
"#;

#[test]
fn without_a_store_the_person_is_told_and_the_other_steps_answer() {
    let annex = Annex::dev_with_files(&config(&format!("{STEP}{AFTER}")), &[("vendors.csv", VENDORS)]);
    let messages = |annex: &Annex| outcome(&answer(annex, &document("CZ1", ""))).3;
    let failed = json!("This could not be looked up. Tell the people who run this extension.");
    assert_eq!(messages(&annex), [failed.clone(), json!("after")]);
    annex.logs("there are no datasets: ", Duration::from_secs(5));
    // As soon as it is there, it is used.
    import(&annex);
    assert_eq!(messages(&annex), ["after"]);
    let output =
        annex_command().args(["data", "drop", "vendors"]).current_dir(annex.folder()).output().unwrap();
    assert!(output.status.success());
    assert_eq!(messages(&annex), [failed, json!("after")]);
    annex.logs("no such table: vendors", Duration::from_secs(5));
}

#[test]
fn a_query_that_takes_too_long_is_stopped_and_costs_nobody_else_anything() {
    let endless = r#"
[[hook.step]]
use = "match"
target = "vendor"
time = "300ms"
queries = ["WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, x FROM n WHERE x = -1 AND :sender_vat <> ''"]
"#;
    let other = format!("[[hook]]\npath = \"/other\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n{STEP}");
    let annex = start(&format!("{endless}{AFTER}{other}"));
    let start = Instant::now();
    std::thread::scope(|scope| {
        let slow: Vec<_> =
            (0..8).map(|_| scope.spawn(|| outcome(&answer(&annex, &document("CZ1", ""))).3)).collect();
        let mut stopped = 0;
        for one in slow {
            let messages = one.join().unwrap();
            let text = messages[0].as_str().unwrap();
            // Two of one query run at a time; the others find no turn.
            let is_stopped = text.starts_with("Looking this up took too long");
            assert!(is_stopped || text.starts_with("Too much is looked up just now"), "{messages:?}");
            stopped += usize::from(is_stopped);
            assert_eq!(messages[1], "after");
        }
        assert!(stopped > 0, "none of them ran");
    });
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let answer = annex.client().deliver("/other", document("CZ1", "").to_string()).json();
    assert_eq!(outcome(&answer).0, json!("V-1"));
}

#[test]
fn mistakes_in_queries_are_told_at_load() {
    let folder = tempfile::tempdir().unwrap();
    let check = |step: &str| {
        let step = format!("[[hook.step]]\nuse = \"match\"\ntarget = \"vendor\"\n{step}\n");
        write(&folder.path().join("annex.toml"), &config(&step));
        let mut command = annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        let output = command.env("ROSSUM_SECRET", crate::support::SECRET).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    for (step, part) in [
        ("queries = [\"DELETE FROM vendors\"]", "this is not a query: a query begins with SELECT or WITH"),
        ("queries = [\"SELECT 1; SELECT :x\"]", "this is not a query: it has more than one statement"),
        ("queries = [\"SELECT id FROM v WHERE x = ?\"]", "write the schema id of a field, `:sender_name`"),
        ("queries = [\"SELECT id FROM v\"]", "no query names a field"),
        ("queries = [\"SELECT id FROM v WHERE a = :a\"]\nfields = { x = 1 }", "this is no column"),
        (
            "queries = [\"SELECT id FROM v WHERE a = :a\"]\ncompare = \"equal\"",
            "`compare` of a list: these are two forms",
        ),
        (
            "queries = [\"SELECT id FROM v WHERE a = :a\"]\nseveral = { mesage = \"x\" }",
            "did you mean `message`?",
        ),
    ] {
        let text = check(step);
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(check("queries = [\"SELECT id FROM v WHERE a = :a\"]").contains("annex.toml: ok"));
}

const COMPANIES: &str = "id;name;city;vat\n\
    1;Žluťoučký Kůň, s.r.o.;Brno;CZ1\n2;Zlatý Kůň a.s.;Praha;CZ2\n3;Müller & Söhne GmbH;Köln;DE3\n\
    4;Acme Holdings Ltd;London;GB4\n5;Acme Holding Limited;Leeds;GB5\n6;Acme Trading;London;GB6\n7;;Nowhere;XX7\n";

/// A server with companies, where the step has these queries.
fn companies(queries: &str) -> Annex {
    let step = format!(
        "[[hook.step]]\nuse = \"match\"\ntarget = \"vendor\"\ndataset = \"companies\"\nvalue = \"id\"\n\
         label = \"{{name}} ({{score}})\"\nfields = {{ vendor_city = \"city\" }}\nnone = {{ message = \"nobody\" }}\n{queries}"
    );
    let annex = Annex::dev_with_files(&config(&step), &[("companies.csv", COMPANIES)]);
    let import = ["data", "import", "companies", "companies.csv", "--index", "vat", "--near", "name,city"];
    let output = annex.run(&import);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    annex
}

/// Labels of what is found.
fn labels(annex: &Annex, vat: &str, name: &str) -> Vec<String> {
    let (_, labels, _, _) = outcome(&answer(annex, &document(vat, name)));
    let all = labels.into_iter().map(|label| label.as_str().unwrap().to_owned());
    all.filter(|label| label != "---").collect()
}

#[test]
fn texts_are_found_whatever_their_case_accents_punctuation_and_legal_form() {
    let annex = companies("[[hook.step.query]]\nnormalized = { name = \"sender_name\" }\n");
    let of = |name: &str| labels(&annex, "", name);
    for name in ["ZLUTOUCKY KUN SRO", "žluťoučký kůň s. r. o.", "Žluťoučký-Kůň"] {
        assert_eq!(of(name), ["Žluťoučký Kůň, s.r.o. (1.00)"], "{name}");
    }
    assert_eq!(of("muller sohne"), ["Müller & Söhne GmbH (1.00)"]);
    assert_eq!(of("Acme"), Vec::<String>::new());
    assert_eq!(of("Kůň Žluťoučký"), Vec::<String>::new(), "the order counts");
    assert_eq!(of(""), Vec::<String>::new());
    let annex = companies("[[hook.step.query]]\nprefix = { name = \"sender_name\" }\n");
    assert_eq!(labels(&annex, "", "ACME h"), ["Acme Holdings Ltd (1.00)", "Acme Holding Limited (1.00)"]);
    assert_eq!(labels(&annex, "", "cme"), Vec::<String>::new());
}

#[test]
fn similar_texts_are_found_with_their_score_and_columns_are_weighed() {
    let annex = companies("[[hook.step.query]]\nfuzzy = { name = \"sender_name\" }\nthreshold = 0.5\n");
    let found = labels(&annex, "", "Acme Holdngs");
    assert_eq!(found[0], "Acme Holdings Ltd (0.93)", "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(labels(&annex, "", "Zlutoucky Kun"), ["Žluťoučký Kůň, s.r.o. (0.99)"]);
    assert_eq!(labels(&annex, "", "something else"), Vec::<String>::new());
    // The field sender_vat holds the city here.
    let weighed =
        "[[hook.step.query]]\nfuzzy = { name = \"sender_name\", city = \"sender_vat\" }\nthreshold = 0.6\n";
    let annex = companies(&format!("{weighed}weights = {{ city = 3 }}\n"));
    assert_eq!(labels(&annex, "Leeds", "Acme Holdings")[0], "Acme Holding Limited (0.98)");
    let annex = companies(weighed);
    assert_eq!(labels(&annex, "London", "Acme Holding")[0], "Acme Holdings Ltd (0.96)");
    assert_eq!(labels(&annex, "", "Acme Trading")[0], "Acme Trading (1.00)", "an empty field does not count");
}

#[test]
fn a_cascade_goes_from_the_sure_to_the_generous_and_tells_what_an_index_lacks() {
    let cascade = "[[hook.step.query]]\nexact = { vat = \"sender_vat\" }\n[[hook.step.query]]\nregex = { name = '(?i)\\b{sender_name}$' }\n\
        [[hook.step.query]]\nsql = \"SELECT id, name, city, 'sql' AS score FROM companies WHERE name LIKE '%' || :sender_name || '%'\"\n";
    let annex = companies(cascade);
    assert_eq!(labels(&annex, "DE3", "Acme"), ["Müller & Söhne GmbH (1.00)"]);
    assert_eq!(labels(&annex, "", "trading"), ["Acme Trading (1.00)"]);
    assert_eq!(labels(&annex, "", "Kůň,"), ["Žluťoučký Kůň, s.r.o. (sql)"]);
    assert_eq!(labels(&annex, "", "T.ading"), Vec::<String>::new(), "a field is no pattern");
    assert_eq!(outcome(&answer(&annex, &document("GB6", ""))).2, "London");
    for kind in ["fuzzy", "normalized", "prefix"] {
        let annex = companies(&format!("[[hook.step.query]]\n{kind} = {{ vat = \"sender_vat\" }}\n"));
        let (_, _, _, messages) = outcome(&answer(&annex, &document("DE3", "")));
        assert!(messages[0].as_str().unwrap().contains("could not be looked up"), "{messages:?}");
        annex.logs(
            "`companies` has no index of similar texts for vat: annex data import companies FILE --near vat",
            Duration::from_secs(1),
        );
        let checked = annex.run(&["check", "--dev-http"]);
        let said = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
        assert!(!checked.status.success() && said.contains(&format!("which `{kind}` needs")), "{said}");
    }
}

#[test]
fn an_index_follows_its_records() {
    let annex = companies("[[hook.step.query]]\nfuzzy = { name = \"sender_name\" }\nthreshold = 0.8\n");
    let import = |text: &str, more: &[&str]| {
        write(&annex.folder().join("new.csv"), text);
        let output = annex.run(&[&["data", "import", "companies", "new.csv"], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    assert_eq!(labels(&annex, "", "Acme Trading"), ["Acme Trading (1.00)"]);
    // Without saying which: those of the import before.
    import("id,name,city,vat\n9,Wayne Enterprises,Gotham,US9\n", &["--key", "id"]);
    assert_eq!(labels(&annex, "", "Acme Trading"), Vec::<String>::new());
    assert_eq!(labels(&annex, "", "wayne enterprises inc"), ["Wayne Enterprises (0.99)"]);
    import(
        "id,name,city,vat\n9,Stark Industries,Gotham,US9\n10,Oscorp,New York,US10\n",
        &["--key", "id", "--update"],
    );
    assert_eq!(labels(&annex, "", "Wayne Enterprises"), Vec::<String>::new());
    assert_eq!(labels(&annex, "", "STARK industries"), ["Stark Industries (1.00)"]);
    assert_eq!(labels(&annex, "", "Oscorp"), ["Oscorp (1.00)"]);
    let shown = String::from_utf8(annex.run(&["data", "show", "companies"]).stdout).unwrap();
    assert!(shown.contains("index: vat\nsimilar texts: name, city"), "{shown}");
}

#[test]
fn the_configuration_for_rossums_fuzzy_sample_does_what_the_sample_does() {
    let read = |name: &str| std::fs::read_to_string(format!("config/{name}")).unwrap();
    let text = read("vendor-matching.toml").replace("/tmp/annex-vendor-matching", "state");
    let annex = Annex::dev_with_files(&text, &[("vendor-matching.csv", &read("vendor-matching.csv"))]);
    annex.logs("4 records imported dataset=vendors", Duration::from_secs(10));
    let of = |vat: &str, name: &str, address: &str| {
        let datapoint = |id: u64, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value}});
        let document = json!({"request_id": "r", "event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "content": [
            {"id": 100, "schema_id": "s", "category": "section", "children": [
                datapoint(1, "vendor_vat_id", vat), datapoint(2, "sender_name", name), datapoint(3, "sender_address", address),
                datapoint(4, "vendor_match", "")]}]}});
        let answer = annex.client().deliver("/vendor_matching", document.to_string());
        let answer = answer.json();
        let target = &answer["operations"][0]["value"];
        let labels = target["options"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|option| option["label"].as_str().unwrap().to_owned());
        (target["content"]["value"].clone(), labels.collect::<Vec<_>>(), answer["messages"].clone())
    };
    let horse = "Žluťoučký Kůň, s.r.o., Náměstí Svobody 3, Brno (1003)";
    assert_eq!(of("CZ 333 33333", "", ""), (json!("CZ33333333"), vec![horse.to_owned()], json!([])));
    let (value, labels, _) = of("", "ZLUTOUCKY KUN", "");
    assert_eq!((value, labels), (json!("CZ33333333"), vec![horse.to_owned()]));
    let (value, labels, messages) = of("", "Acme Steel", "Foundry Rd 12");
    assert_eq!(value, json!("---"), "it is offered, for the address is another text");
    assert_eq!(messages[0]["content"], "Choose the vendor.");
    assert_eq!(labels[1], "Acme Steel Ltd., 12 Foundry Road, Sheffield (1001)");
    assert!(labels.iter().all(|label| !label.contains("1004")), "it is not active: {labels:?}");
    let (value, labels, messages) = of("", "Nobody We Know", "");
    assert_eq!((value, labels), (json!("---"), vec!["---".to_owned()]));
    assert_eq!(messages, json!([{"id": 4, "type": "error", "content": "Vendor not found."}]));
    assert_eq!(of("", "", "").0, json!("---"));
}

#[test]
fn a_value_must_be_in_a_dataset_without_an_enum_to_fill() {
    let config = |one_of: &str| {
        format!(
            "[server]\ndomains = [\"hooks.acme.com\"]\nstate = \"state\"\n[[dataset]]\nname = \"orders\"\nfile = \"orders.csv\"\n\
             [[hook]]\npath = \"/orders\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
             [[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nfield = [\"order_id\", \"line_order\"]\n\
             one_of = {one_of}\nmessage = \"There is no such order.\"\n"
        )
    };
    let csv = "number,open\nA-1,1\nA-2,0\n";
    let whole = config("{ dataset = \"orders\", column = \"number\", only = { open = \"1\" } }");
    let annex = Annex::dev_with_files(&whole, &[("orders.csv", csv)]);
    annex.logs("2 records imported dataset=orders", Duration::from_secs(10));
    let wrong = |header: &str, lines: &[&str]| -> Vec<i64> {
        let datapoint = |id: usize, schema_id: &str, value: &str| json!({"id": id, "schema_id": schema_id, "category": "datapoint", "content": {"value": value}});
        let row = |(at, value): (usize, &&str)| json!({"id": 100 + at, "schema_id": "line", "category": "tuple", "children": [datapoint(10 + at, "line_order", value)]});
        let rows: Vec<Value> = lines.iter().enumerate().map(row).collect();
        let document = json!({"request_id": "r", "event": "annotation_content", "action": "updated", "annotation": {"id": 7, "content": [
            {"id": 200, "schema_id": "s", "category": "section", "children": [datapoint(1, "order_id", header),
                {"id": 201, "schema_id": "lines", "category": "multivalue", "children": rows}]}]}});
        let answer = annex.client().deliver("/orders", document.to_string()).json();
        let all = answer["messages"].as_array().unwrap().iter();
        all.map(|message| {
            assert_eq!(message["content"], "There is no such order.");
            message["id"].as_i64().unwrap()
        })
        .collect()
    };
    assert_eq!(wrong("A-1", &["A-1", "", "A-1"]), Vec::<i64>::new());
    assert_eq!(wrong("", &["A-2", "A-1", "a-1", "A-1 "]), [10, 12, 13]);
    assert_eq!(wrong("A-3", &[]), [1]);
    for (one_of, says) in [
        ("{ dataset = \"order\", column = \"number\" }", "did you mean `orders`"),
        ("{ dataset = \"orders\", column = \"nmber\" }", "did you mean `number`"),
        ("{ dataset = \"orders\" }", "has no `column`"),
        ("{ dataset = \"orders\", column = \"number\", most = 1 }", "most"),
    ] {
        write(&annex.folder().join("annex.toml"), &config(one_of));
        let check = annex.run(&["check"]);
        let said = String::from_utf8_lossy(&check.stderr).into_owned();
        assert!(!check.status.success() && said.contains(says), "{one_of}: {said}");
    }
    write(&annex.folder().join("annex.toml"), &whole);
    let check = annex.run(&["check"]);
    assert!(check.status.success() && check.stderr.is_empty(), "{}", String::from_utf8_lossy(&check.stderr));
}
