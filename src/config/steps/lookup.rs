//! `use = "match"` with `queries`: a dataset instead of a list.

use std::collections::HashMap;
use std::time::Duration;

use toml::Spanned;

use crate::rossum::{MessageType, Value};
use crate::steps::lookup::{ANNOTATION_ID, LookupSettings, Outcome};
use crate::steps::matching::{Run, option};
use crate::steps::{Blueprint, Template};
use crate::store::{Asked, Compared, Decides, Dialect, Query, Search, SearchKind};

use super::super::columns::Wanted;
use super::super::document::Place;
use super::super::known::Known;
use super::super::schemas::Named;
use super::super::section::Section;
use super::matching::{DEFAULT_NONE, run, value};
use super::{MESSAGE_TYPES, message, template};

/// Options that a person can still look through.
pub(super) const MOST: usize = 50;
pub(super) const TIME: Duration = Duration::from_secs(2);

pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Box<dyn Blueprint>> {
    let target = section.written_field("target").map(|target| target.into_inner().to_owned());
    let of_target = ["value", "label", "fields", "choose", "options", "run", "validation_sources"];
    super::matching::look_at_check(section, &["none", "several"], &of_target.map(|key| (key, true)));
    if let Some(target) = section.text("target") {
        super::matching::look_at_target(section, &target);
    }
    let database = known.database(section);
    let dialect = if section.has("database") { Dialect::Postgres } else { Dialect::Sqlite };
    let queries = queries(section, dialect);
    if let Some(database) = &database {
        for (place, asked) in &queries {
            section.asks(database, place, asked);
        }
    }
    for (place, asked) in &queries {
        for field in asked.fields() {
            section.names(Named::new(place.clone(), field).read());
        }
    }
    if queries.iter().all(|(_, query)| query.fields().is_empty()) && !queries.is_empty() {
        let hint = "write the schema id of a field after a colon: `WHERE vat_id = :sender_vat_id`";
        section.document().note(section.place_of("queries"), "no query names a field", Some(hint));
    }
    let value = section.text("value").map(|column| (*column.get_ref()).to_owned());
    let label = template(section, "label");
    if label.as_ref().is_some_and(|label| label.names().next().is_none()) {
        let hint = "write columns in braces: `label = \"{name} - {city}\"`";
        section.document().note(section.place_of("label"), "`label` shows no column", Some(hint));
    }
    let columns = value.iter().map(String::as_str).map(|column| ("value", column));
    let columns = columns.chain(label.iter().flat_map(Template::names).map(|column| ("label", column)));
    let mut wanted: Vec<Wanted> = columns
        .map(|(key, column)| Wanted { place: section.place_of(key), column: column.to_owned() })
        .collect();
    let mut fields = Vec::new();
    if let Some(own) = section.section("fields") {
        for (field, column) in own.entries() {
            match column.get_ref().as_str() {
                Some(column_name) => {
                    let column_name = column_name.to_owned();
                    if target.as_deref() == Some(*field.get_ref()) {
                        let what = format!(
                            "`fields` writes `{}`, which is the `target`: this overwrites the chosen option",
                            field.get_ref()
                        );
                        let hint = "leave it out of `fields`; `value` says what the target gets";
                        section.document().note(field.span(), what, Some(hint));
                    }
                    section.writes_field(field.span(), field.get_ref());
                    wanted.push(Wanted { place: column.span(), column: column_name.clone() });
                    fields.push(((*field.get_ref()).to_owned(), column_name));
                }
                None => {
                    let hint = "write the name of a column: `fields = { vendor_city = \"city\" }`";
                    section.document().note(column.span(), "this is no column", Some(hint));
                }
            }
        }
    }
    look_at_circle(section, target.as_deref(), &fields, &queries);
    if !section.has("database") {
        known.tables.look(section, &queries, &wanted);
    }
    let queries: Vec<Asked> = queries.into_iter().map(|(_, asked)| asked).collect();
    let looked_up = queries.iter().flat_map(Asked::fields).find(|field| *field != ANNOTATION_ID);
    let on = target.as_deref().or(looked_up).unwrap_or_default();
    let none = outcome(section, "none", MessageType::Error, on);
    let takes_first = section.choice("choose", &[("first", true), ("person", false)]).unwrap_or(false);
    let several = Outcome { takes_first, ..outcome(section, "several", MessageType::Warning, on) };
    let one = Outcome { takes_first: true, option: none.option.clone(), message: None, on: on.to_owned() };
    let run = if target.is_some() { run(section) } else { Run::Always };
    let most = most(section);
    let time = time(section);
    let validation_sources = super::validation_sources(section);
    if database.is_none() && section.has("database") {
        return None; // it is wrong, and noted
    }
    Some(Box::new(LookupSettings {
        database,
        queries,
        value,
        label,
        target,
        fields,
        run,
        repeats_messages: true,
        none,
        one,
        several,
        condition: None,
        queue_ids: None,
        most,
        time,
        validation_sources,
    }))
}

/// Queries that look up what the step writes: it would be gone once it was looked up.
fn look_at_circle(
    section: &Section<'_>,
    target: Option<&str>,
    fields: &[(String, String)],
    queries: &[(Place, Asked)],
) {
    let is_written = |name: &str| target == Some(name) || fields.iter().any(|(field, _)| field == name);
    let reads: Vec<&str> = queries.iter().flat_map(|(_, asked)| asked.fields()).collect();
    if let Some(first) = reads.first()
        && reads.iter().all(|name| is_written(name))
    {
        let key = if section.has("queries") { "queries" } else { "query" };
        let what = format!(
            "the queries look up `{first}` alone, which the step itself writes: it overwrites what it looks up"
        );
        let hint = "look up another field, or fill another `target`";
        return section.document().note(section.place_of(key), what, Some(hint));
    }
    for (place, asked) in queries {
        for name in asked.fields() {
            if fields.iter().any(|(field, _)| field == name) {
                let what = format!(
                    "this query looks up `{name}`, which `fields` writes: where no record is chosen it is emptied"
                );
                return section.remark(place, &what);
            }
        }
    }
}

/// `options`: a person chooses among at least two.
pub(super) fn most(section: &Section<'_>) -> usize {
    section.count("options", 2..=10_000).unwrap_or(MOST)
}

/// `time`: all queries together.
pub(super) fn time(section: &Section<'_>) -> Duration {
    section.time("time").unwrap_or(TIME)
}

/// `queries`, a list of SQL, or `[[hook.step.query]]`, one for each.
fn queries(section: &Section<'_>, dialect: Dialect) -> Vec<(Place, Asked)> {
    if section.has("queries") && section.has("query") {
        section.wrong(
            "this step has both `queries` and `query`",
            "write `[[hook.step.query]]` for each, with `sql`",
        );
    }
    let texts = section.texts("queries").unwrap_or_default();
    let listed = |text: Spanned<&str>| Some((text.span(), sql(section, &text, dialect)?));
    let mut all: Vec<(Place, Asked)> = texts.into_iter().filter_map(listed).collect();
    let dataset = section.text("dataset").map(|name| (*name.get_ref()).to_owned());
    for own in section.sections("query") {
        all.extend(query(&own, dataset.as_deref(), dialect).map(|asked| (own.place(), asked)));
        own.finish();
    }
    all
}

pub(super) fn sql(section: &Section<'_>, text: &Spanned<&str>, dialect: Dialect) -> Option<Asked> {
    match Query::parse(text.get_ref(), dialect) {
        Ok(query) => Some(Asked::Sql(query)),
        Err(error) => {
            let hint = "SELECT id, name FROM vendors WHERE vat_id = :sender_vat_id";
            section.document().note(text.span(), format!("this is not a query: {error}"), Some(hint));
            None
        }
    }
}

/// The key that says what kind of query it is.
const KINDS: [&str; 6] = ["sql", "exact", "normalized", "prefix", "regex", "fuzzy"];
/// How similar texts must be where a query does not say: as PostgreSQL's `pg_trgm` has it.
const THRESHOLD: f64 = 0.3;

/// Keys of a query.
const OF_QUERY: [&str; 11] = [
    "sql",
    "exact",
    "normalized",
    "prefix",
    "regex",
    "fuzzy",
    "only",
    "threshold",
    "sure",
    "lead",
    "weights",
];

/// Notes keys that stand in the step, and belong into its query.
pub(super) fn note_misplaced(section: &Section<'_>) {
    let own = section.entries();
    for key in OF_QUERY.into_iter().filter(|key| own.iter().any(|(name, _)| name.get_ref() == key)) {
        let what = format!("`{key}` is a key of a query, but is in the step");
        let hint = format!("write it below `[[hook.step.query]]`: `{key} = …`");
        section.document().note(section.place_of(key), what, Some(hint));
    }
}

fn query(section: &Section<'_>, dataset: Option<&str>, dialect: Dialect) -> Option<Asked> {
    let kinds: Vec<&'static str> = KINDS.into_iter().filter(|kind| section.has(kind)).collect();
    let [kind] = kinds[..] else {
        section.wrong(
            if kinds.is_empty() {
                "this query asks nothing".to_owned()
            } else {
                format!("this query is {}", kinds.join(" and "))
            },
            format!("give it one of: {}", KINDS.join(", ")),
        );
        return None;
    };
    if kind == "sql" {
        return sql(section, &section.text("sql")?, dialect);
    }
    let dataset =
        section.text("dataset").map_or(dataset.map(str::to_owned), |own| Some((*own.get_ref()).to_owned()));
    if dataset.is_none() {
        section.wrong("no dataset is named", "write `dataset = \"vendors\"` in the step");
    }
    let is_fuzzy = kind == "fuzzy";
    let threshold = section.share("threshold", THRESHOLD);
    if threshold == Some(0.0) {
        let what = "`threshold` is 0: every record would be similar";
        section.document().note(section.place_of("threshold"), what, Some("write `threshold = 0.3`"));
    }
    let Decides { sure, lead } = Decides::default();
    let decides = Decides {
        sure: section.share("sure", sure).unwrap_or(sure),
        lead: section.share("lead", lead).unwrap_or(lead),
    };
    for key in ["threshold", "sure", "lead"].into_iter().filter(|key| !is_fuzzy && section.has(key)) {
        let what = format!("`{key}` is for `fuzzy`, and this query is `{kind}`");
        section.document().note(section.place_of(key), what, Some("leave it out"));
    }
    if is_fuzzy {
        tell_of_choice(section, decides, threshold.unwrap_or(THRESHOLD));
    }
    let weights: HashMap<String, f64> =
        section.section("weights").map(|own| weights(&own)).unwrap_or_default();
    let compared: Vec<Compared> = section
        .section(kind)
        .map(|own| own.entries())
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(column, field)| compared(section, kind, column.get_ref(), field, &weights))
        .collect();
    if let Some(stray) = weights.keys().find(|column| !compared.iter().any(|known| known.column == **column))
    {
        let what = format!("`weights` names `{stray}`, which `{kind}` does not compare");
        section.document().note(section.place_of("weights"), what, None::<&str>);
    }
    if compared.is_empty() {
        section.wrong(
            "this query compares nothing",
            format!("write `{kind} = {{ name = \"sender_name\" }}`: a column, and a field"),
        );
    }
    let only = section.section("only").map(|own| only(&own)).unwrap_or_default();
    let kind = match kind {
        "exact" => SearchKind::Exact,
        "normalized" => SearchKind::Normalized,
        "prefix" => SearchKind::Prefix,
        "regex" => SearchKind::Regex,
        _ => SearchKind::Fuzzy(threshold.unwrap_or(THRESHOLD)),
    };
    Some(Asked::Search(Search { dataset: dataset?, kind, compared, only, decides }))
}

/// `sure` and `lead` that choose a record which may be another.
fn tell_of_choice(section: &Section<'_>, Decides { sure, lead }: Decides, threshold: f64) {
    let place = |key| if section.has(key) { section.place_of(key) } else { section.place() };
    if sure == 0.0 && lead == 0.0 {
        let what = "`sure` and `lead` are 0: the best record is always chosen, even a wrong one";
        section.remark(&place("sure"), what);
    } else if sure < threshold {
        let what = format!(
            "`sure` is {sure}, less than `threshold`, which is {threshold}: each record that is found is similar enough to be chosen"
        );
        section.remark(&place("sure"), &what);
    } else if lead == 0.0 {
        let what = "`lead` is 0: of equally similar records, any one may be chosen";
        section.remark(&place("lead"), what);
    }
}

/// `only = { active = "1" }`.
pub(super) fn only(section: &Section<'_>) -> Vec<(String, String)> {
    let read = |(column, value): (Spanned<&str>, &Spanned<toml::de::DeValue<'_>>)| {
        let text = value.get_ref().as_str();
        if text.is_none() {
            section.document().note(
                value.span(),
                "this is not a text",
                Some("all values of a dataset are texts"),
            );
        }
        Some(((*column.get_ref()).to_owned(), text?.to_owned()))
    };
    section.entries().into_iter().filter_map(read).collect()
}

fn weights(section: &Section<'_>) -> HashMap<String, f64> {
    let read = |(column, value): (Spanned<&str>, &Spanned<toml::de::DeValue<'_>>)| {
        let text = match value.get_ref() {
            toml::de::DeValue::Integer(number) => number.as_str(),
            toml::de::DeValue::Float(number) => number.as_str(),
            _ => "",
        };
        let weight = text.parse::<f64>().ok().filter(|weight| *weight > 0.0 && weight.is_finite());
        if weight.is_none() {
            section.document().note(value.span(), "this is no weight", Some("write a number above 0"));
        }
        Some(((*column.get_ref()).to_owned(), weight?))
    };
    section.entries().into_iter().filter_map(read).collect()
}

/// A column and a field; of a pattern, the field in braces with what stands around it.
fn compared(
    section: &Section<'_>,
    kind: &str,
    column: &str,
    field: &Spanned<toml::de::DeValue<'_>>,
    weights: &HashMap<String, f64>,
) -> Option<Compared> {
    let note = |what: &str, hint: &str| section.document().note(field.span(), what, Some(hint.to_owned()));
    let Some(text) = field.get_ref().as_str().filter(|text| !text.trim().is_empty()) else {
        note("this is not a field", "write a schema id in quotes");
        return None;
    };
    let (field, around) = if kind == "regex" {
        let parts = text.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
        let Some((before, (name, after))) = parts else {
            note("this pattern names no field", "write `'^{sender_name}\\b'`");
            return None;
        };
        if let Err(error) = regex::Regex::new(&format!("{before}x{after}")) {
            let cause = error.to_string();
            let last = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            note(
                &format!("this is not a regular expression: {last}"),
                "the value of the field is inserted as it is, escaped",
            );
            return None;
        }
        (name.trim().to_owned(), (before.to_owned(), after.to_owned()))
    } else {
        (text.to_owned(), <(String, String)>::default())
    };
    Some(Compared {
        column: column.to_owned(),
        field,
        weight: weights.get(column).copied().unwrap_or(1.0),
        around,
    })
}

/// `none` and `several`: `{ value, label, message, type, on }`.
fn outcome(step: &Section<'_>, key: &'static str, kind: MessageType, target: &str) -> Outcome {
    let fallback = option(Value::Text(String::new()), DEFAULT_NONE);
    let Some(section) = step.section(key) else {
        return Outcome { takes_first: false, option: fallback, message: None, on: target.to_owned() };
    };
    let value = value(&section, "value").unwrap_or(fallback.value);
    let label = section
        .text_or_blank("label")
        .map_or_else(|| DEFAULT_NONE.to_owned(), |label| label.into_inner().to_owned());
    let kind = section.choice("type", &MESSAGE_TYPES).unwrap_or(kind);
    let message = message(&section, "message", &[]).map(|message| (kind, message));
    let on = section.field("on").map_or_else(|| target.to_owned(), |on| on.into_inner().to_owned());
    section.finish();
    Outcome { takes_first: false, option: option(value, label), message, on }
}
