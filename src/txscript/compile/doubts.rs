//! What compiles and yet cannot be meant: a comparison that no value of the field can meet, a condition that is no `True`
//! or `False`, or the same for every document.

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{CmpOp, Expr as Syntax, Number, Operator, Stmt as Statement, UnaryOp};
use ruff_python_parser::{parse_expression, parse_module};
use ruff_text_size::Ranged;
use rust_decimal::Decimal;

use super::super::field::{FieldType, Schema};
use super::super::problem::{Problem, SourceLines};
use super::STACK_PER_BYTE;
use super::business_rule::plain;

/// How code names a field, and what it gets for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// `field.x`, a value of the field's type. A condition holds where it is `True`.
    Condition,
    /// The same, for its value.
    Value,
    /// The store's rules: `{x}`, where a text that is a number or a date is one.
    BusinessRule,
    /// A Master Data Hub condition: `'{x}'` is a text, `{x}` a number where it looks like one.
    MasterData,
}

/// What is doubtful, in the order of the code. Code that does not compile has no doubts: it has mistakes.
pub(crate) fn doubts(source: &str, language: Language, is_condition: bool, schema: Option<&Schema>) -> Found {
    stacker::grow((16 << 20) + source.len() * STACK_PER_BYTE, || {
        let mut doubts =
            Doubts { source, lines: SourceLines::new(source), language, schema, found: Found::default() };
        match language {
            Language::Condition | Language::Value => {
                let Ok(parsed) = parse_module(source) else { return Found::default() };
                let body = parsed.into_suite();
                doubts.visit_body(&body);
                if let (true, Some(Statement::Expr(last))) = (is_condition, body.last()) {
                    doubts.condition(&last.value, body.len() == 1);
                }
            }
            Language::BusinessRule | Language::MasterData => {
                let text =
                    if language == Language::BusinessRule { plain(source).text } else { source.to_owned() };
                // Places stay: both begin where the text does.
                let start = text.len() - text.trim_start().len();
                let Ok(parsed) = parse_expression(text.trim()) else { return Found::default() };
                doubts.lines = SourceLines::new(&source[start..]);
                doubts.source = &source[start..];
                let expression = parsed.into_expr();
                doubts.visit_expr(&expression);
                if is_condition {
                    doubts.condition(&expression, true);
                }
            }
        }
        doubts.found
    })
}

/// What cannot be meant.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// No document can meet it.
    pub wrong: Vec<Problem>,
    /// It decides nothing, which may be meant for a while.
    pub odd: Vec<Problem>,
}

struct Doubts<'s> {
    source: &'s str,
    lines: SourceLines<'s>,
    language: Language,
    schema: Option<&'s Schema>,
    found: Found,
}

impl Doubts<'_> {
    fn note(&mut self, at: &impl Ranged, message: String, hint: impl Into<String>) {
        let problem = self.lines.problem(at.start().to_usize(), message, Some(hint.into()));
        if !self.found.wrong.contains(&problem) {
            self.found.wrong.push(problem);
        }
    }

    fn remark(&mut self, at: &impl Ranged, message: String) {
        let problem = self.lines.problem(at.start().to_usize(), message, None);
        if !self.found.odd.contains(&problem) {
            self.found.odd.push(problem);
        }
    }

    fn text(&self, at: &impl Ranged) -> &str {
        self.source.get(at.range().to_std_range()).unwrap_or_default()
    }

    /// The field that an expression is, and what its value is to the code.
    fn field(&self, syntax: &Syntax) -> Option<(String, FieldType)> {
        let of_set = |name: &Syntax| name.as_name_expr().map(|name| name.id.to_string());
        let (id, as_text) = match (self.language, syntax) {
            (Language::Condition | Language::Value, Syntax::Attribute(attribute)) => {
                let is_field = matches!(&*attribute.value, Syntax::Name(name) if name.id == "field");
                (is_field.then(|| attribute.attr.to_string())?, false)
            }
            (Language::BusinessRule | Language::MasterData, Syntax::Set(set)) => match &set.elts[..] {
                [name] => (of_set(name)?, false),
                _ => return None,
            },
            (Language::BusinessRule, Syntax::Dict(dict)) => match &dict.items[..] {
                [item] => (of_set(item.key.as_ref()?)?, false),
                _ => return None,
            },
            (Language::MasterData, Syntax::StringLiteral(text)) => {
                let name = text.value.to_str().strip_prefix('{')?.strip_suffix('}')?;
                (name.trim().to_owned(), true)
            }
            _ => return None,
        };
        let kind = self.schema?.kind_of(&id)?;
        Some((id, if as_text { FieldType::Text } else { kind }))
    }

    fn compare(&mut self, left: &Syntax, op: CmpOp, right: &Syntax) {
        let is_order = matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE);
        if (is_order || matches!(op, CmpOp::Eq | CmpOp::NotEq)) && self.text(left) == self.text(right) {
            let what = format!("`{}` is compared with itself: this is always the same", self.text(left));
            self.remark(left, what);
        }
        match op {
            CmpOp::In | CmpOp::NotIn => {
                let list = match right {
                    Syntax::List(list) => &list.elts[..],
                    Syntax::Tuple(list) => &list.elts[..],
                    Syntax::Set(list) if self.field(right).is_none() => &list.elts[..],
                    _ => return,
                };
                for one in list {
                    self.pair(left, one);
                }
            }
            CmpOp::Is | CmpOp::IsNot => {}
            _ => {
                self.pair(left, right);
                self.pair(right, left);
            }
        }
    }

    /// A field and a constant that it is compared with.
    fn pair(&mut self, field: &Syntax, constant: &Syntax) {
        let Some((id, kind)) = self.field(field) else { return };
        if self.field(constant).is_some() {
            return;
        }
        let is_typed = matches!(self.language, Language::Condition | Language::Value);
        match (constant, kind) {
            (Syntax::StringLiteral(text), FieldType::Text) => {
                let text = text.value.to_str();
                let options = self.options(&id);
                if options.len() > 1 && !text.is_empty() && !options.iter().any(|known| known == text) {
                    self.note_option(constant, &id, text, &options);
                }
            }
            (Syntax::StringLiteral(text), FieldType::Number | FieldType::Date | FieldType::Boolean) => {
                let text = text.value.to_str();
                let reads = match kind {
                    _ if text.is_empty() => true, // how emptiness is asked for
                    FieldType::Number => !is_typed && text.parse::<Decimal>().is_ok(),
                    _ => !is_typed,
                };
                if !reads {
                    let (is, hint) = match kind {
                        FieldType::Number => ("a number", "write the number without quotes"),
                        FieldType::Date => ("a date", "write `date(2026, 1, 31)` for a day"),
                        _ => ("true or false", "write `True` or `False` without quotes"),
                    };
                    let what = format!("`{id}` is {is}, which no text is equal to");
                    self.note(constant, what, hint);
                }
            }
            (Syntax::NumberLiteral(number), FieldType::Text) if is_typed => {
                let what = format!("`{id}` is a text, which no number is equal to");
                let shown = match &number.value {
                    Number::Int(int) => int.to_string(),
                    _ => self.text(constant).to_owned(),
                };
                self.note(constant, what, format!("write `\"{shown}\"`, or `float(field.{id})`"));
            }
            (Syntax::NumberLiteral(_), FieldType::Date) if is_typed => {
                let what = format!("`{id}` is a date, which no number is equal to");
                self.note(constant, what, "write `date(2026, 1, 31)` for a day");
            }
            (Syntax::NumberLiteral(_), FieldType::Number) => {
                let options = self.options(&id);
                let number = |text: &str| text.parse::<Decimal>().ok();
                let text = self.text(constant).to_owned();
                if options.len() > 1
                    && number(&text).is_some_and(|n| !options.iter().any(|o| number(o) == Some(n)))
                {
                    self.note_option(constant, &id, &text, &options);
                }
            }
            _ => {}
        }
    }

    /// The options of an enum. One that an extension fills has none in the schema, or only one that stands for them.
    fn options(&self, id: &str) -> Vec<String> {
        self.schema.and_then(|schema| schema.options_of(id)).unwrap_or_default()
    }

    fn note_option(&mut self, at: &Syntax, id: &str, text: &str, options: &[String]) {
        let near = super::names::nearest_of(text, options.iter().map(String::as_str));
        let hint = near.map_or_else(
            || {
                format!(
                    "its options are: {}",
                    options.iter().take(10).cloned().collect::<Vec<_>>().join(", ")
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        self.note(at, format!("the options of `{id}` do not have `{text}`"), hint);
    }

    /// What must come to `True` or `False`.
    fn condition(&mut self, syntax: &Syntax, is_whole: bool) {
        if let Some(kind) = self.is_no_boolean(syntax) {
            let what = format!("this condition is {kind}, which is not true or false");
            self.remark(syntax, format!("{what}: it never holds; compare it: `… > 0`, `… == \"x\"`"));
        } else if is_whole
            && is_constant(syntax)
            && !matches!(syntax, Syntax::BooleanLiteral(one) if one.value)
        {
            self.remark(syntax, "this condition is the same for every document".to_owned());
        }
        self.boolean(syntax, true);
    }

    /// Parts that decide alone: `a == "x" or "y"`.
    fn boolean(&mut self, syntax: &Syntax, is_whole: bool) {
        match syntax {
            Syntax::BoolOp(ast::ExprBoolOp { values, .. }) => {
                for value in values {
                    self.boolean(value, false);
                }
            }
            Syntax::UnaryOp(unary) if unary.op == UnaryOp::Not => self.boolean(&unary.operand, false),
            Syntax::StringLiteral(_) if self.field(syntax).is_some() => {}
            Syntax::StringLiteral(_) | Syntax::NumberLiteral(_) | Syntax::BooleanLiteral(_) if !is_whole => {
                let what = format!("`{}` alone is the same for every document", self.text(syntax));
                self.note(syntax, what, "repeat the comparison: `field.x == \"a\" or field.x == \"b\"`");
            }
            _ => {}
        }
    }

    /// What an expression is instead of a boolean, where that is sure.
    fn is_no_boolean(&self, syntax: &Syntax) -> Option<&'static str> {
        if let Some((_, kind)) = self.field(syntax) {
            let strict = self.language == Language::Condition;
            return match kind {
                FieldType::Number if strict => Some("a number"),
                FieldType::Text if strict => Some("a text"),
                FieldType::Date if strict => Some("a date"),
                _ => None, // what is empty is false
            };
        }
        match syntax {
            Syntax::StringLiteral(_) | Syntax::FString(_) => Some("a text"),
            Syntax::NumberLiteral(_) => Some("a number"),
            Syntax::BinOp(binary)
                if self.language != Language::BusinessRule
                    && matches!(
                        binary.op,
                        Operator::Add
                            | Operator::Sub
                            | Operator::Mult
                            | Operator::Div
                            | Operator::FloorDiv
                            | Operator::Mod
                    ) =>
            {
                Some("a calculation")
            }
            Syntax::List(_) | Syntax::Tuple(_) => Some("a list"),
            Syntax::BoolOp(ast::ExprBoolOp { op: ast::BoolOp::And, values, .. }) => {
                values.last().filter(|last| !is_literal(last)).and_then(|last| self.is_no_boolean(last))
            }
            Syntax::BoolOp(ast::ExprBoolOp { values, .. }) => {
                values.iter().filter(|value| !is_literal(value)).find_map(|value| self.is_no_boolean(value))
            }
            Syntax::If(one) => self.is_no_boolean(&one.body).or_else(|| self.is_no_boolean(&one.orelse)),
            _ => None,
        }
    }
}

fn is_literal(syntax: &Syntax) -> bool {
    matches!(syntax, Syntax::StringLiteral(_) | Syntax::NumberLiteral(_) | Syntax::BooleanLiteral(_))
}

/// Whether nothing in it can differ.
fn is_constant(syntax: &Syntax) -> bool {
    struct Names(bool);
    impl<'a> Visitor<'a> for Names {
        fn visit_expr(&mut self, part: &'a Syntax) {
            self.0 |= match part {
                Syntax::Name(_) | Syntax::Call(_) | Syntax::Attribute(_) => true,
                Syntax::StringLiteral(text) => text.value.to_str().contains('{'), // a field of a Master Data Hub's
                _ => false,
            };
            walk_expr(self, part);
        }
    }
    let mut names = Names(false);
    names.visit_expr(syntax);
    !names.0
}

impl<'a> Visitor<'a> for Doubts<'_> {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        match statement {
            Statement::If(one) => {
                self.boolean(&one.test, true);
                one.elif_else_clauses
                    .iter()
                    .filter_map(|other| other.test.as_ref())
                    .for_each(|test| self.boolean(test, true));
            }
            Statement::While(one) => self.boolean(&one.test, true),
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, part: &'a Syntax) {
        match part {
            Syntax::Compare(ast::ExprCompare { left, ops, comparators, .. }) => {
                let mut before: &Syntax = left;
                for (op, next) in ops.iter().zip(comparators.iter()) {
                    self.compare(before, *op, next);
                    before = next;
                }
            }
            Syntax::If(one) => self.boolean(&one.test, true),
            _ => {}
        }
        walk_expr(self, part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let field =
            |id: &str, kind: &str| format!(r#"{{"id": "{id}", "category": "datapoint", "type": "{kind}"}}"#);
        let options = r#"{"id": "kind", "category": "datapoint", "type": "enum", "options": [{"value": "a"}, {"value": "bb"}]}"#;
        let filled =
            r#"{"id": "vendor", "category": "datapoint", "type": "enum", "options": [{"value": "---"}]}"#;
        let (text, number, date) =
            (field("text", "string"), field("number", "number"), field("date", "date"));
        let fields = [options, filled, &text, &number, &date].join(",");
        Schema::parse(&format!(r#"[{{"id": "s", "category": "section", "children": [{fields}]}}]"#)).unwrap()
    }

    fn wrong(source: &str, language: Language) -> Vec<String> {
        let schema = schema();
        let found = doubts(source, language, language != Language::Value, Some(&schema));
        found.wrong.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn what_no_document_meets_is_wrong() {
        for (source, language, said) in [
            ("field.number == \"5\"", Language::Condition, "`number` is a number"),
            ("\"x\" != field.number", Language::Condition, "`number` is a number"),
            ("field.date > \"2026-01-31\"", Language::Condition, "`date` is a date"),
            ("field.text == 5", Language::Condition, "`text` is a text"),
            ("field.kind == \"b\"", Language::Condition, "the options of `kind` do not have `b`"),
            ("field.kind not in [\"a\", \"c\"]", Language::Condition, "do not have `c`"),
            ("1 if field.kind == \"c\" else 2", Language::Value, "do not have `c`"),
            ("field.kind == \"a\" or \"bb\"", Language::Condition, "`\"bb\"` alone"),
            ("if field.kind == \"a\" or \"bb\":\n    x = 1", Language::Value, "`\"bb\"` alone"),
            ("{kind} == 'c'", Language::BusinessRule, "do not have `c`"),
            ("{number, default=0} == 'many'", Language::BusinessRule, "`number` is a number"),
            ("'{kind}' == 'c'", Language::MasterData, "do not have `c`"),
            ("'{kind}' in ['c']", Language::MasterData, "do not have `c`"),
        ] {
            let found = wrong(source, language);
            assert!(matches!(&found[..], [one] if one.contains(said)), "{source}: {found:?}");
        }
    }

    #[test]
    fn what_a_document_can_meet_is_not() {
        for (source, language) in [
            ("field.number > 5 and field.number != \"\"", Language::Condition),
            ("field.text == \"5\" or field.kind == \"a\" or field.vendor == \"V-1\"", Language::Condition),
            ("field.date == date(2026, 1, 31)", Language::Condition),
            ("field.kind in (\"a\", \"bb\", \"\")", Language::Condition),
            ("field.text or \"default\"", Language::Value),
            ("{number} == '5' and {date} > '2026-01-31' and {text} == 5", Language::BusinessRule),
            ("'{kind}' in ['a', 'bb'] and {number} > 3 and '{text}' != ''", Language::MasterData),
            ("field.unknown == 5", Language::Condition),
        ] {
            assert_eq!(wrong(source, language), <[&str; 0]>::default(), "{source}");
        }
    }

    #[test]
    fn what_decides_nothing_is_odd() {
        let schema = schema();
        let odd = |source: &str| doubts(source, Language::Condition, true, Some(&schema)).odd.len();
        for source in
            ["1 == 2", "False", "\"x\"", "field.number", "field.number - 1", "field.text == field.text"]
        {
            assert_eq!(odd(source), 1, "{source}");
        }
        for source in
            ["True", "field.number > 1", "len(field.text)", "not field.text", "x = 1\nx == field.number"]
        {
            assert_eq!(odd(source), 0, "{source}");
        }
    }
}
