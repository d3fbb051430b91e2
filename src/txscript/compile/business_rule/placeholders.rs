//! The text of a business rule as Python can read it: every character stays where it is.
//!
//! `{x}` is a set display already; `{x, default=0}` becomes the dict display `{x:         0}`; `xor`, which Python does
//! not have, becomes `or ` and is remembered.

/// A rule's text, readable as a Python expression.
pub(in super::super) struct Plain {
    pub(in super::super) text: String,
    /// Where an `or` was an `xor`, in bytes.
    pub(super) xors: Vec<usize>,
}

pub(in super::super) fn plain(source: &str) -> Plain {
    let mut bytes = source.as_bytes().to_vec();
    let mut xors = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => at = after_text(&bytes, at, quote),
            bracket @ (b'{' | b'(' | b'[') => open.push(bracket),
            b'}' | b')' | b']' => {
                open.pop();
            }
            b',' if open.last() == Some(&b'{') => {
                if let Some(end) = after_default(&bytes, at + 1) {
                    bytes[at..end].fill(b' ');
                    bytes[at] = b':';
                }
            }
            b'\n' | b'\r' | b'\t' => bytes[at] = b' ',
            b'x' if bytes[at..].starts_with(b"xor")
                && open.last() != Some(&b'{')
                && is_whole_word(&bytes, at, at + 3) =>
            {
                bytes[at..at + 3].copy_from_slice(b"or ");
                xors.push(at);
            }
            _ => {}
        }
        at += 1;
    }
    // Only ASCII was replaced, by ASCII.
    Plain { text: String::from_utf8(bytes).unwrap_or_default(), xors }
}

/// The last byte of a quoted text that begins at `start`.
fn after_text(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// Behind `default =`, where that is what stands here.
fn after_default(bytes: &[u8], from: usize) -> Option<usize> {
    let blanks =
        |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let word = blanks(from);
    let rest = bytes[word..].strip_prefix(b"default")?;
    let equals = blanks(bytes.len() - rest.len());
    (bytes.get(equals) == Some(&b'=') && bytes.get(equals + 1) != Some(&b'=')).then_some(equals + 1)
}

fn is_whole_word(bytes: &[u8], from: usize, to: usize) -> bool {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let before = from.checked_sub(1).and_then(|at| bytes.get(at));
    !before.is_some_and(in_word) && !bytes.get(to).is_some_and(in_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(source: &str, text: &str) {
        let plain = plain(source);
        assert_eq!(plain.text, text);
        assert_eq!(plain.text.len(), source.len(), "nothing moves");
    }

    #[test]
    fn only_what_python_cannot_read_is_rewritten() {
        becomes("{a} == {b}", "{a} == {b}");
        becomes("len({a, default=0})", "len({a:         0})");
        becomes("{a ,\n default = value('b, default=1')}", "{a :            value('b, default=1')}");
        becomes("f({a}, default={b})", "f({a}, default={b})");
        becomes("{a} xor {xor} xor \"xor\" xor(xoris)", "{a} or  {xor} or  \"xor\" or (xoris)");
        becomes("regexp('[0-9]{4,5}\\'{a, default=1}', {č})", "regexp('[0-9]{4,5}\\'{a, default=1}', {č})");
        becomes("\"open {a, default=1}", "\"open {a, default=1}");
        becomes("{a, default==1}", "{a, default==1}");
    }
}
