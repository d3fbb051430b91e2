//! Sets.

use super::super::code::BinaryOp;
use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;
use super::super::words::Word;
use super::dict::{Dict, Special};

impl<'h> Machine<'h> {
    pub(crate) fn new_set(&mut self, items: impl IntoIterator<Item = Value<'h>>) -> Eval<'h, &'h Dict<'h>> {
        let set = self.new_dict(Special::No)?;
        for item in items {
            self.dict_insert(set, item, Value::None)?;
        }
        Ok(set)
    }

    pub(crate) fn set_binary(&mut self, op: BinaryOp, x: &'h Dict<'h>, y: &'h Dict<'h>) -> Eval<'h> {
        let mut items = self.buffer();
        for item in self.keys(x)? {
            let both = self.look_up(y, item)?.is_some();
            let keep = match op {
                BinaryOp::And => both,
                BinaryOp::Subtract | BinaryOp::Xor => !both,
                BinaryOp::Or => true,
                _ => return self.unsupported(op, Value::Set(x), Value::Set(y)),
            };
            if keep {
                items.push(item)?;
            }
        }
        if matches!(op, BinaryOp::Or | BinaryOp::Xor) {
            for item in self.keys(y)? {
                if self.look_up(x, item)?.is_none() {
                    items.push(item)?;
                }
            }
        }
        self.new_set(items).map(Value::Set)
    }

    pub(crate) fn set_method(&mut self, set: &'h Dict<'h>, word: Word, arguments: &[Value<'h>]) -> Eval<'h> {
        let op = match word {
            Word::union | Word::update => Some(BinaryOp::Or),
            Word::intersection | Word::intersection_update => Some(BinaryOp::And),
            Word::difference | Word::difference_update => Some(BinaryOp::Subtract),
            Word::symmetric_difference | Word::symmetric_difference_update => Some(BinaryOp::Xor),
            _ => None,
        };
        let in_place = matches!(
            word,
            Word::update
                | Word::intersection_update
                | Word::difference_update
                | Word::symmetric_difference_update
        );
        if let Some(op) = op {
            let items = self.keys(set)?;
            let mut result = self.new_set(items)?;
            for other in arguments {
                let other = self.collect(*other)?;
                let other = self.new_set(other)?;
                if let Value::Set(next) = self.set_binary(op, result, other)? {
                    result = next;
                }
            }
            if !in_place {
                return Ok(Value::Set(result));
            }
            set.clear();
            for item in self.keys(result)? {
                self.dict_insert(set, item, Value::None)?;
            }
            return Ok(Value::None);
        }
        if !matches!(word, Word::add | Word::discard | Word::remove) {
            self.steps(set.len())?;
        }
        match (word, arguments) {
            (Word::add, [item]) => self.dict_insert(set, *item, Value::None).map(|()| Value::None),
            (Word::discard | Word::remove, [item]) => {
                let key = self.key(*item)?;
                let gone = set.remove(key).is_some();
                if !gone && word == Word::remove {
                    return self.raise_with(Kind::KeyError, &[*item]);
                }
                Ok(Value::None)
            }
            (Word::pop, []) => match set.entry(0) {
                Some((item, ..)) => {
                    let key = self.key(item)?;
                    set.remove(key);
                    Ok(item)
                }
                None => self.raise_text(Kind::KeyError, "pop from an empty set"),
            },
            (Word::clear, []) => {
                set.clear();
                Ok(Value::None)
            }
            (Word::copy, []) => {
                let items = self.keys(set)?;
                self.new_set(items).map(Value::Set)
            }
            (Word::issubset | Word::issuperset | Word::isdisjoint, [other]) => {
                let other = self.collect(*other)?;
                let other = self.new_set(other)?;
                let (inner, outer) = if word == Word::issuperset { (other, set) } else { (set, other) };
                let mut verdict = true;
                for item in self.keys(inner)? {
                    verdict &= self.look_up(outer, item)?.is_some() != (word == Word::isdisjoint);
                }
                Ok(Value::Bool(verdict))
            }
            _ => self.no_method(Value::Set(set), word, arguments.len()),
        }
    }
}
