//! `use = "replace"`: a regular expression on a field, in the header or in every row.

use regex::Regex;

use crate::rossum::{Change, SourcesPlace, Value};

use super::blueprint::{Built, CourierId, Services};
use super::rows::{each_place, field_at};
use super::{Blueprint, Context, Step, StepError, StepFuture};

/// Built by the configuration from `[[hook.step]] use = "replace"`.
pub struct Replace {
    /// Where the text is read.
    pub field: String,
    /// Where the result is written; the field itself if `None`.
    pub target: Option<String>,
    pub pattern: Regex,
    /// In the `regex` crate's form: see [`python_replacement`].
    pub with: String,
    pub validation_sources: Vec<String>,
    pub sources_place: SourcesPlace,
}

impl Blueprint for Replace {
    fn build(self: Box<Self>, _: &Services, _: &CourierId) -> Built {
        Built::step(*self)
    }
}

impl Step for Replace {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(std::future::ready(self.replace(context)))
    }
}

impl Replace {
    fn replace(&self, context: Context<'_>) -> Result<(), StepError> {
        let Some(annotation) = &context.delivery.payload.annotation else {
            return Ok(());
        };
        let journal = &mut context.answer.journal;
        let tree = &journal.tree(annotation);
        each_place(tree, [self.field.as_str()], |place| {
            let Some(source) = place.nodes[0] else {
                return Ok(());
            };
            let target = match &self.target {
                None => source,
                Some(name) => field_at(tree, place.row, name)
                    .ok_or_else(|| StepError::configuration(format!("its data has no field {name}")))?,
            };
            let text = journal.value(tree, source);
            let replaced = self.pattern.replace_all(&text, self.with.as_str());
            if replaced != journal.value(tree, target) {
                let value = Some(Value::Text(replaced.into_owned()));
                let validation_sources = Some(self.validation_sources.clone());
                let sources_place = self.sources_place;
                journal
                    .record(target, Change { value, validation_sources, sources_place, ..Change::default() });
            }
            Ok(())
        })
    }
}

/// Python's replacement syntax, which Rossum's users know (`\1`, `\g<name>`, `\\`), in the `regex` crate's.
pub fn python_replacement(template: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['\\', '$']) {
        out.push_str(&rest[..at]);
        let from = &rest[at..];
        if let Some(after) = from.strip_prefix('$') {
            out.push_str("$$");
            rest = after;
        } else if let Some(after) = from.strip_prefix("\\\\") {
            out.push('\\');
            rest = after;
        } else if let Some(after) = from.strip_prefix("\\g<") {
            let (name, after) = after.split_once('>').ok_or("`\\g<` without its `>`")?;
            out.extend(["${", name, "}"]);
            rest = after;
        } else {
            let after = &from[1..];
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits == 0 {
                return Err(
                    "a `\\` must be followed by a group's number, by `g<name>` or by another `\\`".into()
                );
            }
            out.extend(["${", &after[..digits], "}"]);
            rest = &after[digits..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_replacements_become_the_regex_crates() {
        let cases =
            [("x", "x"), (r"\1-\g<0>", "${1}-${0}"), (r"$5 \\", r"$$5 \"), (r"\g<year>a", "${year}a")];
        for (python, ours) in cases {
            assert_eq!(python_replacement(python).as_deref(), Ok(ours));
        }
        assert!(python_replacement(r"\n").is_err() && python_replacement(r"\g<1").is_err());
    }
}
