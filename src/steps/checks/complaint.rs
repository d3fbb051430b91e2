//! What a person reads when a check fails, and at which field.

use std::borrow::Cow;

use crate::rossum::NodeRef;

use super::super::rows::{held_at, row_of, text_at};
use super::{Check, Document};

/// What a failed check knows, for its message.
pub(super) struct Failure<'f> {
    /// The text where the configuration gives none.
    pub(super) default: String,
    /// Values of placeholders that are no schema ids.
    pub(super) computed: &'f [(&'static str, String)],
}

impl Check {
    /// Complains at a field of a place: the row's own cell, else the header's.
    pub(super) fn complain(
        &self,
        document: &mut Document<'_>,
        row: Option<NodeRef>,
        field: &str,
        failure: &Failure<'_>,
    ) {
        let node = held_at(document.tree, row, field).place();
        self.complain_in(document, row, node, failure);
    }

    pub(super) fn complain_at(
        &self,
        document: &mut Document<'_>,
        node: Option<NodeRef>,
        failure: &Failure<'_>,
    ) {
        let row = node.and_then(|node| row_of(document.tree, node));
        self.complain_in(document, row, node, failure);
    }

    fn complain_in(
        &self,
        document: &mut Document<'_>,
        row: Option<NodeRef>,
        node: Option<NodeRef>,
        failure: &Failure<'_>,
    ) {
        let tree = document.tree;
        let text = match &self.message {
            None => failure.default.clone(),
            Some(template) => template.render(|name| {
                let computed = failure.computed.iter().find(|(computed, _)| *computed == name);
                computed
                    .map(|(_, value)| value.clone())
                    .or_else(|| text_at(tree, &document.answer.journal, row, name))
            }),
        };
        self.say(document, row, node, &text);
    }

    /// Shows a text at the field that the configuration names, or else there.
    pub(super) fn say(
        &self,
        document: &mut Document<'_>,
        row: Option<NodeRef>,
        node: Option<NodeRef>,
        text: &str,
    ) {
        let tree = document.tree;
        let on = match &self.on {
            Some(field) => held_at(tree, row, field).place(),
            None => node,
        };
        if self.blocks_automation {
            document.answer.block_automation(on, text);
        }
        document.answer.show(self.kind, on, text);
    }

    /// A field that should hold a number or a date holds something else: said in our words, since the
    /// configured message is about another mistake.
    pub(super) fn complain_of_text(&self, document: &mut Document<'_>, node: NodeRef, problem: &str) {
        let field = &document.tree.node(node).schema_id;
        document.answer.show(self.kind, Some(node), format!("{field} {problem}."));
    }
}

impl Document<'_> {
    /// A datapoint's text as the steps so far left it.
    pub(super) fn text(&self, node: NodeRef) -> Cow<'_, str> {
        self.answer.journal.value(self.tree, node)
    }
}
