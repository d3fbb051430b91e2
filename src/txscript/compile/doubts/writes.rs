//! What cannot be written: `.attr.hiden`, a button, a column as a whole, a row with a column that its table does not have.

use ruff_python_ast as ast;
use ruff_python_ast::{Expr as Syntax, Stmt as Statement};
use ruff_text_size::Ranged;

use super::Doubts;
use super::attributes::near_of;
use super::session::Part;
use crate::rossum::Category;

/// What code can set on a datapoint.
const WRITABLE: [&str; 7] =
    ["value", "hidden", "options", "page", "position", "struct", "validation_sources"];

impl Doubts<'_> {
    /// Looks at what a statement writes.
    pub(super) fn written(&mut self, statement: &Statement) {
        if !self.is_typed() || self.is_tried || self.compares == Some(statement.start()) {
            return;
        }
        match statement {
            Statement::Assign(assign) => {
                for target in &assign.targets {
                    self.target(target, Some(&assign.value));
                }
            }
            Statement::AugAssign(augment) => self.target(&augment.target, None),
            Statement::AnnAssign(ast::StmtAnnAssign { target, value: Some(value), .. }) => {
                self.target(target, Some(value));
            }
            _ => {}
        }
    }

    fn target(&mut self, target: &Syntax, value: Option<&Syntax>) {
        match target {
            Syntax::Attribute(attribute) => self.attribute_written(attribute, value),
            // `t.field.goods[0] = {…}`
            Syntax::Subscript(item) => {
                if let (Some(table), Some(value)) = (self.table(&item.value), value) {
                    match &*item.slice {
                        Syntax::Slice(_) => self.rows_written(&table, value),
                        _ => self.row_written(&table, value),
                    }
                }
            }
            _ => {}
        }
    }

    fn attribute_written(&mut self, attribute: &ast::ExprAttribute, value: Option<&Syntax>) {
        let (owner, name) = (&*attribute.value, attribute.attr.as_str());
        self.attribute_of_row(attribute);
        if let ("all_values", true, Some(value)) = (name, self.is_value(owner), value)
            && matches!(value, Syntax::NumberLiteral(_) | Syntax::BooleanLiteral(_) | Syntax::NoneLiteral(_))
        {
            let what = format!("`{}` is not a list: this fails", self.text(value));
            self.note(value, what, "write a list: `[…]`");
        }
        let is_attr = matches!(owner, Syntax::Attribute(inner)
            if &*inner.attr == "attr" && self.is_value(&inner.value));
        let is_field = self.part_of(owner) == Some(Part::Fields);
        let is_of_value = self.is_value(owner) && !name.starts_with('_') && name != "all_values";
        if !is_attr && !is_field && !is_of_value {
            return;
        }
        if !self.sessions.has_handler() {
            let what = "rules and formulas read fields and write none: this fails";
            let hint = "the last line of a formula is its field's value; a function writes others";
            return self.note(attribute, what.to_owned(), hint);
        }
        if is_field {
            self.field_written(attribute, value);
        } else if is_attr && !WRITABLE.contains(&name) {
            let what = format!("`{name}` cannot be set on a field: this fails");
            let hint = near_of(name, &WRITABLE).map_or_else(
                || format!("what can be set: {}", WRITABLE.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.note(&attribute.attr, what, hint);
        } else if is_attr {
            match (name, value) {
                ("hidden", Some(value)) => self.no_flag(value),
                ("options", Some(Syntax::List(list))) => {
                    list.elts.iter().for_each(|option| self.option_written(option));
                }
                _ => {}
            }
            let is_constant = |value: &&Syntax| {
                matches!(
                    value,
                    Syntax::StringLiteral(_)
                        | Syntax::NumberLiteral(_)
                        | Syntax::BooleanLiteral(_)
                        | Syntax::NoneLiteral(_)
                )
            };
            if let ("validation_sources" | "options", Some(value)) = (name, value.filter(is_constant)) {
                let what = format!("`{name}` takes a list, and no `{}`: this fails", self.text(value));
                self.note(value, what, "write a list: `[…]`");
            }
        } else if is_of_value {
            let owner = self.text(owner).to_owned();
            let what = format!("`{owner}.{name}` cannot be set: this fails");
            let hint = if WRITABLE.contains(&name) {
                format!("write `{owner}.attr.{name} = …`")
            } else {
                format!("a value is set by `{owner} = …`, what belongs to it by `{owner}.attr.hidden = …`")
            };
            self.note(&attribute.attr, what, hint);
        }
    }

    /// `….attr.hidden = "false"`
    fn no_flag(&mut self, value: &Syntax) {
        if matches!(value, Syntax::StringLiteral(_) | Syntax::FString(_) | Syntax::NumberLiteral(_)) {
            let shown = self.text(value).to_owned();
            let is_off =
                ["false", "no", "0", ""].contains(&shown.trim_matches(['"', '\'']).to_lowercase().as_str());
            let what = format!("`hidden` is true or false, and `{shown}` is neither");
            self.note(value, what, format!("write `{}`", if is_off { "False" } else { "True" }));
        }
    }

    /// `….attr.options = ["A"]`
    fn option_written(&mut self, option: &Syntax) {
        let missing = match option {
            Syntax::Dict(dict) => {
                let mut keys = Vec::new();
                for item in &dict.items {
                    // `**other` may bring any.
                    let Some(key) = &item.key else { return };
                    let Syntax::StringLiteral(text) = key else { return };
                    keys.push(text.value.to_str());
                }
                ["value", "label"].into_iter().find(|wanted| !keys.contains(wanted))
            }
            Syntax::StringLiteral(_)
            | Syntax::FString(_)
            | Syntax::NumberLiteral(_)
            | Syntax::NoneLiteral(_) => None,
            _ => return,
        };
        if let (Syntax::Dict(_), None) = (option, missing) {
            return;
        }
        let shown = self.text(option).to_owned();
        let what = match missing {
            Some(key) => format!("this option has no `{key}`: this fails"),
            None => format!("an option is a value with its label, and no `{shown}`: this fails"),
        };
        let hint = if option.is_dict_expr() {
            "write `{\"value\": …, \"label\": …}`".to_owned()
        } else {
            format!("write `{{\"value\": {shown}, \"label\": {shown}}}`")
        };
        self.note(option, what, hint);
    }

    /// `t.field["total"]`, `row["item_code"]`: a field stands behind a point.
    pub(super) fn item(&mut self, item: &ast::ExprSubscript) {
        if !self.is_typed() || self.is_tried {
            return;
        }
        let is_fields = self.part_of(&item.value) == Some(Part::Fields);
        let is_row = self.names.table(&item.value).is_some() || self.table_of_row(&item.value).is_some();
        if !is_fields && !is_row {
            return;
        }
        let owner = self.text(&*item.value).to_owned();
        let hint = match &*item.slice {
            Syntax::StringLiteral(id) => format!("write `{owner}.{}`", id.value.to_str()),
            name if item.ctx.is_load() => format!("write `getattr({owner}, {})`", self.text(name)),
            name => format!("write `setattr({owner}, {}, …)`", self.text(name)),
        };
        let what = format!("`{owner}[…]` fails: a field of it stands behind a point");
        self.note(item, what, hint);
    }

    /// `t.field.x = …`
    fn field_written(&mut self, attribute: &ast::ExprAttribute, value: Option<&Syntax>) {
        let Some(schema) = self.schema else { return };
        let id = attribute.attr.as_str();
        let Some(category) = schema.category_of(id) else { return };
        let table = schema.table_of(id).map(str::to_owned);
        let shown = self.text(attribute).to_owned();
        let (what, hint) = match category {
            Category::Section => ("is a section, which has no value", "name a field in it".to_owned()),
            Category::Datapoint if schema.is_button(id) => {
                ("is a button, which has no value", "name another field".to_owned())
            }
            Category::Datapoint => match (table, schema.repeated_in(id)) {
                (Some(table), _) => (
                    "is a column, which is written row by row",
                    format!("write `for row in t.field.{table}:` and in it `row.{id} = …`"),
                ),
                (None, Some(_)) => {
                    ("has several values", format!("write them as a list: `{shown}.all_values = […]`"))
                }
                (None, None) => return,
            },
            Category::Multivalue if !schema.has_rows(id) => {
                ("has several values", format!("write them as a list: `{shown}.all_values = […]`"))
            }
            Category::Multivalue | Category::Tuple => {
                if let (Some(value), Some(table)) =
                    (value, if schema.has_rows(id) { Some(id) } else { schema.parent_of(id) })
                {
                    self.rows_written(table, value);
                }
                return;
            }
        };
        self.note(&attribute.attr, format!("`{id}` {what}: this fails"), hint);
    }

    /// `t.field.goods.append({…})`
    pub(super) fn appended(&mut self, call: &ast::ExprCall) {
        let Syntax::Attribute(method) = &*call.func else { return };
        if !self.is_typed() || self.is_tried {
            return;
        }
        if let Syntax::Attribute(options) = &*method.value
            && &*options.attr == "options"
            && matches!(&*options.value, Syntax::Attribute(attr) if &*attr.attr == "attr" && self.is_value(&attr.value))
        {
            match (method.attr.as_str(), &call.arguments.args[..]) {
                ("append", [option]) | ("insert", [_, option]) => self.option_written(option),
                ("extend", [Syntax::List(list)]) => {
                    list.elts.iter().for_each(|option| self.option_written(option));
                }
                _ => {}
            }
        }
        let Some(table) = self.table(&method.value) else { return };
        match (method.attr.as_str(), &call.arguments.args[..]) {
            ("append", [row]) | ("insert", [_, row]) => self.row_written(&table, row),
            ("extend", [rows]) => self.rows_written(&table, rows),
            _ => {}
        }
    }

    /// The table that an expression is, where the schema has one with columns.
    pub(super) fn table(&self, syntax: &Syntax) -> Option<String> {
        let (id, _) = self.field(syntax)?;
        let schema = self.schema?;
        match schema.category_of(&id) {
            Some(Category::Tuple) => schema.parent_of(&id).map(str::to_owned),
            _ => schema.has_rows(&id).then_some(id),
        }
    }

    fn rows_written(&mut self, table: &str, rows: &Syntax) {
        match rows {
            Syntax::List(ast::ExprList { elts, .. }) | Syntax::Tuple(ast::ExprTuple { elts, .. }) => {
                for row in elts {
                    self.row_written(table, row);
                }
            }
            Syntax::ListComp(list) => self.row_written(table, &list.elt),
            Syntax::Generator(list) => self.row_written(table, &list.elt),
            Syntax::StringLiteral(text) if text.value.is_empty() => {}
            _ => self.no_row(table, rows, "a list of rows: `[{…}]`"),
        }
    }

    /// `{"good_code": "x"}`: its keys are columns.
    fn row_written(&mut self, table: &str, row: &Syntax) {
        let Some(schema) = self.schema else { return };
        let Syntax::Dict(dict) = row else { return self.no_row(table, row, "a row: `{…}`") };
        let columns: Vec<&str> = schema.ids().filter(|id| schema.table_of(id) == Some(table)).collect();
        for key in dict.items.iter().filter_map(|item| item.key.as_ref()) {
            let Syntax::StringLiteral(text) = key else { continue };
            let id = text.value.to_str();
            if columns.contains(&id) {
                continue;
            }
            let hint = near_of(id, &columns).map_or_else(
                || format!("its columns are: {}", columns.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.note(key, format!("the table `{table}` has no column `{id}`: this fails"), hint);
        }
    }

    /// What is a constant where a table takes rows.
    fn no_row(&mut self, table: &str, value: &Syntax, wanted: &str) {
        let is_constant = matches!(
            value,
            Syntax::NumberLiteral(_)
                | Syntax::StringLiteral(_)
                | Syntax::FString(_)
                | Syntax::BooleanLiteral(_)
                | Syntax::NoneLiteral(_)
        );
        if is_constant {
            let what = format!("`{table}` is a table, which takes no `{}`: this fails", self.text(value));
            self.note(value, what, format!("give it {wanted}"));
        }
    }
}
