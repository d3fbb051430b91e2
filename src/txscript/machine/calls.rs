//! Calls: arguments go to parameters as in Python, with its error texts.

use smallvec::SmallVec;

use super::super::code::{Arguments, Body, Function};
use super::super::exception::{Eval, Kind, Stop};
use super::super::types::dict::Special;
use super::super::value::{Closure, Frame, Value};
use super::statements::Flow;
use super::{Machine, on_stack};

/// Keyword arguments of a call.
pub(crate) type Keywords<'h> = Vec<(&'h str, Value<'h>)>;

impl<'h> Machine<'h> {
    pub(super) fn arguments(
        &mut self,
        arguments: &'h Arguments,
        frame: &'h Frame<'h>,
    ) -> Eval<'h, (SmallVec<[Value<'h>; 4]>, Keywords<'h>)> {
        let mut positional = SmallVec::new();
        self.spread_into(&arguments.positional, frame, &mut |value| positional.push(value))?;
        let mut keywords = Keywords::new();
        for (name, value) in &arguments.keywords {
            let value = self.eval(value, frame)?;
            match (name, value) {
                (Some(name), value) => keywords.push((name, value)),
                (None, Value::Dict(dict)) => {
                    for (key, value) in self.entries(dict)? {
                        let Value::Str(key) = key.plain() else {
                            return self.raise_text(Kind::TypeError, "keywords must be strings");
                        };
                        self.memory(size_of::<(&str, Value<'h>)>())?;
                        keywords.push((key, value));
                    }
                }
                (None, other) => {
                    return self.raise(
                        Kind::TypeError,
                        format_args!("argument after ** must be a mapping, not {}", other.type_name()),
                    );
                }
            }
        }
        Ok((positional, keywords))
    }

    pub(crate) fn call(
        &mut self,
        function: Value<'h>,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        match function {
            Value::Function(closure) => self.call_function(closure, positional, keywords),
            Value::Builtin(builtin) => self.call_builtin(builtin, positional, keywords),
            Value::Method(method) => self.method(method.0, method.1, positional, keywords),
            Value::Partial((inner, first, named)) => {
                let mut all = self.copied(first)?;
                all.extend_from_slice(positional)?;
                let mut all_named = self.copied(named)?;
                all_named.extend_from_slice(keywords)?;
                self.deeper()?;
                let result = on_stack(|| self.call(*inner, &all, &all_named));
                self.depth -= 1;
                result
            }
            other => {
                self.raise(Kind::TypeError, format_args!("'{}' object is not callable", other.type_name()))
            }
        }
    }

    fn call_function(
        &mut self,
        closure: &'h Closure<'h>,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let code = closure.code;
        let frame = self.frame(code.slots, Some(closure.frame))?;
        self.bind(closure, frame, positional, keywords)?;
        self.deeper()?;
        let outcome = match &code.body {
            Body::Block(block) => on_stack(|| self.block(block, frame)).map(|flow| match flow {
                Flow::Return(value) => value,
                _ => Value::None,
            }),
            Body::Expression(expr) => on_stack(|| self.eval(expr, frame)),
            Body::Generator(_) => Ok(Value::None),
        };
        self.depth -= 1;
        outcome.map_err(|stop| leave(stop, &code.name))
    }

    fn bind(
        &mut self,
        closure: &'h Closure<'h>,
        frame: &'h Frame<'h>,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h, ()> {
        let code = closure.code;
        let taken = positional.len().min(code.positional);
        for (slot, value) in frame.slots.iter().zip(&positional[..taken]) {
            slot.set(Some(*value));
        }
        if let Some(rest) = code.rest {
            let rest_of = self.tuple(&positional[taken..])?;
            frame.slots[rest as usize].set(Some(rest_of));
        } else if positional.len() > taken {
            return self.too_many(code, positional.len());
        }
        let mut extra = Vec::new();
        for (name, value) in keywords {
            let place = code.parameters.iter().skip(code.positional_only).position(|p| &*p.name == *name);
            match place.map(|place| place + code.positional_only) {
                Some(place) if frame.slots[place].get().is_some() => {
                    let text = format_args!("{}() got multiple values for argument '{name}'", code.name);
                    return self.raise(Kind::TypeError, text);
                }
                Some(place) => frame.slots[place].set(Some(*value)),
                None if code.keywords.is_some() => extra.push((*name, *value)),
                None => {
                    let text = format_args!("{}() got an unexpected keyword argument '{name}'", code.name);
                    return self.raise(Kind::TypeError, text);
                }
            }
        }
        if let Some(keywords) = code.keywords {
            let dict = self.new_dict(Special::No)?;
            for (name, value) in extra {
                self.dict_insert(dict, Value::Str(name), value)?;
            }
            frame.slots[keywords as usize].set(Some(Value::Dict(dict)));
        }
        let mut defaults = closure.defaults.iter();
        let mut missing = Vec::new();
        for (parameter, slot) in code.parameters.iter().zip(frame.slots) {
            let default = if parameter.has_default { defaults.next() } else { None };
            if slot.get().is_none() {
                match default {
                    Some(value) => slot.set(Some(*value)),
                    None => missing.push(format!("'{}'", parameter.name)),
                }
            }
        }
        match &missing[..] {
            [] => Ok(()),
            [one] => {
                let text = format_args!("{}() missing 1 required positional argument: {one}", code.name);
                self.raise(Kind::TypeError, text)
            }
            [first @ .., last] => {
                let comma = if first.len() > 1 { "," } else { "" };
                let text = format_args!(
                    "{}() missing {} required positional arguments: {}{comma} and {last}",
                    code.name,
                    missing.len(),
                    first.join(", ")
                );
                self.raise(Kind::TypeError, text)
            }
        }
    }

    fn too_many<T>(&mut self, code: &Function, given: usize) -> Eval<'h, T> {
        let most = code.positional;
        let least = code.parameters[..most].iter().filter(|parameter| !parameter.has_default).count();
        let takes = if least < most { format!("from {least} to {most}") } else { most.to_string() };
        let plural = if most == 1 && least == most { "" } else { "s" };
        let were = if given == 1 { "was" } else { "were" };
        let text = format_args!(
            "{}() takes {takes} positional argument{plural} but {given} {were} given",
            code.name
        );
        self.raise(Kind::TypeError, text)
    }
}

/// An exception leaves a function.
pub(super) fn leave<'h>(mut stop: Stop<'h>, name: &'h str) -> Stop<'h> {
    if let Stop::Raised(raised) = &mut stop {
        raised.frames.push((raised.line, name));
        raised.line = 0;
    }
    stop
}
