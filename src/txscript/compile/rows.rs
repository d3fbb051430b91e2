//! Names that can only be rows of one table, and the columns that code asks them for: what a schema can deny.

use std::collections::HashMap;

use ruff_python_ast::visitor::{Visitor, walk_comprehension, walk_expr, walk_parameter, walk_stmt};
use ruff_python_ast::{Comprehension, Expr, ExprContext, Parameter, Stmt};
use ruff_text_size::{Ranged, TextSize};

/// `row.column`, where `row` runs over a table.
pub(super) struct Column {
    pub(super) table: String,
    pub(super) id: String,
    pub(super) at: TextSize,
}

pub(super) fn columns(body: &[Stmt]) -> Vec<Column> {
    let rows = tables(body);
    if rows.is_empty() {
        return Vec::new();
    }
    let mut uses = Uses { rows: &rows, found: Vec::new() };
    uses.visit_body(body);
    uses.found
}

/// Names that can only be rows, each with its table.
pub(super) fn tables(body: &[Stmt]) -> HashMap<&str, &str> {
    let mut bindings = Bindings::default();
    bindings.visit_body(body);
    bindings.0.into_iter().filter_map(|(name, binding)| Some((name, binding.only_table()?))).collect()
}

/// How a name comes to its values.
#[derive(Default)]
struct Binding<'a> {
    /// The tables that it runs over, once for each loop.
    tables: Vec<&'a str>,
    /// How often it is bound, by loops and all else.
    count: usize,
}

impl<'a> Binding<'a> {
    fn only_table(&self) -> Option<&'a str> {
        let (first, others) = self.tables.split_first()?;
        let is_only = self.count == self.tables.len() && others.iter().all(|other| other == first);
        is_only.then_some(*first)
    }
}

#[derive(Default)]
struct Bindings<'a>(HashMap<&'a str, Binding<'a>>);

impl<'a> Bindings<'a> {
    /// `for row in field.table`, `for i, row in enumerate(field.table)`.
    fn add_loop(&mut self, target: &'a Expr, iterable: &'a Expr) {
        let (row, table) = match (target, iterable) {
            (Expr::Tuple(pair), Expr::Call(call)) if matches!(&*call.func, Expr::Name(name) if name.id == "enumerate") => {
                (pair.elts.get(1), call.arguments.args.first())
            }
            _ => (Some(target), Some(iterable)),
        };
        if let (Some(Expr::Name(row)), Some(table)) = (row, table.and_then(table_of)) {
            self.0.entry(&row.id).or_default().tables.push(table);
        }
    }
}

/// The name in `field.table` and `t.field.table`.
fn table_of(iterable: &Expr) -> Option<&str> {
    let Expr::Attribute(attribute) = iterable else { return None };
    let is_fields = match &*attribute.value {
        Expr::Name(name) => name.id == "field",
        Expr::Attribute(inner) => &*inner.attr == "field" && matches!(&*inner.value, Expr::Name(_)),
        _ => false,
    };
    is_fields.then_some(attribute.attr.as_str())
}

impl<'a> Visitor<'a> for Bindings<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::For(each) => self.add_loop(&each.target, &each.iter),
            Stmt::FunctionDef(function) => self.0.entry(&function.name).or_default().count += 1,
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.0.entry(name).or_default().count += 1;
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        self.add_loop(&comprehension.target, &comprehension.iter);
        walk_comprehension(self, comprehension);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.0.entry(parameter.name.as_str()).or_default().count += 1;
        walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ruff_python_ast::ExceptHandler) {
        let ruff_python_ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.0.entry(name).or_default().count += 1;
        }
        ruff_python_ast::visitor::walk_except_handler(self, handler);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && name.ctx == ExprContext::Store
        {
            self.0.entry(&name.id).or_default().count += 1;
        }
        walk_expr(self, expr);
    }
}

struct Uses<'r, 'a> {
    rows: &'r HashMap<&'a str, &'a str>,
    found: Vec<Column>,
}

impl<'a> Visitor<'a> for Uses<'_, 'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Attribute(attribute) = expr
            && let Expr::Name(name) = &*attribute.value
            && let Some(table) = self.rows.get(name.id.as_str())
        {
            let id = attribute.attr.to_string();
            self.found.push(Column { table: (*table).to_owned(), id, at: attribute.attr.start() });
        }
        walk_expr(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use ruff_python_parser::parse_module;

    use super::*;

    fn asked(code: &str) -> Vec<String> {
        let body = parse_module(code).unwrap().into_suite();
        columns(&body).into_iter().map(|column| format!("{}.{}", column.table, column.id)).collect()
    }

    #[test]
    fn only_names_that_are_rows_and_nothing_else() {
        assert_eq!(asked("for row in field.lines:\n    row.a + row.b.c"), ["lines.a", "lines.b"]);
        assert_eq!(asked("sum(r.x for r in t.field.lines if r.y)"), ["lines.y", "lines.x"]);
        assert_eq!(asked("for i, row in enumerate(field.lines, 1):\n    row.a = i"), ["lines.a"]);
        assert_eq!(asked("[r.x for r in field.a]\n[r.y for r in field.a]"), ["a.x", "a.y"]);
        for unsure in [
            "[r.x for r in field.a]\n[r.y for r in field.b]",
            "for row in field.lines:\n    row = 5\n    row.real",
            "def f(row):\n    return row.x\n[row.a for row in field.lines]",
            "for row in field.lines[1:]:\n    row.a",
            "for row in rows:\n    row.a",
            "import row\nfor row in field.lines:\n    row.a",
            "for row in field.lines:\n    pass\ntry:\n    1\nexcept ValueError as row:\n    row.a",
        ] {
            assert_eq!(asked(unsure), [""; 0], "{unsure}");
        }
    }
}
