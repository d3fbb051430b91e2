//! Checks of amounts: sums and products of one place, sums of whole columns.

use rust_decimal::Decimal;

use crate::rossum::NodeRef;

use super::super::rows::Place;
use super::complaint::Failure;
use super::{Check, Document, Empty};

/// A field's number.
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
    pub(super) fn sum(
        &self,
        document: &mut Document<'_>,
        place: &Place<'_>,
        parts: &[String],
        equals: &[String],
    ) {
        let (left, right) = place.nodes.split_at(parts.len());
        let sums = [left, right].map(|side| self.total(document, side, Decimal::ZERO, Decimal::checked_add));
        self.compare(document, place.row, &sums, &parts.join(" + "), equals);
    }

    pub(super) fn product(
        &self,
        document: &mut Document<'_>,
        place: &Place<'_>,
        factors: &[String],
        percent: &[String],
        equals: &String,
    ) {
        let (left, right) = place.nodes.split_at(factors.len());
        let start = percent.iter().fold(Decimal::ONE, |start, _| start * Decimal::new(1, 2));
        let totals = [
            self.total(document, left, start, Decimal::checked_mul),
            self.total(document, right, Decimal::ZERO, Decimal::checked_add),
        ];
        self.compare(document, place.row, &totals, &factors.join(" × "), std::slice::from_ref(equals));
    }

    pub(super) fn column_sum(&self, document: &mut Document<'_>, columns: &[String], equals: &[String]) {
        let sums = [columns, equals].map(|names| self.column_total(document, names));
        self.compare(document, None, &sums, &format!("the sum of all {}", columns.join(" + ")), equals);
    }

    /// A number from several fields of one place.
    fn total(
        &self,
        document: &Document<'_>,
        nodes: &[Option<NodeRef>],
        start: Decimal,
        join: fn(Decimal, Decimal) -> Option<Decimal>,
    ) -> Total {
        let mut total = start;
        for node in nodes {
            let number = match (document.amount(*node), self.empty) {
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
    fn column_total(&self, document: &Document<'_>, columns: &[String]) -> Total {
        let mut total = Decimal::ZERO;
        let mut any = false;
        for node in columns.iter().flat_map(|name| document.tree.all(name)) {
            match (document.amount(Some(node)), self.empty) {
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
        if any || self.empty != Empty::Skip { Total::Number(total) } else { Total::Skipped }
    }

    /// Complains where what was computed is not what the `equals` fields say.
    fn compare(
        &self,
        document: &mut Document<'_>,
        row: Option<NodeRef>,
        totals: &[Total; 2],
        formula: &str,
        equals: &[String],
    ) {
        let said = equals.join(" + ");
        let (default, computed) = match totals {
            [Total::Unreadable(node), _] | [_, Total::Unreadable(node)] => {
                return self.complain_of_text(document, *node, "is not a number");
            }
            [Total::Skipped, _] | [_, Total::Skipped] => {
                return document.leave_out("left out: a value is empty");
            }
            [Total::Number(calculated), Total::Number(stated)] => {
                let difference = stated.checked_sub(*calculated).unwrap_or(Decimal::MAX);
                document.computed(|| {
                    let [calculated, difference] =
                        [*calculated, difference].map(|number| like(number, *stated).to_string());
                    vec![
                        ("calculated", calculated),
                        ("difference", difference),
                        ("tolerance", self.tolerance.to_string()),
                    ]
                });
                if difference.abs() <= self.tolerance {
                    return;
                }
                let [calculated, difference] = [*calculated, difference].map(|number| like(number, *stated));
                (
                    format!("{said} is {stated}, but {formula} is {calculated} (difference {difference})."),
                    vec![("calculated", calculated.to_string()), ("difference", difference.to_string())],
                )
            }
            [Total::Failed, _] | [_, Total::Failed] => {
                (format!("{said} cannot be compared with {formula}: a value is missing."), Vec::new())
            }
            [Total::TooLarge, _] | [_, Total::TooLarge] => {
                (format!("{said} cannot be compared with {formula}: the numbers are too large."), Vec::new())
            }
        };
        let field = equals.first().map_or("", String::as_str);
        self.complain(document, row, field, &Failure { default, computed: &computed });
    }
}

impl Document<'_> {
    fn amount(&self, node: Option<NodeRef>) -> Amount {
        let Some(node) = node else { return Amount::Empty };
        match self.answer.journal.decimal(self.tree, node) {
            Some(number) => Amount::Number(number),
            None if self.text(node).trim().is_empty() => Amount::Empty,
            None => Amount::Unreadable(node),
        }
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
