//! A comparison that no document can meet: of a field, or of what is made of it, with a constant.

use ruff_python_ast as ast;
use ruff_python_ast::{CmpOp, Expr as Syntax, Number};
use rust_decimal::Decimal;

use super::super::super::field::FieldType;
use super::super::super::types::date::field_date;
use super::super::names::nearest_of;
use super::known::Known;
use super::{Doubts, Language};
use crate::rossum::Category;

impl Doubts<'_> {
    pub(super) fn compare(&mut self, left: &Syntax, op: CmpOp, right: &Syntax) {
        let is_order = matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE);
        if (is_order || matches!(op, CmpOp::Eq | CmpOp::NotEq)) && self.text(left) == self.text(right) {
            let what = format!("`{}` is compared with itself: this is always the same", self.text(left));
            self.remark(left, what);
        }
        self.uncalled(left);
        self.uncalled(right);
        match op {
            CmpOp::In | CmpOp::NotIn => self.within(left, right),
            CmpOp::Is | CmpOp::IsNot => self.same(left, op, right),
            _ => {
                self.none(left, op, right);
                self.moments(left, op, right);
                self.tables(left, right);
                self.tables(right, left);
                self.emptiness_in_rule(left, op, right);
                self.bounded(left, op, right);
                self.pair(left, right);
                self.pair(right, left);
                self.word_of_rossum(left, right);
                self.word_of_rossum(right, left);
                self.types(left, right);
            }
        }
    }

    /// `left in right`
    fn within(&mut self, left: &Syntax, right: &Syntax) {
        let list = match right {
            Syntax::List(list) => &list.elts[..],
            Syntax::Tuple(list) => &list.elts[..],
            Syntax::Set(list) if self.field(right).is_none() => &list.elts[..],
            // The values of a column.
            Syntax::Attribute(all) if &*all.attr == "all_values" => return self.pair(&all.value, left),
            Syntax::StringLiteral(_) if self.is_typed() => {
                let Some(known) = self.known(left).filter(|known| known.is_field) else { return };
                let shown = self.text(right).to_owned();
                let what = format!("`in {shown}` asks whether `{}` is a part of this text", known.name);
                return match known.kind {
                    FieldType::Text => self.remark(right, format!("{what}; a list is `[{shown}]`")),
                    FieldType::Nothing => {}
                    _ => self.note(right, what, format!("write `[{shown}]` for a list of one")),
                };
            }
            _ => return self.part(left, right),
        };
        if list.is_empty() && self.is_typed() {
            self.remark(right, "nothing is in an empty list: this is always the same".to_owned());
        }
        for one in list {
            self.one_text(one, list.len());
            self.bounded_in(left, one);
            self.word_of_rossum(left, one);
            self.pair(left, one);
        }
    }

    /// `"x" in field.kind`: a part of its text.
    fn part(&mut self, part: &Syntax, whole: &Syntax) {
        let (Syntax::StringLiteral(text), true) = (part, self.is_typed()) else { return };
        let text = text.value.to_str();
        let Some(known) =
            self.known(whole).filter(|known| known.kind != FieldType::Text || !known.options.is_empty())
        else {
            self.never_part(whole, part, text);
            return;
        };
        match known.kind {
            FieldType::Text
                if !known.options.is_empty() && !known.options.iter().any(|option| option.contains(text)) =>
            {
                self.note_option(part, &known, text);
            }
            FieldType::Number | FieldType::Date if known.is_field => {
                let what = format!("`{}` is {}, and has no parts", known.name, a_kind(known.kind));
                self.note(part, what, format!("write `in str(field.{})`", known.name));
            }
            _ => {}
        }
    }

    /// `field.kind.startswith("x")`
    pub(super) fn part_of_text(&mut self, call: &ast::ExprCall) {
        let (Syntax::Attribute(method), [argument @ Syntax::StringLiteral(text)]) =
            (&*call.func, &call.arguments.args[..])
        else {
            return;
        };
        let fits: fn(&str, &str) -> bool = match method.attr.as_str() {
            "startswith" => |option, text| option.starts_with(text),
            "endswith" => |option, text| option.ends_with(text),
            _ => return,
        };
        let text = text.value.to_str();
        let Some(known) = self.known(&method.value).filter(|known| !known.options.is_empty()) else {
            self.never_part(&method.value, argument, text);
            return;
        };
        if !known.options.iter().any(|option| fits(option, text)) {
            self.note_option(argument, &known, text);
        }
    }

    /// Two fields of types of which no value of the one is equal to one of the other, unless both are empty.
    fn types(&mut self, left: &Syntax, right: &Syntax) {
        if !self.is_typed() {
            return;
        }
        let is_value = |known: &Known| known.is_field && known.kind != FieldType::Nothing;
        if let (Some(one), Some(other)) =
            (self.known(left).filter(is_value), self.known(right).filter(is_value))
            && one.kind != other.kind
        {
            let what = format!(
                "`{}` is {} and `{}` is {}: their values are never the same",
                one.name,
                a_kind(one.kind),
                other.name,
                a_kind(other.kind)
            );
            self.remark(left, what);
        }
    }

    /// A field and a constant that it is compared with.
    fn pair(&mut self, value: &Syntax, constant: &Syntax) {
        let constant = match self.meant(constant) {
            literal @ (Syntax::StringLiteral(_) | Syntax::NumberLiteral(_)) => &literal.clone(),
            _ => return,
        };
        if self.field(constant).is_some() {
            return;
        }
        let known = self.known(value);
        if let Syntax::StringLiteral(text) = constant
            && known.as_ref().is_none_or(|known| known.kind == FieldType::Text && known.options.is_empty())
            && self.never_text(value, constant, text.value.to_str())
        {
            return;
        }
        let Some(known) = known else { return };
        let is_typed = self.is_typed();
        let name = &known.name;
        match (constant, known.kind) {
            (_, FieldType::Nothing) => self.without_value(value, name),
            (Syntax::StringLiteral(text), FieldType::Text) => {
                let text = text.value.to_str();
                if text.is_empty() {
                    return;
                }
                let has = |option: &String| option == text;
                if !known.options.is_empty() && !known.options.iter().any(has) {
                    self.note_option(constant, &known, text);
                }
            }
            (Syntax::StringLiteral(text), FieldType::Number | FieldType::Date | FieldType::Boolean) => {
                let text = text.value.to_str();
                let reads = match known.kind {
                    _ if text.is_empty() => true, // how emptiness is asked for
                    FieldType::Number => !is_typed && text.parse::<Decimal>().is_ok(),
                    FieldType::Date if self.language == Language::BusinessRule => field_date(text).is_some(),
                    _ => !is_typed,
                };
                if !reads {
                    let hint = match known.kind {
                        FieldType::Number => "write the number without quotes",
                        FieldType::Date if is_typed => "write `date(2026, 1, 31)` for a day",
                        FieldType::Date => "write `'2026-01-31'` for a day, `today()` for today",
                        _ => "write `True` or `False` without quotes",
                    };
                    let what = format!("`{name}` is {}, which no text is equal to", a_kind(known.kind));
                    self.note(constant, what, hint);
                }
            }
            (Syntax::NumberLiteral(number), FieldType::Text) if is_typed => {
                let what = format!("`{name}` is a text, which no number is equal to");
                let shown = match &number.value {
                    Number::Int(int) => int.to_string(),
                    _ => self.text(constant).to_owned(),
                };
                let value = self.text(value).to_owned();
                self.note(constant, what, format!("write `\"{shown}\"`, or `float({value})`"));
            }
            (Syntax::NumberLiteral(_), FieldType::Date) if is_typed => {
                let what = format!("`{name}` is a date, which no number is equal to");
                self.note(constant, what, "write `date(2026, 1, 31)` for a day");
            }
            (Syntax::NumberLiteral(_), FieldType::Number) => {
                let number = |text: &str| text.parse::<Decimal>().ok();
                let text = self.text(constant).to_owned();
                if !known.options.is_empty()
                    && number(&text).is_some_and(|n| !known.options.iter().any(|o| number(o) == Some(n)))
                {
                    self.note_option(constant, &known, &text);
                }
            }
            _ => {}
        }
    }

    /// `field.table == []`: a table is nothing but itself.
    fn tables(&mut self, value: &Syntax, other: &Syntax) {
        let is_literal = matches!(
            other,
            Syntax::NoneLiteral(_)
                | Syntax::BooleanLiteral(_)
                | Syntax::List(_)
                | Syntax::Tuple(_)
                | Syntax::Dict(_)
        );
        if is_literal && let Some((id, FieldType::Nothing)) = self.field(value) {
            self.without_value(value, &id);
        }
    }

    /// A table, a list or a button where a value is meant.
    pub(super) fn without_value(&mut self, at: &Syntax, id: &str) {
        let Some(schema) = self.schema else { return };
        let child = schema.child_of(id).map(|child| {
            if schema.category_of(child) == Some(Category::Tuple) {
                schema.child_of(child).unwrap_or(child)
            } else {
                child
            }
        });
        let (kind, hint) = match (schema.category_of(id), child) {
            (Some(Category::Section), _) if self.is_typed() => return, // told wherever it is named
            (Some(Category::Section), child) => {
                ("a section", format!("name a field in it, such as `{{{}}}`", child.unwrap_or("x")))
            }
            (Some(Category::Datapoint), _) => ("a button", "name another field".to_owned()),
            (_, child) if self.is_typed() => {
                let count = format!("`len(field.{id})` counts what is in it");
                match child.filter(|child| schema.table_of(child).is_some()) {
                    Some(_) => {
                        ("a table or a list", format!("{count}; look into it: `for row in field.{id}`"))
                    }
                    None => {
                        ("a table or a list", format!("{count}; look into it: `for value in field.{id}`"))
                    }
                }
            }
            (_, Some(child)) if self.language == Language::BusinessRule => (
                "a table or a list",
                format!("name a column: `{{{child}}}`; `len({{{child}}})` counts its values"),
            ),
            (_, child) => {
                ("a table or a list", format!("name a column, such as `{{{}}}`", child.unwrap_or("x")))
            }
        };
        self.note(at, format!("`{id}` is {kind}, which has no value of its own"), hint);
    }

    /// `{table}` in a language whose code has values alone.
    pub(super) fn placeholder(&mut self, part: &Syntax) {
        let Some(schema) = self.schema.filter(|_| !self.is_typed()) else { return };
        if let Some((id, _)) = self.field(part)
            && schema.kind_of(&id) == Some(FieldType::Nothing)
        {
            self.without_value(part, &id);
        }
    }

    fn note_option(&mut self, at: &Syntax, known: &Known, text: &str) {
        let options = &known.options;
        let same = options.iter().find(|option| option.to_lowercase() == text.trim().to_lowercase());
        let near = same.map(String::as_str).or_else(|| nearest_of(text, options.iter().map(String::as_str)));
        let hint = near.map_or_else(
            || {
                let some: Vec<_> = options.iter().take(10).cloned().collect();
                format!("its options are: {}", some.join(", "))
            },
            |near| format!("did you mean `{near}`?"),
        );
        self.note(at, format!("the options of `{}` do not have `{text}`", known.name), hint);
    }
}

pub(super) fn a_kind(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "a text",
        FieldType::Number => "a number",
        FieldType::Date => "a date",
        FieldType::Boolean => "true or false",
        FieldType::Nothing => "nothing",
    }
}
