//! What the functions of business rules do: the document's values are tried as numbers and dates, an empty one ends
//! the rule or the row.

use std::borrow::Cow;

use annex_decimal::Decimal;
use jiff::ToSpan;
use jiff::civil::Date;

use crate::rossum::Category;

use super::super::code::BinaryOp;
use super::super::exception::{Eval, Kind, Stop};
use super::super::machine::builtins::{Builtin, Function as Python};
use super::super::machine::{Buffer, Machine};
use super::super::modules::Module;
use super::super::modules::regex::IGNORECASE;
use super::super::types::date::field_date;
use super::super::types::dict::Special;
use super::super::value::Value;
use super::super::words::Word;

/// A function that only business rules have. The compiler gives each the arguments it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleFunction {
    /// Of a schema id, and in an aggregation of the row.
    Value,
    Text,
    HasValue,
    /// Whether a function's value is not empty.
    Known,
    /// An aggregation: of what is looked for or `None`, a function of a row, and the schema ids that it names.
    Over(Aggregation),
    Cast,
    Int,
    Number,
    Date,
    /// `filter`.
    Keep,
    Today,
    /// A date, whether backwards, years, months, days.
    Shift,
    Substring,
    Regexp,
    Similarity,
    And,
    Or,
    Xor,
    FloorDivide,
    Modulo,
}

/// What is made of the values of all rows that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregation {
    All,
    Any,
    Sum,
    Min,
    Max,
    Len,
    UniqueLen,
    FirstValue,
    ListContains,
}

impl<'h> Machine<'h> {
    pub(crate) fn rule_function(&mut self, function: RuleFunction, arguments: &[Value<'h>]) -> Eval<'h> {
        use RuleFunction as F;
        match (function, arguments) {
            (F::Value, [Value::Str(id), row @ ..]) => {
                let text = self.filled(id, row.first())?;
                self.cast(text)
            }
            (F::Text, [Value::Str(id), row @ ..]) => self.filled(id, row.first()).map(Value::Str),
            (F::HasValue, [Value::Str(id), row @ ..]) => {
                Ok(Value::Bool(self.held(id, row.first())?.is_some()))
            }
            (F::Known, [function]) => Ok(Value::Bool(self.unless_empty(*function, &[])?.is_some())),
            (F::Over(aggregation), [search, function, names @ ..]) => {
                let values = self.of_rows(*function, names)?;
                self.aggregate(aggregation, values, *search)
            }
            (F::Cast, [Value::Str(text)]) => self.cast(text),
            (F::Int, [value]) => match self.number(*value)? {
                Value::Decimal(decimal) => self.int(decimal.number().truncated()),
                whole => Ok(whole),
            },
            (F::Number, [value]) => self.number(*value),
            (F::Date, [value]) => self.date_of(*value).map(Value::Date),
            (F::Keep, [value, removed]) => {
                let is_removed = match removed {
                    Value::List(_) => self.contains(*removed, *value)?,
                    one => self.equals(*one, *value)?,
                };
                if is_removed { self.skip() } else { Ok(*value) }
            }
            (F::Today, []) => Ok(Value::Date(crate::clock::now_utc().date())),
            (F::Shift, [date, back, years, months, days]) => {
                self.shift(*date, *back, [*years, *months, *days])
            }
            (F::Substring, [Value::Str(search), Value::Str(text)]) => {
                self.steps(text.len() / 16)?;
                Ok(Value::Bool(text.contains(search)))
            }
            (F::Regexp, [pattern, text, ignore_case]) => {
                let flags = if self.truth(*ignore_case)? { IGNORECASE } else { 0 };
                let arguments = [*pattern, *text, Value::Int(flags)];
                let found = self.call_member(Module::Regex, Word::search, &arguments, &[])?;
                Ok(Value::Bool(
                    matches!(found, Value::Match(found) if found.group(0).is_some_and(|text| !text.is_empty())),
                ))
            }
            (F::Similarity, [Value::Str(a), Value::Str(b)]) => {
                // A row of the table for each letter, and a clock that cannot look on meanwhile.
                self.steps(a.len().saturating_mul(b.len()) / 16)?;
                self.room(b.len().saturating_mul(12))?;
                Ok(size(strsim::levenshtein(a, b)))
            }
            (F::And | F::Or | F::Xor, [first, others @ ..]) => {
                let mut all = self.truth(*first)?;
                for other in others {
                    let other = self.truth(*other)?;
                    all = match function {
                        F::And => all && other,
                        F::Or => all || other,
                        _ => all != other,
                    };
                }
                Ok(Value::Bool(all))
            }
            (F::FloorDivide | F::Modulo, [a, b]) => self.floored(function, *a, *b),
            _ => self.wrong_arguments("this function", arguments.len()),
        }
    }

    #[cold]
    fn skip<T>(&mut self) -> Eval<'h, T> {
        self.raise_with(Kind::Skipped, &[])
    }

    /// What a datapoint holds, if there is one and it holds anything.
    fn held(&mut self, id: &str, row: Option<&Value<'h>>) -> Eval<'h, Option<&'h str>> {
        let document = self.view.document;
        let Some(field) = document.schema.find(id) else {
            if document.schema.is_whole() {
                return self.raise(Kind::AttributeError, format_args!("the schema has no field `{id}`"));
            }
            return Ok(None); // a column of an empty table is in no annotation
        };
        let row = match row {
            Some(Value::Int(row)) => usize::try_from(*row).ok(),
            _ => self.view.row_of(field),
        };
        let node = match (document.schema.multivalue_of(field), row) {
            (None, _) => document.tree.first(id),
            (Some(_), Some(row)) => document.column(field).get(row).copied().flatten(),
            (Some(table), None) => {
                let table = &document.field(table).id;
                let text = format_args!("`{id}` is a column of `{table}`, of which no row is looked at here");
                return self.raise(Kind::TypeError, text);
            }
        };
        let Some(node) = node.filter(|_| document.field(field).category == Category::Datapoint) else {
            return Ok(None);
        };
        self.step()?;
        let text = match document.text(node) {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => self.text(&text)?,
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn filled(&mut self, id: &str, row: Option<&Value<'h>>) -> Eval<'h, &'h str> {
        match self.held(id, row)? {
            Some(text) => Ok(text),
            None => self.skip(),
        }
    }

    /// A text as a number or a date, where it is one.
    fn cast(&mut self, text: &'h str) -> Eval<'h> {
        if let Some(decimal) = exact(text) {
            return self.decimal(decimal);
        }
        Ok(field_date(text).map_or(Value::Str(text), Value::Date))
    }

    fn number(&mut self, value: Value<'h>) -> Eval<'h> {
        match value {
            Value::Decimal(_) | Value::Int(_) => Ok(value),
            Value::Bool(bool) => Ok(Value::Int(i64::from(bool))),
            other => {
                let text = format_args!("a value of type {} is not a number", other.type_name());
                self.raise(Kind::ValueError, text)
            }
        }
    }

    fn date_of(&mut self, value: Value<'h>) -> Eval<'h, Date> {
        match value {
            Value::Date(date) => Ok(date),
            other => {
                let text = format_args!("a value of type {} is not a date (YYYY-MM-DD)", other.type_name());
                self.raise(Kind::ValueError, text)
            }
        }
    }

    fn shift(&mut self, date: Value<'h>, back: Value<'h>, parts: [Value<'h>; 3]) -> Eval<'h> {
        let date = self.date_of(date)?;
        let mut numbers = [0_i64; 3];
        for (number, part) in numbers.iter_mut().zip(parts) {
            *number = match self.number(part)? {
                Value::Decimal(decimal) => {
                    let whole = decimal.number().truncated();
                    whole.and_then(|whole| i64::try_from(whole).ok()).unwrap_or(i64::MAX)
                }
                Value::Int(int) => int,
                _ => 0,
            };
            if matches!(back, Value::Bool(true)) {
                *number = number.saturating_neg();
            }
        }
        let [years, months, days] = numbers;
        let span = 0.years().try_years(years).and_then(|span| span.try_months(months));
        let span = span.and_then(|span| span.try_days(days));
        match span.and_then(|span| date.checked_add(span)) {
            Ok(date) => Ok(Value::Date(date)),
            Err(_) => self.raise_text(Kind::OverflowError, "date value out of range"),
        }
    }

    /// `//` and `%` round down, as Python's do.
    fn floored(&mut self, function: RuleFunction, a: Value<'h>, b: Value<'h>) -> Eval<'h> {
        let op = if function == RuleFunction::Modulo { BinaryOp::Modulo } else { BinaryOp::FloorDivide };
        let ((Value::Decimal(_), _) | (_, Value::Decimal(_))) = (a, b) else { return self.binary(op, a, b) };
        let rest = self.binary(BinaryOp::Modulo, a, b)?;
        let is_off = match (rest, self.binary(BinaryOp::Multiply, rest, b)?) {
            (Value::Decimal(_), Value::Decimal(sign)) => sign.number().is_signed() && !sign.is_zero(),
            _ => false,
        };
        let result = if op == BinaryOp::Modulo { rest } else { self.binary(op, a, b)? };
        match (is_off, op) {
            (false, _) => Ok(result),
            (true, BinaryOp::Modulo) => self.binary(BinaryOp::Add, result, b),
            (true, _) => self.binary(BinaryOp::Subtract, result, Value::Int(1)),
        }
    }

    /// What a function of a row gives, or `None` where it met an empty value.
    fn unless_empty(&mut self, function: Value<'h>, row: &[Value<'h>]) -> Eval<'h, Option<Value<'h>>> {
        match self.call(function, row, &[]) {
            Ok(value) => Ok(Some(value)),
            Err(Stop::Raised(raised)) if raised.exception.kind == Kind::Skipped => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    /// What a function gives for each row of the table whose columns it names, without rows that have an empty value.
    fn of_rows(&mut self, function: Value<'h>, names: &[Value<'h>]) -> Eval<'h, Buffer<'h, Value<'h>>> {
        let document = self.view.document;
        let mut table = None;
        for name in names {
            let Value::Str(name) = name else { continue };
            let of = document.schema.find(name).and_then(|field| document.schema.multivalue_of(field));
            match (table, of) {
                (Some(known), Some(other)) if known != other => {
                    let [known, other] = [known, other].map(|table| &document.field(table).id);
                    let text =
                        format_args!("one aggregation names columns of two tables, `{known}` and `{other}`");
                    return self.raise(Kind::TypeError, text);
                }
                (None, of) => table = of,
                _ => {}
            }
        }
        // Header fields are a table of one row.
        let count = table.map_or(1, |table| document.rows(table).len());
        let mut values = self.buffer();
        for row in 0..count {
            if let Some(value) = self.unless_empty(function, &[size(row)])? {
                values.push(value)?;
            }
        }
        Ok(values)
    }

    /// Where no row has a value, an aggregation has none either.
    fn aggregate(
        &mut self,
        aggregation: Aggregation,
        values: Buffer<'h, Value<'h>>,
        search: Value<'h>,
    ) -> Eval<'h> {
        use Aggregation as A;
        let [first, ..] = values[..] else { return self.skip() };
        match aggregation {
            A::All | A::Any => {
                for value in values {
                    if self.truth(value)? == (aggregation == A::Any) {
                        return Ok(Value::Bool(aggregation == A::Any));
                    }
                }
                Ok(Value::Bool(aggregation == A::All))
            }
            A::Sum | A::Min | A::Max => {
                let function = match aggregation {
                    A::Sum => Python::Sum,
                    A::Min => Python::Min,
                    _ => Python::Max,
                };
                let list = self.list(values)?;
                self.call(Value::Builtin(Builtin::Function(function)), &[list], &[])
            }
            A::Len => Ok(size(values.len())),
            A::UniqueLen => {
                let unique = self.new_dict(Special::No)?;
                for value in values {
                    self.dict_insert(unique, value, Value::None)?;
                }
                Ok(size(unique.len()))
            }
            A::FirstValue => Ok(first),
            A::ListContains => {
                let wanted = match search {
                    Value::List(list) => self.copied(&list.borrow())?,
                    one => self.copied(&[one])?,
                };
                let list = self.list(values)?;
                for one in wanted {
                    if self.contains(list, one)? {
                        return Ok(Value::Bool(true));
                    }
                }
                Ok(Value::Bool(false))
            }
        }
    }
}

/// A text that is a number, to all its digits; one with more than fit stays a text.
fn exact(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_shape = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    if !(1..=28).contains(&digits) || !text.bytes().all(is_shape) {
        return None;
    }
    text.parse().ok()
}

fn size<'h>(count: usize) -> Value<'h> {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}
