//! Expressions.

use smallvec::SmallVec;

use super::super::code::{
    BinaryOp, Clause, Collect, CompareOp, Comprehension, Conversion, Expr, ExprKind, Item, Piece, Variable,
};
use super::super::exception::{Eval, Kind};
use super::super::types::dict::Special;
use super::super::value::{Closure, Frame, Value};
use super::statements::{at, set};
use super::{Machine, TextBuilder, at_line};

impl<'h> Machine<'h> {
    pub(super) fn eval(&mut self, expr: &'h Expr, frame: &'h Frame<'h>) -> Eval<'h> {
        self.step()?;
        // Leaves first, without the detour.
        match &expr.kind {
            ExprKind::Int(int) => Ok(Value::Int(*int)),
            ExprKind::Float(float) => Ok(Value::Float(*float)),
            ExprKind::Str(text) => Ok(Value::Str(text)),
            ExprKind::None => Ok(Value::None),
            ExprKind::Bool(bool) => Ok(Value::Bool(*bool)),
            ExprKind::Builtin(builtin) => Ok(builtin.value()),
            _ => self.kind(expr, frame).map_err(|stop| at_line(stop, expr.line)),
        }
    }

    pub(super) fn test(&mut self, expr: &'h Expr, frame: &'h Frame<'h>) -> Eval<'h, bool> {
        let value = self.eval(expr, frame)?;
        self.truth(value).map_err(|stop| at_line(stop, expr.line))
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each")]
    fn kind(&mut self, expr: &'h Expr, frame: &'h Frame<'h>) -> Eval<'h> {
        match &expr.kind {
            ExprKind::Variable(variable) => self.variable(*variable, frame),
            ExprKind::Field(name) => self.field(*name),
            ExprKind::Binary(op, pair) => {
                let left = self.eval(&pair.0, frame)?;
                let right = self.eval(&pair.1, frame)?;
                self.binary(*op, left, right)
            }
            ExprKind::Compare(first, rest) => self.compare_chain(first, rest, frame),
            ExprKind::Not(operand) => self.test(operand, frame).map(|truth| Value::Bool(!truth)),
            ExprKind::And(list) | ExprKind::Or(list) => {
                let until = matches!(expr.kind, ExprKind::Or(_));
                let mut value = Value::None;
                for (at, operand) in list.iter().enumerate() {
                    value = self.eval(operand, frame)?;
                    if at + 1 < list.len() && self.truth(value)? == until {
                        break;
                    }
                }
                Ok(value)
            }
            ExprKind::Conditional(three) => {
                let (test, yes, no) = &**three;
                let chosen = if self.test(test, frame)? { yes } else { no };
                self.eval(chosen, frame)
            }
            ExprKind::Attribute(owner, name) => {
                let owner = self.eval(owner, frame)?;
                self.attribute(owner, *name)
            }
            ExprKind::Subscript(pair) => {
                let owner = self.eval(&pair.0, frame)?;
                let index = self.eval(&pair.1, frame)?;
                self.item(owner, index)
            }
            ExprKind::Call(call) => {
                let function = self.eval(&call.0, frame)?;
                let (positional, keywords) = self.arguments(&call.1, frame)?;
                self.call(function, &positional, &keywords)
            }
            ExprKind::CallMethod(call, name) => {
                let receiver = self.eval(&call.0, frame)?;
                let (positional, keywords) = self.arguments(&call.1, frame)?;
                self.call_method(receiver, *name, &positional, &keywords)
            }
            ExprKind::Unary(op, operand) => {
                let operand = self.eval(operand, frame)?;
                self.unary(*op, operand)
            }
            ExprKind::Tuple(items) => {
                let items = self.spread(items, frame)?;
                self.tuple(&items)
            }
            ExprKind::List(items) => {
                let items = self.spread(items, frame)?;
                self.list(items)
            }
            ExprKind::Format(pieces) => {
                let text = self.format_pieces(pieces, frame)?;
                self.finish(text).map(Value::Str)
            }
            ExprKind::Assign(variable, value) => {
                let value = self.eval(value, frame)?;
                set(frame, *variable, Some(value));
                Ok(value)
            }
            ExprKind::Comprehension(collect, inner) => self.comprehension(*collect, inner, frame),
            ExprKind::Generator(function, first) => {
                let first = self.eval(first, frame)?;
                let first = self.iterate(first)?;
                self.generator(&self.program.functions[*function as usize], first, frame)
            }
            ExprKind::Function(function, defaults) => {
                let defaults =
                    defaults.iter().map(|value| self.eval(value, frame)).collect::<Eval<'h, Vec<_>>>()?;
                let defaults = self.slice(&defaults)?;
                let code = &self.program.functions[*function as usize];
                self.memory(size_of::<Closure<'h>>())?;
                Ok(Value::Function(self.bump.alloc(Closure { code, frame, defaults })))
            }
            ExprKind::Slice(parts) => {
                let mut slice = [Value::None; 3];
                for (value, part) in slice.iter_mut().zip(&**parts) {
                    if let Some(part) = part {
                        *value = self.eval(part, frame)?;
                    }
                }
                self.new_slice(slice)
            }
            ExprKind::Set(items) => {
                let items = self.spread(items, frame)?;
                self.new_set(items).map(Value::Set)
            }
            ExprKind::Dict(entries) => {
                let dict = self.new_dict(Special::No)?;
                for (key, value) in entries {
                    let key = key.as_ref().map(|key| self.eval(key, frame)).transpose()?;
                    let value = self.eval(value, frame)?;
                    match key {
                        Some(key) => self.dict_insert(dict, key, value)?,
                        None => self.dict_update(dict, value)?,
                    }
                }
                Ok(Value::Dict(dict))
            }
            ExprKind::Big(big) => Ok(Value::Big(big)),
            ExprKind::Int(int) => Ok(Value::Int(*int)),
            ExprKind::Float(float) => Ok(Value::Float(*float)),
            ExprKind::Str(text) => Ok(Value::Str(text)),
            ExprKind::None => Ok(Value::None),
            ExprKind::Bool(bool) => Ok(Value::Bool(*bool)),
            ExprKind::Builtin(builtin) => Ok(builtin.value()),
        }
    }

    #[inline]
    pub(super) fn variable(&mut self, variable: Variable, frame: &'h Frame<'h>) -> Eval<'h> {
        let slot = at(frame, variable.depth).slots.get(variable.slot as usize);
        if let Some(value) = slot.and_then(std::cell::Cell::get) {
            return Ok(value);
        }
        if let Some(builtin) = variable.builtin {
            return Ok(builtin.value());
        }
        let name = &self.program.names[variable.name as usize].text;
        if variable.depth == 0 && frame.outer.is_some() {
            let text =
                format_args!("cannot access local variable '{name}' where it is not associated with a value");
            return self.raise(Kind::UnboundLocalError, text);
        }
        self.raise(Kind::NameError, format_args!("name '{name}' is not defined"))
    }

    fn compare_chain(
        &mut self,
        first: &'h Expr,
        rest: &'h [(CompareOp, Expr)],
        frame: &'h Frame<'h>,
    ) -> Eval<'h> {
        let mut left = self.eval(first, frame)?;
        let mut result = Value::Bool(true);
        for (at, (op, right)) in rest.iter().enumerate() {
            let right = self.eval(right, frame)?;
            result = self.compare(*op, left, right)?;
            if at + 1 < rest.len() && !self.truth(result)? {
                break;
            }
            left = right;
        }
        Ok(result)
    }

    /// What a display's items are: few, or counted where one is spread.
    pub(super) fn spread(
        &mut self,
        items: &'h [Item],
        frame: &'h Frame<'h>,
    ) -> Eval<'h, SmallVec<[Value<'h>; 8]>> {
        let mut all = SmallVec::new();
        self.spread_into(items, frame, &mut |value| all.push(value))?;
        Ok(all)
    }

    pub(super) fn spread_into(
        &mut self,
        items: &'h [Item],
        frame: &'h Frame<'h>,
        add: &mut impl FnMut(Value<'h>),
    ) -> Eval<'h, ()> {
        for item in items {
            match item {
                Item::One(expr) => add(self.eval(expr, frame)?),
                Item::Spread(expr) => {
                    let value = self.eval(expr, frame)?;
                    let values = self.collect(value)?;
                    self.memory(size_of_val(&values[..]))?;
                    values.into_iter().for_each(&mut *add);
                }
            }
        }
        Ok(())
    }

    fn format_pieces(&mut self, pieces: &'h [Piece], frame: &'h Frame<'h>) -> Eval<'h, TextBuilder<'h>> {
        let mut text = self.builder();
        for piece in pieces {
            match piece {
                Piece::Text(part) => text.push_str(part)?,
                Piece::Value { value, conversion, spec } => {
                    let line = value.line;
                    let value = self.eval(value, frame)?;
                    let value = match conversion {
                        Conversion::None => value,
                        Conversion::Str => Value::Str(self.str_of(value)?),
                        Conversion::Repr => Value::Str(self.repr_of(value)?),
                        Conversion::Ascii => {
                            let repr = self.repr_of(value)?;
                            Value::Str(self.ascii(repr)?)
                        }
                    };
                    let part = if spec.is_empty() {
                        self.format(value, "")
                    } else {
                        let spec = self.format_pieces(spec, frame)?;
                        self.format(value, &spec)
                    };
                    text.push_str(part.map_err(|stop| at_line(stop, line))?)?;
                }
            }
        }
        Ok(text)
    }

    fn comprehension(
        &mut self,
        collect: Collect,
        inner: &'h Comprehension,
        frame: &'h Frame<'h>,
    ) -> Eval<'h> {
        let mut list = self.buffer();
        let dict = if collect == Collect::List { None } else { Some(self.new_dict(Special::No)?) };
        self.clauses(&inner.clauses, frame, &mut |machine| {
            let element = machine.eval(&inner.element, frame)?;
            match (dict, &inner.value) {
                (Some(dict), Some(value)) => {
                    let value = machine.eval(value, frame)?;
                    machine.dict_insert(dict, element, value)
                }
                (Some(dict), None) => machine.dict_insert(dict, element, Value::None),
                (None, _) => list.push(element),
            }
        })?;
        match (collect, dict) {
            (Collect::Dict, Some(dict)) => Ok(Value::Dict(dict)),
            (Collect::Set, Some(set)) => Ok(Value::Set(set)),
            _ => self.list(list),
        }
    }

    fn clauses(
        &mut self,
        clauses: &'h [Clause],
        frame: &'h Frame<'h>,
        visit: &mut dyn FnMut(&mut Self) -> Eval<'h, ()>,
    ) -> Eval<'h, ()> {
        let Some((clause, inner)) = clauses.split_first() else { return visit(self) };
        let iterable = self.eval(&clause.iterable, frame)?;
        let iter = self.iterate(iterable)?;
        while let Some(item) = self.next(iter)? {
            self.step()?;
            self.assign(&clause.target, item, frame)?;
            if self.all_true(&clause.conditions, frame)? {
                self.clauses(inner, frame, visit)?;
            }
        }
        Ok(())
    }

    pub(super) fn all_true(&mut self, tests: &'h [Expr], frame: &'h Frame<'h>) -> Eval<'h, bool> {
        for test in tests {
            if !self.test(test, frame)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `a op= b`: lists and sets change in place.
    pub(super) fn binary_in_place(&mut self, op: BinaryOp, left: Value<'h>, right: Value<'h>) -> Eval<'h> {
        match (op, left) {
            (BinaryOp::Add, Value::List(list)) => {
                let more = self.collect(right)?;
                self.memory(size_of_val(&more[..]))?;
                list.borrow_mut().extend_from_slice(&more);
                Ok(left)
            }
            (BinaryOp::Add, Value::AttrList(list)) => self.attr_list_add(list, right),
            (BinaryOp::Add, Value::Table(_)) => {
                self.extend_in_place(left, right)?;
                Ok(left)
            }
            (BinaryOp::Or, Value::Set(set))
                if left.type_name() == "set" && matches!(right, Value::Set(_)) =>
            {
                for item in self.collect(right)? {
                    self.dict_insert(set, item, Value::None)?;
                }
                Ok(left)
            }
            (BinaryOp::Or, Value::Dict(dict)) => {
                self.dict_update(dict, right)?;
                Ok(left)
            }
            _ => self.binary(op, left, right),
        }
    }
}
