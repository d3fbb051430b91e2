//! What is wrong with a piece of code, found before it runs.

use std::fmt;

/// A place in a piece of code, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// The line of the code that it is about, and how many characters stand before the place. Of a long line a part.
    pub fn excerpt(&self, source: &str) -> Option<(String, usize)> {
        /// Characters that fit a terminal.
        const WIDTH: usize = 100;
        let line = source.lines().nth((self.line as usize).checked_sub(1)?)?;
        let line: Vec<char> = line.trim_end().chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
        let at = (self.column as usize).saturating_sub(1).min(line.len());
        let indent = line.iter().take_while(|c| **c == ' ').count().min(at);
        let start = if at - indent < WIDTH { indent } else { at - WIDTH / 2 };
        let text: String = line.iter().skip(start).take(WIDTH).collect();
        (!text.trim().is_empty()).then(|| (text, at - start))
    }

    /// With a hint where the code has one `=`, outside of brackets and texts, and no hint yet.
    #[must_use]
    pub fn with_equals(self, code: &str) -> Self {
        let hint = self.hint.or_else(|| {
            has_one_equals(code).then(|| "one `=` gives a value to something: compare with `==`".to_owned())
        });
        Self { hint, ..self }
    }

    /// With a hint where the line has a word of other languages, and no hint yet.
    #[must_use]
    pub fn with_words(self, line: &str) -> Self {
        const WORDS: [(&str, &str); 8] = [
            ("&&", "and"),
            ("||", "or"),
            (" AND ", "and"),
            (" OR ", "or"),
            (" NOT ", "not"),
            ("<>", "!="),
            ("=>", ">="),
            ("=<", "<="),
        ];
        let word = WORDS.iter().find(|(word, _)| line.contains(word));
        let is_not = line.trim_start().starts_with('!') || line.contains(" !") && !line.contains(" !=");
        let hint = self.hint.or_else(|| match word {
            Some((word, python)) => Some(format!("write `{python}` for `{}`", word.trim())),
            None => is_not.then(|| "write `not` for `!`".to_owned()),
        });
        Self { hint, ..self }
    }
}

/// Whether there is an `=` that is no part of `==`, `!=`, `<=`, `>=` or `:=`.
fn has_one_equals(code: &str) -> bool {
    let (mut depth, mut quote, mut before) = (0_usize, None, ' ');
    let mut characters = code.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) => quote = Some(open).filter(|open| *open != c),
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '=') if characters.peek() == Some(&'=') => _ = characters.next(),
            (None, '=') if depth == 0 && !"!<>:+-*/%&|^".contains(before) => return true,
            _ => {}
        }
        before = c;
    }
    false
}

/// Lines of a source text.
pub(super) struct SourceLines<'s> {
    text: &'s str,
    starts: Vec<usize>,
}

impl<'s> SourceLines<'s> {
    pub(super) fn new(text: &'s str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    pub(super) fn problem(&self, offset: usize, message: String, hint: Option<String>) -> Problem {
        let line = self.line(offset);
        let start = self.starts[line as usize - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        let column = u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX);
        Problem { line, column, message, hint }
    }
}
