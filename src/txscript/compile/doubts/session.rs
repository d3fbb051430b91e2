//! What `t`, `context` and what Rossum calls do not have: `t.show_eror(…)`, `context.anotation`, `return t`.

use ruff_python_ast as ast;
use ruff_python_ast::{Expr as Syntax, ExprContext, Stmt as Statement};
use ruff_text_size::Ranged;

use super::super::super::code::HANDLER;
use super::super::super::field::contexts;
use super::Doubts;
use super::attributes::near_of;

/// What `t` has here.
const SESSION: [&str; 9] = [
    "field",
    "show_error",
    "show_warning",
    "show_info",
    "automation_blocker",
    "hook_response",
    "context",
    "annotation",
    "updated_datapoint_ids",
];
const METHODS: [&str; 5] = ["hook_response", "show_error", "show_warning", "show_info", "automation_blocker"];
/// Keys of an annotation and of a document that Rossum documents.
const ANNOTATION: [&str; 49] = [
    "id",
    "url",
    "status",
    "previous_status",
    "schema",
    "queue",
    "document",
    "organization",
    "pages",
    "content",
    "creator",
    "created_at",
    "created_by",
    "modifier",
    "modified_at",
    "modified_by",
    "assigned_at",
    "assignees",
    "arrived_at",
    "confirmed_at",
    "confirmed_by",
    "exported_at",
    "exported_by",
    "export_failed_at",
    "rejected_at",
    "rejected_by",
    "deleted_at",
    "deleted_by",
    "purged_at",
    "purged_by",
    "time_spent",
    "time_spent_edit",
    "time_spent_overall",
    "time_spent_overall_edit",
    "messages",
    "metadata",
    "automated",
    "automatically_rejected",
    "automation_blocker",
    "einvoice",
    "email",
    "email_thread",
    "has_email_thread_with_replies",
    "has_email_thread_with_new_replies",
    "labels",
    "notes",
    "related_emails",
    "relations",
    "suggested_edit",
];
const DOCUMENT: [&str; 16] = [
    "id",
    "url",
    "name",
    "s3_name",
    "original_file_name",
    "mime_type",
    "content",
    "parent",
    "email",
    "creator",
    "created_at",
    "arrived_at",
    "annotations",
    "attachment_status",
    "metadata",
    "parents",
];

/// Keys of the payload that Rossum documents, over all events.
pub(super) const PAYLOAD: [&str; 36] = [
    "action",
    "action_source",
    "annotation",
    "annotations",
    "assignees",
    "automation_blockers",
    "base_url",
    "child_relations",
    "document",
    "documents",
    "email",
    "emails",
    "event",
    "files",
    "form",
    "hook",
    "hook_url",
    "labels",
    "modifiers",
    "notes",
    "organizations",
    "pages",
    "payload",
    "queues",
    "related_emails",
    "relations",
    "request_id",
    "rossum_authorization_token",
    "schemas",
    "secrets",
    "settings",
    "suggested_edits",
    "timestamp",
    "updated_datapoint_ids",
    "updated_datapoints",
    "workspaces",
];
/// Keys of an answer, over all events.
const ANSWER: [&str; 9] = [
    "messages",
    "automation_blockers",
    "operations",
    "files",
    "additional_files",
    "extracted_original_sender",
    "actions",
    "computed_ids",
    "promises",
];

/// What a part of the payload is to code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `t`
    Session,
    /// `field`
    Fields,
    Context,
    /// `annotation`, `context.annotation`
    Annotation,
    /// `context.document`
    Document,
}

impl Doubts<'_> {
    pub(super) fn part_of(&self, syntax: &Syntax) -> Option<Part> {
        if let Syntax::Name(name) = syntax
            && self.sessions.has_in(self.function, &name.id)
        {
            return Some(Part::Session);
        }
        match self.meant(syntax) {
            Syntax::Name(name) if self.names.has(&name.id) => None,
            Syntax::Name(name) => match name.id.as_str() {
                "field" => Some(Part::Fields),
                "context" => Some(Part::Context),
                "annotation" => Some(Part::Annotation),
                _ => None,
            },
            Syntax::Attribute(part) => match (self.part_of(&part.value)?, part.attr.as_str()) {
                (Part::Session, "field") => Some(Part::Fields),
                (Part::Session, "context") => Some(Part::Context),
                (Part::Session | Part::Context, "annotation") => Some(Part::Annotation),
                (Part::Annotation | Part::Context, "document") => Some(Part::Document),
                _ => None,
            },
            _ => None,
        }
    }

    /// `t.show_eror`, `context.anotation`, `context.document.nme`, `TxScript.from_paylod`.
    pub(super) fn part_of_payload(&mut self, attribute: &ast::ExprAttribute) {
        let name = attribute.attr.as_str();
        if !self.is_typed() || attribute.ctx != ExprContext::Load || name.starts_with("__") || self.is_tried {
            return;
        }
        let owner = self.text(&*attribute.value).to_owned();
        if matches!(&*attribute.value, Syntax::Name(class) if class.id == "TxScript") {
            if name != "from_payload" && self.sessions.has_handler() {
                let what = format!("`TxScript` has no `{name}`");
                self.note(&attribute.attr, what, "write `TxScript.from_payload(payload)`");
            }
            return;
        }
        let (known, is_sure): (Vec<&str>, bool) = match self.part_of(&attribute.value) {
            Some(Part::Session) => (SESSION.to_vec(), true),
            Some(Part::Context) => (contexts().collect(), true),
            // Rossum may have more of them one day.
            Some(Part::Annotation) => {
                (ANNOTATION.iter().copied().chain(["raw_data", "document"]).collect(), false)
            }
            Some(Part::Document) => (DOCUMENT.to_vec(), false),
            Some(Part::Fields) | None => return,
        };
        let is_of_dict = !is_sure && matches!(name, "get" | "keys" | "values" | "items");
        if known.contains(&name) || is_of_dict {
            return;
        }
        let near = near_of(name, &known);
        if near.is_none() && !is_sure {
            return;
        }
        let hint = match (name, near) {
            ("queue" | "workspace", _) => format!("write `{owner}.context.{name}`"),
            (_, Some(near)) => format!("did you mean `{near}`?"),
            (_, None) => format!("it has: {}", known.join(", ")),
        };
        self.note(&attribute.attr, format!("`{owner}` has no `{name}`"), hint);
    }

    /// `payload["anotation"]`, `payload.get("anotation")`
    pub(super) fn key_of_payload(&mut self, part: &Syntax) {
        let (owner, key) = match part {
            Syntax::Subscript(item) => (&*item.value, &*item.slice),
            Syntax::Call(call) => match (&*call.func, call.arguments.args.first()) {
                (Syntax::Attribute(method), Some(key)) if &*method.attr == "get" => (&*method.value, key),
                _ => return,
            },
            _ => return,
        };
        if self.sessions.is_payload(owner) {
            self.key_among(key, "the payload", &PAYLOAD);
        }
    }

    /// Notes a key that is written almost as one that is known.
    fn key_among(&mut self, key: &Syntax, whose: &str, known: &[&str]) {
        let Syntax::StringLiteral(text) = key else { return };
        let key_text = text.value.to_str();
        if !known.contains(&key_text)
            && let Some(near) = near_of(key_text, known)
        {
            self.remark(
                key,
                format!("{whose} has no `{key_text}` that Rossum documents: did you mean `{near}`?"),
            );
        }
    }

    /// `t.show_error()`, `TxScript(payload)`.
    pub(super) fn called_on_session(&mut self, call: &ast::ExprCall) {
        if let Syntax::Name(class) = &*call.func
            && class.id == "TxScript"
            && self.sessions.has_handler()
        {
            let what = "`TxScript` itself takes no payload: this fails".to_owned();
            return self.note(call, what, "write `TxScript.from_payload(payload)`");
        }
        let Syntax::Attribute(method) = &*call.func else { return };
        let name = method.attr.as_str();
        if self.part_of(&method.value) != Some(Part::Session) || !METHODS[1..].contains(&name) {
            return;
        }
        let shown = self.text(&*call.func).to_owned();
        let arguments = &call.arguments;
        if arguments.args.is_empty() && arguments.keywords.is_empty() {
            let what = format!("`{shown}` is called without a text: this fails");
            self.note(call, what, format!("write what people read: `{shown}(\"…\")`"));
        }
        match &arguments.args[..] {
            [_, at @ Syntax::StringLiteral(text), ..] => {
                self.field_of_message(at, &shown, text.value.to_str());
            }
            [at @ Syntax::StringLiteral(text), ..] if text.value.to_str().trim().is_empty() => {
                let what = format!("`{shown}` shows an empty text: people would see an empty box");
                self.note(at, what, "write what is wrong, and what to do");
            }
            _ => {}
        }
    }

    /// `t.hook_response` where it is not called, in a line of its own or as what is returned.
    fn uncalled_on_session(&mut self, syntax: &Syntax) -> bool {
        if let Syntax::Attribute(method) = syntax
            && METHODS.contains(&method.attr.as_str())
            && self.part_of(&method.value) == Some(Part::Session)
        {
            let shown = self.text(syntax).to_owned();
            let what = format!("`{shown}` is a method, and is not called");
            self.note(syntax, what, format!("write `{shown}(…)`").replace("response(…)", "response()"));
            return true;
        }
        false
    }

    /// What the function that Rossum calls cannot take or give.
    pub(super) fn of_handler(&mut self, statement: &Statement) {
        match statement {
            Statement::FunctionDef(function)
                if self.sessions.is_handler(Some(function.name.start()))
                    && function.decorator_list.is_empty() =>
            {
                let parameters = &function.parameters;
                let positional = || parameters.posonlyargs.iter().chain(&parameters.args);
                let wanted = positional().filter(|parameter| parameter.default.is_none()).count();
                let takes_none = positional().next().is_none() && parameters.vararg.is_none();
                let named = parameters.kwonlyargs.iter().any(|parameter| parameter.default.is_none());
                if takes_none || wanted > 1 || named {
                    let takes = if takes_none { "no argument" } else { "more than one argument" };
                    let what =
                        format!("Rossum calls `{HANDLER}` with the payload alone, and it takes {takes}");
                    self.note(&function.name, what, format!("write `def {HANDLER}(payload):`"));
                }
            }
            Statement::Expr(line) => {
                self.uncalled_on_session(&line.value);
            }
            Statement::Return(ast::StmtReturn { value: Some(value), .. })
                if self.sessions.is_handler(self.function) =>
            {
                self.returned(value);
            }
            _ => {}
        }
    }

    fn returned(&mut self, value: &Syntax) {
        if self.uncalled_on_session(value) {
            return;
        }
        let hint = "write `return t.hook_response()`";
        if let Some(Part::Session | Part::Fields) = self.part_of(value) {
            let what = format!("`{}` is no answer that Rossum can read: this fails", self.text(value));
            return self.note(value, what, hint);
        }
        if let Syntax::Dict(answer) = value {
            for key in answer.items.iter().filter_map(|item| item.key.as_ref()) {
                self.key_among(key, "an answer", &ANSWER);
            }
        }
        let kind = match value {
            Syntax::StringLiteral(_) | Syntax::FString(_) => "a text",
            Syntax::NumberLiteral(_) => "a number",
            Syntax::BooleanLiteral(_) => "True or False",
            Syntax::List(list) if !list.elts.is_empty() => "a list",
            Syntax::Tuple(_) => "a list",
            _ => return,
        };
        let what = format!(
            "Rossum reads an object with messages and operations, and this returns {kind}: {}",
            hint.replace("write ", "end with ")
        );
        self.remark(value, what);
    }
}
