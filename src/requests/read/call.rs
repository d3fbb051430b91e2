//! A call: its request and its response handlers.

use std::time::Duration;

use fancy_regex::Regex;
use reqwest::Method;
use serde_json::Value as Json;

use super::super::client::header;
use super::super::extract::{Extract, Query};
use super::super::settings::{Call, ContentType, Handler, Request, Target};
use super::super::template::{Path, Text};
use super::super::url::{in_host, may_name_host};
use super::super::xml_path::XmlPath;
use super::{Object, Reader};

/// Where a call's settings name no time, in seconds.
const TIMEOUT: u64 = 10;
const SECONDS: std::ops::RangeInclusive<u64> = 1..=300;

impl Reader {
    pub(super) fn call(&mut self, json: &Json, path: &str) -> Option<Call> {
        let keys = ["name", "auth", "request", "priority_response_handlers", "response_handlers"];
        let own = self.object(Some(json), path, &keys)?;
        let name = self.word(own, "name", path).to_owned();
        let auth = own.get("auth").filter(|json| !json.is_null());
        let auth = auth.and_then(|json| self.auth(json, &format!("{path}.auth")));
        let request = self.request(own.get("request"), &format!("{path}.request"));
        let mut handlers = |key: &str| {
            let list = self.list(own, key, path);
            list.into_iter().filter_map(|(json, path)| self.handler(json, &path)).collect()
        };
        let (priority_handlers, handlers) =
            (handlers("priority_response_handlers"), handlers("response_handlers"));
        Some(Call { name, auth, request: request?, priority_handlers, handlers })
    }

    pub(super) fn method(&mut self, own: &Object, path: &str) -> Method {
        let word = self.word(own, "method", path).to_ascii_uppercase();
        match &*word {
            "GET" | "" => Method::GET, // that there is none is noted
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _ => {
                self.wrong(
                    path,
                    format!("there is no method `{word}`"),
                    Some("GET, POST, PUT, PATCH, DELETE"),
                );
                Method::GET
            }
        }
    }

    /// A URL, whose host no field names.
    pub(super) fn url(&mut self, own: &Object, path: &str, more: &[&str]) -> Text {
        let text = self.required_text(own, "url", path, more);
        let names: Vec<_> =
            in_host(&text).filter(|hole| !may_name_host(hole)).map(|hole| hole.path.to_string()).collect();
        for name in names {
            let hint = "write the host itself, or take it from a secret, an answer or `get_content`, and name it in `hosts` of the step";
            self.wrong(&format!("{path}.url"), format!("`{{{name}}}` would name the host"), Some(hint));
        }
        for hole in text.holes().filter(|hole| hole.is_raw) {
            self.notes.push(format!(
                "{path}.url: `{{raw({})}}` is put in as it is: what stands there can lead to another resource",
                hole.path
            ));
        }
        text
    }

    pub(super) fn request(&mut self, json: Option<&Json>, path: &str) -> Option<Request> {
        let keys = [
            "url",
            "method",
            "content",
            "content_type",
            "headers",
            "params",
            "timeout",
            "ignore_timeout",
            "iterate_over",
            "iteration_item_name",
        ];
        let own = self.object(json, path, &keys)?;
        let item = own.get("iteration_item_name").and_then(Json::as_str).unwrap_or("item");
        let is_iterated = own.get("iterate_over").is_some_and(|json| !json.is_null());
        let more: &[&str] = if is_iterated { &[item] } else { &[] };
        let iterate_over = is_iterated.then(|| self.word(own, "iterate_over", path)).and_then(|text| {
            let text = text.trim().trim_start_matches('{').trim_end_matches('}');
            let found =
                Path::parse(text).filter(|found| matches!(found.root(), "payload" | "field" | "property"));
            if found.is_none() {
                let hint = "write `field.line_items`, `property.NAME` or `payload.…`";
                self.wrong(path, "`iterate_over` is no path", Some(hint));
            }
            found
        });
        let mut headers = Vec::new();
        if let Some(json) = own.get("headers").filter(|json| !json.is_null()) {
            let path = format!("{path}.headers");
            let all = json.as_object().into_iter().flatten();
            for (name, value) in all {
                match value.as_str() {
                    Some(text) if header(name, "x").is_some() => {
                        headers.push((name.clone(), self.text(text, &format!("{path}.{name}"), more)));
                    }
                    _ => self.wrong(&path, format!("`{name}` is not a header with a text"), None),
                }
            }
        }
        let content_type = match own.get("content_type").and_then(Json::as_str) {
            None | Some("none" | "") => ContentType::None,
            Some("json") => ContentType::Json,
            Some("form") => ContentType::Form,
            Some("files") => ContentType::Files,
            Some("multipart") => ContentType::Multipart,
            Some(other) => {
                self.wrong(
                    path,
                    format!("there is no content type `{other}`"),
                    Some("json, form, files, multipart, or none"),
                );
                ContentType::None
            }
        };
        let seconds = own.get("timeout").map_or(Some(TIMEOUT), Json::as_u64).unwrap_or_default();
        if !SECONDS.contains(&seconds) {
            self.wrong(path, "`timeout` is a number of seconds, 1 to 300", None);
        }
        Some(Request {
            url: self.url(own, path, more),
            method: self.method(own, path),
            headers,
            params: self.optional_template(own, "params", path, more),
            content: self.optional_template(own, "content", path, more),
            content_type,
            timeout: Duration::from_secs(seconds),
            ignore_timeout: own.get("ignore_timeout").and_then(Json::as_bool).unwrap_or(false),
            iterate_over,
            item: item.to_owned(),
        })
    }

    pub(super) fn handler(&mut self, json: &Json, path: &str) -> Option<Handler> {
        let own =
            self.object(Some(json), path, &["name", "condition", "target_type", "target_key", "value"])?;
        let target = match self.word(own, "target_type", path) {
            "schema_id" => Target::Field,
            "property" => Target::Property,
            "document_relation" => Target::DocumentRelation,
            "" => return None,
            other => {
                let hint = "schema_id, property, document_relation";
                self.wrong(path, format!("there is no target type `{other}`"), Some(hint));
                return None;
            }
        };
        let condition = own.get("condition").filter(|json| !json.is_null());
        let more = ["response", "found_value"];
        let condition = condition.map(|json| self.filter(Some(json), &format!("{path}.condition"), &more));
        let value = match own.get("value").filter(|json| !json.is_null()) {
            Some(json) => Some(self.extract(json, &format!("{path}.value"))?),
            None if target == Target::DocumentRelation => None,
            None => {
                self.wrong(path, "it has no `value`", Some("{\"response.body\": {\"$jmespath\": \"id\"}}"));
                None
            }
        };
        Some(Handler { condition, target, key: self.word(own, "target_key", path).to_owned(), value })
    }

    pub(super) fn extract(&mut self, json: &Json, path: &str) -> Option<Extract> {
        let one = |json: &'_ Json| -> Option<(String, Json)> {
            let map = json.as_object().filter(|map| map.len() == 1)?;
            map.iter().next().map(|(key, value)| (key.clone(), value.clone()))
        };
        let Some((place, query)) = one(json) else {
            self.wrong(path, "it must have one key: where in the answer", Some("response, response.body, …"));
            return None;
        };
        let Some(place) = Path::parse(&place).filter(|place| place.root() == "response") else {
            self.wrong(path, format!("`{place}` is not in the answer"), Some("response, response.body, …"));
            return None;
        };
        let Some((operator, text)) =
            one(&query).and_then(|(key, text)| Some((key, text.as_str()?.to_owned())))
        else {
            self.wrong(path, "it must have one query", Some("$jmespath, $xmlpath or $regex, with a text"));
            return None;
        };
        let query = match &*operator {
            "$jmespath" => jmespath::compile(&text)
                .map(|query| Query::JmesPath(Box::new(query)))
                .map_err(|error| format!("`$jmespath`: {}", error.reason)),
            "$xmlpath" => {
                XmlPath::parse(&text).map(Query::XmlPath).map_err(|error| format!("`$xmlpath`: {error}"))
            }
            "$regex" => Regex::new(&text).map(Query::Regex).map_err(|error| format!("`$regex`: {error}")),
            other => Err(format!("there is no `{other}`: use $jmespath, $xmlpath or $regex")),
        };
        match query {
            Ok(query) => Some(Extract { path: place, query }),
            Err(problem) => {
                self.wrong(path, problem, None);
                None
            }
        }
    }
}
