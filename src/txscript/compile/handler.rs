//! `rossum_hook_request_handler(payload)`: where it is, and what it needs.

use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{Expr, Stmt};

use super::super::code::{HANDLER, Handler};
use super::scope::Scope;

/// The function that Rossum calls, if the module has one.
pub(super) fn find(body: &[Stmt], scope: &Scope) -> Option<Handler> {
    let slot = scope.slot(HANDLER)?;
    let functions = body.iter().filter_map(Stmt::as_function_def_stmt);
    let function = functions.filter(|function| &*function.name == HANDLER).last();
    let parameter = function.and_then(|function| {
        let parameter = function.parameters.iter_non_variadic_params().next()?;
        Some((function, parameter.name().as_str()))
    });
    let reads_payload = parameter.is_none_or(|(function, name)| {
        let mut uses = Uses { name, found: false };
        uses.visit_body(&function.body);
        uses.found
    });
    Some(Handler { slot, reads_payload })
}

/// Whether the module is a function that Rossum calls.
pub(super) fn is_function(body: &[Stmt]) -> bool {
    body.iter().filter_map(Stmt::as_function_def_stmt).any(|function| &*function.name == HANDLER)
}

/// Looks for a name anywhere but in `TxScript.from_payload(name)`.
struct Uses<'n> {
    name: &'n str,
    found: bool,
}

impl<'a> Visitor<'a> for Uses<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call)
                if matches!(&*call.func, Expr::Attribute(function) if &*function.attr == "from_payload")
                    && matches!(&*call.arguments.args, [Expr::Name(_)]) => {}
            Expr::Name(name) if name.id == self.name => self.found = true,
            _ => walk_expr(self, expr),
        }
    }
}
