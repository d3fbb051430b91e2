//! Lists and dictionaries that are filled, and never read: `messages = []` that nobody returns.

use std::collections::{HashMap, HashSet};

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr as Syntax, ExprContext, Stmt as Statement};

use super::Doubts;

/// What fills a list or a dictionary, in a line of its own.
const FILLING: [&str; 7] = ["append", "extend", "insert", "update", "setdefault", "add", "appendleft"];

impl Doubts<'_> {
    pub(super) fn wasted(&mut self, body: &[Statement]) {
        let mut fills = Fills::default();
        fills.visit_body(body);
        let Fills { made, filled, read, shared } = fills;
        let mut found: Vec<_> = filled
            .into_iter()
            .filter(|(name, _)| made.contains(name) && !read.contains(name) && !shared.contains(name))
            .collect();
        found.sort_by_key(|(_, filled)| filled.at.range.start());
        for (name, filled) in found {
            let what = format!("`{name}` is filled here, and nothing reads it");
            let instead = match (filled.is_message, self.sessions.has_handler()) {
                (true, true) => {
                    format!(
                        "people see none of these messages; end with `return {{\"messages\": {name}}}`, or write `t.show_error(…)`"
                    )
                }
                (true, false) => "people see none of these messages; write `show_error(…)`".to_owned(),
                _ => "return it, or leave it out".to_owned(),
            };
            self.remark(filled.at, format!("{what}: {instead}"));
        }
    }
}

struct Filled<'a> {
    at: &'a ast::ExprName,
    /// Whether it is given what Rossum shows as a message.
    is_message: bool,
}

#[derive(Default)]
struct Fills<'a> {
    /// Names that are given a list or a dictionary.
    made: HashSet<&'a str>,
    /// The first place where each is filled.
    filled: HashMap<&'a str, Filled<'a>>,
    read: HashSet<&'a str>,
    /// What other code may read.
    shared: HashSet<&'a str>,
}

impl<'a> Fills<'a> {
    fn fill(&mut self, name: &'a ast::ExprName, with: &[Syntax]) {
        let is_message = with.iter().any(is_message);
        let filled = self.filled.entry(&name.id).or_insert(Filled { at: name, is_message });
        filled.is_message |= is_message;
    }

    fn give(&mut self, target: &'a Syntax, value: &'a Syntax) {
        match target {
            Syntax::Name(name) if makes(value) => _ = self.made.insert(&name.id),
            // Of something else it is another name: whoever has that reads it.
            Syntax::Name(name) => _ = self.shared.insert(&name.id),
            Syntax::Subscript(item) if item.value.is_name_expr() => {
                if let Syntax::Name(name) = &*item.value {
                    self.fill(name, std::slice::from_ref(value));
                }
                self.visit_expr(&item.slice);
            }
            other => self.visit_expr(other),
        }
        self.visit_expr(value);
    }
}

impl<'a> Visitor<'a> for Fills<'a> {
    fn visit_stmt(&mut self, statement: &'a Statement) {
        match statement {
            Statement::Assign(assign) => match &assign.targets[..] {
                [target] => self.give(target, &assign.value),
                // Two names of one thing.
                several => {
                    for target in several {
                        if let Syntax::Name(name) = target {
                            self.shared.insert(&name.id);
                        }
                    }
                    walk_stmt(self, statement);
                }
            },
            Statement::AnnAssign(ast::StmtAnnAssign { target, value: Some(value), .. }) => {
                self.give(target, value);
            }
            Statement::AugAssign(augment) => match &*augment.target {
                Syntax::Name(name) => {
                    self.fill(name, std::slice::from_ref(&augment.value));
                    self.visit_expr(&augment.value);
                }
                _ => walk_stmt(self, statement),
            },
            Statement::Expr(line) => match &*line.value {
                Syntax::Call(call) => match &*call.func {
                    Syntax::Attribute(method)
                        if FILLING.contains(&method.attr.as_str()) && method.value.is_name_expr() =>
                    {
                        if let Syntax::Name(name) = &*method.value {
                            self.fill(name, &call.arguments.args);
                        }
                        call.arguments.args.iter().for_each(|argument| self.visit_expr(argument));
                        call.arguments.keywords.iter().for_each(|keyword| self.visit_expr(&keyword.value));
                    }
                    _ => walk_stmt(self, statement),
                },
                _ => walk_stmt(self, statement),
            },
            Statement::Global(ast::StmtGlobal { names, .. })
            | Statement::Nonlocal(ast::StmtNonlocal { names, .. }) => {
                self.shared.extend(names.iter().map(ast::Identifier::as_str));
            }
            Statement::For(one) => {
                self.bind(&one.target);
                walk_stmt(self, statement);
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, part: &'a Syntax) {
        match part {
            Syntax::Name(name) if name.ctx != ExprContext::Store => _ = self.read.insert(&name.id),
            Syntax::Named(named) => {
                self.bind(&named.target);
                walk_expr(self, part);
            }
            _ => walk_expr(self, part),
        }
    }

    fn visit_parameter(&mut self, parameter: &'a ast::Parameter) {
        self.shared.insert(&parameter.name);
    }

    fn visit_comprehension(&mut self, one: &'a ast::Comprehension) {
        self.bind(&one.target);
        ast::visitor::walk_comprehension(self, one);
    }
}

impl<'a> Fills<'a> {
    /// What a loop gives a name belongs to what it loops over.
    fn bind(&mut self, target: &'a Syntax) {
        match target {
            Syntax::Name(name) => _ = self.shared.insert(&name.id),
            Syntax::Tuple(several) => several.elts.iter().for_each(|one| self.bind(one)),
            Syntax::List(several) => several.elts.iter().for_each(|one| self.bind(one)),
            _ => {}
        }
    }
}

/// `[]`, `{}`, `list()`
fn makes(value: &Syntax) -> bool {
    match value {
        Syntax::List(_) | Syntax::Dict(_) | Syntax::Set(_) | Syntax::ListComp(_) | Syntax::DictComp(_) => {
            true
        }
        Syntax::Call(call) => {
            matches!(&*call.func, Syntax::Name(name) if matches!(name.id.as_str(), "list" | "dict" | "set"))
        }
        _ => false,
    }
}

/// `{"type": "error", "content": "…"}`
fn is_message(value: &Syntax) -> bool {
    match value {
        Syntax::Dict(dict) => {
            let has = |wanted: &str| {
                let keys = dict.items.iter().filter_map(|item| item.key.as_ref()?.as_string_literal_expr());
                keys.into_iter().any(|key| key.value.to_str() == wanted)
            };
            has("content") && has("type")
        }
        Syntax::List(list) => list.elts.iter().any(is_message),
        _ => false,
    }
}
