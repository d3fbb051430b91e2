//! What a line of the log is about: the delivery, or the job, in whose course it is written. A span around the work keeps
//! it, and the log adds it to each line.

use std::fmt;

use tracing::field::{Empty, Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Span, Subscriber, error_span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::shown::Line;

/// Characters of a value from outside that a line repeats.
const LONGEST: usize = 80;

// The level of both spans is the highest, so that the lines have them at each `--log`.

/// Around a verified delivery of this hook. What else is known of it, [`read`] and [`at_step`] say.
pub fn delivery(hook: &str) -> Span {
    error_span!("delivery", hook, request_id = Empty, annotation = Empty, step = Empty)
}

/// Around a job of the outbox.
pub fn job(courier: &str, job: &str, request_id: &str, annotation: &str) -> Span {
    error_span!("job", courier, job, request_id, annotation)
}

/// The delivery in whose span this is called was read.
pub fn read(annotation: &str, request_id: Option<&str>) {
    let span = Span::current();
    span.record("annotation", annotation);
    if let Some(id) = request_id {
        span.record("request_id", id);
    }
}

/// The delivery is at this step from now on; at none where there is no name.
pub fn at_step(name: &str) {
    Span::current().record("step", name);
}

/// Keeps the values of spans where the log finds them.
pub(super) struct Keeper;

/// The values of one span, in their order. An empty one is none.
#[derive(Default)]
pub(super) struct Kept(Vec<(&'static str, String)>);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Keeper {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut kept = Kept::default();
        attributes.record(&mut kept);
        span.extensions_mut().insert(kept);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(kept) = span.extensions_mut().get_mut::<Kept>() {
            values.record(kept);
        }
    }
}

impl Visit for Kept {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }
}

impl Kept {
    fn set(&mut self, name: &'static str, value: &str) {
        let short = value.char_indices().nth(LONGEST).map_or(value, |(end, _)| &value[..end]);
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, kept)) => {
                kept.clear();
                kept.push_str(short);
            }
            None => self.0.push((name, short.to_owned())),
        }
    }
}

/// What the spans say that are around a line, the innermost first, and each name once.
pub(super) fn around<'r, S: LookupSpan<'r> + 'r>(
    spans: impl Iterator<Item = SpanRef<'r, S>>,
    mut say: impl FnMut(&'static str, &str),
) {
    let mut said = Vec::new();
    for span in spans {
        let extensions = span.extensions();
        let Some(Kept(kept)) = extensions.get::<Kept>() else { continue };
        for (name, value) in kept.iter().filter(|(_, value)| !value.is_empty()) {
            if !said.contains(name) {
                said.push(*name);
                say(name, value);
            }
        }
    }
}

/// A value in a line of text: one word, or in quotation marks, so that none looks like another's name.
pub(super) struct Word<'v>(pub(super) &'v str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_word = !self.0.contains(|c: char| c.is_whitespace() || c == '=' || c == '"');
        if is_word { write!(f, "{}", Line(self.0)) } else { write!(f, "{:?}", self.0) }
    }
}
