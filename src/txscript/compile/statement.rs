//! Statements.

use ruff_python_ast as ast;
use ruff_python_ast::{ExceptHandler, Expr as Syntax, Stmt as Statement};
use ruff_text_size::Ranged;

use super::super::code::{Except, Expr, ExprKind, For, Stmt, StmtKind, Target, Try};
use super::super::machine::builtins::Builtin;
use super::super::modules::Module;
use super::super::words::Word;
use super::{Compiled, Compiler};

impl Compiler<'_> {
    pub(super) fn statement(&mut self, statement: &Statement, block: &mut Vec<Stmt>) -> Compiled<()> {
        self.deeper(statement, |compiler| {
            let line = compiler.line(statement);
            if let Some(kind) = compiler.statement_kind(statement, block)? {
                block.push(Stmt { line, kind });
            }
            Ok(())
        })
    }

    fn statement_kind(&mut self, statement: &Statement, block: &mut Vec<Stmt>) -> Compiled<Option<StmtKind>> {
        Ok(Some(match statement {
            Statement::Expr(expr) => StmtKind::Expr(self.expression(&expr.value)?),
            Statement::Assign(assign) => {
                let value = self.expression(&assign.value)?;
                StmtKind::Assign(self.targets(&assign.targets)?, value)
            }
            Statement::AnnAssign(assign) => match &assign.value {
                Some(value) => {
                    let value = self.expression(value)?;
                    StmtKind::Assign(vec![self.target(&assign.target)?], value)
                }
                None => StmtKind::Pass,
            },
            Statement::AugAssign(augment) => {
                let op = self.binary_op(augment.op, augment)?;
                let value = self.expression(&augment.value)?;
                StmtKind::Augment(self.target(&augment.target)?, op, value)
            }
            Statement::If(branch) => self.branch(branch)?,
            Statement::For(each) => {
                if each.is_async {
                    return self.refuse(each, "`async for`", "write `for`");
                }
                let iterable = self.head(&each.iter);
                let target = self.target(&each.target)?;
                let (body, otherwise) = (self.block(&each.body)?, self.block(&each.orelse)?);
                StmtKind::For(Box::new(For { target, iterable, body, otherwise }))
            }
            Statement::While(each) => {
                let test = self.head(&each.test);
                StmtKind::While(test, self.block(&each.body)?, self.block(&each.orelse)?)
            }
            Statement::FunctionDef(function) => {
                let kind = self.function(function)?;
                let value = Expr { line: self.line(function), kind };
                StmtKind::Assign(vec![Target::Variable(self.write(&function.name))], value)
            }
            Statement::Return(value) => {
                if self.is_module() {
                    let hint = Some("the last expression is the result");
                    return Err(self.problem(statement.start(), "'return' outside function", hint));
                }
                StmtKind::Return(value.value.as_deref().map(|value| self.expression(value)).transpose()?)
            }
            Statement::Raise(raise) => {
                StmtKind::Raise(raise.exc.as_deref().map(|value| self.expression(value)).transpose()?)
            }
            Statement::Try(attempt) => self.attempt(attempt)?,
            Statement::Assert(assert) => {
                let test = self.expression(&assert.test)?;
                StmtKind::Assert(test, assert.msg.as_deref().map(|text| self.expression(text)).transpose()?)
            }
            Statement::Delete(delete) => StmtKind::Delete(self.targets(&delete.targets)?),
            Statement::Import(import) => {
                for alias in &import.names {
                    let module = self.module(&alias.name, alias)?;
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.import(name, alias, ExprKind::Builtin(Builtin::Module(module)), block);
                }
                return Ok(None);
            }
            Statement::ImportFrom(import) => {
                self.import_from(import, block)?;
                return Ok(None);
            }
            // Their meaning is in the scope.
            Statement::Global(_) | Statement::Nonlocal(_) | Statement::Pass(_) => StmtKind::Pass,
            Statement::Break(_) => StmtKind::Break,
            Statement::Continue(_) => StmtKind::Continue,
            Statement::ClassDef(_) => return self.refuse(statement, "`class`", "use dicts and functions"),
            Statement::With(_) => return self.refuse(statement, "`with`", "there are no files to open here"),
            Statement::Match(_) => return self.refuse(statement, "`match`", "use if and elif"),
            Statement::TypeAlias(_) => return self.refuse(statement, "`type`", ""),
            Statement::IpyEscapeCommand(_) => return self.refuse(statement, "an escape command", ""),
        }))
    }

    fn branch(&mut self, branch: &ast::StmtIf) -> Compiled<StmtKind> {
        let mut arms = vec![(self.head(&branch.test), self.block(&branch.body)?)];
        let mut otherwise = Vec::new();
        for clause in &branch.elif_else_clauses {
            match &clause.test {
                Some(test) => arms.push((self.head(test), self.block(&clause.body)?)),
                None => otherwise = self.block(&clause.body)?,
            }
        }
        Ok(StmtKind::If(arms, otherwise))
    }

    fn attempt(&mut self, attempt: &ast::StmtTry) -> Compiled<StmtKind> {
        if attempt.is_star {
            return self.refuse(attempt, "`except*`", "write `except`");
        }
        let body = self.block(&attempt.body)?;
        let mut handlers = Vec::with_capacity(attempt.handlers.len());
        for ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
            let kind = handler.type_.as_deref().map(|kind| self.expression(kind)).transpose()?;
            let name = handler.name.as_ref().map(|name| self.write(name));
            handlers.push(Except { kind, name, body: self.block(&handler.body)? });
        }
        let (otherwise, finally) = (self.block(&attempt.orelse)?, self.block(&attempt.finalbody)?);
        Ok(StmtKind::Try(Box::new(Try { body, handlers, otherwise, finally })))
    }

    fn targets(&mut self, list: &[Syntax]) -> Compiled<Vec<Target>> {
        list.iter().map(|target| self.target(target)).collect()
    }

    pub(super) fn target(&mut self, target: &Syntax) -> Compiled<Target> {
        match target {
            Syntax::Name(name) => Ok(Target::Variable(self.write(&name.id))),
            Syntax::Attribute(attribute) => {
                let owner = self.expression(&attribute.value)?;
                let name = self.attribute_name(&attribute.attr);
                self.note_field(attribute, name);
                Ok(Target::Attribute(owner, name))
            }
            Syntax::Subscript(subscript) => {
                Ok(Target::Subscript(self.expression(&subscript.value)?, self.expression(&subscript.slice)?))
            }
            Syntax::Tuple(tuple) => self.unpack(&tuple.elts),
            Syntax::List(list) => self.unpack(&list.elts),
            other => self.refuse(other, "an assignment to this", ""),
        }
    }

    fn unpack(&mut self, list: &[Syntax]) -> Compiled<Target> {
        let starred = list.iter().position(Syntax::is_starred_expr);
        let before = self.targets(&list[..starred.unwrap_or(list.len())])?;
        let (Some(at), Some(Syntax::Starred(rest))) = (starred, starred.map(|at| &list[at])) else {
            return Ok(Target::Unpack(before, None, Vec::new()));
        };
        let rest = self.target(&rest.value)?;
        Ok(Target::Unpack(before, Some(Box::new(rest)), self.targets(&list[at + 1..])?))
    }

    fn module(&self, name: &str, node: &impl Ranged) -> Compiled<Module> {
        Module::find(name).ok_or_else(|| {
            let hint = instead(name).map_or_else(
                || format!("there are {}", Module::ALL.map(Module::name).join(", ")),
                str::to_owned,
            );
            self.problem(node.start(), format!("there is no module `{name}` here"), Some(&hint))
        })
    }

    fn import(&mut self, name: &str, node: &impl Ranged, value: ExprKind, block: &mut Vec<Stmt>) {
        let line = self.line(node);
        let target = Target::Variable(self.write(name));
        let kind = StmtKind::Assign(vec![target], Expr { line, kind: value });
        block.push(Stmt { line, kind });
    }

    fn import_from(&mut self, import: &ast::StmtImportFrom, block: &mut Vec<Stmt>) -> Compiled<()> {
        let name = import.module.as_ref().map_or("", |module| module.as_str());
        if import.level > 0 {
            return self.refuse(import, "a relative import", "");
        }
        // It changes how Python reads the file, and nothing of what is read here.
        if name == "__future__" {
            return Ok(());
        }
        let module = self.module(name, import)?;
        for alias in &import.names {
            if &*alias.name == "*" {
                if module == Module::TxScript {
                    continue; // its names are there already
                }
                return self.refuse(alias, "`import *`", "name what you use");
            }
            let word = Word::named(&alias.name).filter(|word| module.has(*word));
            if word.is_none() {
                let text = format!("`{name}` has no `{}` here", alias.name);
                return Err(self.problem(alias.start(), text, None));
            }
            let line = self.line(alias);
            let owner = Box::new(Expr { line, kind: ExprKind::Builtin(Builtin::Module(module)) });
            let value = ExprKind::Attribute(owner, self.name(&alias.name));
            self.import(alias.asname.as_ref().unwrap_or(&alias.name), alias, value, block);
        }
        Ok(())
    }
}

/// What to do where Python's modules would open files, call others or read the environment.
fn instead(module: &str) -> Option<&'static str> {
    Some(match module.split('.').next().unwrap_or_default() {
        "csv" | "pandas" | "numpy" | "openpyxl" | "sqlite3" => {
            "code opens no files: name the file in `[[dataset]]`, and look records up with a step `use = \"match\"`"
        }
        "requests" | "httpx" | "aiohttp" | "urllib" | "urllib3" | "http" | "socket" | "smtplib"
        | "ftplib" | "paramiko" => {
            "code calls no other system: send with a step `use = \"export\"` to a `[[target]]`, ask APIs with `use = \"request_processor\"`, or leave this code in its service and hand deliveries to it with `use = \"forward\"`"
        }
        "os" | "sys" | "pathlib" | "io" | "subprocess" | "shutil" | "dotenv" => {
            "code reads no files and no environment: a secret is named in `auth` of a `[[target]]` as `env:NAME`, a file of records in `[[dataset]]`"
        }
        "logging" => "a person reads `show_info(…)`, `show_warning(…)` and `show_error(…)`",
        _ => return None,
    })
}
