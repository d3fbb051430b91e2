//! `[[hook.step]]`: which steps there are, and the keys that all of them have. One file for each step's own keys.

mod business_rules;
mod checks;
mod comparisons;
mod delimited;
mod export;
mod formats;
mod formulas;
pub(super) mod forward;
mod function;
mod listed;
mod lookup;
mod master_data;
mod matching;
mod pairs;
mod paths;
mod replace;
mod request_processor;
mod rules;
mod scripts;
mod shapes;
mod statuses;
mod templates;
mod trials;
mod ubl;

use std::rc::Rc;
use std::time::Duration;

use toml::Spanned;

use crate::rossum::{Event, MessageType};
use crate::steps::{Blueprint, OnError, StagePlan, Template};

use super::document::Place;
use super::known::Known;
use super::schemas::{HookSchemas, Named, StepScope};
use super::section::Section;
use crate::steps::nearest::nearest;

pub(super) use rules::EXPRESSED;

/// Reads a step's own keys; `None` where a mistake was noted that leaves nothing to build.
type Read = fn(&Section<'_>, &Known) -> Option<Box<dyn Blueprint>>;

/// Every step there is: the word after `use`, and who reads its keys.
const STEPS: [(&str, Read); 10] = [
    ("business_rules", business_rules::read),
    ("checks", checks::read),
    ("export", export::read),
    ("formulas", formulas::read),
    ("forward", forward::read),
    ("function", function::read),
    ("match", matching::read),
    ("replace", replace::read),
    ("request_processor", request_processor::read),
    ("rules", rules::read),
];

/// Each step with its place; `timeout` is what all of them have together.
pub(super) fn read_all(
    hook: &Section<'_>,
    schemas: &HookSchemas,
    timeout: Duration,
    known: &Known,
) -> Vec<(Place, StagePlan)> {
    let sections = hook.sections("step").into_iter().enumerate();
    let read = |(at, section): (usize, Section<'_>)| {
        let scope = StepScope::new(schemas.clone(), timeout);
        Some((section.place(), read(section, &scope, known, at + 1)?))
    };
    sections.filter_map(read).collect()
}

fn read(section: Section<'_>, scope: &Rc<StepScope>, known: &Known, number: usize) -> Option<StagePlan> {
    let section = section.of_step(scope);
    let list = STEPS.map(|(word, _)| format!("\"{word}\"")).join(", ");
    section.required_text("use", &format!("one of {list}"));
    let step = section.choice("use", &STEPS)?;
    let kind = section.text("use").map_or("step", Spanned::into_inner);
    let name = section
        .text("name")
        .map_or_else(|| format!("{kind} (step {number})"), |name| name.into_inner().to_owned());
    let on_error = section.choice("on_error", &[("continue", OnError::Continue), ("stop", OnError::Stop)]);
    let events = section
        .texts("events")
        .map(|events| events.iter().map(|event| known_event(&section, event)).collect());
    let blueprint = step(&section, known);
    let names = scope.check(section.document());
    if let Some(blueprint) = &blueprint {
        refuse_idle_events(&section, kind, &**blueprint);
    }
    section.finish();
    let on_error = on_error.unwrap_or_default();
    Some(StagePlan {
        name,
        blueprint: blueprint?,
        events,
        on_error,
        names,
        schema: scope.own_schema(),
        queries: scope.queries.take(),
        notes: scope.notes.take(),
    })
}

/// Events at which the step could do nothing: whoever names one waits for something that never happens.
fn refuse_idle_events(section: &Section<'_>, kind: &str, step: &dyn Blueprint) {
    for event in section.texts_or_none("events").unwrap_or_default() {
        let pattern = *event.get_ref();
        let mut pairs = Event::pairs().filter(|pair| pair.matches(pattern)).peekable();
        if pairs.peek().is_some() && !pairs.any(|pair| step.can_act_at(&pair)) {
            let acts: Vec<_> = Event::pairs()
                .filter(|pair| step.can_act_at(pair))
                .map(|pair| format!("`{}.{}`", pair.event, pair.action))
                .collect();
            let what = format!("`{kind}` can do nothing at `{pattern}`");
            if !acts.is_empty() {
                let hint = format!("it acts at {}", acts.join(", "));
                section.document().note(event.span(), what, Some(hint));
            }
        }
    }
}

/// An event as a step names it. One that Rossum does not document is a mistake: it would silently never fire.
fn known_event(section: &Section<'_>, event: &Spanned<&str>) -> String {
    let text = *event.get_ref();
    if !Event::known_patterns().any(|pattern| pattern == text) {
        let hint = nearest(text, Event::known_patterns()).map_or_else(
            || "write an event (`annotation_content`) or a pair (`annotation_content.updated`)".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        section.document().note(event.span(), format!("Rossum has no event `{text}`"), Some(hint));
    }
    text.to_owned()
}

const MESSAGE_TYPES: [(&str, MessageType); 3] =
    [("error", MessageType::Error), ("warning", MessageType::Warning), ("info", MessageType::Info)];

/// A message text with placeholders.
fn template(section: &Section<'_>, key: &'static str) -> Option<Template> {
    let text = section.text(key)?;
    match Template::parse(text.get_ref()) {
        Ok(template) => Some(template),
        Err(error) => {
            section.document().note(text.span(), error.to_string(), None::<&str>);
            None
        }
    }
}

/// A message text whose placeholders are fields, or else values that the step computes.
fn message(section: &Section<'_>, key: &'static str, computed: &'static [&'static str]) -> Option<Template> {
    let message = template(section, key)?;
    for name in message.names().filter(|name| !computed.contains(name)) {
        // Without a schema a field may have any name, but hardly one that is a computed value's with a letter wrong.
        if section.schemas_of(None).is_empty()
            && let Some(near) = nearest(name, computed.iter().copied())
        {
            let what = format!("nothing fills `{{{name}}}` in this message");
            let hint = format!("did you mean `{{{near}}}`? If it is a field, name the hook's `schema`");
            section.document().note(section.place_of(key), what, Some(hint));
            continue;
        }
        let named = Named::new(section.place_of(key), name).or(computed);
        section.names(if computed.contains(&name) { named } else { named.read() });
    }
    Some(message)
}

/// The sources that Rossum documents; more will come (API reference: "Annotation data").
const SOURCES: [&str; 11] = [
    "score",
    "checks",
    "not_found",
    "data_matching",
    "history",
    "connector",
    "table_suggester",
    "rules",
    "human",
    "non_required",
    "NA",
];

/// `validation_sources`, `["connector"]` where none are named: a value without any blocks automation in Rossum.
fn validation_sources(section: &Section<'_>) -> Vec<String> {
    for source in section.texts_or_none("validation_sources").unwrap_or_default() {
        let word = *source.get_ref();
        if SOURCES.contains(&word) {
            continue;
        }
        let what = format!("Rossum documents no validation source `{word}`");
        match nearest(word, SOURCES.into_iter()).or(word.trim().is_empty().then_some("connector")) {
            Some(near) => {
                section.document().note(source.span(), what, Some(format!("did you mean \"{near}\"?")));
            }
            None => section.remark(&source.span(), &format!("{what}: it may ignore it")),
        }
    }
    section.texts_or_none("validation_sources").map_or_else(
        || vec!["connector".to_owned()],
        |list| list.into_iter().map(|s| s.into_inner().to_owned()).collect(),
    )
}
