//! Compiled patterns, and where they are kept.

use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};

use super::shape::Shape;
use super::syntax;

/// How often a look-around or back-reference may step back.
const BACKTRACKS: usize = 200_000;
/// The same in a long text, where each may look at all that is left, and from one place: the next begins anew.
const SLOW_BACKTRACKS: usize = 20_000;
/// Up to which length a text is short.
const SHORT: usize = 2_048;

/// The size beyond which no pattern is made: what is counted for one that is refused.
const LARGEST: usize = 50_000;
/// Places in the pattern times characters of the text: half a second at worst, some milliseconds as a rule.
const MOST_LOOKS: usize = 1 << 27;
/// The longest text for a pattern with look-around or back-references, and for one that repeats them: there each
/// character may cost a look at all others.
const LONGEST_STEPPED: usize = 1 << 16;
const LONGEST_REPEATED: usize = 1 << 14;

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
    shape: Shape,
    translated: String,
    /// With a `$` that also fits before a last line break: slower, and only needed for texts that end with one.
    careful: Option<String>,
    forms: [OnceLock<Option<Regex>>; 12],
}

impl Pattern {
    pub(crate) fn new(source: &str, flags: i64) -> Result<Self, String> {
        let translated = syntax::translate(source, flags, false)?;
        let careful = syntax::translate(source, flags, true)?;
        let careful = (careful != translated).then_some(careful);
        let shape = Shape::of(&translated);
        let pattern =
            Self { source: source.into(), flags, shape, translated, careful, forms: Default::default() };
        // What `build` says, in its own words.
        let first = build(&pattern.translated, BACKTRACKS)?;
        let _ = pattern.forms[0].set(Some(first));
        Ok(pattern)
    }

    /// The steps that a search of a text is worth; none where the text is too long for it.
    pub(super) fn search_steps(&self, length: usize) -> Option<usize> {
        let longest = if self.shape.repeats_that {
            LONGEST_REPEATED
        } else if self.shape.steps_back {
            LONGEST_STEPPED
        } else {
            usize::MAX
        };
        let looks = usize::try_from(self.shape.states).unwrap_or(usize::MAX).saturating_mul(length);
        if length > longest || looks > MOST_LOOKS {
            return None;
        }
        let stepped = if self.shape.repeats_that { length.saturating_mul(length) / 256 } else { 0 };
        Some((looks / 64).saturating_add(stepped))
    }

    /// How large it is, before it is made: about a hundred bytes each.
    pub(super) fn size(source: &str) -> usize {
        usize::try_from(Shape::of(source).size).unwrap_or(usize::MAX).min(LARGEST)
    }

    /// Whether a search has to be made place by place, so that the clock is looked at in between.
    pub(super) fn is_slow(&self, text: &str) -> bool {
        self.shape.steps_back && text.len() > SHORT
    }

    pub(super) fn form(&self, anchor: Anchor, text: &str) -> Option<&Regex> {
        let careful = self.careful.as_ref().filter(|_| text.ends_with('\n'));
        let body = careful.unwrap_or(&self.translated);
        let is_slow = self.is_slow(text);
        let place = anchor as usize * 4 + usize::from(careful.is_some()) * 2 + usize::from(is_slow);
        let made = self.forms[place].get_or_init(|| {
            let whole = match anchor {
                Anchor::Anywhere => body.clone(),
                Anchor::Start => format!("\\A(?:{body})"),
                Anchor::Whole => format!("\\A(?:{body})\\z"),
            };
            build(&whole, if is_slow { SLOW_BACKTRACKS } else { BACKTRACKS }).ok()
        });
        made.as_ref()
    }

    pub(super) fn name_of(&self, text: &str) -> Option<usize> {
        let regex = self.form(Anchor::Anywhere, text)?;
        regex.capture_names().position(|name| name.is_some_and(|name| name == text))
    }
}

fn build(pattern: &str, backtracks: usize) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).backtrack_limit(backtracks).delegate_size_limit(4 << 20).build();
    built.map_err(|error| error.to_string())
}

/// Patterns that only grow: a script's own, and those that one evaluation made.
#[derive(Default)]
pub(crate) struct Patterns(OnceLock<Box<Entry>>);

/// One after the other: thousands within each other would take more stack than there is.
impl Drop for Patterns {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut entry) = next {
            next = entry.rest.0.take();
        }
    }
}

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
