//! What cells of rows, fields and results of filters are compared with: whatever a field holds is a text in a template.

use super::reads::{Owner, Reader, Token, Token::Mark, Token::Name, Token::Number, Token::Text};
use super::render::Template;

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Against {
    pub left: Side,
    pub right: Side,
    /// By `<`, `<=`, `>` or `>=`.
    pub is_by_order: bool,
    /// In bytes from the template's start: where the code begins in which it stands.
    pub at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// A field or a cell.
    Value(Owner, String),
    /// What always is a number: `x | length`, `loop.index`.
    Counted(String),
    Number,
    Text(String),
}

/// Filters that give a number.
const COUNTING: [&str; 4] = ["length", "count", "int", "float"];
/// What is a number in a loop.
const OF_LOOP: [&str; 7] = ["index", "index0", "revindex", "revindex0", "length", "depth", "depth0"];
/// Tests that compare, and whether by order.
const TESTS: [(&str, bool); 16] = [
    ("==", false),
    ("eq", false),
    ("equalto", false),
    ("!=", false),
    ("ne", false),
    ("lt", true),
    ("lessthan", true),
    ("<", true),
    ("le", true),
    ("<=", true),
    ("gt", true),
    ("greaterthan", true),
    (">", true),
    ("ge", true),
    (">=", true),
    ("sameas", false),
];

impl Template {
    /// Comparisons of cells, of fields with each other, and of what filters count; those of fields with constants are
    /// [`Template::compared`].
    pub fn against(&self) -> Vec<Against> {
        let mut found = Vec::new();
        self.read(&mut |reader, code, tokens| {
            let at = code.as_ptr().addr().saturating_sub(self.source().as_ptr().addr());
            found.extend(reader.comparisons(tokens).into_iter().map(|(left, right, is_by_order)| Against {
                left,
                right,
                is_by_order,
                at,
            }));
        });
        found.dedup();
        found
    }
}

type Found = (Side, Side, bool);

impl<'t> Reader<'t> {
    fn comparisons(&self, tokens: &[Token<'t>]) -> Vec<Found> {
        let mut found = Vec::new();
        for at in 0..tokens.len() {
            if let Some((length, is_by_order)) = operator(tokens.get(at..).unwrap_or_default()) {
                let (before, behind) = (&tokens[..at], &tokens[at + length..]);
                if let (Some(left), Some(right)) = (self.left(before), self.right(behind)) {
                    found.push((left, right, is_by_order));
                }
            }
            found.extend(self.tested(tokens, at));
        }
        let is_odd = |(left, right, _): &Found| match (left, right) {
            (Side::Value(Owner::Document, _), Side::Number | Side::Text(_))
            | (
                Side::Number | Side::Text(_),
                Side::Value(Owner::Document, _) | Side::Number | Side::Text(_),
            ) => false,
            (Side::Counted(_), other) | (other, Side::Counted(_)) => matches!(other, Side::Text(_)),
            _ => true,
        };
        found.retain(is_odd);
        found
    }

    /// `rows | selectattr("x", "gt", 1)`
    fn tested(&self, tokens: &[Token<'t>], at: usize) -> Option<Found> {
        let [
            Mark('|'),
            Name("selectattr" | "rejectattr"),
            Mark('('),
            Text(column),
            Mark(','),
            Text(test),
            Mark(','),
            rest @ ..,
        ] = &tokens[at..]
        else {
            return None;
        };
        let (_, is_by_order) = TESTS.iter().find(|(name, _)| name == test)?;
        let right = match rest {
            [Number, Mark(')'), ..]
            | [Number, Mark('.'), Number, Mark(')'), ..]
            | [Mark('-'), Number, ..] => Side::Number,
            [Text(text), Mark(')'), ..] => Side::Text((*text).to_owned()),
            _ => return None,
        };
        let from = (0..at).rev().find(|from| {
            self.rows(&tokens[*from..at]).is_some()
                && !matches!(from.checked_sub(1).map(|at| tokens[at]), Some(Mark('.')))
        })?;
        let (owner, _) = self.rows(&tokens[from..at])?;
        (!column.contains('.')).then(|| (Side::Value(owner, (*column).to_owned()), right, *is_by_order))
    }

    /// What stands before an operator.
    fn left(&self, tokens: &[Token<'t>]) -> Option<Side> {
        let joins =
            |rest: &[Token<'t>]| matches!(rest.last(), Some(Mark('~' | '+' | '*' | '/' | '%' | '-' | '.')));
        match tokens {
            [rest @ .., Name(name), Mark('.'), Name(id)] if !joins(rest) => self.side(name, id),
            [rest @ .., Name(name), Mark('['), Text(id), Mark(']')] if !joins(rest) => self.side(name, id),
            [.., Mark('|'), Name(filter)] if COUNTING.contains(filter) => {
                Some(Side::Counted((*filter).to_owned()))
            }
            [rest @ .., Number] if !joins(rest) || matches!(rest, [.., Number, Mark('.')]) => {
                Some(Side::Number)
            }
            [rest @ .., Text(text)] if !joins(rest) => Some(Side::Text((*text).to_owned())),
            _ => None,
        }
    }

    /// What stands behind it; with a filter or an index, it is another value.
    fn right(&self, tokens: &[Token<'t>]) -> Option<Side> {
        let ends = |rest: &[Token<'t>]| {
            !matches!(rest.first(), Some(Mark('|' | '.' | '[' | '(' | '~' | '+' | '*' | '/' | '%' | '-')))
                || matches!(rest, [Mark('-' | '+')])
        };
        match tokens {
            [Name(name), Mark('.'), Name(id), rest @ ..] if ends(rest) => self.side(name, id),
            [Name(name), Mark('['), Text(id), Mark(']'), rest @ ..] if ends(rest) => self.side(name, id),
            [Number, Mark('.'), Number, rest @ ..] | [Mark('-'), Number, rest @ ..] | [Number, rest @ ..]
                if ends(rest) =>
            {
                Some(Side::Number)
            }
            [Text(text), rest @ ..] if ends(rest) => Some(Side::Text((*text).to_owned())),
            _ => None,
        }
    }

    fn side(&self, name: &str, id: &str) -> Option<Side> {
        match self.owner(name)? {
            Owner::Loop => OF_LOOP.contains(&id).then(|| Side::Counted(format!("loop.{id}"))),
            of @ (Owner::Document | Owner::Row(_) | Owner::Line) => Some(Side::Value(of, id.to_owned())),
            Owner::Payload | Owner::Annotation => None,
        }
    }
}

/// How many marks a comparison has that begins here, and whether it is by order.
fn operator(tokens: &[Token<'_>]) -> Option<(usize, bool)> {
    match tokens {
        [Mark('=' | '!'), Mark('='), ..] => Some((2, false)),
        [Mark('<' | '>'), Mark('='), ..] => Some((2, true)),
        [Mark('<' | '>'), ..] => Some((1, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Escape;
    use super::*;

    fn against(source: &str) -> String {
        let template = Template::new(source, Escape::None).unwrap();
        let side = |side: Side| match side {
            Side::Value(_, id) => id,
            Side::Counted(what) => format!("#{what}"),
            Side::Number => "1".to_owned(),
            Side::Text(text) => format!("'{text}'"),
        };
        let all = template.against().into_iter();
        let all = all.map(|one| {
            format!("{}{}{}", side(one.left), if one.is_by_order { '<' } else { '=' }, side(one.right))
        });
        all.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comparisons_of_cells_and_counts_are_found() {
        for (source, expected) in [
            ("{% for p in line_items if p.qty > 1 %}{% endfor %}", "qty<1"),
            (
                "{% for p in line_items %}{% if p.qty >= 1.5 and 2 < p.x %}{% endif %}{% endfor %}",
                "qty<1 1<x",
            ),
            ("{% for p in field.rows %}{{ 'a' if p['kind'] == 'x' else 'b' }}{% endfor %}", "kind='x'"),
            ("{{ field.total > field.net }}", "total<net"),
            ("{{ line_items | length > \"1\" }}{{ '1' == line_items | length }}", "#length<'1'"),
            ("{% for p in line_items %}{{ loop.index == '1' }}{% endfor %}", "#loop.index='1'"),
            ("{{ line_items | selectattr('qty', 'gt', 1) | list | length }}", "qty<1"),
            ("{{ field.rows | list | rejectattr(\"kind\", \"eq\", \"x\") | list }}", "kind='x'"),
        ] {
            assert_eq!(against(source), expected, "{source}");
        }
    }

    #[test]
    fn what_is_another_value_is_left_alone() {
        for source in [
            "{% for p in line_items if p.qty | float > 1 %}{{ 1 < p.qty | int }}{% endfor %}",
            "{% for p in line_items %}{{ p.qty | float > p.x | float }}{{ loop.index == 1 }}{% endfor %}",
            "{{ field.total | float > field.net | float }}{{ line_items | length > 1 }}{{ field.x == 'a' }}",
            "{{ line_items | selectattr('qty') | list }}{{ line_items | selectattr('qty', 'defined') | list }}",
            "{% set p = 5 %}{{ p.x > 1 }}{{ payload.id > 1 }}{{ field.a[0] > 'x' }}",
            "p.qty > 1 {# field.a > field.b #}{{ 'field.a > field.b' }}",
        ] {
            assert_eq!(against(source), "", "{source}");
        }
    }
}
