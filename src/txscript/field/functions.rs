//! TxScript's own functions.

use crate::rossum::{MessageType, NodeRef};

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::machine::builtins::{Builtin, Function, Type};
use super::super::script::Shown;
use super::super::value::Value;
use super::super::words::Word;

/// How often a text that is shown counts as memory.
const COPIES: usize = 8;

impl<'h> Machine<'h> {
    pub(crate) fn tx_function(
        &mut self,
        function: Function,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        use Function as F;
        let named =
            |name: &str| keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value);
        match (function, positional) {
            (F::IsEmpty, [value]) => self.is_empty(*value),
            (F::IsSet, [value]) => {
                let empty = self.is_empty(*value)?;
                self.truth(empty).map(|empty| Value::Bool(!empty))
            }
            (F::DefaultTo | F::Fallback, [value, default]) => self.default_to(*value, *default),
            (F::DefaultTo | F::Fallback, [value]) if named("default").is_some() => {
                self.default_to(*value, named("default").unwrap_or_default())
            }
            (F::Substitute, _) => {
                self.call_member(super::super::modules::Module::Regex, Word::sub, positional, keywords)
            }
            (F::ShowError, _) => self.show(Some(MessageType::Error), positional, keywords),
            (F::ShowWarning, _) => self.show(Some(MessageType::Warning), positional, keywords),
            (F::ShowInfo, _) => self.show(Some(MessageType::Info), positional, keywords),
            (F::AutomationBlocker, _) => self.show(None, positional, keywords),
            (F::SetOptions, _) => {
                let Some(options) = positional.first().copied().or(named("options")) else {
                    return self.wrong_arguments("set_options", positional.len());
                };
                let copies = self.option_copies(options)?;
                self.output.options = Some(self.json_text(copies)?);
                Ok(Value::None)
            }
            (F::SetStruct, _) => {
                let Some(record) = positional.first().copied().or(named("struct")) else {
                    return self.wrong_arguments("set_struct", positional.len());
                };
                let dict = Value::Builtin(Builtin::Type(Type::Dict));
                let record = self.call(dict, &[record], &[])?;
                self.output.record = Some(self.json_text(record)?);
                Ok(Value::None)
            }
            _ => self.wrong_arguments(function.name(), positional.len()),
        }
    }

    /// What is shown leaves the evaluation: it is escaped and copied on its way, so it counts more than once.
    fn shown(&mut self, content: &str) -> Eval<'h, ()> {
        self.memory(content.len().saturating_mul(COPIES) + size_of::<Shown>())?;
        self.steps(content.len() / 16)
    }

    /// A message, or an automation blocker where it has no kind.
    fn show(
        &mut self,
        kind: Option<MessageType>,
        positional: &[Value<'h>],
        keywords: &[(&'h str, Value<'h>)],
    ) -> Eval<'h> {
        let named =
            |name: &str| keywords.iter().find(|(keyword, _)| *keyword == name).map(|(_, value)| *value);
        let Some(content) = positional.first().copied().or(named("content")) else {
            return self.wrong_arguments("show_error", positional.len());
        };
        let on = positional.get(1).copied().or(named("field")).unwrap_or_default();
        let on = self.node_of(on)?;
        self.too_many_messages()?;
        let content = self.str_of(content)?;
        self.shown(content)?;
        let content = content.to_owned();
        match kind {
            Some(kind) => self.output.shown.push(Shown { kind, on, content }),
            None => self.output.blockers.push((on, content)),
        }
        Ok(Value::None)
    }

    /// The datapoint that a message is about; a whole column has none.
    fn node_of(&mut self, value: Value<'h>) -> Eval<'h, Option<NodeRef>> {
        let document = self.view.document;
        Ok(match value {
            Value::None | Value::Column(_) => None,
            Value::Datapoint(datapoint) => Some(datapoint.node),
            Value::Row(row) => Some(row.node),
            Value::Table(table) => document.tree.first(&document.field(table.field).id),
            other => {
                let text = format_args!("'{}' object has no attribute 'id'", other.type_name());
                return self.raise(Kind::AttributeError, text);
            }
        })
    }
}
