//! `[[hook.step]]`: which steps there are, and the keys that all of them have. One file for each step's own keys.

mod business_rules;
mod checks;
mod export;
mod formulas;
mod function;
mod lookup;
mod master_data;
mod matching;
mod replace;
mod request_processor;
mod rules;
mod scripts;
mod ubl;

use toml::Spanned;

use crate::rossum::{Event, MessageType};
use crate::steps::{OnError, Stage, Step, Template};

use super::nearest::nearest;
use super::schemas::{HookSchemas, StepScope};
use super::section::Section;

/// Reads a step's own keys; `None` where a mistake was noted that leaves nothing to build.
type Read = fn(&Section<'_>) -> Option<Box<dyn Step>>;

/// Every step there is: the word after `use`, and who reads its keys.
const STEPS: [(&str, Read); 9] = [
    ("business_rules", business_rules::read),
    ("checks", checks::read),
    ("export", export::read),
    ("formulas", formulas::read),
    ("function", function::read),
    ("match", matching::read),
    ("replace", replace::read),
    ("request_processor", request_processor::read),
    ("rules", rules::read),
];

pub(super) fn read_all(hook: &Section<'_>, schemas: &HookSchemas) -> Vec<Stage> {
    let sections = hook.sections("step").into_iter().enumerate();
    sections.filter_map(|(at, section)| read(section, schemas, at + 1)).collect()
}

fn read(section: Section<'_>, schemas: &HookSchemas, number: usize) -> Option<Stage> {
    let scope = StepScope::new(schemas.clone());
    let section = section.of_step(&scope);
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
    let step = step(&section);
    section.document().exports().name_step(&name);
    let names = scope.check(section.document());
    if let Some(step) = &step {
        refuse_idle_events(&section, kind, &**step);
    }
    section.finish();
    Some(Stage { name, step: step?, events, on_error: on_error.unwrap_or_default(), names })
}

/// Events at which the step could do nothing: whoever names one waits for something that never happens.
fn refuse_idle_events(section: &Section<'_>, kind: &str, step: &dyn Step) {
    for event in section.texts("events").unwrap_or_default() {
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
        section.names_field_or(section.place_of(key), name, computed);
    }
    Some(message)
}

/// `validation_sources`, `["connector"]` where none are named: a value without any blocks automation in Rossum.
fn validation_sources(section: &Section<'_>) -> Vec<String> {
    section.texts_or_none("validation_sources").map_or_else(
        || vec!["connector".to_owned()],
        |list| list.into_iter().map(|s| s.into_inner().to_owned()).collect(),
    )
}
