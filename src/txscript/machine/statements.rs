//! Statements.

use super::super::code::{BinaryOp, Except, Expr, For, Stmt, StmtKind, Target, Try, Variable};
use super::super::exception::{Eval, Exception, Kind, Stop};
use super::super::value::{Frame, Value};
use super::{Buffer, Machine, at_line, raised};

/// Where the program goes on.
pub(super) enum Flow<'h> {
    Next,
    Break,
    Continue,
    Return(Value<'h>),
}

impl<'h> Machine<'h> {
    pub(super) fn block(&mut self, block: &'h [Stmt], frame: &'h Frame<'h>) -> Eval<'h, Flow<'h>> {
        for statement in block {
            self.step()?;
            match self.statement(statement, frame).map_err(|stop| at_line(stop, statement.line))? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &'h Stmt, frame: &'h Frame<'h>) -> Eval<'h, Flow<'h>> {
        match &statement.kind {
            StmtKind::Expr(expr) => self.result = self.eval(expr, frame)?,
            StmtKind::Assign(targets, value) => {
                let value = self.eval(value, frame)?;
                targets.iter().try_for_each(|target| self.assign(target, value, frame))?;
            }
            StmtKind::Augment(target, op, value) => self.augment(target, *op, value, frame)?,
            StmtKind::If(arms, otherwise) => {
                for (test, body) in arms {
                    if self.test(test, frame)? {
                        return self.block(body, frame);
                    }
                }
                return self.block(otherwise, frame);
            }
            StmtKind::For(each) => return self.each(each, frame),
            StmtKind::While(test, body, otherwise) => {
                while self.test(test, frame)? {
                    self.step()?;
                    match self.block(body, frame)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => return Ok(Flow::Next),
                        flow @ Flow::Return(_) => return Ok(flow),
                    }
                }
                return self.block(otherwise, frame);
            }
            StmtKind::Return(value) => {
                let value = value.as_ref().map(|value| self.eval(value, frame)).transpose()?;
                return Ok(Flow::Return(value.unwrap_or_default()));
            }
            StmtKind::Raise(value) => return self.raise_statement(value.as_ref(), frame),
            StmtKind::Try(attempt) => return self.attempt(attempt, frame),
            StmtKind::Assert(test, text) => {
                if !self.test(test, frame)? {
                    let text = text.as_ref().map(|text| self.eval(text, frame)).transpose()?;
                    return self.raise_with(Kind::AssertionError, text.as_slice());
                }
            }
            StmtKind::Delete(targets) => {
                targets.iter().try_for_each(|target| self.delete(target, frame))?;
            }
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Continue => return Ok(Flow::Continue),
            StmtKind::Pass => {}
        }
        Ok(Flow::Next)
    }

    fn each(&mut self, each: &'h For, frame: &'h Frame<'h>) -> Eval<'h, Flow<'h>> {
        let iterable = self.eval(&each.iterable, frame)?;
        let iter = self.iterate(iterable)?;
        while let Some(item) = self.next(iter)? {
            self.step()?;
            self.assign(&each.target, item, frame)?;
            match self.block(&each.body, frame)? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => return Ok(Flow::Next),
                flow @ Flow::Return(_) => return Ok(flow),
            }
        }
        self.block(&each.otherwise, frame)
    }

    fn raise_statement(&mut self, value: Option<&'h Expr>, frame: &'h Frame<'h>) -> Eval<'h, Flow<'h>> {
        let Some(value) = value else {
            return match self.handled.last() {
                Some(exception) => Err(raised(exception)),
                None => self.raise_text(Kind::RuntimeError, "No active exception to reraise"),
            };
        };
        match self.eval(value, frame)? {
            Value::Exception(exception) => Err(raised(exception)),
            Value::Builtin(super::builtins::Builtin::Exception(kind)) => self.raise_with(kind, &[]),
            _ => self.raise_text(Kind::TypeError, "exceptions must derive from BaseException"),
        }
    }

    fn attempt(&mut self, attempt: &'h Try, frame: &'h Frame<'h>) -> Eval<'h, Flow<'h>> {
        let outcome = match self.block(&attempt.body, frame) {
            Ok(Flow::Next) => self.block(&attempt.otherwise, frame),
            Err(Stop::Raised(raised)) => {
                let exception = raised.exception;
                match self.handler(&attempt.handlers, exception, frame) {
                    Ok(Some(handler)) => self.handle(handler, exception, frame),
                    Ok(None) => Err(Stop::Raised(raised)),
                    Err(stop) => Err(stop),
                }
            }
            other => other,
        };
        if attempt.finally.is_empty() || matches!(outcome, Err(Stop::Limit(_))) {
            return outcome;
        }
        match self.block(&attempt.finally, frame)? {
            Flow::Next => outcome,
            flow => Ok(flow),
        }
    }

    fn handler(
        &mut self,
        handlers: &'h [Except],
        exception: &'h Exception<'h>,
        frame: &'h Frame<'h>,
    ) -> Eval<'h, Option<&'h Except>> {
        for handler in handlers {
            let Some(kind) = &handler.kind else { return Ok(Some(handler)) };
            let kind = self.eval(kind, frame)?;
            if self.is_instance(Value::Exception(exception), kind)? {
                return Ok(Some(handler));
            }
        }
        Ok(None)
    }

    fn handle(
        &mut self,
        handler: &'h Except,
        exception: &'h Exception<'h>,
        frame: &'h Frame<'h>,
    ) -> Eval<'h, Flow<'h>> {
        if let Some(name) = handler.name {
            set(frame, name, Some(Value::Exception(exception)));
        }
        self.handled.push(exception);
        let outcome = self.block(&handler.body, frame);
        self.handled.pop();
        if let Some(name) = handler.name {
            set(frame, name, None);
        }
        outcome
    }

    pub(super) fn assign(
        &mut self,
        target: &'h Target,
        value: Value<'h>,
        frame: &'h Frame<'h>,
    ) -> Eval<'h, ()> {
        match target {
            Target::Variable(variable) => set(frame, *variable, Some(value)),
            Target::Attribute(owner, name) => {
                let owner = self.eval(owner, frame)?;
                self.set_attribute(owner, *name, value)?;
            }
            Target::Subscript(owner, index) => {
                let owner = self.eval(owner, frame)?;
                let index = self.eval(index, frame)?;
                self.set_item(owner, index, value)?;
            }
            Target::Unpack(before, rest, after) => {
                let items = self.unpack(value, before.len() + after.len(), rest.is_some())?;
                let tail = items.len() - after.len();
                let pairs = before.iter().zip(&items[..]).chain(after.iter().zip(&items[tail..]));
                for (target, item) in pairs {
                    self.assign(target, *item, frame)?;
                }
                if let Some(rest) = rest {
                    let middle = self.list(&items[before.len()..tail])?;
                    self.assign(rest, middle, frame)?;
                }
            }
        }
        Ok(())
    }

    fn unpack(&mut self, value: Value<'h>, wanted: usize, more: bool) -> Eval<'h, Buffer<'h, Value<'h>>> {
        if !value.is_iterable() {
            return self.raise(
                Kind::TypeError,
                format_args!("cannot unpack non-iterable {} object", value.type_name()),
            );
        }
        let items = self.collect(value)?;
        let got = items.len();
        if got < wanted {
            let least = if more { "at least " } else { "" };
            let text = format_args!("not enough values to unpack (expected {least}{wanted}, got {got})");
            return self.raise(Kind::ValueError, text);
        }
        if got > wanted && !more {
            return self
                .raise(Kind::ValueError, format_args!("too many values to unpack (expected {wanted})"));
        }
        Ok(items)
    }

    fn augment(
        &mut self,
        target: &'h Target,
        op: BinaryOp,
        value: &'h Expr,
        frame: &'h Frame<'h>,
    ) -> Eval<'h, ()> {
        match target {
            Target::Variable(variable) => {
                let left = self.variable(*variable, frame)?;
                let right = self.eval(value, frame)?;
                let result = self.binary_in_place(op, left, right)?;
                set(frame, *variable, Some(result));
                Ok(())
            }
            Target::Attribute(owner, name) => {
                let owner = self.eval(owner, frame)?;
                let left = self.attribute(owner, *name)?;
                let right = self.eval(value, frame)?;
                let result = self.binary_in_place(op, left, right)?;
                self.set_attribute(owner, *name, result)
            }
            Target::Subscript(owner, index) => {
                let owner = self.eval(owner, frame)?;
                let index = self.eval(index, frame)?;
                let left = self.item(owner, index)?;
                let right = self.eval(value, frame)?;
                let result = self.binary_in_place(op, left, right)?;
                self.set_item(owner, index, result)
            }
            Target::Unpack(..) => self
                .raise_text(Kind::SyntaxError, "'tuple' is an illegal expression for augmented assignment"),
        }
    }

    fn delete(&mut self, target: &'h Target, frame: &'h Frame<'h>) -> Eval<'h, ()> {
        match target {
            Target::Variable(variable) => {
                self.variable(*variable, frame)?;
                set(frame, *variable, None);
                Ok(())
            }
            Target::Subscript(owner, index) => {
                let owner = self.eval(owner, frame)?;
                let index = self.eval(index, frame)?;
                self.delete_item(owner, index)
            }
            Target::Attribute(owner, _) => {
                let owner = self.eval(owner, frame)?;
                self.raise(
                    Kind::AttributeError,
                    format_args!("'{}' object has no deletable attributes", owner.type_name()),
                )
            }
            Target::Unpack(targets, ..) => targets.iter().try_for_each(|target| self.delete(target, frame)),
        }
    }
}

/// Sets a variable; `None` makes it unbound.
pub(super) fn set<'h>(frame: &'h Frame<'h>, variable: Variable, value: Option<Value<'h>>) {
    if let Some(slot) = at(frame, variable.depth).slots.get(variable.slot as usize) {
        slot.set(value);
    }
}

pub(super) fn at<'h>(frame: &'h Frame<'h>, depth: u32) -> &'h Frame<'h> {
    let mut frame = frame;
    for _ in 0..depth {
        frame = frame.outer.unwrap_or(frame);
    }
    frame
}
