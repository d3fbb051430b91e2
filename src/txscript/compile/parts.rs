//! The parts of an expression whose values explain its result: the fields that it names, and what it compares.

use ruff_python_ast as ast;
use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{Expr as Syntax, Stmt as Statement};
use ruff_python_parser::parse_module;
use ruff_text_size::Ranged;

use super::STACK_PER_BYTE;

/// Their texts, each once, the whole before its parts; nothing for code that is more than an expression.
pub(crate) fn parts(source: &str) -> Vec<String> {
    stacker::grow((16 << 20) + source.len() * STACK_PER_BYTE, || {
        let Ok(parsed) = parse_module(source) else { return Vec::new() };
        let mut parts = Parts { source, found: Vec::new(), inside: 0 };
        let body = parsed.into_suite();
        parts.inside = usize::from(!matches!(body[..], [Statement::Expr(_)]));
        parts.visit_body(&body);
        parts.found
    })
}

struct Parts<'s> {
    source: &'s str,
    found: Vec<String>,
    /// In how many scopes of their own, whose names mean nothing outside.
    inside: usize,
}

impl Parts<'_> {
    fn note(&mut self, part: &Syntax) {
        let text = &self.source[part.range().to_std_range()];
        // `a\n+ b` is one expression within its parentheses only.
        let text = if text.contains('\n') { format!("({text})") } else { text.to_owned() };
        if !self.found.contains(&text) {
            self.found.push(text);
        }
    }
}

/// `field.x`, `field.x.all_values`, `field.x.attr.rir_confidence`.
fn is_field(part: &Syntax) -> bool {
    match part {
        Syntax::Attribute(ast::ExprAttribute { value, .. }) => {
            is_field(value) || matches!(&**value, Syntax::Name(name) if name.id == "field")
        }
        _ => false,
    }
}

impl<'a> Visitor<'a> for Parts<'_> {
    fn visit_expr(&mut self, part: &'a Syntax) {
        match part {
            _ if is_field(part) => return self.note(part),
            // A method: what it is called on.
            Syntax::Call(call) if is_field(&call.func) => {
                if let Syntax::Attribute(ast::ExprAttribute { value, .. }) = &*call.func
                    && is_field(value)
                {
                    self.note(value);
                }
                self.visit_arguments(&call.arguments);
                return;
            }
            Syntax::Compare(compare) if self.inside == 0 => {
                for side in [&*compare.left].into_iter().chain(&compare.comparators) {
                    if matches!(
                        side,
                        Syntax::Call(_) | Syntax::BinOp(_) | Syntax::Subscript(_) | Syntax::If(_)
                    ) {
                        self.note(side);
                    }
                }
            }
            _ => {}
        }
        let own = matches!(
            part,
            Syntax::Lambda(_)
                | Syntax::ListComp(_)
                | Syntax::SetComp(_)
                | Syntax::DictComp(_)
                | Syntax::Generator(_)
        );
        self.inside += usize::from(own);
        walk_expr(self, part);
        self.inside -= usize::from(own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_what_is_compared() {
        assert_eq!(
            parts("round(sum(field.total.all_values), 2) != field.a.b and not field.x.startswith('y')"),
            ["round(sum(field.total.all_values), 2)", "field.total.all_values", "field.a.b", "field.x"]
        );
        assert_eq!(parts("any(x + 1 > field.y for x in [1])"), ["field.y"], "`x` means nothing outside");
        assert_eq!(parts("a = 1\na + 2 == field.z"), ["field.z"], "nor does `a`");
        assert!(parts("1 +").is_empty());
    }
}
