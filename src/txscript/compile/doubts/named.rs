//! Fields that are asked for by a text: `getattr(t.field, "totl", None)`, `hasattr(row, "prise")`.

use ruff_python_ast as ast;
use ruff_python_ast::Expr as Syntax;

use super::Doubts;
use super::attributes::near_of;
use super::session::Part;

impl Doubts<'_> {
    pub(super) fn asked_by_name(&mut self, call: &ast::ExprCall) {
        let Syntax::Name(function) = &*call.func else { return };
        let [owner, key @ Syntax::StringLiteral(text), others @ ..] = &call.arguments.args[..] else {
            return;
        };
        if self.names.has(&function.id) {
            return;
        }
        let ends = match (function.id.as_str(), others) {
            ("hasattr", []) => "this is always False",
            ("getattr", [_]) => "this always gives what stands instead",
            ("getattr", []) if !self.is_tried => "this fails",
            _ => return,
        };
        let Some(schema) = self.schema else { return };
        let id = text.value.to_str();
        let (what, known): (String, Vec<&str>) = if self.part_of(owner) == Some(Part::Fields) {
            (format!("the schema has no field `{id}`"), schema.ids().collect())
        } else {
            let table = self.names.table(owner).map(str::to_owned).or_else(|| self.table_of_row(owner));
            let Some(table) = table else { return };
            let columns: Vec<&str> = schema.ids().filter(|id| schema.table_of(id) == Some(&*table)).collect();
            if columns.is_empty() {
                return;
            }
            (format!("the table `{table}` has no column `{id}`"), columns)
        };
        if known.contains(&id) || matches!(id, "attr" | "_index") || id.starts_with("__") {
            return;
        }
        let near = near_of(id, &known).map(|near| format!("did you mean `{near}`?"));
        if ends == "this fails" {
            let hint = near
                .unwrap_or_else(|| format!("a default is a third argument: `{}`", "getattr(x, \"y\", None)"));
            self.note(key, format!("{what}: {ends}"), hint);
        } else {
            let near = near.map(|near| format!("; {near}")).unwrap_or_default();
            self.remark(key, format!("{what}: {ends}{near}"));
        }
    }
}
