//! Functions whose code fails, or returns what Rossum does not read: `annex check` says so, at its line.

use serde_json::Value;

use crate::planted::checked;
use crate::planted_code::schema;

/// How a function that writes ends.
const END: &str = "\n    return t.hook_response()\n";

/// What is said of a function's code, with the schema or without.
fn said(code: &str, has_schema: bool) -> (bool, String) {
    let schema_key = if has_schema { "schema = \"schema.json\"\n" } else { "" };
    let config = format!(
        "[[hook]]\npath = \"/code\"\nsecrets = [\"file:s\"]\n{schema_key}[[hook.step]]\nuse = \"function\"\nfile = \"code.py\""
    );
    checked(&config, &[("schema.json", schema()), ("code.py", Value::String(code.to_owned()))])
}

/// The same of what it does between its first line and the last.
fn said_of(body: &str) -> (bool, String) {
    said(&whole(body), true)
}

fn whole(body: &str) -> String {
    format!("def rossum_hook_request_handler(payload):\n    t = TxScript.from_payload(payload)\n{body}")
}

#[test]
fn functions_that_return_nothing_or_write_no_option_are_refused() {
    for (body, says) in [
        (format!("    t.field.sort = \"slow\"{END}"), "code.py:3:20: Rossum ignores `slow` in `sort`"),
        (format!("    t.field.gross = \"n/a\"{END}"), "Rossum ignores `n/a` in `gross`"),
        (
            format!("    for row in t.field.goods:\n        row.good_price = \"n/a\"{END}"),
            "Rossum ignores `n/a` in `good_price`",
        ),
    ] {
        let (is_well, text) = said_of(&body);
        assert!(!is_well && text.contains(says), "{body}: {says}\n{text}");
    }
    for (body, says) in [
        ("    t.field.remark = \"x\"\n", "returns nothing"),
        ("    return \"done\"\n", "this returns a text"),
        ("    return [t.hook_response()]\n", "this returns a list"),
        ("    return True\n", "this returns True or False"),
        (
            "    return {\"mesages\": []}\n",
            "an answer has no `mesages` that Rossum documents: did you mean `messages`?",
        ),
        ("    x = payload[\"anotation\"]\n    return {}\n", "did you mean `annotation`?"),
        ("    x = payload.get(\"setings\", {})\n    return {}\n", "did you mean `settings`?"),
    ] {
        let (is_well, text) = said_of(body);
        assert!(is_well && text.contains("note: ") && text.contains(says), "{body}: {text}");
    }
}

/// What a function does, and what is said of it.
const NEVER: [(&str, &str); 60] = [
    ("    t.show_warnin(\"x\")", ":3:7: `t` has no `show_warnin`|did you mean `show_warning`?"),
    ("    t.fields.remark = \"x\"", "did you mean `field`?"),
    ("    say = t.anotation.status", "did you mean `annotation`?"),
    ("    t.workspace.name", "write `t.context.workspace`"),
    ("    t.context.documnt.id", "`t.context` has no `documnt`"),
    ("    t.annotation.sttus", "did you mean `status`?"),
    ("    t.show_info", "`t.show_info` is a method, and is not called"),
    ("    t.show_error()", "is called without a text"),
    ("    t.automation_blocker(\"\")", "people would see an empty box"),
    ("    t.show_error(t.field.remark, \"bad\")", "takes the field itself"),
    ("    t.field.remark.attr.hiden = True", ":3:25: `hiden` cannot be set|did you mean `hidden`?"),
    ("    t.field.remark.attr.rir_confidence = 1", "what can be set: value, hidden"),
    ("    t.field.remark.hidden = True", "write `t.field.remark.attr.hidden = …`"),
    ("    for row in t.field.goods:\n        row.good_code.attr.option = []", "did you mean `options`?"),
    ("    t.field.call = \"x\"", "`call` is a button, which has no value"),
    ("    t.field.head = \"x\"", "`head` is a section, which has no value"),
    ("    t.field.good_code = \"x\"", "`good_code` is a column, which is written row by row"),
    ("    t.field.good_price += 1", "write `for row in t.field.goods:`"),
    ("    t.field.parcel = \"x\"", "write them as a list: `t.field.parcel.all_values = […]`"),
    ("    t.field.parcels = [\"x\"]", "write them as a list: `t.field.parcels.all_values = […]`"),
    ("    t.field.parcels.all_values = 5", "`5` is not a list"),
    ("    t.field.goods = 5", "`goods` is a table, which takes no `5`"),
    ("    t.field.goods.append(\"x\")", "`goods` is a table, which takes no `\"x\"`"),
    ("    t.field.goods.append({\"good_cod\": \"x\"})", ":3:27: the table `goods` has no column `good_cod`"),
    ("    t.field.goods.insert(0, {\"god_price\": 5})", "did you mean `good_price`?"),
    ("    t.field.goods.extend([{\"amount\": 5}])", "its columns are: good_code, good_price"),
    ("    t.field.goods = [{\"good_prise\": x} for x in [1, 2]]", "did you mean `good_price`?"),
    ("    t.field.goods[0] = {\"good_coed\": 1}", "did you mean `good_code`?"),
    (
        "    rows = t.field.goods\n    rows.append({\"remark\": 1})",
        "the table `goods` has no column `remark`",
    ),
    ("    t.field.goods[0].good_prize = 1", "did you mean `good_price`?"),
    ("    t.field.goods.all_values.append({})", "`goods` is a table, and no column"),
    ("    late = t.field.shipped + 14", "this fails for every document"),
    ("    t.field.net += \"x\"", ":3:20: this fails for every document"),
    ("    t.field.remark += t.field.shipped", "this fails for every document"),
    ("    t.field.remark.attr.validation_sources = \"human\"", "`validation_sources` takes a list"),
    ("    t.field.sort.attr.options = None", "`options` takes a list"),
    ("    t.field.goods[1].good_code.attr.label = \"x\"", "`label` cannot be set on a field"),
    (
        "    if t.field.remark > 5:\n        t.show_info(\"x\")",
        "this fails for every document|StringValue|a text, which no number",
    ),
    (
        "    if t.field.shipped.month == \"12\":\n        t.show_info(\"x\")",
        "is a number, which no text is equal to",
    ),
    (
        "    from datetime import datetime\n    if t.field.shipped < datetime.now():\n        t.show_info(\"x\")",
        "comparing them fails",
    ),
    ("    tell = lambda: t.show_eror(\"x\")", "did you mean `show_error`?"),
    (
        "    if payload[\"event\"] == \"annotation_content.export\":\n        t.show_info(\"x\")",
        "write `payload[\"event\"] == \"annotation_content\" and payload[\"action\"] == \"export\"`",
    ),
    (
        "    if payload.get(\"event\") in [\"anotation_content\"]:\n        t.show_info(\"x\")",
        ":3:31: Rossum has no event `anotation_content`|did you mean `annotation_content`?",
    ),
    (
        "    action = payload[\"action\"]\n    if action == \"initialise\":\n        t.show_info(\"x\")",
        "Rossum has no action `initialise`|did you mean `initialize`?",
    ),
    (
        "    if payload.event == \"annotation_content\":\n        t.show_info(\"x\")",
        "write `payload[\"event\"]`",
    ),
    (
        "    if t.annotation.status == \"to_reveiw\":\n        t.show_info(\"x\")",
        "Rossum has no status of an annotation `to_reveiw`|did you mean `to_review`?",
    ),
    (
        "    if payload[\"annotation\"][\"status\"] != \"export\":\n        t.show_info(\"x\")",
        "did you mean `exported`?",
    ),
    (
        "    t.field.remark = t.field.reference.upper",
        ":3:40: `t.field.reference.upper` is a method, and is not called",
    ),
    (
        "    t.show_info(f\"No {t.field.remark.strip}\")",
        "is a method, and is not called|write `t.field.remark.strip()`",
    ),
    ("    t.show_info(t.field.remark.upper)", "is a method, and is not called"),
    (
        "    word = t.field.remark.lower\n    if word == \"a\":\n        t.show_info(\"x\")",
        "`t.field.remark.lower` is a method, and is not called",
    ),
    ("    t.field.sort.attr.options = [\"A\"]", "write `{\"value\": \"A\", \"label\": \"A\"}`"),
    ("    t.field.sort.attr.options = [{\"value\": \"A\"}]", "this option has no `label`"),
    ("    t.field.sort.attr.options.append(\"A\")", "an option is a value with its label"),
    (
        "    t.field.remark.attr.hidden = \"false\"",
        ":3:34: `hidden` is true or false, and `\"false\"` is neither|write `False`",
    ),
    ("    t.field.remark.attr.hidden = 1", "write `True`"),
    ("    t.field[\"gross\"] = 5", ":3:5: `t.field[…]` fails|write `t.field.gross`"),
    ("    say = t.field[\"gross\"]", "write `t.field.gross`"),
    ("    for row in t.field.goods:\n        row[\"good_code\"] = \"x\"", "write `row.good_code`"),
    (
        "    say = getattr(t.field, \"grosss\")",
        "the schema has no field `grosss`: this fails|did you mean `gross`?",
    ),
];

#[test]
fn functions_that_fail_for_every_document_are_refused() {
    for (body, says) in NEVER {
        let (is_well, text) = said_of(&format!("{body}{END}"));
        assert!(!is_well && says.split('|').any(|says| text.contains(says)), "{body}: {says}\n{text}");
    }
    for (end, says) in [
        ("    return t\n", "`t` is no answer that Rossum can read"),
        ("    return t.field\n", "`t.field` is no answer that Rossum can read"),
        ("    return t.hook_response\n", "write `t.hook_response()`"),
        ("    return t.hook_respons()\n", "did you mean `hook_response`?"),
    ] {
        for has_schema in [true, false] {
            let (is_well, text) = said(&whole(end), has_schema);
            assert!(!is_well && text.contains(says), "{end}: {says}\n{text}");
        }
    }
    for (code, says) in [
        ("def rossum_hook_request_handler():\n    return {}\n", "it takes no argument"),
        (
            "def rossum_hook_request_handler(payload, settings):\n    return {}\n",
            "it takes more than one argument",
        ),
        (
            "def rossum_hook_request_handler(payload, *, extra):\n    return {}\n",
            "it takes more than one argument",
        ),
        (
            "def rossum_hook_request_handler(payload):\n    t = TxScript.from_paylod(payload)\n    return t.hook_response()\n",
            "write `TxScript.from_payload(payload)`",
        ),
        (
            "def rossum_hook_request_handler(payload):\n    t = TxScript(payload)\n    return t.hook_response()\n",
            "`TxScript` itself takes no payload",
        ),
        (
            "def tell(session):\n    session.show_eror(\"x\")\ndef rossum_hook_request_handler(payload):\n    t = TxScript.from_payload(payload)\n    tell(t)\n    return t.hook_response()\n",
            ":2:13: `session` has no `show_eror`",
        ),
        (
            "def tell(x: TxScript):\n    x.show_infos(\"x\")\ndef rossum_hook_request_handler(payload):\n    return {}\n",
            "did you mean `show_info`?",
        ),
    ] {
        let (is_well, text) = said(code, false);
        assert!(!is_well && text.contains(says), "{code}: {says}\n{text}");
    }
}

#[test]
fn functions_with_parts_that_do_nothing_are_noted() {
    for (body, says) in [
        (
            "    messages = []\n    messages.append({\"type\": \"error\", \"content\": \"x\"})",
            "line 4, column 5: `messages` is filled here, and nothing reads it: people see none of these messages",
        ),
        (
            "    found = {}\n    for row in t.field.goods:\n        found[row.good_code] = 1",
            "`found` is filled here",
        ),
        ("    say = []\n    say += [t.field.remark]", "return it, or leave it out"),
        (
            "    say = getattr(t.field, \"grosss\", None)",
            "line 3, column 28: the schema has no field `grosss`",
        ),
        ("    if hasattr(t.field, \"totl\"):\n        t.show_info(\"x\")", "this is always False"),
        (
            "    for row in t.field.goods:\n        say = getattr(row, \"good_prise\", 0)",
            "the table `goods` has no column `good_prise`: this always gives what stands instead; did you mean `good_price`?",
        ),
        (
            "    if payload[\"action\"] == \"archived\":\n        t.show_info(\"x\")",
            "Rossum has no action `archived` that it documents",
        ),
    ] {
        let (is_well, text) = said_of(&format!("{body}{END}"));
        assert!(is_well && text.contains("note: ") && text.contains(says), "{body}: {says}\n{text}");
    }
}

#[test]
fn functions_that_a_document_can_please_are_left_alone() {
    for body in [
        format!("    t.field.sort = \"express\"\n    t.field.gross = 5{END}"),
        format!(
            "    t.field.sort.attr.options = [{{\"value\": \"slow\", \"label\": \"Slow\"}}]\n    t.field.sort = \"slow\"{END}"
        ),
        format!("    t.field.goods.append({{\"good_code\": \"x\"}}){END}"),
        format!("    t.field.goods = [{{\"good_code\": x, \"good_price\": 1}} for x in [\"a\"]]{END}"),
        format!("    t.field.goods[0] = {{\"good_code\": \"x\"}}\n    t.field.goods[0].good_price = 5{END}"),
        format!("    t.field.parcels.all_values = [\"a\"]\n    t.field.parcel.all_values = []{END}"),
        format!("    t.field.good_price.all_values = [x + 1 for x in t.field.good_price.all_values]{END}"),
        format!("    t.field.remark.attr.hidden = True\n    t.field.net += 5\n    t.field.remark += str(t.field.net)\n    t.field.goods += [{{\"good_code\": \"x\"}}]\n    t.field.goods.attr.hidden = False{END}"),
        format!("    for row in t.field.goods:\n        row.good_price = 5\n        row.attr.hidden = True{END}"),
        format!("    say = t.show_error\n    say(\"bad\", t.field.remark)\n    t.show_info(content=\"x\"){END}"),
        format!("    t.show_error(\"bad\", t.field.goods[0].good_code)\n    t.automation_blocker(\"b\", t.field.net){END}"),
        format!("    if t.annotation and t.annotation.status == \"to_review\" and t.updated_datapoint_ids:\n        t.show_info(\"x\"){END}"),
        format!("    if hasattr(t, \"queue\"):\n        t.show_info(t.queue.name){END}"),
        format!("    try:\n        t.show_infos(\"x\")\n    except AttributeError:\n        t.show_info(\"x\"){END}"),
        format!("    name = t.context.queue.name\n    t.show_info(name, id=7){END}"),
        format!("    for t_row in t.field.goods:\n        x = [t for t in \"ab\"]{END}"),
        format!("    clean = lambda text: text.strip()\n    t.field.remark = clean(t.field.remark){END}"),
        format!("    if t.field.gross > 5 and t.field.shipped + timedelta(days=14) > date.today():\n        t.show_info(\"x\"){END}"),
        format!("    if payload[\"event\"] == \"annotation_content\" and payload[\"action\"] in (\"initialize\", \"export\"):\n        t.show_info(\"x\"){END}"),
        format!("    if payload.get(\"action\") == \"\" or payload.get(\"x\", {{}}).get(\"status\") == \"to_reveiw\":\n        t.show_info(\"x\"){END}"),
        format!("    if t.annotation.status in [\"to_review\", \"failed_export\"] or t.annotation.previous_status == \"importing\":\n        t.show_info(\"x\"){END}"),
        format!("    messages = []\n    messages.append({{\"type\": \"error\", \"content\": \"x\"}})\n    for message in messages:\n        t.show_error(message[\"content\"]){END}"),
        format!("    found = {{}}\n    for row in t.field.goods:\n        found.setdefault(row.good_code, []).append(row)\n    t.show_info(str(len(found))){END}"),
        format!("    rows = t.field.goods\n    rows.append({{\"good_code\": \"x\"}}){END}"),
        format!("    t.field.sort.attr.options = [{{\"value\": x, \"label\": x}} for x in [\"a\"]]\n    t.field.sort.attr.options.append({{\"value\": \"b\", \"label\": \"B\"}}){END}"),
        format!("    t.field.remark.attr.hidden = t.field.settled == True\n    t.field.net.attr.hidden = False{END}"),
        format!("    name = \"remark\"\n    if hasattr(t.field, \"remark\") and hasattr(t.field, name):\n        t.show_info(str(getattr(t.field, name, \"\"))){END}"),
        format!("    for row in t.field.goods:\n        say = getattr(row, \"good_price\", 0)\n    first = t.field.goods[0]{END}"),
        format!("    clean = t.field.remark.strip\n    t.field.remark = clean()\n    t.show_info(max([\"a\"], key=len)){END}"),
        format!("    t.field.remark = \", \".join(sorted([\"b\", \"a\"], key=str.lower)){END}"),
        "    return {\"messages\": [], \"operations\": []}\n".to_owned(),
        "    messages = []\n    messages.append({\"type\": \"info\", \"content\": \"x\"})\n    return {\"messages\": messages}\n".to_owned(),
        "    answer = {}\n    answer[\"messages\"] = []\n    return answer\n".to_owned(),
        "    x = payload[\"annotation\"][\"statu\"]\n    y = payload.get(\"something\")\n    return {\"intent\": y}\n".to_owned(),
        "    answer = t.hook_response()\n    answer[\"messages\"] += []\n    return answer\n".to_owned(),
        "    return t.hook_response() if t.field.remark else {}\n".to_owned(),
        "    if t.field.remark:\n        return None\n    return t.hook_response()\n".to_owned(),
    ] {
        let (is_well, text) = said_of(&body);
        assert!(is_well && !text.contains("note: "), "{body}\n{text}");
    }
    for code in [
        "def rossum_hook_request_handler(payload, *rest):\n    return {}\n",
        "def rossum_hook_request_handler(*all):\n    return {}\n",
        "def rossum_hook_request_handler(payload, retry=False, **more):\n    return {}\n",
        "def tidy(t):\n    return t.strip()\ndef rossum_hook_request_handler(payload):\n    t = TxScript.from_payload(payload)\n    t.show_info(tidy(\" x \"))\n    return t.hook_response()\n",
        "def tidy(s):\n    return s.strip()\ndef rossum_hook_request_handler(payload):\n    t = TxScript.from_payload(payload)\n    t.show_info(tidy(t.annotation.status))\n    return t.hook_response()\n",
        "from txscript import TxScript\ndef tell(t, text):\n    t.show_info(text)\ndef rossum_hook_request_handler(payload: dict) -> dict:\n    t = TxScript.from_payload(payload)\n    tell(t, \"x\")\n    return t.hook_response()\n",
        "def t():\n    return {}\ndef rossum_hook_request_handler(payload):\n    return t()\n",
    ] {
        let (is_well, text) = said(code, false);
        assert!(is_well && !text.contains("note: "), "{code}\n{text}");
    }
}
