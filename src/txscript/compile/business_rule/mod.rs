//! The store's business rules: their expression language, compiled to the same program as TxScript.
//!
//! Two things are its own. An empty value is no value but ends the rule, or the row (`RuleFunction::Value` raises
//! `Skipped`); therefore `and` and `or` look at both sides. And `sum({x})` means the column: what stands in an
//! aggregation is compiled to a function of a row, which is called for each.

mod call;
mod placeholders;

use std::collections::HashMap;

use ruff_python_ast as ast;
use ruff_python_ast::{Expr as Syntax, Number};
use ruff_python_parser::parse_expression;
use ruff_text_size::{Ranged, TextSize};

use super::super::code::{
    Arguments, BinaryOp, CompareOp, Expr, ExprKind, Item, Program, Stmt, StmtKind, UnaryOp, Variable,
};
use super::super::field::RuleFunction;
use super::super::machine::builtins::Builtin;
use super::super::problem::{Problem, SourceLines};
use super::scope::Scope;
use super::{Code, Compiled, Compiler, DEEPEST, LONGEST, Named, STACK_PER_BYTE};
pub(super) use placeholders::plain;

/// A configuration's variables: name and expression.
pub type Variables = HashMap<String, String>;

/// How often `or` and `xor` may change in one row of them.
const MOST_CHANGES: usize = 100;

/// Expressions that a rule may come to, with its variables put in.
const LARGEST: usize = 10_000;

pub(crate) fn compile_rule(source: &str, variables: &Variables) -> Result<Code, Problem> {
    let whole = source.len() + variables.values().map(String::len).sum::<usize>();
    if whole > LONGEST {
        let message = format!("the rule and the variables are longer than {} KB", LONGEST >> 10);
        return Err(Problem { line: 1, column: 1, message, hint: None });
    }
    stacker::grow((16 << 20) + whole * STACK_PER_BYTE, || compile_here(source, variables))
}

fn compile_here(source: &str, variables: &Variables) -> Result<Code, Problem> {
    let compiler = Compiler { scopes: vec![Scope::default()], ..Compiler::new(source) };
    let mut rule = Rule {
        compiler,
        variables,
        xors: Vec::new(),
        inlined: Vec::new(),
        row: None,
        count: 0,
        names: Vec::new(),
    };
    let expression = rule.source(source)?;
    let expression = rule.value(&expression)?;
    let body = vec![Stmt { line: 1, kind: StmtKind::Expr(expression) }];
    let Rule { mut compiler, .. } = rule;
    let fields = compiler.fields();
    let Compiler { names, functions, patterns, .. } = compiler;
    let program = Program { names, functions, body, slots: 0, handler: None };
    Ok(Code { program, fields, columns: Vec::new(), patterns })
}

/// A rule that is being compiled.
struct Rule<'s> {
    compiler: Compiler<'s>,
    variables: &'s Variables,
    /// Of the text that is being compiled: where an `or` is an `xor`.
    xors: Vec<usize>,
    /// The variables that are being put in, outermost first, with the place of the outermost in the rule.
    inlined: Vec<(String, TextSize)>,
    /// In an aggregation: how many functions outwards its row is.
    row: Option<u32>,
    /// The placeholders of the aggregation.
    names: Vec<String>,
    count: usize,
}

impl Rule<'_> {
    fn source(&mut self, source: &str) -> Compiled<Syntax> {
        let plain = plain(source);
        let start = plain.text.len() - plain.text.trim_start().len();
        if plain.text.trim().is_empty() {
            return Err(self.problem(TextSize::default(), "there is no expression", ""));
        }
        self.xors = plain.xors.iter().map(|at| at - start).collect();
        let parsed = parse_expression(plain.text.trim()).map_err(|error| {
            let offset = error.location.start().to_usize() + start;
            let text = format!("invalid syntax: {}", error.error);
            match self.inlined.first() {
                Some((_, at)) => self.problem(*at, text, ""),
                None => SourceLines::new(source).problem(offset, text, None).with_equals(source),
            }
        })?;
        Ok(parsed.into_expr())
    }

    fn problem(&self, at: TextSize, message: impl Into<String>, hint: &str) -> Problem {
        // What is wrong with a variable is said where the rule names it.
        let at = self.inlined.first().map_or(at, |(_, place)| *place);
        self.compiler.problem(at, message, Some(hint).filter(|hint| !hint.is_empty()))
    }

    fn refuse<T>(&self, node: &impl Ranged, what: &str, hint: &str) -> Compiled<T> {
        Err(self.problem(node.start(), format!("{what} is not part of business rules"), hint))
    }

    /// A value: numbers are exact, a text that is a date is one.
    fn value(&mut self, syntax: &Syntax) -> Compiled<Expr> {
        self.count += 1;
        if self.count > LARGEST {
            return Err(self.problem(syntax.start(), "the rule is too large with its variables", ""));
        }
        if self.compiler.depth >= DEEPEST {
            return Err(self.problem(
                syntax.start(),
                "this is nested too deeply",
                "make a variable of a part of it",
            ));
        }
        self.compiler.depth += 1;
        let kind = self.kind(syntax);
        self.compiler.depth -= 1;
        Ok(expr(kind?))
    }

    fn values(&mut self, list: &[Syntax]) -> Compiled<Vec<Expr>> {
        list.iter().map(|syntax| self.value(syntax)).collect()
    }

    fn kind(&mut self, syntax: &Syntax) -> Compiled<ExprKind> {
        Ok(match syntax {
            Syntax::NoneLiteral(_) => ExprKind::None,
            Syntax::BooleanLiteral(literal) => ExprKind::Bool(literal.value),
            Syntax::NumberLiteral(literal) => match &literal.value {
                Number::Int(int) => match int.as_i64() {
                    Some(int) => ExprKind::Int(int),
                    None => call(RuleFunction::Cast, vec![text(int.to_string())]),
                },
                // As written, which is exact.
                Number::Float(float) => call(RuleFunction::Cast, vec![text(float.to_string())]),
                Number::Complex { .. } => return self.refuse(literal, "a complex number", ""),
            },
            Syntax::StringLiteral(literal) => {
                call(RuleFunction::Cast, vec![text(literal.value.to_str().to_owned())])
            }
            Syntax::List(list) => {
                ExprKind::List(self.values(&list.elts)?.into_iter().map(Item::One).collect())
            }
            Syntax::Set(set) => match &set.elts[..] {
                [Syntax::Name(name)] => self.placeholder(name)?,
                _ => return self.refuse(set, "this in braces", "write one schema id: `{amount_total}`"),
            },
            Syntax::Dict(dict) => match &dict.items[..] {
                [ast::DictItem { key: Some(Syntax::Name(name)), value }] => {
                    let kind = self.placeholder(name)?;
                    self.or_default(name, kind, value)?
                }
                _ => return self.refuse(dict, "this in braces", "write `{amount_total, default=0}`"),
            },
            Syntax::UnaryOp(unary) => {
                let operand = Box::new(self.value(&unary.operand)?);
                match unary.op {
                    ast::UnaryOp::Not => ExprKind::Not(operand),
                    ast::UnaryOp::USub => ExprKind::Unary(UnaryOp::Negative, operand),
                    ast::UnaryOp::UAdd => ExprKind::Unary(UnaryOp::Positive, operand),
                    ast::UnaryOp::Invert => return self.refuse(unary, "`~`", "write `not`"),
                }
            }
            Syntax::BinOp(binary) => self.binary(binary)?,
            Syntax::BoolOp(bool) => self.logic(bool)?,
            Syntax::Compare(compare) => self.compare(compare)?,
            Syntax::Call(call) => self.call(call)?,
            Syntax::Name(name) if self.variables.contains_key(name.id.as_str()) => self.variable(name)?,
            Syntax::Name(name) => {
                let hint = format!("a field is written in braces: `{{{}}}`", name.id);
                return Err(self.problem(name.start(), format!("unknown name `{}`", name.id), &hint));
            }
            other => return self.refuse(other, "this", "it has placeholders, operators and functions"),
        })
    }

    /// `{name}`: a field's value, or a variable.
    fn placeholder(&mut self, name: &ast::ExprName) -> Compiled<ExprKind> {
        if self.variables.contains_key(name.id.as_str()) {
            return self.variable(name);
        }
        Ok(self.field(RuleFunction::Value, name))
    }

    fn field(&mut self, function: RuleFunction, name: &ast::ExprName) -> ExprKind {
        let place = self.inlined.first().map_or(name.start(), |(_, place)| *place);
        let id = self.compiler.name(&name.id);
        self.compiler.attributes.push(Named { name: id, at: place, all_values: self.row.is_some() });
        let mut arguments = vec![text(name.id.to_string())];
        if let Some(depth) = self.row {
            self.names.push(name.id.to_string());
            let row = Variable { depth, slot: 0, name: id, builtin: None };
            arguments.push(expr(ExprKind::Variable(row)));
        }
        call(function, arguments)
    }

    /// A variable is its expression, put in where it is named.
    fn variable(&mut self, name: &ast::ExprName) -> Compiled<ExprKind> {
        let variables = self.variables;
        let source = variables.get(name.id.as_str()).map_or("", String::as_str);
        if self.inlined.iter().any(|(known, _)| *known == *name.id) {
            return Err(self.problem(
                name.start(),
                format!("the variable `{}` is made of itself", name.id),
                "",
            ));
        }
        let place = self.inlined.first().map_or(name.start(), |(_, place)| *place);
        self.inlined.push((name.id.to_string(), place));
        let outer = std::mem::take(&mut self.xors);
        let parsed = self.source(source)?;
        let value = self.value(&parsed);
        self.xors = outer;
        self.inlined.pop();
        Ok(value?.kind)
    }

    /// A value, or another where it is empty.
    fn or_default(&mut self, name: &ast::ExprName, value: ExprKind, default: &Syntax) -> Compiled<ExprKind> {
        let there = if self.variables.contains_key(name.id.as_str()) {
            let set = ast::Expr::Name(name.clone());
            self.has_value(&set)?
        } else {
            self.field(RuleFunction::HasValue, name)
        };
        Ok(ExprKind::Conditional(Box::new((expr(there), expr(value), self.value(default)?))))
    }

    fn binary(&mut self, binary: &ast::ExprBinOp) -> Compiled<ExprKind> {
        let op = self.compiler.binary_op(binary.op, binary)?;
        let shift = |syntax: &Syntax| match syntax {
            Syntax::Call(call) if is_named(&call.func, "timedelta") => Some(call.clone()),
            _ => None,
        };
        match (op, shift(&binary.left), shift(&binary.right)) {
            (BinaryOp::Add | BinaryOp::Subtract, None, Some(delta)) => {
                return self.shifted(&binary.left, &delta, op == BinaryOp::Subtract);
            }
            (BinaryOp::Add, Some(delta), None) => return self.shifted(&binary.right, &delta, false),
            _ => {}
        }
        let pair = (self.value(&binary.left)?, self.value(&binary.right)?);
        Ok(match op {
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => {
                ExprKind::Binary(op, Box::new(pair))
            }
            BinaryOp::FloorDivide => call(RuleFunction::FloorDivide, vec![pair.0, pair.1]),
            BinaryOp::Modulo => call(RuleFunction::Modulo, vec![pair.0, pair.1]),
            _ => return self.refuse(binary, &format!("`{}`", op.symbol()), ""),
        })
    }

    /// A date with a `timedelta` added.
    fn shifted(&mut self, date: &Syntax, delta: &ast::ExprCall, back: bool) -> Compiled<ExprKind> {
        let mut arguments = vec![self.value(date)?, expr(ExprKind::Bool(back))];
        let mut parts = ["years", "months", "days"].map(|_| expr(ExprKind::Int(0)));
        self.only_keywords(delta, &["years", "months", "days"])?;
        for keyword in &delta.arguments.keywords {
            let at = match keyword.arg.as_ref().map(ast::Identifier::as_str) {
                Some("years") => 0,
                Some("months") => 1,
                _ => 2,
            };
            parts[at] = self.value(&keyword.value)?;
        }
        arguments.extend(parts);
        Ok(call(RuleFunction::Shift, arguments))
    }

    fn only_keywords(&self, call: &ast::ExprCall, known: &[&str]) -> Compiled<()> {
        let is_known =
            |keyword: &ast::Keyword| keyword.arg.as_ref().is_some_and(|name| known.contains(&name.as_str()));
        if call.arguments.args.is_empty() && call.arguments.keywords.iter().all(is_known) {
            return Ok(());
        }
        let list = known.iter().map(|name| format!("{name}=…")).collect::<Vec<_>>().join(", ");
        Err(self.problem(call.start(), "`timedelta` has other arguments", &format!("timedelta({list})")))
    }

    /// `and`, `or`, `xor`: an empty value on either side ends the rule. However many there are, they nest only where
    /// `or` and `xor` change.
    fn logic(&mut self, logic: &ast::ExprBoolOp) -> Compiled<ExprKind> {
        let mut operands: Vec<Expr> = Vec::new();
        let mut joined: Option<RuleFunction> = None;
        let (mut end, mut changes) = (TextSize::default(), 0);
        for operand in &logic.values {
            let value = self.value(operand)?;
            let between = end.to_usize()..operand.start().to_usize();
            end = operand.end();
            let function = match logic.op {
                ast::BoolOp::And => RuleFunction::And,
                ast::BoolOp::Or if self.xors.iter().any(|at| between.contains(at)) => RuleFunction::Xor,
                ast::BoolOp::Or => RuleFunction::Or,
            };
            match joined {
                Some(known) if known != function => {
                    changes += 1;
                    if changes > MOST_CHANGES {
                        return Err(self.problem(operand.start(), "`or` and `xor` change too often", ""));
                    }
                    operands = vec![expr(call(known, std::mem::take(&mut operands)))];
                    joined = Some(function);
                }
                None if !operands.is_empty() => joined = Some(function),
                _ => {}
            }
            operands.push(value);
        }
        Ok(call(joined.unwrap_or(RuleFunction::And), operands))
    }

    fn compare(&mut self, compare: &ast::ExprCompare) -> Compiled<ExprKind> {
        // Beside `str(…)` a text stays one.
        let is_text = |syntax: &Syntax| matches!(syntax, Syntax::Call(call) if is_named(&call.func, "str"));
        let texts = is_text(&compare.left) || compare.comparators.iter().any(is_text);
        let first = Box::new(self.operand(&compare.left, texts)?);
        let mut rest = Vec::new();
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            let op = match op {
                ast::CmpOp::Eq => CompareOp::Equal,
                ast::CmpOp::NotEq => CompareOp::NotEqual,
                ast::CmpOp::Lt => CompareOp::Less,
                ast::CmpOp::LtE => CompareOp::LessEqual,
                ast::CmpOp::Gt => CompareOp::Greater,
                ast::CmpOp::GtE => CompareOp::GreaterEqual,
                ast::CmpOp::In | ast::CmpOp::NotIn => {
                    let hint = "list_contains({column}, [\"a\", \"b\"]) looks in a column, substring(\"a\", {x}) in a text";
                    return self.refuse(compare, "`in`", hint);
                }
                ast::CmpOp::Is | ast::CmpOp::IsNot => {
                    return self.refuse(compare, "`is`", "write `==`, or is_empty({x})");
                }
            };
            rest.push((op, self.operand(right, texts)?));
        }
        Ok(ExprKind::Compare(first, rest))
    }

    fn operand(&mut self, syntax: &Syntax, texts: bool) -> Compiled<Expr> {
        match syntax {
            Syntax::StringLiteral(literal) if texts => Ok(text(literal.value.to_str().to_owned())),
            other => self.value(other),
        }
    }
}

fn is_named(syntax: &Syntax, wanted: &str) -> bool {
    matches!(syntax, Syntax::Name(name) if name.id == wanted)
}

/// Rules are one line long.
fn expr(kind: ExprKind) -> Expr {
    Expr { line: 1, kind }
}

fn text(text: String) -> Expr {
    expr(ExprKind::Str(text.into()))
}

fn call(function: RuleFunction, arguments: Vec<Expr>) -> ExprKind {
    python(Builtin::BusinessRule(function), arguments)
}

fn python(function: Builtin, arguments: Vec<Expr>) -> ExprKind {
    let positional = arguments.into_iter().map(Item::One).collect();
    let arguments = Arguments { positional, ..Arguments::default() };
    ExprKind::Call(Box::new((expr(ExprKind::Builtin(function)), arguments)))
}
