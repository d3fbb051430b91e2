//! What templates compare and what their loops lose: told with its line, and what to write instead.

use crate::export::Template;
use crate::export::against::{Against, Side};
use crate::export::lost::Lost;
use crate::export::reads::Owner;
use crate::steps::nearest::nearest;
use crate::txscript::FieldType;

use super::super::document::Place;
use super::super::section::Section;
use super::trials::place_in;

pub(super) fn look(section: &Section<'_>, title: &str, place: &Place, template: &Template) {
    for against in template.against() {
        if let Some((what, hint)) = wrong(section, &against) {
            let (place, line) = place_in(section, place, template, against.at);
            section.document().note(place, format!("`{title}`{line}: {what}"), Some(hint));
        }
    }
    for Lost { at, name, is_sum, is_read, .. } in template.lost() {
        let (place, line) = place_in(section, place, template, at);
        let what = format!(
            "`{title}`{line}: what `{{% set {name} = … %}}` sets in a loop is lost at the end of each turn"
        );
        let cure = format!(
            "write `{{% set ns = namespace({name}={name}) %}}` before the loop, in it `{{% set ns.{name} = … %}}`, and read `ns.{name}`"
        );
        if is_sum && is_read {
            let cure = format!(
                "{cure}; a sum is also `line_items | map(attribute=\"x\") | map(\"float\", default=0) | sum`"
            );
            section.document().note(place, what, Some(cure));
        } else {
            section.remark(&place, &format!("{what}; {cure}"));
        }
    }
}

fn shown(side: &Side) -> String {
    match side {
        Side::Value(Owner::Document, id) => format!("field.{id}"),
        Side::Value(_, id) | Side::Counted(id) => id.clone(),
        Side::Number => "a number".to_owned(),
        Side::Text(text) => format!("'{text}'"),
    }
}

fn wrong(section: &Section<'_>, against: &Against) -> Option<(String, String)> {
    let schemas = section.hook_schemas();
    let is_number = |id: &str| schemas.iter().any(|schema| schema.kind_of(id) == Some(FieldType::Number));
    let Against { left, right, is_by_order, .. } = against;
    match (left, right) {
        (Side::Value(_, id), Side::Number) | (Side::Number, Side::Value(_, id)) => Some((
            format!("`{id}`, a text as all fields are in templates, is compared with a number"),
            format!(
                "write `row.{id} | float` for its number; in `selectattr` there is no filter: write `{{% if row.{id} | float > 1 %}}` in a loop"
            ),
        )),
        (Side::Counted(counted), Side::Text(text)) | (Side::Text(text), Side::Counted(counted)) => Some((
            format!("`{counted}` is a number, and is compared with the text '{text}'"),
            "write the number without quotes".to_owned(),
        )),
        (Side::Value(_, one), Side::Value(_, other))
            if *is_by_order && (is_number(one) || is_number(other)) =>
        {
            let (left, right) = (shown(left), shown(right));
            Some((
                format!("`{left}` and `{right}` are compared letter by letter: '9' is above '1000'"),
                format!("all fields are texts in templates: write `{left} | float` and `{right} | float`"),
            ))
        }
        (Side::Value(_, id), Side::Text(text)) | (Side::Text(text), Side::Value(_, id)) if *is_by_order => {
            (text.parse::<f64>().is_ok() || is_number(id)).then(|| {
                (
                    format!("`{id}` is compared with '{text}' letter by letter: '9' is above '1000'"),
                    format!("write `row.{id} | float` and the number without quotes"),
                )
            })
        }
        (Side::Value(_, id), Side::Text(text)) | (Side::Text(text), Side::Value(_, id)) => {
            let options: Vec<_> = schemas.iter().filter_map(|schema| schema.options_of(id)).collect();
            let lacks = |options: &Vec<String>| options.len() > 1 && !options.contains(text);
            let is_wrong = !text.is_empty() && !options.is_empty() && options.len() == schemas.len();
            (is_wrong && options.iter().all(lacks)).then(|| {
                let known = || options.iter().flatten().map(String::as_str);
                let hint = nearest(text, known()).map_or_else(
                    || format!("its options are: {}", known().take(10).collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                (format!("the options of `{id}` do not have `{text}`"), hint)
            })
        }
        _ => None,
    }
}
