//! What an expression is, where that is sure: a field, what a name stands for, what a function makes of it.

use std::collections::HashMap;

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{BoolOp, Expr as Syntax, ExprContext, Stmt as Statement};

use super::super::super::field::FieldType;
use super::{Doubts, Language};

/// Names of the code that stand for one thing only.
#[derive(Default)]
pub(super) struct Names {
    /// Rows of a table.
    pub(super) rows: HashMap<String, String>,
    /// `x = field.y`, and nothing else.
    pub(super) fields: HashMap<String, String>,
    /// All names that the code binds.
    bound: HashMap<String, usize>,
}

impl Names {
    pub(super) fn of(body: &[Statement], rows: HashMap<&str, &str>) -> Self {
        let rows = rows.into_iter().map(|(name, table)| (name.to_owned(), table.to_owned())).collect();
        let mut names = Self { rows, ..Self::default() };
        names.visit_body(body);
        let bound = &names.bound;
        names.fields.retain(|name, _| bound.get(name) == Some(&1));
        names
    }

    /// Whether the code gives this name another meaning.
    pub(super) fn has(&self, name: &str) -> bool {
        self.bound.contains_key(name)
    }

    /// The table that a row is of.
    pub(super) fn table(&self, row: &Syntax) -> Option<&str> {
        self.rows.get(row.as_name_expr()?.id.as_str()).map(String::as_str)
    }
}

impl<'a> Visitor<'a> for Names {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        match statement {
            Statement::Assign(assign) => {
                if let ([Syntax::Name(name)], Some(id)) = (&assign.targets[..], field_id(&assign.value)) {
                    self.fields.insert(name.id.to_string(), id.to_owned());
                }
            }
            Statement::FunctionDef(function) => {
                *self.bound.entry(function.name.to_string()).or_default() += 1;
                for parameter in &*function.parameters {
                    *self.bound.entry(parameter.name().to_string()).or_default() += 1;
                }
            }
            Statement::Import(ast::StmtImport { names, .. })
            | Statement::ImportFrom(ast::StmtImportFrom { names, .. }) => {
                for alias in names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    *self.bound.entry(name.to_string()).or_default() += 1;
                }
            }
            Statement::AugAssign(augment) => {
                if let Syntax::Name(name) = &*augment.target {
                    *self.bound.entry(name.id.to_string()).or_default() += 1;
                }
            }
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, part: &'a Syntax) {
        if let Syntax::Name(name) = part
            && name.ctx == ExprContext::Store
        {
            *self.bound.entry(name.id.to_string()).or_default() += 1;
        }
        walk_expr(self, part);
    }
}

/// The `x` of `field.x` and `t.field.x`.
pub(super) fn field_id(syntax: &Syntax) -> Option<&str> {
    id_of(syntax.as_attribute_expr()?)
}

/// The same of an attribute.
pub(super) fn id_of(attribute: &ast::ExprAttribute) -> Option<&str> {
    let is_fields = match &*attribute.value {
        Syntax::Name(name) => name.id == "field",
        Syntax::Attribute(inner) => &*inner.attr == "field" && inner.value.is_name_expr(),
        _ => false,
    };
    is_fields.then_some(attribute.attr.as_str())
}

/// An expression whose values are of one type.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The field, or the expression as it is written.
    pub(super) name: String,
    pub(super) kind: FieldType,
    /// All values that it can have; none where that is not known. An empty text may always be.
    pub(super) options: Vec<String>,
    /// Whether it is the field itself.
    pub(super) is_field: bool,
}

impl Doubts<'_> {
    /// The field that an expression is, and what its value is to the code.
    pub(super) fn field(&self, syntax: &Syntax) -> Option<(String, FieldType)> {
        let of_set = |name: &Syntax| name.as_name_expr().map(|name| name.id.to_string());
        let (id, as_text) = match (self.language, syntax) {
            (Language::Condition | Language::Value, Syntax::Name(name)) => {
                (self.names.fields.get(name.id.as_str())?.clone(), false)
            }
            (Language::Condition | Language::Value, Syntax::Attribute(attribute)) => match field_id(syntax) {
                Some(id) => (id.to_owned(), false),
                None => {
                    let table = self.names.table(&attribute.value)?;
                    let is_column = self.schema?.table_of(&attribute.attr) == Some(table);
                    (is_column.then(|| attribute.attr.to_string())?, false)
                }
            },
            (Language::BusinessRule | Language::MasterData, Syntax::Set(set)) => match &set.elts[..] {
                [name] => (of_set(name)?, false),
                _ => return None,
            },
            (Language::BusinessRule, Syntax::Dict(dict)) => match &dict.items[..] {
                [item] => (of_set(item.key.as_ref()?)?, false),
                _ => return None,
            },
            (Language::MasterData, Syntax::StringLiteral(text)) => {
                let name = text.value.to_str().strip_prefix('{')?.strip_suffix('}')?;
                (name.trim().to_owned(), true)
            }
            _ => return None,
        };
        let kind = self.schema?.kind_of(&id)?;
        Some((id, if as_text { FieldType::Text } else { kind }))
    }

    /// What an expression is.
    pub(super) fn known(&self, syntax: &Syntax) -> Option<Known> {
        if let Some((name, kind)) = self.field(syntax) {
            let options = self.options(&name);
            return Some(Known { name, kind, options, is_field: true });
        }
        match syntax {
            Syntax::Call(_) if self.is_typed() && self.is_made_date(syntax) => Some(Known {
                name: self.text(syntax).to_owned(),
                kind: FieldType::Date,
                options: Vec::new(),
                is_field: false,
            }),
            Syntax::Call(call) => self.known_call(syntax, call),
            // `field.x or ""`
            Syntax::BoolOp(ast::ExprBoolOp { op: BoolOp::Or, values, .. }) => match &values[..] {
                [value, otherwise] => self.or(value, otherwise),
                _ => None,
            },
            _ => None,
        }
    }

    fn or(&self, value: &Syntax, otherwise: &Syntax) -> Option<Known> {
        let mut known = self.known(value)?;
        match (known.kind, otherwise) {
            (FieldType::Text, Syntax::StringLiteral(text)) => {
                if !known.options.is_empty() {
                    known.options.push(text.value.to_str().to_owned());
                }
            }
            (FieldType::Number, Syntax::NumberLiteral(_)) => {
                if !known.options.is_empty() {
                    known.options.push(self.text(otherwise).to_owned());
                }
            }
            _ => return None,
        }
        Some(known)
    }

    /// `str(x)`, `len(x)`, `x.lower()`, `default_to(x, "")`.
    fn known_call(&self, whole: &Syntax, call: &ast::ExprCall) -> Option<Known> {
        if !self.is_typed() {
            return None;
        }
        let of = |kind, options| Known { name: self.text(whole).to_owned(), kind, options, is_field: false };
        let arguments = &call.arguments.args[..];
        if let Syntax::Attribute(method) = &*call.func {
            if matches!(method.attr.as_str(), "startswith" | "endswith") {
                return Some(of(FieldType::Boolean, Vec::new()));
            }
            let known = self.known(&method.value)?;
            if known.kind != FieldType::Text {
                return None;
            }
            let change: fn(&str) -> String = match (method.attr.as_str(), arguments) {
                ("lower" | "casefold", []) => |text| text.to_lowercase(),
                ("upper", []) => |text| text.to_uppercase(),
                ("strip", []) => |text| text.trim().to_owned(),
                _ => return None,
            };
            return Some(of(FieldType::Text, known.options.iter().map(|text| change(text)).collect()));
        }
        let function = call.func.as_name_expr().filter(|name| !self.names.has(name.id.as_str()))?;
        match (function.id.as_str(), arguments) {
            ("len" | "int" | "float" | "abs" | "round", [_, ..]) => Some(of(FieldType::Number, Vec::new())),
            ("is_set" | "any" | "all" | "bool" | "isinstance", [_, ..]) => {
                Some(of(FieldType::Boolean, Vec::new()))
            }
            // Of a column it is a list.
            ("is_empty", [value]) if self.field(value).is_some() => Some(of(FieldType::Boolean, Vec::new())),
            ("str", [value]) => {
                let options = self.known(value).filter(|known| known.kind == FieldType::Text);
                Some(of(FieldType::Text, options.map(|known| known.options).unwrap_or_default()))
            }
            ("default_to" | "fallback", [value, otherwise]) => self.or(value, otherwise),
            _ => None,
        }
    }

    /// The options of an enum. One that an extension fills has none in the schema, or only one that stands for them.
    fn options(&self, id: &str) -> Vec<String> {
        let options = self.schema.and_then(|schema| schema.options_of(id)).unwrap_or_default();
        if options.len() > 1 { options } else { Vec::new() }
    }
}
