//! `use = "checks"`: sums, products, dates, required fields and patterns, in the header and in table rows.
//!
//! Amounts are exact decimals. A check whose fields are columns is made once a row; its message stands at the
//! row's own cell. What `empty` does with fields that hold nothing is each check's choice.

mod amounts;
mod complaint;
mod dates;
mod listed;
mod looked;
mod values;

use std::sync::Arc;

use regex::Regex;
use rust_decimal::Decimal;

use crate::rossum::{GrownTree, MessageType};

use super::blueprint::{Built, CourierId, Needs, Services};
use super::reasons::{Came, Reason};
use super::rows::{FirstOf, Place, each_place};
use super::{Answer, Blueprint, Context, Step, StepError, StepFuture, Template};
pub use listed::Among;
use listed::{Found, Listed, Ready};
use looked::Looked;

/// Built by the configuration from `[[hook.step]] use = "checks"`.
pub struct Checks {
    pub checks: Vec<Check>,
    /// What was said of the files that values are from.
    pub notes: Vec<String>,
}

/// One check and what a person reads when it fails.
pub struct Check {
    pub rule: Rule,
    /// The largest difference that still passes, in the fields' own unit.
    pub tolerance: Decimal,
    pub empty: Empty,
    pub kind: MessageType,
    /// A text of our own if `None`.
    pub message: Option<Template>,
    /// The field that the message stands at, if not the rule's own choice.
    pub on: Option<String>,
    /// Whether a failure also stops automation (an error does so anyway).
    pub blocks_automation: bool,
}

/// What must hold.
pub enum Rule {
    /// The sum of `parts` is the sum of `equals`.
    Sum { parts: Vec<String>, equals: Vec<String> },
    /// The product of `factors` is `equals`; those in `percent` count as hundredths.
    Product { factors: Vec<String>, percent: Vec<String>, equals: String },
    /// All values of `columns` in the document add up to all values of `equals`.
    ColumnSum { columns: Vec<String>, equals: Vec<String> },
    /// From one date to the other it is at least `min` and at most `max` days.
    DaysBetween { from: String, to: String, min: Option<i64>, max: Option<i64> },
    /// None of the fields is empty.
    Required { fields: Vec<String> },
    /// Each field that is not empty matches.
    Pattern { fields: Vec<String>, pattern: Regex },
    /// Each field that is not empty has one of these values.
    OneOf { fields: Vec<String>, allowed: Vec<String> },
    /// Each field that is not empty has a value that is there.
    Listed { fields: Vec<String>, among: Among },
}

/// What a sum, product or date check does when a field holds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Empty {
    /// The check is left out.
    #[default]
    Skip,
    /// Nothing counts as 0; a check of dates is left out.
    Zero,
    /// The check fails where a field is there, but holds no number or date.
    Fail,
}

/// The document that is checked, and the answer so far.
struct Document<'d> {
    tree: &'d GrownTree<'d>,
    answer: &'d mut Answer,
    /// By the check that is made.
    looked: Looked,
}

impl Blueprint for Checks {
    fn needs(&self) -> Needs {
        let asks = |check: &Check| {
            matches!(&check.rule, Rule::Listed { among: Among::Asked { database: Some(_), .. }, .. })
        };
        Needs { neighbours: self.checks.iter().any(asks), notes: self.notes.clone(), ..Needs::default() }
    }

    fn build(self: Box<Self>, services: &Services, _: &CourierId) -> Built {
        Built::step(Ready { checks: *self, store: Arc::clone(&services.store) })
    }
}

impl Step for Ready {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(async move {
            let listed = Listed::find(&self.checks.checks, &self.store, &context).await;
            self.checks.check(context, &listed)
        })
    }
}

impl Checks {
    fn check(&self, context: Context<'_>, listed: &Listed) -> Result<(), StepError> {
        let Some(annotation) = &context.delivery.payload.annotation else {
            return Ok(());
        };
        let tree = &context.answer.journal.tree(annotation);
        let mut document = Document { tree, answer: context.answer, looked: Looked::default() };
        for (at, check) in self.checks.iter().enumerate() {
            if let Some(field) = context.missing.of(check.rule.fields().into_iter()) {
                let says = format!("not checked: the document has no field {field}");
                document
                    .answer
                    .reasons
                    .note(|| Reason::single(check.rule.words(), Came::Failed, says, Vec::new()));
                continue;
            }
            let found = listed.of(at);
            check.run(&mut document, found)?;
            let looked = std::mem::take(&mut document.looked);
            document.answer.reasons.note(|| match found {
                Found::Failed(_) => {
                    let says = "not checked: the lookup failed";
                    Reason::single(check.rule.words(), Came::Failed, says, Vec::new())
                }
                _ => looked.reason(check.rule.words()),
            });
        }
        Ok(())
    }
}

impl Rule {
    /// As people write it.
    fn words(&self) -> String {
        match self {
            Self::Sum { parts, equals } => format!("{} = {}", parts.join(" + "), equals.join(" + ")),
            Self::Product { factors, percent, equals } => {
                let factor = |name: &String| {
                    if percent.contains(name) { format!("{name} %") } else { name.clone() }
                };
                let factors: Vec<_> = factors.iter().map(factor).collect();
                format!("{} = {equals}", factors.join(" × "))
            }
            Self::ColumnSum { columns, equals } => {
                format!("the sum of all {} = {}", columns.join(" + "), equals.join(" + "))
            }
            Self::DaysBetween { from, to, min, max } => {
                let bound =
                    |days: &Option<i64>| days.map_or_else(|| "any".to_owned(), |days| days.to_string());
                format!("{from} to {to}: {} to {} days", bound(min), bound(max))
            }
            Self::Required { fields } => format!("required: {}", fields.join(", ")),
            Self::Pattern { fields, pattern } => format!("{} like {pattern}", fields.join(", ")),
            Self::OneOf { fields, allowed } => format!("{} one of {}", fields.join(", "), allowed.join(", ")),
            Self::Listed { fields, among } => format!("{} in {}", fields.join(", "), among.words()),
        }
    }

    /// What a message can quote beside fields.
    pub fn computed(&self) -> &'static [&'static str] {
        match self {
            Self::Sum { .. } | Self::Product { .. } | Self::ColumnSum { .. } => &["calculated", "difference"],
            Self::DaysBetween { .. } => &["days"],
            Self::Required { .. } | Self::Pattern { .. } | Self::OneOf { .. } | Self::Listed { .. } => &[],
        }
    }

    fn fields(&self) -> Vec<&str> {
        let texts: Vec<&String> = match self {
            Self::Sum { parts: a, equals: b } | Self::ColumnSum { columns: a, equals: b } => {
                a.iter().chain(b).collect()
            }
            Self::Product { factors, equals, .. } => factors.iter().chain([equals]).collect(),
            Self::DaysBetween { from, to, .. } => vec![from, to],
            Self::Required { fields }
            | Self::Pattern { fields, .. }
            | Self::OneOf { fields, .. }
            | Self::Listed { fields, .. } => fields.iter().collect(),
        };
        texts.into_iter().map(String::as_str).collect()
    }
}

impl Check {
    /// `found` is what was found of the values that the check looks up.
    fn run(&self, document: &mut Document<'_>, found: &Found) -> Result<(), StepError> {
        let tree = document.tree;
        let taken = match &self.rule {
            Rule::Sum { parts, equals } => self.each(document, |document, place| {
                self.sum(document, place, parts, equals);
            })?,
            Rule::Product { factors, percent, equals } => self.each(document, |document, place| {
                self.product(document, place, factors, percent, equals);
            })?,
            Rule::DaysBetween { from, to, min, max } => self.each(document, |document, place| {
                self.days_between(document, place, (from, to), (*min, *max));
            })?,
            Rule::ColumnSum { columns, equals } => {
                let fields = self.rule.fields().into_iter().map(|field| (field, tree.all(field).collect()));
                document.look(None, fields, |document| self.column_sum(document, columns, equals));
                Vec::new()
            }
            Rule::Required { fields } => {
                self.each_value(document, fields, "is required", |_, text| is_blank(text));
                Vec::new()
            }
            Rule::Pattern { fields, pattern } => {
                let wrong = |_, text: &str| !text.is_empty() && !pattern.is_match(text);
                self.each_value(document, fields, "does not have the expected form", wrong);
                Vec::new()
            }
            Rule::OneOf { fields, allowed } => {
                let wrong = |_, text: &str| !text.is_empty() && !allowed.iter().any(|one| one == text);
                self.each_value(document, fields, "is not one of the allowed values", wrong);
                Vec::new()
            }
            Rule::Listed { fields, among } => {
                self.listed(document, fields, among, found);
                Vec::new()
            }
        };
        document.answer.first_of.extend(taken);
        Ok(())
    }
}

impl Check {
    /// Makes a check of several fields at each place where they stand together.
    fn each(
        &self,
        document: &mut Document<'_>,
        check: impl Fn(&mut Document<'_>, &Place<'_>),
    ) -> Result<Vec<FirstOf>, StepError> {
        let (tree, fields) = (document.tree, self.rule.fields());
        each_place(tree, fields.iter().copied(), |place| {
            let nodes = place.nodes.iter().map(|node| node.iter().copied().collect());
            let seen = fields.iter().copied().zip(nodes);
            document.look(place.row, seen, |document| check(document, place));
            Ok(())
        })
    }
}

/// Whether a person sees nothing there: no text, blanks, signs without a width.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_blank() {
        for text in ["", "  ", "\u{200b}", "\u{a0}\u{feff}", "\n\t"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["0", " x ", "-"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
