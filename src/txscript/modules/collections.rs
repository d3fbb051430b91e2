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
                let lists =
                    positional.iter().map(|items| self.collect(*items)).collect::<Eval<'h, Vec<_>>>()?;
                let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
                let mut rows = Vec::with_capacity(longest);
                for at in 0..longest {
                    let row: Vec<_> =
                        lists.iter().map(|list| list.get(at).copied().unwrap_or(fill)).collect();
                    rows.push(self.tuple(&row)?);
                }
                self.iter_over(rows)
            }
            (W::groupby, [items, key @ ..]) => {
                let key = key.first().copied().or(named("key")).unwrap_or_default();
                let mut groups: Vec<(Value<'h>, Vec<Value<'h>>)> = Vec::new();
                for item in self.collect(*items)? {
                    let by = if matches!(key, Value::None) { item } else { self.call(key, &[item], &[])? };
                    let same = match groups.last() {
                        Some((last, _)) => self.equals(*last, by)?,
                        None => false,
                    };
                    match groups.last_mut() {
                        Some((_, group)) if same => group.push(item),
                        _ => groups.push((by, vec![item])),
                    }
                }
                let mut pairs = Vec::with_capacity(groups.len());
                for (by, group) in groups {
                    let group = self.iter_over(group)?;
                    pairs.push(self.tuple(&[by, group])?);
                }
                self.iter_over(pairs)
            }
            (W::accumulate, [items, function @ ..]) => {
                let mut total = named("initial");
                let mut sums: Vec<_> = total.into_iter().collect();
                for item in self.collect(*items)? {
                    let next = match (total, function.first()) {
                        (None, _) => item,
                        (Some(total), Some(function)) => self.call(*function, &[total, item], &[])?,
                        (Some(total), None) => self.binary(super::super::code::BinaryOp::Add, total, item)?,
                    };
                    total = Some(next);
                    sums.push(next);
                }
                self.iter_over(sums)
            }
            (W::starmap, [function, items]) => {
                let mut results = Vec::new();
                for item in self.collect(*items)? {
                    let arguments = self.collect(item)?;
                    results.push(self.call(*function, &arguments, &[])?);
                }
                self.iter_over(results)
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
                self.iter_over(part.to_vec())
            }
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }

    fn iter_over(&mut self, items: Vec<Value<'h>>) -> Eval<'h> {
        let list = self.list(items)?;
        self.iterate(list)
    }

    /// Products, combinations and permutations, in the order of `itertools`.
    fn arrange(&mut self, word: Word, positional: &[Value<'h>], repeat: Option<Value<'h>>) -> Eval<'h> {
        let mut pools = Vec::new();
        let size = match (word, positional) {
            (Word::product, _) => {
                for items in positional {
                    pools.push(self.collect(*items)?);
                }
                let times = repeat.and_then(Value::int).unwrap_or(1);
                let times = usize::try_from(times).unwrap_or(0).min(64);
                pools = std::iter::repeat_n(pools, times).flatten().collect();
                pools.len()
            }
            (_, [items, size @ ..]) => {
                let pool = self.collect(*items)?;
                let size = size
                    .first()
                    .and_then(|size| size.int())
                    .map_or(pool.len(), |size| usize::try_from(size).unwrap_or(0));
                pools = vec![pool; size.min(64)];
                size
            }
            _ => return self.wrong_arguments(word.text(), positional.len()),
        };
        let mut rows = Vec::new();
        let mut chosen: Vec<usize> = Vec::with_capacity(size);
        let mut candidate = 0;
        loop {
            self.step()?;
            if chosen.len() == pools.len() {
                let row: Vec<_> = chosen.iter().zip(&pools).map(|(at, pool)| pool[*at]).collect();
                rows.push(self.tuple(&row)?);
            } else if candidate < pools[chosen.len()].len() {
                let fits = match word {
                    Word::combinations => chosen.last().is_none_or(|last| candidate > *last),
                    Word::permutations => !chosen.contains(&candidate),
                    _ => true,
                };
                if fits {
                    chosen.push(candidate);
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
        self.iter_over(rows)
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
