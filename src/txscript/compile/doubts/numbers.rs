//! Numbers that an expression cannot give: `len(x) < 0`, `x % 2 == 5`, `field.date.month == 13`.

use ruff_python_ast as ast;
use ruff_python_ast::{CmpOp, Expr as Syntax, Number, Operator, UnaryOp};
use rust_decimal::Decimal;

use super::super::super::field::FieldType;
use super::Doubts;
use super::known::field_id;

/// What all numbers are that an expression can give.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    least: Option<Decimal>,
    most: Option<Decimal>,
    /// The number that all of them are below.
    below: Option<Decimal>,
    is_whole: bool,
}

impl Numbers {
    fn whole(least: Option<i64>, most: Option<i64>) -> Self {
        Self { least: least.map(Decimal::from), most: most.map(Decimal::from), below: None, is_whole: true }
    }

    fn can_be(&self, number: Decimal) -> bool {
        self.least.is_none_or(|least| number >= least)
            && self.most.is_none_or(|most| number <= most)
            && self.below.is_none_or(|below| number < below)
            && (!self.is_whole || number.is_integer())
    }

    /// Whether one of them is less than `number`; or is it, where that suffices.
    fn can_be_less(&self, number: Decimal, or_equal: bool) -> bool {
        self.least.is_none_or(|least| least < number || (or_equal && least == number))
    }

    fn can_be_more(&self, number: Decimal, or_equal: bool) -> bool {
        self.most.is_none_or(|most| most > number || (or_equal && most == number))
            && self.below.is_none_or(|below| below > number)
    }

    /// Whether `n op number` can hold for one of them.
    fn can_hold(&self, op: CmpOp, number: Decimal) -> bool {
        match op {
            CmpOp::Eq => self.can_be(number),
            CmpOp::Lt => self.can_be_less(number, false),
            CmpOp::LtE => self.can_be_less(number, true),
            CmpOp::Gt => self.can_be_more(number, false),
            CmpOp::GtE => self.can_be_more(number, true),
            _ => true,
        }
    }
}

/// The operator that asks for the contrary.
pub(super) fn contrary(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Eq => CmpOp::NotEq,
        CmpOp::NotEq => CmpOp::Eq,
        CmpOp::Lt => CmpOp::GtE,
        CmpOp::LtE => CmpOp::Gt,
        CmpOp::Gt => CmpOp::LtE,
        CmpOp::GtE => CmpOp::Lt,
        CmpOp::In => CmpOp::NotIn,
        CmpOp::NotIn => CmpOp::In,
        other => other,
    }
}

/// The operator that asks the same with its sides exchanged.
pub(super) fn turned(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::LtE => CmpOp::GtE,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::GtE => CmpOp::LtE,
        other => other,
    }
}

impl Doubts<'_> {
    /// A number that is written in the code, with its sign.
    pub(super) fn number(&self, syntax: &Syntax) -> Option<Decimal> {
        match syntax {
            Syntax::NumberLiteral(ast::ExprNumberLiteral { value: Number::Complex { .. }, .. }) => None,
            Syntax::NumberLiteral(_) => self.text(syntax).replace('_', "").parse().ok(),
            Syntax::UnaryOp(ast::ExprUnaryOp { op: UnaryOp::USub, operand, .. }) => {
                self.number(operand).map(|number| -number)
            }
            _ => None,
        }
    }

    /// `value op number`, of which one side is written in the code.
    pub(super) fn bounded(&mut self, left: &Syntax, op: CmpOp, right: &Syntax) {
        if !self.is_typed() {
            return;
        }
        let (value, op, number) = match (self.number(left), self.number(right)) {
            (None, Some(number)) => (left, op, number),
            (Some(number), None) => (right, turned(op), number),
            _ => return,
        };
        let name = self.text(value).to_owned();
        if self.is_between_dates(value) {
            let what = format!("`{name}` is the time between two dates, which is not a number");
            self.note(left, what, format!("write `({name}).days`"));
            return;
        }
        let Some(numbers) = self.numbers(value) else { return };
        let range = range_of(&name, &numbers);
        if !numbers.can_hold(op, number) {
            let hint = if numbers.most == Some(Decimal::ONE) && number > Decimal::ONE {
                "write a fraction: 0.9 for 90 %"
            } else if name.ends_with(".seconds") {
                "write `.days`, or `.total_seconds()` for the whole time in seconds"
            } else {
                "compare it with a number that it can be"
            };
            self.note(left, format!("this comparison never holds: {range}"), hint);
        } else if op != CmpOp::Eq && !numbers.can_hold(contrary(op), number) {
            self.remark(left, format!("this comparison always holds: {range}"));
        }
    }

    /// A number of a list that a value cannot be.
    pub(super) fn bounded_in(&mut self, value: &Syntax, one: &Syntax) {
        if let (true, Some(number)) = (self.is_typed(), self.number(one))
            && let Some(numbers) = self.numbers(value)
            && !numbers.can_be(number)
        {
            let range = range_of(self.text(value), &numbers);
            self.note(one, format!("it is never {number}: {range}"), "leave it out of the list");
        }
    }

    pub(super) fn numbers(&self, syntax: &Syntax) -> Option<Numbers> {
        self.deeper(|| self.numbers_of(self.meant(syntax)))
    }

    fn numbers_of(&self, syntax: &Syntax) -> Option<Numbers> {
        match syntax {
            Syntax::Call(call) => self.numbers_of_call(call),
            Syntax::BinOp(binary) if binary.op == Operator::Mod => {
                let is_text = binary.left.is_string_literal_expr()
                    || binary.left.is_f_string_expr()
                    || self.known(&binary.left).is_some_and(|known| known.kind != FieldType::Number);
                let by = self.number(&binary.right).filter(|by| *by > Decimal::ZERO && !is_text)?;
                let is_whole =
                    by.is_integer() && self.numbers(&binary.left).is_some_and(|left| left.is_whole);
                Some(Numbers { least: Some(Decimal::ZERO), most: None, below: Some(by), is_whole })
            }
            Syntax::Attribute(attribute) => {
                let owner = &*attribute.value;
                let is_attr = matches!(owner, Syntax::Attribute(inner)
                    if &*inner.attr == "attr" && self.is_value(&inner.value));
                let is_date = || self.is_value(owner) || self.is_made_date(owner);
                Some(match attribute.attr.as_str() {
                    "rir_confidence" | "score_threshold" if is_attr || self.is_value(owner) => {
                        let [least, most] = [Decimal::ZERO, Decimal::ONE].map(Some);
                        Numbers { least, most, ..Numbers::default() }
                    }
                    "month" if is_date() => Numbers::whole(Some(1), Some(12)),
                    "day" if is_date() => Numbers::whole(Some(1), Some(31)),
                    "year" if is_date() => Numbers::whole(Some(1), Some(9999)),
                    // Two dates are whole days apart.
                    "seconds" | "microseconds" if self.is_between_dates(self.meant(owner)) => {
                        Numbers::whole(Some(0), Some(0))
                    }
                    "seconds" if self.is_difference(owner) => Numbers::whole(Some(0), Some(86_399)),
                    "microseconds" if self.is_difference(owner) => Numbers::whole(Some(0), Some(999_999)),
                    "days" if self.is_difference(owner) => Numbers::whole(None, None),
                    _ => return None,
                })
            }
            _ => None,
        }
    }

    fn numbers_of_call(&self, call: &ast::ExprCall) -> Option<Numbers> {
        let arguments = &call.arguments.args[..];
        if let Syntax::Attribute(method) = &*call.func {
            let owner = &*method.value;
            let is_date = || self.is_value(owner) || self.is_made_date(owner);
            return Some(match (method.attr.as_str(), arguments) {
                ("find" | "rfind", [Syntax::StringLiteral(_), ..]) => Numbers::whole(Some(-1), None),
                ("count", [Syntax::StringLiteral(_), ..]) => Numbers::whole(Some(0), None),
                ("weekday", []) if is_date() => Numbers::whole(Some(0), Some(6)),
                ("isoweekday", []) if is_date() => Numbers::whole(Some(1), Some(7)),
                _ => return None,
            });
        }
        let name = call.func.as_name_expr().filter(|name| !self.names.has(name.id.as_str()))?;
        Some(match (name.id.as_str(), arguments) {
            ("len", [_]) => Numbers::whole(Some(0), None),
            ("float", [_]) => Numbers::default(),
            ("abs", [one]) => Numbers {
                least: Some(Decimal::ZERO),
                is_whole: self.numbers(one).is_some_and(|one| one.is_whole),
                ..Numbers::default()
            },
            ("int" | "round", [_]) => Numbers::whole(None, None),
            _ => return None,
        })
    }

    /// `a - b`, or a name for it.
    fn is_difference(&self, syntax: &Syntax) -> bool {
        matches!(self.meant(syntax), Syntax::BinOp(binary) if binary.op == Operator::Sub)
    }

    /// `field.date_due - field.date_issue`
    fn is_between_dates(&self, syntax: &Syntax) -> bool {
        let Syntax::BinOp(binary) = syntax else { return false };
        let is_date = |side: &Syntax| self.known(side).is_some_and(|known| known.kind == FieldType::Date);
        binary.op == Operator::Sub && is_date(&binary.left) && is_date(&binary.right)
    }

    /// `date.today()`, `date(2026, 1, 31)`, `datetime.now().date()`
    pub(super) fn is_made_date(&self, syntax: &Syntax) -> bool {
        let Syntax::Call(call) = self.meant(syntax) else { return false };
        if let Syntax::Attribute(method) = &*call.func
            && &*method.attr == "date"
            && self.is_made_moment(&method.value)
        {
            return true;
        }
        let path = self.names.path(&call.func);
        let path = path.as_deref().and_then(|path| path.strip_prefix("datetime.date"));
        matches!(path, Some("" | ".today" | ".fromisoformat" | ".fromordinal"))
    }

    /// `datetime.now()`: a day with its time.
    pub(super) fn is_made_moment(&self, syntax: &Syntax) -> bool {
        let Syntax::Call(call) = self.meant(syntax) else { return false };
        let path = self.names.path(&call.func);
        let path = path.as_deref().and_then(|path| path.strip_prefix("datetime.datetime"));
        matches!(path, Some("" | ".now" | ".today" | ".utcnow" | ".strptime" | ".fromisoformat" | ".combine"))
    }

    /// A day compared with a moment: neither is ever the other, nor before or after it.
    pub(super) fn moments(&mut self, left: &Syntax, op: CmpOp, right: &Syntax) {
        for (day, moment) in [(left, right), (right, left)] {
            let is_day = || {
                let known = self.known(day);
                known.map_or_else(|| self.is_plain_field(day), |known| known.kind == FieldType::Date)
            };
            if !self.is_typed() || !self.is_made_moment(moment) || !is_day() {
                continue;
            }
            let (day, shown) = (self.text(day).to_owned(), self.text(moment).to_owned());
            let what = format!("`{shown}` is a day with its time, and `{day}` is none");
            let today = "`date.today()` is the day of today";
            let hint = format!("{today}, `{shown}.date()` that of a moment");
            match op {
                CmpOp::NotEq => self.remark(moment, format!("{what}: they always differ; {hint}")),
                CmpOp::Eq => self.note(moment, format!("{what}: they are never equal"), hint),
                _ => self.note(moment, format!("{what}: comparing them fails"), hint),
            }
            return;
        }
    }

    /// `field.x` of which no schema says more.
    fn is_plain_field(&self, syntax: &Syntax) -> bool {
        self.schema.is_none()
            && (field_id(syntax).is_some()
                || matches!(syntax, Syntax::Name(name) if self.names.fields.contains_key(name.id.as_str())))
    }
}

/// What is said of numbers.
fn range_of(name: &str, numbers: &Numbers) -> String {
    let whole = if numbers.is_whole { "a whole number" } else { "a number" };
    match (numbers.least, numbers.most, numbers.below) {
        (Some(least), Some(most), _) if least == most => format!("`{name}` is always {least}"),
        (Some(least), Some(most), _) => format!("`{name}` is {whole} from {least} to {most}"),
        (Some(least), None, Some(below)) => format!("`{name}` is {whole} from {least} to below {below}"),
        (Some(least), None, None) => format!("`{name}` is {whole}, and {least} or more"),
        _ => format!("`{name}` is {whole}"),
    }
}
