//! `use = "replace"`: a regular expression on a field, in the header or in every row.

use regex::Regex;

use crate::rossum::{Change, SourcesPlace, Value};

use super::blueprint::{Built, CourierId, Services};
use super::rows::{Filled, each_place, may_be_absent};
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
        let answer = context.answer;
        let journal = &mut answer.journal;
        let tree = &journal.tree(annotation);
        let mut filled = Filled::default();
        // The target too: it may be a column, or have several values, where the field has one.
        let names = [self.field.as_str()].into_iter().chain(self.target.as_deref());
        let taken = each_place(tree, names, |place| {
            let [Some(source), others @ ..] = place.nodes else {
                return Ok(());
            };
            let target = match (&self.target, others) {
                (None, _) => *source,
                (Some(_), [Some(target), ..]) => *target,
                (Some(name), _) => return may_be_absent(tree, name),
            };
            if !filled.is_new(target) {
                return Ok(());
            }
            let text = journal.value(tree, *source);
            let replaced = self.pattern.replace_all(&text, self.with.as_str());
            if replaced != journal.value(tree, target) {
                let value = Some(Value::Text(replaced.into_owned()));
                let validation_sources = Some(self.validation_sources.clone());
                let sources_place = self.sources_place;
                journal
                    .record(target, Change { value, validation_sources, sources_place, ..Change::default() });
            }
            Ok(())
        })?;
        answer.first_of.extend(taken.into_iter().chain(filled.said(&self.field)));
        Ok(())
    }
}

/// Python's replacement syntax, which Rossum's users know (`\1`, `\g<name>`, `\\`), in the `regex` crate's.
pub fn python_replacement(template: &str, pattern: Option<&Regex>) -> Result<String, String> {
    // A pattern that is wrong itself has no groups to look for.
    let has = |group: &str| match (pattern, group.parse::<usize>()) {
        (None, _) => true,
        (Some(pattern), Ok(number)) => number < pattern.captures_len(),
        (Some(pattern), Err(_)) => pattern.capture_names().flatten().any(|name| name == group),
    };
    let group = |name: &str| {
        if has(name) { Ok(format!("${{{name}}}")) } else { Err(format!("the pattern has no group `{name}`")) }
    };
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
        } else if let Some(after) = from.strip_prefix("\\$") {
            out.push_str("$$");
            rest = after;
        } else if let Some(after) = from.strip_prefix("\\g<") {
            let (name, after) = after.split_once('>').ok_or("`\\g<` without its `>`")?;
            out.push_str(&group(name)?);
            rest = after;
        } else {
            let after = &from[1..];
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits == 0 {
                return Err(
                    "a `\\` must be followed by a group's number, by `g<name>`, by `$` or by another `\\`"
                        .into(),
                );
            }
            out.push_str(&group(&after[..digits])?);
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
        let pattern = Regex::new("(?<year>[0-9]+)").unwrap();
        let cases = [
            ("x", "x"),
            (r"\1-\g<0>", "${1}-${0}"),
            (r"$5 \\", r"$$5 \"),
            (r"\$2", "$$2"),
            (r"\g<year>a", "${year}a"),
        ];
        for (python, ours) in cases {
            assert_eq!(python_replacement(python, Some(&pattern)).as_deref(), Ok(ours));
        }
        for wrong in [r"\n", r"\g<1", r"\2", r"\g<2>", r"\g<yaer>", r"\g<>"] {
            assert!(python_replacement(wrong, Some(&pattern)).is_err(), "{wrong}");
        }
    }
}
