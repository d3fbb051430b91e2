//! Comparisons of one value that contradict each other: `x == "a" and x == "b"`, `x > 5 and x < 3`.

use std::collections::HashMap;

use ruff_python_ast as ast;
use ruff_python_ast::{BoolOp, CmpOp, Expr as Syntax, UnaryOp};
use ruff_text_size::Ranged;
use rust_decimal::Decimal;

use super::Doubts;
use super::known::field_id;
use super::numbers::{contrary, turned};

/// Comparisons of one value that each other one is held against.
const MOST: usize = 16;

/// `value op constant`, as it is written.
struct Compared<'a> {
    whole: &'a Syntax,
    value: &'a Syntax,
    op: CmpOp,
    constant: &'a Syntax,
    /// Which of the parts it stands in.
    part: usize,
}

impl<'a> Compared<'a> {
    /// Those of a comparison: `10 < x < 5` has two.
    fn all(whole: &'a Syntax) -> Vec<Self> {
        let (compare, is_not) = match whole {
            Syntax::UnaryOp(unary) if unary.op == UnaryOp::Not => (&*unary.operand, true),
            other => (other, false),
        };
        let Syntax::Compare(ast::ExprCompare { left, ops, comparators, .. }) = compare else {
            return Vec::new();
        };
        if is_not && ops.len() > 1 {
            return Vec::new();
        }
        let is_constant = |one: &Syntax| match one {
            Syntax::StringLiteral(_) | Syntax::NumberLiteral(_) => true,
            Syntax::UnaryOp(unary) => unary.op == UnaryOp::USub && unary.operand.is_number_literal_expr(),
            _ => false,
        };
        let sides = std::iter::once(&**left).chain(comparators.iter());
        let pairs = sides.clone().zip(sides.skip(1)).zip(ops.iter());
        let compared =
            pairs.filter_map(|((left, right), op)| match (is_constant(left), is_constant(right)) {
                (false, true) => Some((left, *op, right)),
                // The list is no value of which the other side would be asked.
                (true, false) if !matches!(op, CmpOp::In | CmpOp::NotIn) => Some((right, turned(*op), left)),
                (false, false) if is_list_of_texts(right) => Some((left, *op, right)),
                (false, false) if relation(*op).is_some() && is_name(left) && is_name(right) => {
                    Some((left, *op, right))
                }
                _ => None,
            });
        let with = |(value, op, constant)| {
            let op = if is_not { contrary(op) } else { op };
            Self { whole, value, op, constant, part: 0 }
        };
        compared.map(with).collect()
    }

    /// Those of each part, and of parts of it that the same operator joins.
    fn of_parts(several: &'a ast::ExprBoolOp) -> Vec<Self> {
        fn add<'a>(found: &mut Vec<Compared<'a>>, one: &'a Syntax, op: BoolOp, part: usize) {
            match one {
                Syntax::BoolOp(inner) if inner.op == op => {
                    inner.values.iter().for_each(|one| add(found, one, op, part));
                }
                _ => {
                    let all = Compared::all(one);
                    // Each link of a chain holds together with the others: within an `or` they are no parts of it.
                    if op == BoolOp::And || all.len() == 1 {
                        found.extend(all.into_iter().map(|compared| Compared { part, ..compared }));
                    }
                }
            }
        }
        let mut found = Vec::new();
        for (part, one) in several.values.iter().enumerate() {
            add(&mut found, one, several.op, part);
        }
        found
    }

    /// The texts that it asks for, and whether the value is to be one of them.
    fn texts(&self, op: CmpOp) -> Option<(bool, Vec<&'a str>)> {
        let texts = match self.constant {
            Syntax::StringLiteral(text) => vec![text.value.to_str()],
            list => texts_of(list)?,
        };
        match (op, self.constant.is_string_literal_expr()) {
            (CmpOp::Eq, true) | (CmpOp::In, false) => Some((true, texts)),
            (CmpOp::NotEq, true) | (CmpOp::NotIn, false) => Some((false, texts)),
            _ => None,
        }
    }
}

/// `field.x`, or a name.
fn is_name(syntax: &Syntax) -> bool {
    match syntax {
        Syntax::Name(_) => true,
        Syntax::Attribute(part) => is_name(&part.value),
        _ => false,
    }
}

/// Whether it lets pass what is less, equal, more: a bit of each.
fn relation(op: CmpOp) -> Option<u8> {
    Some(match op {
        CmpOp::Lt => 0b100,
        CmpOp::LtE => 0b110,
        CmpOp::Eq => 0b010,
        CmpOp::NotEq => 0b101,
        CmpOp::GtE => 0b011,
        CmpOp::Gt => 0b001,
        _ => return None,
    })
}

fn texts_of(list: &Syntax) -> Option<Vec<&str>> {
    let elements = match list {
        Syntax::List(list) => &list.elts,
        Syntax::Tuple(list) => &list.elts,
        _ => return None,
    };
    elements.iter().map(|one| Some(one.as_string_literal_expr()?.value.to_str())).collect()
}

fn is_list_of_texts(syntax: &Syntax) -> bool {
    texts_of(syntax).is_some_and(|texts| !texts.is_empty())
}

impl Doubts<'_> {
    /// Parts of an `and` of which never all hold, parts of an `or` of which one always holds.
    pub(super) fn contradiction(&mut self, several: &ast::ExprBoolOp) {
        self.held_together(several, several.op, Compared::of_parts(several).into_iter());
    }

    /// `10 < x < 5`
    pub(super) fn chain(&mut self, whole: &Syntax) {
        let links = Compared::all(whole);
        if links.len() > 1 {
            self.held_together(whole, BoolOp::And, links.into_iter());
        }
    }

    fn held_together<'a>(
        &mut self,
        several: &impl Ranged,
        op: BoolOp,
        compared: impl Iterator<Item = Compared<'a>>,
    ) {
        let mut by_value: HashMap<String, Vec<Compared<'_>>> = HashMap::new();
        let mut found = Vec::new();
        for one in compared {
            // What is called may give another value each time.
            if !self.is_steady(one.value) {
                continue;
            }
            let (name, one) = self.named(one);
            let others = by_value.entry(name).or_default();
            let is_other = |other: &&Compared<'_>| is_told_here(several, other, &one);
            if let Some(other) = others.iter().filter(is_other).find(|other| self.excludes(op, other, &one)) {
                found.push((other.whole, one.whole));
            }
            if others.len() < MOST {
                others.push(one);
            }
        }
        for (one, other) in found {
            let is_chain = one.range() == other.range();
            let [one, other] = [one, other].map(|part| self.text(part).to_owned());
            if is_chain {
                let what = format!("`{one}` never holds: no value is on both sides");
                self.note(several, what, "exchange the bounds, or write two comparisons with `or`");
            } else if op == BoolOp::And {
                let what = format!("`{one}` and `{other}` never hold together");
                self.note(several, what, "write `or`, or leave one of them out");
            } else {
                let what = format!("one of `{one}` and `{other}` always holds");
                self.remark(several, format!("{what}: write `and`, or `not in [\"a\", \"b\"]`"));
            }
        }
    }

    /// What is compared: of two values the first by the alphabet stands left.
    fn named<'a>(&self, one: Compared<'a>) -> (String, Compared<'a>) {
        let name = self.name_of(one.value);
        if !is_name(one.constant) {
            return (name, one);
        }
        let other = self.name_of(one.constant);
        if name <= other {
            return (format!("{name} {other}"), one);
        }
        let turned = Compared { value: one.constant, op: turned(one.op), constant: one.value, ..one };
        (format!("{other} {name}"), turned)
    }

    /// What a value is called, however it is written: `x` of `x = field.y` is `field.y`.
    fn name_of(&self, value: &Syntax) -> String {
        let of_name = value.as_name_expr().and_then(|name| self.names.fields.get(name.id.as_str()));
        match of_name.map(String::as_str).or_else(|| field_id(value)) {
            Some(id) => format!("field.{id}"),
            None => self.source_of(value).to_owned(),
        }
    }

    /// Whether an expression gives the same value each time.
    fn is_steady(&self, syntax: &Syntax) -> bool {
        let Syntax::Call(call) = syntax else { return true };
        let arguments = || call.arguments.args.iter().all(|one| self.is_steady(one));
        match &*call.func {
            Syntax::Name(name) => {
                let pure = ["len", "str", "int", "float", "abs", "round", "default_to", "fallback"];
                pure.contains(&name.id.as_str()) && !self.names.has(&name.id) && arguments()
            }
            Syntax::Attribute(method) => {
                let pure = ["lower", "upper", "strip", "casefold", "weekday", "isoweekday", "isoformat"];
                pure.contains(&method.attr.as_str()) && self.is_steady(&method.value) && arguments()
            }
            _ => false,
        }
    }

    fn excludes(&self, op: BoolOp, one: &Compared<'_>, other: &Compared<'_>) -> bool {
        // One of two always holds where the contraries of both never hold together.
        let [first, second] =
            [one, other].map(|compared| if op == BoolOp::And { compared.op } else { contrary(compared.op) });
        if is_name(one.constant) {
            let both = relation(first).zip(relation(second));
            return both.is_some_and(|(first, second)| first & second == 0);
        }
        if let Some((a, b)) = self.number(one.constant).zip(self.number(other.constant)) {
            return disjoint(first, a, second, b);
        }
        match one.texts(first).zip(other.texts(second)) {
            Some(((true, a), (true, b))) => !a.iter().any(|text| b.contains(text)),
            Some(((true, a), (false, b)) | ((false, b), (true, a))) => a.iter().all(|text| b.contains(text)),
            _ => false,
        }
    }
}

/// A chain is told of by itself, and so are parts of a part, not once more within an `and`.
fn is_told_here(several: &impl Ranged, other: &Compared<'_>, one: &Compared<'_>) -> bool {
    (other.whole.range() != one.whole.range() && other.part != one.part)
        || several.range() == one.whole.range()
}

/// Whether no number is both `op a` and `other b`.
fn disjoint(op: CmpOp, a: Decimal, other: CmpOp, b: Decimal) -> bool {
    use CmpOp::{Eq, Gt, GtE, Lt, LtE, NotEq};
    match (op, other) {
        (Eq, Eq) => a != b,
        (Eq, NotEq) | (NotEq, Eq) => a == b,
        // The lower bound is `a`.
        (Eq | Gt | GtE, Lt) | (Gt, LtE) => a >= b,
        (Eq | GtE, LtE) => a > b,
        // The upper bound is `a`.
        (Eq | Lt | LtE, Gt) | (Lt, GtE) => a <= b,
        (Eq | LtE, GtE) => a < b,
        (Lt | LtE | Gt | GtE, Eq) => disjoint(other, b, op, a),
        _ => false,
    }
}
