//! Iteration.

use std::cell::RefCell;

use bumpalo::collections::Vec as ArenaVec;
use smallvec::SmallVec;

use super::super::code::{Body, Function};
use super::super::exception::{Eval, Kind};
use super::super::value::{Frame, Generator, Iter, Source, Value};
use super::calls::leave;
use super::{Buffer, Machine, at_line};

/// One item of each of several iterators.
type Items<'h> = SmallVec<[Value<'h>; 4]>;

impl<'h> Machine<'h> {
    pub(crate) fn new_iter(&mut self, source: Source<'h>) -> Eval<'h> {
        self.memory(size_of::<Iter<'h>>())?;
        Ok(Value::Iter(self.bump.alloc(Iter(RefCell::new(source)))))
    }

    /// `iter(value)`.
    pub(crate) fn iterate(&mut self, value: Value<'h>) -> Eval<'h> {
        let source = match value.plain() {
            Value::Iter(_) => return Ok(value),
            Value::Str(text) => Source::Str(text.chars()),
            Value::Column(_) => {
                return self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_NO_LIST);
            }
            plain if plain.length().is_some() => Source::Indexed(plain, 0),
            _ => {
                return self
                    .raise(Kind::TypeError, format_args!("'{}' object is not iterable", value.type_name()));
            }
        };
        self.new_iter(source)
    }

    /// The next value of an iterator.
    pub(crate) fn next(&mut self, iter: Value<'h>) -> Eval<'h, Option<Value<'h>>> {
        let Value::Iter(iter) = iter else {
            let text = format_args!("'{}' object is not an iterator", iter.type_name());
            return self.raise(Kind::TypeError, text);
        };
        self.step()?;
        // The plain ones call nobody.
        if let Ok(mut source) = iter.0.try_borrow_mut()
            && let Source::Indexed(of, at) = &mut *source
            && !matches!(of, Value::Dict(_) | Value::Set(_))
        {
            let item = self.get_index(*of, *at)?;
            *at += 1;
            if item.is_none() {
                *source = Source::Done;
            }
            return Ok(item);
        }
        self.deeper()?;
        let item = super::on_stack(|| self.advance(iter));
        self.depth -= 1;
        item
    }

    fn advance(&mut self, iter: &'h Iter<'h>) -> Eval<'h, Option<Value<'h>>> {
        let Ok(mut source) = iter.0.try_borrow_mut() else {
            return self.raise_text(Kind::ValueError, "generator already executing");
        };
        let item = match &mut *source {
            Source::Done => None,
            Source::Indexed(of, at) => match *of {
                // By place, which is not index once something was removed.
                Value::Dict(dict) | Value::Set(dict) => dict.entry(*at).map(|(key, _, next)| {
                    *at = next;
                    key
                }),
                other => {
                    let item = self.get_index(other, *at)?;
                    *at += 1;
                    item
                }
            },
            Source::Str(chars) => match chars.next() {
                Some(char) => Some(self.str(char.encode_utf8(&mut [0; 4]))?),
                None => None,
            },
            Source::StrBack(chars) => match chars.next_back() {
                Some(char) => Some(self.str(char.encode_utf8(&mut [0; 4]))?),
                None => None,
            },
            Source::Reversed(of, left) => match left.checked_sub(1) {
                Some(at) => {
                    *left = at;
                    self.get_index(*of, at)?
                }
                None => None,
            },
            Source::Zip(iters, strict) => {
                let (iters, strict) = (*iters, *strict);
                self.next_zip(iters, strict)?
            }
            Source::Enumerate(of, number) => match self.next(*of)? {
                Some(item) => {
                    let place = self.int(Some(*number))?;
                    *number = number.saturating_add(1);
                    Some(self.tuple(&[place, item])?)
                }
                None => None,
            },
            Source::Map(function, iters) => {
                let (function, iters) = (*function, *iters);
                match self.next_each(iters)? {
                    Some(items) => Some(self.call(function, &items, &[])?),
                    None => None,
                }
            }
            Source::Filter(function, of) => {
                let (function, of) = (*function, *of);
                self.next_filter(function, of)?
            }
            Source::Chain(of, at, current) => loop {
                if let Some(iter) = *current
                    && let Some(item) = self.next(iter)?
                {
                    break Some(item);
                }
                let Some(following) = of.get(*at) else { break None };
                *at += 1;
                *current = Some(self.iterate(*following)?);
            },
            Source::Slice { of, at, next, stop, step } => loop {
                if stop.is_some_and(|stop| *next >= stop) {
                    break None;
                }
                let Some(item) = self.next(*of)? else { break None };
                *at += 1;
                if *at > *next {
                    *next = next.saturating_add(*step);
                    break Some(item);
                }
            },
            Source::Repeat(value, left) => match left {
                Some(0) => None,
                Some(left) => {
                    *left -= 1;
                    Some(*value)
                }
                None => Some(*value),
            },
            Source::Generator(generator) => {
                let generator = *generator;
                self.next_generated(generator)?
            }
        };
        if item.is_none() {
            *source = Source::Done;
        }
        Ok(item)
    }

    fn next_each(&mut self, iters: &'h [Value<'h>]) -> Eval<'h, Option<Items<'h>>> {
        let mut items = Items::new();
        for iter in iters {
            match self.next(*iter)? {
                Some(item) => items.push(item),
                None => return Ok(None),
            }
        }
        Ok(Some(items))
    }

    fn next_zip(&mut self, iters: &'h [Value<'h>], strict: bool) -> Eval<'h, Option<Value<'h>>> {
        if iters.is_empty() {
            return Ok(None);
        }
        if strict {
            let items = iters.iter().map(|iter| self.next(*iter)).collect::<Eval<'h, Vec<_>>>()?;
            let first = items[0].is_some();
            if let Some(at) = items.iter().position(|item| item.is_some() != first) {
                let word = if first { "shorter" } else { "longer" };
                let others = if at == 1 { "argument 1".to_owned() } else { format!("arguments 1-{at}") };
                let text = format_args!("zip() argument {} is {word} than {others}", at + 1);
                return self.raise(Kind::ValueError, text);
            }
            let items: Vec<_> = items.into_iter().flatten().collect();
            return if first { self.tuple(&items).map(Some) } else { Ok(None) };
        }
        match self.next_each(iters)? {
            Some(items) => self.tuple(&items).map(Some),
            None => Ok(None),
        }
    }

    fn next_filter(&mut self, function: Value<'h>, of: Value<'h>) -> Eval<'h, Option<Value<'h>>> {
        while let Some(item) = self.next(of)? {
            let verdict =
                if matches!(function, Value::None) { item } else { self.call(function, &[item], &[])? };
            if self.truth(verdict)? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    pub(super) fn generator(
        &mut self,
        code: &'h Function,
        first: Value<'h>,
        frame: &'h Frame<'h>,
    ) -> Eval<'h> {
        let frame = self.frame(code.slots, Some(frame))?;
        let clauses = if let Body::Generator(inner) = &code.body { inner.clauses.len() } else { 1 };
        self.memory(clauses * size_of::<Value<'h>>())?;
        let mut iterators = ArenaVec::with_capacity_in(clauses, self.bump);
        iterators.push(first);
        let generator = Generator { code, frame, iterators: RefCell::new(iterators) };
        self.memory(size_of::<Generator<'h>>())?;
        self.new_iter(Source::Generator(self.bump.alloc(generator)))
    }

    fn next_generated(&mut self, generator: &'h Generator<'h>) -> Eval<'h, Option<Value<'h>>> {
        self.generate(generator).map_err(|stop| leave(stop, &generator.code.name))
    }

    /// One more element: the innermost clause goes on; where one has ended, the one around it.
    fn generate(&mut self, generator: &'h Generator<'h>) -> Eval<'h, Option<Value<'h>>> {
        let Body::Generator(inner) = &generator.code.body else { return Ok(None) };
        let frame = generator.frame;
        loop {
            let depth = generator.iterators.borrow().len();
            let Some(at) = depth.checked_sub(1) else { return Ok(None) };
            let (iter, clause) = (generator.iterators.borrow()[at], &inner.clauses[at]);
            let item = self.next(iter).map_err(|stop| at_line(stop, inner.element.line))?;
            let Some(item) = item else {
                generator.iterators.borrow_mut().pop();
                continue;
            };
            self.assign(&clause.target, item, frame)?;
            if !self.all_true(&clause.conditions, frame)? {
                continue;
            }
            match inner.clauses.get(depth) {
                Some(next) => {
                    let iterable = self.eval(&next.iterable, frame)?;
                    let iter = self.iterate(iterable)?;
                    generator.iterators.borrow_mut().push(iter);
                }
                None => return self.eval(&inner.element, frame).map(Some),
            }
        }
    }

    /// All values of an iterable.
    pub(crate) fn collect(&mut self, value: Value<'h>) -> Eval<'h, Buffer<'h, Value<'h>>> {
        match value {
            Value::List(list) | Value::Values(list) => return self.copied(&list.borrow()),
            Value::Tuple(items) => return self.copied(items),
            _ => {}
        }
        let iter = self.iterate(value)?;
        let mut items = self.buffer();
        while let Some(item) = self.next(iter)? {
            items.push(item)?;
        }
        Ok(items)
    }
}
