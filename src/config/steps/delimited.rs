//! The keys of `shape = "csv"`.

use toml::Spanned;

use crate::export::shape::{ANNOTATION_ID, Csv};
use crate::rossum::Category;
use crate::txscript::Schema;

use super::super::schemas::Named;
use super::super::section::Section;

pub(super) fn read(section: &Section<'_>) -> Csv {
    let table = section.field("table");
    let columns = if section.has("columns") {
        section.texts_or_none("columns").unwrap_or_default()
    } else {
        Vec::new()
    };
    if section.has("columns") && columns.is_empty() {
        let what = "`columns` names no field";
        section.document().note(section.place_of("columns"), what, Some("write schema ids in quotes"));
    }
    for column in columns.iter().filter(|column| *column.get_ref() != ANNOTATION_ID) {
        if column.get_ref().trim().is_empty() {
            section.document().note(column.span(), "an empty name in `columns`", None::<&str>);
        }
        section.names(Named::new(column.span(), column.get_ref()));
    }
    look(section, table.as_ref(), &columns);
    Csv {
        columns: columns.into_iter().map(|column| column.into_inner().to_owned()).collect(),
        table: table.map(|table| table.into_inner().to_owned()),
        separator: separator(section),
        joined_by: section.text_or_blank("joined_by").map_or("|", Spanned::into_inner).to_owned(),
        guards_formulas: section.boolean("guard_formulas").unwrap_or(false),
    }
}

pub(super) fn separator(section: &Section<'_>) -> char {
    let Some(text) = section.text_or_blank("separator") else { return ',' };
    let mut all = text.get_ref().chars();
    match (all.next(), all.next()) {
        (Some(one), None) if !"\"\r\n".contains(one) => one,
        _ => {
            let hint = "write `separator = \";\"`";
            section.document().note(text.span(), "`separator` is one character", Some(hint));
            ','
        }
    }
}

/// Refuses a table that is none, and columns that have no value in its lines: their cells would be empty.
fn look(section: &Section<'_>, table: Option<&Spanned<&str>>, columns: &[Spanned<&str>]) {
    for one in section.schemas_of(None) {
        let schema = &one.schema;
        let note = |place, (what, hint): (String, String)| {
            section.document().note(place, format!("{what} ({})", one.file), Some(hint));
        };
        if let Some(table) = table
            && let Some(problem) = no_table(schema, table.get_ref())
        {
            return note(table.span(), problem);
        }
        let lines = table.map(|table| *table.get_ref()).or_else(|| of_columns(schema, columns));
        for column in columns {
            if let Some(problem) = no_cell(schema, column.get_ref(), lines) {
                return note(column.span(), problem);
            }
        }
    }
}

/// Without `table`, the lines are those of the first table whose columns are named.
fn of_columns<'s>(schema: &'s Schema, columns: &[Spanned<&str>]) -> Option<&'s str> {
    columns.iter().find_map(|column| schema.table_of(column.get_ref()))
}

/// What is wrong with a table, and what to write instead. One that the schema does not have is told as any field.
fn no_table(schema: &Schema, table: &str) -> Option<(String, String)> {
    let instead = |table: &str| format!("write `table = \"{table}\"`");
    Some(match schema.category_of(table)? {
        Category::Multivalue => return None,
        Category::Tuple => {
            let of = schema.parent_of(table).unwrap_or_default();
            (format!("`{table}` is a row of the table `{of}`, and no table"), instead(of))
        }
        Category::Datapoint => match schema.repeated_in(table) {
            Some(of) if schema.table_of(table).is_some() => {
                (format!("`{table}` is a column of the table `{of}`, and no table"), instead(of))
            }
            Some(of) => (format!("`{table}` has its values in the multivalue `{of}`"), instead(of)),
            None => {
                (format!("`{table}` is a field of the header, and no table"), "name a multivalue".to_owned())
            }
        },
        Category::Section => {
            (format!("`{table}` is a section, and no table"), "name a multivalue".to_owned())
        }
    })
}

/// Why a column has no value in the lines of a table.
fn no_cell(schema: &Schema, column: &str, lines: Option<&str>) -> Option<(String, String)> {
    let within = |what: &str| {
        (format!("`{column}` is {what}, which has no place in a cell"), "name the fields in it".to_owned())
    };
    match schema.category_of(column)? {
        Category::Section => Some(within("a section")),
        Category::Tuple => Some(within("a row")),
        Category::Multivalue if schema.has_rows(column) => Some(within("a table")),
        Category::Multivalue => None,
        Category::Datapoint => {
            let of = schema.table_of(column).filter(|of| Some(*of) != lines)?;
            let lines = lines.unwrap_or_default();
            let what = format!(
                "`{column}` is a column of the table `{of}`, and the lines are those of `{lines}`: its cells would be empty"
            );
            Some((what, format!("write a file for each table: another call with `table = \"{of}\"`")))
        }
    }
}
