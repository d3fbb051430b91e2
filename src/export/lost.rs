//! What `{% set %}` loses: a name that is set in a loop has its value of before again in the next turn, and behind the loop.

use std::collections::HashSet;

use super::looked::coded;
use super::reads::{Token, Token::Mark, Token::Name, tokens, words};
use super::render::Template;

/// A name that is set before a loop and in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// In bytes from the template's start.
    pub at: usize,
    pub name: String,
    /// Whether something is added to what it was.
    pub is_sum: bool,
    /// Whether it is read behind the loop.
    pub is_read: bool,
    /// Whether it is read in the same turn: otherwise setting it has no effect at all.
    pub is_used: bool,
}

/// Names of a part of the template that has its own.
#[derive(Default)]
struct Frame<'t> {
    is_loop: bool,
    names: HashSet<&'t str>,
    lost: Vec<Lost>,
}

impl Template {
    /// Names whose values loops lose, in the order of the text.
    pub fn lost(&self) -> Vec<Lost> {
        let source = self.source();
        let mut frames = vec![Frame::default()];
        let mut ended: Vec<Lost> = Vec::new();
        for (is_block, code) in coded(source) {
            let at = code.as_ptr().addr().saturating_sub(source.as_ptr().addr()) + 1;
            let all = tokens(code);
            let all = words(&all);
            if !is_block {
                read(&mut frames, &mut ended, all);
                continue;
            }
            match all {
                [Name("for"), rest @ ..] => {
                    let within = rest.iter().position(|token| *token == Name("in")).unwrap_or(rest.len());
                    read(&mut frames, &mut ended, &rest[within..]);
                    frames.push(Frame { is_loop: true, names: names(&rest[..within]), lost: Vec::new() });
                }
                [Name("macro" | "call"), rest @ ..] => {
                    read(&mut frames, &mut ended, rest);
                    frames.push(Frame { is_loop: false, names: names(rest), lost: Vec::new() });
                }
                [Name("endfor" | "endmacro" | "endcall"), ..] => {
                    if frames.len() > 1 {
                        ended.extend(frames.pop().into_iter().flat_map(|frame| frame.lost));
                    }
                }
                [Name("set"), Name(name), Mark('='), value @ ..] => {
                    read(&mut frames, &mut ended, value);
                    set(&mut frames, &mut ended, name, value, at);
                }
                other => read(&mut frames, &mut ended, other),
            }
        }
        ended.extend(frames.into_iter().flat_map(|frame| frame.lost));
        ended.retain(|lost| lost.is_sum || lost.is_read || !lost.is_used);
        ended.sort_by_key(|lost| lost.at);
        ended
    }
}

fn set<'t>(frames: &mut [Frame<'t>], ended: &mut Vec<Lost>, name: &'t str, value: &[Token<'t>], at: usize) {
    // What a macro has of its own begins at the macro.
    let from = frames.iter().rposition(|frame| !frame.is_loop).unwrap_or_default();
    let owner = frames.iter().rposition(|frame| frame.names.contains(name)).filter(|owner| *owner >= from);
    let is_root = frames.len() == 1;
    let is_outer = owner.is_some_and(|owner| owner + 1 < frames.len());
    let Some(own) = frames.last_mut() else { return };
    own.names.insert(name);
    if is_outer {
        own.lost.push(Lost {
            at,
            name: name.to_owned(),
            is_sum: is_sum(value, name),
            is_read: false,
            is_used: false,
        });
    } else if owner.is_some() || is_root {
        // It has a new value before anybody read the one that was lost.
        ended.retain(|lost| lost.name != name || lost.is_read || lost.is_sum || !lost.is_used);
    }
}

/// `total + row.x`, `all ~ row.x`, `row.x + total`.
fn is_sum(value: &[Token<'_>], name: &str) -> bool {
    let is_sign = |token: Option<&Token<'_>>| matches!(token, Some(Mark('+' | '-' | '~')));
    let ends = |at: usize| at + 1 >= value.len() || (at + 2 == value.len() && is_sign(value.last()));
    value.iter().enumerate().any(|(at, token)| {
        let before = at.checked_sub(1).and_then(|at| value.get(at));
        let is_own = *token == Name(name) && before != Some(&Mark('.'));
        is_own && ((is_sign(value.get(at + 1)) && !ends(at)) || is_sign(before))
    })
}

fn names<'t>(tokens: &[Token<'t>]) -> HashSet<&'t str> {
    tokens.iter().filter_map(|token| if let Name(name) = token { Some(*name) } else { None }).collect()
}

/// Marks those as read that stand in some code: in the turn in which they were set, or behind their loop.
fn read(frames: &mut [Frame<'_>], ended: &mut [Lost], tokens: &[Token<'_>]) {
    for (at, token) in tokens.iter().enumerate() {
        let is_part = at.checked_sub(1).is_some_and(|at| tokens.get(at) == Some(&Mark('.')));
        let Name(name) = token else { continue };
        if is_part {
            continue;
        }
        for lost in ended.iter_mut().filter(|lost| lost.name == *name) {
            lost.is_read = true;
        }
        for lost in frames.iter_mut().flat_map(|frame| &mut frame.lost).filter(|lost| lost.name == *name) {
            lost.is_used = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Escape;
    use super::*;

    fn lost(source: &str) -> Vec<String> {
        let template = Template::new(source, Escape::None).unwrap();
        let shown = |lost: Lost| {
            let is = |is: bool, word: &'static str| if is { word } else { "" };
            format!("{}{}{}", lost.name, is(lost.is_sum, "+"), is(lost.is_read, "!")) + is(!lost.is_used, "0")
        };
        template.lost().into_iter().map(shown).collect()
    }

    #[test]
    fn what_a_loop_loses_is_found() {
        for (source, expected) in [
            (
                "{% set t = 0 %}{% for r in line_items %}{% set t = t + r.x | float %}{% endfor %}{{ t }}",
                "t+!0",
            ),
            ("{% set s = '' %}{% for r in line_items %}{{ s }}{{ r.x }}{% set s = ',' %}{% endfor %}", "s0"),
            ("{% set t = 0 %}{% for r in line_items %}{%- set t = r.x ~ t -%}{{ t }}{% endfor %}", "t+"),
            (
                "{% set t = 0 %}{% for r in line_items %}{% if r.x %}{% set t = 1 %}{% endif %}{% endfor %}{% if t %}x{% endif %}",
                "t!0",
            ),
            (
                "{% set t = 0 %}{% for a in line_items %}{% for b in line_items %}{% set t = t + 1 %}{% endfor %}{{ t }}{% endfor %}",
                "t+!0",
            ),
        ] {
            assert_eq!(lost(source).join(" "), expected, "{source}");
        }
    }

    #[test]
    fn what_a_loop_keeps_is_left_alone() {
        for source in [
            "{% set n = namespace(t=0) %}{% for r in line_items %}{% set n.t = n.t + 1 %}{% endfor %}{{ n.t }}",
            "{% for r in line_items %}{% set t = r.x + '1' %}{% set t = t + '2' %}{{ t }}{% endfor %}",
            "{% for r in line_items %}{% set r = r.x %}{{ r }}{% endfor %}",
            "{% set t = 'a' %}{% for r in line_items %}{% set t = r.x %}{{ t }}{% endfor %}",
            "{% set t = 'a' %}{% for r in line_items %}{% set t = t | upper %}{{ t }}{% endfor %}",
            "{% set t = 'a' %}{% for r in line_items %}{% set t = r.x %}{{ t }}{% endfor %}{% set t = 'b' %}{{ t }}",
            "{% set t = 'a' %}{% if field.x %}{% set t = t + 'b' %}{% endif %}{{ t }}",
            "{% set t = 1 %}{% macro m(a) %}{% set t = a %}{{ t }}{% endmacro %}{% for r in line_items %}{{ m(r.x) }}{% endfor %}{{ t }}",
            "{% set t = 1 %}{% for r in line_items %}{{ t }}{% endfor %}{{ t }}{{ field.t }}",
            "{% raw %}{% set t = 0 %}{% for r in x %}{% set t = t + 1 %}{% endfor %}{{ t }}{% endraw %}",
        ] {
            assert_eq!(lost(source), <[String; 0]>::default(), "{source}");
        }
    }
}
