//! What counts as true.

use super::super::exception::{Eval, Kind};
use super::super::machine::Machine;
use super::super::value::Value;

impl<'h> Machine<'h> {
    pub(crate) fn truth(&mut self, value: Value<'h>) -> Eval<'h, bool> {
        Ok(match value.plain() {
            Value::None => false,
            Value::Bool(bool) => bool,
            Value::Int(int) => int != 0,
            Value::Float(float) => float != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Decimal(decimal) => !decimal.is_zero(),
            Value::Delta(delta) => delta != 0,
            Value::Column(_) => {
                return self.raise_text(Kind::TypeError, super::super::field::COLUMN_IS_AMBIGUOUS);
            }
            Value::AllValues(_) | Value::Values(_) => {
                let text = "Table column does not have a bool value - wrap it in all(), any() or aggregation such as sum()";
                return self.raise_text(Kind::ValueError, text);
            }
            plain => plain.length() != Some(0),
        })
    }
}
