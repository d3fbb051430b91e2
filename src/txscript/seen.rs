//! What an expression saw: the values of its parts, as Python shows them. For people who ask why it came to its result.

use std::time::{Duration, Instant};

use crate::rossum::shorten;

use super::compile::parts;
use super::field::Document;
use super::machine::limits::Limits;
use super::script::{Row, Script};

/// Each part of it that is worth a look, compiled.
pub(super) type Parts = Vec<(String, Script)>;

const ALL: &str = ".all_values";
/// Parts of one expression.
const MOST: usize = 24;
/// A part takes no more than this of anything: it explains, it decides nothing.
const SHORT: Limits =
    Limits { steps: 100_000, memory: 4 << 20, depth: 50, time: Duration::from_millis(20), messages: 100 };

impl Script {
    fn parts(&self) -> &Parts {
        self.seen.get_or_init(|| {
            let texts = if self.is_business_rule {
                self.fields
                    .iter()
                    .map(|field| {
                        let tail = if field.by_row { "" } else { ALL };
                        format!("field.{}{tail}", field.id)
                    })
                    .collect()
            } else {
                parts(&self.source)
            };
            // A column as such has no value to show.
            let compiled = |text: String| {
                let shown = if text.ends_with(ALL) { format!("list({text})") } else { text.clone() };
                Some((text, Self::new("part", &shown).ok()?))
            };
            texts.into_iter().take(MOST).filter_map(compiled).collect()
        })
    }

    /// Each part's text and its value, or the error that it gives; those that come after the deadline are left out.
    pub fn saw(&self, document: &Document<'_>, row: Row<'_>, deadline: Instant) -> Vec<(&str, String)> {
        let value = |script: &Self| match script.run(document, row, SHORT).0 {
            Ok(outcome) => shorten(outcome.repr),
            Err(failure) => failure.text,
        };
        let in_time = self.parts().iter().take_while(|_| Instant::now() < deadline);
        in_time.map(|(text, script)| (text.as_str(), value(script))).collect()
    }

    /// As it stands in the configuration.
    pub fn source(&self) -> &str {
        &self.source
    }
}
