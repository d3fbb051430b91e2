//! Methods of text.

use super::super::exception::{Eval, Kind};
use super::super::machine::{Buffer, Machine};
use super::super::value::Value;
use super::super::words::Word;
use super::letters::{changed_case, changes_case, verdict};

impl<'h> Machine<'h> {
    #[expect(clippy::too_many_lines, reason = "an arm for each")]
    pub(crate) fn text_method(
        &mut self,
        text: &'h str,
        word: Word,
        arguments: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let each = matches!(word, Word::splitlines | Word::split | Word::rsplit | Word::expandtabs);
        let is_verdict = word.text().starts_with("is");
        self.steps(text.len() / if each || is_verdict || changes_case(word) { 16 } else { 64 })?;
        if changes_case(word) && arguments.is_empty() {
            // A letter may become three.
            self.room(text.len().saturating_mul(3))?;
        }
        if let Some(made) = changed_case(text, word, arguments) {
            return self.str(&made);
        }
        if word == Word::expandtabs && arguments.is_empty() {
            return self.expand_tabs(text);
        }
        if let Some(verdict) = verdict(text, word, arguments) {
            return Ok(Value::Bool(verdict));
        }
        match (word, arguments) {
            (
                Word::strip | Word::lstrip | Word::rstrip,
                [] | [Value::None | Value::Str(_) | Value::Datapoint(_)],
            ) => {
                let set = match arguments.first().map(|set| set.plain()) {
                    Some(Value::Str(set)) => Some(set),
                    _ => None,
                };
                let set = set.map(|set| self.letters(set)).transpose()?;
                let matches =
                    |c: char| set.as_ref().map_or_else(|| is_space(c), |set| set.binary_search(&c).is_ok());
                let mut cut = text;
                if word != Word::rstrip {
                    cut = cut.trim_start_matches(matches);
                }
                if word != Word::lstrip {
                    cut = cut.trim_end_matches(matches);
                }
                Ok(Value::Str(cut))
            }
            (Word::split | Word::rsplit, _) => self.split(text, word, arguments, keywords),
            (Word::splitlines, _) => {
                let keep = match arguments.first().or(keywords.first().map(|(_, value)| value)) {
                    Some(keep) => self.truth(*keep)?,
                    None => false,
                };
                let lines = self.lines(text, keep)?;
                self.list(lines)
            }
            (Word::join, [items]) => self.join(text, *items),
            (Word::replace, [from, to, most @ ..]) => {
                let (Value::Str(from), Value::Str(to)) = (from.plain(), to.plain()) else {
                    return self.wrong_text("replace", arguments);
                };
                let most = most.first().and_then(|most| most.int()).unwrap_or(-1);
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                self.steps(text.len() / 16)?;
                let mut made = self.builder();
                let mut last = 0;
                for (at, hit) in text.match_indices(from).take(most) {
                    made.push_str(&text[last..at])?;
                    made.push_str(to)?;
                    last = at + hit.len();
                }
                made.push_str(&text[last..])?;
                self.finish(made).map(Value::Str)
            }
            (Word::startswith | Word::endswith, [affix, bounds @ ..]) => {
                let (_, part) = self.bounded(text, bounds)?;
                let part = part.unwrap_or_default();
                let one = [affix.plain()];
                let affixes = match one[0] {
                    Value::Tuple(affixes) => affixes,
                    _ => &one,
                };
                for affix in affixes {
                    self.step()?;
                    let Value::Str(affix) = affix.plain() else {
                        let text = format_args!(
                            "{} first arg must be str or a tuple of str, not {}",
                            word.text(),
                            affix.type_name()
                        );
                        return self.raise(Kind::TypeError, text);
                    };
                    let fits = if word == Word::startswith {
                        part.starts_with(affix)
                    } else {
                        part.ends_with(affix)
                    };
                    if fits {
                        return Ok(Value::Bool(true));
                    }
                }
                Ok(Value::Bool(false))
            }
            (Word::find | Word::rfind | Word::index | Word::rindex, [part, bounds @ ..]) => {
                let Value::Str(part) = part.plain() else { return self.wrong_text(word.text(), arguments) };
                let (start, within) = self.bounded(text, bounds)?;
                self.steps(within.map_or(0, str::len) / 16)?;
                let found = within.and_then(|within| {
                    let at = match word {
                        Word::find | Word::index => within.find(part),
                        _ => within.rfind(part),
                    };
                    at.map(|at| start + within[..at].chars().count())
                });
                match found {
                    Some(at) => Ok(Value::Int(i64::try_from(at).unwrap_or(i64::MAX))),
                    None if matches!(word, Word::find | Word::rfind) => Ok(Value::Int(-1)),
                    None => self.raise_text(Kind::ValueError, "substring not found"),
                }
            }
            (Word::count, [part, bounds @ ..]) => {
                let Value::Str(part) = part.plain() else { return self.wrong_text("count", arguments) };
                let (_, within) = self.bounded(text, bounds)?;
                let within = within.unwrap_or_default();
                self.steps(within.len() / 16)?;
                let count =
                    if part.is_empty() { within.chars().count() + 1 } else { within.matches(part).count() };
                Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
            }
            (Word::zfill, [width]) => {
                let sign = usize::from(text.starts_with(['+', '-']));
                let missing = self.missing(text, *width)?;
                let mut made = self.builder();
                made.push_str(&text[..sign])?;
                made.fill('0', missing)?;
                made.push_str(&text[sign..])?;
                self.finish(made).map(Value::Str)
            }
            (Word::ljust | Word::rjust | Word::center, [width, fill @ ..]) => {
                let fill = match fill.first().map(|fill| fill.plain()) {
                    Some(Value::Str(fill)) => fill,
                    _ => " ",
                };
                if fill.chars().take(2).count() != 1 {
                    return self.raise_text(
                        Kind::TypeError,
                        "The fill character must be exactly one character long",
                    );
                }
                let missing = self.missing(text, *width)?;
                let total = text.chars().count() + missing;
                let before = match word {
                    Word::ljust => 0,
                    Word::rjust => missing,
                    _ => missing / 2 + (missing & total & 1),
                };
                let mut made = self.builder();
                made.repeat(fill, before)?;
                made.push_str(text)?;
                made.repeat(fill, missing - before)?;
                self.finish(made).map(Value::Str)
            }
            (Word::format, _) => self.format_method(text, arguments, keywords),
            (Word::partition | Word::rpartition, [separator]) => {
                let Value::Str(separator) = separator.plain() else {
                    return self.wrong_text(word.text(), arguments);
                };
                if separator.is_empty() {
                    return self.raise_text(Kind::ValueError, "empty separator");
                }
                let forward = word == Word::partition;
                let split = if forward { text.split_once(separator) } else { text.rsplit_once(separator) };
                let three = match split {
                    Some((before, after)) => [before, separator, after],
                    None if forward => [text, "", ""],
                    None => ["", "", text],
                };
                self.tuple(&three.map(Value::Str))
            }
            (Word::removeprefix, [prefix]) => match prefix.plain() {
                Value::Str(prefix) => Ok(Value::Str(text.strip_prefix(prefix).unwrap_or(text))),
                _ => self.wrong_text("removeprefix", arguments),
            },
            (Word::removesuffix, [suffix]) => match suffix.plain() {
                Value::Str(suffix) => Ok(Value::Str(text.strip_suffix(suffix).unwrap_or(text))),
                _ => self.wrong_text("removesuffix", arguments),
            },
            (Word::translate, [Value::Dict(table)]) => {
                let mut made = self.builder();
                for c in text.chars() {
                    let key = self.key(Value::Int(i64::from(u32::from(c))))?;
                    match table.get(key) {
                        Some(Value::Str(to)) => made.push_str(to)?,
                        Some(Value::None) => {}
                        Some(to) => {
                            made.extend(to.int().and_then(|to| char::from_u32(u32::try_from(to).ok()?)))?;
                        }
                        None => made.push(c)?,
                    }
                }
                self.finish(made).map(Value::Str)
            }
            _ => self.no_method(Value::Str(text), word, arguments.len()),
        }
    }

    fn missing(&mut self, text: &str, width: Value<'h>) -> Eval<'h, usize> {
        let Some(width) = width.plain().int() else {
            let text = format_args!("'{}' object cannot be interpreted as an integer", width.type_name());
            return self.raise(Kind::TypeError, text);
        };
        let width = usize::try_from(width).unwrap_or(0);
        Ok(width.saturating_sub(text.chars().count()))
    }

    fn wrong_text<T>(&mut self, method: &str, arguments: &[Value<'h>]) -> Eval<'h, T> {
        let wrong = arguments.iter().position(|value| !matches!(value.plain(), Value::Str(_))).unwrap_or(0);
        let name = arguments.get(wrong).map_or("NoneType", |value| value.type_name());
        match method {
            "replace" => {
                let text = format_args!("replace() argument {} must be str, not {name}", wrong + 1);
                self.raise(Kind::TypeError, text)
            }
            "removeprefix" | "removesuffix" => {
                self.raise(Kind::TypeError, format_args!("{method}() argument must be str, not {name}"))
            }
            _ => self.raise(Kind::TypeError, format_args!("must be str, not {name}")),
        }
    }

    /// The part between `start` and `end`, with the characters before it; `None` where the start is beyond the end.
    fn bounded(&mut self, text: &'h str, bounds: &[Value<'h>]) -> Eval<'h, (usize, Option<&'h str>)> {
        if bounds.is_empty() {
            return Ok((0, Some(text)));
        }
        let bounds = [bounds.first(), bounds.get(1), None].map(|bound| bound.copied().unwrap_or_default());
        let length = text.chars().count();
        let beyond = bounds[0].int().is_some_and(|start| start > length as i128);
        let range = self.slice_range(&bounds, length)?;
        if beyond || range.start > range.stop {
            return Ok((0, None));
        }
        let start = usize::try_from(range.start).unwrap_or(0);
        let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
        let (from, to) = (byte(start), byte(start + range.len()));
        Ok((start, text.get(from..to)))
    }

    fn split(
        &mut self,
        text: &'h str,
        word: Word,
        arguments: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let named =
            |name: &str| keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value);
        let separator = arguments.first().copied().or(named("sep")).unwrap_or_default().plain();
        let most = arguments.get(1).copied().or(named("maxsplit")).and_then(Value::int).unwrap_or(-1);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let forward = word == Word::split;
        let mut parts = self.buffer();
        match separator {
            Value::None => {
                let mut rest = text.trim_matches(is_space);
                while !rest.is_empty() {
                    let cut = if parts.len() == most {
                        None
                    } else if forward {
                        rest.split_once(is_space)
                    } else {
                        rest.rsplit_once(is_space).map(|(before, after)| (after, before))
                    };
                    let Some((part, remaining)) = cut else {
                        parts.push(Value::Str(rest))?;
                        break;
                    };
                    parts.push(Value::Str(part))?;
                    rest = if forward {
                        remaining.trim_start_matches(is_space)
                    } else {
                        remaining.trim_end_matches(is_space)
                    };
                }
                if !forward {
                    parts.reverse();
                }
            }
            Value::Str("") => return self.raise_text(Kind::ValueError, "empty separator"),
            Value::Str(separator) if forward => {
                for part in text.splitn(most.saturating_add(1), separator) {
                    parts.push(Value::Str(part))?;
                }
            }
            Value::Str(separator) => {
                for part in text.rsplitn(most.saturating_add(1), separator) {
                    parts.push(Value::Str(part))?;
                }
                parts.reverse();
            }
            other => {
                let text = format_args!("must be str or None, not {}", other.type_name());
                return self.raise(Kind::TypeError, text);
            }
        }
        self.list(parts)
    }

    fn join(&mut self, separator: &str, items: Value<'h>) -> Eval<'h> {
        if !items.is_iterable() {
            return self.raise_text(Kind::TypeError, "can only join an iterable");
        }
        let mut joined = self.builder();
        for (at, item) in self.collect(items)?.into_iter().enumerate() {
            if at > 0 {
                joined.push_str(separator)?;
            }
            match item.plain() {
                Value::Str(text) => joined.push_str(text)?,
                _ => {
                    let text =
                        format_args!("sequence item {at}: expected str instance, {} found", item.type_name());
                    return self.raise(Kind::TypeError, text);
                }
            }
        }
        self.finish(joined).map(Value::Str)
    }

    /// The letters of a text, each once and in their order.
    fn letters(&mut self, text: &str) -> Eval<'h, Vec<char>> {
        self.room(text.len().saturating_mul(size_of::<char>()))?;
        self.steps(text.len() / 16)?;
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        Ok(letters)
    }

    fn expand_tabs(&mut self, text: &str) -> Eval<'h> {
        let mut made = self.builder();
        let mut column = 0;
        for c in text.chars() {
            let width = if c == '\t' { 8 - column % 8 } else { 1 };
            made.fill(if c == '\t' { ' ' } else { c }, width)?;
            column = if matches!(c, '\n' | '\r') { 0 } else { column + width };
        }
        self.finish(made).map(Value::Str)
    }

    fn lines(&mut self, text: &'h str, keep: bool) -> Eval<'h, Buffer<'h, Value<'h>>> {
        let mut lines = self.buffer();
        let mut start = 0;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if !matches!(
                c,
                '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
            ) {
                continue;
            }
            let mut end = at + c.len_utf8();
            if c == '\r' && chars.next_if(|(_, next)| *next == '\n').is_some() {
                end += 1;
            }
            lines.push(Value::Str(&text[start..if keep { end } else { at }]))?;
            start = end;
        }
        if start < text.len() {
            lines.push(Value::Str(&text[start..]))?;
        }
        Ok(lines)
    }
}

pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}
