//! The functions of business rules.

use ruff_python_ast as ast;
use ruff_python_ast::Expr as Syntax;
use ruff_text_size::Ranged;

use super::super::super::code::{Arguments, Body, Expr, ExprKind, Function, Parameter};
use super::super::super::field::{Aggregation, RuleFunction};
use super::super::super::machine::builtins::{Builtin, Function as Python, Type};
use super::super::super::modules::regex::{IGNORECASE, Pattern};
use super::super::super::problem::Problem;
use super::super::Compiled;
use super::{Rule, call, expr, python, text};

/// Every function with its form.
const FORMS: [(&str, &str); 25] = [
    ("has_value", "has_value({x})"),
    ("is_empty", "is_empty({x})"),
    ("all", "all({column} > 0)"),
    ("any", "any({column} > 0)"),
    ("sum", "sum({column})"),
    ("min", "min({column})"),
    ("max", "max({column})"),
    ("len", "len({column})"),
    ("unique_len", "unique_len({column})"),
    ("first_value", "first_value({column})"),
    ("filter", "filter({column}, [0, None])"),
    ("list_contains", "list_contains({column}, \"a\")"),
    ("value", "value({x}, default={y})"),
    ("int", "int({x})"),
    ("float", "float({x})"),
    ("date", "date({x})"),
    ("str", "str({x})"),
    ("abs", "abs({x})"),
    ("round", "round({x}, 2)"),
    ("today", "today()"),
    ("timedelta", "timedelta(years=0, months=0, days=0)"),
    ("substring", "substring(\"a\", {x})"),
    ("regexp", "regexp(\"a.c\", {x}, ignore_case=True)"),
    ("similarity", "similarity({x}, \"a\")"),
    ("xor", "{x} xor {y}"),
];

impl Rule<'_> {
    pub(super) fn call(&mut self, node: &ast::ExprCall) -> Compiled<ExprKind> {
        let Syntax::Name(function) = &*node.func else {
            return self.refuse(node, "a call of this", "");
        };
        if node.arguments.args.iter().any(|argument| matches!(argument, Syntax::Starred(_))) {
            return self.refuse(node, "`*` in a call", "");
        }
        let name = function.id.as_str();
        let arguments = &*node.arguments.args;
        let keywords = &*node.arguments.keywords;
        let aggregation = match name {
            "all" => Some(Aggregation::All),
            "any" => Some(Aggregation::Any),
            "sum" => Some(Aggregation::Sum),
            "min" => Some(Aggregation::Min),
            "max" => Some(Aggregation::Max),
            "len" => Some(Aggregation::Len),
            "unique_len" => Some(Aggregation::UniqueLen),
            "first_value" => Some(Aggregation::FirstValue),
            _ => None,
        };
        Ok(match (name, aggregation, arguments, keywords) {
            (_, Some(function), [column], []) => self.over_rows(function, node, column, None)?,
            ("min", _, [_, _, ..], []) => python(Builtin::Function(Python::Min), self.values(arguments)?),
            ("max", _, [_, _, ..], []) => python(Builtin::Function(Python::Max), self.values(arguments)?),
            ("list_contains", _, [column, search], []) => {
                let search = self.value(search)?;
                self.over_rows(Aggregation::ListContains, node, column, Some(search))?
            }
            ("filter", _, [value, removed], []) => {
                call(RuleFunction::Keep, vec![self.value(value)?, self.value(removed)?])
            }
            ("has_value", _, [value], []) => self.has_value(value)?,
            ("is_empty", _, [value], []) => ExprKind::Not(Box::new(expr(self.has_value(value)?))),
            ("value", _, [value], []) => self.named_value(value)?,
            ("value", _, [value], [default]) if is_keyword(default, "default") => {
                let there = expr(self.has_value(value)?);
                let value = expr(self.named_value(value)?);
                ExprKind::Conditional(Box::new((there, value, self.value(&default.value)?)))
            }
            ("int", _, [value], []) => call(RuleFunction::Int, vec![self.value(value)?]),
            ("float", _, [value], []) => call(RuleFunction::Number, vec![self.value(value)?]),
            ("date", _, [value], []) => call(RuleFunction::Date, vec![self.value(value)?]),
            ("str", _, [value], []) => self.text(value)?.kind,
            ("abs", _, [_], []) => python(Builtin::Function(Python::Abs), self.values(arguments)?),
            ("round", _, [_] | [_, _], []) => {
                python(Builtin::Function(Python::Round), self.values(arguments)?)
            }
            ("today", _, [], []) => call(RuleFunction::Today, Vec::new()),
            ("timedelta", ..) => {
                self.only_keywords(node, &["days"]).map_err(|problem| {
                    let hint = "years and months have no fixed length: add them to a date, `{due_date} + timedelta(months=1)`";
                    Problem { hint: Some(hint.to_owned()), ..problem }
                })?;
                let mut days = Arguments::default();
                for keyword in keywords {
                    days.keywords.push((Some("days".into()), self.value(&keyword.value)?));
                }
                ExprKind::Call(Box::new((expr(ExprKind::Builtin(Builtin::Type(Type::Delta))), days)))
            }
            ("substring", _, [search, value], []) => {
                call(RuleFunction::Substring, vec![self.text(search)?, self.text(value)?])
            }
            ("similarity", _, [value, search], []) => {
                call(RuleFunction::Similarity, vec![self.text(value)?, self.text(search)?])
            }
            ("regexp", _, [pattern, value], []) => self.regexp(pattern, value, None)?,
            ("regexp", _, [pattern, value, flag], []) => self.regexp(pattern, value, Some(flag))?,
            ("regexp", _, [pattern, value], [flag]) if is_keyword(flag, "ignore_case") => {
                self.regexp(pattern, value, Some(&flag.value))?
            }
            _ => return Err(self.wrong_call(node, name)),
        })
    }

    fn wrong_call(&self, node: &ast::ExprCall, name: &str) -> Problem {
        if let Some((_, form)) = FORMS.iter().find(|(known, _)| *known == name) {
            return self.problem(
                node.start(),
                format!("`{name}` has other arguments"),
                &format!("write `{form}`"),
            );
        }
        let near = FORMS
            .iter()
            .map(|(known, _)| *known)
            .min_by_key(|known| strsim::damerau_levenshtein(known, name));
        let near = near.filter(|near| strsim::damerau_levenshtein(near, name) <= 2);
        let all = || format!("there are {}", FORMS.map(|(known, _)| known).join(", "));
        let hint = near.map_or_else(all, |near| format!("did you mean `{near}`?"));
        self.problem(node.start(), format!("unknown function `{name}`"), &hint)
    }

    /// `value('x')`, `value({x})`.
    fn named_value(&mut self, syntax: &Syntax) -> Compiled<ExprKind> {
        match syntax {
            Syntax::StringLiteral(literal) => {
                let id = ast::name::Name::new(literal.value.to_str());
                let name = ast::ExprName {
                    id,
                    range: literal.range,
                    ctx: ast::ExprContext::Load,
                    node_index: ast::AtomicNodeIndex::default(),
                };
                self.placeholder(&name)
            }
            other => Ok(self.value(other)?.kind),
        }
    }

    /// The field in `{x}`.
    fn bare<'x>(&self, syntax: &'x Syntax) -> Option<&'x ast::ExprName> {
        let Syntax::Set(set) = syntax else { return None };
        match &set.elts[..] {
            [Syntax::Name(name)] if !self.variables.contains_key(name.id.as_str()) => Some(name),
            _ => None,
        }
    }

    pub(super) fn has_value(&mut self, syntax: &Syntax) -> Compiled<ExprKind> {
        if let Some(name) = self.bare(syntax) {
            return Ok(self.field(RuleFunction::HasValue, name));
        }
        // Anything else has a value where it can be worked out.
        let outer = self.row;
        self.row = outer.map(|depth| depth + 1);
        let value = self.value(syntax);
        self.row = outer;
        let function = self.function(&[], value?);
        Ok(call(RuleFunction::Known, vec![function]))
    }

    /// An aggregation: `expression` for each row of the table whose columns it names.
    fn over_rows(
        &mut self,
        aggregation: Aggregation,
        node: &ast::ExprCall,
        expression: &Syntax,
        search: Option<Expr>,
    ) -> Compiled<ExprKind> {
        let outer = (self.row.replace(0), std::mem::take(&mut self.names));
        let inner = self.value(expression);
        let names = std::mem::replace(&mut self.names, outer.1);
        self.row = outer.0;
        let inner = inner?;
        if names.is_empty() {
            let hint = "name a column in braces: `sum({item_amount_total})`";
            return Err(self.problem(node.start(), "there is no column to work over", hint));
        }
        let function = self.function(&["row"], inner);
        let search = search.unwrap_or(expr(ExprKind::None));
        let arguments = [search, function].into_iter().chain(names.into_iter().map(text));
        Ok(call(RuleFunction::Over(aggregation), arguments.collect()))
    }

    fn function(&mut self, parameters: &[&str], body: Expr) -> Expr {
        let parameters: Vec<_> =
            parameters.iter().map(|name| Parameter { name: (*name).into(), has_default: false }).collect();
        self.compiler.functions.push(Function {
            name: "<row>".into(),
            positional: parameters.len(),
            positional_only: 0,
            slots: parameters.len(),
            parameters,
            rest: None,
            keywords: None,
            body: Body::Expression(body),
        });
        let id = u32::try_from(self.compiler.functions.len() - 1).unwrap_or(u32::MAX);
        expr(ExprKind::Function(id, Vec::new()))
    }

    /// A text: a field's as it is, without being read as a number or a date.
    fn text(&mut self, syntax: &Syntax) -> Compiled<Expr> {
        if let Syntax::StringLiteral(literal) = syntax {
            return Ok(text(literal.value.to_str().to_owned()));
        }
        if let Some(name) = self.bare(syntax) {
            return Ok(expr(self.field(RuleFunction::Text, name)));
        }
        let value = self.value(syntax)?;
        Ok(expr(python(Builtin::Type(Type::Str), vec![value])))
    }

    fn regexp(&mut self, pattern: &Syntax, value: &Syntax, flag: Option<&Syntax>) -> Compiled<ExprKind> {
        if let Syntax::StringLiteral(literal) = pattern {
            let flags = match flag {
                Some(Syntax::BooleanLiteral(flag)) if flag.value => IGNORECASE,
                _ => 0,
            };
            let source = literal.value.to_str();
            match Pattern::new(source, flags) {
                Ok(known) => {
                    self.compiler.patterns.add(known);
                }
                Err(problem) => {
                    let text = format!("this regular expression always fails: {problem}");
                    return Err(self.problem(pattern.start(), text, ""));
                }
            }
        }
        let flag = flag.map(|flag| self.value(flag)).transpose()?.unwrap_or(expr(ExprKind::Bool(false)));
        Ok(call(RuleFunction::Regexp, vec![self.text(pattern)?, self.text(value)?, flag]))
    }
}

fn is_keyword(keyword: &ast::Keyword, wanted: &str) -> bool {
    keyword.arg.as_ref().is_some_and(|name| name.as_str() == wanted)
}
