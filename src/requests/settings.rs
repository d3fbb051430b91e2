//! The settings of a Request Processor, read and checked.

use std::time::Duration;

use reqwest::Method;

use super::auth::Auth;
use super::extract::Extract;
use super::filter::Filter;
use super::template::{Hole, Path, Segment, Template, Text};

pub struct Settings {
    pub(super) stages: Vec<Stage>,
    /// What it says of things that have no effect here.
    pub notes: Vec<String>,
}

/// Left out where one of its conditions does not hold; then content is gathered, then calls are made.
#[derive(Default)]
pub(super) struct Stage {
    pub(super) evaluate: Vec<Filter>,
    pub(super) get_content: Vec<Content>,
    pub(super) call_api: Vec<Call>,
}

/// What `{property.NAME}` is to be.
pub(super) struct Content {
    pub(super) name: String,
    pub(super) source: Source,
}

pub(super) enum Source {
    Explicit(Vec<Text>),
    Relations {
        of: Relations,
        /// Whether the documents themselves are fetched.
        with_content: bool,
        query: Filter,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relations {
    /// Documents that belong to the annotation.
    Document,
    /// Annotations that it has to do with.
    Annotation,
    /// Annotations that are its attachments.
    Parent,
}

pub(super) struct Call {
    pub(super) name: String,
    pub(super) auth: Option<Auth>,
    pub(super) request: Request,
    /// The first that applies.
    pub(super) priority_handlers: Vec<Handler>,
    pub(super) handlers: Vec<Handler>,
}

pub(super) struct Request {
    pub(super) url: Text,
    pub(super) method: Method,
    pub(super) headers: Vec<(String, Text)>,
    pub(super) params: Option<Template>,
    pub(super) content: Option<Template>,
    pub(super) content_type: ContentType,
    pub(super) timeout: Duration,
    pub(super) ignore_timeout: bool,
    pub(super) iterate_over: Option<Path>,
    pub(super) item: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentType {
    Json,
    Form,
    Files,
    Multipart,
    /// As it is, under the header that the settings give.
    None,
}

pub(super) struct Handler {
    pub(super) condition: Option<Filter>,
    pub(super) target: Target,
    /// `{sequence}` in it is the number of the item.
    pub(super) key: String,
    pub(super) value: Option<Extract>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Field,
    Property,
    DocumentRelation,
}

impl Settings {
    /// The names of all calls, in order: `stage 1: create_draft`.
    pub fn names(&self) -> Vec<String> {
        let stages = self.stages.iter().enumerate();
        stages.flat_map(|(at, stage)| stage.call_api.iter().map(move |call| called(at, &call.name))).collect()
    }

    /// The names of the calls alone.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        self.all_calls().map(|call| call.name.as_str())
    }

    fn all_calls(&self) -> impl Iterator<Item = &Call> {
        self.stages.iter().flat_map(|stage| &stage.call_api)
    }

    /// Fields that answers are written to; those with a number in their name are not among them.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let handlers = self.all_calls().flat_map(|call| call.priority_handlers.iter().chain(&call.handlers));
        let fields = handlers.filter(|handler| handler.target == Target::Field && !handler.key.contains('{'));
        fields.map(|handler| handler.key.as_str())
    }

    /// Hosts that stand in the settings themselves.
    pub fn hosts(&self) -> Vec<String> {
        let tokens = self.all_calls().filter_map(|call| call.auth.as_ref()?.url());
        let mut hosts: Vec<_> =
            self.all_calls().map(|call| &call.request.url).chain(tokens).filter_map(Text::host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// A URL of a host that stands in the settings.
    pub(super) fn url_of(&self, host: &str) -> Option<String> {
        let tokens = self.all_calls().filter_map(|call| call.auth.as_ref()?.url());
        let mut urls = self.all_calls().map(|call| &call.request.url).chain(tokens);
        let found = urls.find(|url| url.host().as_deref() == Some(host))?;
        let scheme = if found.is_plain() { "http" } else { "https" };
        Some(format!("{scheme}://{host}/"))
    }

    /// URLs whose host only a document or a delivery shows.
    pub fn open_urls(&self) -> Vec<String> {
        let named = |call: &Call| {
            let mut open = Vec::new();
            if call.request.url.host().is_none() {
                open.push(format!("the `url` of the call {}", call.name));
            }
            if call.auth.as_ref().and_then(Auth::url).is_some_and(|url| url.host().is_none()) {
                open.push(format!("the `auth.url` of the call {}", call.name));
            }
            open
        };
        self.all_calls().flat_map(named).collect()
    }

    /// Whether something is asked of Rossum's API.
    pub fn needs_api(&self) -> bool {
        let relations = |content: &Content| matches!(content.source, Source::Relations { .. });
        let handlers = |call: &Call| {
            let mut all = call.priority_handlers.iter().chain(&call.handlers);
            all.any(|handler| handler.target == Target::DocumentRelation)
        };
        self.stages.iter().flat_map(|stage| &stage.get_content).any(relations)
            || self.all_calls().any(handlers)
            || self.holes().iter().any(|hole| hole.path.fetches())
    }

    /// Where a token or a secret would become a part of what a queued run keeps: `` `content` of the call create_draft ``.
    pub fn stored_secrets(&self) -> Vec<String> {
        let tells = |holes: Vec<&Hole>| holes.iter().any(|hole| hole.path.is_secret());
        let mut places = Vec::new();
        for stage in &self.stages {
            for content in &stage.get_content {
                if let Source::Explicit(texts) = &content.source
                    && tells(texts.iter().flat_map(Text::holes).collect())
                {
                    places.push(format!("the content `{}`", content.name));
                }
            }
            for call in &stage.call_api {
                let Request { url, params, content, iterate_over, .. } = &call.request;
                let within = |template: &Option<Template>| {
                    let mut holes = Vec::new();
                    if let Some(template) = template {
                        template.holes(&mut holes);
                    }
                    tells(holes)
                };
                let told = [
                    ("url", tells(url.holes().collect())),
                    ("params", within(params)),
                    ("content", within(content)),
                    ("iterate_over", iterate_over.as_ref().is_some_and(Path::is_secret)),
                ];
                let told = told.into_iter().filter(|(_, told)| *told);
                places.extend(told.map(|(key, _)| format!("the `{key}` of the call `{}`", call.name)));
            }
        }
        places
    }

    /// Whether the delivery's own token is used, which ends with the answer.
    pub fn uses_delivery_token(&self) -> bool {
        self.holes().iter().any(|hole| hole.path.key(1) == Some("rossum_authorization_token"))
    }

    /// Secrets of the hook that are used, by their names.
    pub fn secrets(&self) -> Vec<&str> {
        let holes = self.holes().into_iter();
        let mut names: Vec<_> = holes
            .filter(|hole| hole.path.root() == "payload" && hole.path.key(1) == Some("secrets"))
            .filter_map(|hole| hole.path.key(2))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Fields that placeholders and conditions name, each once.
    pub fn reads_fields(&self) -> Vec<&str> {
        let mut fields = Vec::new();
        for path in self.paths().into_iter().filter(|path| path.root() == "field") {
            if let Some(field) = path.key(1).filter(|field| !fields.contains(field)) {
                fields.push(field);
            }
        }
        fields
    }

    /// Where placeholders and conditions look into fields. What they read of an item is read of the list that it is of.
    pub fn field_paths(&self) -> Vec<FieldPath> {
        let mut found: Vec<FieldPath> = Vec::new();
        let mut add = |path: FieldPath| {
            if !found.contains(&path) {
                found.push(path);
            }
        };
        for path in self.paths().into_iter().filter(|path| path.root() == "field") {
            add(FieldPath::new(path.to_string(), &path.segments[1..], &[]));
        }
        for call in self.all_calls() {
            let Some(list) = call.request.iterate_over.as_ref().filter(|list| list.root() == "field") else {
                continue;
            };
            let mut paths: Vec<&Path> = call.holes().into_iter().map(|hole| &hole.path).collect();
            let handlers = call.priority_handlers.iter().chain(&call.handlers);
            handlers.filter_map(|handler| handler.condition.as_ref()).for_each(|one| one.paths(&mut paths));
            for path in paths.into_iter().filter(|path| path.root() == call.request.item) {
                add(FieldPath::new(path.to_string(), &list.segments[1..], &path.segments[1..]));
            }
        }
        found
    }

    fn paths(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = self.holes().into_iter().map(|hole| &hole.path).collect();
        for filter in self.filters() {
            filter.paths(&mut paths);
        }
        paths.extend(self.all_calls().filter_map(|call| call.request.iterate_over.as_ref()));
        paths
    }

    /// Whether the delivery itself is read, and whether the annotation's whole data within it.
    pub(super) fn reads_payload(&self) -> Reads {
        let mut reads = Reads::default();
        for path in self.paths().into_iter().filter(|path| path.root() == "payload") {
            reads.payload = true;
            reads.content |= match (path.key(1), path.key(2)) {
                (None | Some("schemas"), _) | (Some("annotation"), None | Some("content")) => true,
                (Some(_), _) => false,
            };
        }
        reads
    }

    fn filters(&self) -> impl Iterator<Item = &Filter> {
        let conditions = self.stages.iter().flat_map(|stage| &stage.evaluate);
        let handlers = self.all_calls().flat_map(|call| call.priority_handlers.iter().chain(&call.handlers));
        conditions.chain(handlers.filter_map(|handler| handler.condition.as_ref()))
    }

    fn holes(&self) -> Vec<&Hole> {
        let mut holes = Vec::new();
        for stage in &self.stages {
            for content in &stage.get_content {
                if let Source::Explicit(texts) = &content.source {
                    holes.extend(texts.iter().flat_map(Text::holes));
                }
            }
            holes.extend(stage.call_api.iter().flat_map(Call::holes));
        }
        holes
    }
}

impl Call {
    fn holes(&self) -> Vec<&Hole> {
        let mut holes: Vec<&Hole> = self.request.url.holes().collect();
        holes.extend(self.request.headers.iter().flat_map(|(_, text)| text.holes()));
        self.request.params.iter().chain(&self.request.content).for_each(|one| one.holes(&mut holes));
        if let Some(auth) = &self.auth {
            auth.holes(&mut holes);
        }
        holes
    }
}

/// A path into the document's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    /// As it is written.
    pub text: String,
    /// Its keys behind `field`, as far as the document has them; `None` is one of a list.
    pub keys: Vec<Option<String>>,
}

impl FieldPath {
    /// `item` is what is read of one of a list.
    fn new(text: String, list: &[Segment], item: &[Segment]) -> Self {
        let one = [Segment::Index(0)];
        let whole = list.iter().chain(one.iter().filter(|_| !item.is_empty())).chain(item);
        let keys = whole.map_while(|segment| match segment {
            Segment::Key(key) => Some(Some(key.clone())),
            Segment::Index(_) => Some(None),
            Segment::Fetch => None,
        });
        Self { text, keys: keys.collect() }
    }
}

/// A call as people read it.
pub(super) fn called(stage: usize, name: &str) -> String {
    format!("stage {}, call {name}", stage + 1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reads {
    pub(super) payload: bool,
    pub(super) content: bool,
}
