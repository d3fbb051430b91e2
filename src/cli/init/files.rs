//! What is written, by the fields that the schema has.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::exit::Failure;
use super::answers::Schema;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Step {
    /// Totals add up, fields are filled
    Checks,
    /// Rossum's rules, in TxScript
    Rules,
    /// A vendor is looked up in a file
    Match,
    /// A service of your own answers, such as one in Flask or Express
    Forward,
}

/// A header field that a document can have a value of.
pub(super) struct Field<'s> {
    id: &'s str,
    kind: &'s str,
    label: &'s str,
}

/// Fields that are most likely to be on each document, as Rossum's schemas call them.
const FILLED: [&str; 5] = ["document_id", "invoice_id", "invoice_number", "order_id", "amount_total"];
/// Words of fields that name a business partner.
const PARTNER: [&str; 4] = ["vendor", "supplier", "sender", "customer"];

/// Header fields of a schema, without buttons and others that no document has a value of.
pub(super) fn header_fields(content: &Value) -> Vec<Field<'_>> {
    let sections = content.as_array().into_iter().flatten();
    let fields = sections.flat_map(|section| section["children"].as_array().into_iter().flatten());
    let fields = fields.filter(|field| field["category"] == json!("datapoint"));
    let fields = fields.filter_map(|field| {
        let id = field["id"].as_str()?;
        let kind = field["type"].as_str()?;
        Some(Field { id, kind, label: field["label"].as_str().unwrap_or(id) })
    });
    fields.filter(|field| field.kind != "button" && is_name(field.id)).collect()
}

/// Whether it can stand in code and templates.
fn is_name(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A text as TOML has it: its escapes are those of JSON.
pub(super) fn quoted_toml(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Files by name, the configuration last.
pub(super) fn files(
    domain: &str,
    name: &str,
    (step, to): (Step, &str),
    schema: &Schema,
    secret: &str,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let fields = header_fields(&schema.content);
    let find = |wanted: &dyn Fn(&Field<'_>) -> bool| fields.iter().find(|field| wanted(field));
    let first = FILLED.iter().find_map(|id| find(&|field| field.id == *id));
    let first = first.or_else(|| find(&|field| field.kind == "string")).or_else(|| fields.first());
    let first = first.ok_or_else(|| Failure::Because("the schema has no header field".to_owned()))?;
    let has_schema = step != Step::Forward || schema.file.is_some();
    let mut files = Vec::new();
    if has_schema {
        files.push(("schema.json", serde_json::to_string_pretty(&schema.content)? + "\n"));
    }
    let schema_line = if has_schema { "schema = \"schema.json\"\n" } else { "" };
    let mut text = String::new();
    let [domain, name, path, secret] =
        [domain.to_owned(), name.to_owned(), format!("/{name}"), secret.to_owned()]
            .map(|text| quoted_toml(&text));
    let _ = write!(
        text,
        "# annex config reference explains every key. After a change: annex check && annex test\n\n\
         [server]\ndomains = [{domain}]\n\n[[hook]]\nname = {name}\npath = {path}\nsecrets = [{secret}]\n{schema_line}\n  [[hook.step]]\n"
    );
    match step {
        Step::Checks => {
            text.push_str("  use = \"checks\"\n");
            let is_number = |id: &&str| fields.iter().any(|field| field.id == *id && field.kind == "number");
            if ["amount_total", "amount_total_base", "amount_total_tax"].iter().all(is_number) {
                text.push_str(
                    "\n    [[hook.step.check]]\n    sum = [\"amount_total_base\", \"amount_total_tax\"]\n    equals = \"amount_total\"\n    \
                     message = \"Total {amount_total} is not base + tax (difference {difference}).\"\n",
                );
            }
            let _ = write!(
                text,
                "\n    [[hook.step.check]]\n    required = \"{}\"\n    message = {}\n",
                first.id,
                quoted_toml(&format!("{} must be filled.", first.label.replace(['{', '}'], "")))
            );
        }
        Step::Rules => {
            text.push_str("  use = \"rules\"\n  file = \"rules.json\"\n");
            let id = first.id;
            let rule = json!([{"name": format!("{id} is filled"), "enabled": true, "trigger_condition": format!("is_empty(field.{id})"),
                "actions": [{"id": "say", "enabled": true, "type": "show_message", "event": "validation",
                    "payload": {"type": "error", "content": "This field must be filled.", "schema_id": id}}]}]);
            files.push(("rules.json", serde_json::to_string_pretty(&rule)? + "\n"));
        }
        Step::Forward => {
            let _ = write!(text, "  use = \"forward\"\n  to = {}\n", quoted_toml(to));
        }
        Step::Match => {
            let (by, target) = looked_up(&fields, first);
            let _ = write!(
                text,
                "  use = \"match\"\n  field = \"{by}\"\n  target = \"{target}\"\n  file = \"vendors.csv\"\n  compare = \"substring\"\n"
            );
            files.push(("vendors.csv", "value,label\nV1,Acme Ltd\nV2,Globex Inc\n".to_owned()));
        }
    }
    files.push(("annex.toml", text));
    Ok(files)
}

/// The field with a partner's name, and the one for the partner that was found: another one, best an enum.
fn looked_up<'s>(fields: &[Field<'s>], first: &Field<'s>) -> (&'s str, &'s str) {
    let is_partner = |field: &&Field<'_>| PARTNER.iter().any(|word| field.id.contains(word));
    let is_text = |field: &&Field<'_>| field.kind == "string";
    let texts = || fields.iter().filter(is_text);
    let named = texts().find(|field| is_partner(field) && field.id.contains("name"));
    let by = named.or_else(|| texts().find(is_partner)).or_else(|| texts().next()).unwrap_or(first);
    let others = || fields.iter().filter(|field| field.id != by.id);
    let enums = || others().filter(|field| field.kind == "enum");
    let target = enums().find(is_partner).or_else(|| enums().next());
    let target = target.or_else(|| others().filter(is_text).find(is_partner));
    let target = target.or_else(|| others().find(is_text)).or_else(|| others().next());
    (by.id, target.map_or(by.id, |target| target.id))
}
