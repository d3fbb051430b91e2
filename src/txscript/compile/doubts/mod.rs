//! What compiles and yet cannot be meant: a comparison that no value of the field can meet, a condition that is no `True`
//! or `False`, or the same for every document.

mod attributes;
mod conditions;
mod events;
mod known;
mod modules;
mod named;
mod numbers;
mod pairs;
mod pieces;
mod ranges;
mod results;
mod returns;
mod session;
mod sessions;
mod texts;
mod uses;
mod wasted;
mod writes;

use std::cell::Cell;

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr as Syntax, Stmt as Statement};
use ruff_python_parser::{parse_expression, parse_module};
use ruff_text_size::{Ranged, TextSize};

use super::super::field::Schema;
use super::super::problem::{Problem, SourceLines};
use super::business_rule::plain;
use super::{STACK_PER_BYTE, handler, rows};
use known::Names;
pub(crate) use pieces::Piece;
pub(crate) use results::constants;
pub use results::{Constant, ConstantKind};
use sessions::Sessions;

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
///
/// With them come the pieces that can be tried over documents of a schema.
pub(crate) fn doubts(
    source: &str,
    language: Language,
    is_condition: bool,
    schema: Option<&Schema>,
) -> (Found, Vec<Piece>) {
    stacker::grow((16 << 20) + source.len() * STACK_PER_BYTE, || {
        let mut doubts = Doubts {
            source,
            lines: SourceLines::new(source),
            language,
            schema,
            names: Names::default(),
            depth: Cell::new(0),
            sessions: Sessions::default(),
            function: None,
            compares: None,
            is_tried: source.contains("hasattr"),
            found: Found::default(),
            pieces: Vec::new(),
        };
        match language {
            Language::Condition | Language::Value => {
                let Ok(parsed) = parse_module(source) else { return Default::default() };
                let body = parsed.into_suite();
                doubts.names = Names::of(&body, rows::tables(&body));
                doubts.sessions = Sessions::of(&body);
                if let (true, Some(last @ Statement::Assign(_))) = (is_condition, body.last()) {
                    doubts.compares = Some(last.start());
                }
                doubts.visit_body(&body);
                doubts.nothing_given(&body);
                doubts.wasted(&body);
                doubts.pieces = pieces::pieces(&doubts, &body);
                match body.last() {
                    Some(Statement::Expr(last)) if is_condition => {
                        doubts.condition(&last.value, body.len() == 1);
                    }
                    _ if is_condition => doubts.without_result(&body),
                    _ if !handler::is_function(&body) => doubts.without_value_at_all(&body),
                    _ => {}
                }
                let results = body.len().saturating_sub(1);
                body.iter().take(results).for_each(|statement| doubts.idle(statement));
            }
            Language::BusinessRule | Language::MasterData => {
                let text =
                    if language == Language::BusinessRule { plain(source).text } else { source.to_owned() };
                // Places stay: both begin where the text does.
                let start = text.len() - text.trim_start().len();
                let Ok(parsed) = parse_expression(text.trim()) else { return Default::default() };
                doubts.lines = SourceLines::new(&source[start..]);
                doubts.source = &source[start..];
                let expression = parsed.into_expr();
                doubts.visit_expr(&expression);
                doubts.pieces = pieces::of_expression(&doubts, &expression);
                if is_condition {
                    doubts.condition(&expression, true);
                }
            }
        }
        (doubts.found, doubts.pieces)
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
    /// What names stand for.
    names: Names,
    /// How deep an expression is looked into.
    depth: Cell<u32>,
    /// Which names are `t`.
    sessions: Sessions,
    /// The function that is looked at: where its name begins.
    function: Option<TextSize>,
    /// The `=` at the end of a condition, for which `==` is meant.
    compares: Option<TextSize>,
    /// Whether what fails is expected to.
    is_tried: bool,
    found: Found,
    pieces: Vec<Piece>,
}

impl<'s> Doubts<'s> {
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
        self.source_of(at)
    }

    /// The same, which outlives what is found.
    fn source_of(&self, at: &impl Ranged) -> &'s str {
        self.source.get(at.range().to_std_range()).unwrap_or_default()
    }

    /// Whether `field.x` has a value of its field's type.
    fn is_typed(&self) -> bool {
        matches!(self.language, Language::Condition | Language::Value)
    }
}

impl<'a> Visitor<'a> for Doubts<'_> {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        self.written(statement);
        self.of_handler(statement);
        match statement {
            Statement::If(one) => {
                self.boolean(&one.test, true);
                one.elif_else_clauses
                    .iter()
                    .filter_map(|other| other.test.as_ref())
                    .for_each(|test| self.boolean(test, true));
            }
            Statement::While(one) => self.boolean(&one.test, true),
            Statement::Assign(ast::StmtAssign { targets, value, .. })
                if targets.iter().all(Syntax::is_attribute_expr) =>
            {
                self.uncalled(value);
            }
            Statement::AugAssign(augment) => self.uncalled(&augment.value),
            Statement::Expr(_) if self.function.is_some() => self.idle(statement),
            Statement::FunctionDef(function) => {
                let before = self.function.replace(function.name.start());
                walk_stmt(self, statement);
                self.function = before;
                return;
            }
            Statement::Try(one) if !one.handlers.is_empty() => {
                let before = std::mem::replace(&mut self.is_tried, true);
                self.visit_body(&one.body);
                self.is_tried = before;
                for ast::ExceptHandler::ExceptHandler(handler) in &one.handlers {
                    self.visit_body(&handler.body);
                }
                self.visit_body(&one.orelse);
                self.visit_body(&one.finalbody);
                return;
            }
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, part: &'a Syntax) {
        self.key_of_payload(part);
        match part {
            Syntax::Compare(ast::ExprCompare { left, ops, comparators, .. }) => {
                let mut before: &Syntax = left;
                for (op, next) in ops.iter().zip(comparators.iter()) {
                    self.compare(before, *op, next);
                    before = next;
                }
                self.chain(part);
            }
            Syntax::If(one) => self.boolean(&one.test, true),
            Syntax::BoolOp(several) => self.contradiction(several),
            Syntax::Call(call) => {
                self.part_of_text(call);
                self.called(call);
                self.swapped(call);
                if self.is_typed() {
                    self.asked_by_name(call);
                    self.call_of_module(call);
                    self.called_on_session(call);
                    self.appended(call);
                }
            }
            Syntax::BinOp(binary) => {
                self.uncalled(&binary.left);
                self.uncalled(&binary.right);
            }
            Syntax::Attribute(attribute) => {
                self.attribute(attribute);
                self.part_of_payload(attribute);
                self.attribute_of_payload(attribute);
                self.attribute_of_module(attribute);
            }
            Syntax::Subscript(item) => self.item(item),
            Syntax::FString(text) => {
                for one in text.value.elements().filter_map(|one| one.as_interpolation()) {
                    self.uncalled(&one.expression);
                }
            }
            Syntax::Set(_) | Syntax::Dict(_) | Syntax::StringLiteral(_) => self.placeholder(part),
            _ => {}
        }
        walk_expr(self, part);
    }
}

#[cfg(test)]
mod tests;
