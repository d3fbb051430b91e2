//! `use = "match"` with `configuration`: the settings of Rossum's Master Data Hub ("Data matching"), as they are.

use serde_json::{Map, Value as Json};

use crate::pipeline::Query;
use crate::rossum::{EnumOption, MessageType, Value};
use crate::steps::condition::Condition;
use crate::steps::lookup::{ANNOTATION_ID, LookupSettings, Outcome};
use crate::steps::master_data::MasterDataSettings;
use crate::steps::matching::{Run, option};
use crate::steps::{Blueprint, Template};
use crate::store::Asked;
use crate::txscript::{self, Doubts, FieldType};

use super::super::columns::Wanted;
use super::super::document::Place;
use super::super::known::Known;
use super::super::objects;
use super::super::schemas::{Changes, Named};
use super::super::section::Section;
use super::lookup::{MOST, TIME};
use super::matching::DEFAULT_NONE;
use super::{MESSAGE_TYPES, lookup, scripts};
use crate::steps::nearest::nearest;

pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Box<dyn Blueprint>> {
    let most = lookup::most(section);
    let time = lookup::time(section);
    let validation_sources = super::validation_sources(section);
    let path = section.required_text("configuration", "\"matching.json\"")?;
    let json = scripts::read_json(section, path.get_ref(), &path.span())?;
    let file = File { section, known, name: path.get_ref(), place: path.span() };
    let json: Json = match json {
        Ok(json) => json,
        Err(error) => {
            file.wrong("", format!("it is not JSON: {error}"), None);
            return None;
        }
    };
    objects::hook(section, &path.span(), path.get_ref(), &json);
    let settings = json.get("settings").unwrap_or(&json); // of an exported hook
    let Some(list) = settings.get("configurations").and_then(Json::as_array) else {
        let hint = "the settings of the extension: { \"configurations\": […] }".to_owned();
        file.wrong("", "it has no `configurations`", Some(hint));
        return None;
    };
    if list.is_empty() {
        file.wrong(
            "",
            "its `configurations` are empty",
            Some("export the settings of the extension".to_owned()),
        );
    }
    let mut lookups = Vec::new();
    for (at, json) in list.iter().enumerate() {
        let path = format!("configurations[{at}]");
        let name = json.get("name").and_then(Json::as_str).map_or_else(|| path.clone(), str::to_owned);
        let Some(lookup) = file.lookup(json, &path) else { continue };
        let validation_sources = validation_sources.clone();
        lookups.push((name, LookupSettings { most, time, validation_sources, ..lookup }));
    }
    Some(Box::new(MasterDataSettings { lookups }))
}

struct File<'r, 'd> {
    section: &'r Section<'d>,
    known: &'r Known,
    name: &'r str,
    place: Place,
}

const KEYS: [&str; 9] = [
    "name",
    "source",
    "default",
    "mapping",
    "additional_mappings",
    "result_actions",
    "action_condition",
    "queue_ids",
    "active",
];

impl File<'_, '_> {
    fn wrong(&self, path: &str, what: impl std::fmt::Display, hint: Option<String>) {
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        self.section.document().note(self.place.clone(), format!("{}: {path}{what}", self.name), hint);
    }

    /// An object and only these keys; one that begins with `_` is a remark.
    fn object<'j>(
        &self,
        json: Option<&'j Json>,
        path: &str,
        keys: &[&'static str],
    ) -> Option<&'j Map<String, Json>> {
        let Some(object) = json.and_then(Json::as_object) else {
            self.wrong(path, "there must be an object here", None);
            return None;
        };
        for key in object.keys().filter(|key| !key.starts_with('_') && !keys.contains(&key.as_str())) {
            let hint = nearest(key, keys.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            self.wrong(path, format_args!("unknown key `{key}`"), hint);
        }
        Some(object)
    }

    fn text<'j>(&self, object: &'j Map<String, Json>, key: &str, path: &str) -> Option<&'j str> {
        let text = object.get(key).and_then(Json::as_str).filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.wrong(path, format_args!("it has no `{key}`"), None);
        }
        text
    }

    fn lookup(&self, json: &Json, path: &str) -> Option<LookupSettings> {
        let own = self.object(Some(json), path, &KEYS)?;
        let title = format!("{}: {path}", self.name);
        if !objects::fits(self.section, &self.place, &title, own, objects::LOOKUP) {
            return None;
        }
        let queue_ids = own.get("queue_ids").and_then(Json::as_array).filter(|ids| !ids.is_empty());
        let queue_ids: Option<Vec<u64>> = queue_ids.map(|ids| ids.iter().filter_map(Json::as_u64).collect());
        let queues = queue_ids.as_deref();
        let queries = self.queries(own.get("source"), &format!("{path}.source"));
        for (at, query) in queries.iter().flatten().enumerate() {
            for field in query.fields() {
                self.value_of(field, &format!("{path}.source.queries[{at}]"), queues);
            }
        }
        if queries.as_ref().is_some_and(|all| all.iter().all(|query| query.fields().is_empty())) {
            let what = format!(
                "{}: {path}.source: no query names a field in braces: each document gets the same",
                self.name
            );
            self.section.remark(&self.place, &what);
        }
        let mapping_path = format!("{path}.mapping");
        let mapping = self.object(
            own.get("mapping"),
            &mapping_path,
            &["target_schema_id", "dataset_key", "label_template", "label_keys"],
        )?;
        let target = self.text(mapping, "target_schema_id", &mapping_path)?.to_owned();
        self.written(&target, &mapping_path, queues);
        self.takes_options(&target, &mapping_path, queues);
        let key = self.text(mapping, "dataset_key", &mapping_path).map(str::to_owned);
        let label = self.label(mapping, &mapping_path, key.as_deref());
        let mut fields = Vec::new();
        let more = own.get("additional_mappings").and_then(Json::as_array);
        for (at, one) in more.into_iter().flatten().enumerate() {
            let path = format!("{path}.additional_mappings[{at}]");
            let Some(one) = self.object(Some(one), &path, &["target_schema_id", "dataset_key"]) else {
                continue;
            };
            let field = self.text(one, "target_schema_id", &path);
            if let Some((field, column)) = field.zip(self.text(one, "dataset_key", &path)) {
                self.written(field, &path, queues);
                fields.push((field.to_owned(), column.to_owned()));
            }
        }
        let columns = key.iter().map(String::as_str).chain(fields.iter().map(|(_, column)| column.as_str()));
        let columns = columns.chain(label.iter().flat_map(Template::names));
        let wanted = |column: &str| Wanted { place: self.place.clone(), column: column.to_owned() };
        let wanted: Vec<_> = columns.map(wanted).collect();
        let asked: Vec<_> =
            queries.iter().flatten().map(|asked| (self.place.clone(), asked.clone())).collect();
        self.known.tables.look(self.section, &asked, &wanted);
        let default = self.default(own.get("default"), &format!("{path}.default"));
        let actions_path = format!("{path}.result_actions");
        let names = ["no_match_found", "one_match_found", "multiple_matches_found"];
        let actions =
            own.get("result_actions").and_then(|json| self.object(Some(json), &actions_path, &names));
        let [none, one, several] = names.map(|name| {
            let action = actions.and_then(|actions| actions.get(name));
            self.outcome(action, &format!("{actions_path}.{name}"), (&default, &target), name == names[1])
        });
        let condition =
            own.get("action_condition").and_then(Json::as_str).filter(|text| !text.trim().is_empty());
        let condition = condition.and_then(|source| match Condition::parse(source) {
            Ok(condition) => {
                self.look_at_condition(&condition, source, &format!("{path}.action_condition"), queues);
                Some(condition)
            }
            Err(problem) => {
                self.wrong(&format!("{path}.action_condition"), problem.message, problem.hint);
                None
            }
        });
        for (name, outcome) in names.iter().zip([&none, &one, &several]) {
            for field in outcome.message.iter().flat_map(|(_, message)| message.names()) {
                self.field(field, &format!("{actions_path}.{name}.message"), queues);
            }
        }
        let is_active = own.get("active").and_then(Json::as_bool).unwrap_or(true);
        is_active.then_some(LookupSettings {
            database: None,
            queries: queries?,
            value: Some(key?),
            label,
            target: Some(target),
            fields,
            run: Run::WhenChanged,
            repeats_messages: false,
            none,
            one,
            several,
            condition,
            queue_ids,
            most: MOST,
            time: TIME,
            validation_sources: Vec::new(),
        })
    }

    /// A field that gets a value.
    fn written(&self, id: &str, path: &str, queues: Option<&[u64]>) {
        let named = Named::new(self.place.clone(), id).within(format!("{}: {path}", self.name));
        self.section.names(named.changed(Changes::Value).for_queues(queues));
    }

    /// A field that holds no text and has no options gets the key alone, where it is one of its kind.
    fn takes_options(&self, id: &str, path: &str, queues: Option<&[u64]>) {
        for one in self.section.schemas_of(queues) {
            let kind = match one.schema.kind_of(id) {
                Some(FieldType::Number) => "a number",
                Some(FieldType::Date) => "a date",
                Some(FieldType::Boolean) => "true or false",
                _ => continue,
            };
            if one.schema.options(id).is_none() {
                let what = format!(
                    "{}: {path}: `{id}` is {kind}, which takes no options and no labels, and no key that is a text ({}): name a field of the type `enum`",
                    self.name, one.file
                );
                return self.section.remark(&self.place, &what);
            }
        }
    }

    /// A field that the settings name.
    fn field(&self, id: &str, path: &str, queues: Option<&[u64]>) {
        if id != ANNOTATION_ID {
            let within = format!("{}: {path}", self.name);
            self.section.names(Named::new(self.place.clone(), id).within(within).for_queues(queues));
        }
    }

    /// A field whose value a query looks for.
    fn value_of(&self, id: &str, path: &str, queues: Option<&[u64]>) {
        if id != ANNOTATION_ID {
            let within = format!("{}: {path}", self.name);
            self.section.names(Named::new(self.place.clone(), id).within(within).for_queues(queues).read());
        }
    }

    fn look_at_condition(&self, condition: &Condition, source: &str, path: &str, queues: Option<&[u64]>) {
        for field in condition.names() {
            self.field(field, path, queues);
        }
        let doubts = |schema: Option<&_>| txscript::doubts_of_master_data(source, schema);
        let Doubts { wrong, odd } = scripts::in_all(&self.section.schemas_of(queues), doubts);
        for problem in wrong {
            self.wrong(path, problem.message, problem.hint);
        }
        for problem in odd {
            self.section.remark(&self.place, &format!("{}: {path}: {}", self.name, problem.message));
        }
    }

    fn queries(&self, json: Option<&Json>, path: &str) -> Option<Vec<Asked>> {
        let source = self.object(json, path, &["dataset", "queries", "auth"])?;
        let queries = source.get("queries").and_then(Json::as_array);
        let Some(queries) = queries.filter(|queries| !queries.is_empty()) else {
            self.wrong(path, "it has no `queries`", None);
            return None;
        };
        let is_http = |query: &Json| query.get("url").is_some();
        if source.contains_key("auth") || queries.iter().any(is_http) {
            let hint = "import what the interface gives as a dataset, or leave this configuration in Rossum"
                .to_owned();
            self.wrong(path, "queries over HTTP are not sent here", Some(hint));
            return None;
        }
        let dataset = self.text(source, "dataset", path)?;
        let mut all = Some(Vec::new());
        for (at, query) in queries.iter().enumerate() {
            match Query::parse(dataset, query, &format!("{path}.queries[{at}]")) {
                Ok(query) => _ = all.as_mut().map(|all| all.push(Asked::Documents(query))),
                Err(mistake) => {
                    self.wrong(&mistake.path, mistake.what, None);
                    all = None;
                }
            }
        }
        all
    }

    /// `label_template`, or the columns of `label_keys` with commas, or the key.
    fn label(&self, mapping: &Map<String, Json>, path: &str, key: Option<&str>) -> Option<Template> {
        let source = match (mapping.get("label_template").and_then(Json::as_str), mapping.get("label_keys")) {
            (Some(template), _) => template.to_owned(),
            (None, Some(Json::Array(keys))) => {
                let keys = keys.iter().filter_map(Json::as_str).map(|key| format!("{{{key}}}"));
                keys.collect::<Vec<_>>().join(", ")
            }
            _ => format!("{{{}}}", key?),
        };
        let label = Template::parse(&source).inspect_err(|error| self.wrong(path, error, None)).ok();
        if label.as_ref().is_some_and(|label| label.names().next().is_none()) {
            let what = format!(
                "{}: {path}: its label names no column in braces: all options look the same, `{source}`",
                self.name
            );
            self.section.remark(&self.place, &what);
        }
        label
    }

    fn default(&self, json: Option<&Json>, path: &str) -> EnumOption {
        let own = json.and_then(|json| self.object(Some(json), path, &["value", "label"]));
        let of = |key: &str| own.and_then(|own| own.get(key)?.as_str().map(str::to_owned));
        let label = of("label").unwrap_or_else(|| DEFAULT_NONE.to_owned());
        option(Value::Text(of("value").unwrap_or_default()), label)
    }

    /// What happens for one count of results.
    fn outcome(
        &self,
        json: Option<&Json>,
        path: &str,
        (default, target): (&EnumOption, &str),
        takes_first: bool,
    ) -> Outcome {
        let own = json.and_then(|json| self.object(Some(json), path, &["select", "message"]));
        let select = own.and_then(|own| own.get("select")).and_then(Json::as_str);
        let takes_first = match select {
            Some("best_match" | "best") => true,
            Some("default") => false,
            Some(other) => {
                let hint = "write \"best_match\" or \"default\"".to_owned();
                self.wrong(path, format_args!("`{other}` is no selection"), Some(hint));
                false
            }
            None => takes_first,
        };
        let path = format!("{path}.message");
        let message = own.and_then(|own| own.get("message")).filter(|message| !message.is_null());
        let message = message.and_then(|message| {
            let own = self.object(Some(message), &path, &["type", "content"])?;
            let word = own.get("type").and_then(Json::as_str).unwrap_or("error");
            let kind = MESSAGE_TYPES.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind);
            if kind.is_none() {
                self.wrong(&path, format_args!("`{word}` is not a type of a message"), None);
            }
            let content = self.text(own, "content", &path)?;
            let template = Template::parse(content).inspect_err(|error| self.wrong(&path, error, None)).ok();
            Some((kind.unwrap_or(MessageType::Error), template?))
        });
        Outcome { takes_first, option: default.clone(), message, on: target.to_owned() }
    }
}
