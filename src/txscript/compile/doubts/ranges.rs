//! Comparisons of one value that contradict each other: `x == "a" and x == "b"`, `x > 5 and x < 3`.

use std::collections::HashMap;

use ruff_python_ast as ast;
use ruff_python_ast::{BoolOp, CmpOp, Expr as Syntax};
use rust_decimal::Decimal;

use super::Doubts;

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
    fn of(syntax: &'a Syntax) -> Option<Self> {
        let Syntax::Compare(ast::ExprCompare { left, ops, comparators, .. }) = syntax else { return None };
        let ([op], [right]) = (&ops[..], &comparators[..]) else { return None };
        let is_constant = |one: &Syntax| matches!(one, Syntax::StringLiteral(_) | Syntax::NumberLiteral(_));
        match (is_constant(left), is_constant(right)) {
            (false, true) => Some(Self { whole: syntax, value: left, op: *op, constant: right }),
            (true, false) => {
                let op = match op {
                    CmpOp::Lt => CmpOp::Gt,
                    CmpOp::LtE => CmpOp::GtE,
                    CmpOp::Gt => CmpOp::Lt,
                    CmpOp::GtE => CmpOp::LtE,
                    other => *other,
                };
                Some(Self { whole: syntax, value: right, op, constant: left })
            }
            _ => None,
        }
    }
}

impl Doubts<'_> {
    /// Parts of an `and` of which never all hold, parts of an `or` of which one always holds.
    pub(super) fn contradiction(&mut self, several: &ast::ExprBoolOp) {
        let mut by_value: HashMap<&str, Vec<Compared<'_>>> = HashMap::new();
        let mut found = Vec::new();
        for one in several.values.iter().filter_map(Compared::of) {
            // What is called may give another value each time.
            if one.value.is_call_expr() {
                continue;
            }
            let others = by_value.entry(self.source_of(one.value)).or_default();
            if let Some(other) = others.iter().find(|other| self.excludes(several.op, other, &one)) {
                found.push((other.whole, one.whole));
            }
            if others.len() < MOST {
                others.push(one);
            }
        }
        for (one, other) in found {
            let [one, other] = [one, other].map(|part| self.text(part).to_owned());
            if several.op == BoolOp::And {
                let what = format!("`{one}` and `{other}` never hold together");
                self.note(several, what, "write `or`, or leave one of them out");
            } else {
                let what = format!("one of `{one}` and `{other}` always holds");
                self.remark(several, format!("{what}: write `and`, or `not in [\"a\", \"b\"]`"));
            }
        }
    }

    fn excludes(&self, op: BoolOp, one: &Compared<'_>, other: &Compared<'_>) -> bool {
        let [a, b] = [one, other].map(|compared| self.text(compared.constant));
        let is_text = one.constant.is_string_literal_expr() && other.constant.is_string_literal_expr();
        let number = |text: &str| text.replace('_', "").parse::<Decimal>().ok();
        let numbers = number(a).zip(number(b));
        let differ = match numbers {
            Some((a, b)) => a != b,
            None => is_text && a.trim_matches(['"', '\'']) != b.trim_matches(['"', '\'']),
        };
        match (op, one.op, other.op) {
            (BoolOp::And, CmpOp::Eq, CmpOp::Eq) | (BoolOp::Or, CmpOp::NotEq, CmpOp::NotEq) => differ,
            (BoolOp::And, CmpOp::Gt | CmpOp::GtE, CmpOp::Lt | CmpOp::LtE) => {
                numbers.is_some_and(|(low, high)| low > high)
            }
            (BoolOp::And, CmpOp::Lt | CmpOp::LtE, CmpOp::Gt | CmpOp::GtE) => {
                numbers.is_some_and(|(high, low)| low > high)
            }
            _ => false,
        }
    }
}
