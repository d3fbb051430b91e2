//! Which names are `t`: what `TxScript.from_payload(payload)` gives to a function, and what others are called with.

use std::collections::{HashMap, HashSet};

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_except_handler, walk_expr, walk_stmt};
use ruff_python_ast::{Expr as Syntax, ExprContext, Stmt as Statement};
use ruff_text_size::{Ranged, TextSize};

use super::super::super::code::HANDLER;

/// The names that are `t`, by the function in which they are.
#[derive(Default)]
pub(super) struct Sessions {
    by_function: HashMap<TextSize, HashSet<String>>,
    /// Those that are nothing else anywhere.
    sure: HashSet<String>,
    /// Where the function begins that Rossum calls.
    handler: Option<TextSize>,
    /// What it calls the payload, where that is nothing else anywhere.
    payload: Option<String>,
}

impl Sessions {
    pub(super) fn of(body: &[Statement]) -> Self {
        let mut gather = Gather { inside: 0, functions: vec![Function::default()], calls: Vec::new() };
        gather.visit_body(body);
        let Gather { functions, calls, .. } = gather;
        let mut known: Vec<HashSet<&str>> = vec![HashSet::new(); functions.len()];
        // A function can hand `t` on: each round finds what is one call further away.
        for _ in 0..4 {
            for (at, function) in functions.iter().enumerate() {
                let outer = function.parent.map(|parent| known[parent].clone()).unwrap_or_default();
                let inherited = outer.into_iter().filter(|name| !function.bound.contains_key(name));
                let is_once = |name: &&&str| function.bound.get(**name) == Some(&1);
                let own = function.made.iter().filter(is_once).copied();
                let given = function.parameters.iter().enumerate().filter(|(at, name)| {
                    is_once(name) && is_given(function, *at, name, &functions, &calls, &known)
                });
                known[at] = inherited.chain(own).chain(given.map(|(_, name)| *name)).collect();
            }
        }
        let mut sure: HashSet<&str> = known.iter().flatten().copied().collect();
        for (names, function) in known.iter().zip(&functions) {
            sure.retain(|name| names.contains(name) || !function.bound.contains_key(name));
        }
        let is_handler = |function: &&Function<'_>| function.name == HANDLER && function.parent == Some(0);
        let handler = functions.iter().rev().find(is_handler);
        let is_only = |name: &&str| {
            functions.iter().filter_map(|function| function.bound.get(*name)).sum::<usize>() == 1
        };
        let payload = handler.and_then(|handler| handler.parameters.first().copied()).filter(is_only);
        Self {
            payload: payload.map(str::to_owned),
            sure: sure.into_iter().map(str::to_owned).collect(),
            handler: handler.map(|function| function.start),
            by_function: functions
                .iter()
                .zip(known)
                .map(|(function, names)| (function.start, names.into_iter().map(str::to_owned).collect()))
                .collect(),
        }
    }

    /// Whether a name is `t` in a function.
    pub(super) fn has_in(&self, function: Option<TextSize>, name: &str) -> bool {
        let names = function.and_then(|function| self.by_function.get(&function));
        names.is_some_and(|names| names.contains(name))
    }

    /// Whether a name is `t` wherever it stands.
    pub(super) fn has(&self, name: &str) -> bool {
        self.sure.contains(name)
    }

    /// Whether the code has the function that Rossum calls, and whether this is it.
    pub(super) fn has_handler(&self) -> bool {
        self.handler.is_some()
    }

    pub(super) fn is_handler(&self, function: Option<TextSize>) -> bool {
        function.is_some() && function == self.handler
    }

    /// Whether this is the payload that Rossum sends.
    pub(super) fn is_payload(&self, syntax: &Syntax) -> bool {
        self.payload.is_some()
            && syntax.as_name_expr().map(|name| name.id.as_str()) == self.payload.as_deref()
    }

    /// What it is called.
    pub(super) fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    /// Code in which `t.field` is written as formulas write it: `field`.
    pub(super) fn without(&self, code: &str) -> String {
        let is_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        self.sure.iter().fold(code.to_owned(), |code, name| {
            let wanted = format!("{name}.field.");
            let mut made = String::with_capacity(code.len());
            let mut rest = &code[..];
            while let Some(at) = rest.find(&wanted) {
                let is_whole = !rest[..at].ends_with(is_of_name);
                made.push_str(&rest[..at]);
                made.push_str(if is_whole { "field." } else { &wanted });
                rest = &rest[at + wanted.len()..];
            }
            made.push_str(rest);
            made
        })
    }
}

/// Whether every call gives `t` for a parameter, or its annotation says so.
fn is_given(
    function: &Function<'_>,
    at: usize,
    name: &str,
    functions: &[Function<'_>],
    calls: &[(usize, &ast::ExprCall)],
    known: &[HashSet<&str>],
) -> bool {
    if function.annotated.contains(&name) {
        return true;
    }
    let is_only = functions.iter().filter(|other| other.name == function.name).count() == 1;
    let mut own = calls
        .iter()
        .filter(|(_, call)| call.func.as_name_expr().is_some_and(|called| called.id == function.name))
        .peekable();
    is_only
        && own.peek().is_some()
        && own.all(|(caller, call)| {
            call.arguments
                .args
                .get(at)
                .and_then(Syntax::as_name_expr)
                .is_some_and(|given| known[*caller].contains(given.id.as_str()))
        })
}

#[derive(Default)]
struct Function<'a> {
    name: &'a str,
    start: TextSize,
    parent: Option<usize>,
    parameters: Vec<&'a str>,
    annotated: Vec<&'a str>,
    /// How often each name is bound here.
    bound: HashMap<&'a str, usize>,
    /// Names that `TxScript.from_payload(…)` is given to.
    made: Vec<&'a str>,
}

struct Gather<'a> {
    inside: usize,
    /// The first is the module.
    functions: Vec<Function<'a>>,
    calls: Vec<(usize, &'a ast::ExprCall)>,
}

impl<'a> Visitor<'a> for Gather<'a> {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        match statement {
            Statement::FunctionDef(function) => {
                *self.functions[self.inside].bound.entry(&function.name).or_default() += 1;
                let mut new = Function {
                    name: &function.name,
                    start: function.name.start(),
                    parent: Some(self.inside),
                    ..Function::default()
                };
                for parameter in &*function.parameters {
                    let name = parameter.name().as_str();
                    *new.bound.entry(name).or_default() += 1;
                    new.parameters.push(name);
                    let hint = parameter.annotation().and_then(Syntax::as_name_expr);
                    if hint.is_some_and(|hint| hint.id.starts_with("TxScript")) {
                        new.annotated.push(name);
                    }
                }
                self.functions.push(new);
                let before = std::mem::replace(&mut self.inside, self.functions.len() - 1);
                self.visit_body(&function.body);
                self.inside = before;
                return;
            }
            Statement::Assign(assign) => {
                if let ([Syntax::Name(name)], true) = (&assign.targets[..], is_made(&assign.value)) {
                    self.functions[self.inside].made.push(&name.id);
                }
            }
            Statement::AugAssign(ast::StmtAugAssign { target, .. }) => {
                if let Syntax::Name(name) = &**target {
                    *self.functions[self.inside].bound.entry(&name.id).or_default() += 1;
                }
            }
            Statement::Global(ast::StmtGlobal { names, .. })
            | Statement::Nonlocal(ast::StmtNonlocal { names, .. }) => {
                // Another function's: nothing is sure of it.
                for name in names {
                    for function in &mut self.functions {
                        *function.bound.entry(name).or_default() += 2;
                    }
                }
            }
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, part: &'a Syntax) {
        match part {
            Syntax::Name(name) if name.ctx != ExprContext::Load => {
                *self.functions[self.inside].bound.entry(&name.id).or_default() += 1;
            }
            Syntax::Call(call) => self.calls.push((self.inside, call)),
            Syntax::Lambda(ast::ExprLambda { parameters: Some(parameters), .. }) => {
                for parameter in &**parameters {
                    *self.functions[self.inside].bound.entry(parameter.name()).or_default() += 1;
                }
            }
            _ => {}
        }
        walk_expr(self, part);
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            *self.functions[self.inside].bound.entry(name).or_default() += 1;
        }
        walk_except_handler(self, handler);
    }
}

/// `TxScript.from_payload(…)`
fn is_made(value: &Syntax) -> bool {
    let Syntax::Call(call) = value else { return false };
    let Syntax::Attribute(method) = &*call.func else { return false };
    &*method.attr == "from_payload" && matches!(&*method.value, Syntax::Name(name) if name.id == "TxScript")
}
