//! What is doubtful, what is not.

use super::*;

fn schema() -> Schema {
    let field =
        |id: &str, kind: &str| format!(r#"{{"id": "{id}", "category": "datapoint", "type": "{kind}"}}"#);
    let options = r#"{"id": "kind", "category": "datapoint", "type": "enum", "options": [{"value": "a"}, {"value": "bb"}]}"#;
    let filled =
        r#"{"id": "vendor", "category": "datapoint", "type": "enum", "options": [{"value": "---"}]}"#;
    let (text, number, date) = (field("text", "string"), field("number", "number"), field("date", "date"));
    let fields = [options, filled, &text, &number, &date].join(",");
    Schema::parse(&format!(r#"[{{"id": "s", "category": "section", "children": [{fields}]}}]"#)).unwrap()
}

fn wrong(source: &str, language: Language) -> Vec<String> {
    let schema = schema();
    let (found, _) = doubts(source, language, language != Language::Value, Some(&schema));
    found.wrong.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn what_no_document_meets_is_wrong() {
    for (source, language, said) in [
        ("field.number == \"5\"", Language::Condition, "`number` is a number"),
        ("\"x\" != field.number", Language::Condition, "`number` is a number"),
        ("field.date > \"2026-01-31\"", Language::Condition, "`date` is a date"),
        ("field.text == 5", Language::Condition, "`text` is a text"),
        ("field.kind == \"b\"", Language::Condition, "the options of `kind` do not have `b`"),
        ("field.kind not in [\"a\", \"c\"]", Language::Condition, "do not have `c`"),
        ("1 if field.kind == \"c\" else 2", Language::Value, "do not have `c`"),
        ("field.kind == \"a\" or \"bb\"", Language::Condition, "`\"bb\"` alone"),
        ("if field.kind == \"a\" or \"bb\":\n    x = 1", Language::Value, "`\"bb\"` alone"),
        ("{kind} == 'c'", Language::BusinessRule, "do not have `c`"),
        ("{number, default=0} == 'many'", Language::BusinessRule, "`number` is a number"),
        ("'{kind}' == 'c'", Language::MasterData, "do not have `c`"),
        ("'{kind}' in ['c']", Language::MasterData, "do not have `c`"),
    ] {
        let found = wrong(source, language);
        assert!(matches!(&found[..], [one] if one.contains(said)), "{source}: {found:?}");
    }
}

#[test]
fn what_a_document_can_meet_is_not() {
    for (source, language) in [
        ("field.number > 5 and field.number != \"\"", Language::Condition),
        ("field.text == \"5\" or field.kind == \"a\" or field.vendor == \"V-1\"", Language::Condition),
        ("field.date == date(2026, 1, 31)", Language::Condition),
        ("field.kind in (\"a\", \"bb\", \"\")", Language::Condition),
        ("field.text or \"default\"", Language::Value),
        ("{number} == '5' and {date} > '2026-01-31' and {text} == 5", Language::BusinessRule),
        ("'{kind}' in ['a', 'bb'] and {number} > 3 and '{text}' != ''", Language::MasterData),
        ("field.unknown == 5", Language::Condition),
    ] {
        assert_eq!(wrong(source, language), <[&str; 0]>::default(), "{source}");
    }
}

#[test]
fn what_decides_nothing_is_odd() {
    let schema = schema();
    let odd = |source: &str| doubts(source, Language::Condition, true, Some(&schema)).0.odd.len();
    for source in ["1 == 2", "False", "\"x\"", "field.number", "field.number - 1", "field.text == field.text"]
    {
        assert_eq!(odd(source), 1, "{source}");
    }
    for source in
        ["True", "field.number > 1", "len(field.text)", "not field.text", "x = 1\nx == field.number"]
    {
        assert_eq!(odd(source), 0, "{source}");
    }
}

/// Each level of an expression is looked at in several ways: as deep as nobody writes, it is left alone.
#[test]
fn what_is_nested_deeply_takes_no_time() {
    let schema = schema();
    let began = std::time::Instant::now();
    for (start, link) in [("field.number", " % 2"), ("field.text", "[0]"), ("field.text", ".strip()")] {
        let source = format!("{start}{} == \"x\"", link.repeat(150));
        doubts(&source, Language::Condition, true, Some(&schema));
    }
    let names: Vec<_> = (1..200).map(|at| format!("x{at} = x{} + x{}", at - 1, at - 1)).collect();
    let names = names.join("\n");
    doubts(
        &format!("x0 = field.number * 2\n{names}\nx199 == \"x\""),
        Language::Condition,
        true,
        Some(&schema),
    );
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
