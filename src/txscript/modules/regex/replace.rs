//! Replacement templates: `\1`, `\g<name>`, `\n`.

use super::super::super::exception::{Eval, Kind};
use super::super::super::machine::{Machine, TextBuilder};
use super::super::super::value::Value;
use super::{Found, Pattern};

enum Part<'t> {
    Text(&'t str),
    Char(char),
    Group(usize),
}

impl<'h> Machine<'h> {
    pub(super) fn substitute(
        &mut self,
        pattern: &'h Pattern,
        with: Value<'h>,
        text: &'h str,
        most: usize,
    ) -> Eval<'h, (&'h str, usize)> {
        let template = match with.plain() {
            Value::Str(template) => {
                self.steps(template.len() / 16)?;
                // Two characters may be two parts.
                self.room(template.len().saturating_mul(2 * size_of::<Part<'_>>()))?;
                match parts(template, pattern) {
                    Ok(parts) => Some(parts),
                    Err(problem) => return self.raise_text(Kind::PatternError, &problem),
                }
            }
            Value::Function(_) | Value::Builtin(_) | Value::Method(_) | Value::Partial(_) => None,
            other => {
                let text = format_args!("expected str instance, {} found", other.type_name());
                return self.raise(Kind::TypeError, text);
            }
        };
        let all = self.find_all(pattern, text, most)?;
        if all.is_empty() {
            return Ok((text, 0));
        }
        let mut made = self.builder();
        let mut last = 0;
        for found in all.iter() {
            let Some((start, end)) = found.groups[0] else { continue };
            made.push_str(text.get(last..start).unwrap_or_default())?;
            last = end;
            match &template {
                Some(parts) => {
                    self.steps(parts.len() / 8)?;
                    fill(parts, found, &mut made)?;
                }
                None => match self.call(with, &[Value::Match(found)], &[])?.plain() {
                    Value::Str(part) => made.push_str(part)?,
                    other => {
                        let text = format_args!("expected str instance, {} found", other.type_name());
                        return self.raise(Kind::TypeError, text);
                    }
                },
            }
        }
        made.push_str(text.get(last..).unwrap_or_default())?;
        Ok((self.finish(made)?, all.len()))
    }
}

fn fill<'h>(parts: &[Part<'_>], found: &Found<'_>, made: &mut TextBuilder<'h>) -> Eval<'h, ()> {
    for part in parts {
        match part {
            Part::Text(text) => made.push_str(text)?,
            Part::Char(c) => made.push(*c)?,
            Part::Group(at) => made.push_str(found.group(*at).unwrap_or_default())?,
        }
    }
    Ok(())
}

fn parts<'t>(template: &'t str, pattern: &Pattern) -> Result<Vec<Part<'t>>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('\\') {
        parts.push(Part::Text(&rest[..at]));
        let tail = &rest[at + 1..];
        let position = template.len() - tail.len() - 1;
        let Some(c) = tail.chars().next() else {
            return Err(format!("bad escape (end of pattern) at position {position}"));
        };
        let mut taken = c.len_utf8();
        match c {
            'g' => {
                let name =
                    tail.strip_prefix("g<").and_then(|name| name.split_once('>')).map(|(name, _)| name);
                let Some(name) = name else {
                    return Err(format!("missing group name at position {}", position + 2));
                };
                taken = name.len() + 3;
                let group = name.parse().ok().or_else(|| pattern.name_of(name));
                let Some(group) = group else { return Err(format!("unknown group name '{name}'")) };
                parts.push(Part::Group(group));
            }
            '1'..='9' => {
                taken = tail.bytes().take(2).take_while(u8::is_ascii_digit).count();
                parts.push(Part::Group(tail[..taken].parse().unwrap_or(0)));
            }
            '0' => parts.push(Part::Char('\0')),
            'n' => parts.push(Part::Char('\n')),
            't' => parts.push(Part::Char('\t')),
            'r' => parts.push(Part::Char('\r')),
            'f' => parts.push(Part::Char('\u{c}')),
            'v' => parts.push(Part::Char('\u{b}')),
            'a' => parts.push(Part::Char('\u{7}')),
            '\\' => parts.push(Part::Char('\\')),
            c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c} at position {position}")),
            c => {
                parts.push(Part::Char('\\'));
                parts.push(Part::Char(c));
            }
        }
        rest = &tail[taken..];
    }
    parts.push(Part::Text(rest));
    let groups =
        pattern.form(super::pattern::Anchor::Anywhere, "").map_or(0, fancy_regex::Regex::captures_len);
    for part in &parts {
        if let Part::Group(at) = part
            && *at >= groups
        {
            return Err(format!("invalid group reference {at}"));
        }
    }
    Ok(parts)
}
