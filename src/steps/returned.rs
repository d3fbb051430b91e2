//! What a function returned: an answer as Rossum reads it, whose messages, blockers and operations become ours.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::rossum::{
    Annotation, Category, Change, EnumOption, GrownTree, MessageType, NewCell, NodeRef, SourcesPlace, Value,
};
use crate::trees;
use crate::txscript::Schema;

use super::undone::Undone;
use super::{Answer, Lasts, StepError};

#[derive(Deserialize, Default)]
pub(super) struct Returned {
    #[serde(default)]
    messages: Vec<Notice>,
    #[serde(default)]
    automation_blockers: Vec<Notice>,
    #[serde(default)]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Notice {
    #[serde(default)]
    id: Json,
    #[serde(rename = "type")]
    kind: Option<String>,
    content: Json,
}

#[derive(Deserialize)]
struct Operation {
    op: String,
    id: Json,
    #[serde(default)]
    value: Json,
    /// For each cell of a new row that has none of its own.
    validation_sources: Option<Vec<String>>,
}

/// A datapoint as an operation describes it.
#[derive(Deserialize)]
struct Datapoint {
    schema_id: Option<String>,
    #[serde(default)]
    content: Map<String, Json>,
    options: Option<Vec<Map<String, Json>>>,
    validation_sources: Option<Vec<String>>,
    hidden: Option<bool>,
}

pub(super) fn wrong(what: impl std::fmt::Display) -> StepError {
    StepError {
        message: "This extension gave an answer that cannot be used.".to_owned(),
        cause: format!("the function returned {what}"),
        lasts: Lasts::ForGood,
    }
}

impl Returned {
    /// Reads what a function returned, as JSON; `None` is an answer without anything in it.
    pub(super) fn read(json: &str) -> Result<Self, StepError> {
        let returned = serde_json::from_str::<Option<Self>>(json);
        returned.map(Option::unwrap_or_default).map_err(|error| {
            // serde quotes values of the document: only the kind of the mistake is told.
            let place = format!("line {}, column {}", error.line(), error.column());
            wrong(format_args!(
                "no answer with messages, operations and automation_blockers ({place} of its JSON)"
            ))
        })
    }

    /// Reads what a service answered, whose text is not ours: as a tree of bounded size first.
    pub(super) fn of_service(json: &str) -> Result<Self, String> {
        let tree =
            trees::read(json.as_bytes(), trees::LARGEST_ANSWER).map_err(|unread| unread.to_string())?;
        let returned = serde_json::from_value::<Option<Self>>(tree).map(Option::unwrap_or_default);
        // serde quotes values of the document.
        returned.map_err(|_| "no answer with messages, operations and automation_blockers".to_owned())
    }

    pub(super) fn apply(
        self,
        annotation: &Annotation<'_>,
        schema: &Schema,
        answer: &mut Answer,
    ) -> Result<(), StepError> {
        if self.messages.is_empty() && self.automation_blockers.is_empty() && self.operations.is_empty() {
            return Ok(());
        }
        let before = answer.journal.tree(annotation);
        let nodes = Nodes::new(&before);
        for notice in self.messages {
            let kind = match notice.kind.as_deref() {
                Some("error") => MessageType::Error,
                Some("warning") => MessageType::Warning,
                Some("info") | None => MessageType::Info,
                Some(_) => return Err(wrong("a message of an unknown type: use error, warning or info")),
            };
            let on = nodes.find(&notice.id);
            answer.undone.extend(unknown("a message", on, &notice.id));
            answer.show(kind, on, text(notice.content));
        }
        for blocker in self.automation_blockers {
            let on = nodes.find(&blocker.id);
            answer.undone.extend(unknown("a blocker", on, &blocker.id));
            answer.block_automation(on, text(blocker.content));
        }
        for operation in self.operations {
            let node = nodes.find(&operation.id);
            answer.undone.extend(unknown("an operation", node, &operation.id));
            let Some(node) = node else { continue };
            operation.apply(node, &before, schema, answer)?;
        }
        Ok(())
    }
}

impl Operation {
    fn apply(
        self,
        node: NodeRef,
        tree: &GrownTree<'_>,
        schema: &Schema,
        answer: &mut Answer,
    ) -> Result<(), StepError> {
        let datapoint = |value: Json| {
            serde_json::from_value::<Datapoint>(value)
                .map_err(|_| wrong("an operation whose value is not a datapoint"))
        };
        let below = |node| schema.child_of(&tree.node(node).schema_id).unwrap_or_default();
        match self.op.as_str() {
            "replace" => answer.journal.record(node, datapoint(self.value)?.change()),
            "remove" => answer.journal.remove(node),
            "add" if tree.node(node).category != Category::Multivalue => {
                return Err(wrong("an operation that adds to something else than a multivalue"));
            }
            "add" => match self.value {
                Json::Array(cells) => {
                    let cell = |cell| datapoint(cell)?.with_sources(self.validation_sources.as_ref()).cell();
                    let cells = cells.into_iter().map(cell);
                    let cells = cells.collect::<Result<Vec<_>, _>>()?;
                    answer.journal.add_row(node, below(node), cells);
                }
                value => {
                    let value = datapoint(value)?.with_sources(self.validation_sources.as_ref());
                    let cell = NewCell { schema_id: below(node).to_owned(), change: value.change() };
                    answer.journal.add_value(node, cell);
                }
            },
            _ => return Err(wrong("an operation that is not replace, add or remove")),
        }
        Ok(())
    }
}

impl Datapoint {
    /// With the sources of its operation, where it has none of its own.
    fn with_sources(mut self, sources: Option<&Vec<String>>) -> Self {
        if self.validation_sources.is_none() && !self.content.contains_key("validation_sources") {
            self.validation_sources = sources.cloned();
        }
        self
    }

    fn cell(mut self) -> Result<NewCell, StepError> {
        let schema_id =
            self.schema_id.take().ok_or_else(|| wrong("a new row with a cell without `schema_id`"))?;
        Ok(NewCell { schema_id, change: self.change() })
    }

    fn change(mut self) -> Change {
        let value = self.content.remove("value").map(Value::read);
        let inside = self.content.remove("validation_sources");
        let inside = inside.and_then(|sources| serde_json::from_value::<Vec<String>>(sources).ok());
        let sources_place =
            if inside.is_some() { SourcesPlace::InsideContent } else { SourcesPlace::BesideContent };
        Change {
            value,
            options: self.options.map(|options| options.into_iter().map(EnumOption::read).collect()),
            validation_sources: self.validation_sources.or(inside),
            sources_place,
            hidden: self.hidden,
            content: self.content,
        }
    }
}

/// An id that leads nowhere. Without one, a message is the document's own.
fn unknown(what: &str, node: Option<NodeRef>, id: &Json) -> Option<Undone> {
    let is_of_document = what != "an operation" && (id.is_null() || id == "all");
    if node.is_some() || is_of_document {
        return None;
    }
    Some(Undone::unknown_id(what, id.as_i64()))
}

fn text(json: Json) -> String {
    match json {
        Json::String(text) => text,
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

/// Nodes by their ids.
struct Nodes(HashMap<String, NodeRef>);

impl Nodes {
    fn new(tree: &GrownTree<'_>) -> Self {
        let sent = tree.sent();
        let ids = sent.nodes().map(|node| (sent.node(node).id.to_string(), node));
        let added = (0..tree.added_len()).map(|place| (format!("+{place}"), NodeRef::added(place)));
        Self(ids.chain(added).collect())
    }

    fn find(&self, id: &Json) -> Option<NodeRef> {
        match id {
            Json::String(text) => self.0.get(text).copied(),
            Json::Number(number) => self.0.get(&number.to_string()).copied(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rossum::Payload;

    const BODY: &[u8] = br#"{"annotation": {"content": [
        {"id": 1, "schema_id": "total", "category": "datapoint", "content": {"value": "1"}},
        {"id": 2, "schema_id": "lines", "category": "multivalue", "children": [
            {"id": 3, "schema_id": "line", "category": "tuple", "children": [
                {"id": 4, "schema_id": "item", "category": "datapoint", "content": {"value": "a"}}]}]}]}}"#;

    fn operations(json: &str) -> Result<Json, String> {
        let payload = Payload::read(BODY).unwrap();
        let annotation = payload.annotation.as_ref().unwrap();
        let mut answer = Answer::default();
        let returned = Returned::read(json).map_err(|error| error.cause)?;
        let schema = Schema::from_annotation(annotation, &HashMap::new());
        returned.apply(annotation, &schema, &mut answer).map_err(|error| error.cause)?;
        Ok(serde_json::to_value(answer.journal.operations(Some(annotation))).unwrap())
    }

    #[test]
    fn operations_come_out_as_they_came_in() {
        let list = r#"[{"op": "replace", "id": 1, "value": {"content": {"value": "2", "page": null}, "hidden": true,
            "options": [{"value": "x", "label": "X", "struct": {"a": 1}}], "validation_sources": []}},
            {"op": "remove", "id": 3},
            {"op": "add", "id": 2, "value": [{"schema_id": "item", "content": {"value": "b"}}]}]"#;
        let whole = format!(r#"{{"operations": {list}, "messages": [], "actions": []}}"#);
        assert_eq!(operations(&whole).unwrap(), serde_json::from_str::<Json>(list).unwrap());
        assert_eq!(operations("null").unwrap(), serde_json::json!([]));
    }

    #[test]
    fn the_sources_of_a_new_row_are_those_of_its_cells() {
        let add = |id, value: &str| {
            let one = format!(
                r#"{{"op": "add", "id": {id}, "validation_sources": ["connector"], "value": {value}}}"#
            );
            let all = operations(&format!(r#"{{"operations": [{one}]}}"#)).unwrap();
            all[0]["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|cell| cell["validation_sources"].clone())
                .collect::<Vec<_>>()
        };
        let cells = r#"[{"schema_id": "item", "content": {"value": "b"}},
            {"schema_id": "item", "content": {"value": "b"}, "validation_sources": []}]"#;
        assert_eq!(add(2, cells), [serde_json::json!(["connector"]), serde_json::json!([])]);
    }

    #[test]
    fn what_is_no_answer_is_told_without_its_data() {
        let error = |json| operations(json).unwrap_err();
        assert!(error(r#"{"messages": "secret"}"#).contains("no answer with messages"));
        assert!(!error(r#"{"messages": "secret"}"#).contains("secret"));
        assert!(error(r#"{"operations": [{"op": "move", "id": 1}]}"#).contains("not replace, add or remove"));
        assert!(error(r#"{"operations": [{"op": "add", "id": 2, "value": [{}]}]}"#).contains("schema_id"));
        assert!(error(r#"{"operations": [{"op": "add", "id": 1, "value": []}]}"#).contains("a multivalue"));
        assert!(error(r#"{"messages": [{"type": "loud", "content": ""}]}"#).contains("unknown type"));
    }
}
