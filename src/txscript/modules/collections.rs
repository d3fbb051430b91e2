//! `itertools` and `functools`.

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::{Source, Value};
use super::super::words::Word;

impl<'h> Machine<'h> {
    #[expect(clippy::too_many_lines, reason = "an arm for each")]
    pub(super) fn itertools_function(
        &mut self,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        use Word as W;
        let named =
            |name: &str| keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value);
        match (word, positional) {
            (W::chain, _) => {
                let all = self.slice(positional)?;
                self.new_iter(Source::Chain(all, 0, None))
            }
            (W::from_iterable, [items]) => {
                let all = self.collect(*items)?;
                let all = self.slice(&all)?;
                self.new_iter(Source::Chain(all, 0, None))
            }
            (W::repeat, [value, times @ ..]) => {
                let times = times.first().and_then(|times| times.int());
                let times = times.map(|times| usize::try_from(times).unwrap_or(0));
                self.new_iter(Source::Repeat(*value, times))
            }
            (W::islice, [items, bounds @ ..]) => {
                let bound = |at: usize| {
                    bounds.get(at).and_then(|bound| bound.int()).and_then(|b| i64::try_from(b).ok())
                };
                let (start, stop, step) = match bounds.len() {
                    1 => (0, bound(0), 1),
                    _ => (bound(0).unwrap_or(0), bound(1), bound(2).unwrap_or(1)),
                };
                let of = self.iterate(*items)?;
                self.new_iter(Source::Slice { of, at: 0, next: start, stop, step: step.max(1) })
            }
            (W::product | W::combinations | W::permutations, _) => {
                self.arrange(word, positional, named("repeat"))
            }
            (W::zip_longest, _) => {
                let fill = named("fillvalue").unwrap_or_default();
                let mut lists = self.buffer();
                for items in positional {
                    let items = self.collect(*items)?;
                    lists.push(self.slice(&items)?)?;
                }
                let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
                let mut rows = self.buffer();
                for at in 0..longest {
                    self.steps(1 + lists.len())?;
                    let mut row = self.buffer();
                    for list in lists.iter() {
                        row.push(list.get(at).copied().unwrap_or(fill))?;
                    }
                    rows.push(self.tuple(&row)?)?;
                }
                self.iter_over(&rows)
            }
            (W::groupby, [items, key @ ..]) => {
                let key = key.first().copied().or(named("key")).unwrap_or_default();
                let items = self.collect(*items)?;
                let mut pairs = self.buffer();
                // The key of the group under way, and where it began.
                let mut open: Option<(Value<'h>, usize)> = None;
                for at in 0..=items.len() {
                    let by = match items.get(at) {
                        Some(item) if matches!(key, Value::None) => Some(*item),
                        Some(item) => Some(self.call(key, &[*item], &[])?),
                        None => None,
                    };
                    if let (Some((last, start)), by) = (open, by) {
                        let goes_on = match by {
                            Some(by) => self.equals(last, by)?,
                            None => false,
                        };
                        if goes_on {
                            continue;
                        }
                        let group = self.iter_over(&items[start..at])?;
                        pairs.push(self.tuple(&[last, group])?)?;
                    }
                    open = by.map(|by| (by, at));
                }
                self.iter_over(&pairs)
            }
            (W::accumulate, [items, function @ ..]) => {
                let mut total = named("initial");
                let mut sums = self.buffer();
                if let Some(first) = total {
                    sums.push(first)?;
                }
                for item in self.collect(*items)? {
                    let next = match (total, function.first()) {
                        (None, _) => item,
                        (Some(total), Some(function)) => self.call(*function, &[total, item], &[])?,
                        (Some(total), None) => self.binary(super::super::code::BinaryOp::Add, total, item)?,
                    };
                    total = Some(next);
                    sums.push(next)?;
                }
                self.iter_over(&sums)
            }
            (W::starmap, [function, items]) => {
                let mut results = self.buffer();
                for item in self.collect(*items)? {
                    let arguments = self.collect(item)?;
                    results.push(self.call(*function, &arguments, &[])?)?;
                }
                self.iter_over(&results)
            }
            (W::takewhile | W::dropwhile, [function, items]) => {
                let items = self.collect(*items)?;
                let mut cut = items.len();
                for (at, item) in items.iter().enumerate() {
                    let verdict = self.call(*function, &[*item], &[])?;
                    if !self.truth(verdict)? {
                        cut = at;
                        break;
                    }
                }
                let part = if word == W::takewhile { &items[..cut] } else { &items[cut..] };
                self.iter_over(part)
            }
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }

    fn iter_over(&mut self, items: &[Value<'h>]) -> Eval<'h> {
        let list = self.list(items)?;
        self.iterate(list)
    }

    /// Products, combinations and permutations, in the order of `itertools`.
    fn arrange(&mut self, word: Word, positional: &[Value<'h>], repeat: Option<Value<'h>>) -> Eval<'h> {
        let mut pools = self.buffer();
        match (word, positional) {
            (Word::product, _) => {
                for items in positional {
                    let items = self.collect(*items)?;
                    pools.push(self.slice(&items)?)?;
                }
                let times = repeat.and_then(Value::int).unwrap_or(1).max(0);
                let once = self.copied(&pools)?;
                pools.truncate(0);
                for _ in 0..if once.is_empty() { 0 } else { usize::try_from(times).unwrap_or(usize::MAX) } {
                    self.step()?;
                    pools.extend_from_slice(&once)?;
                }
            }
            (_, [items, size @ ..]) => {
                let pool = self.collect(*items)?;
                let pool = self.slice(&pool)?;
                let size = size
                    .first()
                    .and_then(|size| size.int())
                    .map_or(pool.len(), |size| usize::try_from(size).unwrap_or(0));
                if size > pool.len() {
                    return self.iter_over(&[]);
                }
                for _ in 0..size {
                    self.step()?;
                    pools.push(pool)?;
                }
            }
            _ => return self.wrong_arguments(word.text(), positional.len()),
        }
        let mut rows = self.buffer();
        let mut chosen = self.buffer::<usize>();
        let mut candidate = 0;
        let count = pools.len();
        // Candidates that those behind need, where each comes after the one before.
        let after = |place: usize| if word == Word::combinations { count - place - 1 } else { 0 };
        loop {
            self.step()?;
            if chosen.len() == pools.len() {
                self.steps(chosen.len() / 8)?;
                let mut row = self.buffer();
                for (at, pool) in chosen.iter().zip(pools.iter()) {
                    row.push(pool[*at])?;
                }
                rows.push(self.tuple(&row)?)?;
            } else if candidate < pools[chosen.len()].len() - after(chosen.len()) {
                let fits = match word {
                    Word::combinations => chosen.last().is_none_or(|last| candidate > *last),
                    Word::permutations => {
                        self.steps(chosen.len() / 8)?;
                        !chosen.contains(&candidate)
                    }
                    _ => true,
                };
                if fits {
                    chosen.push(candidate)?;
                    candidate = 0;
                } else {
                    candidate += 1;
                }
                continue;
            }
            match chosen.pop() {
                Some(last) => candidate = last + 1,
                None => break,
            }
        }
        self.iter_over(&rows)
    }

    pub(super) fn functools_function(
        &mut self,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        match (word, positional) {
            (Word::reduce, [function, items, start @ ..]) => {
                let iter = self.iterate(*items)?;
                let first = match start.first() {
                    Some(start) => Some(*start),
                    None => self.next(iter)?,
                };
                let Some(mut total) = first else {
                    let text = "reduce() of empty iterable with no initial value";
                    return self.raise_text(Kind::TypeError, text);
                };
                while let Some(item) = self.next(iter)? {
                    total = self.call(*function, &[total, item], &[])?;
                }
                Ok(total)
            }
            (Word::partial, [function, first @ ..]) => {
                let first = self.slice(first)?;
                self.memory(size_of_val(keywords) + 48)?;
                let keywords = &*self.bump.alloc_slice_copy(keywords);
                Ok(Value::Partial(self.bump.alloc((*function, first, keywords))))
            }
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }
}
