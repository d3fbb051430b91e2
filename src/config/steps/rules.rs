//! `use = "rules"`: Rule objects in the file, or exported from Rossum as JSON.

use serde::Deserialize;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::DeValue;

use crate::rossum::number_at_end;
use crate::steps::Blueprint;
use crate::steps::rules::{Action, Rule, Rules};
use crate::steps::trigger::Trigger;
use crate::txscript::Script;

use super::super::document::Place;
use super::super::known::Known;
use super::super::objects;
use super::super::schemas::{Changes, Named};
use super::super::section::Section;
use super::MESSAGE_TYPES;
use super::scripts::{self, Code};
use crate::steps::nearest::nearest;

/// A Rule object of Rossum's API, as far as it matters here.
#[derive(Deserialize)]
struct RuleObject {
    #[serde(default)]
    name: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default = "always")]
    trigger_condition: String,
    /// Rossum gives them of every rule: an object without them is something else, a part of a schema perhaps.
    actions: Vec<ActionObject>,
    /// URLs; empty for all queues of the organization.
    #[serde(default)]
    queues: Vec<String>,
}

#[derive(Deserialize)]
struct ActionObject {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    payload: Payload,
}

#[derive(Deserialize, Default, Clone, PartialEq)]
struct Payload {
    #[serde(rename = "type")]
    kind: Option<String>,
    content: Option<String>,
    schema_id: Option<String>,
    #[serde(default)]
    schema_ids: Vec<String>,
}

fn yes() -> bool {
    true
}

fn always() -> String {
    "True".to_owned()
}

/// Actions that need Rossum's API: an answer cannot express them.
const BY_API: [&str; 7] = [
    "add_label",
    "remove_label",
    "add_remove_label",
    "change_status",
    "change_queue",
    "send_email",
    "custom",
];
/// Actions that an answer expresses.
pub(in super::super) const EXPRESSED: [&str; 6] = [
    "show_message",
    "add_automation_blocker",
    "show_hide_field",
    "show_field",
    "hide_field",
    "add_validation_source",
];

/// `queues` of a rule in the configuration: ids or URLs.
fn queues(own: &Section<'_>) -> Vec<String> {
    let list = own.list("queues").unwrap_or_default();
    if own.has("queues") && list.is_empty() {
        own.wrong(
            "`queues` is empty",
            "the ids of the queues that the rule is for; without it, it is for all",
        );
    }
    let text = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Integer(id) => id.as_str().to_owned(),
        DeValue::String(url) => url.to_string(),
        _ => String::new(),
    };
    list.iter().map(text).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "all steps are read by functions of one type")]
pub(super) fn read(section: &Section<'_>, _: &Known) -> Option<Box<dyn Blueprint>> {
    let schemas = scripts::schemas(section);
    let limits = scripts::limits(section);
    let mut reader = Reader { section, rules: Vec::new(), notes: Vec::new(), seen: Vec::new(), off: 0 };
    for own in section.sections("rule") {
        reader.own(own);
    }
    if let Some(path) = section.text("file") {
        reader.file(path.get_ref(), path.span());
    }
    if !section.has("rule") && !section.has("file") {
        section.wrong(
            "this step has no rules",
            "add `[[hook.step.rule]]` with `trigger_condition` and `actions`, or `file = \"rules.json\"`",
        );
    }
    if reader.off > 0 && reader.seen.is_empty() {
        let key = if section.has("rule") { "rule" } else { "file" };
        section.remark(&section.place_of(key), "all rules of this step are switched off: it does nothing");
    }
    Some(Box::new(Rules { rules: reader.rules, schemas, limits, notes: reader.notes }))
}

struct Reader<'s, 'd> {
    section: &'s Section<'d>,
    rules: Vec<Rule>,
    notes: Vec<String>,
    /// The rules so far: by what people know them, and what they do.
    seen: Vec<Seen>,
    /// How many are switched off.
    off: usize,
}

/// What tells a rule from another.
struct Seen {
    name: String,
    condition: String,
    /// Its actions, as they are written.
    actions: Vec<(String, Option<String>, Payload)>,
    queues: Vec<String>,
}

/// A name in braces.
pub(super) fn placeholder(content: &str) -> Option<&str> {
    content
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim())
        .find(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')))
}

impl Reader<'_, '_> {
    fn note(&self, place: Place, text: String, hint: Option<&str>) {
        self.section.document().note(place, text, hint);
    }

    /// A rule that is written in the configuration.
    fn own(&mut self, own: Section<'_>) {
        let text =
            |section: &Section<'_>, key| section.text_or_blank(key).map(|text| text.into_inner().to_owned());
        let condition = own.text_or_blank("trigger_condition");
        let place = condition.as_ref().map_or_else(|| own.place(), Spanned::span);
        let mut object = RuleObject {
            name: text(&own, "name").unwrap_or_default(),
            enabled: own.boolean("enabled").unwrap_or(true),
            trigger_condition: condition.map_or_else(always, |code| code.into_inner().to_owned()),
            actions: Vec::new(),
            queues: queues(&own),
        };
        let _ = text(&own, "description");
        for action in own.sections("actions") {
            let kind = action.required_text("type", "\"show_message\"");
            let enabled = action.boolean("enabled").unwrap_or(true);
            let event = action.choice("event", &Trigger::WORDS.map(|(word, _)| (word, word)));
            let _ = text(&action, "id");
            let mut payload = Payload::default();
            if let Some(inner) = action.section("payload") {
                payload = Payload {
                    kind: inner
                        .choice("type", &MESSAGE_TYPES.map(|(word, _)| (word, word)))
                        .map(str::to_owned),
                    content: text(&inner, "content"),
                    schema_id: text(&inner, "schema_id"),
                    schema_ids: inner.columns("schema_ids").unwrap_or_default(), // named with their action
                };
                // What another kind has there is Rossum's to say.
                if kind.as_ref().is_none_or(|kind| EXPRESSED.contains(kind.get_ref())) {
                    inner.finish();
                }
            }
            action.finish();
            if let Some(kind) = kind {
                let (kind, event) = (kind.into_inner().to_owned(), event.map(str::to_owned));
                object.actions.push(ActionObject { kind, enabled, event, payload });
            }
        }
        if object.actions.is_empty() {
            let hint =
                "actions = [{ type = \"show_message\", payload = { type = \"error\", content = \"…\" } }]";
            own.wrong("this rule does nothing", hint);
        }
        own.finish();
        self.add(object, place, "");
    }

    /// A file as Rossum exports it.
    fn file(&mut self, path: &str, place: Place) {
        let Some(json) = scripts::read_json(self.section, path, &place) else { return };
        let hint = "a list of Rule objects, as GET /v1/rules returns them";
        let json: Json = match json {
            Ok(json) => json,
            Err(error) => {
                return self.note(
                    place,
                    format!("{path} holds no rules: it is not JSON: {error}"),
                    Some(hint),
                );
            }
        };
        let Some(list) = objects::rules(self.section, &place, path, &json) else { return };
        let objects: Result<Vec<RuleObject>, _> = list.iter().map(RuleObject::deserialize).collect();
        let objects = match objects {
            Ok(objects) => objects,
            Err(error) => return self.note(place, format!("{path} holds no rules: {error}"), Some(hint)),
        };
        if objects.is_empty() {
            let hint = "export them from Rossum: annex rule list";
            self.note(place.clone(), format!("{path} has no rules in it"), Some(hint));
        }
        let places = objects::places_of_rules(self.section, path, &json);
        for (at, object) in objects.into_iter().enumerate() {
            self.add(object, place.clone(), places.get(at).map_or(path, String::as_str));
        }
    }

    fn add(&mut self, object: RuleObject, place: Place, file: &str) {
        if !object.enabled {
            self.off += 1;
            return;
        }
        self.tell_of_twice(&object, &place);
        let number = self.rules.len() + 1;
        let name = if object.name.is_empty() { format!("rule {number}") } else { object.name };
        let title = if file.is_empty() { format!("rule {name}") } else { format!("{file}: rule {name}") };
        let code = object.trigger_condition;
        let queues = self.queues(object.queues, &place, &title);
        let checked = Code {
            section: self.section,
            place: place.clone(),
            title: title.clone(),
            file: None,
            is_condition: true,
            queues: queues.as_deref(),
        };
        let script = checked.checked_all(Script::new(&name, &code), &code);
        if let Some(script) = &script {
            scripts::note_other_tables(&checked, script, None);
        }
        let mut actions = Vec::new();
        for action in object.actions.into_iter().filter(|action| action.enabled) {
            let Some(trigger) = self.trigger(action.event.as_deref(), &title) else { continue };
            let mut acts = Vec::new();
            self.action(action, &place, &title, queues.as_deref(), file.is_empty(), &mut acts);
            actions.extend(acts.into_iter().map(|action| (trigger, action)));
        }
        self.rules.extend(script.map(|condition| Rule { name, condition, actions, queues }));
    }

    /// Tells of a rule that is there already, and of two that have one name.
    fn tell_of_twice(&mut self, object: &RuleObject, place: &Place) {
        let of = |action: &ActionObject| (action.kind.clone(), action.event.clone(), action.payload.clone());
        let one = Seen {
            name: object.name.clone(),
            condition: object.trigger_condition.trim().to_owned(),
            actions: object.actions.iter().filter(|action| action.enabled).map(of).collect(),
            queues: object.queues.clone(),
        };
        let same = |other: &&Seen| {
            other.condition == one.condition && other.actions == one.actions && other.queues == one.queues
        };
        let what = if self.seen.iter().any(|other| same(&other)) && !one.actions.is_empty() {
            "it is there twice: people would see its messages twice"
        } else if !one.name.is_empty() && self.seen.iter().any(|other| other.name == one.name) {
            "two rules have this name: nobody can tell which of them said something"
        } else {
            ""
        };
        if !what.is_empty() {
            let name =
                if one.name.is_empty() { (self.rules.len() + 1).to_string() } else { one.name.clone() };
            self.section.remark(place, &format!("rule {name}: {what}"));
        }
        self.seen.push(one);
    }

    /// The queues' ids; `None` for all queues.
    fn queues(&self, urls: Vec<String>, place: &Place, title: &str) -> Option<Vec<u64>> {
        let mut ids = Vec::with_capacity(urls.len());
        for url in urls {
            match number_at_end(&url) {
                Some(id) => ids.push(id),
                None => self.note(
                    place.clone(),
                    format!("{title}: `{url}` names no queue"),
                    Some("an id, or a URL such as https://elis.rossum.ai/api/v1/queues/8236"),
                ),
            }
        }
        (!ids.is_empty()).then_some(ids)
    }

    /// When an action acts. An event that Rossum will have one day leaves the action out.
    fn trigger(&mut self, event: Option<&str>, title: &str) -> Option<Trigger> {
        let Some(event) = event else { return Some(Trigger::default()) };
        let found = Trigger::WORDS.into_iter().find(|(word, _)| *word == event);
        if found.is_none() {
            self.notes.push(format!(
                "{title}: an action for the event `{event}` is left out: it is not known here"
            ));
        }
        found.map(|(_, trigger)| trigger)
    }

    fn action(
        &mut self,
        action: ActionObject,
        place: &Place,
        title: &str,
        queues: Option<&[u64]>,
        is_own: bool,
        actions: &mut Vec<Action>,
    ) {
        let ActionObject { kind, payload, .. } = action;
        if BY_API.contains(&kind.as_str()) {
            let what = format!("{title}: the action {kind} is left out: an answer to Rossum cannot do this");
            if is_own {
                self.section.remark(place, &what);
            } else {
                self.notes.push(what);
            }
            return;
        }
        let mut ids = payload.schema_ids;
        ids.extend(payload.schema_id.clone().filter(|_| ids.is_empty()));
        let on = payload.schema_id;
        for id in &ids {
            let is_said = matches!(kind.as_str(), "show_message" | "add_automation_blocker");
            let changes = if is_said { Changes::Nothing } else { Changes::Shown };
            let named = Named::new(place.clone(), id).within(format!("{title}: the action {kind}"));
            self.section.names(named.for_queues(queues).changed(changes));
        }
        let content = payload.content.as_deref().unwrap_or("x");
        if content.trim().is_empty() {
            let text =
                format!("{title}: the action {kind} has an empty `content`: people would see an empty box");
            self.note(place.clone(), text, Some("write what is wrong, and what to do"));
        }
        if let Some(name) = placeholder(content) {
            let what = format!(
                "{title}: the action {kind}: `{{{name}}}` in its content is shown as it is: rules fill no placeholders"
            );
            self.section.remark(place, &what);
        }
        let wanted = |what: &str| {
            let text = format!("{title}: the action {kind} has no `{what}` in its payload");
            self.section.document().note(place.clone(), text, None::<&str>);
        };
        match (kind.as_str(), payload.content) {
            ("show_message", Some(content)) => {
                let word = payload.kind.unwrap_or_else(|| "error".to_owned());
                match MESSAGE_TYPES.iter().find(|(known, _)| *known == word) {
                    Some((_, kind)) => actions.push(Action::ShowMessage { kind: *kind, content, on }),
                    None => wanted("type"),
                }
            }
            ("add_automation_blocker", Some(content)) => {
                actions.push(Action::AddAutomationBlocker { content, on });
            }
            ("show_message" | "add_automation_blocker", None) => wanted("content"),
            ("show_hide_field" | "show_field" | "hide_field", _) if ids.is_empty() => wanted("schema_ids"),
            ("show_hide_field", _) => actions.push(Action::ShowHideField(ids)),
            ("show_field", _) => actions.push(Action::ShowField(ids)),
            ("hide_field", _) => actions.push(Action::HideField(ids)),
            ("add_validation_source", _) if ids.is_empty() => wanted("schema_id"),
            ("add_validation_source", _) => actions.extend(ids.into_iter().map(Action::AddValidationSource)),
            _ if is_own => {
                let known = EXPRESSED.into_iter().chain(BY_API);
                let near = nearest(&kind, known).map(|near: &str| format!("did you mean `{near}`?"));
                let text = format!("{title}: Rossum has no action `{kind}`");
                self.note(place.clone(), text, near.as_deref());
            }
            // Rossum has kinds that this release does not know: the rest of the file is as good as it was.
            _ => self.notes.push(format!("{title}: the action {kind} is left out: it is not known here")),
        }
    }
}
