//! A delivery's body as Rossum documents it (API reference: "Webhook events"), read once.
//!
//! Only what is used is kept. The delivery's token and secrets are skipped like everything else that
//! no step asks for, so that they cannot end up in a log.

use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::annotation::{Annotation, Node, NodeRef};
use super::content::Nodes;
use super::event::Event;
use super::id::Id;
use super::lenient::{Entries, List, Object, Scalar};

/// Bytes of body for one node of the tree, to size the list: production deliveries have about 420.
const BYTES_PER_NODE: usize = 380;

/// Nodes of one annotation: five times those that a body of 20 MB has as Rossum writes it. Each takes some 150 bytes of
/// memory, of which a body may have as few as three.
const MOST_NODES: usize = 250_000;

/// Why a verified body cannot be read. It quotes nothing of the body.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    #[error("the body is not UTF-8: byte {offset} cannot stand there")]
    NotUtf8 { offset: usize },
    #[error("the body is not JSON: {problem} at line {line}, column {column}")]
    NotJson { problem: String, line: usize, column: usize },
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    #[error("the annotation has more than {most} sections, fields, rows and cells")]
    TooManyNodes { most: usize },
}

/// A body that cannot be read, with what could be read of it before that.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct Unreadable {
    #[source]
    pub problem: PayloadError,
    pub request_id: Option<String>,
}

/// What a delivery says.
#[derive(Debug)]
pub struct Payload<'a> {
    pub request_id: Option<Cow<'a, str>>,
    pub event: Event<'a>,
    /// The annotation's own id, for logs.
    pub annotation_id: Id<'a>,
    /// The number at the end of the annotation's `queue`.
    pub queue_id: Option<u64>,
    /// The extracted data, on `annotation_content` events.
    pub annotation: Option<Annotation<'a>>,
    /// Ids of the datapoints that changed; `None` where the key was not sent.
    pub updated_datapoints: Option<Vec<Id<'a>>>,
    /// The queue's schema as it was sent, where the hook sideloads `schemas`.
    pub schemas: Option<&'a RawValue>,
    /// The files of `email.received` and `upload.created`.
    pub files: Vec<File<'a>>,
}

/// A file of a mail or of an upload, as far as an answer that changes nothing must name it.
#[derive(Debug)]
pub struct File<'a> {
    pub id: Id<'a>,
    pub document: Option<Cow<'a, str>>,
    pub prevent_importing: bool,
}

impl<'a> Payload<'a> {
    /// Reads a whole body. An `event` that was not sent is taken as `annotation_content`, as in the
    /// requests that Rossum's own samples were written for.
    pub fn read(body: &'a [u8]) -> Result<Self, Unreadable> {
        let mut draft = Draft::default();
        draft.annotation.nodes_hint = body.len() / BYTES_PER_NODE;
        if let Err(problem) = draft.read(body) {
            return Err(Unreadable { problem, request_id: draft.request_id.map(Cow::into_owned) });
        }
        Ok(Self {
            request_id: draft.request_id,
            event: Event {
                event: draft.event.unwrap_or(Cow::Borrowed("annotation_content")),
                action: draft.action.unwrap_or_default(),
            },
            annotation_id: draft.annotation.id.unwrap_or(Id::Missing),
            queue_id: draft.annotation.queue.as_deref().and_then(number_at_end),
            annotation: draft.annotation.has_tree.then(|| Annotation::new(draft.annotation.nodes)),
            updated_datapoints: draft.updated_datapoints,
            schemas: draft.schemas,
            files: draft.files,
        })
    }
}

/// The id in `https://elis.rossum.ai/api/v1/queues/8236`.
pub fn number_at_end(url: &str) -> Option<u64> {
    url.trim_end_matches('/').rsplit('/').next()?.parse().ok()
}

/// The error in `serde_json`'s words, without its "at line 1 column 7", which we say ourselves.
fn problem_without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.as_str(), |(problem, _)| problem).to_owned()
}

/// A payload while its keys are read.
#[derive(Default)]
struct Draft<'a> {
    request_id: Option<Cow<'a, str>>,
    event: Option<Cow<'a, str>>,
    action: Option<Cow<'a, str>>,
    annotation: AnnotationDraft<'a>,
    updated_datapoints: Option<Vec<Id<'a>>>,
    schemas: Option<&'a RawValue>,
    files: Vec<File<'a>>,
}

impl<'a> Draft<'a> {
    fn read(&mut self, body: &'a [u8]) -> Result<(), PayloadError> {
        let text =
            std::str::from_utf8(body).map_err(|e| PayloadError::NotUtf8 { offset: e.valid_up_to() })?;
        let mut json = serde_json::Deserializer::from_str(text);
        let not_json = |error: &serde_json::Error| PayloadError::NotJson {
            problem: problem_without_place(error),
            line: error.line(),
            column: error.column(),
        };
        let read = Object(&mut *self).deserialize(&mut json);
        let has_too_many = self.annotation.nodes.len() >= MOST_NODES;
        let is_object = read.map_err(|error| {
            if has_too_many && error.is_data() {
                PayloadError::TooManyNodes { most: MOST_NODES }
            } else {
                not_json(&error)
            }
        })?;
        json.end().map_err(|e| not_json(&e))?;
        if is_object { Ok(()) } else { Err(PayloadError::NotAnObject) }
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    RequestId,
    Event,
    Action,
    Annotation,
    UpdatedDatapoints,
    Schemas,
    Files,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Entries<'de> for Draft<'a> {
    type Key = Key;

    fn entry<A: MapAccess<'de>>(&mut self, key: Key, map: &mut A) -> Result<(), A::Error> {
        match key {
            Key::RequestId => self.request_id = map.next_value::<Scalar<'a>>()?.into_text(),
            Key::Event => self.event = map.next_value::<Scalar<'a>>()?.into_text(),
            Key::Action => self.action = map.next_value::<Scalar<'a>>()?.into_text(),
            Key::Annotation => {
                map.next_value_seed(Object(&mut self.annotation))?;
            }
            Key::UpdatedDatapoints => {
                let mut ids = Vec::new();
                map.next_value_seed(List(&mut ids))?;
                self.updated_datapoints = Some(ids);
            }
            Key::Schemas => self.schemas = Some(map.next_value()?),
            Key::Files => {
                self.files.clear();
                map.next_value_seed(List(&mut self.files))?;
            }
            Key::Other => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct AnnotationDraft<'a> {
    id: Option<Id<'a>>,
    /// A URL.
    queue: Option<Cow<'a, str>>,
    nodes: Vec<Node<'a>>,
    /// How many nodes to expect.
    nodes_hint: usize,
    has_tree: bool,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum AnnotationKey {
    Id,
    Queue,
    Content,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Entries<'de> for AnnotationDraft<'a> {
    type Key = AnnotationKey;

    fn entry<A: MapAccess<'de>>(&mut self, key: AnnotationKey, map: &mut A) -> Result<(), A::Error> {
        match key {
            AnnotationKey::Id => self.id = Some(map.next_value()?),
            AnnotationKey::Queue => self.queue = map.next_value::<Scalar<'a>>()?.into_text(),
            AnnotationKey::Content => {
                self.nodes.clear();
                self.nodes.reserve(self.nodes_hint.min(MOST_NODES));
                let mut nodes = Nodes { list: &mut self.nodes, parent: NodeRef::NONE, most: MOST_NODES };
                self.has_tree = map.next_value_seed(List(&mut nodes))?;
            }
            AnnotationKey::Other => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
pub(super) enum FileKey {
    Id,
    Document,
    PreventImporting,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Entries<'de> for File<'a> {
    type Key = FileKey;

    fn entry<A: MapAccess<'de>>(&mut self, key: FileKey, map: &mut A) -> Result<(), A::Error> {
        match key {
            FileKey::Id => self.id = map.next_value()?,
            FileKey::Document => self.document = map.next_value::<Scalar<'a>>()?.into_text(),
            FileKey::PreventImporting => {
                self.prevent_importing = map.next_value::<Scalar<'a>>()? == Scalar::Bool(true);
            }
            FileKey::Other => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for File<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut file = File { id: Id::Missing, document: None, prevent_importing: false };
        Object(&mut file).deserialize(deserializer)?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Category, Normalized};
    use super::*;

    const DELIVERY: &str = r#"{
      "request_id": "6f0c", "event": "annotation_content", "action": "updated", "rossum_authorization_token": "secret",
      "annotation": {"id": 314521, "queue": "https://elis.rossum.ai/api/v1/queues/8236", "status": "reviewing", "content": [
        {"id": 100, "schema_id": "basic", "category": "section", "children": [
          {"id": 101, "schema_id": "document_id", "category": "datapoint", "validation_sources": ["score"],
           "content": {"value": "INV\u002d17", "normalized_value": null, "page": 1, "position": [1, 2, 3, 4]}},
          {"id": 103, "schema_id": "button", "category": "datapoint", "content": null}]},
        {"id": 200, "schema_id": "lines_section", "category": "section", "children": [
          {"children": [
            {"id": 202, "schema_id": "line_item", "category": "tuple", "children": [
              {"id": 203, "schema_id": "qty", "content": {"value": "2", "normalized_value": "2.50"}, "category": "datapoint"},
              {"id": 204, "schema_id": "date", "category": "datapoint", "content": {"value": "6/8/2018", "normalized_value": "2018-06-08"}}]},
            {"id": 205, "schema_id": "line_item", "children": [
              {"id": "206", "schema_id": "qty", "content": {"value": 3}}]},
            {"id": 207, "schema_id": "line_item", "category": "tuple", "children": []}],
           "id": 201, "schema_id": "line_items", "grid": {"parts": [[]]}}]}]},
      "updated_datapoints": [101, "x"]}"#;

    fn ids(annotation: &Annotation<'_>, nodes: impl Iterator<Item = NodeRef>) -> Vec<String> {
        nodes.map(|node| annotation.node(node).id.to_string()).collect()
    }

    #[test]
    fn reads_the_tree_into_a_flat_list() {
        let payload = Payload::read(DELIVERY.as_bytes()).unwrap();
        let tree = payload.annotation.as_ref().unwrap();
        assert_eq!(payload.event.to_string(), "annotation_content.updated");
        assert_eq!((payload.annotation_id, payload.queue_id), (Id::Number(314_521), Some(8236)));
        assert_eq!(payload.updated_datapoints, Some(vec![Id::Number(101), Id::Text("x".into())]));
        assert_eq!(tree.len(), 11);

        let document_id = tree.node(tree.first("document_id").unwrap());
        assert_eq!((&*document_id.value, &document_id.normalized), ("INV-17", &Normalized::Empty));

        let table = tree.first("line_items").unwrap();
        assert_eq!(tree.node(table).category, Category::Multivalue);
        assert_eq!(ids(tree, tree.children(table)), ["202", "205", "207"]);
        assert_eq!(ids(tree, tree.all("qty")), ["203", "206"]);
        let second = tree.all("qty").nth(1).unwrap();
        assert_eq!(tree.row(second), tree.children(table).nth(1));
        assert_eq!(tree.node(tree.row(second).unwrap()).category, Category::Tuple);
        assert_eq!(tree.children(tree.first("document_id").unwrap()).count(), 0);
    }

    #[test]
    fn numbers_and_dates_come_from_normalized_value_or_from_a_bare_value() {
        let payload = Payload::read(DELIVERY.as_bytes()).unwrap();
        let tree = payload.annotation.as_ref().unwrap();
        let quantities: Vec<_> =
            tree.all("qty").map(|n| tree.node(n).decimal().map(|d| d.to_string())).collect();
        assert_eq!(quantities, [Some("2.50".to_owned()), Some("3".to_owned())]);
        let date = tree.node(tree.first("date").unwrap()).date();
        assert_eq!(date, Some(jiff::civil::date(2018, 6, 8)));
        assert_eq!(tree.node(tree.first("document_id").unwrap()).decimal(), None);
    }

    #[test]
    fn reads_what_rossum_really_sends() {
        // The text "None" for nulls, missing lists, ids as text, no event: Rossum's own recorded requests.
        let body = r#"{"action": "initialize", "hook": null, "annotation": {"content": [
            {"id": "1", "schema_id": "amount", "content": {"value": "", "normalized_value": "None", "page": "None"}},
            null, 7, {"id": "2", "schema_id": "other", "category": null, "children": null, "content": {"value": null}}]}}"#;
        let payload = Payload::read(body.as_bytes()).unwrap();
        let tree = payload.annotation.as_ref().unwrap();
        assert_eq!(payload.event.to_string(), "annotation_content.initialize");
        assert_eq!(payload.updated_datapoints, None);
        assert_eq!(tree.len(), 2);
        assert_eq!(tree.node(tree.first("amount").unwrap()).normalized, Normalized::Empty);
    }

    #[test]
    fn a_status_event_has_no_tree() {
        let body = br#"{"event": "annotation_status", "action": "changed", "annotation": {"id": 1, "content": "https://x/content"}}"#;
        let payload = Payload::read(body).unwrap();
        assert!(payload.annotation.is_none() && payload.annotation_id == Id::Number(1));
    }

    fn problem(body: &[u8]) -> PayloadError {
        Payload::read(body).unwrap_err().problem
    }

    #[test]
    fn says_where_json_broke_and_quotes_nothing() {
        let error = Payload::read(b"{\"event\":\n  secret}").unwrap_err().to_string();
        assert_eq!(error, "the body is not JSON: expected value at line 2, column 3");
        let error = Payload::read(b"{\"a\": 1").unwrap_err().to_string();
        assert!(error.contains("EOF while parsing an object at line 1"), "{error}");
        assert!(matches!(problem(b"{} {}"), PayloadError::NotJson { .. }));
        assert!(matches!(problem(b"[1]"), PayloadError::NotAnObject));
        assert!(matches!(problem(b"{\"a\":\"\xff\"}"), PayloadError::NotUtf8 { offset: 6 }));
    }

    #[test]
    fn deep_nesting_is_refused_not_a_stack_overflow() {
        let body = "{\"annotation\":{\"content\":".to_owned() + &"[{\"children\":".repeat(100_000);
        assert!(matches!(problem(body.as_bytes()), PayloadError::NotJson { .. }));
    }

    #[test]
    fn no_damage_to_a_body_can_do_more_than_fail() {
        let body = DELIVERY.as_bytes();
        for at in 0..body.len() {
            let _ = Payload::read(&body[..at]);
            for byte in [b'"', b'{', b']', b'9', b'\\', 0xff] {
                let mut damaged = body.to_vec();
                damaged[at] = byte;
                if let Ok(Payload { annotation: Some(tree), .. }) = Payload::read(&damaged) {
                    let all = (0..tree.len()).map(|at| NodeRef(u32::try_from(at).unwrap()));
                    let children: usize = all.map(|node| tree.children(node).count()).sum();
                    assert!(children <= tree.len());
                }
            }
        }
    }

    #[test]
    fn files_keep_what_an_answer_must_echo() {
        let body = br#"{"event": "email", "action": "received", "files": [{"id": "1", "filename": "a.pdf"}, {"id": 2, "prevent_importing": true}]}"#;
        let payload = Payload::read(body).unwrap();
        let ids: Vec<_> = payload.files.iter().map(|f| f.id.clone()).collect();
        assert_eq!(ids, [Id::Text("1".into()), Id::Number(2)]);
        assert!(payload.files[1].prevent_importing);
    }
}
