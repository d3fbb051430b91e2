//! Texts from outside as people may see them. A value of a document, a header, a path or a neighbour's words must not
//! move the cursor, paint or rename the terminal, hide what stands beside it, or forge a line of its own.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io;

/// A text whose unseen characters are written out, `\u001b`, as JSON writes them: JSON that goes through it means the
/// same afterwards. Line feeds and tabs stay.
pub struct Plain<T>(pub T);

/// As [`Plain`], in one line: line feeds and tabs are written out, too.
pub struct Line<T>(pub T);

impl<T: fmt::Display> fmt::Display for Plain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Neutral { out: f, keeps: &['\n', '\t'] }, "{}", self.0)
    }
}

impl<T: fmt::Display> fmt::Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Neutral { out: f, keeps: &[] }, "{}", self.0)
    }
}

/// Lines for people. Each begins where [`Lines::add`] was called, and nowhere else: no text from outside makes one of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines(Vec<String>);

impl Lines {
    /// One line.
    pub fn of(line: impl fmt::Display) -> Self {
        Self(vec![Line(line).to_string()])
    }

    /// What is said, an empty line, and what to do about it.
    pub fn hinted(what: impl fmt::Display, hint: impl fmt::Display) -> Self {
        let mut lines = Self::of(what);
        lines.add("");
        lines.add(format_args!("hint: {hint}"));
        lines
    }

    /// One more line, whatever the text holds.
    pub fn add(&mut self, line: impl fmt::Display) {
        self.0.push(Line(line).to_string());
    }

    /// JSON over several lines: its texts stay within theirs.
    pub fn add_json(&mut self, json: &serde_json::Value) {
        self.0.extend(format!("{json:#}").lines().map(|line| Line(line).to_string()));
    }

    /// The lines of another.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// A document on its way to a terminal, with what acts written out. Line feeds and tabs stay: nothing of ours is beside it.
pub struct Seen<W: io::Write> {
    out: W,
    /// A line without its end: it may end in the midst of a character.
    begun: Vec<u8>,
}

impl<W: io::Write> Seen<W> {
    pub fn new(out: W) -> Self {
        Self { out, begun: Vec::new() }
    }

    fn put(&mut self, rest: Vec<u8>) -> io::Result<()> {
        let whole = std::mem::replace(&mut self.begun, rest);
        self.out.write_all(Plain(String::from_utf8_lossy(&whole)).to_string().as_bytes())
    }
}

impl<W: io::Write> io::Write for Seen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        if let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.begun.split_off(end + 1);
            self.put(rest)?;
        }
        Ok(bytes.len())
    }

    /// What a line began with is shown as it is so far.
    fn flush(&mut self) -> io::Result<()> {
        self.put(Vec::new())?;
        self.out.flush()
    }
}

struct Neutral<'o, W> {
    out: &'o mut W,
    keeps: &'static [char],
}

impl<W: fmt::Write> fmt::Write for Neutral<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.out.write_str(text);
        }
        let mut rest = text;
        while let Some(at) = rest.find(|c| is_unseen(c) && !self.keeps.contains(&c)) {
            self.out.write_str(&rest[..at])?;
            let Some(unseen) = rest[at..].chars().next() else { break };
            for unit in unseen.encode_utf16(&mut [0; 2]) {
                write!(self.out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + unseen.len_utf8()..];
        }
        self.out.write_str(rest)
    }
}

/// Whether a character acts instead of being seen: the controls (C0, C1), what turns the direction of writing, what is
/// invisible. The joiners that some scripts and emoji are written with stay.
fn is_unseen(c: char) -> bool {
    !c.is_ascii_graphic()
        && (c.is_control()
            || matches!(c,
                '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'))
}

/// A text as one word of a command that is pasted into a shell.
pub fn quoted(text: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let text = Line(text).to_string(); // a line feed would end the command
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

/// A number of things, in words: `1 record`, `2 records`.
pub fn counted(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_written_out_and_what_is_seen_stays() {
        let hostile = "a\u{1b}[31m\u{9b}2J\u{7}\r\n\tb\u{202e}c\u{2066}\u{feff}\u{e0041}\u{7f}é😀가";
        assert_eq!(
            Plain(hostile).to_string(),
            "a\\u001b[31m\\u009b2J\\u0007\\u000d\n\tb\\u202ec\\u2066\\ufeff\\udb40\\udc41\\u007fé😀가"
        );
        assert_eq!(Line("a\n\tb").to_string(), "a\\u000a\\u0009b");
        let family = "👨\u{200d}👩 نمی\u{200c}خواهم";
        assert_eq!(Line(family).to_string(), family);
    }

    #[test]
    fn a_line_is_made_by_us_and_by_nobody_else() {
        let mut lines = Lines::of("a\n✓ all is well");
        lines.add("");
        lines.add_json(&serde_json::json!({"b": "c\n}\u{202e}"}));
        lines.append(Lines::hinted("d\r\n", "e\u{1b}[2J"));
        assert_eq!(
            lines.to_string(),
            "a\\u000a✓ all is well\n\n{\n  \"b\": \"c\\n}\\u202e\"\n}\nd\\u000d\\u000a\n\nhint: e\\u001b[2J"
        );
    }

    #[test]
    fn a_document_is_seen_whole_however_it_comes() {
        use std::io::Write as _;
        let whole = "é\u{1b}[31m\n\u{202e}x\u{9b}\n가";
        for size in 1..=whole.len() {
            let mut out = Vec::new();
            let mut seen = Seen::new(&mut out);
            whole.as_bytes().chunks(size).for_each(|chunk| seen.write_all(chunk).unwrap());
            seen.flush().unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), "é\\u001b[31m\n\\u202ex\\u009b\n가", "{size}");
        }
    }

    #[test]
    fn json_means_the_same_afterwards() {
        for unit in (0..=0x10_ffff).filter_map(char::from_u32) {
            let json = serde_json::Value::from(format!("x{unit}y"));
            let shown = Plain(&json).to_string();
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
                json,
                "{:x}",
                u32::from(unit)
            );
        }
    }

    #[test]
    fn a_shell_reads_one_word() {
        assert_eq!(quoted("https://a.example/x"), "https://a.example/x");
        for text in ["", "a b", "$(id)", "a'b", "a;b", "~", "https://a.example/x?a=1&b=2", "`id`", "#", "*"] {
            let command = format!("printf %s {}", quoted(text));
            let done = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8(done.stdout).unwrap(), text, "{command}");
        }
        assert!(!quoted("a\nb").contains('\n'));
    }
}
