//! TxScript: the same code over the same documents gives what the real package gives.

use rossum_annex::rossum::{Journal, NodeRef, Payload};
use rossum_annex::txscript::{Document, Failure, Limits, Schema, Script};
use serde_json::{Value, json};

use crate::support::{ORACLE_FOLDER, Oracle};

/// What oracle.py says of a case, from our own evaluation.
fn evaluate(case: &Value) -> Value {
    let script = match Script::new("eval", case["code"].as_str().unwrap()) {
        Ok(script) => script,
        Err(problem) => return json!({"refused": problem.to_string()}),
    };
    let body = case["payload"].to_string();
    let payload = Payload::read(body.as_bytes()).unwrap();
    let schema = Schema::parse(payload.schemas.unwrap().get()).unwrap();
    let (annotation, journal) = (payload.annotation.as_ref().unwrap(), Journal::default());
    let document = Document::new(annotation, &journal, &schema, body.as_bytes());
    let row = case["row"].as_u64().map(|row| ("line_items", usize::try_from(row).unwrap()));
    if case["function"] == json!(true) {
        return match script.call(&document, "annotation_content", Limits::default()) {
            Ok(answer) => {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                json!({"answer": answer, "exception": null})
            }
            Err(failure) => json!({"answer": null, "exception": exception(&failure)}),
        };
    }
    let (result, output) = script.run(&document, row, Limits::default());
    let id = |node: Option<NodeRef>| node.map(|node| &annotation.node(node).id);
    let messages = output
        .shown
        .iter()
        .map(|shown| json!({"type": shown.kind, "content": shown.content, "id": id(shown.on)}));
    let blockers = output.blockers.iter().map(|(on, content)| json!({"content": content, "id": id(*on)}));
    let (value, exception) = match result {
        Ok(outcome) => (json!({"repr": outcome.repr, "text": outcome.text}), Value::Null),
        Err(failure) => (Value::Null, exception(&failure)),
    };
    let set = |json: Option<String>| -> Value {
        // What failed has set nothing.
        let json = json.filter(|_| exception.is_null());
        json.map_or(Value::Null, |json| serde_json::from_str(&json).unwrap())
    };
    json!({
        "value": value, "exception": exception, "options": set(output.options), "struct": set(output.record),
        "messages": messages.collect::<Vec<_>>(), "automation_blockers": blockers.collect::<Vec<_>>(),
    })
}

fn exception(failure: &Failure) -> Value {
    let lines = failure.traceback.iter().map(|line| match &line.place {
        Some(place) => json!({"lineno": line.number, "loc": place, "code": line.code}),
        None => json!({"lineno": line.number, "code": line.code}),
    });
    json!({"content": failure.text, "traceback": lines.collect::<Vec<_>>()})
}

/// How many cases differ; the first of them are printed.
fn differences(cases: &[Value], expected: &[Value]) -> usize {
    assert_eq!(cases.len(), expected.len());
    let mut count = 0;
    for (case, theirs) in cases.iter().zip(expected) {
        let ours = evaluate(case);
        if ours != *theirs {
            count += 1;
            if count <= 20 {
                let code = case["code"].as_str().unwrap();
                eprintln!("=== row {}\n{code}\n  ours:   {ours}\n  theirs: {theirs}", case["row"]);
            }
        }
    }
    count
}

/// The snippets of a file, over payload.json.
fn corpus(file: &str, case: impl Fn(&str, &Value) -> Value) -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{ORACLE_FOLDER}/{file}")).unwrap();
    let payload = std::fs::read_to_string(format!("{ORACLE_FOLDER}/payload.json")).unwrap();
    let payload: Value = serde_json::from_str(&payload).unwrap();
    let (_, text) = text.split_once('\n').unwrap(); // says what the file is
    text.split("# ---\n").map(|snippet| case(snippet, &payload)).collect()
}

/// Against what the package once said: also where there is no Python that can run it.
fn compare_with_recorded(cases: &[Value], file: &str) {
    let recorded = format!("{ORACLE_FOLDER}/{file}");
    if std::env::var_os("RECORD").is_some() {
        let answers = Oracle::find().expect("Python 3.12 or newer").run("oracle.py", &[], cases);
        let lines: Vec<String> = answers.iter().map(Value::to_string).collect();
        crate::support::write(recorded.as_ref(), &(lines.join("\n") + "\n"));
    }
    let text = std::fs::read_to_string(recorded).unwrap();
    let expected: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(differences(cases, &expected), 0);
}

#[test]
fn the_corpus_gives_what_the_package_gave() {
    let cases = corpus("corpus.py", |snippet, payload| {
        let code = snippet.trim_end();
        let row = snippet.strip_prefix("# row ").and_then(|rest| rest.split_once('\n'));
        let (row, code) = match row {
            Some((row, code)) => (Some(row.parse::<u64>().unwrap()), code.trim_end()),
            None => (None, code),
        };
        let mut payload = payload.clone();
        if code.contains("annotation") {
            // What the package asks of one.
            let own = payload["annotation"].as_object_mut().unwrap();
            for (key, value) in
                [("status", json!("reviewing")), ("automated", json!(false)), ("metadata", json!({"a": [1]}))]
            {
                own.insert(key.to_owned(), value);
            }
            let absent = "automatically_rejected einvoice created_at modified_at exported_at confirmed_at assigned_at \
                          export_failed_at deleted_at rejected_at purged_at";
            own.extend(absent.split_whitespace().map(|key| (key.to_owned(), Value::Null)));
            payload["document"] = json!({"id": 5, "url": "https://example.rossum.app/api/v1/documents/5", "arrived_at": null,
                "created_at": null, "original_file_name": "a.pdf", "metadata": {}, "mime_type": "application/pdf"});
        }
        json!({"code": code, "payload": payload, "row": row})
    });
    assert!(cases.len() > 250, "{}", cases.len());
    compare_with_recorded(&cases, "corpus.jsonl");
}

/// What a function begins with.
const FUNCTION: &str = "import json
from datetime import date, timedelta
from txscript import TxScript, default_to, is_empty, is_set, substitute

def rossum_hook_request_handler(payload):
    t = TxScript.from_payload(payload)
";

#[test]
fn functions_give_what_the_package_gave() {
    let cases = corpus("functions.py", |snippet, payload| {
        let code = if snippet.contains("def rossum_hook_request_handler") {
            snippet.to_owned()
        } else {
            let body = snippet.trim_end().replace('\n', "\n    ");
            format!("{FUNCTION}    {body}\n    return t.hook_response()\n")
        };
        json!({"code": code, "payload": payload, "row": null, "function": true})
    });
    assert!(cases.len() > 70, "{}", cases.len());
    compare_with_recorded(&cases, "functions.jsonl");
}

#[test]
fn the_packages_own_formulas_give_what_it_gives() {
    let Some(oracle) = Oracle::find() else {
        eprintln!("NOT RUN: it needs Python 3.12 or newer");
        return;
    };
    let cases = oracle.run("package_formulas.py", &[], &[]);
    assert!(cases.len() > 60, "{}", cases.len());
    let expected = oracle.run("oracle.py", &[], &cases);
    assert_eq!(differences(&cases, &expected), 0);
}

/// `SEED=7 COUNT=20000` for others and more.
fn compare_random(generator: &str) {
    let Some(oracle) = Oracle::find() else {
        eprintln!("NOT RUN: it needs Python 3.12 or newer");
        return;
    };
    let seed = std::env::var("SEED").unwrap_or_else(|_| "1".to_owned());
    let count = std::env::var("COUNT").unwrap_or_else(|_| "4000".to_owned());
    println!("SEED={seed} COUNT={count}");
    let cases = oracle.run(generator, &[&seed, &count], &[]);
    let expected = oracle.run("oracle.py", &[], &cases);
    let failed = expected.iter().filter(|answer| !answer["exception"].is_null()).count();
    println!("{failed} of {} end in an exception", cases.len());
    assert_eq!(differences(&cases, &expected), 0, "SEED={seed}");
}

#[test]
fn random_code_gives_what_the_package_gives() {
    compare_random("generate.py");
}

#[test]
fn random_functions_write_what_the_packages_write() {
    compare_random("generate_functions.py");
}

/// Runs code over the corpus' document; the failure, if there was one, and how long it took.
fn run_limited(code: &str, limits: Limits) -> Option<String> {
    let script = Script::new("limited", code).unwrap();
    let body = std::fs::read_to_string(format!("{ORACLE_FOLDER}/payload.json")).unwrap();
    let payload = Payload::read(body.as_bytes()).unwrap();
    let schema = Schema::parse(payload.schemas.unwrap().get()).unwrap();
    let journal = Journal::default();
    let document = Document::new(payload.annotation.as_ref().unwrap(), &journal, &schema, body.as_bytes());
    let (result, _) = script.run(&document, None, limits);
    result.err().map(|failure| failure.text)
}

#[test]
fn functions_that_write_for_ever_are_stopped() {
    let body = std::fs::read_to_string(format!("{ORACLE_FOLDER}/payload.json")).unwrap();
    let payload = Payload::read(body.as_bytes()).unwrap();
    let schema = Schema::parse(payload.schemas.unwrap().get()).unwrap();
    let journal = Journal::default();
    let document = Document::new(payload.annotation.as_ref().unwrap(), &journal, &schema, body.as_bytes());
    for forever in [
        "t.field.line_items.append({})",
        "t.field.order_ids.insert(0, 'x')",
        "t.field.currency.attr.options.append({'label': 'a', 'value': 'b'})",
        "t.field.line_items[0] = t.field.line_items[1]",
        "t.field.note.attr.validation_sources += ['a']",
        "t.field.note = t.field.note + 'a'",
        "t.hook_response()",
    ] {
        let code = format!("{FUNCTION}    while True: {forever}\n");
        let limits = Limits { memory: 4 << 20, steps: 1_000_000, ..Limits::default() };
        let script = Script::function("f.py", &code).unwrap();
        let failure = script.call(&document, "annotation_content", limits).unwrap_err();
        assert!(failure.is_limit, "{forever}: {}", failure.text);
    }
}

#[test]
fn runaways_are_stopped_whatever_they_use() {
    let cases = [
        ("while True: pass", "steps"),
        ("try:\n    while True: pass\nexcept BaseException:\n    1", "steps"),
        ("x = [0]\nwhile True: x = x + x", "memory"),
        ("x = 'a'\nwhile True: x += x", "memory"),
        ("'a' * 10**12", "memory"),
        ("[0] * 10**12", "memory"),
        ("x = []\nwhile True: x.append(x)", ""),
        ("d = {}\ni = 0\nwhile True:\n    d[i] = i\n    i += 1", "steps"),
        ("'{:1000000000}'.format(1)", "memory"),
        ("'%1000000000d' % 1", "memory"),
        ("list(range(10**18))", "memory"),
        ("sum(range(10**18))", "steps"),
        ("10**10**10", "128 bits"),
        ("while True: show_info('x')", "messages"),
        ("def f(): return f()\nf()", "recursion"),
        ("f = lambda: 1\nfor i in range(10**5): f = (lambda g: lambda: g())(f)\nf()", "recursion"),
        ("x = []\nfor i in range(10**5): x = [x]\nstr(x)", "recursion"),
        ("x = []\ny = []\nfor i in range(10**5): x = [x]; y = [y]\nx == y; x < y", "recursion"),
        ("x = ()\nfor i in range(10**5): x = (x,)\n{x}", "nested"),
        ("it = iter([])\nfor i in range(10**5): it = map(str, it)\nlist(it)", "recursion"),
        ("x = [0]\ny = [0]\nfor i in range(60):\n    x = [x, x]\n    y = [y, y]\nx == y", "steps"),
        ("x = [0]\ny = [0]\nfor i in range(60):\n    x = [x, x]\n    y = [y, y]\nx < y", "steps"),
        ("t = (0,)\nfor i in range(60): t = (t, t)\n{t: 1}", "too many parts"),
        ("t = (int,)\nfor i in range(60): t = (t, t)\nisinstance('', t)", "steps"),
        ("t = (int,)\nfor i in range(10**4): t = (t,)\nisinstance('', t)", "recursion"),
        ("x = [0] * 10**6\nwhile True: x.pop(0)", "steps"),
        ("re.findall('.*b|a', 'a' * 300000)", "steps"),
        ("re.search('(a+)+$', 'a' * 40 + 'b')", ""),
        (r"re.search(r'(?=(a+))\1*b\1', 'a' * 5000)", ""),
        ("'a'.join(['b'] * 10**6).replace('', 'x' * 1000)", "memory"),
        ("[x for x in range(10**4) for y in range(10**4)]", ""),
        ("import itertools\nlist(itertools.product(range(100), repeat=6))", ""),
        ("import json\njson.loads('[' * 100000)", ""),
        ("eval_me = 'f' * 10**6\nre.compile('(' * 10**5)", ""),
    ];
    // The clock is not what is tried here: a loaded machine is slow.
    let limits = Limits { steps: 3_000_000, time: std::time::Duration::from_secs(60), ..Limits::default() };
    for (code, expected) in cases {
        let start = std::time::Instant::now();
        let failure = run_limited(code, limits);
        let took = start.elapsed();
        assert!(took < std::time::Duration::from_secs(30), "{code}: {took:?}");
        if !expected.is_empty() {
            let failure = failure.unwrap_or_else(|| panic!("{code}: no failure"));
            assert!(failure.contains(expected), "{code}: {failure}");
        }
    }
}

#[test]
fn time_is_limited_too() {
    let limits = Limits {
        steps: u64::MAX / 2,
        memory: usize::MAX / 2,
        time: std::time::Duration::from_millis(50),
        ..Limits::default()
    };
    let start = std::time::Instant::now();
    let failure = run_limited("while True: pass", limits).unwrap();
    assert!(failure.contains("takes longer than allowed (`time`)"), "{failure}");
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn what_the_language_does_not_have_is_refused_with_its_place() {
    let cases = [
        ("x = 1\nimport os", "line 2, column 8: there is no module `os` here"),
        ("open('x')", "line 1, column 1: unknown name `open`; code has no access"),
        ("filed.x", "unknown name `filed`; did you mean `field`?"),
        ("class X: pass", "`class` is not supported; use dicts"),
        ("with x: pass", "`with` is not supported"),
        ("def f():\n    yield 1", "line 2, column 5: `yield` is not supported; build a list"),
        ("x = (1 +", "invalid syntax"),
        ("return 1", "'return' outside function"),
        ("f'{x'", "invalid syntax"),
        ("from os import path", "there is no module `os` here"),
        ("from datetime import tzinfo_", "`datetime` has no `tzinfo_` here"),
        ("async def f(): pass", "`async def` is not supported"),
        ("__import__('os')", "unknown name `__import__`"),
        ("1j", "a complex number is not supported"),
    ];
    for (code, expected) in cases {
        let problem = Script::new("x", code).err().unwrap_or_else(|| panic!("{code} was taken")).to_string();
        assert!(problem.contains(expected), "{code}: {problem}");
    }
    assert!(Script::new("x", &format!("{}1{}", "(".repeat(3000), ")".repeat(3000))).is_ok(), "no levels");
    assert!(Script::new("x", &format!("1{}", " + 1".repeat(400))).is_ok());
    let long = "x".repeat(300_000);
    let deep = ["-", "not ", "[", "f(", "1 + ", "x.", "lambda: ", "if 1:\n", "{1: ", "a[", "(x for x in "]
        .map(|part| part.repeat(10_000) + "1");
    for code in deep.iter().chain([&long]) {
        assert!(Script::new("x", code).is_err(), "{}", &code[..20]);
    }
}
