//! Code that can never do what it was written for: `annex check` says so, at its line. What is right is left alone.

use serde_json::{Value, json};

use crate::planted::checked;

pub(crate) fn schema() -> Value {
    let field = |id: &str, kind: &str| json!({"id": id, "category": "datapoint", "type": kind});
    let choice = |id: &str, options: [&str; 2]| {
        let options = options.map(|value| json!({"value": value, "label": value}));
        json!({"id": id, "category": "datapoint", "type": "enum", "options": options})
    };
    json!([
        {"id": "head", "category": "section", "children": [
            field("reference", "string"), field("remark", "string"), choice("sort", ["standard", "express"]),
            choice("currency", ["GBP", "EUR"]), field("shipped", "date"), field("arrived", "date"),
            field("gross", "number"), field("net", "number"), field("settled", "boolean"), field("call", "button"),
            {"id": "parcels", "category": "multivalue", "children": field("parcel", "string")}]},
        {"id": "rows", "category": "section", "children": [{"id": "goods", "category": "multivalue", "children":
            {"id": "good", "category": "tuple", "children": [field("good_code", "string"), field("good_price", "number")]}}]}
    ])
}

/// What is said of each of these conditions, and of each formula with its field.
fn said(conditions: &[&str], formulas: &[(&str, &str)]) -> (bool, Vec<String>, String) {
    let mut config =
        "[[hook]]\npath = \"/code\"\nsecrets = [\"file:s\"]\nschema = \"schema.json\"\n".to_owned();
    if !conditions.is_empty() {
        config.push_str("[[hook.step]]\nuse = \"rules\"\n");
    }
    for (at, condition) in conditions.iter().enumerate() {
        config.extend([format!(
            "[[hook.step.rule]]\nname = \"N{at}\"\ntrigger_condition = '''{condition}'''\nactions = [{{ type = \"show_message\", payload = {{ type = \"error\", content = \"x\" }} }}]\n"
        )]);
    }
    for (field, code) in formulas {
        config.extend([format!(
            "[[hook.step]]\nuse = \"formulas\"\n[[hook.step.formula]]\nfield = \"{field}\"\ncode = '''{code}'''\n"
        )]);
    }
    let (is_well, text) = checked(&config, &[("schema.json", schema())]);
    let of = |at: usize| {
        let title = format!("rule N{at}: ");
        text.lines().filter(|line| line.contains(&title)).collect::<String>()
    };
    (is_well, (0..conditions.len()).map(of).collect(), text)
}

const NEVER: [(&str, &str); 61] = [
    ("field.remark is \"urgent\"", "not whether they are equal: this never holds"),
    ("\"urgent\" is not field.remark", "not whether they are equal: this always holds"),
    ("field.remark == False", "which is never True or False"),
    ("field.reference.upper == \"A\"", "`field.reference.upper` is a method, and is not called"),
    ("field.reference.strip().title in [\"A\"]", "is a method, and is not called"),
    ("not field.reference.isalpha", "is a method, and is not called"),
    ("field.shipped.isoweekday == 5", "is a method, and is not called"),
    ("any", "`any` is a function, and is not called"),
    ("field.remark.is_empty()", "`is_empty` is a function, and no part of `field.remark`"),
    ("is_set(\"remark\")", "write `field.remark` without quotes"),
    ("is_empty(field.gross > 5)", "a comparison, which is never empty"),
    ("is_empty(str(field.gross))", "which is never empty"),
    ("is_empty(len(field.remark))", "which is never empty"),
    ("field.reference[:3] == \"INVO\"", "has 3 letters at most, and `INVO` has more"),
    ("field.reference[:3] in [\"DE-1\", \"CZ-\"]", "has 3 letters at most, and `DE-1` has more"),
    ("field.reference[-2:] != \"-EU\"", "has 2 letters at most"),
    ("field.reference[1:4] == \"ABCD\"", "has 3 letters at most"),
    ("field.reference[-1] == \"EU\"", "has 1 letter at most"),
    ("field.reference[:2].startswith(\"RE-\")", "has 2 letters at most"),
    ("len(field.parcels) < 0", "a whole number, and 0 or more"),
    ("len(field.remark) == -1", "a whole number, and 0 or more"),
    ("len(field.remark) == 7.5", "is a whole number"),
    ("abs(field.gross - field.net) < 0", "0 or more"),
    ("field.gross % 7 == 7", "from 0 to below 7"),
    ("12 < field.shipped.month", "from 1 to 12"),
    ("field.arrived.day > 31", "from 1 to 31"),
    ("field.shipped.weekday() in [5, 6, 7]", "it is never 7"),
    ("field.shipped.isoweekday() < 1", "from 1 to 7"),
    ("field.remark.count(\",\") == -1", "0 or more"),
    ("field.gross.attr.rir_confidence < -1", "from 0 to 1"),
    ("field.gross.rir_confidence >= 95", "write a fraction: 0.9 for 90 %"),
    ("round(field.gross) == 99.5", "is a whole number"),
    ("100 < field.gross < 50", "no value is on both sides"),
    ("50 >= field.gross > 50", "no value is on both sides"),
    ("field.gross >= 9 and field.gross < 9", "never hold together"),
    ("field.gross == 9 and field.gross > 10", "never hold together"),
    ("field.remark == \"a\" and field.remark != \"a\"", "never hold together"),
    ("len(field.remark) > 9 and len(field.remark) < 2", "never hold together"),
    ("str(field.shipped) == \"24.12.2026\"", "a date written as YYYY-MM-DD"),
    ("str(field.shipped)[:4] == \"24.12.\"", "has 4 letters at most"),
    ("field.arrived.isoformat() in [\"2026/12/24\"]", "a date written as YYYY-MM-DD"),
    ("field.shipped.strftime(\"%d.%m.%Y\") == \"24.12.26\"", "a date written as DD.MM.YYYY"),
    ("str(field.net) == \"250\"", "is never `250`: a number is shown as"),
    ("str(field.net) == \"1,250.00\"", "is never `1,250.00`"),
    ("field.currency.lower() == \"EUR\"", "did you mean `eur`?"),
    (
        "field.remark.lower() in [\"yes\", \"OK\"]",
        "`field.remark.lower()` is never `OK`: it has other letters",
    ),
    ("field.remark.upper().endswith(\"gmbh\")", "never has `gmbh` in it"),
    ("\"Ltd\" in field.remark.lower()", "never has `Ltd` in it"),
    ("field.reference.replace(\"-\", \"\") == \"A-1\"", "it has other letters"),
    ("field.reference.strip() == \" A1\"", "it has other letters"),
    ("is_empty(field.remark) == \"true\"", "true or false, which no text is equal to"),
    ("field.arrived - field.shipped > 14", "the time between two dates, which is not a number"),
    ("date.today() == \"2026-12-24\"", "is a date, which no text is equal to"),
    ("show_warning(\" \")", "people would see an empty box"),
    ("field.shipped + 14 < field.arrived", "`x + timedelta(days=30)`|`field.x + timedelta(days=30)`"),
    ("field.shipped + field.arrived > date.today()", "their difference, `-`"),
    ("\"No \" + field.net == \"No 5\"", "make a text of the number: `str(field.x)`"),
    (
        "len(field.net) > 3",
        "this fails for every document: TypeError: object of type 'NumberValue' has no len()",
    ),
    ("date.fromisoformat(field.shipped) > date.today()", "the field is a date already"),
    ("field.sort == \"express\" & field.currency == \"EUR\"", "write `and` between two comparisons"),
    ("any(row.good_price + row.good_code == \"x\" for row in field.goods)", "make one kind of both"),
];

/// The same, of names that stand for something, of what a document is, and of tables.
const NEVER_OF_NAMES: [(&str, &str); 61] = [
    ("from datetime import datetime\nfield.shipped < datetime.now()", "comparing them fails"),
    ("import datetime as dt\nfield.arrived == dt.datetime.utcnow()", "they are never equal"),
    ("today = date.today()\ntoday >= datetime.datetime.now()", "comparing them fails"),
    (
        "from datetime import datetime as moment\nnow = moment.today()\nnow == field.arrived",
        "they are never equal",
    ),
    (
        "from datetime import datetime\nfield.shipped - datetime.now() > timedelta(days=3)",
        "this fails for every document",
    ),
    ("field.arrived.date() >= date.today()", "it is a date already: write `field.arrived`"),
    ("arrival = field.arrived\narrival.hour > 12", "a date has no time of day"),
    ("field.arrived.days > 3", "the days between two dates are `(a - b).days`"),
    ("date.today().moth == 5", "did you mean `month`?"),
    ("context.documnt.id == 5", "`context` has no `documnt`|did you mean `document`?"),
    ("context.annotation.automatd", "did you mean `automated`?"),
    ("annotation.stauts == \"confirmed\"", "did you mean `status`?"),
    ("context.document.mime == \"application/pdf\"", "did you mean `mime_type`?"),
    ("paper = context.document\npaper.original_filename == \"x\"", "did you mean `original_file_name`?"),
    ("field.gross.attr.confidence < 0.9", "did you mean `rir_confidence`?"),
    ("field.net.confidence < 0.9", "did you mean `rir_confidence`?"),
    ("field.net.hidden", "write `field.net.attr.hidden`"),
    ("field.shipped.day == \"24\"", "is a number, which no text is equal to"),
    ("day = field.shipped.isoweekday()\nday in [\"6\", \"7\"]", "is a number, which no text is equal to"),
    ("field.shipped.strftime(\"%B %Y\") > 2026", "is a text, which no number is equal to"),
    ("code = field.reference.upper()\ncode == 2026", "is a text, which no number is equal to"),
    ("field.reference[:4] == 2026", "is a text, which no number is equal to"),
    ("limit = \"100\"\nfield.gross > limit", "`gross` is a number, which no text is equal to"),
    ("price = field.net\nprice.upper() == \"A\"", "`price` has no `upper`"),
    ("word = field.remark.strip()\nword + 5 == 6", "this fails for every document"),
    ("import math\nmath.floor(field.remark) > 5", "this fails for every document"),
    ("is_empty(field.goods)", "this is always False|write `len(field.goods) == 0`"),
    ("is_empty(field.parcels)", "write `len(field.parcels) == 0`"),
    ("field.goods == []", "a table or a list, which has no value of its own"),
    ("None == field.parcels", "a table or a list, which has no value of its own"),
    ("field.goods == 1", "`len(field.goods)` counts what is in it"),
    ("len(field.goods.all_values) > 1", "`goods` is a table, and no column"),
    ("field.goods[0].good_cod == \"x\"", "did you mean `good_code`?"),
    ("field.goods[0].good_price == \"x\"", "`good_price` is a number, which no text is equal to"),
    ("show_error(\"bad\", \"remark\")", "write `field.remark` without quotes"),
    ("field.remark = \"x\"\nfield.gross > 5", "rules and formulas read fields and write none"),
    (
        "field.gross > 5 and (field.remark == \"x\" and field.gross < 3)",
        "`field.gross > 5` and `field.gross < 3` never hold together",
    ),
    ("not field.gross > 5 and field.gross > 6", "never hold together"),
    ("field.remark in [\"a\", \"b\"] and field.remark == \"c\"", "never hold together"),
    (
        "price = field.gross\nprice > 5 and field.gross < 3",
        "`price > 5` and `field.gross < 3` never hold together",
    ),
    (
        "annotation.status == \"to_reveiw\"",
        "line 1, column 22: Rossum has no status of an annotation `to_reveiw`|did you mean `to_review`?",
    ),
    ("context.annotation.status in [\"exportd\"]", "did you mean `exported`?"),
    ("(field.arrived - field.shipped).seconds > 86400", "is always 0|write `.days`"),
    ("late = field.arrived - field.shipped\nlate.seconds >= 14", "is always 0"),
    (
        "now = datetime.datetime.now()\n(now - datetime.datetime(2026, 1, 1)).seconds > 86400",
        "from 0 to 86399|`.total_seconds()`",
    ),
    (
        "re.match(field.remark, r\"^\\d+$\")",
        "here `field.remark` is read as a pattern|write `re.match(r\"^\\d+$\", field.remark)`",
    ),
    ("import re\nre.search(field.remark, \"[0-9]\") is not None", "takes the pattern first"),
    ("substitute(field.remark, r\"\\s\", \"\") == \"x\"", "write `substitute(\"…\", \"…\", field.remark)`"),
    (
        "datetime.now().year == 2026",
        "`datetime` is the module here, which has no `now`|write `datetime.datetime.now(…)`",
    ),
    (
        "import datetime as dt\ndt.strptime(field.remark, \"%Y\").year == 2026",
        "write `dt.datetime.strptime(…)`",
    ),
    ("datetime.today() > field.shipped", "write `datetime.date.today()`"),
    ("datetime(2026, 1, 1) > field.shipped", "which cannot be called"),
    ("date.now() > field.shipped", "write `date.today()`"),
    ("date.strptime(field.remark, \"%Y\") == field.shipped", "write `datetime.datetime.strptime(…).date()`"),
    ("from datetime import datetime\ndatetime.nwo().year == 2026", "did you mean `now`?"),
    ("field.shipped.strftime(\"DD.MM.YYYY\") == \"24.12.2026\"", "stands for no part of a date"),
    ("field.gross > field.net and field.net > 5 and field.net >= field.gross", "never hold together"),
    ("net = field.net\nfield.gross == net and field.net != field.gross", "never hold together"),
    ("substitute(r\"\\s\", field.remark, \"\") == \"x\"", "here it is empty, and nothing is replaced"),
    ("field.goods._index == 0", "`goods` is a table, and no row|write `row._index`"),
    ("field.gross._index == 0", "`gross` is no row|write `row._index`"),
];

#[test]
fn conditions_that_no_document_meets_are_refused() {
    refused(&NEVER);
    refused(&NEVER_OF_NAMES);
}

fn refused(never: &[(&str, &str)]) {
    let conditions: Vec<&str> = never.iter().map(|(condition, _)| *condition).collect();
    let (is_well, said, text) = said(&conditions, &[]);
    assert!(!is_well);
    for (at, (condition, says)) in never.iter().enumerate() {
        let title = format!("rule N{at}: ");
        let lines: Vec<_> = text.lines().collect();
        let with_hint =
            lines.iter().enumerate().filter(|(_, line)| line.contains(&title)).map(|(at, line)| {
                let hint = lines
                    .get(at + 1..)
                    .and_then(|next| next.iter().take(3).find(|next| next.starts_with("  hint:")));
                format!("{line}{}", hint.copied().unwrap_or_default())
            });
        let all: String = with_hint.collect();
        assert!(says.split('|').any(|says| all.contains(says)), "{condition}: {says}\n{}", said[at]);
    }
}

#[test]
fn conditions_that_decide_nothing_are_noted() {
    const ODD: [(&str, &str); 17] = [
        ("from datetime import datetime\ndatetime.now() != field.arrived", "they always differ"),
        ("is_set(field.parcels)", "this is always True; write `len(field.parcels) > 0`"),
        ("field.gross.attr.something == 1", "a field's `attr` has no `something` that Rossum documents"),
        ("sum(field.goods) > 5", "this fails for every document that has rows"),
        ("\", \".join(field.good_price.all_values) == \"1\"", "make texts of them"),
        ("field.gross is None", "`is_empty(field.gross)` asks whether it is empty"),
        ("field.remark is not None", "this always holds"),
        ("field.settled is True", "write `field.settled == True`"),
        ("field.remark == None", "a text, which is never `None`"),
        ("None != field.remark", "a text, which is never `None`"),
        ("len(field.remark) >= 0", "this comparison always holds"),
        ("field.gross.rir_confidence <= 1", "this comparison always holds"),
        ("field.gross > 5 or field.gross <= 5", "always holds"),
        ("field.remark == \"a\" or field.remark != \"a\"", "always holds"),
        ("field.remark in []", "nothing is in an empty list"),
        ("field.remark in [\"a\" \"b\", \"c\"]", "a comma is missing"),
        ("x = show_info(\"y\")\nfield.gross > 5", "nothing can be done with it"),
    ];
    let (is_well, said, text) = said(&ODD.map(|(condition, _)| condition), &[]);
    assert!(is_well, "{text}");
    for ((condition, says), said) in ODD.iter().zip(said) {
        assert!(said.contains("note: ") && said.contains(says), "{condition}: {says}\n{said}");
    }
}

#[test]
fn conditions_that_a_document_can_meet_are_left_alone() {
    let right = [
        "field.remark == \"\" or is_empty(field.remark)",
        "field.reference.upper() == \"A\" and field.reference.isalpha()",
        "field.reference[:3] in [\"INV\", \"RE\", \"\"] and field.reference[3:] == \"20261\"",
        "field.reference[-2:] == \"EU\" or field.reference[:-1] == \"INVOICE\" or field.reference[0] == \"E\"",
        "field.remark.split(\",\")[0] == \"Invoice\"",
        "len(field.remark) == 0 or 2 < len(field.remark) < 9",
        "abs(field.gross - field.net) <= 0 and field.gross % 7 == 6.5",
        "field.shipped.month == 12 and field.shipped.day in [1, 31] and field.shipped.weekday() in [5, 6]",
        "field.remark.find(\"x\") == -1 and field.remark.count(\",\") == 0",
        "field.gross.attr.rir_confidence < 0.95 and field.gross.rir_confidence > 0",
        "50 < field.gross < 100 or 200 < field.gross < 300",
        "field.gross > 10 or field.gross < 5",
        "field.gross >= 5 and field.gross <= 5",
        "str(field.shipped) == \"2026-12-24\" or str(field.shipped) == \"None\"",
        "field.shipped.strftime(\"%d.%m.%y\") == \"24.12.26\" or field.shipped.strftime(\"%B\") == \"May\"",
        "str(field.net) in [\"250.0\", \"250.5\"]",
        "field.currency.lower() == \"eur\" and field.remark.upper().endswith(\"GMBH\")",
        "field.remark.upper().lower() == \"ok\" and field.reference.replace(\"-\", \"\") == \"A1\"",
        "is_empty(field.remark) == True and field.settled == True",
        "(field.arrived - field.shipped).days > 14 and field.arrived - field.shipped > timedelta(days=14)",
        "field.shipped + timedelta(days=14) < field.arrived and date.today() > date(2026, 1, 1)",
        "field.gross == None or is_empty(default_to(field.remark, \"\"))",
        "(field.gross > 5) is True and field.remark.attr.rir_confidence is None",
        "\"No \" + str(field.net) == \"No 5.0\" and f\"{field.net}\" == \"5.0\" and len(str(field.net)) > 3",
        "date.fromisoformat(field.remark) > date.today()",
        "import json\njson.loads(field.remark)[\"a\"] == 1",
        "re.search(r\"(\\d+)\", field.remark).group(1) == \"5\"",
        "sum(default_to(field.good_price.all_values, 0)) > 5 and len(field.goods) > 1",
        "any(row.good_code + str(row.good_price) == \"x\" for row in field.goods)",
        "isinstance(field.gross, str) and field.gross + \"x\" == \"5\"",
        "{\"standard\": 1, \"express\": 2}[field.sort] + 1 == 2",
        "field.settled and field.settled + 1 == 2 and \"%.2f\" % field.gross == \"1.00\"",
        "min(field.shipped, field.arrived) > date(2020, 1, 1) and field.gross ** 2 * -1 < 0",
        "try:\n    x = field.remark + 5\nexcept Exception:\n    x = 1\nx == 1",
        "from datetime import datetime, date\ndatetime.strptime(\"2026-05-01\", \"%Y-%m-%d\").date() == date(2026, 5, 1)",
        "find = field.remark.find\nfind(\"x\") > 1",
        "rows = [row for row in field.goods]\nlen(rows) > 1 and rows[0].good_price > 5",
        "[x.lower() for x in field.parcel.all_values] == [\"a\"]",
        "from datetime import datetime\nfield.shipped > datetime.now().date() or datetime.now().hour > 12",
        "import datetime as dt\nfield.shipped == dt.date.today() and dt.datetime.now() > dt.datetime(2026, 1, 1)",
        "from datetime import datetime\ndatetime.strptime(field.remark, \"%d.%m.%Y\") < datetime.now()",
        "d = field.shipped\nd.month == 1 and d.strftime(\"%Y\") == \"2026\" and d.replace(day=1) < d",
        "context.annotation.status == \"confirmed\" and context.document.mime_type != \"\" and context.queue.name == \"x\"",
        "annotation.metadata.get(\"x\") == 1 or context.annotation.get(\"new_key\") == 2 or context.annotation.brand_new == 3",
        "paper = context.document\npaper.original_file_name.endswith(\".pdf\") and context.emails[0].subject == \"x\"",
        "field.gross.attr.rir_confidence > 0.5 and field.net.attr.hidden and len(field.net.attr.validation_sources) > 0",
        "len(default_to(field.goods, [])) == 0 or len(field.goods) == 0 or len(field.parcels) > 1 or not field.goods",
        "any(is_empty(row.good_code) for row in field.goods) or all(is_empty(value) for value in field.parcels)",
        "field.goods[0].good_price > 5 and field.goods[-1].attr.id == 5",
        "limit = 100 if field.remark else 50\nfield.gross > limit",
        "limit = \"A\"\nlimit = \"B\"\nfield.remark == limit",
        "total = 0\nfor row in field.goods:\n    total += row.good_price\ntotal == field.gross",
        "try:\n    x = context.nothing\nexcept Exception:\n    x = 1\nx == 1",
        "if is_set(field.remark):\n    show_error(\"bad\", field.remark)\nfield.gross > 5",
        "import math\nmath.floor(field.gross) > 5",
        "state = {\"n\": 0}\nstate[\"n\"] = field.remark\nstate[\"n\"] + \"x\" == \"ax\"",
        "parts = field.remark.split(\",\")\nparts[0] = 5\nparts[0] + 1 == 6",
        "net = field.net * 2\nnet + 1 > 5 and str(net) + \"x\" == \"5.0x\"",
        "field.remark.title() == \"Invoice\" and field.remark in [\"a\", \"b\"]",
        "field.gross > 5 and (field.remark == \"x\" or field.gross < 3)",
        "(field.gross > 5 and field.remark == \"x\") or (field.gross < 3 and field.remark == \"y\")",
        "field.remark in [\"a\", \"b\"] and field.remark != \"a\"",
        "not field.gross > 5 and field.gross > 3",
        "field.goods[0].good_price > 5 and field.goods[1].good_price < 3",
        "annotation.status == \"to_review\" or context.annotation.status in [\"exporting\", \"in_workflow\"]",
        "late = field.arrived - field.shipped\nlate.days > 14 or late.total_seconds() > 86400",
        "import datetime\nmoment = datetime.datetime.now() - datetime.datetime(2026, 1, 1)\nmoment.seconds > 3600",
        "re.match(r\"^\\d+$\", field.remark) is not None and substitute(r\"\\s\", \"\", field.remark) == \"x\"",
        "re.sub(\"NAME\", field.remark, \"Dear NAME\") == \"Dear A\" and re.search(field.remark, field.reference) is None",
        "datetime.datetime.now().date() > field.shipped and datetime.date.today() == date.today() and datetime.timedelta(days=1) > timedelta(days=0)",
        "field.shipped.strftime(\"%d.%m.%Y\") == \"24.12.2026\"",
        "field.gross >= field.net and field.net >= field.gross or field.gross < field.net",
        "field.remark != field.reference or field.remark < field.reference",
        "any(row._index == 0 and is_empty(row.good_code) for row in field.goods)",
    ];
    let (is_well, _, text) = said(&right, &[]);
    assert!(is_well && !text.contains("note: "), "{text}");
}

#[test]
fn code_that_gives_nothing_or_what_rossum_ignores_is_refused() {
    for (field, code, says) in [
        ("gross", "\"unknown\"", "Rossum ignores `unknown` in `gross`"),
        ("gross", "if field.remark:\n    5\nelse:\n    \"n/a\"", "line 4, column 5: Rossum ignores `n/a`"),
        ("gross", "field.net or \"none\"", "Rossum ignores `none`"),
        ("shipped", "20261224", "Rossum ignores `20261224` in `shipped`"),
        ("shipped", "\"24.12.2026\"", "its value is not a date"),
        ("sort", "\"slow\" if field.remark else \"express\"", "not one of its options"),
        ("arrived", "True", "its value is not a date"),
        (
            "remark",
            "def twice(x):\n    x * 2\ntwice(field.gross)",
            "`twice` returns nothing: this code comes to nothing",
        ),
        ("remark", "def twice(x):\n    x * 2\ny = twice(field.gross)\nstr(y)", "`twice` returns nothing"),
        ("remark", "x = [3, 1]\ny = x.sort()\nstr(y)", "`sorted(…)` gives the list"),
        ("remark", "\"x\" if field.gross > 1 && field.net > 1 else \"\"", "write `and` for `&&`"),
        ("remark", "\"x\" if field.gross => 1 else \"\"", "write `>=` for `=>`"),
        ("settled", "true", "write `True`"),
        ("remark", "json.loads(field.reference)", "write `import json` above it"),
    ] {
        let (is_well, _, text) = said(&[], &[(field, code)]);
        assert!(!is_well && text.contains(says), "{code}: {says}\n{text}");
    }
    let right = [
        ("gross", "\"5\" if field.remark else \"\""),
        ("net", "if field.remark:\n    1e3\nelse:\n    field.gross or 0"),
        ("shipped", "\"2026-12-24\" if field.remark else date(2026, 12, 24)"),
        ("sort", "\"standard\" if field.remark else \"express\""),
        ("settled", "True"),
        ("remark", "def twice(x):\n    if x > 5:\n        return x * 2\nstr(twice(field.gross))"),
        (
            "reference",
            "def look(x):\n    show_error(\"bad\")\nx = [3]\nx.append(1)\nx.sort()\nlook(field.gross)\nstr(x)",
        ),
    ];
    let (is_well, _, text) = said(&["field.gross > 1"], &right);
    assert!(is_well && !text.contains("note: "), "{text}");
}

#[test]
fn business_rules_of_what_has_no_value_are_refused() {
    let told = |rules: &[&str], has_schema: bool| {
        let schema_key = if has_schema { "schema = \"schema.json\"\n" } else { "" };
        let config = format!(
            "[[hook]]\npath = \"/code\"\nsecrets = [\"file:s\"]\n{schema_key}[[hook.step]]\nuse = \"business_rules\"\nfile = \"rules.json\""
        );
        let checks: Vec<_> = rules.iter().map(|rule| json!({"rule": rule, "message": "x"})).collect();
        checked(&config, &[("schema.json", schema()), ("rules.json", json!({"checks": checks}))])
    };
    for (rule, says) in [
        ("{shipped} == 'tomorrow'", "line 1, column 14: `shipped` is a date, which no text is equal to"),
        ("'31.12.2026' != {arrived}", "write `'2026-01-31'` for a day, `today()` for today"),
        ("{arrived} > 'soon'", "`arrived` is a date, which no text is equal to"),
        ("{goods} == 1", "name a column: `{good_code}`; `len({good_code})` counts its values"),
        ("{gross} > 5 and {goods} > 3", "line 1, column 17: `goods` is a table or a list"),
        ("sum({goods}) > 5", "name a column: `{good_code}`"),
        ("has_value({good})", "`good` is a table or a list"),
        ("len({parcels}) > 1", "name a column: `{parcel}`"),
        ("{call} == 'x'", "`call` is a button"),
        ("{head} == 1", "`head` is a section, which has no value of its own|`{reference}`"),
    ] {
        let (is_well, text) = told(&[rule], true);
        assert!(!is_well && says.split('|').all(|says| text.contains(says)), "{rule}: {says}\n{text}");
    }
    let (is_well, text) = told(&["today() > 5"], false);
    assert!(!is_well && text.contains("this fails for every document"), "{text}");
    let right = [
        "{shipped} == '2026-12-24' or {arrived} > today()",
        "{shipped} != ''",
        "{remark} == 'tomorrow'",
        "{remark} == '2026-12-24'",
        "sum({good_price}) > 5 and len({good_code}) > 1",
        "{good_price} > 1 and has_value({good_code})",
        "all({parcel} != 'x')",
    ];
    let (is_well, text) = told(&right, true);
    assert!(is_well, "{text}");
    let (is_well, text) = told(&["{shipped} == 'tomorrow'", "{goods} == 1", "today() > '2026-01-01'"], false);
    assert!(is_well, "{text}");
}

#[test]
fn master_data_conditions_on_tables_name_a_column() {
    let config = "[[hook]]\npath = \"/code\"\nsecrets = [\"file:s\"]\nschema = \"schema.json\"\n[[hook.step]]\nuse = \"match\"\nconfiguration = \"m.json\"";
    let told_of = |condition: &str, query: Value| {
        let file = json!({"configurations": [{"name": "n", "action_condition": condition,
            "source": {"dataset": "vendors", "queries": [query]}, "mapping":
            {"dataset_key": "id", "label_key": "name", "target_schema_id": "sort"}}]});
        checked(config, &[("schema.json", schema()), ("m.json", file)]).1
    };
    let told = |condition: &str| told_of(condition, json!({"find": {"name": "{remark}"}}));
    for query in
        [json!({"find": {"name": "{goods}"}}), json!({"aggregate": [{"$match": {"name": "{parcels}"}}]})]
    {
        let text = told_of("True", query);
        let where_it_is = "configurations[0].source.queries[0]: `";
        assert!(text.contains(where_it_is) && text.contains("is a multivalue, which has no value"), "{text}");
    }
    for query in [json!({"find": {"name": "{good_code}"}}), json!({"find": {"name": "{parcel}"}})] {
        assert!(!told_of("True", query).contains("no value of its own"));
    }
    for condition in ["{goods} == 1", "'{goods}' == ''"] {
        let text = told(condition);
        assert!(
            text.contains("`goods` is a table or a list")
                && text.contains("name a column, such as `{good_code}`"),
            "{condition}: {text}"
        );
    }
    assert!(!told("{gross} == 1").contains("has no value of its own"));
}

#[test]
fn a_mapping_whose_labels_or_field_cannot_be_meant_is_noted() {
    let config = "[[hook]]\npath = \"/code\"\nsecrets = [\"file:s\"]\nschema = \"schema.json\"\n[[hook.step]]\nuse = \"match\"\nconfiguration = \"m.json\"";
    let told = |target: &str, label: &str| {
        let mapping = json!({"dataset_key": "id", "label_template": label, "target_schema_id": target});
        let file = json!({"configurations": [{"name": "n", "mapping": mapping,
            "source": {"dataset": "vendors", "queries": [{"find": {"name": "{remark}"}}]}}]});
        checked(config, &[("schema.json", schema()), ("m.json", file)]).1
    };
    let place = "note: annex.toml:7: m.json: configurations[0].mapping: ";
    let text = told("sort", "Vendor");
    assert!(text.contains(&format!("{place}its label names no column in braces")), "{text}");
    for (target, kind) in [("gross", "a number"), ("shipped", "a date"), ("settled", "true or false")] {
        let text = told(target, "{name}");
        assert!(text.contains(&format!("{place}`{target}` is {kind}, which takes no options")), "{text}");
    }
    for target in ["sort", "remark"] {
        let text = told(target, "Vendor {name}");
        assert!(!text.contains(place), "{target}: {text}");
    }
}
