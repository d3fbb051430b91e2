//! A field with several values (a multivalue of datapoints): every step acts on all, or says which it took.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Annex, Client, Erp, Reply, SECRET, annex_command, eventually, free_port, write};

fn field(id: u32, name: &str, value: &str) -> Value {
    json!({"id": id, "schema_id": name, "category": "datapoint", "content": {"value": value, "normalized_value": value}})
}

/// A document whose field `tag` has these values, with ids from 11 on.
fn document(tags: &[&str]) -> String {
    let tags: Vec<Value> = (11..).zip(tags).map(|(id, tag)| field(id, "tag", tag)).collect();
    json!({"event": "annotation_content", "action": "initialize", "annotation": {"id": 1, "content": [
        {"id": 90, "schema_id": "header", "category": "section", "children": [
            field(1, "number", "7"), field(2, "vendor", ""),
            {"id": 10, "schema_id": "tags", "category": "multivalue", "children": tags},
            {"id": 30, "schema_id": "line_items", "category": "multivalue", "children": [
                {"id": 31, "schema_id": "line_item", "category": "tuple", "children": [field(32, "item", "a")]},
                {"id": 33, "schema_id": "line_item", "category": "tuple", "children": [field(34, "item", "b")]}]}]}]}})
    .to_string()
}

fn schema() -> Value {
    let field = |id: &str, kind: &str| json!({"id": id, "category": "datapoint", "type": kind, "label": id});
    json!([{"id": "header", "category": "section", "children": [
        field("number", "number"), field("vendor", "enum"),
        {"id": "tags", "category": "multivalue", "children": field("tag", "string")},
        {"id": "line_items", "category": "multivalue", "children": {"id": "line_item", "category": "tuple", "children": [field("item", "string")]}}]}])
}

const VALUES: [&[&str]; 3] = [&[], &["7"], &["7", "8x", "9"]];

struct Tried {
    annex: Annex,
    inspector: u16,
    answers: Vec<Value>,
}

/// What a hook with these steps answers to no value, to one, and to three.
fn tried(steps: &str, files: &[(&str, &str)]) -> Tried {
    tried_with("schema = \"schema.json\"\n", steps, files)
}

const HOOK: &str = "[[hook]]\nname = \"several\"\npath = \"/x\"\nsecrets = [\"env:ROSSUM_SECRET\"]\n";

/// The same of a hook that may have no schema.
fn tried_with(schema: &str, steps: &str, files: &[(&str, &str)]) -> Tried {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &format!("{HOOK}{schema}{steps}"));
    write(&folder.path().join("schema.json"), &self::schema().to_string());
    for (name, text) in files {
        write(&folder.path().join(name), text);
    }
    let inspector = free_port();
    let annex = Annex::dev_inspected(folder, inspector);
    if steps.contains("[[dataset]]") {
        annex.logs("records imported", Duration::from_secs(10));
    }
    let answers = VALUES.iter().map(|tags| annex.client().deliver("/x", document(tags)).json()).collect();
    Tried { annex, inspector, answers }
}

impl Tried {
    /// The ids that each answer changes, with the values.
    fn changes(&self) -> Vec<Vec<(u64, String)>> {
        let one = |operation: &Value| {
            let value = operation["value"]["content"]["value"].as_str().unwrap_or_default().to_owned();
            (operation["id"].as_u64().unwrap(), value)
        };
        let of = |answer: &Value| answer["operations"].as_array().unwrap().iter().map(one).collect();
        self.answers.iter().map(of).collect()
    }

    /// The ids that each answer's messages are at, and their texts.
    fn messages(&self) -> Vec<Vec<(u64, String)>> {
        let one = |message: &Value| {
            (message["id"].as_u64().unwrap_or_default(), message["content"].as_str().unwrap().to_owned())
        };
        let of = |answer: &Value| answer["messages"].as_array().unwrap().iter().map(one).collect();
        self.answers.iter().map(of).collect()
    }

    /// What the inspector has of the only step of each delivery: all reasons as one text.
    fn reasons(&self) -> Vec<String> {
        let of = |delivery: usize| {
            let mut found = None;
            eventually("the inspector has it", Duration::from_secs(10), || {
                let mut client = Client::plain(([127, 0, 0, 1], self.inspector).into());
                let path = format!("/inspector/deliveries/{delivery}");
                let host = format!("127.0.0.1:{}", self.inspector);
                let page = client.request_as(&host, "GET", &path, &[], b"");
                let detail: Value = serde_json::from_slice(&page.body).unwrap_or_default();
                found = detail["more"]["steps"][0].get("reasons").map(ToString::to_string);
                found.is_some()
            });
            found.unwrap()
        };
        (1..=VALUES.len()).map(of).collect()
    }

    /// Which value was taken is said where there are three, once in the log, and else nowhere.
    fn says_first_of(&self, field: &str, count: usize) {
        let words = format!("takes the first of {count} values of {field}");
        let said: Vec<bool> = self.reasons().iter().map(|reasons| reasons.contains(&words)).collect();
        assert_eq!(said, [false, false, true], "{words}: {:?}", self.reasons());
        assert_eq!(self.annex.log().matches(&words).count(), 1, "{}", self.annex.log());
    }

    fn says_nothing(&self) {
        assert!(!self.reasons().concat().contains("takes the first"), "{:?}", self.reasons());
        let log = self.annex.log();
        assert!(!log.contains("warning") && !log.contains("takes the first"), "{log}");
    }
}

fn replace(field: &str, target: &str) -> String {
    let target = if target.is_empty() { String::new() } else { format!("target = \"{target}\"\n") };
    format!(
        "[[hook.step]]\nuse = \"replace\"\nfield = \"{field}\"\n{target}pattern = '[^0-9]|7'\nwith = '1'\n"
    )
}

fn changes(list: &[(u64, &str)]) -> Vec<(u64, String)> {
    list.iter().map(|(id, value)| (*id, (*value).to_owned())).collect()
}

#[test]
fn replace_acts_on_all_values() {
    let own = tried(&replace("tag", ""), &[]);
    assert_eq!(own.changes(), [changes(&[]), changes(&[(11, "1")]), changes(&[(11, "1"), (12, "81")])]);
    own.says_nothing();
    let all = tried(&replace("number", "tag"), &[]);
    let three = [(11, "1"), (12, "1"), (13, "1")];
    assert_eq!(all.changes(), [changes(&[]), changes(&[(11, "1")]), changes(&three)]);
    all.says_nothing();
    let rows = tried(&replace("number", "item"), &[]);
    assert_eq!(
        rows.changes(),
        [
            changes(&[(32, "1"), (34, "1")]),
            changes(&[(32, "1"), (34, "1")]),
            changes(&[(32, "1"), (34, "1")])
        ]
    );
}

#[test]
fn replace_into_one_field_takes_the_first_value_and_says_so() {
    let one = tried(&replace("tag", "number"), &[]);
    assert_eq!(one.changes(), [changes(&[]), changes(&[(1, "1")]), changes(&[(1, "1")])]);
    one.says_first_of("tag", 3);
    let beside_rows = tried(&replace("tag", "item"), &[]);
    let both = changes(&[(32, "1"), (34, "1")]);
    assert_eq!(beside_rows.changes(), [vec![], both.clone(), both], "a row has one cell");
    beside_rows.says_first_of("tag", 3);
}

#[test]
fn checks_look_at_every_value_and_stand_at_the_one_that_is_wrong() {
    let check = |rule: &str| format!("[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\n{rule}\n");
    let pattern =
        tried(&check("pattern = '^[0-9]+$'\nfield = \"tag\"\nmessage = \"{tag} of {number}\""), &[]);
    assert_eq!(pattern.messages(), [vec![], vec![], changes(&[(12, "8x of 7")])]);
    pattern.says_nothing();
    let required = tried(&check("required = [\"tag\"]"), &[]);
    assert_eq!(required.messages(), [changes(&[(0, "tag is required.")]), vec![], vec![]]);
    let sum = tried(&check("sum = [\"tag\"]\nequals = \"number\"\nmessage = \"{tag} is not {number}\""), &[]);
    let wrong = changes(&[(12, "tag is not a number."), (1, "9 is not 7")]);
    assert_eq!(sum.messages(), [vec![], vec![], wrong], "each value is compared");
    let on =
        tried(&check("one_of = [\"none\"]\nfield = \"number\"\non = \"tag\"\nmessage = \"of {tag}\""), &[]);
    let three = changes(&[(11, "of 7, 8x, 9")]);
    assert_eq!(on.messages(), [changes(&[(0, "of ")]), changes(&[(11, "of 7")]), three], "a text quotes all");
}

fn matching(field: &str, target: &str) -> String {
    format!(
        "[[hook.step]]\nuse = \"match\"\nfield = \"{field}\"\ntarget = \"{target}\"\nfile = \"v.csv\"\nvalue = \"id\"\nlabel = \"name\"\n"
    )
}

#[test]
fn match_fills_each_value_or_says_that_it_took_the_first() {
    let list = [("v.csv", "id,name\nA,7\nB,8x\nC,9\n")];
    let each = tried(&matching("tag", "tag"), &list);
    let three = [(11, "A"), (12, "B"), (13, "C")];
    assert_eq!(each.changes(), [changes(&[]), changes(&[(11, "A")]), changes(&three)]);
    assert!(!each.reasons().concat().contains("takes the first"), "{:?}", each.reasons());
    let one = tried(&matching("tag", "vendor"), &list);
    assert_eq!(one.changes(), [changes(&[]), changes(&[(2, "A")]), changes(&[(2, "A")])]);
    one.says_first_of("tag", 3);
    let spread = tried(&matching("number", "tag"), &list);
    let three = [(11, "A"), (12, "A"), (13, "A")];
    assert_eq!(spread.changes(), [changes(&[]), changes(&[(11, "A")]), changes(&three)]);
}

#[test]
fn rules_and_business_rules_look_at_each_value() {
    let rule = |condition: &str| {
        format!(
            r#"
[[hook.step]]
use = "rules"
[[hook.step.rule]]
name = "r"
trigger_condition = "{condition}"
actions = [{{ type = "show_message", payload = {{ type = "error", content = "odd", schema_id = "tag" }} }}]
"#
        )
    };
    let each = tried(&rule("'x' in field.tag"), &[]);
    assert_eq!(each.messages(), [vec![], vec![], changes(&[(12, "odd")])]);
    let all = tried(&rule("len(field.tag.all_values) == 3"), &[]);
    assert_eq!(all.messages()[..2], [vec![], vec![]], "all values at once: {:?}", all.messages());
    assert_eq!(all.messages()[2].len(), 1);
    let settings = json!({"checks": [
        {"rule": "regexp('^[0-9]+$', {tag})", "message": "odd"},
        {"rule": "len({tag}) < 3", "message": "many"}]});
    let step = "[[hook.step]]\nuse = \"business_rules\"\nfile = \"b.json\"\n";
    let business = tried(step, &[("b.json", &settings.to_string())]);
    let messages = business.messages();
    assert_eq!(messages[..2], [vec![], vec![]]);
    let of = |text: &str| {
        messages[2].iter().filter(|(_, said)| said == text).map(|(id, _)| *id).collect::<Vec<_>>()
    };
    assert_eq!(of("odd"), [12], "{messages:?}");
    assert_eq!(of("many").len(), 1, "{messages:?}");
}

#[test]
fn a_formula_computes_each_value() {
    let step = "[[hook.step]]\nuse = \"formulas\"\n[[hook.step.formula]]\nfield = \"tag\"\ncode = \"field.tag + '!'\"\n";
    let each = tried(step, &[]);
    let three = [(11, "7!"), (12, "8x!"), (13, "9!")];
    assert_eq!(each.changes(), [changes(&[]), changes(&[(11, "7!")]), changes(&three)]);
    assert_eq!(each.messages().concat(), []);
}

/// The queries are those of a Master Data Hub configuration too.
#[test]
fn a_look_up_is_made_for_each_value_or_says_that_it_took_the_first() {
    let list = [("v.csv", "id,name\nA,7\nB,8x\nC,9\n")];
    let look = |field: &str, target: &str, more: &str| {
        format!(
            "[[hook.step]]\nuse = \"match\"\ntarget = \"{target}\"\nqueries = [\"SELECT id, name FROM v WHERE name = :{field}\"]\n{more}\n[server]\nstate = \"state\"\n[[dataset]]\nname = \"v\"\nfile = \"v.csv\"\n"
        )
    };
    // A field alone is not looked up by itself: another query comes first.
    let first = "queries = [\"SELECT id, name FROM v WHERE id = :number\", ";
    let cascade = look("tag", "tag", "").replace("queries = [", first);
    let each = tried(&cascade, &list);
    let three = [(11, "A"), (12, "B"), (13, "C")];
    assert_eq!(each.changes(), [changes(&[]), changes(&[(11, "A")]), changes(&three)]);
    let one = tried(&look("tag", "vendor", ""), &list);
    assert_eq!(one.changes()[1..], [changes(&[(2, "A")]), changes(&[(2, "A")])]);
    one.says_first_of("tag", 3);
    let more = tried(&look("number", "vendor", "fields = { tag = \"id\" }"), &list);
    let three = [(2, "A"), (11, "A"), (12, "A"), (13, "A")];
    assert_eq!(more.changes(), [changes(&[(2, "A")]), changes(&[(2, "A"), (11, "A")]), changes(&three)]);
    assert_eq!(more.messages().concat(), []);
}

/// What a document with this many values is exported as.
fn exported(call: &str) -> Vec<String> {
    let tried = tried(&export(call), &[]);
    assert_eq!(tried.messages().concat(), [], "{}", tried.annex.log());
    [0, 1, 3].map(|count| file(&tried, count)).to_vec()
}

fn file(tried: &Tried, count: usize) -> String {
    std::fs::read_to_string(tried.annex.folder().join(format!("out/{count}.txt"))).unwrap()
}

fn export(call: &str) -> String {
    format!(
        "[[hook.step]]\nuse = \"export\"\ntarget = \"files\"\nevents = [\"annotation_content.initialize\"]\npath = \"{{{{ field.tags | length }}}}.txt\"\n{call}\n[[target]]\nname = \"files\"\nfolder = \"out\"\n[server]\nstate = \"state\"\n"
    )
}

#[test]
fn exports_have_all_values() {
    let csv = exported("shape = \"csv\"\ncolumns = [\"number\", \"tags\", \"tag\", \"item\"]");
    let rows = |tags: &str| format!("number,tags,tag,item\r\n7,{tags},{tags},a\r\n7,{tags},{tags},b\r\n");
    assert_eq!(csv, [rows(""), rows("7"), rows("7|8x|9")]);
    let joined = exported("shape = \"csv\"\ncolumns = [\"tag\"]\njoined_by = \"; \"");
    assert_eq!(joined[2], "tag\r\n7; 8x; 9\r\n7; 8x; 9\r\n");
    let lines = exported("shape = \"csv\"\ncolumns = [\"number\", \"tag\"]\ntable = \"tags\"");
    assert_eq!(
        lines,
        ["number,tag\r\n7,\r\n", "number,tag\r\n7,7\r\n", "number,tag\r\n7,7\r\n7,8x\r\n7,9\r\n"]
    );
    let unnamed = exported("shape = \"csv\"");
    assert!(unnamed[2].starts_with("number,vendor,tags,item\r\n7,,7|8x|9,a\r\n"), "{unnamed:?}");
    let template = exported(
        "template = \"{{ field.tags | join('+') }} {% for tag in field.tag %}[{{ tag }}]{% endfor %}\"\ncontent_type = \"text/plain\"",
    );
    assert_eq!(template, [" ", "7 [7]", "7+8x+9 [7][8x][9]"]);
    let json = exported("shape = \"json\"");
    assert!(json[2].contains(r#""tags":["7","8x","9"]"#), "{json:?}");
    // One that is no number is not `null`: the document is refused, and says why.
    let numbers = tried(&export("shape = \"json\"\nnumbers = [\"tag\"]"), &[]);
    let json = [0, 1].map(|count| file(&numbers, count));
    assert!(json[0].contains("\"tags\":[]") && json[1].contains("\"tags\":[7]"), "{json:?}");
    let said = format!("{:?}", numbers.messages());
    assert!(said.contains("`8x`"), "{said}");
    assert!(!numbers.annex.folder().join("out/3.txt").exists());
    let xml = exported("shape = \"xml\"");
    assert!(xml[2].contains("<value>7</value>") && xml[2].contains("<value>9</value>"), "{xml:?}");
}

#[test]
fn what_an_answer_gives_is_written_to_the_first_value_and_said() {
    let erp = Erp::start(|_, _| Reply::ok(r#"{"id": "E-1"}"#));
    let step = format!(
        "[[hook.step]]\nuse = \"export\"\ntarget = \"erp\"\nevents = [\"annotation_content.initialize\"]\npath = \"x\"\nshape = \"json\"\nwrite = {{ tag = \"/id\" }}\n[[target]]\nname = \"erp\"\nurl = \"http://{}/\"\n[server]\nstate = \"state\"\n",
        erp.address
    );
    let written = tried(&step, &[]);
    assert_eq!(written.changes()[1..], [changes(&[(11, "E-1")]), changes(&[(11, "E-1")])]);
    assert!(written.messages()[0][0].1.contains("has no field tag"), "{:?}", written.messages());
    written.says_first_of("tag", 3);
}

#[test]
fn what_a_request_brings_is_written_to_the_first_value_and_said() {
    let erp = Erp::start(|_, _| Reply::ok(r#"{"id": "E-1"}"#));
    let handler = json!({"target_type": "schema_id", "target_key": "tag", "value": {"response.text": {"$regex": "E-[0-9]"}}});
    let request = json!({"url": format!("http://{}/x", erp.address), "method": "POST", "content_type": "json", "content": {"all": "{field.tags}", "each": "{field.tag.all_values}"}});
    let settings = json!({"stages": [{"call_api": [{"name": "one", "request": request, "response_handlers": [handler]}]}]});
    let step = "[[hook.step]]\nuse = \"request_processor\"\nsettings = \"r.json\"\nevents = [\"annotation_content.initialize\"]\n[server]\nstate = \"state\"\n";
    let written = tried(step, &[("r.json", &settings.to_string())]);
    assert_eq!(written.changes(), [changes(&[]), changes(&[(11, "E-1")]), changes(&[(11, "E-1")])]);
    assert!(written.messages()[0][0].1.contains("has no field tag"), "{:?}", written.messages());
    written.says_first_of("tag", 3);
    for key in ["all", "each"] {
        let all: Vec<Value> = erp.calls().iter().map(|call| call.json()[key].clone()).collect();
        assert_eq!(all, [json!([]), json!(["7"]), json!(["7", "8x", "9"])], "{key}");
    }
}

#[test]
fn an_aggregation_of_no_value_skips_a_business_rule_and_is_an_empty_list_in_code() {
    let rules =
        ["len({tag}) > 99", "any({tag} == 99)", "sum({tag, default=0}) == 99", "len({tag, default=0}) > 99"];
    let checks: Vec<Value> = rules.iter().map(|rule| json!({"rule": rule, "message": rule})).collect();
    let step = "[[hook.step]]\nuse = \"business_rules\"\nfile = \"b.json\"\n";
    let business = tried(step, &[("b.json", &json!({ "checks": checks }).to_string())]);
    assert_eq!(business.messages()[0], [], "no value is no value, also with a default");
    let said = |at: usize| business.messages()[at].iter().map(|(_, text)| text.clone()).collect::<Vec<_>>();
    assert_eq!(said(1), rules, "one value is looked at");
    let code = |condition: &str| {
        format!(
            "[[hook.step]]\nuse = \"rules\"\n[[hook.step.rule]]\ntrigger_condition = \"{condition}\"\nactions = [{{ type = \"show_message\", payload = {{ type = \"info\", content = \"fired\" }} }}]\n"
        )
    };
    let empty =
        tried(&code("len(field.tag.all_values) == 0 and sum(default_to(field.tag.all_values, 0)) == 0"), &[]);
    assert_eq!(empty.messages()[0], changes(&[(0, "fired")]));
    // Without a schema a document without values does not even tell that there is such a field.
    let step = code("'x' in field.tag").replacen(
        "use = \"rules\"",
        "use = \"rules\"\ntypes = { number = \"number\" }",
        1,
    );
    let untold = tried_with("", &step, &[]);
    assert_eq!(untold.messages(), [vec![], vec![], changes(&[(0, "fired")])]);
    let step = "[[hook.step]]\nuse = \"formulas\"\ntypes = { number = \"number\" }\n[[hook.step.formula]]\nfield = \"tag\"\ncode = \"field.tag + '!'\"\n";
    let untold = tried_with("", step, &[]);
    assert_eq!(untold.messages().concat(), []);
    assert_eq!(untold.changes()[..2], [vec![], changes(&[(11, "7!")])]);
}

#[test]
fn an_action_of_a_rule_acts_on_each_value_or_says_that_it_is_not_done() {
    let rule = |condition: &str, field: &str| {
        format!(
            "[[hook.step]]\nuse = \"rules\"\n[[hook.step.rule]]\nname = \"r\"\ntrigger_condition = \"{condition}\"\nactions = [{{ type = \"add_validation_source\", payload = {{ schema_id = \"{field}\" }} }}]\n"
        )
    };
    let each = tried(&rule("'x' in field.tag", "tag"), &[]);
    assert_eq!(
        each.answers[2]["operations"],
        json!([{"op": "replace", "id": 12, "value": {"validation_sources": ["rules"]}}])
    );
    each.says_nothing();
    for field in ["tag", "item", "tags", "line_items"] {
        let header = tried(&rule("field.number == 7", field), &[]);
        assert_eq!(header.changes().concat(), [], "{field}");
        let words = format!("not done: add_validation_source of rule r on `{field}`");
        assert_eq!(header.annex.log().matches(&words).count(), 1, "{}", header.annex.log());
        for reasons in header.reasons() {
            assert!(reasons.contains(&words) && reasons.contains("fired"), "{reasons}");
        }
    }
}

/// What `annex check` says of these steps.
fn checked(steps: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("annex.toml"), &format!("{HOOK}schema = \"schema.json\"\n{steps}"));
    write(&folder.path().join("schema.json"), &schema().to_string());
    let mut command = annex_command();
    command.args(["check", "--dev-http", "--config", "annex.toml"]).current_dir(folder.path());
    let output = command.env("ROSSUM_SECRET", SECRET).output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

const TO_FILES: &str = "[[hook.step]]\nuse = \"export\"\ntarget = \"files\"\nevents = [\"annotation_content.initialize\"]\npath = \"{{ field.number }}.csv\"\nshape = \"csv\"\n";
const FILES: &str = "[[target]]\nname = \"files\"\nfolder = \"out\"\n[server]\nstate = \"state\"\n";

#[test]
fn a_csv_has_every_value_or_is_refused() {
    let rows = [
        ("table = \"line_item\"", "`line_item` is a row of the table `line_items`", "no table `line_item`"),
        ("table = \"tag\"", "`tag` has its values in the multivalue `tags`", "write `table = \"tags\"`"),
        ("table = \"item\"", "`item` is a column of the table `line_items`", "no table `item`"),
        ("table = \"number\"", "`number` is a field of the header", "`number` is a field, and no table"),
        ("table = \"header\"", "`header` is a section", "no table `header`"),
        (
            "table = \"tags\"\ncolumns = [\"tag\", \"item\"]",
            "`item` is a column of the table `line_items`, and the lines are those of `tags`",
            "`item` is a column of the table `line_items`, and the lines are those of `tags`",
        ),
        ("columns = [\"number\", \"line_items\"]", "`line_items` is a table", "`line_items` is a table"),
    ];
    for (keys, at_load, at_run) in rows {
        let (is_good, said) = checked(&format!("{TO_FILES}{keys}\n{FILES}"));
        assert!(!is_good && said.contains(at_load) && said.contains("hint: "), "{keys}: {said}");
        let tried = tried_with("", &format!("{TO_FILES}{keys}\n{FILES}"), &[]);
        let last = &tried.messages()[2];
        assert!(last.len() == 1 && last[0].1.contains("Nothing was sent"), "{keys}: {last:?}");
        let told = last[0].1.replace("&quot;", "\"");
        assert!(told.contains("The CSV cannot be made") && told.contains(at_run), "{keys}: {last:?}");
        assert!(!tried.annex.folder().join("out/7.csv").exists(), "{keys}: nothing is written");
    }
    let (is_good, said) = checked(&format!(
        "{TO_FILES}columns = [\"annotation_id\", \"number\", \"tag\", \"tags\", \"item\"]\n{FILES}"
    ));
    assert!(is_good, "{said}");
}

#[test]
fn what_cannot_be_paired_is_said_by_check() {
    let (is_good, said) = checked(&replace("item", "tag"));
    assert!(!is_good && said.contains("nothing says which value goes where"), "{said}");
    let (is_good, said) = checked(&matching("item", "tag").replace(
        "file = \"v.csv\"\nvalue = \"id\"\nlabel = \"name\"",
        "records = [{ value = \"1\", label = \"a\" }]",
    ));
    assert!(!is_good && said.contains("`item` has its values in `line_items` and `tag` in `tags`"), "{said}");
    for (field, target) in [("tag", "item"), ("item", "number"), ("number", "tag"), ("tag", "tag")] {
        let (is_good, said) = checked(&replace(field, target));
        assert!(is_good, "{field} to {target}: {said}");
    }
    let formula = "[[hook.step]]\nuse = \"formulas\"\nschema = \"schema.json\"\n[[hook.step.formula]]\nfield = \"number\"\n";
    let (is_good, said) = checked(&format!("{formula}code = \"len(field.tag)\"\n"));
    assert!(
        is_good && said.contains("it is evaluated once, where `field.tag` has no value of its own"),
        "{said}"
    );
    let (_, said) = checked(&format!("{formula}code = \"len(field.tag.all_values)\"\n"));
    assert!(!said.contains("evaluated once"), "{said}");
}

#[test]
fn a_sum_of_a_column_adds_all_values() {
    let check = "[[hook.step]]\nuse = \"checks\"\n[[hook.step.check]]\ncolumn_sum = \"tag\"\nequals = \"number\"\nmessage = \"{calculated}\"\n";
    let sum = tried(check, &[]);
    assert_eq!(sum.messages(), [vec![], vec![], changes(&[(12, "tag is not a number.")])]);
    let zero = tried(&format!("{check}empty = \"zero\"\n"), &[]);
    assert_eq!(zero.messages()[..2], [changes(&[(1, "0")]), vec![]], "the sum of nothing is 0");
}
