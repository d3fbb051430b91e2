//! `t`: what `TxScript.from_payload(payload)` gives to a function.

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::machine::builtins::Function;
use super::super::value::Value;
use super::super::words::Word;

/// Attributes of `t.annotation` that are times, which have no zones here.
const TIMES: [&str; 9] = [
    "created_at",
    "modified_at",
    "exported_at",
    "confirmed_at",
    "assigned_at",
    "export_failed_at",
    "deleted_at",
    "rejected_at",
    "purged_at",
];

impl<'h> Machine<'h> {
    /// `t.name`.
    pub(crate) fn session(&mut self, name: &str) -> Eval<'h> {
        match name {
            "field" => Ok(Value::Fields),
            "context" => Ok(Value::Context),
            "annotation" => {
                let annotation = self.view.document.payload()?.get("annotation");
                Ok(match annotation.and_then(|annotation| annotation.get("status")) {
                    Some(_) => Value::Annotation,
                    None => Value::None,
                })
            }
            "updated_datapoint_ids" => match self.view.document.payload()?.get("updated_datapoint_ids") {
                Some(ids) if !ids.is_null() => self.json_value(ids),
                _ => self.list(Vec::new()),
            },
            "queue" | "workspace" => {
                let text = format_args!("t.{name} is not supported here: use t.context.{name}");
                self.raise(Kind::AttributeError, text)
            }
            _ => {
                let text = format_args!("'TxScriptAnnotationContent' object has no attribute '{name}'");
                self.raise(Kind::AttributeError, text)
            }
        }
    }

    /// `t.annotation.name`.
    pub(crate) fn annotation(&mut self, name: &str) -> Eval<'h> {
        let payload = self.view.document.payload()?;
        let found = match name {
            "raw_data" => payload.get("annotation"),
            "document" => payload.get("document"),
            "email" => match payload.get("emails") {
                Some(emails) => return emails.get(0).map_or(Ok(Value::None), |email| self.json(email)),
                None => {
                    let text = "Email sideloading must be enabled to access email.";
                    return self.raise_text(Kind::PayloadError, text);
                }
            },
            _ if TIMES.contains(&name) => {
                let text = format_args!(
                    "annotation.{name} is not supported here: t.context.annotation.{name} has its text"
                );
                return self.raise(Kind::AttributeError, text);
            }
            _ => payload.get("annotation").and_then(|annotation| annotation.get(name)),
        };
        match found {
            Some(json) => self.json(json),
            None if name == "previous_status" => Ok(Value::None),
            None => self
                .raise(Kind::AttributeError, format_args!("'Annotation' object has no attribute '{name}'")),
        }
    }

    /// `t.name(…)`.
    pub(crate) fn session_method(
        &mut self,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let function = match word {
            Word::hook_response => return self.hook_response(),
            Word::show_error => Function::ShowError,
            Word::show_warning => Function::ShowWarning,
            Word::show_info => Function::ShowInfo,
            Word::automation_blocker => Function::AutomationBlocker,
            _ => return self.no_method(Value::Session, word, positional.len()),
        };
        self.tx_function(function, positional, keywords)
    }

    /// `TxScript.from_payload(payload)`.
    pub(crate) fn start_session(&mut self) -> Eval<'h> {
        let event = self.edit(|edits| edits.event)?;
        if event != "annotation_content" {
            return self.raise(Kind::ValueError, format_args!("Event not supported by TxScript: {event}"));
        }
        Ok(Value::Session)
    }
}
