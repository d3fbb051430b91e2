//! What gives nothing, where something is done with it: a function without `return`, `rows.sort()`, `show_error(…)`.

use std::collections::HashSet;

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr as Syntax, Stmt as Statement};

use super::super::super::code::HANDLER;
use super::Doubts;

/// What changes a list in its place.
const IN_PLACE: [&str; 5] = ["append", "extend", "insert", "sort", "reverse"];
const SAYING: [&str; 4] = ["show_error", "show_warning", "show_info", "automation_blocker"];

impl Doubts<'_> {
    /// Notes what is done with the result of something that has none.
    pub(super) fn nothing_given(&mut self, body: &[Statement]) {
        let mut functions = Functions::default();
        functions.visit_body(body);
        let giving_none = functions.giving_none;
        let mut uses = Uses { found: Vec::new() };
        uses.visit_body(body);
        for call in uses.found {
            match &*call.func {
                Syntax::Name(name) if giving_none.contains(name.id.as_str()) => {
                    let what =
                        format!("`{}` returns nothing: what is done here is done with `None`", name.id);
                    self.note(call, what, format!("end `{}` with `return …`", name.id));
                }
                Syntax::Name(name) if SAYING.contains(&name.id.as_str()) && !self.names.has(&name.id) => {
                    let what = format!(
                        "`{}` shows a message and gives nothing: nothing can be done with it",
                        name.id
                    );
                    self.remark(call, what);
                }
                Syntax::Attribute(method) if method.value.is_name_expr() && self.is_typed() => {
                    let method = method.attr.as_str();
                    let what = format!("`{method}` changes the list and gives nothing: this is `None`");
                    let hint = match method {
                        "sort" => "`sorted(…)` gives the list",
                        "reverse" => "`list(reversed(…))` gives the list",
                        _ => "write it in a line of its own",
                    };
                    self.note(call, what, hint);
                }
                _ => {}
            }
        }
        // It computes something, and says nothing to anybody: a `return` is missing.
        if let Some(Statement::Expr(last)) = body.last()
            && let Syntax::Call(call) = &*last.value
            && let Syntax::Name(name) = &*call.func
            && giving_none.contains(name.id.as_str())
            && functions.silent.contains(name.id.as_str())
        {
            let what = format!("`{}` returns nothing: this code comes to nothing", name.id);
            self.note(call, what, format!("end `{}` with `return …`", name.id));
        }
        if let Some(at) = functions.handler.filter(|_| giving_none.contains(HANDLER)) {
            let what = format!("`{HANDLER}` returns nothing: Rossum is told of nothing that it does");
            self.remark(at, format!("{what}; end it with `return t.hook_response()`"));
        }
    }
}

/// The functions of the code, and those that always give `None`.
#[derive(Default)]
struct Functions<'a> {
    giving_none: HashSet<&'a str>,
    known: HashSet<&'a str>,
    /// Those that show no message.
    silent: HashSet<&'a str>,
    handler: Option<&'a ast::Identifier>,
}

impl<'a> Visitor<'a> for Functions<'a> {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        if let Statement::FunctionDef(function) = statement {
            let mut results = Results::default();
            results.visit_body(&function.body);
            let name = function.name.as_str();
            if !self.known.insert(name) || results.gives || !function.decorator_list.is_empty() {
                self.giving_none.remove(name);
            } else {
                self.giving_none.insert(name);
            }
            if !results.says {
                self.silent.insert(name);
            }
            if name == HANDLER {
                self.handler = Some(&function.name);
            }
        }
        walk_stmt(self, statement);
    }
}

/// Whether a function gives a value, or may never end.
#[derive(Default)]
struct Results {
    gives: bool,
    says: bool,
}

impl<'a> Visitor<'a> for Results {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        match statement {
            Statement::Return(one) => {
                self.gives |= one.value.as_ref().is_some_and(|value| !value.is_none_literal_expr());
            }
            Statement::Raise(_) => self.gives = true,
            Statement::FunctionDef(_) => {}
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, part: &'a Syntax) {
        match part {
            Syntax::Yield(_) | Syntax::YieldFrom(_) => self.gives = true,
            Syntax::Lambda(_) => {}
            Syntax::Name(name) => {
                self.says |= SAYING.contains(&name.id.as_str())
                    || matches!(name.id.as_str(), "set_options" | "set_struct");
            }
            _ => walk_expr(self, part),
        }
    }
}

/// Calls whose result something is done with.
struct Uses<'a> {
    found: Vec<&'a ast::ExprCall>,
}

impl<'a> Visitor<'a> for Uses<'a> {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        match statement {
            // A line of its own: nothing is done with what it gives.
            Statement::Expr(one) => match &*one.value {
                Syntax::Call(call) => {
                    call.arguments.args.iter().for_each(|argument| self.visit_expr(argument));
                    call.arguments.keywords.iter().for_each(|keyword| self.visit_expr(&keyword.value));
                }
                // Done for what it does, in one line: `x and show_error("…")`, `show_error("…") if x else None`.
                Syntax::BoolOp(_) | Syntax::If(_) | Syntax::ListComp(_) => {}
                other => self.visit_expr(other),
            },
            Statement::Return(_) => {}
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, part: &'a Syntax) {
        if let Syntax::Call(call) = part {
            let is_meant = match &*call.func {
                Syntax::Name(_) => true,
                Syntax::Attribute(method) => IN_PLACE.contains(&method.attr.as_str()),
                _ => false,
            };
            if is_meant {
                self.found.push(call);
            }
        }
        match part {
            Syntax::Lambda(_) | Syntax::ListComp(_) => {}
            _ => walk_expr(self, part),
        }
    }
}
