//! A document as templates and shapes see it: `field`, `line_items`, `payload`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rossum::{Annotation, Category, GrownTree, Journal, NodeRef, Normalized, Payload};
use crate::trees::{DELIVERIES, Parts, Tree, make_of};

/// What templates read beside the fields; the rest is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uses {
    /// Within the delivery: `event`, `annotation.metadata.x`. An empty one is the whole delivery.
    pub payload: Vec<String>,
    pub original: bool,
}

/// What is read of the annotation: `.metadata.x`, or nothing where it is all of it.
fn of_annotation(path: &str) -> Option<&str> {
    path.strip_prefix("annotation").filter(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Keys of a delivery that open doors.
const SECRET: [&str; 2] = ["rossum_authorization_token", "secrets"];

impl Uses {
    /// Of templates that read these names.
    pub fn of<'n>(names: impl Iterator<Item = &'n str>, original: bool) -> Self {
        let within = |name: &str| {
            let rest = name.strip_prefix("payload")?;
            if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix('.').map(str::to_owned) }
        };
        Self { payload: names.filter_map(within).collect(), original }
    }

    /// What templates read of a delivery, without its token and secrets.
    ///
    /// # Errors
    /// Where it is more than fits in memory, or others keep it waiting until the deadline.
    pub async fn payload(&self, body: &[u8], deadline: Instant) -> Result<Tree, String> {
        if self.payload.is_empty() {
            return Ok(Tree::default());
        }
        let room = DELIVERIES.room(body, deadline).await.map_err(|spent| spent.to_string())?;
        let read = make_of(body, deadline, || {
            if self.payload.iter().any(String::is_empty) {
                let but = SECRET.map(|key| (key, Parts::None));
                return Tree::read(body, Parts::But(&but), room);
            }
            let all = || self.payload.iter().filter_map(|path| of_annotation(path));
            let has_content = all().any(|rest| rest.is_empty() || rest.split('.').nth(1) == Some("content"));
            let mut only: Vec<(&str, Parts<'_>)> = SECRET.map(|key| (key, Parts::None)).to_vec();
            if !has_content {
                only.push(("annotation", Parts::But(&[("content", Parts::NoList)])));
            }
            only.extend(
                self.payload.iter().map(|path| (path.split('.').next().unwrap_or_default(), Parts::All)),
            );
            if !self.payload.iter().any(|path| of_annotation(path).is_some()) {
                only.retain(|(key, _)| *key != "annotation");
            }
            Tree::read(body, Parts::Only(&only), room)
        });
        read.map_err(|spent| spent.to_string())?.map_err(|unread| unread.to_string())
    }
}

/// The file that the document was made of, which Rossum keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// The document's id.
    pub id: u64,
    pub name: String,
    pub content_type: String,
}

/// The extracted data, as earlier steps left it. It holds no token and none of the hook's secrets.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// By schema id: a text, a list of texts (simple multivalue), or a list of rows.
    pub field: Map<String, Value>,
    /// The rows of `line_items`, or else of the first table.
    pub line_items: Vec<Value>,
    pub annotation_id: String,
    /// Simple multivalues by the schema ids of their values, as far as the document has values.
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub lists: HashMap<String, String>,
    /// How people call the fields that messages name, by schema id, where the delivery's schema says it.
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub labels: HashMap<String, String>,
    /// What templates name of the delivery as it was sent, without its token and secrets.
    #[serde(default, skip_serializing_if = "is_null")]
    pub payload: Tree,
    /// Where a call sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
}

fn is_null(tree: &Tree) -> bool {
    tree.is_null()
}

impl View {
    /// `sent` is what templates read of the delivery itself.
    pub fn new(payload: &Payload<'_>, body: &[u8], journal: &Journal, uses: &Uses, sent: Tree) -> Self {
        let mut field = Map::new();
        let (mut first_table, mut lists) = (None, HashMap::new());
        if let Some(annotation) = &payload.annotation {
            let reader = Reader { tree: journal.tree(annotation), journal };
            for section in roots(annotation) {
                reader.add(section, &mut field, &mut first_table, &mut lists);
            }
        }
        let name = if field.contains_key("line_items") { Some("line_items".to_owned()) } else { first_table };
        let line_items = name.and_then(|name| field.get(&name)?.as_array().cloned()).unwrap_or_default();
        let original = uses.original.then(|| original(body)).flatten();
        let annotation_id = payload.annotation_id.to_string();
        Self { field, line_items, annotation_id, lists, labels: HashMap::new(), payload: sent, original }
    }

    /// A document that no delivery brought: what is made of it is looked at, and not sent.
    pub fn sample(field: Map<String, Value>, line_items: Vec<Value>) -> Self {
        let labels = HashMap::new();
        Self {
            field,
            line_items,
            annotation_id: "1".to_owned(),
            lists: HashMap::new(),
            labels,
            payload: Tree::default(),
            original: None,
        }
    }

    /// What the document has under a schema id: that of a field, a table, or the values of a multivalue.
    pub fn get(&self, schema_id: &str) -> Option<&Value> {
        self.field.get(schema_id).or_else(|| self.field.get(self.lists.get(schema_id)?))
    }

    /// All fields as templates read them: the values of a multivalue under their own schema id too.
    pub fn fields(&self) -> Cow<'_, Map<String, Value>> {
        if self.lists.is_empty() {
            return Cow::Borrowed(&self.field);
        }
        let mut all = self.field.clone();
        for (value, multivalue) in &self.lists {
            if let Some(list) = self.field.get(multivalue).filter(|_| !self.field.contains_key(value)) {
                all.insert(value.clone(), list.clone());
            }
        }
        Cow::Owned(all)
    }

    /// The text of a header field; empty where there is none.
    pub fn text(&self, schema_id: &str) -> &str {
        self.field.get(schema_id).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The document of a delivery; `None` where it names none.
fn original(body: &[u8]) -> Option<Original> {
    #[derive(Deserialize)]
    struct Sent {
        document: Option<Document>,
        annotation: Option<Annotated>,
    }
    #[derive(Deserialize)]
    struct Document {
        id: Option<u64>,
        mime_type: Option<String>,
        original_file_name: Option<String>,
    }
    #[derive(Deserialize)]
    struct Annotated {
        document: Option<String>,
    }
    let sent: Sent = serde_json::from_slice(body).ok()?;
    let url = sent.annotation.and_then(|annotation| annotation.document);
    let at_end = url.and_then(|url| url.trim_end_matches('/').rsplit('/').next()?.parse().ok());
    let document = sent.document;
    let of = |get: fn(&Document) -> Option<&String>| document.as_ref().and_then(get).cloned();
    Some(Original {
        id: document.as_ref().and_then(|document| document.id).or(at_end)?,
        name: of(|document| document.original_file_name.as_ref()).unwrap_or_else(|| "document".to_owned()),
        content_type: of(|document| document.mime_type.as_ref())
            .unwrap_or_else(|| "application/octet-stream".to_owned()),
    })
}

fn roots(annotation: &Annotation<'_>) -> Vec<NodeRef> {
    annotation.nodes().filter(|node| annotation.parent(*node).is_none()).collect()
}

struct Reader<'r> {
    tree: GrownTree<'r>,
    journal: &'r Journal,
}

impl Reader<'_> {
    fn add(
        &self,
        node: NodeRef,
        into: &mut Map<String, Value>,
        first_table: &mut Option<String>,
        lists: &mut HashMap<String, String>,
    ) {
        let (category, name) = {
            let node = self.tree.node(node);
            (node.category, node.schema_id.to_string())
        };
        match category {
            Category::Section | Category::Tuple => {
                for child in self.tree.children(node) {
                    self.add(child, into, first_table, lists);
                }
            }
            Category::Datapoint => {
                into.insert(name, Value::String(self.text(node)));
            }
            Category::Multivalue => {
                let list = self.tree.children(node).map(|child| match self.tree.node(child).category {
                    Category::Datapoint => {
                        let own = &self.tree.node(child).schema_id;
                        if !lists.contains_key(&**own) {
                            lists.insert(own.to_string(), name.clone());
                        }
                        Value::String(self.text(child))
                    }
                    _ => {
                        let mut row = Map::new();
                        self.add(child, &mut row, &mut None, &mut HashMap::new());
                        Value::Object(row)
                    }
                });
                let list: Vec<Value> = list.collect();
                // Nobody sees of an empty one whether it holds rows or values.
                if first_table.is_none() && list.first().is_some_and(Value::is_object) {
                    *first_table = Some(name.clone());
                }
                into.insert(name, Value::Array(list));
            }
        }
    }

    /// The normalized value, or else the text that the user sees, as Rossum's own export templates read it.
    fn text(&self, node: NodeRef) -> String {
        if let Some(changed) = self.journal.changed_value(node) {
            return changed.into_owned();
        }
        let node = self.tree.node(node);
        match &node.normalized {
            Normalized::Text(text) if !text.is_empty() => text.to_string(),
            _ => node.value.to_string(),
        }
    }
}
