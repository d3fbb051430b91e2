//! Dicts and sets: in the order of insertion, found by hash.

use std::cell::RefCell;

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::super::exception::{Eval, Kind};
use super::super::machine::{Buffer, Machine};
use super::super::value::Value;
use super::super::words::Word;
use super::compare::equal;

/// How many parts a tuple may have, all in all, to be a key.
pub(super) const KEY_PARTS: u64 = 10_000;

/// What one look-up may look at: enough for any.
const ALL: u64 = u64::MAX;

/// What is special about a dict.
#[derive(Clone, Copy)]
pub(crate) enum Special<'h> {
    No,
    /// `defaultdict`, with its factory.
    Default(Value<'h>),
    Counter,
    FrozenSet,
}

pub(crate) struct Dict<'h> {
    pub(crate) special: Special<'h>,
    inner: RefCell<Inner<'h>>,
}

struct Entry<'h> {
    hash: u64,
    key: Value<'h>,
    value: Value<'h>,
    live: bool,
}

struct Inner<'h> {
    entries: ArenaVec<'h, Entry<'h>>,
    /// Places of entries by hash; 0 is none. A power of two, or empty.
    table: ArenaVec<'h, u32>,
    live: usize,
}

/// A key with its hash: made once, used for a look-up and an insertion.
#[derive(Clone, Copy)]
pub(crate) struct Key<'h> {
    pub(super) hash: u64,
    pub(super) value: Value<'h>,
}

impl<'h> Inner<'h> {
    fn slots(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.table.len().wrapping_sub(1);
        #[expect(clippy::cast_possible_truncation, reason = "only its low bits count")]
        let first = hash as usize;
        (0..self.table.len()).map(move |step| first.wrapping_add(step) & mask)
    }

    /// `work` is how many parts of keys it may look at; it is less by those that it looked at.
    fn find(&self, key: Key<'h>, work: &mut u64) -> Option<usize> {
        for slot in self.slots(key.hash) {
            let place = (self.table[slot] as usize).checked_sub(1)?;
            let entry = &self.entries[place];
            *work = work.saturating_sub(1);
            if entry.live && entry.hash == key.hash {
                let most = (*work).min(2 * KEY_PARTS);
                let mut left = most;
                let same = equal(entry.key, key.value, &mut left);
                *work -= most - left;
                if same {
                    return Some(place);
                }
            }
        }
        None
    }

    fn insert(&mut self, key: Key<'h>, value: Value<'h>, work: &mut u64) {
        if let Some(place) = self.find(key, work) {
            self.entries[place].value = value;
            return;
        }
        if (self.entries.len() + 1) * 2 > self.table.len() {
            self.rebuild();
        }
        self.entries.push(Entry { hash: key.hash, key: key.value, value, live: true });
        self.live += 1;
        self.link(self.entries.len() - 1);
    }

    fn link(&mut self, place: usize) {
        let free = self.slots(self.entries[place].hash).find(|slot| self.table[*slot] == 0);
        if let Some(slot) = free {
            self.table[slot] = u32::try_from(place + 1).unwrap_or(u32::MAX);
        }
    }

    fn rebuild(&mut self) {
        self.entries.retain(|entry| entry.live);
        let size = (self.entries.len().max(4) * 4).next_power_of_two();
        self.table.clear();
        self.table.resize(size, 0);
        for place in 0..self.entries.len() {
            self.link(place);
        }
    }
}

impl<'h> Dict<'h> {
    pub(crate) fn new(bump: &'h Bump, special: Special<'h>) -> Self {
        let inner = Inner { entries: ArenaVec::new_in(bump), table: ArenaVec::new_in(bump), live: 0 };
        Self { special, inner: RefCell::new(inner) }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self.special {
            Special::No => "dict",
            Special::Default(_) => "collections.defaultdict",
            Special::Counter => "Counter",
            Special::FrozenSet => "frozenset",
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.borrow().live
    }

    /// The value of a key; `work` as the comparison of keys counts it.
    pub(crate) fn find(&self, key: Key<'h>, work: &mut u64) -> Option<Value<'h>> {
        let inner = self.inner.borrow();
        inner.find(key, work).map(|place| inner.entries[place].value)
    }

    pub(crate) fn get(&self, key: Key<'h>) -> Option<Value<'h>> {
        self.find(key, &mut ALL.clone())
    }

    /// How much it looked at.
    fn insert(&self, key: Key<'h>, value: Value<'h>) -> u64 {
        let mut work = ALL;
        self.inner.borrow_mut().insert(key, value, &mut work);
        ALL - work
    }

    pub(crate) fn remove(&self, key: Key<'h>) -> Option<Value<'h>> {
        let mut inner = self.inner.borrow_mut();
        let place = inner.find(key, &mut ALL.clone())?;
        inner.entries[place].live = false;
        inner.live -= 1;
        Some(inner.entries[place].value)
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.entries.clear();
        inner.table.clear();
        inner.live = 0;
    }

    /// The entry at or after a place, with the place after it: how an iterator goes on while the dict changes.
    pub(crate) fn entry(&self, from: usize) -> Option<(Value<'h>, Value<'h>, usize)> {
        let inner = self.inner.borrow();
        let found = inner.entries.iter().enumerate().skip(from).find(|(_, entry)| entry.live);
        found.map(|(at, entry)| (entry.key, entry.value, at + 1))
    }

    /// The same with the key's hash.
    pub(crate) fn hashed(&self, from: usize) -> Option<(Key<'h>, Value<'h>, usize)> {
        let inner = self.inner.borrow();
        let found = inner.entries.iter().enumerate().skip(from).find(|(_, entry)| entry.live);
        found.map(|(at, entry)| (Key { hash: entry.hash, value: entry.key }, entry.value, at + 1))
    }

    /// The last entry.
    fn last(&self) -> Option<(Value<'h>, Value<'h>)> {
        let inner = self.inner.borrow();
        inner.entries.iter().rfind(|entry| entry.live).map(|entry| (entry.key, entry.value))
    }

    /// A hash of all keys, whatever their order.
    pub(super) fn keys_hash(&self) -> u64 {
        let inner = self.inner.borrow();
        let live = inner.entries.iter().filter(|entry| entry.live);
        live.fold(0, |all, entry| all ^ entry.hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }
}

impl<'h> Machine<'h> {
    pub(crate) fn new_dict(&mut self, special: Special<'h>) -> Eval<'h, &'h Dict<'h>> {
        self.memory(64)?;
        Ok(self.bump.alloc(Dict::new(self.bump, special)))
    }

    pub(crate) fn dict_insert(
        &mut self,
        dict: &'h Dict<'h>,
        key: Value<'h>,
        value: Value<'h>,
    ) -> Eval<'h, ()> {
        self.memory(80)?;
        let key = self.key(key)?;
        let work = dict.insert(key, value);
        self.steps(usize::try_from(work / 8).unwrap_or(usize::MAX))
    }

    /// What a dict or set has for a key.
    pub(crate) fn look_up(&mut self, dict: &'h Dict<'h>, key: Value<'h>) -> Eval<'h, Option<Value<'h>>> {
        let key = self.key(key)?;
        let mut work = ALL;
        let found = dict.find(key, &mut work);
        self.steps(usize::try_from((ALL - work) / 8).unwrap_or(usize::MAX))?;
        Ok(found)
    }

    /// Keys and values as they are now; each is a step.
    pub(crate) fn entries(&mut self, dict: &'h Dict<'h>) -> Eval<'h, Buffer<'h, (Value<'h>, Value<'h>)>> {
        let mut entries = self.buffer();
        let mut at = 0;
        while let Some((key, value, next)) = dict.entry(at) {
            self.step()?;
            entries.push((key, value))?;
            at = next;
        }
        Ok(entries)
    }

    /// The keys as they are now; each is a step.
    pub(crate) fn keys(&mut self, dict: &'h Dict<'h>) -> Eval<'h, Buffer<'h, Value<'h>>> {
        let mut keys = self.buffer();
        let mut at = 0;
        while let Some((key, _, next)) = dict.entry(at) {
            self.step()?;
            keys.push(key)?;
            at = next;
        }
        Ok(keys)
    }

    /// `dict[key]`, with what a `defaultdict` or `Counter` makes of a missing one.
    pub(crate) fn dict_get(&mut self, dict: &'h Dict<'h>, index: Value<'h>) -> Eval<'h> {
        if let Some(value) = self.look_up(dict, index)? {
            return Ok(value);
        }
        match dict.special {
            Special::Default(factory) => {
                let value = self.call(factory, &[], &[])?;
                self.dict_insert(dict, index, value)?;
                Ok(value)
            }
            Special::Counter => Ok(Value::Int(0)),
            Special::No | Special::FrozenSet => self.raise_with(Kind::KeyError, &[index]),
        }
    }

    pub(crate) fn dict_update(&mut self, dict: &'h Dict<'h>, other: Value<'h>) -> Eval<'h, ()> {
        if let Value::Dict(other) = other {
            for (key, value) in self.entries(other)? {
                self.dict_insert(dict, key, value)?;
            }
            return Ok(());
        }
        for pair in self.collect(other)? {
            let pair = self.collect(pair)?;
            let [key, value] = pair[..] else {
                let text = format_args!(
                    "dictionary update sequence element #0 has length {}; 2 is required",
                    pair.len()
                );
                return self.raise(Kind::ValueError, text);
            };
            self.dict_insert(dict, key, value)?;
        }
        Ok(())
    }

    pub(crate) fn dict_method(
        &mut self,
        dict: &'h Dict<'h>,
        word: Word,
        arguments: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        if !matches!(word, Word::get | Word::setdefault | Word::pop) {
            self.steps(dict.len())?;
        }
        match (word, arguments) {
            (Word::get, [key, default @ ..]) if default.len() < 2 => {
                Ok(self.look_up(dict, *key)?.or(default.first().copied()).unwrap_or_default())
            }
            (Word::keys, []) => {
                let keys = self.keys(dict)?;
                self.list(keys)
            }
            (Word::values, []) => {
                let mut values = self.buffer();
                for (_, value) in self.entries(dict)? {
                    values.push(value)?;
                }
                self.list(values)
            }
            (Word::items, []) => {
                let pairs = self.entries(dict)?;
                self.pairs(&pairs)
            }
            (Word::setdefault, [index, default @ ..]) if default.len() < 2 => {
                if let Some(value) = self.look_up(dict, *index)? {
                    return Ok(value);
                }
                let value = default.first().copied().unwrap_or_default();
                self.dict_insert(dict, *index, value)?;
                Ok(value)
            }
            (Word::pop, [index, default @ ..]) if default.len() < 2 => {
                let key = self.key(*index)?;
                match dict.remove(key).or(default.first().copied()) {
                    Some(value) => Ok(value),
                    None => self.raise_with(Kind::KeyError, &[*index]),
                }
            }
            (Word::popitem, []) => match dict.last() {
                Some((index, value)) => {
                    let key = self.key(index)?;
                    dict.remove(key);
                    self.tuple(&[index, value])
                }
                None => self.raise_text(Kind::KeyError, "popitem(): dictionary is empty"),
            },
            (Word::update, [] | [_]) => {
                if let (Special::Counter, [other]) = (dict.special, arguments) {
                    self.count_all(dict, *other)?;
                } else if let [other] = arguments {
                    self.dict_update(dict, *other)?;
                }
                for (name, value) in keywords {
                    self.dict_insert(dict, Value::Str(name), *value)?;
                }
                Ok(Value::None)
            }
            (Word::clear, []) => {
                dict.clear();
                Ok(Value::None)
            }
            (Word::copy, []) => {
                let copy = self.new_dict(dict.special)?;
                self.dict_update(copy, Value::Dict(dict))?;
                Ok(Value::Dict(copy))
            }
            (Word::most_common, [] | [_]) if matches!(dict.special, Special::Counter) => {
                let mut pairs = self.entries(dict)?;
                self.room(size_of_val(&pairs[..]))?;
                pairs.sort_by_key(|(_, count)| std::cmp::Reverse(count.int().unwrap_or(0)));
                if let Some(most) = arguments.first().and_then(|most| most.int()) {
                    pairs.truncate(usize::try_from(most).unwrap_or(0));
                }
                self.pairs(&pairs)
            }
            _ => self.no_method(Value::Dict(dict), word, arguments.len()),
        }
    }

    fn pairs(&mut self, entries: &[(Value<'h>, Value<'h>)]) -> Eval<'h> {
        let mut pairs = self.buffer();
        for (key, value) in entries {
            pairs.push(self.tuple(&[*key, *value])?)?;
        }
        self.list(pairs)
    }

    /// Counts what an iterable gives, as a `Counter` does.
    pub(crate) fn count_all(&mut self, dict: &'h Dict<'h>, other: Value<'h>) -> Eval<'h, ()> {
        for item in self.collect(other)? {
            let before = self.look_up(dict, item)?.and_then(Value::int).unwrap_or(0);
            let count = self.int(before.checked_add(1))?;
            self.dict_insert(dict, item, count)?;
        }
        Ok(())
    }
}
