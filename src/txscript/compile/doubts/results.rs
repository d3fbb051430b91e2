//! Constants that code writes to a field: the last line of a formula, `t.field.kind = "memo"`.

use std::collections::HashMap;

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_stmt};
use ruff_python_ast::{Expr as Syntax, Number, Stmt as Statement, UnaryOp};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextSize};

use super::super::super::problem::{Problem, SourceLines};
use super::super::{STACK_PER_BYTE, rows};
use super::known::field_id;

/// A constant, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    /// The field that is written; none for the result of a formula.
    pub field: Option<String>,
    /// As it comes into the field.
    pub text: String,
    /// Its line and column; what is wrong with it is the schema's to say.
    pub place: Problem,
    pub kind: ConstantKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstantKind {
    Text,
    Number,
    Boolean,
}

/// All constants that some code can write.
pub(crate) fn constants(source: &str) -> Vec<Constant> {
    stacker::grow((16 << 20) + source.len() * STACK_PER_BYTE, || {
        let Ok(parsed) = parse_module(source) else { return Vec::new() };
        let body = parsed.into_suite();
        let rows = rows::tables(&body);
        let mut finder = Finder { lines: SourceLines::new(source), source, rows, found: Vec::new() };
        finder.last_of(&body);
        finder.visit_body(&body);
        finder.found
    })
}

struct Finder<'s> {
    source: &'s str,
    lines: SourceLines<'s>,
    /// Names that are rows of tables.
    rows: HashMap<&'s str, &'s str>,
    found: Vec<Constant>,
}

impl Finder<'_> {
    /// What the code comes to where this is the end of it.
    fn last_of(&mut self, body: &[Statement]) {
        match body.last() {
            Some(Statement::Expr(one)) => self.value(None, &one.value),
            Some(Statement::If(one)) => {
                self.last_of(&one.body);
                one.elif_else_clauses.iter().for_each(|other| self.last_of(&other.body));
            }
            Some(Statement::With(one)) => self.last_of(&one.body),
            _ => {}
        }
    }

    /// Each constant that an expression can be.
    fn value(&mut self, field: Option<&str>, syntax: &Syntax) {
        match syntax {
            Syntax::If(one) => {
                self.value(field, &one.body);
                self.value(field, &one.orelse);
            }
            Syntax::BoolOp(several) => {
                if let Some(last) = several.values.last() {
                    self.value(field, last);
                }
            }
            Syntax::StringLiteral(text) => {
                self.add(field, syntax.start(), text.value.to_str().to_owned(), ConstantKind::Text);
            }
            Syntax::BooleanLiteral(one) => {
                let text = if one.value { "True" } else { "False" };
                self.add(field, syntax.start(), text.to_owned(), ConstantKind::Boolean);
            }
            Syntax::NumberLiteral(one) if !matches!(one.value, Number::Complex { .. }) => {
                self.number(field, syntax);
            }
            Syntax::UnaryOp(one) if one.op == UnaryOp::USub && one.operand.is_number_literal_expr() => {
                self.number(field, syntax);
            }
            _ => {}
        }
    }

    fn number(&mut self, field: Option<&str>, syntax: &Syntax) {
        let text = self.source.get(syntax.range().to_std_range()).unwrap_or_default().replace('_', "");
        self.add(field, syntax.start(), text, ConstantKind::Number);
    }

    fn add(&mut self, field: Option<&str>, at: TextSize, text: String, kind: ConstantKind) {
        let place = self.lines.problem(at.to_usize(), String::new(), None);
        self.found.push(Constant { field: field.map(str::to_owned), text, place, kind });
    }
}

impl<'a> Visitor<'a> for Finder<'_> {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        if let Statement::Assign(assign) = statement {
            for target in &assign.targets {
                let column = |cell: &'a ast::ExprAttribute| {
                    self.rows.contains_key(cell.value.as_name_expr()?.id.as_str()).then_some(&*cell.attr)
                };
                let column = target.as_attribute_expr().and_then(column);
                if let Some(field) = field_id(target).or(column) {
                    self.value(Some(field), &assign.value);
                }
            }
        }
        walk_stmt(self, statement);
    }
}
