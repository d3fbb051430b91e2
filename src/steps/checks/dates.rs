//! Checks of dates: the days from one to another.

use super::super::rows::Place;
use super::complaint::Failure;
use super::{Check, Document, Empty};

impl Check {
    pub(super) fn days_between(
        &self,
        document: &mut Document<'_>,
        place: &Place<'_>,
        (from, to): (&str, &str),
        (min, max): (Option<i64>, Option<i64>),
    ) {
        let mut dates = [None; 2];
        for (date, node) in dates.iter_mut().zip(place.nodes) {
            *date = node.and_then(|node| document.answer.journal.date(document.tree, node));
            if date.is_some() {
                continue;
            }
            let written = node.filter(|node| !document.text(*node).trim().is_empty());
            match (written, self.empty) {
                (Some(node), Empty::Skip | Empty::Zero) => {
                    return self.complain_of_text(document, node, "is not a date");
                }
                (_, Empty::Fail) => {
                    let default =
                        format!("The days from {from} to {to} cannot be counted: a date is missing.");
                    return self.complain(document, place.row, to, &Failure { default, computed: &[] });
                }
                (None, _) => return document.leave_out("left out: a date is empty"),
            }
        }
        let [Some(first), Some(second)] = dates else {
            return;
        };
        let days = i64::from((second - first).get_days());
        document.computed(|| vec![("days", days.to_string())]);
        if min.is_none_or(|min| days >= min) && max.is_none_or(|max| days <= max) {
            return;
        }
        let range = match (min, max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => return,
        };
        let default = format!("{to} is {days} days after {from}; {range} are expected.");
        let computed = [("days", days.to_string())];
        self.complain(document, place.row, to, &Failure { default, computed: &computed });
    }
}
