//! `use = "checks"`.

use regex::Regex;
use rust_decimal::Decimal;
use toml::Spanned;

use crate::rossum::{MessageType, is_written_number};
use crate::steps::Blueprint;
use crate::steps::checks::{Check, Checks, Empty, Rule};
use crate::txscript::FieldType;

use super::super::known::Known;
use super::super::schemas::Named;
use super::super::section::Section;
use super::{MESSAGE_TYPES, listed, message};
use crate::steps::nearest::nearest;

/// The key that says what a check checks.
const KINDS: [&str; 7] = ["sum", "product", "column_sum", "days_between", "required", "pattern", "one_of"];
/// The keys that belong to one kind or another.
const KEYS_OF_KINDS: [&str; 6] = ["equals", "percent", "min", "max", "field", "fields"];
/// Days between two dates that people write: a thousand years.
const DAYS: i64 = 366_000;
const EMPTY: [(&str, Empty); 3] = [("skip", Empty::Skip), ("zero", Empty::Zero), ("fail", Empty::Fail)];

#[expect(clippy::unnecessary_wraps, reason = "all steps are read by functions of one type")]
pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Box<dyn Blueprint>> {
    let tolerance = section.decimal("tolerance").unwrap_or_default();
    let checks = section.sections("check");
    if checks.is_empty() {
        section.wrong(
            "this step has no checks",
            "add `[[hook.step.check]]` with, for instance, `required = [\"document_id\"]`",
        );
    }
    let mut notes = Vec::new();
    let checks = checks.into_iter().map(|check| check_in(check, tolerance, known, &mut notes)).collect();
    Some(Box::new(Checks { checks, notes }))
}

fn check_in(section: Section<'_>, tolerance: Decimal, known: &Known, notes: &mut Vec<String>) -> Check {
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| section.has(kind)).collect();
    let rule = match kinds[..] {
        [kind] => rule(&section, kind, known, notes),
        [] => {
            know_keys_of_kinds(&section);
            section.wrong("this check checks nothing", format!("give it one of: {}", KINDS.join(", ")));
            None
        }
        [..] => {
            know_keys_of_kinds(&section);
            let hint = "make a `[[hook.step.check]]` of each";
            section.wrong(format!("this check has {}", kinds.join(" and ")), hint);
            None
        }
    };
    if let [kind @ ("days_between" | "required" | "pattern" | "one_of")] = kinds[..] {
        section.idle("tolerance", &format!("`{kind}` compares no amounts"));
    }
    if let [kind @ ("sum" | "product" | "days_between")] = kinds[..] {
        refuse_two_tables(&section, kind);
    }
    let check = Check {
        tolerance: section.decimal("tolerance").unwrap_or(tolerance),
        empty: section.choice("empty", &EMPTY).unwrap_or_default(),
        kind: section.choice("type", &MESSAGE_TYPES).unwrap_or(MessageType::Error),
        message: message(&section, "message", rule.as_ref().map_or(&[], Rule::computed)),
        on: section.field("on").map(|on| on.into_inner().to_owned()),
        blocks_automation: section.boolean("automation_blocker").unwrap_or(false),
        rule: rule.unwrap_or(Rule::Required { fields: Vec::new() }),
    };
    section.finish();
    check
}

/// Without one kind, nobody asks for their keys, which are not unknown.
fn know_keys_of_kinds(section: &Section<'_>) {
    for key in KEYS_OF_KINDS {
        section.has(key);
    }
}

fn rule(section: &Section<'_>, kind: &str, known: &Known, notes: &mut Vec<String>) -> Option<Rule> {
    // Every key is asked for before the first `?`, so that none is taken for unknown.
    Some(match kind {
        "sum" => {
            let (parts, equals) = (numbers(section, "sum"), equals(section));
            Rule::Sum { parts: parts?, equals: equals? }
        }
        "column_sum" => {
            let (columns, equals) = (numbers(section, "column_sum"), equals(section));
            Rule::ColumnSum { columns: columns?, equals: equals? }
        }
        "product" => product(section)?,
        "days_between" => days_between(section)?,
        "required" => Rule::Required { fields: section.fields("required", Named::read)? },
        "pattern" => {
            let (fields, pattern) = (fields(section), section.regex("pattern"));
            if let (Some(fields), Some(pattern)) = (&fields, &pattern) {
                look_at_pattern(section, fields, pattern);
            }
            Rule::Pattern { fields: fields?, pattern: pattern? }
        }
        _ if section.is_table("one_of") => {
            let (rule, said) = listed::rule(section, fields(section), known)?;
            notes.extend(said);
            rule
        }
        _ => {
            let (fields, allowed) = (fields(section), section.texts_or_blank("one_of"));
            for value in allowed.iter().flatten() {
                look_at_option(section, fields.as_deref().unwrap_or_default(), value);
                look_at_kind(section, fields.as_deref().unwrap_or_default(), value);
            }
            let allowed = allowed?.into_iter().map(|value| value.into_inner().to_owned()).collect();
            Rule::OneOf { fields: fields?, allowed }
        }
    })
}

fn equals(section: &Section<'_>) -> Option<Vec<String>> {
    if !section.has("equals") {
        section.wrong("this check has no `equals`", "write `equals = \"amount_total\"`");
    }
    numbers(section, "equals")
}

fn fields(section: &Section<'_>) -> Option<Vec<String>> {
    if !section.has("field") {
        section.wrong("this check has no `field`", "write `field = \"order_id\"`, or a list of fields");
    }
    section.fields("field", Named::read)
}

fn numbers(section: &Section<'_>, key: &'static str) -> Option<Vec<String>> {
    typed(section, key, FieldType::Number)
}

/// Fields whose values must be of a type. A text may hold one; a field of another type never does.
fn typed(section: &Section<'_>, key: &'static str, wanted: FieldType) -> Option<Vec<String>> {
    let fields = section.fields(key, Named::read)?;
    let schemas = section.schemas_of(None);
    for field in &fields {
        let mut kinds = schemas.iter().filter_map(|one| one.schema.kind_of(field)).peekable();
        let is_known = kinds.peek().is_some();
        let is_other = |kind| kind != wanted && !matches!(kind, FieldType::Text | FieldType::Nothing);
        if is_known && kinds.all(is_other) {
            let wanted = if wanted == FieldType::Number { "a number" } else { "a date" };
            let what = format!("`{field}` is not {wanted} in the schema, as `{key}` needs it");
            section.document().note(
                section.place_of(key),
                what,
                Some("name another field, or change its `type`"),
            );
        }
    }
    Some(fields)
}

/// A value of `one_of` that none of the fields, enums all of them, has among its options.
fn look_at_option(section: &Section<'_>, fields: &[String], value: &Spanned<&str>) {
    let schemas = section.schemas_of(None);
    let of = |field: &String| schemas.iter().map(|one| one.schema.options_of(field)).collect::<Vec<_>>();
    let all: Option<Vec<Vec<String>>> = fields.iter().flat_map(of).collect();
    let all = all.unwrap_or_default();
    let lacks =
        |options: &Vec<String>| options.len() > 1 && !options.iter().any(|known| known == value.get_ref());
    if !all.is_empty() && all.iter().all(lacks) {
        let known = || all.iter().flatten().map(String::as_str);
        let hint = nearest(value.get_ref(), known()).map_or_else(
            || format!("the options are: {}", known().take(10).collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let what = format!("the options of `{}` do not have `{}`", fields.join("`, `"), value.get_ref());
        section.document().note(value.span(), what, Some(hint));
    }
}

/// A value of `one_of` that a field of its type never has. Texts are compared as they stand in the document.
fn look_at_kind(section: &Section<'_>, fields: &[String], value: &Spanned<&str>) {
    let text = value.get_ref().trim();
    for field in fields {
        let schemas = section.schemas_of(None);
        let kinds: Vec<_> = schemas.iter().filter_map(|one| one.schema.kind_of(field)).collect();
        let is = |kind: FieldType| !kinds.is_empty() && kinds.iter().all(|known| *known == kind);
        let is_number = is_written_number(text);
        // A person may have typed any text: it is not sure.
        let what = if is(FieldType::Number) && !is_number {
            format!(
                "`{field}` is a number, which is almost never `{text}`: write numbers, or name another field"
            )
        } else if is(FieldType::Date) && !text.chars().any(|c| c.is_ascii_digit()) {
            format!("`{field}` is a date, which is almost never `{text}`: write dates, or name another field")
        } else if is(FieldType::Number) {
            format!(
                "`one_of` compares `{field}`, a number, as the document writes it: `{text}` is not `{text}.00`; a rule compares numbers: `field.{field} in [{text}]`"
            )
        } else {
            continue;
        };
        return section.remark(&value.span(), &what);
    }
}

/// A pattern that every text fits, or no option of an enum.
fn look_at_pattern(section: &Section<'_>, fields: &[String], pattern: &Regex) {
    let text = pattern.as_str();
    let is_bound =
        text.contains(['^', '$']) || ["\\b", "\\B", "\\A", "\\z"].iter().any(|bound| text.contains(bound));
    let inner = text.trim_start_matches("(?s)").trim_start_matches('^').trim_end_matches('$');
    let is_all = ["", ".*", "(.*)", ".*?", "[\\s\\S]*"].contains(&inner);
    if is_all || (!is_bound && pattern.is_match("")) {
        let what = "every text fits this `pattern`: the check never complains";
        let hint = "write what the value must be, from `^` to `$`: `pattern = '^[0-9]{8}$'`";
        section.document().note(section.place_of("pattern"), what, Some(hint));
        return;
    }
    for field in fields {
        let schemas = section.schemas_of(None);
        let options: Vec<_> = schemas.iter().filter_map(|one| one.schema.options_of(field)).collect();
        let misfit =
            |options: &Vec<String>| options.len() > 1 && !options.iter().any(|one| pattern.is_match(one));
        if !options.is_empty() && options.len() == schemas.len() && options.iter().all(misfit) {
            let what =
                format!("no option of `{field}` fits this `pattern`: the check complains of every document");
            let known: Vec<_> = options.iter().flatten().take(10).map(String::as_str).collect();
            let hint = format!("its options are: {}", known.join(", "));
            section.document().note(section.place_of("pattern"), what, Some(hint));
        }
    }
}

/// Fields of two tables: nothing says which row goes with which.
fn refuse_two_tables(section: &Section<'_>, kind: &'static str) {
    let fields: Vec<Spanned<&str>> =
        [kind, "equals"].into_iter().filter_map(|key| section.texts_or_none(key)).flatten().collect();
    for one in section.schemas_of(None) {
        let mut tables = fields.iter().filter_map(|field| one.schema.repeated_in(field.get_ref()));
        let Some(first) = tables.next() else { continue };
        if let Some(other) = tables.find(|table| *table != first) {
            let what = format!(
                "`{kind}` takes fields of `{first}` and of `{other}`: nothing says which row goes with which ({})",
                one.file
            );
            let hint =
                "`column_sum` adds up whole columns: `column_sum = \"item_amount\"`, `equals = \"tax_base\"`";
            return section.document().note(section.place_of(kind), what, Some(hint));
        }
    }
}

fn product(section: &Section<'_>) -> Option<Rule> {
    let (factors, equals) = (numbers(section, "product"), equals(section));
    let percent = section.fields("percent", Named::read).unwrap_or_default();
    let (factors, equals) = (factors?, equals?);
    if let Some(stray) = percent.iter().find(|name| !factors.contains(name)) {
        let what = format!("`percent` names `{stray}`, which is not a factor of `product`");
        section.document().note(section.place_of("percent"), what, None::<&str>);
    }
    if equals.len() > 1 {
        section.document().note(section.place_of("equals"), "a product equals one field", None::<&str>);
    }
    Some(Rule::Product { factors, percent, equals: equals.into_iter().next()? })
}

fn days_between(section: &Section<'_>) -> Option<Rule> {
    let dates = typed(section, "days_between", FieldType::Date);
    let [min, max] = ["min", "max"].map(|key| section.integer(key, -DAYS..=DAYS));
    let dates = dates?;
    let [from, to] = &dates[..] else {
        let hint = "write `days_between = [\"date_issue\", \"date_due\"]`";
        section.document().note(
            section.place_of("days_between"),
            "`days_between` needs two dates",
            Some(hint),
        );
        return None;
    };
    if let (Some(min), Some(max)) = (min, max) {
        section.in_order(("min", &min), ("max", &max), "no number of days is between them: swap them");
    }
    if min.is_none() && max.is_none() {
        section.wrong("this check lets every number of days pass", "give it `min`, `max` or both");
    }
    Some(Rule::DaysBetween { from: from.clone(), to: to.clone(), min, max })
}
