//! Checks of single values: required, pattern, one of a list.

use crate::rossum::NodeRef;

use super::super::rows::row_of;
use super::complaint::Failure;
use super::{Check, Document};

impl Check {
    /// Checks every value of some fields by itself. A field that the document does not have counts as empty.
    pub(super) fn each_value(
        &self,
        document: &mut Document<'_>,
        fields: &[String],
        problem: &str,
        wrong: impl Fn(Option<NodeRef>, &str) -> bool,
    ) {
        let tree = document.tree;
        for field in fields {
            let failure = || Failure { default: format!("{field} {problem}."), computed: &[] };
            if tree.first(field).is_none() && wrong(None, "") {
                let seen = std::iter::once((field.as_str(), Vec::new()));
                document.look(None, seen, |document| self.complain_at(document, None, &failure()));
            }
            for node in tree.all(field) {
                let seen = std::iter::once((field.as_str(), vec![node]));
                document.look(row_of(tree, node), seen, |document| {
                    if wrong(Some(node), &document.text(node)) {
                        self.complain_at(document, Some(node), &failure());
                    }
                });
            }
        }
    }
}
