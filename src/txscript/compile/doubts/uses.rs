//! Something that is asked or said in a way that never answers: a method that is not called, `is "eur"`, `is_empty("x")`.

use ruff_python_ast as ast;
use ruff_python_ast::{CmpOp, Expr as Syntax};

use super::super::super::field::FieldType;
use super::super::super::words::Word;
use super::{Doubts, Language};
use crate::rossum::Category;

/// What shows a message or stops automation.
const SAYING: [&str; 4] = ["show_error", "show_warning", "show_info", "automation_blocker"];
/// What no method can be given to.
const SHOWN: [&str; 14] = [
    "show_error",
    "show_warning",
    "show_info",
    "automation_blocker",
    "str",
    "int",
    "float",
    "len",
    "abs",
    "round",
    "is_empty",
    "is_set",
    "default_to",
    "fallback",
];
/// What gives another value where one is empty.
const ASKING: [&str; 4] = ["is_empty", "is_set", "default_to", "fallback"];

impl Doubts<'_> {
    /// `field.x.lower` where its value is asked for.
    pub(super) fn uncalled(&mut self, syntax: &Syntax) {
        if !self.is_typed() {
            return;
        }
        let named = self.meant(syntax).clone();
        match if named.is_attribute_expr() { &named } else { syntax } {
            Syntax::Attribute(method) => {
                let is_of_value = self.is_value(&method.value)
                    || self.field(&method.value).is_some()
                    || method.value.is_call_expr();
                let is_method = Word::named(&method.attr).is_some_and(|word| {
                    let word = word as usize;
                    word <= Word::format_map as usize
                        || matches!(
                            method.attr.as_str(),
                            "weekday" | "isoweekday" | "isocalendar" | "isoformat" | "strftime" | "toordinal"
                        )
                });
                if is_of_value && is_method {
                    let shown = self.text(method).to_owned();
                    let what = format!("`{shown}` is a method, and is not called");
                    self.note(&method.attr, what, format!("write `{shown}()`"));
                }
            }
            Syntax::Name(name) if !self.names.has(&name.id) => {
                let is_function = ASKING.contains(&name.id.as_str())
                    || SAYING.contains(&name.id.as_str())
                    || matches!(name.id.as_str(), "len" | "sum" | "abs" | "any" | "all" | "round");
                if is_function {
                    let what = format!("`{}` is a function, and is not called", name.id);
                    self.note(syntax, what, format!("write `{}(field.x)`", name.id));
                }
            }
            _ => {}
        }
    }

    /// `x is "eur"`: whether two things are the same thing. A value of a field is a thing of its own each time.
    pub(super) fn same(&mut self, left: &Syntax, op: CmpOp, right: &Syntax) {
        let is_constant = |one: &Syntax| matches!(one, Syntax::StringLiteral(_) | Syntax::NumberLiteral(_));
        let ends = if op == CmpOp::Is { "never holds" } else { "always holds" };
        let equal = if op == CmpOp::Is { "==" } else { "!=" };
        if is_constant(left) || is_constant(right) {
            let what = format!(
                "`is` asks whether two things are one and the same, not whether they are equal: this {ends}"
            );
            let hint = format!("write `{} {equal} {}`", self.text(left), self.text(right));
            self.note(left, what, hint);
            return;
        }
        let (value, other) = if is_single(left) { (right, left) } else { (left, right) };
        let Some((name, kind)) = self.field(value).filter(|_| is_single(other) && self.is_typed()) else {
            return;
        };
        if kind == FieldType::Nothing {
            return;
        }
        let instead = match other {
            Syntax::NoneLiteral(_) if op == CmpOp::Is => {
                format!("`is_empty({})` asks whether it is empty", self.text(value))
            }
            Syntax::NoneLiteral(_) => {
                format!("`not is_empty({})` asks whether it is not empty", self.text(value))
            }
            _ => format!("write `{} {equal} {}`", self.text(value), self.text(other)),
        };
        self.remark(
            left,
            format!(
                "a field's value is never `{}` itself, also where `{name}` is empty: this {ends}; {instead}",
                self.text(other)
            ),
        );
    }

    /// `field.text == None`: an empty text is `""`.
    pub(super) fn none(&mut self, left: &Syntax, op: CmpOp, right: &Syntax) {
        let (value, is_none) = match (left, right) {
            (Syntax::NoneLiteral(_), value) | (value, Syntax::NoneLiteral(_)) => (value, true),
            (value, Syntax::BooleanLiteral(_)) | (Syntax::BooleanLiteral(_), value) => (value, false),
            _ => return,
        };
        let Some((name, kind)) = self.field(value).filter(|_| self.is_typed()) else { return };
        let ends = if op == CmpOp::NotEq { "always holds" } else { "never holds" };
        if is_none && kind == FieldType::Text {
            let instead = format!("`is_empty({})` asks whether it is empty", self.text(value));
            self.remark(value, format!("`{name}` is a text, which is never `None`: this {ends}; {instead}"));
        } else if !is_none && matches!(kind, FieldType::Text | FieldType::Date) {
            let what = format!(
                "`{name}` is {}, which is never True or False: this {ends}",
                super::pairs::a_kind(kind)
            );
            self.note(
                value,
                what,
                format!("`not is_empty({})` asks whether it has a value", self.text(value)),
            );
        }
    }

    /// `is_empty("x")`, `show_error("")`.
    pub(super) fn called(&mut self, call: &ast::ExprCall) {
        // Whatever is shown is made a text of.
        if matches!(&*call.func, Syntax::Attribute(method) if SAYING.contains(&method.attr.as_str()))
            || matches!(&*call.func, Syntax::Name(name) if SHOWN.contains(&name.id.as_str()))
        {
            call.arguments.args.iter().for_each(|argument| self.uncalled(argument));
        }
        let Some(function) = call.func.as_name_expr().filter(|name| !self.names.has(&name.id)) else {
            return;
        };
        let Some(first) = call.arguments.args.first() else { return };
        let name = function.id.as_str();
        if !self.is_typed() {
            return self.asked_in_rule(name, first);
        }
        if SAYING.contains(&name) {
            if let Syntax::StringLiteral(text) = first
                && text.value.to_str().trim().is_empty()
            {
                let what = format!("`{name}` shows an empty text: people would see an empty box");
                self.note(first, what, "write what is wrong, and what to do");
            }
            if let Some(second @ Syntax::StringLiteral(text)) = call.arguments.args.get(1) {
                self.field_of_message(second, name, text.value.to_str());
            }
            return;
        }
        if !ASKING.contains(&name) {
            return;
        }
        if let Syntax::StringLiteral(text) = first {
            let text = text.value.to_str();
            let id = text.strip_prefix("field.").unwrap_or(text);
            let is_field = self.schema.is_some_and(|schema| schema.has(id));
            let hint = if is_field {
                format!("write `field.{id}` without quotes")
            } else {
                "write the field itself: `field.x`, without quotes".to_owned()
            };
            self.note(
                first,
                format!("`{name}` is asked about this text, which is the same for every document"),
                hint,
            );
            return;
        }
        if let Some((id, FieldType::Nothing)) = self.field(first) {
            return self.emptiness_of_table(name, first, &id);
        }
        let what = match first {
            Syntax::Compare(_) => "a comparison",
            Syntax::NumberLiteral(_) => "a number",
            Syntax::UnaryOp(ast::ExprUnaryOp { op: ast::UnaryOp::Not, .. }) => "`not …`",
            Syntax::List(_) | Syntax::Tuple(_) | Syntax::Set(_) | Syntax::Dict(_) => "a list",
            Syntax::Call(inner) => match inner.func.as_name_expr().map(|name| name.id.as_str()) {
                Some(inner @ ("len" | "is_empty" | "is_set" | "any" | "all" | "bool" | "isinstance"))
                    if !self.names.has(inner) =>
                {
                    "the result of this call"
                }
                Some("str") if !self.names.has("str") && self.is_none_in_words(inner) => {
                    "a text with the word None at least"
                }
                _ => return,
            },
            _ => return,
        };
        let what = format!("`{name}` is asked about {what}, which is never empty");
        self.note(
            first,
            what,
            "ask about the field: `is_empty(field.x)`, with `not` in front for the contrary",
        );
    }

    /// `show_error("…", "remark")`
    pub(super) fn field_of_message(&mut self, at: &Syntax, name: &str, id: &str) {
        let what = format!("`{name}` takes the field itself that its message stands at, and no text");
        let hint = if self.schema.is_some_and(|schema| schema.has(id)) {
            format!("write `field.{id}` without quotes")
        } else {
            format!("first the text, then the field: `{name}(\"…\", field.x)`")
        };
        self.note(at, what, hint);
    }

    /// `is_empty(field.table)`: whether a table is `None` or an empty text, which it never is.
    fn emptiness_of_table(&mut self, name: &str, at: &Syntax, id: &str) {
        let category = self.schema.and_then(|schema| schema.category_of(id));
        if !matches!(category, Some(Category::Multivalue | Category::Tuple)) {
            return self.without_value(at, id);
        }
        let shown = self.text(at).to_owned();
        let what = format!("`{id}` is a table or a list, which is never empty to `{name}`");
        match name {
            "is_empty" => {
                self.note(at, format!("{what}: this is always False"), format!("write `len({shown}) == 0`"));
            }
            "is_set" => self.remark(at, format!("{what}: this is always True; write `len({shown}) > 0`")),
            _ => {} // the table itself, as it would be without the function
        }
    }

    /// `has_value("x")` of a business rule.
    fn asked_in_rule(&mut self, name: &str, first: &Syntax) {
        let Syntax::StringLiteral(text) = first else { return };
        if self.language == Language::BusinessRule && matches!(name, "has_value" | "is_empty") {
            let id = text.value.to_str().trim_matches(['{', '}']);
            let what = format!("`{name}` is asked about this text, which is the same for every document");
            self.note(first, what, format!("write the field in braces, without quotes: `{name}({{{id}}})`"));
        }
    }

    /// `{x} == ""` of a business rule: an empty value ends the rule, and is never compared.
    pub(super) fn emptiness_in_rule(&mut self, left: &Syntax, op: CmpOp, right: &Syntax) {
        let ((value @ Syntax::Set(_), Syntax::StringLiteral(text))
        | (Syntax::StringLiteral(text), value @ Syntax::Set(_))) = (left, right)
        else {
            return;
        };
        if self.language != Language::BusinessRule
            || !text.value.is_empty()
            || !matches!(op, CmpOp::Eq | CmpOp::NotEq)
        {
            return;
        }
        let ends = if op == CmpOp::Eq { "never holds" } else { "always holds" };
        let shown = self.text(value).to_owned();
        let what = format!(
            "an empty value skips the rule, so that this {ends}: `has_value({shown})` asks whether there is one"
        );
        self.remark(value, what);
    }

    /// `str(field.number)`, which is `"None"` where the number is empty.
    fn is_none_in_words(&self, call: &ast::ExprCall) -> bool {
        let [one] = &call.arguments.args[..] else { return false };
        self.field(one).is_some_and(|(_, kind)| matches!(kind, FieldType::Number | FieldType::Date))
    }

    /// `["EUR" "CZK"]`: two texts beside each other are one.
    pub(super) fn one_text(&mut self, syntax: &Syntax, among: usize) {
        if let Syntax::StringLiteral(text) = syntax
            && text.value.is_implicit_concatenated()
            && (among > 1 || text.value.iter().all(|part| !part.value.is_empty()))
            && !self.source_of(syntax).contains('\n')
        {
            let what =
                format!("`{}` is one text, `{}`: a comma is missing", self.text(syntax), text.value.to_str());
            self.remark(syntax, what);
        }
    }
}

/// `None`, `True`, `False`
fn is_single(syntax: &Syntax) -> bool {
    matches!(syntax, Syntax::NoneLiteral(_) | Syntax::BooleanLiteral(_))
}
