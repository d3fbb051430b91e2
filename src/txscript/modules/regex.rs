//! `re`: Python's syntax, by a library that knows look-around and back-references.

mod pattern;
mod replace;
mod shape;
mod syntax;

use fancy_regex::{Captures, RegexInput};

use super::super::exception::{Eval, Kind};
use super::super::machine::{Buffer, Machine};
use super::super::types::dict::Special;
use super::super::value::Value;
use super::super::words::Word;
use pattern::Anchor;
pub(crate) use pattern::{Pattern, Patterns};

/// Python's numbers of the flags.
pub(crate) const IGNORECASE: i64 = 2;
const MULTILINE: i64 = 8;
const DOTALL: i64 = 16;
const UNICODE: i64 = 32;
const VERBOSE: i64 = 64;

pub(crate) fn flag(word: Word) -> Option<i64> {
    Some(match word {
        Word::IGNORECASE | Word::I => IGNORECASE,
        Word::MULTILINE | Word::M => MULTILINE,
        Word::DOTALL | Word::S => DOTALL,
        Word::VERBOSE | Word::X => VERBOSE,
        Word::UNICODE | Word::U => UNICODE,
        _ => return None,
    })
}

/// A match.
pub(crate) struct Found<'h> {
    pub(crate) pattern: &'h Pattern,
    pub(crate) text: &'h str,
    /// Bytes of each group.
    groups: &'h [Option<(usize, usize)>],
}

impl<'h> Found<'h> {
    pub(crate) fn group(&self, at: usize) -> Option<&'h str> {
        let (start, end) = (*self.groups.get(at)?)?;
        self.text.get(start..end)
    }

    /// In characters.
    pub(crate) fn span(&self, at: usize) -> Option<(usize, usize)> {
        let (start, end) = (*self.groups.get(at)?)?;
        let before = self.text.get(..start)?.chars().count();
        Some((before, before + self.text.get(start..end)?.chars().count()))
    }

    pub(crate) fn attribute(&self, word: Word) -> Option<Value<'h>> {
        match word {
            Word::string => Some(Value::Str(self.text)),
            Word::re => Some(Value::Pattern(self.pattern)),
            Word::lastindex => {
                let last = self.groups.iter().rposition(Option::is_some).filter(|at| *at > 0);
                Some(last.map_or(Value::None, |at| Value::Int(i64::try_from(at).unwrap_or(0))))
            }
            _ => None,
        }
    }
}

impl<'h> Machine<'h> {
    pub(crate) fn pattern(&mut self, value: Value<'h>, flags: Value<'h>) -> Eval<'h, &'h Pattern> {
        let source = match value.plain() {
            Value::Pattern(pattern) => return Ok(pattern),
            Value::Str(source) => source,
            other => {
                let text = format_args!(
                    "first argument must be string or compiled pattern, not {}",
                    other.type_name()
                );
                return self.raise(Kind::TypeError, text);
            }
        };
        let flags = flags.int().and_then(|flags| i64::try_from(flags).ok()).unwrap_or(0) & !UNICODE;
        if let Some(pattern) = self.patterns.find(source, flags).or_else(|| self.made.find(source, flags)) {
            return Ok(pattern);
        }
        self.steps(source.len() * 64 + 1000)?;
        self.memory(source.len() * 64 + 4096)?;
        let size = Pattern::size(source);
        self.steps(size * 4)?;
        self.memory(size * 100)?;
        match Pattern::new(source, flags) {
            Ok(pattern) => match self.made.add(pattern) {
                Some(pattern) => Ok(pattern),
                None => self.raise_text(Kind::PatternError, "no place for the pattern"),
            },
            Err(problem) => self.raise_text(Kind::PatternError, &problem),
        }
    }

    /// The text that a pattern is tried on.
    fn subject_of(&mut self, pattern: &Pattern, value: Value<'h>) -> Eval<'h, &'h str> {
        let text = self.subject(value)?;
        match pattern.search_steps(text.len()) {
            Some(steps) => self.steps(steps)?,
            None => {
                let text = "the text is too long for this regular expression";
                return self.raise_text(Kind::RuntimeError, text);
            }
        }
        Ok(text)
    }

    fn subject(&mut self, value: Value<'h>) -> Eval<'h, &'h str> {
        match value.plain() {
            Value::Str(text) if !matches!(value, Value::Datapoint(datapoint) if !datapoint.is_text()) => {
                self.steps(text.len() / 16)?;
                Ok(text)
            }
            _ => {
                let text = format_args!("expected string or bytes-like object, got '{}'", value.type_name());
                self.raise(Kind::TypeError, text)
            }
        }
    }

    fn find(
        &mut self,
        pattern: &'h Pattern,
        anchor: Anchor,
        text: &'h str,
        from: usize,
    ) -> Eval<'h, Option<&'h Found<'h>>> {
        self.steps(1 + (text.len() - from.min(text.len())) / 1024)?;
        let Some(regex) = pattern.form(anchor, text) else {
            return self.raise_text(Kind::PatternError, "the pattern is too large when anchored");
        };
        if pattern.is_slow(text) && matches!(anchor, Anchor::Anywhere) {
            let mut at = from;
            while at <= text.len() {
                self.steps(1 + (text.len() - at) / 4096)?;
                match regex.captures_input(RegexInput::new(text).from_pos(at).anchored(true)) {
                    Ok(Some(captures)) => return self.found(pattern, text, &captures).map(Some),
                    Ok(None) => {}
                    Err(_) => return self.steps_back_too_often(),
                }
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
            return Ok(None);
        }
        if regex.captures_len() == 1 {
            // Without groups there is nothing to capture.
            return match regex.find_from_pos(text, from) {
                Ok(None) => Ok(None),
                Ok(Some(whole)) => {
                    self.memory(96)?;
                    let groups = &*self.bump.alloc([Some((whole.start(), whole.end()))]);
                    Ok(Some(self.bump.alloc(Found { pattern, text, groups })))
                }
                Err(_) => self.steps_back_too_often(),
            };
        }
        match regex.captures_from_pos(text, from) {
            Ok(None) => Ok(None),
            Ok(Some(captures)) => self.found(pattern, text, &captures).map(Some),
            Err(_) => self.steps_back_too_often(),
        }
    }

    fn steps_back_too_often<T>(&mut self) -> Eval<'h, T> {
        self.raise_text(Kind::RuntimeError, "the regular expression steps back too often")
    }

    fn found(
        &mut self,
        pattern: &'h Pattern,
        text: &'h str,
        captures: &Captures<'_, str>,
    ) -> Eval<'h, &'h Found<'h>> {
        self.memory(captures.len() * 24 + 64)?;
        let groups = captures.iter().map(|group| group.map(|group| (group.start(), group.end())));
        let groups: Vec<_> = groups.collect();
        let groups = &*self.bump.alloc_slice_copy(&groups);
        Ok(self.bump.alloc(Found { pattern, text, groups }))
    }

    /// All matches that do not overlap, as `finditer` gives them.
    fn find_all(
        &mut self,
        pattern: &'h Pattern,
        text: &'h str,
        most: usize,
    ) -> Eval<'h, Buffer<'h, &'h Found<'h>>> {
        let mut all = self.buffer();
        let mut from = 0;
        while all.len() < most && from <= text.len() {
            let Some(found) = self.find(pattern, Anchor::Anywhere, text, from)? else { break };
            let Some(Some((start, end))) = found.groups.first().copied() else { break };
            all.push(found)?;
            from = if end > start {
                end
            } else {
                end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
            };
        }
        Ok(all)
    }

    pub(super) fn regex_function(
        &mut self,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let named =
            |name: &str| keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value);
        // Where `flags` stands, and how many arguments come before it.
        let place = match word {
            Word::sub | Word::subn => 4,
            Word::split => 3,
            Word::compile => 1,
            _ => 2,
        };
        let flags = positional.get(place).copied().or(named("flags")).unwrap_or_default();
        let Some(first) = positional.first().copied().or(named("pattern")) else {
            return self.wrong_arguments(word.text(), positional.len());
        };
        match word {
            Word::compile => self.pattern(first, flags).map(Value::Pattern),
            Word::escape => {
                let text = self.subject(first)?;
                let mut escaped = self.builder();
                for c in text.chars() {
                    if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c) {
                        escaped.push('\\')?;
                    }
                    escaped.push(c)?;
                }
                self.finish(escaped).map(Value::Str)
            }
            _ => {
                let pattern = self.pattern(first, flags)?;
                let rest = positional.get(1..place.min(positional.len())).unwrap_or_default();
                let mut rest = rest.to_vec();
                // The arguments after the pattern, by name.
                let names: &[&str] = match word {
                    Word::sub | Word::subn => &["repl", "string"],
                    _ => &["string"],
                };
                for name in names.iter().skip(rest.len()) {
                    rest.extend(named(name));
                }
                self.pattern_method(pattern, word, &rest, keywords)
            }
        }
    }

    pub(crate) fn pattern_method(
        &mut self,
        pattern: &'h Pattern,
        word: Word,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let number = |at: usize, name: &str| {
            let named = keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value);
            let value = positional.get(at).copied().or(named);
            value.and_then(Value::int).and_then(|int| usize::try_from(int).ok())
        };
        match (word, positional) {
            (Word::search | Word::match_ | Word::fullmatch, [text, ..]) => {
                let text = self.subject_of(pattern, *text)?;
                let anchor = match word {
                    Word::search => Anchor::Anywhere,
                    Word::match_ => Anchor::Start,
                    _ => Anchor::Whole,
                };
                Ok(self.find(pattern, anchor, text, 0)?.map_or(Value::None, Value::Match))
            }
            (Word::finditer, [text]) => {
                let text = self.subject_of(pattern, *text)?;
                let all = self.find_all(pattern, text, usize::MAX)?;
                let mut matches = self.buffer();
                all.into_iter().try_for_each(|found| matches.push(Value::Match(found)))?;
                let list = self.list(matches)?;
                self.iterate(list)
            }
            (Word::findall, [text]) => {
                let text = self.subject_of(pattern, *text)?;
                let mut items = self.buffer();
                for found in self.find_all(pattern, text, usize::MAX)? {
                    let group = |at: usize| Value::Str(found.group(at).unwrap_or_default());
                    items.push(match found.groups.len() {
                        1 => group(0),
                        2 => group(1),
                        many => {
                            let groups: Vec<_> = (1..many).map(group).collect();
                            self.tuple(&groups)?
                        }
                    })?;
                }
                self.list(items)
            }
            (Word::split, [text, ..]) => {
                let text = self.subject_of(pattern, *text)?;
                let most = number(1, "maxsplit").filter(|most| *most > 0).unwrap_or(usize::MAX);
                let mut parts = self.buffer();
                let mut last = 0;
                for found in self.find_all(pattern, text, most)? {
                    let Some(Some((start, end))) = found.groups.first().copied() else { continue };
                    parts.push(Value::Str(text.get(last..start).unwrap_or_default()))?;
                    for at in 1..found.groups.len() {
                        parts.push(found.group(at).map_or(Value::None, Value::Str))?;
                    }
                    last = end;
                }
                parts.push(Value::Str(text.get(last..).unwrap_or_default()))?;
                self.list(parts)
            }
            (Word::sub | Word::subn, [with, text, ..]) => {
                let text = self.subject_of(pattern, *text)?;
                let most = number(2, "count").filter(|most| *most > 0).unwrap_or(usize::MAX);
                let (made, count) = self.substitute(pattern, *with, text, most)?;
                if word == Word::sub {
                    return Ok(Value::Str(made));
                }
                self.tuple(&[Value::Str(made), Value::Int(i64::try_from(count).unwrap_or(i64::MAX))])
            }
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }

    /// `match[index]` and one argument of `match.group`.
    pub(crate) fn group(&mut self, found: &'h Found<'h>, index: Value<'h>) -> Eval<'h> {
        let at = match index.plain() {
            Value::Str(name) => found.pattern.name_of(name),
            other => other.int().and_then(|at| usize::try_from(at).ok()),
        };
        match at.filter(|at| *at < found.groups.len()) {
            Some(at) => Ok(found.group(at).map_or(Value::None, Value::Str)),
            None => self.raise_text(Kind::IndexError, "no such group"),
        }
    }

    pub(crate) fn match_method(
        &mut self,
        found: &'h Found<'h>,
        word: Word,
        positional: &[Value<'h>],
    ) -> Eval<'h> {
        let int = |at: usize| Value::Int(i64::try_from(at).unwrap_or(i64::MAX));
        match (word, positional) {
            (Word::group, []) => self.group(found, Value::Int(0)),
            (Word::group, [index]) => self.group(found, *index),
            (Word::group, many) => {
                let groups =
                    many.iter().map(|index| self.group(found, *index)).collect::<Eval<'h, Vec<_>>>()?;
                self.tuple(&groups)
            }
            (Word::groups, _) => {
                let default = positional.first().copied().unwrap_or_default();
                let groups: Vec<_> =
                    (1..found.groups.len()).map(|at| found.group(at).map_or(default, Value::Str)).collect();
                self.tuple(&groups)
            }
            (Word::groupdict, _) => {
                let default = positional.first().copied().unwrap_or_default();
                let dict = self.new_dict(Special::No)?;
                let Some(regex) = found.pattern.form(Anchor::Anywhere, "") else {
                    return Ok(Value::Dict(dict));
                };
                for (at, name) in regex.capture_names().enumerate() {
                    if let Some(name) = name {
                        let name = self.str(name)?;
                        self.dict_insert(dict, name, found.group(at).map_or(default, Value::Str))?;
                    }
                }
                Ok(Value::Dict(dict))
            }
            (Word::start | Word::end | Word::span, [] | [_]) => {
                let at = match positional.first().map(|index| index.plain()) {
                    Some(Value::Str(name)) => found.pattern.name_of(name),
                    Some(other) => other.int().and_then(|at| usize::try_from(at).ok()),
                    None => Some(0),
                };
                let Some(at) = at.filter(|at| *at < found.groups.len()) else {
                    return self.raise_text(Kind::IndexError, "no such group");
                };
                self.steps(found.text.len() / 256)?;
                let span = found.span(at).map_or([Value::Int(-1); 2], |(start, end)| [int(start), int(end)]);
                match word {
                    Word::start => Ok(span[0]),
                    Word::end => Ok(span[1]),
                    _ => self.tuple(&span),
                }
            }
            _ => self.wrong_arguments(word.text(), positional.len()),
        }
    }
}
