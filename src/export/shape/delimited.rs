//! `shape = "csv"`: a line for each row of a table, header fields repeated in each.

use std::borrow::Cow;

use serde_json::Value;

use super::super::escape::Escape;
use super::super::view::View;
use super::Unfit;

/// A column that is no field: the annotation's id.
pub const ANNOTATION_ID: &str = "annotation_id";

#[derive(Debug)]
pub struct Csv {
    /// Schema ids in their order; where there are none, all header fields and then the table's columns.
    pub columns: Vec<String>,
    /// The table; without one the rows of `line_items`, or of the first table.
    pub table: Option<String>,
    pub separator: char,
    /// What stands between the values of a field that has several.
    pub joined_by: String,
    /// Whether a value that a spreadsheet takes for a formula gets a `'` in front. It does not parse back to itself then.
    pub guards_formulas: bool,
}

impl Csv {
    /// # Errors
    /// Where a column has no value in the lines that are written.
    pub(super) fn make(&self, view: &View) -> Result<String, Unfit> {
        let rows = self.lines(view)?;
        let all;
        let columns = if self.columns.is_empty() {
            all = columns(view, rows);
            &all
        } else {
            &self.columns
        };
        let mut out = String::new();
        self.line(&mut out, columns.iter().map(|name| Cow::Borrowed(name.as_str())));
        let nothing = [Value::Null];
        // A document without rows is a line of its header.
        for row in if rows.is_empty() { &nothing[..] } else { rows } {
            let text = |column: &String| match row {
                // A line for each value of a multivalue.
                Value::String(value) if self.is_own(view, column) => Cow::Borrowed(value.as_str()),
                _ => match row.get(column).or_else(|| view.get(column)) {
                    Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
                    Some(Value::Array(values)) => Cow::Owned(self.joined(values)),
                    None if column == ANNOTATION_ID => Cow::Borrowed(&*view.annotation_id),
                    _ => Cow::Borrowed(""),
                },
            };
            self.line(&mut out, columns.iter().map(text));
        }
        Ok(out)
    }

    /// What there is a line for: the rows of a table, or the values of a multivalue.
    ///
    /// # Errors
    /// Where the document has no such table, or a column has its values in another one.
    pub(super) fn lines<'v>(&self, view: &'v View) -> Result<&'v [Value], Unfit> {
        let table = self.table.as_ref();
        let rows = match table {
            Some(table) => match view.field.get(table) {
                Some(Value::Array(rows)) => rows,
                _ => return Err(no_table(view, table)),
            },
            None => self.rows_of_columns(view).unwrap_or(&view.line_items),
        };
        for column in &self.columns {
            if let Some(Value::Array(rows)) = view.get(column)
                && rows.iter().any(Value::is_object)
            {
                let what = format!("`{column}` is a table, which has no place in a cell: name its columns");
                return Err(unfit(&what, &[column]));
            }
            let is_there = self.is_own(view, column)
                || view.get(column).is_some()
                || rows.iter().any(|row| row.get(column).is_some());
            if !is_there && let Some(other) = table_of(view, column) {
                let of = table.map_or_else(|| "another table".to_owned(), |table| format!("`{table}`"));
                let what = format!(
                    "`{column}` is a column of the table `{other}`, and the lines are those of {of}: a line has values of one table"
                );
                return Err(unfit(&what, &[column, other]));
            }
        }
        Ok(rows)
    }

    /// Without `table`, the lines are those of the table whose columns are named.
    fn rows_of_columns<'v>(&self, view: &'v View) -> Option<&'v Vec<Value>> {
        let is_first = |column: &String| view.line_items.iter().any(|row| row.get(column).is_some());
        if self.columns.iter().any(is_first) {
            return None;
        }
        let mut named = self.columns.iter().filter(|column| view.get(column).is_none());
        let table = named.find_map(|column| table_of(view, column))?;
        view.field.get(table)?.as_array()
    }

    /// Whether a column is that of the values that there is a line for each.
    fn is_own(&self, view: &View, column: &String) -> bool {
        let Some(table) = &self.table else { return false };
        column == table || view.lists.get(column) == Some(table)
    }

    /// The values of a multivalue in one cell; of a table nothing.
    fn joined(&self, values: &[Value]) -> String {
        values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(&self.joined_by)
    }

    fn line<'v>(&self, out: &mut String, values: impl Iterator<Item = Cow<'v, str>>) {
        let escape = Escape::Csv { separator: self.separator };
        let start = out.len();
        for (at, value) in values.enumerate() {
            if at > 0 {
                out.push(self.separator);
            }
            if self.guards_formulas && is_formula(&value) {
                out.push_str(&escape.text(&format!("'{value}")));
            } else {
                out.push_str(&escape.text(&value));
            }
        }
        if out.len() == start {
            out.push_str("\"\""); // an empty line would be no line
        }
        out.push_str("\r\n");
    }
}

/// The table in whose rows a column is.
fn table_of<'v>(view: &'v View, column: &str) -> Option<&'v String> {
    let has =
        |value: &Value| value.as_array().is_some_and(|rows| rows.iter().any(|row| row.get(column).is_some()));
    view.field.iter().find(|(_, value)| has(value)).map(|(name, _)| name)
}

fn no_table(view: &View, table: &String) -> Unfit {
    if let Some(list) = view.lists.get(table) {
        return unfit(
            &format!("`{table}` has its values in the multivalue `{list}`: write `table = \"{list}\"`"),
            &[table],
        );
    }
    if view.field.contains_key(table) {
        return unfit(&format!("`{table}` is a field, and no table"), &[table]);
    }
    let tables: Vec<_> = view
        .field
        .iter()
        .filter(|(_, value)| value.is_array())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    let have = if tables.is_empty() { "none".to_owned() } else { tables.join(", ") };
    let what = format!(
        "the document has no table `{table}`: `table` is the schema id of a multivalue, and it has {have}"
    );
    unfit(&what, &[table])
}

fn unfit(what: &str, ids: &[&String]) -> Unfit {
    Unfit::new(
        "CSV",
        format!("The CSV cannot be made: {what}."),
        ids.iter().map(|id| (*id).clone()).collect(),
    )
}

/// Whether a spreadsheet takes it for a formula. It passes over what it does not show, and over the width of a sign.
fn is_formula(value: &str) -> bool {
    let is_unseen = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}' | '\u{ad}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown = value.trim_start_matches(is_unseen);
    // A tab or a line's end begins another cell in some of them.
    let begins = shown.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−'])
        || value.starts_with(['\t', '\r', '\n']);
    begins && !is_number(value)
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn columns(view: &View, rows: &[Value]) -> Vec<String> {
    let is_header =
        |name: &String, value: &Value| value.is_string() || view.lists.values().any(|list| list == name);
    let header =
        view.field.iter().filter(|(name, value)| is_header(name, value)).map(|(name, _)| name.clone());
    let mut all: Vec<String> = header.collect();
    for name in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_known_however_they_begin() {
        for formula in [
            "=1",
            " =1",
            "\u{a0}=1",
            "＝1",
            " ＝1",
            "\t=1",
            "\r=1",
            "\tx",
            "\n=1",
            "\0=1",
            "\u{feff}=1",
            "\u{200b}=1",
            "@cmd",
            "+1+1",
            "-2-3",
            "−1+1",
            "=cmd|x",
        ] {
            assert!(is_formula(formula), "{formula:?}");
        }
        for value in ["-1.50", "+49", "1=1", "a", "", " ", "Müller & Co", "'=1"] {
            assert!(!is_formula(value), "{value:?}");
        }
    }
}
