//! A mistake in a configuration file: where it is, what is wrong, what to write instead.

use std::fmt;

use crate::shown::Lines;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub file: String,
    /// From 1; 0 where the mistake is about the file as a whole.
    pub line: usize,
    pub column: usize,
    pub what: String,
    pub hint: Option<String>,
    /// The line of code that it is about, and how many characters stand before the place.
    pub excerpt: Option<(String, usize)>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told(false).fmt(f)
    }
}

impl Mistake {
    /// The place and what is wrong, and below it what to write instead. The line of code may hold what a log or a page must
    /// not: it is shown at a terminal alone.
    fn told(&self, has_code: bool) -> Lines {
        let Self { file, line, column, what, hint, excerpt } = self;
        let mut lines = match line {
            0 => Lines::of(format_args!("{file}: {what}")),
            line => Lines::of(format_args!("{file}:{line}:{column}: {what}")),
        };
        if let Some((code, before)) = excerpt.as_ref().filter(|_| has_code) {
            lines.add(format_args!("    {code}"));
            lines.add(format_args!("    {}^", " ".repeat(*before)));
        }
        if let Some(hint) = hint {
            lines.add(format_args!("  hint: {hint}"));
        }
        lines
    }
}

/// All mistakes of one file, in the order of its lines.
#[derive(Debug)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// For a person at a terminal: those of each mistake, with its line of code.
    pub fn lines(&self) -> Lines {
        self.told(true)
    }

    /// For logs and pages: the same without lines of code.
    pub fn lines_without_code(&self) -> Lines {
        self.told(false)
    }

    fn told(&self, has_code: bool) -> Lines {
        let mut lines = Lines::default();
        self.0.iter().for_each(|mistake| lines.append(mistake.told(has_code)));
        lines
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines_without_code().fmt(f)
    }
}

impl std::error::Error for Mistakes {}
