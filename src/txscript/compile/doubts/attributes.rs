//! `field.x.name`: attributes that a field does not have.

use ruff_python_ast as ast;
use ruff_python_ast::{Expr as Syntax, ExprContext};

use super::super::super::field::FieldType;
use super::super::super::words::Word;
use super::super::names::nearest_of;
use super::Doubts;
use super::known::{field_id, id_of};
use crate::rossum::Category;

/// What every value of a field has.
const EACH: [&str; 9] = [
    "attr",
    "parent",
    "parent_multivalue",
    "struct",
    "id",
    "value",
    "options",
    "rir_confidence",
    "all_values",
];
/// Keys of a datapoint and of its field that Rossum documents: what `attr` gives.
const ATTR: [&str; 40] = [
    "value",
    "normalized_value",
    "page",
    "position",
    "rir_text",
    "rir_raw_text",
    "rir_page",
    "rir_position",
    "rir_confidence",
    "connector_text",
    "connector_position",
    "ocr_text",
    "ocr_raw_text",
    "ocr_position",
    "struct",
    "id",
    "url",
    "schema_id",
    "category",
    "validation_sources",
    "time_spent",
    "hidden",
    "no_recalculation",
    "options",
    "grid",
    "label",
    "type",
    "description",
    "constraints",
    "score_threshold",
    "enum_value_type",
    "format",
    "formula",
    "prompt",
    "default_value",
    "rir_field_names",
    "can_export",
    "ui_configuration",
    "width",
    "stretch",
];

/// What a date has.
pub(super) const DATE: [&str; 17] = [
    "year",
    "month",
    "day",
    "weekday",
    "isoformat",
    "strftime",
    "replace",
    "isoweekday",
    "isocalendar",
    "toordinal",
    "ctime",
    "timetuple",
    "today",
    "fromisoformat",
    "fromordinal",
    "min",
    "max",
];

/// What to do about what a moment or a time between two days has, and a date does not.
fn of_no_date(name: &str, owner: &str) -> Option<String> {
    Some(match name {
        "date" => format!("it is a date already: write `{owner}`"),
        "hour" | "minute" | "second" | "microsecond" | "time" | "tzinfo" => {
            "a date has no time of day".to_owned()
        }
        "days" | "seconds" | "total_seconds" => "the days between two dates are `(a - b).days`".to_owned(),
        "now" | "utcnow" => "`date.today()` is the day of today".to_owned(),
        _ => return None,
    })
}

/// The name that is meant by one that is not known: written almost so, or a word of it.
pub(super) fn near_of<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let is_word_of = |known: &&&'k str| {
        let ends = known.strip_suffix(name).is_some_and(|start| start.ends_with('_'));
        let starts = known.strip_prefix(name).is_some_and(|end| end.starts_with('_'));
        name.len() > 3 && (ends || starts)
    };
    let near = nearest_of(name, known.iter().copied());
    let is_one_off = |near: &&str| strsim::damerau_levenshtein(name, near) == 1;
    near.filter(is_one_off).or_else(|| known.iter().find(is_word_of).copied()).or(near)
}

impl Doubts<'_> {
    /// Looks at `field.x`, `field.x.name` and `field.x.attr.name`.
    pub(super) fn attribute(&mut self, attribute: &ast::ExprAttribute) {
        if !self.is_typed() || attribute.ctx != ExprContext::Load || self.names.has("field") {
            return;
        }
        self.section(attribute);
        let name = attribute.attr.as_str();
        if let Syntax::Attribute(inner) = &*attribute.value
            && &*inner.attr == "attr"
            && self.is_value(&inner.value)
        {
            if ATTR.contains(&name) || self.schema_says(&inner.value, name) {
                return;
            }
            let what = format!("a field's `attr` has no `{name}`");
            if let Some(near) = near_of(name, &ATTR) {
                self.note(&attribute.attr, what, format!("did you mean `{near}`?"));
            } else {
                self.remark(&attribute.attr, format!("{what} that Rossum documents: it may fail"));
            }
            return;
        }
        if !self.is_value(&attribute.value) {
            self.attribute_of_row(attribute);
            return self.attribute_of_date(attribute);
        }
        let word = Word::named(name);
        let owner = self.text(&*attribute.value).to_owned();
        let id = self.names.fields.get(&owner).cloned();
        let id = id.unwrap_or_else(|| owner.rsplit('.').next().unwrap_or_default().to_owned());
        if let Some(schema) = self.schema
            && schema.table_of(name) == Some(&*id)
        {
            let what = format!("`{id}` is a table: its column `{name}` is not behind a point");
            let hint = format!("write `field.{name}.all_values`, or `[row.{name} for row in field.{id}]`");
            self.note(&attribute.attr, what, hint);
            return;
        }
        if name == "all_values" && self.schema.is_some_and(|schema| schema.has_rows(&id)) {
            let what = format!("`{id}` is a table, and no column: it has no `all_values`");
            let column = self.schema.and_then(|schema| schema.child_of(schema.child_of(&id)?));
            let hint = format!("its columns have it: `field.{}.all_values`", column.unwrap_or("x"));
            return self.note(&attribute.attr, what, hint);
        }
        if name == "_index" {
            let is_table = self.schema.is_some_and(|schema| schema.has_rows(&id));
            let what = if is_table { "is a table, and no row" } else { "is no row" };
            let hint = "write `row._index` where `row` is one of a table, or `field._index` where code is evaluated for each row";
            return self.note(&attribute.attr, format!("`{id}` {what}: it has no `_index`"), hint);
        }
        let kind = self.field(&attribute.value).map(|(_, kind)| kind);
        let fits = EACH.contains(&name)
            || match kind {
                Some(FieldType::Text) => word.is_some_and(|word| word as usize <= Word::format_map as usize),
                Some(FieldType::Number) => word.is_some_and(|word| {
                    (Word::is_integer as usize..=Word::as_tuple as usize).contains(&(word as usize))
                }),
                Some(FieldType::Date) => DATE.contains(&name),
                _ => word.is_some() && !matches!(name, "is_empty" | "is_set" | "default_to" | "fallback"),
            };
        if !fits && matches!(name, "is_empty" | "is_set" | "default_to" | "fallback") {
            let what = format!("`{name}` is a function, and no part of `{owner}`");
            self.note(&attribute.attr, what, format!("write `{name}({owner})`"));
        } else if !fits {
            let known = Self::known_attributes(kind);
            let hint = match of_no_date(name, &owner).filter(|_| kind == Some(FieldType::Date)) {
                Some(hint) => hint,
                None if ATTR.contains(&name) => format!("write `{owner}.attr.{name}`"),
                None => near_of(name, &known).map_or_else(
                    || {
                        format!(
                            "the field's value is `{owner}`, its datapoint's keys are behind `{owner}.attr`"
                        )
                    },
                    |near| format!("did you mean `{near}`?"),
                ),
            };
            self.note(&attribute.attr, format!("`{owner}` has no `{name}`"), hint);
        }
    }

    /// `field.goods[0].good_cod`
    pub(super) fn attribute_of_row(&mut self, attribute: &ast::ExprAttribute) {
        let name = attribute.attr.as_str();
        if EACH.contains(&name) || name.starts_with('_') {
            return;
        }
        let Some((schema, table)) = self.schema.zip(self.table_of_row(&attribute.value)) else { return };
        let columns: Vec<&str> = schema.ids().filter(|id| schema.table_of(id) == Some(&*table)).collect();
        if !columns.contains(&name) {
            let hint = near_of(name, &columns).map_or_else(
                || format!("its columns are: {}", columns.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.note(&attribute.attr, format!("the table `{table}` has no column `{name}`"), hint);
        }
    }

    /// `date.today().yaer`
    fn attribute_of_date(&mut self, attribute: &ast::ExprAttribute) {
        let name = attribute.attr.as_str();
        if !self.is_made_date(&attribute.value) || DATE.contains(&name) || name.starts_with("__") {
            return;
        }
        let owner = self.text(&*attribute.value).to_owned();
        let hint = of_no_date(name, &owner).unwrap_or_else(|| match near_of(name, &DATE) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a date has `year`, `month`, `day`, `weekday()` and `strftime(…)`".to_owned(),
        });
        self.note(&attribute.attr, format!("`{owner}` is a date, which has no `{name}`"), hint);
    }

    /// Whether the schema has a key for a field.
    fn schema_says(&self, field: &Syntax, key: &str) -> bool {
        let field = self.field(field).and_then(|(id, _)| self.schema?.find(&id));
        field.zip(self.schema).is_some_and(|(field, schema)| schema.fields[field].raw.contains_key(key))
    }

    /// Names that a misspelt one may be meant for.
    fn known_attributes(kind: Option<FieldType>) -> Vec<&'static str> {
        let texts =
            ["upper", "lower", "title", "strip", "split", "replace", "startswith", "endswith", "find"];
        let mut known = EACH.to_vec();
        if kind.is_none_or(|kind| kind == FieldType::Text) {
            known.extend(texts);
        }
        if kind.is_none_or(|kind| kind == FieldType::Date) {
            known.extend(DATE);
        }
        known
    }

    /// Whether an expression is a field or a cell of a row, and no section.
    pub(super) fn is_value(&self, syntax: &Syntax) -> bool {
        let Some(id) = field_id(syntax) else {
            return match syntax {
                Syntax::Name(name) => self.names.fields.contains_key(name.id.as_str()),
                _ => syntax.is_attribute_expr() && self.field(syntax).is_some(),
            };
        };
        let category = self.schema.and_then(|schema| schema.category_of(id));
        category != Some(Category::Section)
    }

    /// `field.basic`: a section has fields, and is none.
    fn section(&mut self, attribute: &ast::ExprAttribute) {
        let Some(schema) = self.schema else { return };
        let Some(id) = id_of(attribute).filter(|id| schema.category_of(id) == Some(Category::Section)) else {
            return;
        };
        let hint = schema.child_of(id).map_or_else(
            || "name one of its fields".to_owned(),
            |child| format!("name a field in it, such as `field.{child}`"),
        );
        self.note(&attribute.attr, format!("`{id}` is a section, which has no value of its own"), hint);
    }
}
