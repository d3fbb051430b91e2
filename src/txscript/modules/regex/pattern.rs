//! Compiled patterns, and where they are kept.

use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};

use super::syntax;

/// How often a look-around or back-reference may step back.
const BACKTRACKS: usize = 200_000;

/// Where a match has to begin and end.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Anywhere,
    Start,
    Whole,
}

/// A compiled pattern; its anchored forms are made when they are asked for.
pub(crate) struct Pattern {
    pub(crate) source: Box<str>,
    flags: i64,
    translated: String,
    /// With a `$` that also fits before a last line break: slower, and only needed for texts that end with one.
    careful: Option<String>,
    forms: [OnceLock<Option<Regex>>; 6],
}

impl Pattern {
    pub(crate) fn new(source: &str, flags: i64) -> Result<Self, String> {
        let translated = syntax::translate(source, flags, false)?;
        let careful = syntax::translate(source, flags, true)?;
        let careful = (careful != translated).then_some(careful);
        let pattern = Self { source: source.into(), flags, translated, careful, forms: Default::default() };
        // What `build` says, in its own words.
        let first = build(&pattern.translated)?;
        let _ = pattern.forms[0].set(Some(first));
        Ok(pattern)
    }

    pub(super) fn form(&self, anchor: Anchor, text: &str) -> Option<&Regex> {
        let careful = self.careful.as_ref().filter(|_| text.ends_with('\n'));
        let body = careful.unwrap_or(&self.translated);
        let place = anchor as usize * 2 + usize::from(careful.is_some());
        let made = self.forms[place].get_or_init(|| {
            let whole = match anchor {
                Anchor::Anywhere => body.clone(),
                Anchor::Start => format!("\\A(?:{body})"),
                Anchor::Whole => format!("\\A(?:{body})\\z"),
            };
            build(&whole).ok()
        });
        made.as_ref()
    }

    pub(super) fn name_of(&self, text: &str) -> Option<usize> {
        let regex = self.form(Anchor::Anywhere, text)?;
        regex.capture_names().position(|name| name.is_some_and(|name| name == text))
    }
}

fn build(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).backtrack_limit(BACKTRACKS).delegate_size_limit(4 << 20).build();
    built.map_err(|error| error.to_string())
}

/// Patterns that only grow: a script's own, and those that one evaluation made.
#[derive(Default)]
pub(crate) struct Patterns(OnceLock<Box<Entry>>);

struct Entry {
    pattern: Pattern,
    rest: Patterns,
}

impl Patterns {
    pub(crate) fn find(&self, source: &str, flags: i64) -> Option<&Pattern> {
        let mut at = self;
        while let Some(entry) = at.0.get() {
            if &*entry.pattern.source == source && entry.pattern.flags == flags {
                return Some(&entry.pattern);
            }
            at = &entry.rest;
        }
        None
    }

    pub(crate) fn add(&self, pattern: Pattern) -> Option<&Pattern> {
        let mut entry = Box::new(Entry { pattern, rest: Self::default() });
        let mut at = self;
        loop {
            match at.0.set(entry) {
                Ok(()) => return at.0.get().map(|entry| &entry.pattern),
                Err(back) => entry = back,
            }
            at = &at.0.get()?.rest;
        }
    }
}
