//! Settings and files that are well-formed and cannot be meant: what `annex check` says of them, and that it is silent of what
//! looks like them and is right.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, SECRET, annex_command, free_port, write, write_bytes};

/// What stands beside the configuration, and what `annex check` says: whether it is well, and its words.
fn checked(config: &str, files: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("secret"), "0123456789abcdef0123456789abcdef");
    for (name, file) in files {
        write_bytes(&folder.path().join(name), file.as_bytes());
    }
    write(&folder.path().join("annex.toml"), config);
    let mut command = annex_command();
    command.current_dir(folder.path()).args(["check", "--config", "annex.toml"]).args(arguments);
    let done = command.output().unwrap();
    let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (done.status.success(), text)
}

/// A server with a certificate to come, and a hook with these keys.
fn config(server: &str, hook: &str, rest: &str) -> String {
    format!(
        "[server]\ndomains = [\"hooks.my-company.com\"]\nstate = \"state\"\n{server}\n[[hook]]\npath = \"/x\"\nsecrets = [\"file:secret\"]\n{hook}\n{rest}"
    )
}

/// A target that is called with a token.
fn called(auth: &str) -> String {
    format!("[[target]]\nname = \"erp\"\nurl = \"https://erp.my-company.com/api/\"\nauth = {{ {auth} }}\n")
}

/// Keys of [server], of the hook, what follows, files; what is said.
type Case<'c> = (&'c str, &'c str, String, &'c [(&'c str, &'c str)], &'c str);

fn assert_refused(cases: Vec<Case<'_>>) {
    let mut wrong = Vec::new();
    for (server, hook, rest, files, says) in cases {
        let config = config(server, hook, &rest);
        let (is_well, text) = checked(&config, files, &[]);
        let has_place = text.lines().any(|line| line.starts_with("annex.toml:"));
        if is_well || !has_place || !text.contains(says) {
            wrong.push(format!("{says}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let none = String::new;
    assert_refused(vec![
        // Numbers.
        ("", "max_body = \"1B\"", none(), &[], "annex.toml:8:12: `max_body` is 1B, and must be from 1KB"),
        (
            "",
            "timeout = \"1ms\"",
            none(),
            &[],
            "annex.toml:8:11: `timeout` is 1ms, and must be from 100ms to 1h",
        ),
        (
            "[server.limits]\nhandshake = \"1ms\"",
            "",
            none(),
            &[],
            "`handshake` is 1ms, and must be from 100ms",
        ),
        (
            "[server.limits]\nbody_memory = \"10B\"",
            "",
            none(),
            &[],
            "`body_memory` is 10B, and must be from 1KB",
        ),
        // Listeners at one address.
        (
            "https = \"0.0.0.0:8443\"\nhttp = \"0.0.0.0:8443\"",
            "",
            none(),
            &[],
            "annex.toml:5:8: `http` is 0.0.0.0:8443, which `https` takes already with 0.0.0.0:8443",
        ),
        (
            "probe = \"127.0.0.1:443\"",
            "",
            none(),
            &[],
            "`probe` is 127.0.0.1:443, which `https` takes already with [::]:443",
        ),
        (
            "https = \"127.0.0.1:80\"",
            "",
            none(),
            &[],
            "`http` is [::]:80 by default, which `https` takes already",
        ),
        (
            "admin = \"127.0.0.1:9000\"\nprobe = \"0.0.0.0:9000\"",
            "",
            none(),
            &[],
            "`admin` is 127.0.0.1:9000, which `probe`",
        ),
        // Addresses that are none.
        ("contact = \"ops\"", "", none(), &[], "annex.toml:4:11: `ops` is not an e-mail address"),
        (
            "contact = \"mailto:ops@localhost\"",
            "",
            none(),
            &[],
            "`mailto:ops@localhost` is not an e-mail address",
        ),
        ("contact = \"a@b.de, c@d.de\"", "", none(), &[], "is not an e-mail address"),
        // A file where a folder is to be.
        (
            "",
            "",
            "[[target]]\nname = \"f\"\nfolder = \"secret\"".to_owned(),
            &[],
            "annex.toml:11:10: `folder` must be a folder, but secret is a file",
        ),
        (
            "",
            "record = \"secret/deliveries\"",
            none(),
            &[],
            "`record` must be a folder, but secret/deliveries is a file",
        ),
    ]);
}

#[test]
fn a_blank_text_is_refused_where_one_is_needed() {
    let none = String::new;
    let oauth = called(
        "token_url = \"https://login.my-company.com/\", client_id = \"\", client_secret = \"file:secret\"",
    );
    let dataset = |keys: &str| format!("[[dataset]]\nname = \"vendors\"\nfile = \"v.csv\"\n{keys}");
    let replace = "[[hook.step]]\nuse = \"replace\"\nfield = \"a\"\npattern = \"\"\nwith = \"\"";
    assert_refused(vec![
        ("", "", oauth, &[], "`client_id` is empty"),
        ("contact = \" \"", "", none(), &[], "annex.toml:4:11: `contact` is empty"),
        ("", "domain = \"\"", none(), &[], "`domain` is empty"),
        ("client_ca = \"\"", "", none(), &[], "`client_ca` is empty"),
        ("", "", dataset("encoding = \"\""), &[("v.csv", "id\n1\n")], "`encoding` is empty"),
        ("", replace, none(), &[], "`pattern` is empty"),
        (
            "",
            "",
            "[[dataset]]\nname = \"b\"\nfile = \"b.xlsx\"\nsheet = \"\"".to_owned(),
            &[],
            "`sheet` is empty",
        ),
    ]);
}

#[test]
fn a_dataset_whose_file_would_be_refused_is_told_before_it_is_imported() {
    let dataset = |keys: &str| format!("[[dataset]]\nname = \"vendors\"\nfile = \"v.csv\"\n{keys}\n");
    assert_refused(vec![
        ("", "", dataset("sheet = 1"), &[("v.csv", "id\n1\n")], "`sheet` says nothing of a CSV"),
        ("", "", dataset("format = \"jsonl\"\nhead = 2\nfoot = 1"), &[], "`foot` says nothing of JSON lines"),
        (
            "",
            "",
            dataset("format = \"xlsx\"\nseparator = \";\""),
            &[],
            "`separator` says nothing of a workbook",
        ),
        (
            "",
            "",
            "[[dataset]]\nname = \"my-vendors\"\nfile = \"v.csv\"".to_owned(),
            &[],
            "`my-vendors` is not a name of a dataset",
        ),
        (
            "",
            "",
            format!("{}[[dataset]]\nname = \"Vendors\"\nfile = \"w.csv\"", dataset("")),
            &[],
            "the datasets `vendors` and `Vendors` are one to SQL",
        ),
        (
            "",
            "",
            dataset("key = \"id\""),
            &[("v.csv", "id,a\n1,x\n2,y\n1,z\n")],
            "annex.toml:11:8: v.csv: line 4: the same key as line 2",
        ),
        (
            "",
            "",
            dataset("key = \"id\""),
            &[("v.csv", "id,a\n1,x\n,y\n")],
            "v.csv: line 3: the key `id` is empty",
        ),
        ("", "", dataset(""), &[("v.csv", "id,a\n1,x\n2\n")], "line 3: it has 1 values, the header 2"),
        ("", "", dataset(""), &[("v.csv", "<html>")], "it is a web page (HTML)"),
        ("", "", dataset(""), &[("v.csv", "id\na\u{85}b\n")], "v.csv: line 2: column `id`"),
    ]);
    // A file that is too large to be read by a check is not said to be right.
    let large = format!("id,a\n{}", "1,xxxxxxxx\n".repeat(200_000));
    let (is_well, text) =
        checked(&config("", "", &dataset("key = \"id\"")), &[("v.csv", &large)], &["--dev-http"]);
    assert!(is_well && text.contains("not checked: annex.toml:11: the records of v.csv"), "{text}");
}

#[test]
fn what_is_wrong_of_a_secret_is_said_by_who_makes_it() {
    let database = "[[database]]\nname = \"erp\"\nurl = \"postgres://annex@db.my-company.com/erp\"\npassword = \"file:erp pass\"\n";
    let sftp = "[[target]]\nname = \"f\"\nurl = \"sftp://a@b.my-company.com/\"\nhost_key = \"SHA256:x\"\nauth = { key = \"file:gone\" }";
    let token = |file: &str| called(&format!("bearer = \"file:{file}\""));
    // One that is not there yet may be made on the server: the check says how, and `--strict` refuses it.
    let gone = |rest: &str, secret: &str| config("", "", rest).replace("file:secret", secret);
    for (config, says) in [
        (
            gone(database, "file:secret"),
            "put what the other system gave you there: (umask 077 && cat > 'erp pass'), paste it, Ctrl-D",
        ),
        (
            gone(sftp, "file:secret"),
            "make it: ssh-keygen -t ed25519 -f gone, and give gone.pub to the people of the server",
        ),
        (gone("", "file:gone"), "make it: annex secret new > gone"),
    ] {
        let (is_well, text) = checked(&config, &[], &[]);
        assert!(is_well && text.contains(says) && text.contains("not checked: annex.toml:"), "{text}");
        let (is_well, text) = checked(&config, &[], &["--strict"]);
        assert!(!is_well && text.contains(&format!("hint: {says}")), "{text}");
    }
    assert_refused(vec![
        ("", "", token("t"), &[("t", " \n")], "hint: write what the other system gave you"),
        (
            "",
            "",
            token("t"),
            &[("t", "abcdefgh\nijklmnop\n")],
            "the secret file:t has several lines, and a password or token has one",
        ),
    ]);

    let noted = |secret: &str, rest: &str, files: &[(&str, &str)]| {
        let config = config("", "", rest).replace("file:secret", secret);
        let (is_well, text) = checked(&config, files, &[]);
        assert!(is_well, "{text}");
        notes_of(&text).join("\n")
    };
    let long = "0123456789abcdef0123";
    let quoted = "annex.toml:7: the secret file:s stands in quotes, which count as a part of it: take them out if they are none";
    let short = "annex.toml:7: the secret file:s is shorter than 16 characters and can be guessed: `annex secret new` makes a long one";
    for (file, says) in [
        (format!("\"{long}\"\n"), quoted),
        (format!("'{long}'"), quoted),
        ("0123456789".to_owned(), short),
        // Two lines are two secrets while one is exchanged; quotes inside are nothing odd.
        (format!("{long}\n{long}x\n"), ""),
        (format!("{long}\"\n"), ""),
        (format!("it's {long}'s"), ""),
    ] {
        assert_eq!(noted("file:s", "", &[("s", &file)]), says, "{file}");
    }
    let cut =
        "annex.toml:12: the secret file:t is shorter than 4 characters: perhaps not all of it was copied";
    // Who gives it says how long it is.
    for (file, says) in [("ab\n", cut), ("abcdef\n", "")] {
        assert_eq!(noted("file:secret", &token("t"), &[("t", file)]), says, "{file}");
    }
}

#[test]
fn a_name_for_examples_is_told_beside_all_other_mistakes() {
    let config =
        config("", "", "").replace("my-company.com", "example.com").replace("file:secret", "file:gone");
    let (is_well, text) = checked(&config, &[], &["--strict"]);
    assert!(!is_well && text.contains("annex.toml:2:11: hooks.example.com is a name for examples"), "{text}");
    assert!(
        text.contains("annex.toml:7:12: cannot read the secret") && text.contains("2 mistakes"),
        "{text}"
    );
    // Dev mode serves such a name, whatever else is wrong.
    let config = config.replace("file:gone", "file:secret").replace("path = \"/x\"", "path = \"x\"");
    let (is_well, text) = checked(&config, &[], &["--dev-http"]);
    assert!(!is_well && text.contains("1 mistake") && !text.contains("name for examples"), "{text}");
}

#[test]
fn a_key_that_stands_twice_in_a_file_of_json_is_refused_with_its_path() {
    let step = |keys: &str| format!("[[hook.step]]\n{keys}");
    let rule = "[{\"id\": 1, \"trigger_condition\": \"True\", \"actions\": [{\"type\": \"show_message\", \"type\": \"hide_field\"}]}]";
    let schema = "[{\"id\": \"s\", \"category\": \"section\", \"id\": \"t\", \"children\": []}]";
    for (hook, file, says) in [
        (step("use = \"rules\"\nfile = \"f.json\""), rule, "f.json: `[0].actions[0].type` appears twice"),
        ("schema = \"f.json\"".to_owned(), schema, "f.json: `[0].id` appears twice"),
        (
            step("use = \"match\"\nconfiguration = \"f.json\""),
            "{\"configurations\": [], \"configurations\": []}",
            "f.json: `configurations` appears twice",
        ),
        (
            step("use = \"business_rules\"\nfile = \"f.json\""),
            "{\"checks\": [], \"a\": {\"b\": 1, \"b\": 1}}",
            "f.json: `a.b` appears twice",
        ),
        (
            step("use = \"request_processor\"\nsettings = \"f.json\""),
            "{\"x\": 1, \"x\": 2}",
            "f.json: `x` appears twice",
        ),
    ] {
        let (is_well, text) = checked(&config("", &hook, ""), &[("f.json", file)], &[]);
        assert!(
            !is_well && text.contains(says) && text.contains("only the second would count"),
            "{says}\n{text}"
        );
    }
}

/// A Master Data Hub configuration with these queries, over a dataset with the columns id, name, city.
fn matching(queries: &Value) -> (bool, String) {
    let settings = json!({"configurations": [{"name": "v", "source": {"dataset": "vendors", "queries": queries},
        "mapping": {"target_schema_id": "vendor", "dataset_key": "id", "label_template": "{name}"}}]});
    let step = "[[hook.step]]\nuse = \"match\"\nconfiguration = \"m.json\"";
    let rest = "[[dataset]]\nname = \"vendors\"\nfile = \"v.csv\"\n[[dataset]]\nname = \"cities\"\nfile = \"c.csv\"\n";
    let settings = settings.to_string();
    let files =
        [("v.csv", "id,name,city\n1,Acme,Bonn\n"), ("c.csv", "zip,town\n1,Bonn\n"), ("m.json", &*settings)];
    checked(&config("", step, rest), &files, &["--dev-http"])
}

#[test]
fn columns_of_a_matching_configuration_are_followed_through_its_stages() {
    let aggregate = |stages: Value| json!([{"aggregate": stages}]);
    let by = json!({"$match": {"name": "{sender_name}"}});
    let lookup = |from: &str, column: &str| json!({"$lookup": {"from": from, "localField": "city", "foreignField": column, "as": "of"}});
    for (queries, says) in [
        (json!([{"find": {"nme": "{sender_name}"}}]), "`find` reads `nme`, which nothing before it gives"),
        (json!([{"find": {"Name": "{sender_name}"}}]), "`find` reads `Name`"),
        (
            aggregate(json!([{"$match": {"$or": [{"nme": "{sender_name}"}, {"id": "1"}]}}])),
            "`aggregate[0]` reads `nme`",
        ),
        (
            aggregate(json!([{"$match": {"$expr": {"$eq": [{"$toLower": "$nme"}, "{sender_name}"]}}}])),
            "`aggregate[0].$expr` reads `nme`",
        ),
        (
            aggregate(json!([{"$search": {"text": {"query": "{sender_name}", "path": ["name", "town"]}}}])),
            "`aggregate[0].$search` reads `town`",
        ),
        (aggregate(json!([by, {"$project": {"name": 1}}])), "the queries give no column `id`"),
        (
            aggregate(json!([by, {"$project": {"id": 1, "name": 1}}, {"$match": {"city": "Bonn"}}])),
            "`aggregate[2]` reads `city`",
        ),
        (aggregate(json!([by, {"$unset": "name"}])), "the queries give no column `name`"),
        (
            aggregate(json!([by, {"$group": {"_id": "$id", "n": {"$sum": 1}}}])),
            "the queries give no column `id`",
        ),
        (aggregate(json!([by, lookup("cities", "twn")])), "`aggregate[1].foreignField` reads `twn`"),
        (aggregate(json!([by, lookup("citis", "town")])), "there is no dataset `citis`"),
        (aggregate(json!([by, {"$limit": 0}])), "a limit of 0 finds nothing"),
        (
            aggregate(json!([by, {"$addFields": {"x": {"$concat": ["$name", "$cty"]}}}])),
            "`aggregate[1]` reads `cty`",
        ),
        (aggregate(json!([by, {"$sort": {"rank": -1}}])), "`aggregate[1]` reads `rank`"),
        (
            json!([{"find": {"name": {"eq": "{sender_name}"}}}]),
            "queries[0].find.name.eq: `eq` is the name of a field here, and finds nothing: write the operator `$eq`",
        ),
        (json!([{"find": {"name": {"in": ["{sender_name}"]}}}]), "write the operator `$in`"),
        (json!([{"find": {"or": [{"name": "{sender_name}"}, {"id": "1"}]}}]), "write the operator `$or`"),
        (
            aggregate(json!([by, {"$addFields": {"x": {"toLower": "$name"}}}])),
            "write the operator `$toLower`",
        ),
        (
            aggregate(json!([{"$match": {"name": "{sender_name}", "city": true}}])),
            "`aggregate[0]` compares `city` with true: all values of a dataset are texts",
        ),
        (json!([{"find": {"name": "{sender_name}", "city": {"$ne": false}}}]), "compares `city` with false"),
    ] {
        let (is_well, text) = matching(&queries);
        assert!(
            !is_well && text.contains(says) && text.contains("annex.toml:10"),
            "{queries}\n{says}\n{text}"
        );
    }
    let (_, text) = matching(&json!([{"find": {"name": "Acme"}}]));
    let note = "note: annex.toml:10: m.json: configurations[0].source: no query names a field in braces";
    assert!(text.contains(note), "{text}");
    let (is_well, text) = matching(&aggregate(json!([{"$limit": 5}, by])));
    let note = "a `$limit` before it lets through only the first records";
    assert!(is_well && text.contains("note: v: query 1: configurations[0]") && text.contains(note), "{text}");
    let root = json!({"$replaceRoot": {"newRoot": {"$mergeObjects": ["$$ROOT", {"a": 1}]}}});
    let (is_well, text) = matching(&aggregate(json!([by, root])));
    assert!(is_well && text.contains("not checked: annex.toml:10: the columns that a query gives"), "{text}");
}

#[test]
fn a_matching_configuration_that_is_right_is_left_alone() {
    let aggregate = |stages: Value| json!([{"aggregate": stages}]);
    let by = json!({"$match": {"name": "{sender_name}"}});
    for queries in [
        // Others find all where the first finds nothing.
        json!([{"find": {"name": "{sender_name}", "_id": {"$exists": true}}}, {"find": {}, "limit": 0}]),
        json!([{"find": {"active": {"$exists": false}, "branch": null, "name": "{sender_name}"}}]),
        aggregate(json!([by, {"$project": {"id": 1, "name": {"$ifNull": ["$title", "$name"]}}}])),
        aggregate(json!([by, {"$project": {"city": 0, "_id": 0}}, {"$limit": 1}])),
        aggregate(
            json!([by, {"$addFields": {"score.a": {"$strLenCP": "$$ROOT.name"}}}, {"$sort": {"score.a": 1, "name": 1}}]),
        ),
        aggregate(json!([
            by, {"$lookup": {"from": "cities", "let": {"c": "$city"}, "pipeline": [
                {"$match": {"$expr": {"$eq": ["$town", "$$c"]}}}, {"$project": {"zip": 1}}], "as": "of"}},
            {"$unwind": {"path": "$of", "includeArrayIndex": "at"}}, {"$match": {"of.zip": "1", "at": 0}}])),
        aggregate(json!([by, {"$unionWith": {"coll": "cities", "pipeline": [{"$match": {"zip": "1"}}]}},
            {"$match": {"town": {"$ne": "x"}}}])),
        aggregate(
            json!([by, {"$group": {"_id": "$city", "id": {"$first": "$id"}, "name": {"$first": "$name"}}}]),
        ),
        aggregate(json!([{"$search": {"text": {"query": "{sender_name}", "path": {"wildcard": "*"}}}},
            {"$addFields": {"s": {"$meta": "searchScore"}}}, {"$match": {"s": {"$gt": 1}}}])),
        aggregate(json!([{"$search": {"text": {"query": "{sender_name}", "path": "name"}}}, {"$limit": 5},
            {"$addFields": {"good": {"$gt": [{"$meta": "searchScore"}, 1]}}}, {"$match": {"good": true}}])),
        aggregate(json!([{"$sort": {"name": 1}}, {"$limit": 5}, by])),
        aggregate(json!([by, {"$limit": 5}, {"$match": {"city": {"$in": ["Bonn"]}}}])),
        aggregate(json!([by, {"$addFields": {"of": {"size": "$city", "eq": 1, "in": 2}}}])),
    ] {
        let (is_well, text) = matching(&queries);
        assert!(
            is_well && notes_of(&text).is_empty() && !text.contains("not checked: annex.toml"),
            "{queries}\n{text}"
        );
    }
}

/// What `check` notes, but that nobody uses a target or a dataset, which is so in these configurations.
fn notes_of(text: &str) -> Vec<&str> {
    let notes = text.lines().filter_map(|line| line.trim().strip_prefix("note: "));
    let idle = ["no step sends to the target", "no step uses the dataset"];
    notes.filter(|note| !idle.iter().any(|idle| note.contains(idle))).collect()
}

#[test]
fn what_looks_odd_and_is_right_is_left_alone() {
    let rest = "[[target]]\nname = \"f\"\nfolder = \"out/new\"\n[[dataset]]\nname = \"vendors\"\nfile = \"v.csv\"\nkey = \"id\"\nhead = 2\nfoot = 1\n\
        [[dataset]]\nname = \"cities\"\nfile = \"c.csv\"\nseparator = \"\\t\"\n";
    let schema = r#"{"content": [{"category": "section", "id": "s", "label": "S", "children": [
        {"category": "datapoint", "id": "a", "label": "A", "type": "string"}]}]}"#;
    let function = "from __future__ import annotations\nfrom txscript import TxScript\n\ndef rossum_hook_request_handler(payload):\n    t = TxScript.from_payload(payload)\n    t.show_info(\"seen\")\n    return t.hook_response()\n";
    let files = [
        ("v.csv", "Vendors\nid,name\n1,a\n2,b\nTotal,2\n"),
        ("c.csv", "id\tname\n1\ta\n"),
        ("one.json", schema),
        ("two.json", schema),
        ("function.py", function),
    ];
    for (server, hook) in [
        (
            "contact = \"ops@my-company.com\"\nhttps = \"127.0.0.1:8443\"\nhttp = \"off\"\nprobe = \"127.0.0.2:8443\"",
            "",
        ),
        (
            "contact = \"mailto:a.b+c@my-company.com\"\nadmin = \"127.0.0.1:9000\"\nprobe = \"0.0.0.0:9001\"",
            "timeout = \"100ms\"\nmax_body = \"1KB\"",
        ),
        ("https = \"0.0.0.0:443\"\nhttp = \"[::1]:443\"\nadmin = \"off\"", ""),
        ("", "[[hook.step]]\nuse = \"replace\"\nfield = \"a\"\npattern = \"x\"\nwith = \"\""),
        // Blanks are what the pattern finds.
        ("", "[[hook.step]]\nuse = \"replace\"\nfield = \"a\"\npattern = \" \"\nwith = \"\""),
        ("", "[[hook.step]]\nuse = \"replace\"\nfield = \"a\"\npattern = \"\\n\"\nwith = \" \""),
        (
            "",
            "[[hook.step]]\nuse = \"match\"\nfield = \"a\"\ntarget = \"b\"\nignore = \" \"\nrecords = [{ value = \"1\", label = \"x y\" }]",
        ),
        (
            "",
            "[[hook.step]]\nuse = \"match\"\nfield = \"a\"\ntarget = \"b\"\nignore = \"\"\nrecords = [{ value = \"1\", label = \"x, y\" }]",
        ),
        // Either schema has the field: names were checked.
        (
            "",
            "schema = [\"one.json\", \"two.json\"]\n[[hook.step]]\nuse = \"replace\"\nfield = \"a\"\npattern = \"x\"\nwith = \"\"",
        ),
        ("", "[[hook.step]]\nuse = \"function\"\nfile = \"function.py\""),
        ("", "[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\nfield = \"a\"\none_of = [\"\", \"x\"]"),
    ] {
        let config = config(server, hook, rest);
        let (is_well, text) = checked(&config, &files, &[]);
        assert!(
            is_well && notes_of(&text).is_empty() && !text.contains("not checked: annex.toml"),
            "{config}\n{text}"
        );
    }
}

#[test]
fn a_configuration_in_another_encoding_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let text = config("", "", "");
    let utf_32 = |mark: bool| -> Vec<u8> {
        let signs = mark.then_some(0xfeff).into_iter().chain(text.chars().map(u32::from));
        signs.flat_map(u32::to_le_bytes).collect()
    };
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let zeros = "line 1 has bytes of zero, as UTF-16 and UTF-32 have: save it as UTF-8";
    for (bytes, says) in
        [(utf_32(true), "it is in UTF-32: save it as UTF-8"), (utf_32(false), zeros), (utf_16, zeros)]
    {
        write_bytes(&folder.path().join("annex.toml"), &bytes);
        let done =
            annex_command().args(["check", "--config", "annex.toml"]).current_dir(folder.path()).output();
        let said = String::from_utf8(done.unwrap().stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn what_is_noted_of_no_hook_is_told_as_json_and_by_the_server_too() {
    let rest = called("bearer = \"file:t\"");
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("t"), "ab");
    write(&folder.path().join("secret"), SECRET);
    write(&folder.path().join("annex.toml"), &config("", "", &rest));
    let note =
        "annex.toml:12: the secret file:t is shorter than 4 characters: perhaps not all of it was copied";
    let mut command = annex_command();
    command.args(["check", "--json", "--config", "annex.toml"]).current_dir(folder.path());
    let said: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(
        (&said["ok"], &said["notes"][0]),
        (&json!(true), &json!({"hook": null, "step": null, "note": note}))
    );
    let annex = Annex::dev_in(folder, free_port());
    annex.logs(note, Duration::from_secs(10));
}
