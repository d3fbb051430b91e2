//! `use = "checks"`: sums, products, dates, required fields and patterns, in the header and in table rows.
//!
//! Amounts are exact decimals. A check whose fields are columns is made once a row; its message stands at the
//! row's own cell. What `empty` does with fields that hold nothing is each check's choice.

use std::borrow::Cow;

use regex::Regex;
use rust_decimal::Decimal;

use crate::rossum::{Annotation, Journal, MessageType, NodeRef};

use super::rows::{Place, each_place, field_at};
use super::{Answer, Context, Step, StepError, StepFuture, Template};

/// Built by the configuration from `[[hook.step]] use = "checks"`.
pub struct Checks {
    pub checks: Vec<Check>,
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
    Product {
        factors: Vec<String>,
        percent: Vec<String>,
        equals: String,
    },
    /// All values of `columns` in the document add up to all values of `equals`.
    ColumnSum {
        columns: Vec<String>,
        equals: Vec<String>,
    },
    /// From one date to the other it is at least `min` and at most `max` days.
    DaysBetween {
        from: String,
        to: String,
        min: Option<i64>,
        max: Option<i64>,
    },
    /// None of the fields is empty.
    Required { fields: Vec<String> },
    /// Each field that is not empty matches.
    Pattern { fields: Vec<String>, pattern: Regex },
    /// Each field that is not empty has one of these values.
    OneOf {
        fields: Vec<String>,
        allowed: Vec<String>,
    },
}

/// What a sum, product or date check does when a field holds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Empty {
    /// The check is left out.
    #[default]
    Skip,
    /// Nothing counts as 0.
    Zero,
    /// The check fails where a field is there, but holds no number.
    Fail,
}

impl Step for Checks {
    fn run<'c>(&'c self, context: Context<'c>) -> StepFuture<'c> {
        Box::pin(std::future::ready(self.check(context)))
    }
}

impl Checks {
    fn check(&self, context: Context<'_>) -> Result<(), StepError> {
        let Some(annotation) = &context.delivery.payload.annotation else {
            return Ok(());
        };
        self.checks
            .iter()
            .try_for_each(|check| check.run(annotation, context.answer))
    }
}

/// What a failed check knows, for its message.
struct Failure<'f> {
    /// The text where the configuration gives none.
    default: String,
    /// Values of placeholders that are no schema ids.
    computed: &'f [(&'static str, String)],
}

/// A field's number.
#[derive(Clone, Copy)]
enum Amount {
    Number(Decimal),
    /// No datapoint, or one that holds nothing.
    Empty,
    /// A text that is no number.
    Unreadable(NodeRef),
}

/// What adding or multiplying came to.
enum Total {
    Number(Decimal),
    Skipped,
    Failed,
    Unreadable(NodeRef),
    TooLarge,
}

impl Check {
    fn run(&self, annotation: &Annotation<'_>, answer: &mut Answer) -> Result<(), StepError> {
        match &self.rule {
            Rule::Sum { parts, equals } => {
                let fields = parts.iter().chain(equals).map(String::as_str);
                each_place(annotation, fields, |place| {
                    let (left, right) = place.nodes.split_at(parts.len());
                    let sums = [left, right].map(|side| {
                        self.total(
                            annotation,
                            &answer.journal,
                            side,
                            Decimal::ZERO,
                            Decimal::checked_add,
                        )
                    });
                    self.compare(annotation, answer, place, &sums, &parts.join(" + "), equals);
                    Ok(())
                })
            }
            Rule::Product {
                factors,
                percent,
                equals,
            } => {
                let fields = factors.iter().chain([equals]).map(String::as_str);
                each_place(annotation, fields, |place| {
                    let (left, right) = place.nodes.split_at(factors.len());
                    let start = percent
                        .iter()
                        .fold(Decimal::ONE, |start, _| start * Decimal::new(1, 2));
                    let totals = [
                        self.total(annotation, &answer.journal, left, start, Decimal::checked_mul),
                        self.total(
                            annotation,
                            &answer.journal,
                            right,
                            Decimal::ZERO,
                            Decimal::checked_add,
                        ),
                    ];
                    self.compare(
                        annotation,
                        answer,
                        place,
                        &totals,
                        &factors.join(" × "),
                        std::slice::from_ref(equals),
                    );
                    Ok(())
                })
            }
            Rule::ColumnSum { columns, equals } => {
                let sums =
                    [columns, equals].map(|names| self.column_total(annotation, &answer.journal, names));
                let place = Place {
                    nodes: &[],
                    row: None,
                };
                self.compare(
                    annotation,
                    answer,
                    &place,
                    &sums,
                    &format!("the sum of all {}", columns.join(" + ")),
                    equals,
                );
                Ok(())
            }
            Rule::DaysBetween { from, to, min, max } => {
                each_place(annotation, [from.as_str(), to], |place| {
                    self.days_between(annotation, answer, place, (from, to), (*min, *max));
                    Ok(())
                })
            }
            Rule::Required { fields } => {
                self.each_value(annotation, answer, fields, |text| {
                    text.is_empty().then_some("is required")
                });
                Ok(())
            }
            Rule::Pattern { fields, pattern } => {
                let fails = |text: &str| !text.is_empty() && !pattern.is_match(text);
                let problem = "does not have the expected form";
                self.each_value(annotation, answer, fields, |text| fails(text).then_some(problem));
                Ok(())
            }
            Rule::OneOf { fields, allowed } => {
                let fails = |text: &str| !text.is_empty() && !allowed.iter().any(|one| one == text);
                let problem = "is not one of the allowed values";
                self.each_value(annotation, answer, fields, |text| fails(text).then_some(problem));
                Ok(())
            }
        }
    }

    /// A number from several fields of one place.
    fn total(
        &self,
        annotation: &Annotation<'_>,
        journal: &Journal,
        nodes: &[Option<NodeRef>],
        start: Decimal,
        join: fn(Decimal, Decimal) -> Option<Decimal>,
    ) -> Total {
        let mut total = start;
        for node in nodes {
            let number = match (amount(annotation, journal, *node), self.empty) {
                (Amount::Number(number), _) => number,
                (Amount::Empty, Empty::Skip) => return Total::Skipped,
                (Amount::Empty, Empty::Zero) => Decimal::ZERO,
                (Amount::Empty | Amount::Unreadable(_), Empty::Fail) => return Total::Failed,
                (Amount::Unreadable(node), _) => return Total::Unreadable(node),
            };
            let Some(joined) = join(total, number) else {
                return Total::TooLarge;
            };
            total = joined;
        }
        Total::Number(total)
    }

    /// The sum of all values of some columns in the whole document.
    fn column_total(&self, annotation: &Annotation<'_>, journal: &Journal, columns: &[String]) -> Total {
        let mut total = Decimal::ZERO;
        let mut any = false;
        for node in columns.iter().flat_map(|name| annotation.all(name)) {
            match (amount(annotation, journal, Some(node)), self.empty) {
                (Amount::Number(number), _) => {
                    let Some(sum) = total.checked_add(number) else {
                        return Total::TooLarge;
                    };
                    total = sum;
                    any = true;
                }
                (Amount::Empty, Empty::Skip | Empty::Zero) => {}
                (Amount::Empty | Amount::Unreadable(_), Empty::Fail) => return Total::Failed,
                (Amount::Unreadable(node), _) => return Total::Unreadable(node),
            }
        }
        if any || self.empty != Empty::Skip {
            Total::Number(total)
        } else {
            Total::Skipped
        }
    }

    /// Complains where what was computed is not what the `equals` fields say.
    fn compare(
        &self,
        annotation: &Annotation<'_>,
        answer: &mut Answer,
        place: &Place<'_>,
        totals: &[Total; 2],
        formula: &str,
        equals: &[String],
    ) {
        let on = equals.first().map_or("", String::as_str);
        let said = equals.join(" + ");
        let (default, computed) = match totals {
            [Total::Unreadable(node), _] | [_, Total::Unreadable(node)] => {
                return self.complain_of_text(annotation, answer, *node, "is not a number");
            }
            [Total::Skipped, _] | [_, Total::Skipped] => return,
            [Total::Number(calculated), Total::Number(stated)] => {
                let Some(difference) = stated.checked_sub(*calculated) else {
                    return;
                };
                if difference.abs() <= self.tolerance {
                    return;
                }
                let [calculated, difference] = [*calculated, difference].map(|number| like(number, *stated));
                (
                    format!("{said} is {stated}, but {formula} is {calculated} (difference {difference})."),
                    vec![
                        ("calculated", calculated.to_string()),
                        ("difference", difference.to_string()),
                    ],
                )
            }
            [Total::Failed, _] | [_, Total::Failed] => (
                format!("{said} cannot be compared with {formula}: a value is missing."),
                Vec::new(),
            ),
            [Total::TooLarge, _] | [_, Total::TooLarge] => (
                format!("{said} cannot be compared with {formula}: the numbers are too large."),
                Vec::new(),
            ),
        };
        self.complain(
            annotation,
            answer,
            place.row,
            on,
            &Failure {
                default,
                computed: &computed,
            },
        );
    }

    fn days_between(
        &self,
        annotation: &Annotation<'_>,
        answer: &mut Answer,
        place: &Place<'_>,
        (from, to): (&str, &str),
        (min, max): (Option<i64>, Option<i64>),
    ) {
        let mut dates = [None; 2];
        for (date, node) in dates.iter_mut().zip(place.nodes) {
            *date = node.and_then(|node| answer.journal.date(annotation, node));
            if date.is_some() {
                continue;
            }
            let written = node.filter(|node| !answer.journal.value(annotation, *node).trim().is_empty());
            match (written, self.empty) {
                (Some(node), Empty::Skip | Empty::Zero) => {
                    return self.complain_of_text(annotation, answer, node, "is not a date");
                }
                (_, Empty::Fail) => {
                    let default =
                        format!("The days from {from} to {to} cannot be counted: a date is missing.");
                    return self.complain(
                        annotation,
                        answer,
                        place.row,
                        to,
                        &Failure {
                            default,
                            computed: &[],
                        },
                    );
                }
                (None, _) => return,
            }
        }
        let [Some(first), Some(second)] = dates else {
            return;
        };
        let days = i64::from((second - first).get_days());
        if min.is_none_or(|min| days >= min) && max.is_none_or(|max| days <= max) {
            return;
        }
        let range = match (min, max) {
            (Some(min), Some(max)) => format!("from {min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => return,
        };
        let default = format!("{to} is {days} days after {from}; {range} are expected.");
        let computed = [("days", days.to_string())];
        self.complain(
            annotation,
            answer,
            place.row,
            to,
            &Failure {
                default,
                computed: &computed,
            },
        );
    }

    /// Checks every value of some fields by itself.
    fn each_value(
        &self,
        annotation: &Annotation<'_>,
        answer: &mut Answer,
        fields: &[String],
        wrong: impl Fn(&str) -> Option<&'static str>,
    ) {
        for field in fields {
            let mut nodes = annotation.all(field).peekable();
            if nodes.peek().is_none() && wrong("").is_some() {
                let default = format!("{field} is required.");
                self.complain(
                    annotation,
                    answer,
                    None,
                    field,
                    &Failure {
                        default,
                        computed: &[],
                    },
                );
            }
            for node in nodes {
                let problem = wrong(&answer.journal.value(annotation, node));
                if let Some(problem) = problem {
                    self.complain_at(
                        annotation,
                        answer,
                        Some(node),
                        &Failure {
                            default: format!("{field} {problem}."),
                            computed: &[],
                        },
                    );
                }
            }
        }
    }

    /// A field that should hold a number or a date holds something else: said in our words, since the
    /// configured message is about another mistake.
    fn complain_of_text(
        &self,
        annotation: &Annotation<'_>,
        answer: &mut Answer,
        node: NodeRef,
        problem: &str,
    ) {
        answer.show(
            self.kind,
            Some(node),
            format!("{} {problem}.", annotation.node(node).schema_id),
        );
    }

    fn complain(
        &self,
        annotation: &Annotation<'_>,
        answer: &mut Answer,
        row: Option<NodeRef>,
        field: &str,
        failure: &Failure<'_>,
    ) {
        self.complain_at(annotation, answer, field_at(annotation, row, field), failure);
    }

    fn complain_at(
        &self,
        annotation: &Annotation<'_>,
        answer: &mut Answer,
        node: Option<NodeRef>,
        failure: &Failure<'_>,
    ) {
        let row = node.and_then(|node| annotation.row(node));
        let text = match &self.message {
            None => failure.default.clone(),
            Some(template) => template.render(|name| {
                let computed = failure.computed.iter().find(|(computed, _)| *computed == name);
                computed.map(|(_, value)| value.clone()).or_else(|| {
                    let node = field_at(annotation, row, name)?;
                    Some(answer.journal.value(annotation, node).into_owned())
                })
            }),
        };
        let on = match &self.on {
            Some(field) => field_at(annotation, row, field),
            None => node,
        };
        if self.blocks_automation {
            answer.block_automation(on, text.clone());
        }
        answer.show(self.kind, on, text);
    }
}

/// A number with as many decimals as another has, or as many as it needs: 42.0000 beside 40.00 is 42.00.
fn like(number: Decimal, other: Decimal) -> Decimal {
    let mut number = number.normalize();
    if number.scale() < other.scale() {
        number.rescale(other.scale());
    }
    number
}

fn amount(annotation: &Annotation<'_>, journal: &Journal, node: Option<NodeRef>) -> Amount {
    let Some(node) = node else { return Amount::Empty };
    if let Some(number) = journal.decimal(annotation, node) {
        return Amount::Number(number);
    }
    let text: Cow<'_, str> = journal.value(annotation, node);
    if text.trim().is_empty() {
        Amount::Empty
    } else {
        Amount::Unreadable(node)
    }
}
