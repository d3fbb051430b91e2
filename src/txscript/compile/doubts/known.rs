//! What an expression is, where that is sure: a field, what a name stands for, what a function makes of it.

use std::collections::HashMap;

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_except_handler, walk_expr, walk_parameter, walk_stmt};
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
    /// `x = …` of anything else, and nothing else. An expression has only names that were given before it.
    values: HashMap<String, Syntax>,
    /// What an import gives a name for, and its statement.
    imports: HashMap<String, (String, String)>,
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
        names.imports.retain(|name, _| bound.get(name) == Some(&1));
        names.values.retain(|name, _| bound.get(name) == Some(&1));
        names
    }

    /// The expression that a name was given, where it is given only one.
    pub(super) fn value(&self, name: &str) -> Option<&Syntax> {
        self.values.get(name)
    }

    /// The statement that imports a name.
    pub(super) fn import(&self, name: &str) -> Option<&str> {
        self.imports.get(name).map(|(_, statement)| statement.as_str())
    }

    /// The whole name of what is in a module: `datetime.date.today` of `date.today`.
    pub(super) fn path(&self, syntax: &Syntax) -> Option<String> {
        match syntax {
            Syntax::Name(name) => match self.imports.get(name.id.as_str()) {
                Some((path, _)) => Some(path.clone()),
                None if self.has(&name.id) => None,
                None => match name.id.as_str() {
                    "datetime" => Some("datetime".to_owned()),
                    "date" | "timedelta" => Some(format!("datetime.{}", name.id)),
                    _ => None,
                },
            },
            Syntax::Attribute(part) => Some(format!("{}.{}", self.path(&part.value)?, part.attr)),
            _ => None,
        }
    }

    /// Keeps what a name is given, unless that has a name in it that is given something later, or in a loop.
    fn give(&mut self, name: &str, value: &Syntax) {
        if !names_it(value, name) && !self.values.values().any(|other| names_it(other, name)) {
            self.values.insert(name.to_owned(), value.clone());
        }
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
                if let [Syntax::Name(name)] = &assign.targets[..] {
                    match field_id(&assign.value) {
                        Some(id) => {
                            self.fields.insert(name.id.to_string(), id.to_owned());
                        }
                        None => self.give(&name.id, &assign.value),
                    }
                }
            }
            Statement::FunctionDef(function) => {
                *self.bound.entry(function.name.to_string()).or_default() += 1;
            }
            Statement::Import(ast::StmtImport { names, .. }) => self.imported("", names),
            Statement::ImportFrom(from) => {
                self.imported(from.module.as_ref().map_or("", ast::Identifier::as_str), &from.names);
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

    fn visit_parameter(&mut self, parameter: &'a ast::Parameter) {
        *self.bound.entry(parameter.name.to_string()).or_default() += 1;
        walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            *self.bound.entry(name.to_string()).or_default() += 1;
        }
        walk_except_handler(self, handler);
    }
}

impl Names {
    fn imported(&mut self, module: &str, names: &[ast::Alias]) {
        for ast::Alias { name: of, asname, .. } in names {
            let name = asname.as_ref().unwrap_or(of);
            *self.bound.entry(name.to_string()).or_default() += 1;
            let (path, statement) = if module.is_empty() {
                (of.to_string(), format!("import {of} as {name}\n"))
            } else {
                (format!("{module}.{of}"), format!("from {module} import {of} as {name}\n"))
            };
            self.imports.insert(name.to_string(), (path, statement));
        }
    }
}

/// Whether a name stands somewhere in an expression.
fn names_it(syntax: &Syntax, name: &str) -> bool {
    struct Looks<'n>(&'n str, bool);
    impl<'a> Visitor<'a> for Looks<'_> {
        fn visit_expr(&mut self, part: &'a Syntax) {
            self.1 |= matches!(part, Syntax::Name(name) if name.id == self.0);
            walk_expr(self, part);
        }
    }
    let mut looks = Looks(name, false);
    looks.visit_expr(syntax);
    looks.1
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
                    let table = match self.names.table(&attribute.value) {
                        Some(table) => table.to_owned(),
                        None => self.table_of_row(&attribute.value)?,
                    };
                    let is_column = self.schema?.table_of(&attribute.attr) == Some(&*table);
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

    /// The table of `field.table[0]`.
    pub(super) fn table_of_row(&self, row: &Syntax) -> Option<String> {
        let Syntax::Subscript(row) = row else { return None };
        if row.slice.is_slice_expr() { None } else { self.table(&row.value) }
    }

    /// The expression that a name stands for; any other expression is itself.
    pub(super) fn meant<'a>(&'a self, syntax: &'a Syntax) -> &'a Syntax {
        let mut meant = syntax;
        while let Syntax::Name(name) = meant
            && self.is_typed()
            && let Some(value) = self.names.value(&name.id)
        {
            meant = value;
        }
        meant
    }

    /// What an expression is.
    pub(super) fn known(&self, syntax: &Syntax) -> Option<Known> {
        if let Some((name, kind)) = self.field(syntax) {
            let options = self.options(&name);
            return Some(Known { name, kind, options, is_field: true });
        }
        let meant = self.meant(syntax);
        if meant != syntax {
            let known = self.known(meant)?;
            let name = if known.is_field { known.name } else { self.text(syntax).to_owned() };
            return Some(Known { name, ..known });
        }
        self.deeper(|| self.known_form(syntax).or_else(|| self.known_kind(syntax)))
    }

    /// Looks into an expression, as long as it is not nested deeper than people write: each level is looked at in several
    /// ways.
    pub(super) fn deeper<T>(&self, look: impl FnOnce() -> Option<T>) -> Option<T> {
        const DEEPEST: u32 = 7;
        let depth = self.depth.get();
        if depth >= DEEPEST {
            return None;
        }
        self.depth.set(depth + 1);
        let found = look();
        self.depth.set(depth);
        found
    }

    /// What is known of an expression by the numbers and texts that it can give.
    fn known_kind(&self, syntax: &Syntax) -> Option<Known> {
        let kind = match syntax {
            _ if !self.is_typed() => return None,
            _ if self.is_made_date(syntax) => FieldType::Date,
            _ if self.numbers(syntax).is_some() => FieldType::Number,
            _ if self.texts(syntax).is_some() => FieldType::Text,
            _ => return None,
        };
        Some(Known { name: self.text(syntax).to_owned(), kind, options: Vec::new(), is_field: false })
    }

    fn known_form(&self, syntax: &Syntax) -> Option<Known> {
        match syntax {
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
