//! `use = "export"`.

use reqwest::Method;
use reqwest::header::HeaderName;
use toml::Spanned;

use crate::export::formed::Format;
use crate::export::{Call, Document, Escape, TargetKind, Template, Verdicts};
use crate::steps::Blueprint;
use crate::steps::export::{Deliver, ExportSettings};

use super::super::known::Known;
use super::super::schemas::QueueSchema;
use super::super::schemas::StepScope;
use super::super::section::Section;
use super::super::targets;
use super::shapes::{SHAPES, shaped};
use super::statuses::{look_at_overlap, statuses};
use super::templates::{self, template};
use super::{delimited, formats, scripts};
use crate::steps::nearest::nearest;

/// What templates can read of an answer.
const ANSWER: [&str; 2] = ["status", "body"];
const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "GET", "DELETE"];

pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Box<dyn Blueprint>> {
    let target = known.target(section);
    let deliver = deliver(section);
    let problem_field = problem_field(section, deliver);
    let problem = problem(section);
    let validation_sources = super::validation_sources(section);
    // In a folder, a value may name a folder below it.
    let escape = match target.as_ref().map(|target| &target.kind) {
        None | Some(TargetKind::Http(_)) => Escape::Url,
        Some(TargetKind::Folder(_) | TargetKind::Sftp(_)) => Escape::None,
    };
    let calls = if section.has("call") {
        section
            .sections("call")
            .into_iter()
            .enumerate()
            .filter_map(|(at, own)| {
                let call = call(&own, at + 1, escape);
                own.finish();
                call
            })
            .collect()
    } else {
        call(section, 1, escape).into_iter().collect::<Vec<_>>()
    };
    for (at, call) in calls.iter().enumerate() {
        if calls[..at].iter().any(|other| other.name == call.name) {
            section.wrong(format!("two calls have the name `{}`", call.name), "give each its own `name`");
        }
    }
    let export = ExportSettings {
        target: target?,
        calls,
        deliver,
        problem,
        validation_sources,
        problem_field,
        schema: section.step().and_then(StepScope::only_schema),
    };
    look_at_paths(section, &export);
    if deliver == Deliver::Queued && export.reads("secrets") {
        let hint = "keep the secret here: `auth` of the target";
        section.wrong("a queued export cannot read the hook's `secrets`: they would have to be stored", hint);
    }
    let writes = export.calls.iter().any(|call| !call.write.is_empty()) || export.problem_field.is_some();
    let needs = if export.calls.iter().any(Call::needs_original) {
        Some("the original document is fetched from Rossum's API")
    } else if deliver == Deliver::Queued && writes {
        Some("what a queued export writes back goes through Rossum's API")
    } else {
        None
    };
    if let Some(what) = needs.filter(|_| !known.names_api) {
        section.wrong(what, ADD_API);
    }
    Some(Box::new(export))
}

/// The paths that its calls make of a document whose fields hold something, and answers that they name.
fn look_at_paths(section: &Section<'_>, export: &ExportSettings) {
    for (at, call) in export.calls.iter().enumerate() {
        let earlier = || export.calls[..at].iter().map(|call| call.name.as_str());
        let named =
            call.templates().flat_map(Template::paths).filter_map(|path| path.strip_prefix("answers."));
        for mut parts in named.map(|path| path.split('.')) {
            let name = parts.next().unwrap_or_default();
            if let Some(part) = parts.next().filter(|part| !ANSWER.contains(part)) {
                let hint = nearest(part, ANSWER.into_iter()).map_or_else(
                    || format!("what it brought is in `answers.{name}.body`"),
                    |near| format!("did you mean `answers.{name}.{near}`?"),
                );
                section.wrong(format!("{}: an answer has no `{part}`", call.name), hint);
            }
            if !earlier().any(|call| call == name) {
                let hint = nearest(name, earlier()).map_or_else(
                    || "an answer has the `name` of a call before it".to_owned(),
                    |near| format!("did you mean `answers.{near}`?"),
                );
                section.wrong(format!("{}: no call before it has the name `{name}`", call.name), hint);
            }
        }
    }
    let schemas = section.schemas_of(None);
    let named = || templates::sample_of(export.calls.iter().map(|call| &call.path));
    let of_schema = |one: &QueueSchema| {
        let mut sample = templates::sample(&one.schema);
        for (field, value) in named().field {
            sample.field.entry(field).or_insert(value); // that it is in no schema is said of its name
        }
        sample
    };
    let samples = match &schemas[..] {
        [] => vec![named()],
        all => all.iter().map(of_schema).collect(),
    };
    for sample in samples {
        let problems = export.try_paths(&sample);
        if let Some((call, problem)) = problems.first() {
            let hint =
                "write `path = \"{{ field.document_id }}.xml\"`: it is made of fields that are always filled";
            section.wrong(format!("{call}: its `path` cannot be made: {problem}"), hint);
            return;
        }
    }
}

/// What to do where Rossum's API is needed.
pub(super) const ADD_API: &str =
    "add `[rossum]` with `url = \"https://acme.rossum.app\"` and `token = \"credential:rossum-token\"`";

pub(super) fn deliver(section: &Section<'_>) -> Deliver {
    let deliver = section.choice("deliver", &[("now", Deliver::Now), ("queued", Deliver::Queued)]);
    let deliver = deliver.unwrap_or(Deliver::Now);
    if deliver == Deliver::Queued && !section.has("name") {
        section.wrong(
            "a queued export needs a `name`, by which its jobs find it again",
            "write `name = \"erp\"`",
        );
    }
    deliver
}

pub(super) fn problem_field(section: &Section<'_>, deliver: Deliver) -> Option<String> {
    let field = section.written_field("problem_field").map(|field| (*field.get_ref()).to_owned());
    if field.is_some() && deliver == Deliver::Now {
        section.wrong(
            "`problem_field` is for a queued export: Rossum waits for this one, and shows what is wrong",
            "leave it out, or write `deliver = \"queued\"`",
        );
    }
    field
}

pub(super) fn problem(section: &Section<'_>) -> Option<String> {
    section.text_or_blank("problem").and_then(|pointer| pointer_in(section, &pointer))
}

fn call(section: &Section<'_>, number: usize, escape: Escape) -> Option<Call> {
    let name =
        section.text("name").map_or_else(|| format!("call {number}"), |name| (*name.get_ref()).to_owned());
    let method = section.text("method").map_or(Some(Method::POST), |method| {
        let known = METHODS.contains(method.get_ref());
        if !known {
            let hint = format!("write one of {}", METHODS.join(", "));
            section.document().note(
                method.span(),
                format!("`{}` is no method", method.get_ref()),
                Some(hint),
            );
        }
        Method::from_bytes(method.get_ref().as_bytes()).ok()
    });
    let path = section.text("path");
    let path = match path {
        Some(path) => template(section, "path", path.span(), path.get_ref(), escape),
        None => Template::new("", escape).ok(),
    };
    let headers = texts(section, "headers");
    let is_file = escape == Escape::None;
    let file = path.as_ref().map(Template::source).filter(|_| is_file);
    let document = document(section, file);
    let multipart = section.text("multipart").map(|part| (*part.get_ref()).to_owned());
    let parts = texts(section, "parts");
    if multipart.is_none() && section.has("parts") {
        section
            .wrong("`parts` belong to a form", "add `multipart = \"file\"`, the name of the document's part");
    }
    let condition = templates::condition(section, "when");
    let verdicts = Verdicts {
        ok: statuses(section, "ok"),
        warning: statuses(section, "warning"),
        error: statuses(section, "error"),
    };
    look_at_overlap(section, &verdicts);
    if escape == Escape::None {
        for key in ["method", "headers", "multipart", "parts", "ok", "warning", "error"] {
            section.idle(key, "the target is a folder, and nothing is called");
        }
        if matches!(document, Some(Document::None)) {
            section.remark(&section.place(), "no `shape` and no `template`: the file is empty");
        }
    }
    let mut write = Vec::new();
    for (field, from) in section.section("write").map(|own| own.entries()).unwrap_or_default() {
        match from.get_ref().as_str() {
            Some(pointer) if pointer == "status" || pointer.starts_with('/') => {
                if escape == Escape::None && pointer != "status" {
                    let what = format!(
                        "`write` has no effect for `{}`: the target is a folder, and nothing answers",
                        field.get_ref()
                    );
                    section.remark(&from.span(), &what);
                }
                section.writes_field(field.span(), field.get_ref());
                write.push(((*field.get_ref()).to_owned(), pointer.to_owned()));
            }
            _ => {
                let hint = "write `write = { erp_id = \"/invoice/id\", erp_status = \"status\" }`";
                section.document().note(from.span(), "this is not a JSON pointer, nor `status`", Some(hint));
            }
        }
    }
    Some(Call {
        name,
        method: method?,
        path: path?,
        headers: headers?,
        document: document?,
        multipart: match multipart {
            Some(name) => Some((name, parts?)),
            None => None,
        },
        condition,
        verdicts,
        write,
    })
}

/// `file`: the name that its document gets, where it is a file.
fn document(section: &Section<'_>, file: Option<&str>) -> Option<Document> {
    let shape = section.choice("shape", &SHAPES);
    let content_type = section.text("content_type");
    let own = section.text_or_blank("template").map(|text| (text.span(), (*text.get_ref()).to_owned()));
    let own_file = section.text("template_file").and_then(|path| {
        let text = scripts::read_file(section, path.get_ref(), path.span())?;
        Some((path.span(), text, (*path.get_ref()).to_owned()))
    });
    let shape = section.has("shape").then(|| shape.map(|shape| shaped(section, shape)));
    let escape = escape(section);
    let several = [section.has("template"), section.has("template_file"), section.has("shape")];
    if section.has("shape") {
        for key in ["escape", "content_type"] {
            section.idle(key, "the `shape` says how the document is written");
        }
    }
    if section.has("separator")
        && !matches!(section.text("shape").map(Spanned::into_inner), Some("csv"))
        && escape != Some(Escape::Csv { separator: delimited::separator(section) })
    {
        section.idle("separator", "it is for `shape = \"csv\"` and for `escape = \"csv\"`");
    }
    if several.iter().filter(|has| **has).count() > 1 {
        section.wrong("a document is made in one way", "keep one of `shape`, `template`, `template_file`");
    }
    let guess = |name: &str| match name.trim_end_matches(".j2").rsplit_once('.').map(|(_, end)| end) {
        Some("xml") => "application/xml",
        Some("json") => "application/json",
        Some("csv") => "text/csv; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let (place, source, kind) = match (own, own_file, shape) {
        (_, _, Some(shape)) => return shape,
        (Some((place, text)), _, _) => (place, text, "text/plain; charset=utf-8".to_owned()),
        (_, Some((place, text, name)), _) => (place, text, guess(&name).to_owned()),
        _ if several.contains(&true) => return None,
        _ => return Some(Document::None),
    };
    let content_type = content_type.map_or(kind, |kind| (*kind.get_ref()).to_owned());
    let escape = escape.unwrap_or_else(|| Document::escape_for(&content_type));
    let title = if section.has("template_file") { "template_file" } else { "template" };
    if source.trim().is_empty() {
        section.document().note(
            place.clone(),
            format!("`{title}` is empty"),
            Some("write what to send, or leave it out"),
        );
    }
    let template = template(section, title, place.clone(), &source, escape)?;
    let format = Format::of(&content_type).or_else(|| file.and_then(Format::of_name));
    if let Some(format) = format.filter(|_| !source.trim().is_empty()) {
        formats::look_at(section, title, &place, &template, (format, escape));
    }
    Some(Document::Template { template: Box::new(template), content_type })
}

/// `escape`, with the separator where it is CSV.
fn escape(section: &Section<'_>) -> Option<Escape> {
    let separator = delimited::separator(section);
    let words = [
        ("xml", Escape::Xml),
        ("json", Escape::Json),
        ("csv", Escape::Csv { separator }),
        ("none", Escape::None),
    ];
    section.choice("escape", &words)
}

/// A table of templates: headers, parts of a form.
fn texts(section: &Section<'_>, key: &'static str) -> Option<Vec<(String, Template)>> {
    let mut all = Vec::new();
    for (name, value) in section.section(key).map(|own| own.entries()).unwrap_or_default() {
        let Some(text) = value.get_ref().as_str() else {
            let what = format!("`{}` is not a text", name.get_ref());
            section.document().note(value.span(), what, None::<&str>);
            return None;
        };
        if key == "headers" {
            match HeaderName::from_bytes(name.get_ref().as_bytes()) {
                Ok(header) if targets::note_header_of_ours(section, &header, name.span()) => continue,
                Ok(_) => {}
                Err(_) => {
                    let what = format!("`{}` is no header", name.get_ref());
                    section.document().note(name.span(), what, None::<&str>);
                    return None;
                }
            }
        }
        let template = template(section, name.get_ref(), value.span(), text, Escape::None)?;
        all.push(((*name.get_ref()).to_owned(), template));
    }
    Some(all)
}

fn pointer_in(section: &Section<'_>, pointer: &Spanned<&str>) -> Option<String> {
    let fits = pointer.get_ref().starts_with('/');
    if !fits {
        let hint = "write `problem = \"/error/message\"`";
        section.document().note(pointer.span(), "this is not a JSON pointer: it begins with `/`", Some(hint));
    }
    fits.then(|| (*pointer.get_ref()).to_owned())
}
