//! The answer as Rossum reads it: three lists (API reference: "Annotation content event response format"), and for mails
//! and uploads the files that stay as they are.

use bytes::Bytes;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

use crate::rossum::{Annotation, Id, MessageType, NodeRef, Payload};
use crate::steps::Answer;
use crate::steps::passed_on::PassedOn;

const EMPTY: &[u8] = br#"{"messages":[],"operations":[],"automation_blockers":[]}"#;

/// The body of a 200.
pub(super) fn write(payload: &Payload<'_>, answer: &Answer) -> Bytes {
    let files = Files::of(payload);
    if !answer.passed_on.is_empty() {
        return write_with(payload, answer, files);
    }
    if answer.messages().is_empty() && answer.journal.is_empty() && answer.automation_blockers().is_empty() {
        return files.map_or(Bytes::from_static(EMPTY), |files| {
            json(&Lists::<(), (), ()> { files: Some(files), ..Lists::default() })
        });
    }
    let tree = payload.annotation.as_ref();
    json(&Lists {
        messages: Some(Messages { answer, tree }),
        operations: Some(answer.journal.operations(tree)),
        automation_blockers: Some(Blockers { answer, tree }),
        files,
    })
}

/// The body with what functions said besides.
fn write_with(payload: &Payload<'_>, answer: &Answer, files: Option<Files<'_>>) -> Bytes {
    let said = PassedOn::together(&answer.passed_on);
    let tree = payload.annotation.as_ref();
    let has_messages = !answer.messages().is_empty();
    if let (Some(whole), false) = (&said.whole, has_messages) {
        return json(whole);
    }
    // Who asks by `invocation.manual` reads what the function returned: lists that say nothing are no part of it.
    let is_bare = &*payload.event.event == "invocation";
    let lists = Lists {
        messages: (has_messages || !is_bare)
            .then_some(Messages { answer, tree })
            .filter(|_| !said.keys.contains_key("messages")),
        operations: (!is_bare).then(|| answer.journal.operations(tree)),
        automation_blockers: (!is_bare).then_some(Blockers { answer, tree }),
        files: files.filter(|_| !said.keys.contains_key("files")),
    };
    json(&WithKeys { lists, keys: &said.keys })
}

#[derive(Serialize)]
struct WithKeys<'k, L> {
    #[serde(flatten)]
    lists: L,
    #[serde(flatten)]
    keys: &'k Map<String, Json>,
}

fn json(value: &impl Serialize) -> Bytes {
    // Writing these types to memory cannot fail: their keys are texts.
    serde_json::to_vec(value).map_or_else(|_| Bytes::from_static(EMPTY), Bytes::from)
}

#[derive(Default, Serialize)]
struct Lists<'a, M, O, B> {
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<M>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operations: Option<O>,
    #[serde(skip_serializing_if = "Option::is_none")]
    automation_blockers: Option<B>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Files<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id<'a>>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<MessageType>,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

/// What Rossum's editor shows the place of a failure by.
#[derive(Serialize)]
struct Detail {
    is_exception: bool,
    traceback_line_number: u32,
}

fn id_of<'a>(tree: Option<&'a Annotation<'a>>, on: Option<NodeRef>) -> Option<&'a Id<'a>> {
    // A row that a step added has no id yet.
    let on = on.filter(|on| on.added_place().is_none());
    tree.zip(on).map(|(tree, on)| &tree.node(on).id).filter(|id| !id.is_missing())
}

struct Messages<'a> {
    answer: &'a Answer,
    tree: Option<&'a Annotation<'a>>,
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let messages = self.answer.messages();
        let mut list = serializer.serialize_seq(Some(messages.len()))?;
        for message in messages {
            let id = id_of(self.tree, message.on);
            let detail =
                message.failed_line.map(|line| Detail { is_exception: true, traceback_line_number: line });
            list.serialize_element(&Entry {
                id,
                kind: Some(message.kind),
                content: &message.content,
                detail,
            })?;
        }
        list.end()
    }
}

struct Blockers<'a> {
    answer: &'a Answer,
    tree: Option<&'a Annotation<'a>>,
}

impl Serialize for Blockers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let blockers = self.answer.automation_blockers();
        let mut list = serializer.serialize_seq(Some(blockers.len()))?;
        for blocker in blockers {
            let id = id_of(self.tree, blocker.on);
            list.serialize_element(&Entry { id, kind: None, content: &blocker.content, detail: None })?;
        }
        list.end()
    }
}

/// The files of a mail or an upload. Only files that an answer lists are imported, so they are in every answer to these
/// events, beside messages too.
#[derive(Serialize)]
#[serde(untagged)]
enum Files<'a> {
    Mail(Vec<MailFile<'a>>),
    Upload(Vec<UploadFile<'a>>),
}

impl<'a> Files<'a> {
    fn of(payload: &'a Payload<'_>) -> Option<Self> {
        match (&*payload.event.event, &*payload.event.action) {
            ("email", "received") => Some(Self::Mail(payload.files.iter().map(MailFile::new).collect())),
            ("upload", "created") => Some(Self::Upload(payload.files.iter().map(UploadFile::new).collect())),
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct MailFile<'a> {
    id: &'a Id<'a>,
}

impl<'a> MailFile<'a> {
    fn new(file: &'a crate::rossum::File<'a>) -> Self {
        Self { id: &file.id }
    }
}

#[derive(Serialize)]
struct UploadFile<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<&'a str>,
    prevent_importing: bool,
}

impl<'a> UploadFile<'a> {
    fn new(file: &'a crate::rossum::File<'a>) -> Self {
        Self { document: file.document.as_deref(), prevent_importing: file.prevent_importing }
    }
}
