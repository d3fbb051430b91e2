//! Which names a function binds, and the slot of each: found before its body is compiled, as Python does.

use std::collections::{HashMap, HashSet};

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{ExceptHandler, Expr, Stmt};

#[derive(Default)]
pub(super) struct Scope {
    variables: HashMap<String, u32>,
    /// Names of `global` and `nonlocal`: bound elsewhere.
    pub(super) globals: HashSet<String>,
    pub(super) nonlocals: HashSet<String>,
    /// Targets of the comprehensions that are being compiled, innermost last.
    pub(super) comprehensions: Vec<(String, u32)>,
    pub(super) slots: usize,
}

impl Scope {
    pub(super) fn module(body: &[Stmt]) -> Self {
        let mut scope = Self::default();
        scope.bind_all(body);
        scope
    }

    /// Binds every name that these statements assign to.
    pub(super) fn bind_all(&mut self, body: &[Stmt]) {
        let mut bound = Bound { scope: self, in_generator: false };
        bound.visit_body(body);
    }

    pub(super) fn bind_walrus(&mut self, expression: &Expr) {
        Bound { scope: self, in_generator: false }.visit_expr(expression);
    }

    pub(super) fn bind(&mut self, name: &str) -> u32 {
        if let Some(slot) = self.variables.get(name) {
            return *slot;
        }
        let slot = self.fresh();
        self.variables.insert(name.to_owned(), slot);
        slot
    }

    pub(super) fn fresh(&mut self) -> u32 {
        self.slots += 1;
        u32::try_from(self.slots - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn slot(&self, name: &str) -> Option<u32> {
        let target = self.comprehensions.iter().rev().find(|(target, _)| target == name);
        target.map(|(_, slot)| *slot).or_else(|| self.variables.get(name).copied())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.slot(name).is_some()
    }
}

/// Collects what statements bind, without entering functions.
struct Bound<'s> {
    scope: &'s mut Scope,
    in_generator: bool,
}

impl Bound<'_> {
    fn bind(&mut self, name: &str) {
        if !self.scope.globals.contains(name) && !self.scope.nonlocals.contains(name) {
            self.scope.bind(name);
        }
    }
}

impl<'a> Visitor<'a> for Bound<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                self.bind(&function.name);
                return; // its body is a scope of its own
            }
            Stmt::ClassDef(_) => return,
            Stmt::Global(names) => self.scope.globals.extend(names.names.iter().map(ToString::to_string)),
            Stmt::Nonlocal(names) => {
                self.scope.nonlocals.extend(names.names.iter().map(ToString::to_string));
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.bind(alias.asname.as_ref().unwrap_or(&alias.name));
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in import.names.iter().filter(|alias| &*alias.name != "*") {
                    self.bind(alias.asname.as_ref().unwrap_or(&alias.name));
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bind(name);
        }
        ruff_python_ast::visitor::walk_except_handler(self, handler);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Lambda(_) => return,
            Expr::Name(name) if name.ctx.is_store() && !self.in_generator => self.bind(&name.id),
            Expr::Named(named) => {
                // A walrus binds in the function around comprehensions.
                if let Expr::Name(name) = &*named.target {
                    self.bind(&name.id);
                }
                return self.visit_expr(&named.value);
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                let outer = std::mem::replace(&mut self.in_generator, true);
                walk_expr(self, expr);
                self.in_generator = outer;
                return;
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}
