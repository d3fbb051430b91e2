//! Reads the settings as they stand in Rossum. Whatever is not understood is refused, with its path.

mod auth;
mod call;
mod filter;

use serde_json::{Map, Value as Json};

use super::settings::{Content, Relations, Settings, Source, Stage};
use super::template::{Template, Text};

/// A mistake in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// `stages[0].call_api[1].request.url`
    pub path: String,
    pub what: String,
    pub hint: Option<String>,
}

impl Settings {
    /// The settings of the extension, or of an exported hook (`{"settings": …}`), or all that is wrong in them.
    pub fn read(json: &Json) -> Result<Self, Vec<Wrong>> {
        let mut reader = Reader::default();
        let own = json.get("settings").unwrap_or(json);
        let known = reader.object(Some(own), "", &["stages", "debugging"]);
        let mut stages = Vec::new();
        if let Some(own) = known {
            match own.get("stages").and_then(Json::as_array) {
                Some(list) => {
                    for (at, stage) in list.iter().enumerate() {
                        stages.push(reader.stage(stage, &format!("stages[{at}]")));
                    }
                }
                None => reader.wrong(
                    "",
                    "it has no `stages`",
                    Some("the settings of the extension: { \"stages\": […] }"),
                ),
            }
            if own.get("debugging").is_some_and(|debugging| debugging != &Json::Bool(false)) {
                let note =
                    "`debugging` has no effect: the contents of documents and answers are never logged";
                reader.notes.push(note.to_owned());
            }
        }
        if !reader.mistakes.is_empty() {
            return Err(reader.mistakes);
        }
        Ok(Self { stages, notes: reader.notes })
    }
}

#[derive(Default)]
struct Reader {
    mistakes: Vec<Wrong>,
    notes: Vec<String>,
}

type Object = Map<String, Json>;

impl Reader {
    fn wrong(&mut self, path: &str, what: impl Into<String>, hint: Option<&str>) {
        let path = path.to_owned();
        self.mistakes.push(Wrong { path, what: what.into(), hint: hint.map(str::to_owned) });
    }

    /// An object with only these keys; one that begins with `_` is a remark.
    fn object<'j>(&mut self, json: Option<&'j Json>, path: &str, keys: &[&str]) -> Option<&'j Object> {
        let Some(object) = json.and_then(Json::as_object) else {
            self.wrong(path, "there must be an object here", None);
            return None;
        };
        for key in object.keys().filter(|key| !key.starts_with('_') && !keys.contains(&key.as_str())) {
            self.wrong(
                path,
                format!("unknown key `{key}`"),
                Some(&format!("it may have: {}", keys.join(", "))),
            );
        }
        Some(object)
    }

    /// The elements of a list, with their paths; no list is an empty one.
    fn list<'j>(&mut self, own: &'j Object, key: &str, path: &str) -> Vec<(&'j Json, String)> {
        match own.get(key) {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(list)) => {
                list.iter().enumerate().map(|(at, one)| (one, format!("{path}.{key}[{at}]"))).collect()
            }
            Some(_) => {
                self.wrong(path, format!("`{key}` must be a list"), None);
                Vec::new()
            }
        }
    }

    fn word<'j>(&mut self, own: &'j Object, key: &str, path: &str) -> &'j str {
        match own.get(key).and_then(Json::as_str).filter(|text| !text.trim().is_empty()) {
            Some(text) => text,
            None => {
                self.wrong(path, format!("it has no `{key}`"), None);
                ""
            }
        }
    }

    fn template(&mut self, json: &Json, path: &str, more: &[&str]) -> Template {
        Template::read(json, more).unwrap_or_else(|name| {
            self.unknown_name(path, &name, more);
            Template::Fixed(Json::Null)
        })
    }

    fn optional_template(&mut self, own: &Object, key: &str, path: &str, more: &[&str]) -> Option<Template> {
        let json = own.get(key).filter(|json| !json.is_null())?;
        Some(self.template(json, &format!("{path}.{key}"), more))
    }

    fn text(&mut self, text: &str, path: &str, more: &[&str]) -> Text {
        Text::parse(text, more).unwrap_or_else(|name| {
            self.unknown_name(path, &name, more);
            Text::default()
        })
    }

    fn required_text(&mut self, own: &Object, key: &str, path: &str, more: &[&str]) -> Text {
        let text = self.word(own, key, path);
        self.text(text, &format!("{path}.{key}"), more)
    }

    fn unknown_name(&mut self, path: &str, name: &str, more: &[&str]) {
        let names =
            ["payload", "field", "property", "sequence", "token"].into_iter().chain(more.iter().copied());
        let hint = format!("there are: {}", names.collect::<Vec<_>>().join(", "));
        self.wrong(path, format!("there is no `{{{name}…}}`"), Some(&hint));
    }

    fn stage(&mut self, json: &Json, path: &str) -> Stage {
        let Some(own) = self.object(Some(json), path, &["name", "evaluate", "get_content", "call_api"])
        else {
            return Stage::default();
        };
        let mut stage = Stage::default();
        for (json, path) in self.list(own, "evaluate", path) {
            if let Some(own) = self.object(Some(json), &path, &["name", "condition"]) {
                let path = format!("{path}.condition");
                stage.evaluate.push(self.filter(own.get("condition"), &path, &[]));
            }
        }
        for (json, path) in self.list(own, "get_content", path) {
            stage.get_content.extend(self.content(json, &path));
        }
        for (json, path) in self.list(own, "call_api", path) {
            stage.call_api.extend(self.call(json, &path));
        }
        stage
    }

    fn content(&mut self, json: &Json, path: &str) -> Option<Content> {
        let own = self.object(Some(json), path, &["name", "source", "query"])?;
        let name = self.word(own, "name", path).to_owned();
        let (of, with_content) = match self.word(own, "source", path) {
            "explicit" => {
                let mut texts = Vec::new();
                for (json, path) in self.list(own, "query", path) {
                    match json.as_str() {
                        Some(text) => texts.push(self.text(text, &path, &[])),
                        None => self.wrong(&path, "there must be a text here", None),
                    }
                }
                return Some(Content { name, source: Source::Explicit(texts) });
            }
            "document_relation" => (Relations::Document, false),
            "document_relation_content" => (Relations::Document, true),
            "relation" => (Relations::Annotation, false),
            "relation_content" => (Relations::Annotation, true),
            "parent_relation" => (Relations::Parent, false),
            "parent_relation_content" => (Relations::Parent, true),
            other => {
                let hint = "document_relation, relation or parent_relation, each with _content or without, or explicit";
                self.wrong(path, format!("there is no source `{other}`"), Some(hint));
                return None;
            }
        };
        let query = self.filter(own.get("query"), &format!("{path}.query"), &[]);
        Some(Content { name, source: Source::Relations { of, with_content, query } })
    }
}
