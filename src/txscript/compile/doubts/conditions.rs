//! Conditions: what must come to `True` or `False`, and does not, or always comes to the same.

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr as Syntax, Operator, Stmt as Statement, UnaryOp};
use ruff_text_size::TextRange;

use super::super::super::field::FieldType;
use super::{Doubts, Language};

impl Doubts<'_> {
    /// A condition whose last statement is no expression.
    pub(super) fn without_result(&mut self, body: &[Statement]) {
        let mut look = Results::default();
        look.visit_body(body);
        let Some(last) = body.last() else {
            let start = TextRange::default();
            return self.note(
                &start,
                "this condition is empty: it never holds".to_owned(),
                "write `True`, or a comparison",
            );
        };
        if let Statement::Assign(assign) = last
            && !look.is_found
        {
            let what = "`=` gives a value to something: this condition compares nothing".to_owned();
            let compared = assign.targets.first().map_or("field.x", |target| self.text(target)).to_owned();
            let value = self.text(&*assign.value).to_owned();
            self.note(assign, what, format!("write `{compared} == {value}`"));
        } else if !look.is_found {
            let what = "this condition comes to nothing: it never holds; let an expression be its last line";
            self.remark(last, what.to_owned());
        }
    }

    /// A formula without a result.
    pub(super) fn without_value_at_all(&mut self, body: &[Statement]) {
        let mut look = Results::default();
        look.visit_body(body);
        let what = "this code comes to nothing: the field would always be empty";
        match body.last() {
            None => self.note(&TextRange::default(), what.to_owned(), "let an expression be its last line"),
            Some(last) if !look.is_found => {
                self.remark(last, format!("{what}; let an expression be its last line"));
            }
            Some(_) => {}
        }
    }

    /// A comparison whose result nobody takes.
    pub(super) fn idle(&mut self, statement: &Statement) {
        if let Statement::Expr(expression) = statement
            && expression.value.is_compare_expr()
        {
            let what = format!("nothing is done with the result of `{}`", self.text(&*expression.value));
            self.remark(statement, format!("{what}: one `=` gives a value, `if` decides by one"));
        }
    }

    /// What must come to `True` or `False`.
    pub(super) fn condition(&mut self, syntax: &Syntax, is_whole: bool) {
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
    pub(super) fn boolean(&mut self, syntax: &Syntax, is_whole: bool) {
        self.uncalled(syntax);
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

/// Whether an expression stands alone somewhere: its value may be the result.
#[derive(Default)]
struct Results {
    is_found: bool,
}

impl<'a> Visitor<'a> for Results {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        match statement {
            Statement::Expr(_) => self.is_found = true,
            Statement::FunctionDef(_) => {}
            _ => walk_stmt(self, statement),
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
