//! `shape = "csv"`: a line for each row of a table, header fields repeated in each.

use std::borrow::Cow;

use serde_json::Value;

use super::super::escape::Escape;
use super::super::view::View;

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
    pub(super) fn make(&self, view: &View) -> String {
        let rows = match &self.table {
            Some(table) => view.field.get(table).and_then(Value::as_array).map_or(&[][..], Vec::as_slice),
            None => &view.line_items,
        };
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
            let is_own = |column: &String| {
                Some(column) == self.table.as_ref()
                    || view.lists.get(column).is_some_and(|of| Some(of) == self.table.as_ref())
            };
            let text = |column: &String| match row {
                // A line for each value of a multivalue.
                Value::String(value) if is_own(column) => Cow::Borrowed(value.as_str()),
                _ => match row.get(column).or_else(|| view.get(column)) {
                    Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
                    Some(Value::Array(values)) => Cow::Owned(self.joined(values)),
                    None if column == "annotation_id" => Cow::Borrowed(&*view.annotation_id),
                    _ => Cow::Borrowed(""),
                },
            };
            self.line(&mut out, columns.iter().map(text));
        }
        out
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
