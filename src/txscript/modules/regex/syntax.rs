//! Python's syntax of regular expressions in that of the library, where they differ.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::CharIndices;

use super::{DOTALL, IGNORECASE, MULTILINE, VERBOSE};

/// The pattern as the library takes it. `careful`: `$` also fits before a last line break, as Python has it.
pub(super) fn translate(source: &str, flags: i64, careful: bool) -> Result<String, String> {
    let letters = [(IGNORECASE, 'i'), (MULTILINE, 'm'), (DOTALL, 's'), (VERBOSE, 'x')];
    let letters: String =
        letters.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, letter)| letter).collect();
    let mut out = String::with_capacity(source.len() + 16);
    if !letters.is_empty() {
        let _ = write!(out, "(?{letters})");
    }
    let multiline = flags & MULTILINE != 0 || leading_flags(source).contains('m');
    let mut chars = source.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => escape(source, at, &mut chars, &mut out)?,
            '[' => class(source, &mut chars, &mut out)?,
            '$' if careful && !multiline => out.push_str("(?=\\n?\\z)"),
            '{' if !is_quantifier(&source[at..]) => out.push_str("\\{"),
            '{' if source[at..].starts_with("{,") => out.push_str("{0"),
            '(' if source[at..].starts_with("(?#") => {
                for (_, c) in chars.by_ref() {
                    if c == ')' {
                        break;
                    }
                }
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// The letters of a `(?im)` at the beginning.
fn leading_flags(source: &str) -> &str {
    let letters = source.strip_prefix("(?").and_then(|rest| rest.split_once(')')).map(|(letters, _)| letters);
    letters.filter(|letters| letters.chars().all(char::is_alphabetic)).unwrap_or_default()
}

fn is_quantifier(text: &str) -> bool {
    let Some((inner, _)) = text[1..].split_once('}') else { return false };
    let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    digits(low) && digits(high) && !(low.is_empty() && (high.is_empty() || !inner.contains(',')))
}

fn escape(
    source: &str,
    at: usize,
    chars: &mut Peekable<CharIndices<'_>>,
    out: &mut String,
) -> Result<(), String> {
    let Some((_, c)) = chars.next() else {
        return Err(format!("bad escape (end of pattern) at position {at}"));
    };
    match c {
        'Z' => out.push_str("\\z"),
        'u' | 'U' | 'x' => hexadecimal(source, at, c, chars, out)?,
        'A'
        | 'b'
        | 'B'
        | 'd'
        | 'D'
        | 's'
        | 'S'
        | 'w'
        | 'W'
        | 'n'
        | 'r'
        | 't'
        | 'f'
        | 'v'
        | 'a'
        | '0'..='9' => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c} at position {at}")),
        c if c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '_') => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_whitespace() => {
            let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
    Ok(())
}

fn hexadecimal(
    source: &str,
    at: usize,
    kind: char,
    chars: &mut Peekable<CharIndices<'_>>,
    out: &mut String,
) -> Result<(), String> {
    let length = match kind {
        'x' => 2,
        'u' => 4,
        _ => 8,
    };
    let digits =
        source.get(at + 2..at + 2 + length).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let Some(digits) = digits else { return Err(format!("incomplete escape \\{kind} at position {at}")) };
    for _ in 0..length {
        chars.next();
    }
    let _ = write!(out, "\\x{{{digits}}}");
    Ok(())
}

/// A character class: inside, Python knows no nesting and no set operators.
fn class(source: &str, chars: &mut Peekable<CharIndices<'_>>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if chars.next_if(|(_, c)| *c == '^').is_some() {
        out.push('^');
    }
    if chars.next_if(|(_, c)| *c == ']').is_some() {
        out.push_str("\\]");
    }
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        match c {
            ']' => {
                out.push(']');
                return Ok(());
            }
            '\\' => match chars.peek() {
                Some((_, 'b')) => {
                    chars.next();
                    out.push_str("\\x08");
                }
                _ => escape(source, at, chars, out)?,
            },
            '[' => out.push_str("\\["),
            '&' | '~' if before == c => {
                out.push('\\');
                out.push(c);
            }
            '-' if before == '-' => out.push_str("\\-"),
            c => out.push(c),
        }
        before = c;
    }
    Err("unterminated character set".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_translated() {
        let cases = [
            (r"^\d{4}$", r"^\d{4}$"),
            (r"a\Z", r"a\z"),
            (r"[[]x]", r"[\[]x]"),
            (r"[]a]", r"[\]a]"),
            (r"{x}", r"\{x}"),
            (r"a{,3}", r"a{0,3}"),
            ("\\<b\\>", "<b>"),
            (r"é\u00e9", r"é\x{00e9}"),
            (r"a(?#note)b", "ab"),
            (r"[a&&b]", r"[a&\&b]"),
        ];
        for (python, ours) in cases {
            assert_eq!(translate(python, 0, false).unwrap(), ours, "{python}");
        }
        assert_eq!(translate("a$", 0, true).unwrap(), r"a(?=\n?\z)");
        assert!(translate("[a", 0, false).is_err());
        assert!(translate(r"\q", 0, false).is_err());
    }
}
