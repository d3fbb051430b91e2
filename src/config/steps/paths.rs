//! Paths into a document that lead nowhere: `field.x.vale`, `field.line_items.item_code`, `row.item_cod`.

use crate::export::looked::FILTERS;
use crate::export::reads::{LOOP, Owner, Read};
use crate::requests::FieldPath;
use crate::rossum::Category;
use crate::txscript::Schema;

use super::super::section::Section;
use crate::steps::nearest::nearest;

/// What is wrong with a path, and what to write instead.
pub(super) type Astray = (String, String);

/// What is wrong with it whichever of the hook's schemas a document has.
pub(super) fn in_each(section: &Section<'_>, look: impl Fn(&Schema) -> Option<Astray>) -> Option<Astray> {
    let schemas = section.hook_schemas();
    let mut each = schemas.iter().map(|schema| look(schema));
    let first = each.next()??;
    each.all(|other| other.is_some()).then_some(first)
}

/// What a template reads of fields and rows.
pub(super) fn of_template(schema: &Schema, read: &Read) -> Option<Astray> {
    let Read { of, id, is_indexed, then } = read;
    let whole = |before: &str| match then {
        Some(then) => format!("{before}.{id}.{then}"),
        None => format!("{before}.{id}"),
    };
    match of {
        Owner::Loop | Owner::Payload | Owner::Annotation => None,
        Owner::Document => match (schema.category_of(id)?, schema.table_of(id)) {
            (Category::Section, _) => Some((
                format!("`{}`: `{id}` is a section, which has no value", whole("field")),
                "name a field in it".to_owned(),
            )),
            (Category::Tuple, _) => Some((
                format!("`{}`: `{id}` is the row of a table", whole("field")),
                "loop over its table".to_owned(),
            )),
            (Category::Datapoint, Some(table)) => Some((
                format!("`{}`: `{id}` is a column of `{table}`, and no field of the header", whole("field")),
                format!("write `{{% for row in field.{table} %}}{{{{ row.{id} }}}}{{% endfor %}}`"),
            )),
            (Category::Datapoint, None) => then
                .as_ref()
                .filter(|_| !schema.is_repeated(id))
                .map(|then| of_text(&format!("field.{id}"), then)),
            (Category::Multivalue, _) if *is_indexed => None,
            (Category::Multivalue, _) => {
                let then = then.as_ref()?;
                let hint = if schema.table_of(then) == Some(id) {
                    format!("write `{{% for row in field.{id} %}}{{{{ row.{then} }}}}{{% endfor %}}`")
                } else {
                    format!("write `{{% for one in field.{id} %}}…{{% endfor %}}`")
                };
                Some((format!("`{}`: `{id}` is a list, which has no `{then}`", whole("field")), hint))
            }
        },
        Owner::Row(table) => of_row(schema, table, read),
        Owner::Line => {
            let first = || schema.ids().find(|id| schema.has_rows(id));
            of_row(schema, if schema.has_rows("line_items") { "line_items" } else { first()? }, read)
        }
    }
}

fn of_text(text: &str, then: &str) -> Astray {
    let hint = nearest(then, FILTERS.into_iter()).map_or_else(
        || format!("write `{text}`: its value is what it is"),
        |filter| format!("write `{text} | {filter}`, if you mean the filter, or `{text}` for its value"),
    );
    (format!("`{text}.{then}`: `{text}` is a text, which has no `{then}`"), hint)
}

/// A cell of a row.
fn of_row(schema: &Schema, table: &str, Read { id, then, .. }: &Read) -> Option<Astray> {
    if !schema.has_rows(table) {
        return None;
    }
    if schema.table_of(id) == Some(table) {
        return then.as_ref().map(|then| of_text(id, then));
    }
    let columns = || schema.ids().filter(|id| schema.table_of(id) == Some(table));
    let hint = match nearest(id, columns()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if schema.has(id) => format!("write `field.{id}`, if you mean the field of the header"),
        None => format!("its columns are: {}", columns().take(20).collect::<Vec<_>>().join(", ")),
    };
    Some((format!("the table `{table}` has no column `{id}`"), hint))
}

/// What is read of `loop`: the same for every schema.
pub(super) fn of_loop(read: &Read) -> Option<Astray> {
    if read.of != Owner::Loop || LOOP.contains(&read.id.as_str()) {
        return None;
    }
    let hint = nearest(&read.id, LOOP.into_iter()).map_or_else(
        || format!("there are: {}", LOOP.join(", ")),
        |near| format!("did you mean `loop.{near}`?"),
    );
    Some((format!("`loop` has no `{}`", read.id), hint))
}

/// What a delivery of Rossum's has, whatever the event.
const PAYLOAD: [&str; 27] = [
    "action",
    "annotation",
    "annotations",
    "base_url",
    "configuration",
    "content",
    "document",
    "documents",
    "email",
    "event",
    "files",
    "form",
    "hook",
    "metadata",
    "modifiers",
    "organizations",
    "queue",
    "queues",
    "request_id",
    "rossum_authorization_token",
    "schemas",
    "secrets",
    "settings",
    "timestamp",
    "updated_datapoints",
    "upload",
    "workspaces",
];
/// What an annotation has.
const ANNOTATION: [&str; 30] = [
    "arrived_at",
    "assigned_at",
    "automated",
    "automatically_rejected",
    "automation_blocker",
    "confirmed_at",
    "confirmed_by",
    "content",
    "created_at",
    "creator",
    "document",
    "email",
    "exported_at",
    "has_email_thread_with_new_replies",
    "has_email_thread_with_replies",
    "id",
    "messages",
    "metadata",
    "modified_at",
    "modified_by",
    "modifier",
    "organization",
    "pages",
    "previous_status",
    "queue",
    "rejected_at",
    "related_emails",
    "schema",
    "status",
    "url",
];

/// What is read of the payload: a key that is one of Rossum's with a letter wrong. Rossum may send others.
pub(super) fn of_payload(read: &Read) -> Option<Astray> {
    let (before, known) = match read.of {
        Owner::Payload => ("payload", &PAYLOAD[..]),
        Owner::Annotation => ("payload.annotation", &ANNOTATION[..]),
        _ => return None,
    };
    let id = read.id.as_str();
    let near = nearest(id, known.iter().copied()).filter(|near| *near != id)?;
    Some((format!("`{before}.{id}`: Rossum sends no `{id}`"), format!("did you mean `{before}.{near}`?")))
}

/// What a placeholder of a Request Processor can name of a field's value.
const CELL: [&str; 5] = ["value", "typed", "type", "id", "schema_id"];

/// A path of a Request Processor's placeholder or condition.
pub(super) fn of_placeholder(schema: &Schema, path: &FieldPath) -> Option<Astray> {
    let mut keys = path.keys.iter().map(Option::as_deref);
    let id = keys.next()??;
    let what = |says: String| format!("`{}`: {says}", path.text);
    let cell = |key: Option<Option<&str>>| match key {
        Some(Some(key)) if !CELL.contains(&key) => {
            let hint = nearest(key, CELL.into_iter()).map_or_else(
                || format!("a field's value has: {}", CELL.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            Some((what(format!("a field's value has no `{key}`")), hint))
        }
        Some(None) => {
            Some((what("a field's value is not a list".to_owned()), "leave the number out".to_owned()))
        }
        _ => None,
    };
    match schema.category_of(id)? {
        Category::Section | Category::Tuple => {
            Some((what(format!("`{id}` is not a field, and has no value")), "name a field in it".to_owned()))
        }
        Category::Datapoint => match schema.repeated_in(id) {
            None => cell(keys.next()),
            Some(list) => match (keys.next(), keys.next()) {
                (Some(Some("all_values")), None | Some(None)) => cell(keys.next()),
                _ => Some((
                    what(format!("`{id}` has a value for each row of `{list}`")),
                    format!("write `field.{id}.all_values`, or iterate over `field.{list}`"),
                )),
            },
        },
        Category::Multivalue => match (keys.next(), schema.has_rows(id)) {
            (None, _) => None,
            (Some(None), false) => cell(keys.next()),
            (Some(None), true) => {
                let column = keys.next()??;
                if schema.table_of(column) == Some(id) {
                    return cell(keys.next());
                }
                let columns = schema.ids().filter(|one| schema.table_of(one) == Some(id));
                let hint = nearest(column, columns).map_or_else(
                    || "name one of its columns".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                Some((what(format!("the table `{id}` has no column `{column}`")), hint))
            }
            (Some(Some(key)), _) => {
                let hint = if schema.table_of(key) == Some(id) {
                    format!("write `field.{key}.all_values` for all of them, `field.{id}[0].{key}` for one")
                } else {
                    format!("write `field.{id}[0]` for one of them")
                };
                Some((what(format!("`{id}` is a list, which has no `{key}`")), hint))
            }
        },
    }
}
