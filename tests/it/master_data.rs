//! The step `match` with a configuration of Rossum's Master Data Hub, as it is: `find`, pipelines, `$search`, conditions,
//! what is refused, and that a document's values never become code.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, SECRET, annex_command, write};

const VENDORS: &str = "internal_id,name,city,vat,country\nV1,Acme Holdings,London,GB1,GB\nV2,Acme Trading,London,GB2,GB\n\
    V3,Acme Holding,Leeds,GB3,GB\nV4,Kůň (Brno),Brno,CZ4,CZ\nV5,Empty vat,Oslo,,NO\nV6,$name,Oslo,NO6,NO\n";
const ORDERS: &str =
    "order,vendor,amount,date\n4501,V1,100.50,2026-10-01\n4502,V1,7,2026-11-01\n4503,V2,100,2026-11-20\n";

/// The mapping of a configuration, around its queries.
fn configuration(queries: &Value) -> Value {
    json!({"name": "Vendor", "source": {"dataset": "vendors", "queries": queries},
        "default": {"value": "", "label": "---"},
        "mapping": {"target_schema_id": "vendor", "dataset_key": "internal_id", "label_template": "{name} - {city}"},
        "additional_mappings": [{"target_schema_id": "vendor_city", "dataset_key": "city"}],
        "result_actions": {
            "no_match_found": {"select": "default", "message": {"type": "error", "content": "No vendor found"}},
            "one_match_found": {"select": "best_match"},
            "multiple_matches_found": {"select": "default", "message": {"type": "warning", "content": "Choose one"}}}})
}

/// A server with these configurations and both datasets.
fn start(configurations: &Value) -> Annex {
    let config = "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
        [[hook.step]]\nuse = \"match\"\nconfiguration = \"matching.json\"\n";
    let settings = json!({"configurations": configurations}).to_string();
    let files = [("matching.json", settings.as_str()), ("vendors.csv", VENDORS), ("orders.csv", ORDERS)];
    let annex = Annex::dev_with_files(config, &files);
    for (name, index) in [("vendors", "vat"), ("orders", "vendor")] {
        let output = annex.run(&["data", "import", name, &format!("{name}.csv"), "--index", index]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    annex
}

/// With one configuration of these queries.
fn asking(queries: &Value) -> Annex {
    start(&json!([configuration(queries)]))
}

fn document(fields: &[(&str, &str)]) -> Value {
    let all = ["vendor", "vendor_city", "other"].iter().map(|name| (*name, "")).chain(fields.iter().copied());
    let children: Vec<Value> = all
        .enumerate()
        .map(|(at, (name, value))| json!({"id": at + 1, "schema_id": name, "category": "datapoint", "content": {"value": value, "normalized_value": value}}))
        .collect();
    json!({"event": "annotation_content", "action": "initialize", "annotation": {"id": 7, "queue": "https://x.rossum.app/api/v1/queues/8236",
        "content": [{"id": 100, "schema_id": "s", "category": "section", "children": children}]}})
}

fn answer(annex: &Annex, document: &Value) -> Value {
    let answer = annex.client().deliver("/x", document.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// What the target got, the values that it offers, and the messages.
fn outcome(annex: &Annex, fields: &[(&str, &str)]) -> (String, Vec<String>, Vec<String>) {
    let answer = answer(annex, &document(fields));
    let target = &answer["operations"][0]["value"];
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let options = target["options"].as_array().into_iter().flatten().map(|option| text(&option["value"]));
    let messages = answer["messages"].as_array().unwrap().iter().map(|message| text(&message["content"]));
    let value = target["content"]["value"].as_str().unwrap_or("(no operation)").to_owned();
    (value, options.filter(|value| !value.is_empty()).collect(), messages.collect())
}

/// The values that are found.
fn found(annex: &Annex, fields: &[(&str, &str)]) -> Vec<String> {
    outcome(annex, fields).1
}

#[test]
fn find_goes_from_the_sure_to_the_generous_and_the_results_decide() {
    let annex = asking(&json!([
        {"find": {"vat": "{sender_vat}"}},
        {"find": {"$or": [{"name": {"$regex": "^{sender_name | re}", "$options": "i"}}, {"$and": [{"city": "{sender_name}"}, {"country": {"$in": ["GB", "NO"]}}]}]}}
    ]));
    let of = |vat: &str, name: &str| outcome(&annex, &[("sender_vat", vat), ("sender_name", name)]);
    assert_eq!(of("GB2", "x"), ("V2".into(), vec!["V2".into()], vec![]));
    assert_eq!(
        of("", "acme hold"),
        (String::new(), vec!["V1".into(), "V3".into()], vec!["Choose one".into()])
    );
    assert_eq!(of("", "kůň (").1, ["V4"]);
    assert_eq!(of("", "a.me").1, Vec::<String>::new(), "a field is no pattern");
    assert_eq!(of("", "Oslo").1, ["V5", "V6"]);
    assert_eq!(of("nowhere", "nobody").2, ["No vendor found"]);
    // In Master Data Hub an empty field finds the records that have none.
    assert_eq!(of("", "Brno").1, Vec::<String>::new());
    let answer = answer(&annex, &document(&[("sender_vat", "GB3")]));
    assert_eq!(
        answer["operations"][0]["value"]["options"],
        json!([{"value": "V3", "label": "Acme Holding - Leeds"}])
    );
    assert_eq!(answer["operations"][1]["value"]["content"]["value"], "Leeds");
    assert_eq!(annex.log().matches("error").count(), 0, "{}", annex.log());
}

#[test]
fn a_field_never_becomes_a_path_a_pattern_or_code() {
    let annex = asking(&json!([{"aggregate": [{"$match": {"$expr": {"$eq": ["$name", "{sender_name}"]}}}]}]));
    assert_eq!(
        found(&annex, &[("sender_name", "$name")]),
        ["V6"],
        "not every record, whose name is its name"
    );
    assert_eq!(found(&annex, &[("sender_name", "$$ROOT")]), Vec::<String>::new());
    let conditional = |condition: &str| {
        let mut all = configuration(&json!([{"find": {"vat": "{sender_vat}"}}]));
        all["action_condition"] = json!(condition);
        start(&json!([all]))
    };
    let annex = conditional("'{flag}' == 'true' and {amount} > 3 and '{sender_vat}' == '{sender_vat}'");
    let of = |flag: &str, amount: &str, vat: &str| {
        let fields = [("flag", flag), ("amount", amount), ("sender_vat", vat)];
        (outcome(&annex, &fields).0, outcome(&annex, &fields).2)
    };
    assert_eq!(of("true", "10", "GB1").0, "V1");
    assert_eq!(
        of("true", "2", "GB1"),
        (String::new(), vec![]),
        "it was not asked: nothing is chosen, nothing said"
    );
    assert_eq!(of("x' or True or 'y", "10", "GB1").0, "");
    assert_eq!(of("true", "10 or True", "GB1").1.len(), 1, "a text is not greater than a number");
    annex.logs("its action_condition fails: it raised an exception", Duration::from_secs(5));
    // What the dataset's name becomes must be a dataset.
    let mut elsewhere = configuration(&json!([{"find": {"vat": "{sender_vat}"}}]));
    elsewhere["source"]["dataset"] = json!("{dataset}");
    let annex = start(&json!([elsewhere]));
    assert_eq!(found(&annex, &[("dataset", "vendors"), ("sender_vat", "GB1")]), ["V1"]);
    let (_, _, messages) = outcome(&annex, &[("dataset", "annex_datasets"), ("sender_vat", "GB1")]);
    assert_eq!(messages, ["This could not be looked up. Tell the people who run this extension."]);
}

#[test]
fn pipelines_score_join_and_gather() {
    // As production sets it: the search's score, made independent of the lengths, and only the best band kept.
    let scored = asking(&json!([{"aggregate": [
        {"$search": {"index": "default", "text": {"query": "{sender_name} ", "path": "name"}}},
        {"$limit": 10},
        {"$addFields": {"__score": {"$meta": "searchScore"}, "__length": {"$strLenCP": "$name"}}},
        {"$addFields": {"__ratio": {"$divide": ["$__score", {"$add": [1, {"$abs": {"$subtract": [1, {"$divide": ["$__length", {"$strLenCP": "{sender_name} "}]}]}}]}]}}},
        {"$addFields": {"__normalized": {"$divide": ["$__ratio", {"$add": [1, "$__ratio"]}]}}},
        {"$setWindowFields": {"output": {"__best": {"$max": "$__normalized", "window": {"documents": ["unbounded", "unbounded"]}}}}},
        {"$match": {"$expr": {"$and": [{"$gt": ["$__normalized", 0.1]}, {"$gte": ["$__normalized", {"$multiply": ["$__best", 0.95]}]}]}}},
        {"$sort": {"__normalized": -1}},
        {"$project": {"_id": 0, "internal_id": 1, "name": 1, "city": 1}}]}]));
    assert_eq!(found(&scored, &[("sender_name", "Acme Trading")]), ["V2"]);
    assert_eq!(found(&scored, &[("sender_name", "acme holdings, london")]), ["V1"]);
    assert_eq!(found(&scored, &[("sender_name", "nobody")]), Vec::<String>::new());
    let (_, _, messages) = outcome(&scored, &[("sender_name", "")]);
    assert_eq!(messages, ["No vendor found"]);
    // An import is seen.
    write(&scored.folder().join("vendors.csv"), "internal_id,name,city\nV9,Acme Trading,Rome\n");
    assert!(scored.run(&["data", "import", "vendors", "vendors.csv"]).status.success());
    assert_eq!(found(&scored, &[("sender_name", "Acme Trading")]), ["V9"]);
    let fuzzy = asking(&json!([{"aggregate": [
        {"$search": {"compound": {"must": [{"text": {"query": "{sender_name}", "path": ["name", "city"], "fuzzy": {"maxEdits": 1}}}],
            "should": [{"text": {"query": "leeds", "path": "city", "score": {"boost": {"value": 5}}}}], "mustNot": [{"text": {"query": "trading", "path": {"wildcard": "*"}}}]}}}]}]));
    assert_eq!(found(&fuzzy, &[("sender_name", "Acmee")]), ["V3", "V1"], "leeds weighs more");
    // Vendors by their orders.
    let joined = asking(&json!([{"aggregate": [
        {"$match": {"country": "GB"}},
        {"$lookup": {"from": "orders", "localField": "internal_id", "foreignField": "vendor", "as": "orders"}},
        {"$unwind": "$orders"},
        {"$match": {"orders.amount": {"$gte": 100}, "$expr": {"$lt": [{"$toDate": "$orders.date"}, {"$toDate": "{date}"}]}}},
        {"$group": {"_id": "$internal_id", "name": {"$first": "$name"}, "city": {"$first": "$city"}, "orders": {"$sum": "$orders.amount"}, "count": {"$sum": 1}}},
        {"$project": {"_id": 0, "internal_id": "$_id", "name": {"$concat": ["$name", " ", {"$toString": "$orders"}]}, "city": {"$cond": [{"$gt": ["$count", 1]}, "many", "$city"]}}}]}]));
    let label = |annex: &Annex, fields: &[(&str, &str)]| {
        let answer = answer(annex, &document(fields));
        answer["operations"][0]["value"]["options"]
            .as_array()
            .unwrap()
            .iter()
            .map(|option| option["label"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(label(&joined, &[("date", "2026-10-15")]), ["Acme Holdings 100.5 - London"]);
    assert_eq!(found(&joined, &[("date", "2026-12-31")]), ["V1", "V2"]);
    let (_, _, messages) = outcome(&joined, &[("date", "no date")]);
    assert_eq!(messages.len(), 1, "{messages:?}");
    joined.logs("the query cannot be run: $toDate: a text that is not a date", Duration::from_secs(5));
    assert!(!joined.log().contains("no date!"), "{}", joined.log());
    // Both ways at once, each record once, the better way first.
    let united = asking(&json!([{"aggregate": [
        {"$match": {"vat": "{sender_vat}"}}, {"$addFields": {"rank": 1}},
        {"$unionWith": {"coll": "vendors", "pipeline": [{"$match": {"city": "{city}"}}, {"$addFields": {"rank": 2}}]}},
        {"$group": {"_id": "$internal_id", "all": {"$push": "$$ROOT"}, "rank": {"$min": "$rank"}}},
        {"$sort": {"rank": 1, "_id": -1}},
        {"$replaceRoot": {"newRoot": {"$mergeObjects": [{"$first": "$all"}, {"rank": "$rank"}]}}}, {"$limit": 3}]}]));
    assert_eq!(found(&united, &[("sender_vat", "GB1"), ("city", "London")]), ["V1", "V2"]);
    assert_eq!(found(&united, &[("sender_vat", "CZ4"), ("city", "Oslo")]), ["V4", "V6", "V5"]);
    let faceted = asking(&json!([{"aggregate": [
        {"$facet": {"exact": [{"$match": {"name": "{sender_name}"}}], "near": [{"$match": {"name": {"$regex": "{sender_name | re}", "$options": "i"}}}]}},
        {"$project": {"all": {"$cond": {"if": {"$gt": [{"$size": "$exact"}, 0]}, "then": "$exact", "else": "$near"}}}},
        {"$unwind": "$all"}, {"$replaceWith": "$all"},
        {"$setWindowFields": {"partitionBy": "$city", "sortBy": {"name": 1}, "output": {"count": {"$count": {}}, "place": {"$documentNumber": {}}}}},
        {"$match": {"place": 1}}]}]));
    assert_eq!(found(&faceted, &[("sender_name", "Acme Holding")]), ["V3"]);
    assert_eq!(found(&faceted, &[("sender_name", "acme")]), ["V1", "V3"]);
    let variable = asking(&json!([{"aggregate": [
        {"$match": {"country": "GB"}},
        {"$lookup": {"from": "orders", "let": {"id": "$internal_id"}, "pipeline": [{"$match": {"$expr": {"$and": [{"$eq": ["$vendor", "$$id"]}, {"$eq": ["$order", "{order}"]}]}}}, {"$limit": 1}], "as": "orders"}},
        {"$match": {"orders": {"$size": 1}}}]}]));
    assert_eq!(found(&variable, &[("order", "4503")]), ["V2"]);
}

#[test]
fn configurations_run_in_order_only_where_they_are_for_and_one_that_fails_keeps_none_from_its_work() {
    let vendor = configuration(&json!([{"find": {"vat": "{sender_vat}"}}]));
    let mut broken = configuration(
        &json!([{"aggregate": [{"$match": {"vat": "{sender_vat}"}}, {"$addFields": {"x": {"$divide": [1, "{zero}"]}}}]}]),
    );
    broken["mapping"]["target_schema_id"] = json!("other");
    // It reads what the first one chose.
    let city = json!({"source": {"dataset": "vendors", "queries": [{"find": {"internal_id": "{vendor}"}}]},
        "mapping": {"target_schema_id": "other", "dataset_key": "city", "label_keys": ["city", "country"]}});
    let mut elsewhere = configuration(&json!([{"find": {"city": "London"}}]));
    elsewhere["queue_ids"] = json!([1]);
    let annex = start(&json!([vendor, broken, city, elsewhere]));
    let answer = answer(&annex, &document(&[("sender_vat", "GB1"), ("zero", "0")]));
    let values: Vec<(u64, &str)> = answer["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| {
            (operation["id"].as_u64().unwrap(), operation["value"]["content"]["value"].as_str().unwrap())
        })
        .collect();
    assert_eq!(values, [(1, "V1"), (2, "London"), (3, "London")]);
    assert_eq!(
        answer["operations"][2]["value"]["options"],
        json!([{"value": "London", "label": "London, GB"}])
    );
    assert_eq!(answer["messages"].as_array().unwrap().len(), 1, "{answer}");
    annex.logs("lookup failed: a query of the store failed: the query cannot be run: $divide: by zero configuration=Vendor", Duration::from_secs(5));
    let mut later = document(&[("sender_vat", "GB1"), ("zero", "1")]);
    later["action"] = json!("updated");
    later["updated_datapoints"] = json!([3]);
    assert_eq!(self::answer(&annex, &later)["operations"], json!([]), "no field that they read was changed");
}

#[test]
fn what_is_not_known_is_refused_at_load_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[server]\nstate = \"state\"\n[[hook]]\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n\
        [[hook.step]]\nuse = \"match\"\nconfiguration = \"matching.json\"\n";
    write(&folder.path().join("annex.toml"), config);
    let check = |settings: &str| {
        write(&folder.path().join("matching.json"), settings);
        let mut command = annex_command();
        command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
        let output = command.env("ROSSUM_SECRET", SECRET).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let queries = |queries: Value| json!({"configurations": [configuration(&queries)]}).to_string();
    let place = "annex.toml:8:17: matching.json: configurations[0].source.queries[0]";
    for (query, part) in [
        (
            json!({"aggregate": [{"$geoNear": {}}]}),
            ".aggregate[0].$geoNear: the stage `$geoNear` is not known here",
        ),
        (
            json!({"aggregate": [{"$addFields": {"x": {"$function": {"body": "f"}}}}]}),
            ".$addFields.x.$function: JavaScript is not run here",
        ),
        (json!({"aggregate": [{"$addFields": {"x": {"$sin": 1}}}]}), "the operator `$sin` is not known here"),
        (
            json!({"aggregate": [{"$addFields": {"x": {"$trim": {"chars": "x"}}}}]}),
            ".$trim: `input` is missing",
        ),
        (
            json!({"aggregate": [{"$limit": 3}, {"$search": {"text": {"query": "x", "path": "name"}}}]}),
            "`$search` must be the first stage",
        ),
        (
            json!({"aggregate": [{"$search": {"phrase": {"query": "x", "path": "name"}}}]}),
            "`phrase` is not known",
        ),
        (
            json!({"aggregate": [{"$setWindowFields": {"output": {"x": {"$sum": "$a", "window": {"documents": [-1, 1]}}}}}]}),
            "only the whole partition",
        ),
        (json!({"aggregate": [{"$addFields": {"x": "$a_{vendor}"}}]}), "a path must not hold a placeholder"),
        (json!({"find": {"x": {"$near": 1}}}), ".find.x.$near: the operator `$near` is not known here"),
        (json!({"find": {"x": "{vat | lower}"}}), "there is no filter `lower`"),
        (json!({"find": {"x": {"$regex": "("}}}), ".find.x.$regex: this is not a regular expression"),
        (json!({"find": {"x": "{secrets.key}"}}), "`{secrets.key}` is for queries over HTTP"),
        (json!({"find": {}, "aggregate": []}), ": a query has `find` or `aggregate`"),
    ] {
        let text = check(&queries(json!([query])));
        assert!(text.contains(part) && text.contains(place), "{part}\n{text}");
    }
    assert!(
        check(&queries(json!([{"url": "https://x", "method": "GET"}])))
            .contains("queries over HTTP are not sent here")
    );
    let mut odd = configuration(&json!([{"find": {"vat": "{sender_vat}"}}]));
    odd["maping"] = json!({});
    odd["result_actions"]["no_match_found"]["select"] = json!("first");
    odd["action_condition"] = json!("'{x}' !=");
    let text = check(&json!({"settings": {"configurations": [odd]}}).to_string());
    for part in [
        "configurations[0]: unknown key `maping`",
        "did you mean `mapping`?",
        "`first` is no selection",
        "configurations[0].action_condition: ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(check("{").contains("matching.json: it is not JSON"));
    assert!(check("{}").contains("it has no `configurations`"));
    assert!(check(&queries(json!([{"find": {"vat": "{sender_vat}"}}]))).contains("annex.toml: ok"));
}
