//! `use = "request_processor"`.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::DeValue;

use crate::requests::{Processor, Settings};
use crate::secret::Secret;
use crate::steps::Blueprint;
use crate::steps::export::Deliver;
use crate::steps::request_processor::{Errors, RequestProcessorSettings};

use super::super::document::Place;
use super::super::known::Known;
use super::super::objects;
use super::super::schemas::{Changes, Named, StepScope};
use super::super::section::Section;
use super::super::{secrets, targets};
use super::{export, paths, scripts, statuses};
use crate::steps::nearest::nearest;

pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Box<dyn Blueprint>> {
    let document = section.document();
    let schemas = scripts::schemas(section);
    let deliver = export::deliver(section);
    let errors = section.choice("errors", &[("stop", Errors::Stop), ("continue", Errors::Continue)]);
    let problem = export::problem(section);
    let problem_field = export::problem_field(section, deliver);
    let validation_sources = super::validation_sources(section);
    let hosts = section.texts("hosts").unwrap_or_default();
    let hosts: Vec<String> = hosts.into_iter().map(|host| (*host.get_ref()).to_owned()).collect();
    let own = own_secrets(section);
    let expected = expected(section);
    let uplink = targets::uplink(section, known.proxy.as_ref());
    let concurrency = targets::concurrency(section);
    let settings = settings(section)?;
    if settings.calls().next().is_none() {
        section.remark(&section.place_of("settings"), "the settings make no call: nothing is sent");
    }

    for (place, _, name) in &expected {
        if !settings.calls().any(|call| call == name) {
            let hint = nearest(name, settings.calls()).map(|near| format!("did you mean `{near}`?"));
            document.note(place.clone(), format!("the settings have no call `{name}`"), hint);
        }
    }
    if hosts.is_empty()
        && let Some(what) = settings.open_urls().first()
    {
        section.wrong(
            format!("{what} begins with a placeholder: a document would say where data and secrets go"),
            "add `hosts = [\"erp.example.com\"]`, the hosts that it may lead to",
        );
    }
    if deliver == Deliver::Queued {
        if let Some(place) = settings.stored_secrets().first() {
            section.wrong(
                format!(
                    "{place} of a queued run has a token or a secret in it, which would have to be stored"
                ),
                "send it in a header, or write `deliver = \"now\"`",
            );
        }
        if settings.uses_delivery_token() {
            section.wrong(
                "a queued run cannot use `{payload.rossum_authorization_token}`: it ends with the answer",
                "write `deliver = \"now\"`",
            );
        }
        let missing = settings.secrets().into_iter().find(|name| !own.contains_key(*name));
        if let Some(name) = missing {
            section.wrong(
                format!("a queued run cannot use the hook's own secrets, and `{name}` is not given here"),
                format!("add `secrets = {{ {name} = \"credential:{}\" }}`", name.replace('_', "-")),
            );
        }
    }
    for (what, fields, changes) in [
        ("what an answer is written to", settings.fields().collect(), Changes::Value),
        ("what a placeholder or a condition reads", settings.reads_fields(), Changes::Nothing),
    ] {
        for field in fields {
            let named = Named::new(section.place_of("settings"), field);
            section.names(named.within(what).changed(changes));
        }
    }
    for path in settings.field_paths() {
        if let Some((what, hint)) = paths::in_each(section, |schema| paths::of_placeholder(schema, &path)) {
            document.note(section.place_of("settings"), what, Some(hint));
        }
    }
    let writes =
        deliver == Deliver::Queued && (settings.fields().next().is_some() || problem_field.is_some());
    if (settings.needs_api() || writes) && !known.names_api {
        let what = if settings.needs_api() {
            "the settings ask Rossum's API for documents or relations"
        } else {
            "what a queued run writes back goes through Rossum's API"
        };
        section.wrong(what, export::ADD_API);
    }
    let processor = match Processor::new(settings, own, uplink?, &hosts) {
        Ok(processor) => processor,
        Err(error) => {
            section.wrong(error.to_string(), "look at `ca` and `client_certificate`");
            return None;
        }
    };
    Some(Box::new(RequestProcessorSettings {
        processor,
        deliver,
        errors: errors.unwrap_or_default(),
        expected: expected.into_iter().map(|(_, statuses, name)| (name, statuses)).collect(),
        problem,
        schemas,
        schema: section.step().and_then(StepScope::only_schema),
        validation_sources,
        problem_field,
        concurrency,
    }))
}

fn settings(section: &Section<'_>) -> Option<Settings> {
    let path = section.required_text("settings", "\"requests.json\"")?;
    let json = scripts::read_json(section, path.get_ref(), &path.span())?;
    let note = |what: String, hint: Option<String>| {
        section.document().note(path.span(), format!("{}: {what}", path.get_ref()), hint);
    };
    let json: Json = match json {
        Ok(json) => json,
        Err(error) => {
            note(format!("it is not JSON: {error}"), None);
            return None;
        }
    };
    objects::hook(section, &path.span(), path.get_ref(), &json);
    match Settings::read(&json) {
        Ok(settings) => Some(settings),
        Err(mistakes) => {
            for mistake in mistakes {
                let place =
                    if mistake.path.is_empty() { String::new() } else { format!("{}: ", mistake.path) };
                note(format!("{place}{}", mistake.what), mistake.hint);
            }
            None
        }
    }
}

/// `expected = { find_vendor = [404] }`, with the place of each call's name.
fn expected(section: &Section<'_>) -> Vec<(Place, Vec<RangeInclusive<u16>>, String)> {
    let entries = section.section("expected").map(|own| own.entries()).unwrap_or_default();
    let one = |(name, list): (Spanned<&str>, &Spanned<DeValue<'_>>)| {
        let hint = "write `expected = { find_vendor = [404] }`";
        let Some(all) = list.get_ref().as_array() else {
            section.document().note(list.span(), "this is not a list of statuses", Some(hint));
            return None;
        };
        let statuses = statuses::status_list(section, all, hint);
        Some((name.span(), statuses, (*name.get_ref()).to_owned()))
    };
    entries.into_iter().filter_map(one).collect()
}

/// `secrets = { client_secret = "credential:erp" }`: what `{payload.secrets.client_secret}` is.
fn own_secrets(section: &Section<'_>) -> HashMap<String, Secret> {
    let Some(own) = section.section("secrets") else { return HashMap::new() };
    let environment = section.document().environment();
    let mut all = HashMap::new();
    for (name, source) in own.entries() {
        let Some(text) = source.get_ref().as_str() else {
            let hint = "write `secrets = { client_secret = \"credential:erp\" }`";
            section.document().note(source.span(), "this is not a source of a secret", Some(hint));
            continue;
        };
        let source = Spanned::new(source.span(), text);
        if let Some(secret) = secrets::read_one(&own, &source, secrets::Maker::OtherAsText, environment) {
            all.insert((*name.get_ref()).to_owned(), secret);
        }
    }
    all
}
