//! What a name means where it stands.

use ruff_text_size::TextSize;

use super::super::code::{Expr, ExprKind, Variable};
use super::super::machine::builtins::{Builtin, SESSION};
use super::{Compiled, Compiler};

impl Compiler<'_> {
    /// The variable that this name is, if it is one.
    fn variable(&mut self, name: &str) -> Option<Variable> {
        let last = self.scopes.len() - 1;
        let is_global = self.scopes[last].globals.contains(name);
        let mut places = (0..=last).rev().filter(|at| !is_global || *at == 0);
        let (at, slot) = places.find_map(|at| Some((at, self.scopes[at].slot(name)?)))?;
        let depth = u32::try_from(last - at).unwrap_or(u32::MAX);
        let builtin = if at == 0 { Builtin::find(name) } else { None };
        Some(Variable { depth, slot, name: self.name(name), builtin })
    }

    /// A name that is read.
    pub(super) fn read(&mut self, name: &str, at: TextSize) -> Compiled<ExprKind> {
        if let Some(variable) = self.variable(name) {
            return Ok(ExprKind::Variable(variable));
        }
        if let Some(builtin) = Builtin::find(name) {
            return Ok(ExprKind::Builtin(builtin));
        }
        if SESSION.contains(&name) {
            let line = self.lines.line(at.to_usize());
            let session = Expr { line, kind: ExprKind::Builtin(Builtin::Session) };
            return Ok(ExprKind::Attribute(Box::new(session), self.name(name)));
        }
        let hint = match name {
            "eval" | "exec" | "compile" | "__import__" | "open" | "input" | "globals" | "locals" | "vars" => {
                Some("code has no access to files, the network or itself".to_owned())
            }
            "true" | "TRUE" => Some("write `True`".to_owned()),
            "false" | "FALSE" => Some("write `False`".to_owned()),
            "null" | "none" | "nil" | "NULL" => {
                Some("write `None`; whether a field is empty says `is_empty(field.x)`".to_owned())
            }
            "json" | "math" | "itertools" | "collections" | "functools" => {
                Some(format!("write `import {name}` above it"))
            }
            "Decimal" => Some("write `from decimal import Decimal` above it".to_owned()),
            _ => {
                let names = self.scopes.iter().flat_map(super::scope::Scope::names);
                nearest(name, names.filter(|known| *known != name))
            }
        };
        Err(self.problem(at, format!("unknown name `{name}`"), hint.as_deref()))
    }

    /// A name that is assigned to.
    pub(super) fn write(&mut self, name: &str) -> Variable {
        if self.scope().globals.contains(name) {
            self.scopes[0].bind(name);
        } else if !self.scope().nonlocals.contains(name) && self.variable(name).is_none_or(|v| v.depth > 0) {
            self.scope().bind(name);
        }
        let name_id = self.name(name);
        self.variable(name).unwrap_or(Variable { depth: 0, slot: 0, name: name_id, builtin: None })
    }
}

/// The known name that is written most like this one.
fn nearest<'n>(name: &str, own: impl Iterator<Item = &'n str>) -> Option<String> {
    let known = own.chain(Builtin::names().map(|name| -> &'n str { name }));
    nearest_of(name, known).map(|near| format!("did you mean `{near}`?"))
}

pub(crate) fn nearest_of<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |other: &&str| strsim::damerau_levenshtein(name, other);
    known.min_by_key(distance).filter(|other| distance(other) <= 2)
}
