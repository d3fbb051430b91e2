//! `use = "business_rules"`: the settings of the store's Business Rules Validation, as they are.

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use crate::steps::Blueprint;
use crate::steps::business_rules::{BusinessRule, BusinessRules, Check};
use crate::txscript::{Script, Variables};

use super::super::document::Place;
use super::super::known::Known;
use super::super::objects;
use super::super::section::Section;
use super::MESSAGE_TYPES;
use super::rules;
use super::scripts::{self, Code};
use crate::steps::nearest::nearest;

#[derive(Deserialize)]
struct Settings {
    checks: Vec<CheckObject>,
    #[serde(default)]
    variables: Variables,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
struct CheckObject {
    #[serde(default)]
    or: Option<Vec<Self>>,
    rule: Option<String>,
    message: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    automation_blocker: bool,
    active: Option<bool>,
    queue_ids: Option<Vec<u64>>,
    condition: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

const KEYS: [&str; 8] =
    ["rule", "message", "type", "automation_blocker", "active", "queue_ids", "condition", "or"];

pub(super) fn read(section: &Section<'_>, _: &Known) -> Option<Box<dyn Blueprint>> {
    let schemas = scripts::schemas(section);
    let limits = scripts::limits(section);
    let path = section.required_text("file", "\"business_rules.json\"")?;
    let json = scripts::read_json(section, path.get_ref(), &path.span())?;
    let hint = "the settings of the extension: { \"checks\": […], \"variables\": {…} }";
    let refuse = |error: String| {
        let text = format!("{} holds no business rules: {error}", path.get_ref());
        section.document().note(path.span(), text, Some(hint));
    };
    let json: Value = match json {
        Ok(json) => json,
        Err(error) => {
            refuse(error.to_string());
            return None;
        }
    };
    objects::hook(section, &path.span(), path.get_ref(), &json);
    let own = json.get("settings").unwrap_or(&json); // of a whole hook
    if !checks_fit(section, &path, own.get("checks")) {
        return None;
    }
    let settings = match Settings::deserialize(own) {
        Ok(settings) => settings,
        Err(error) => {
            refuse(error.to_string());
            return None;
        }
    };
    if settings.checks.is_empty() {
        refuse("its `checks` are empty".to_owned());
    }
    let reader = Reader { section, file: path.get_ref(), place: path.span(), variables: &settings.variables };
    reader.unknown("", &settings.others, &["checks", "variables"]);
    for (name, source) in &settings.variables {
        // Each by itself, so that a mistake is told once and where it is.
        reader.script(&format!("variables.{name}"), source, None);
    }
    let checks = settings.checks.iter().enumerate();
    let checks = checks.filter_map(|(at, check)| reader.check(&format!("checks[{at}]"), check)).collect();
    Some(Box::new(BusinessRules { checks, schemas, limits }))
}

/// Whether each check, and each within an `or`, has what its keys take.
fn checks_fit(section: &Section<'_>, path: &Spanned<&str>, checks: Option<&Value>) -> bool {
    let mut fit = true;
    let mut look = |title: &str, check: &Value| {
        if let Some(check) = check.as_object() {
            fit &= objects::fits(section, &path.span(), title, check, objects::CHECK);
        }
    };
    for (at, check) in checks.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let title = format!("{}: checks[{at}]", path.get_ref());
        look(&title, check);
        for (at, other) in check.get("or").and_then(Value::as_array).into_iter().flatten().enumerate() {
            look(&format!("{title}.or[{at}]"), other);
        }
    }
    fit
}

struct Reader<'r, 'd> {
    section: &'r Section<'d>,
    file: &'r str,
    place: Place,
    variables: &'r Variables,
}

impl Reader<'_, '_> {
    fn wrong(&self, path: &str, what: impl std::fmt::Display, hint: Option<String>) {
        self.section.document().note(self.place.clone(), format!("{}: {path}: {what}", self.file), hint);
    }

    /// Keys that mean nothing; one that begins with `_` is a remark.
    fn unknown(&self, path: &str, others: &Map<String, Value>, known: &[&'static str]) {
        for key in others.keys().filter(|key| !key.starts_with('_')) {
            let hint = nearest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let path = if path.is_empty() { "settings" } else { path };
            self.wrong(path, format_args!("unknown key `{key}`"), hint);
        }
    }

    fn script(&self, path: &str, source: &str, queues: Option<&[u64]>) -> Option<Script> {
        let title = format!("{}: {path}", self.file);
        let is_condition = !path.starts_with("variables.");
        let code = Code {
            section: self.section,
            place: self.place.clone(),
            title,
            file: None,
            is_condition,
            queues,
        };
        let script = code.checked(Script::business_rule(path, source, self.variables), source)?;
        for one in self.section.schemas_of(queues) {
            let mut tables = script.tables(&one.schema);
            let first = tables.next();
            if let (Some(one), Some(other)) = (first, tables.find(|table| Some(*table) != first)) {
                let what = format!("it works on the rows of two tables, `{one}` and `{other}`");
                let hint = "put one of them into an aggregation, such as sum({x})";
                self.wrong(path, what, Some(hint.to_owned()));
                return None;
            }
        }
        Some(script)
    }

    fn check(&self, path: &str, object: &CheckObject) -> Option<Check> {
        self.unknown(path, &object.others, &KEYS);
        if object.active == Some(false) {
            return None;
        }
        let rules = match &object.or {
            Some(alternatives) => {
                if object.rule.is_some() {
                    self.wrong(path, "it has both `rule` and `or`", Some("keep one of them".to_owned()));
                }
                let alternatives = alternatives.iter().enumerate();
                let rule = |(at, object): (usize, &CheckObject)| {
                    let path = format!("{path}.or[{at}]");
                    self.unknown(&path, &object.others, &KEYS);
                    if object.or.is_some() {
                        self.wrong(&path, "an `or` in an `or`", Some("one list is enough".to_owned()));
                    }
                    (object.active != Some(false)).then(|| self.rule(&path, object)).flatten()
                };
                alternatives.filter_map(rule).collect()
            }
            None => vec![self.rule(path, object)?],
        };
        Some(Check { rules })
    }

    fn rule(&self, path: &str, object: &CheckObject) -> Option<BusinessRule> {
        let queues = object.queue_ids.as_deref();
        let condition = object.condition.as_deref().filter(|condition| !condition.trim().is_empty());
        // Each part is read before the first `?`, so that all mistakes are told at once.
        let condition = condition.map(|source| self.script(&format!("{path}.condition"), source, queues));
        let word = object.kind.as_deref().unwrap_or("error");
        let kind = MESSAGE_TYPES.iter().find(|(known, _)| *known == word);
        let kind = kind.map(|(_, kind)| *kind);
        if kind.is_none() {
            let hint = "use one of \"error\", \"warning\", \"info\"".to_owned();
            self.wrong(path, format_args!("Rossum has no message type `{word}`"), Some(hint));
        }
        let Some(source) = &object.rule else {
            let hint = "\"rule\": \"has_value({document_id})\"".to_owned();
            self.wrong(path, "there is no `rule`", Some(hint));
            return None;
        };
        let rule = self.script(&format!("{path}.rule"), source, queues);
        let Some(message) = &object.message else {
            self.wrong(path, "there is no `message` to show", None);
            return None;
        };
        if message.trim().is_empty() {
            let hint = "write what is wrong, and what to do".to_owned();
            self.wrong(path, "its `message` is empty: people would see an empty box", Some(hint));
        }
        if let Some(name) = rules::placeholder(message) {
            let what = format!(
                "{}: {path}: `{{{name}}}` in its message is shown as it is: business rules fill no placeholders",
                self.file
            );
            self.section.remark(&self.place, &what);
        }
        Some(BusinessRule {
            name: path.to_owned(),
            rule: rule?,
            condition: condition.map_or(Some(None), |condition| condition.map(Some))?,
            queue_ids: object.queue_ids.clone(),
            message: message.clone(),
            kind: kind?,
            automation_blocker: object.automation_blocker,
        })
    }
}
