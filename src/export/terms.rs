//! Sums in a template: each term of `a + b` goes through a function of ours, which counts what a list in it holds. The template
//! language joins lists without counting, so that `{% set n.x = n.x + n.x %}` in a loop would fill the memory.
//!
//! The text of the template is changed where such a sum stands, and keeps its lines.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// The function that counts a term.
pub(super) const FUNCTION: &str = "__term";
/// Elements of a list that cost as much as an instruction.
const ELEMENTS: u64 = 8;

/// A term of a sum; a list in it is paid for.
pub(super) fn term(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Ok(value);
    }
    if let Some(length) = value.len() {
        state.consume_fuel(1 + u64::try_from(length).unwrap_or(u64::MAX) / ELEMENTS)?;
        return Ok(value);
    }
    // Nobody knows how long it is before it is there.
    let mut all = Vec::new();
    for one in value.try_iter()? {
        state.consume_fuel(1)?;
        all.push(one);
    }
    Ok(Value::from(all))
}

/// The template with each term of its sums in [`FUNCTION`]; those that have a number or a text as a term join no lists.
pub(super) fn counted(source: &str) -> Result<String, Error> {
    if source.contains(FUNCTION) {
        let what = format!("`{FUNCTION}` is not a name for a template's own");
        return Err(Error::new(ErrorKind::SyntaxError, what));
    }
    let marks = marks(source);
    let mut counted = String::with_capacity(source.len() + marks.len() * FUNCTION.len());
    let mut taken = 0;
    for (place, is_begin) in marks {
        counted.push_str(&source[taken..place]);
        if is_begin {
            counted.push_str(FUNCTION);
            counted.push('(');
        } else {
            counted.push(')');
        }
        taken = place;
    }
    counted.push_str(&source[taken..]);
    Ok(counted)
}

/// The place in a template where a place of its counted text stands.
pub(super) fn place_in(source: &str, counted: usize) -> usize {
    let mut added = 0;
    for (place, is_begin) in marks(source) {
        let length = if is_begin { FUNCTION.len() + 1 } else { 1 };
        if place + added + length > counted {
            // What is added itself stands at this place.
            return counted.saturating_sub(added).min(place);
        }
        added += length;
    }
    (counted - added.min(counted)).min(source.len())
}

/// Where something is added, and whether it is the beginning of a term.
fn marks(source: &str) -> Vec<(usize, bool)> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let open = at + found;
        at = match source.as_bytes().get(open + 1) {
            Some(b'#') => source[open..].find("#}").map_or(source.len(), |end| open + end + 2),
            Some(b'{') => Code::new(source, open, "}}").read(&mut marks),
            Some(b'%') => match after_raw(source, open) {
                Some(after) => after,
                None => Code::new(source, open, "%}").read(&mut marks),
            },
            _ => open + 1,
        };
    }
    // What ends at a place stands before what begins there.
    marks.sort_by_key(|(place, is_begin)| (*place, *is_begin));
    marks
}

/// Where a `raw` block that begins here ends: nothing in it is code.
fn after_raw(source: &str, open: usize) -> Option<usize> {
    let word = |text: &str| text.trim_start_matches(['-', '+']).trim_start().to_owned();
    let is_raw = |text: &str| {
        let rest = word(text);
        let rest = rest.strip_prefix("raw").map(str::trim_start);
        rest.is_some_and(|rest| rest.trim_start_matches(['-', '+']).starts_with("%}"))
    };
    if !is_raw(&source[open + 2..]) {
        return None;
    }
    let mut at = open + 2;
    while let Some(found) = source[at..].find("{%") {
        at += found + 2;
        if word(&source[at..]).starts_with("endraw") {
            return Some(source[at..].find("%}").map_or(source.len(), |end| at + end + 2));
        }
    }
    Some(source.len())
}

/// What was read last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// A value may come.
    Operator,
    /// A value ended: a sign after it is one of a sum.
    Value,
    /// `.`, `|` or `is`: the name after it is no word of the language.
    NameFollows,
}

/// The terms of a sum, as far as it was read.
#[derive(Default)]
struct Sum {
    /// Where the term that is read begins, and whether it is a number or a text alone so far.
    term: Option<(usize, bool)>,
    end: usize,
    terms: Vec<(usize, usize)>,
    has_plus: bool,
    has_literal: bool,
}

impl Sum {
    fn extend(&mut self, from: usize, to: usize, is_literal: bool) {
        match &mut self.term {
            Some((_, is_alone)) => *is_alone = false,
            None => self.term = Some((from, is_literal)),
        }
        self.end = to;
    }

    fn end_term(&mut self) {
        if let Some((begin, is_literal)) = self.term.take() {
            self.terms.push((begin, self.end));
            self.has_literal |= is_literal;
        }
    }

    fn close(&mut self, marks: &mut Vec<(usize, bool)>) {
        self.end_term();
        let sum = std::mem::take(self);
        if sum.has_plus && !sum.has_literal && sum.terms.len() > 1 {
            marks.extend(sum.terms.into_iter().flat_map(|(begin, end)| [(begin, true), (end, false)]));
        }
    }
}

/// One `{{ … }}` or `{% … %}`.
struct Code<'s> {
    source: &'s str,
    at: usize,
    close: &'static str,
    /// One for each bracket that is open.
    sums: Vec<Sum>,
    last: Last,
}

impl<'s> Code<'s> {
    fn new(source: &'s str, open: usize, close: &'static str) -> Self {
        Self { source, at: open + 2, close, sums: vec![Sum::default()], last: Last::Operator }
    }

    fn sum(&mut self) -> &mut Sum {
        if self.sums.is_empty() {
            self.sums.push(Sum::default());
        }
        let last = self.sums.len() - 1;
        &mut self.sums[last]
    }

    /// Where the text goes on behind it. What cannot be read is left for the language to tell.
    fn read(mut self, marks: &mut Vec<(usize, bool)>) -> usize {
        let is_statement = self.close == "%}";
        let mut is_first = true;
        if self.source[self.at..].starts_with(['-', '+']) {
            self.at += 1;
        }
        while let Some(first) = self.source[self.at..].chars().next() {
            let rest = &self.source[self.at..];
            if self.sums.len() == 1 {
                let ends = rest.strip_prefix(['-', '+']).unwrap_or(rest).starts_with(self.close);
                if ends || rest.starts_with(self.close) {
                    self.sum().close(marks);
                    return self.at + rest.find(self.close).unwrap_or(0) + 2;
                }
            }
            let from = self.at;
            self.at += length(rest, first);
            let token = &self.source[from..self.at];
            match first {
                c if c.is_whitespace() => continue,
                '(' | '[' | '{' => {
                    let to = self.at;
                    self.sum().extend(from, to, false);
                    self.sums.push(Sum::default());
                    self.last = Last::Operator;
                }
                ')' | ']' | '}' => {
                    self.sum().close(marks);
                    self.sums.pop();
                    let to = self.at;
                    self.sum().extend(from, to, false);
                    self.last = Last::Value;
                }
                '+' | '-' if self.last == Last::Value => {
                    let sum = self.sum();
                    sum.end_term();
                    sum.has_plus |= first == '+';
                    self.last = Last::Operator;
                }
                ',' | ':' | '=' | '<' | '>' | '!' => {
                    self.sum().close(marks);
                    self.last = Last::Operator;
                }
                c if c.is_alphabetic() || c == '_' => {
                    let is_word = matches!(token, "and" | "or" | "not" | "in" | "if" | "else" | "recursive");
                    let opens = is_statement && is_first && self.sums.len() == 1;
                    if (is_word && self.last != Last::NameFollows) || opens {
                        self.sum().close(marks);
                        self.last = Last::Operator;
                    } else {
                        let to = self.at;
                        self.sum().extend(from, to, false);
                        self.last = if token == "is" { Last::NameFollows } else { Last::Value };
                    }
                }
                c => {
                    let is_literal = c.is_ascii_digit() || c == '"' || c == '\'';
                    let to = self.at;
                    self.sum().extend(from, to, is_literal);
                    self.last = match c {
                        '.' | '|' => Last::NameFollows,
                        _ if is_literal => Last::Value,
                        _ => Last::Operator,
                    };
                }
            }
            is_first = false;
        }
        self.source.len()
    }
}

/// Bytes of what begins here: a text, a number, a name, or one sign.
fn length(rest: &str, first: char) -> usize {
    let end_of = |fits: &dyn Fn(char) -> bool| rest.find(|c| !fits(c)).unwrap_or(rest.len());
    match first {
        '"' | '\'' => {
            let mut inside = rest.char_indices().skip(1);
            while let Some((at, c)) = inside.next() {
                match c {
                    '\\' => _ = inside.next(),
                    c if c == first => return at + 1,
                    _ => {}
                }
            }
            rest.len()
        }
        c if c.is_ascii_digit() => {
            let end = end_of(&|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            // The sign of an exponent: 1.5e+3.
            let has_exponent = rest[..end].ends_with(['e', 'E']) && !rest.starts_with("0x");
            let more = rest[end..].strip_prefix(['+', '-']).filter(|_| has_exponent);
            end + more.map_or(0, |more| {
                1 + more.len() - more.trim_start_matches(|c: char| c.is_ascii_digit()).len()
            })
        }
        c if c.is_alphabetic() || c == '_' => end_of(&|c| c.is_alphanumeric() || c == '_'),
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_term_of_a_sum_is_counted_and_nothing_else_changes() {
        let short = |source: &str| counted(source).unwrap().replace(FUNCTION, "T");
        for (source, expected) in [
            ("a + b {{ a + b }}", "a + b {{ T(a) + T(b) }}"),
            ("{%- set n.x = n.x + n.x -%}", "{%- set n.x = T(n.x) + T(n.x) -%}"),
            ("{% for r in a + b if c + d %}", "{% for r in T(a) + T(b) if T(c) + T(d) %}"),
            ("{{ -a * 2 + b|list - c.d[0] }}", "{{ T(-a * 2) + T(b|list) - T(c.d[0]) }}"),
            (
                "{{ (a + b) + f(c + d, x=e + g) }}",
                "{{ T((T(a) + T(b))) + T(f(T(c) + T(d), x=T(e) + T(g))) }}",
            ),
            ("{{ a is not none + b }}", "{{ T(a is not none) + T(b) }}"),
            ("{{ [a + b, c][x + y:z] }}", "{{ [T(a) + T(b), c][T(x) + T(y):z] }}"),
            ("{{ {'k': a + b} }}", "{{ {'k': T(a) + T(b)} }}"),
            ("{{ a == b + c and d or not e + f }}", "{{ a == T(b) + T(c) and d or not T(e) + T(f) }}"),
            ("{{ a ~ b + c ** d }}", "{{ T(a ~ b) + T(c ** d) }}"),
            ("{{ žluť + b -}}", "{{ T(žluť) + T(b) -}}"),
        ] {
            assert_eq!(short(source), expected);
        }
        for same in [
            "{{ loop.index + 1 }} {{ 'a' + b }} {{ a + 1.5e+3 }} {{ a - b }} {{ +a }} {{ - a }}",
            "{# {{ a + b }} #}{% raw %}{{ a + b }}{% endraw %} {{ '}} + {{' }} {{ \"a\\\" + b\" }}",
            "{{ a }}{%+ if a +%} { a + b } {{ a +}}",
            "{{ a + ",
        ] {
            assert_eq!(short(same), same);
        }
        assert!(counted("{{ __term(a) }}").is_err());
    }
}
