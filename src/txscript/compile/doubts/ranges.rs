//! Comparisons of one value that contradict each other: `x == "a" and x == "b"`, `x > 5 and x < 3`.

use std::collections::HashMap;

use ruff_python_ast as ast;
use ruff_python_ast::{BoolOp, CmpOp, Expr as Syntax, UnaryOp};
use ruff_text_size::Ranged;
use rust_decimal::Decimal;

use super::Doubts;
use super::numbers::{contrary, turned};

/// Comparisons of one value that each other one is held against.
const MOST: usize = 16;

/// `value op constant`, as it is written.
struct Compared<'a> {
    whole: &'a Syntax,
    value: &'a Syntax,
    op: CmpOp,
    constant: &'a Syntax,
}

impl<'a> Compared<'a> {
    /// Those of a comparison: `10 < x < 5` has two.
    fn all(whole: &'a Syntax) -> Vec<Self> {
        let Syntax::Compare(ast::ExprCompare { left, ops, comparators, .. }) = whole else {
            return Vec::new();
        };
        let is_constant = |one: &Syntax| match one {
            Syntax::StringLiteral(_) | Syntax::NumberLiteral(_) => true,
            Syntax::UnaryOp(unary) => unary.op == UnaryOp::USub && unary.operand.is_number_literal_expr(),
            _ => false,
        };
        let sides = std::iter::once(&**left).chain(comparators.iter());
        let pairs = sides.clone().zip(sides.skip(1)).zip(ops.iter());
        let compared =
            pairs.filter_map(|((left, right), op)| match (is_constant(left), is_constant(right)) {
                (false, true) => Some(Self { whole, value: left, op: *op, constant: right }),
                (true, false) => Some(Self { whole, value: right, op: turned(*op), constant: left }),
                _ => None,
            });
        compared.collect()
    }
}

impl Doubts<'_> {
    /// Parts of an `and` of which never all hold, parts of an `or` of which one always holds.
    pub(super) fn contradiction(&mut self, several: &ast::ExprBoolOp) {
        // Each link of a chain holds together with the others: within an `or` they are no parts of it.
        let is_part = |compared: &Vec<Compared<'_>>| several.op == BoolOp::And || compared.len() == 1;
        let compared = several.values.iter().map(Compared::all).filter(is_part).flatten();
        self.held_together(several, several.op, compared);
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
        let mut by_value: HashMap<&str, Vec<Compared<'_>>> = HashMap::new();
        let mut found = Vec::new();
        for one in compared {
            // What is called may give another value each time.
            if !self.is_steady(one.value) {
                continue;
            }
            let others = by_value.entry(self.source_of(one.value)).or_default();
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
        if let Some((a, b)) = self.number(one.constant).zip(self.number(other.constant)) {
            return disjoint(first, a, second, b);
        }
        let text = |compared: &Compared<'_>| {
            compared.constant.as_string_literal_expr().map(|text| text.value.to_str().to_owned())
        };
        match (first, second, text(one).zip(text(other))) {
            (CmpOp::Eq, CmpOp::Eq, Some((a, b))) => a != b,
            (CmpOp::Eq, CmpOp::NotEq, Some((a, b))) | (CmpOp::NotEq, CmpOp::Eq, Some((a, b))) => a == b,
            _ => false,
        }
    }
}

/// A chain is told of by itself, not once more within an `and`.
fn is_told_here(several: &impl Ranged, other: &Compared<'_>, one: &Compared<'_>) -> bool {
    other.whole.range() != one.whole.range() || several.range() == one.whole.range()
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
