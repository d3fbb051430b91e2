//! A row of PostgreSQL as a record: texts in the order of its columns.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::store::{Found, Record};

/// Rows that PostgreSQL's `row_to_json` wrote.
pub(super) fn found(rows: &[String]) -> Found {
    let mut found = Found::default();
    for row in rows {
        let (columns, record) = read(row);
        if found.columns.is_empty() {
            found.columns = columns;
        }
        found.records.push(record);
    }
    found
}

/// The columns of a row and its values.
pub(super) fn read(row: &str) -> (Vec<String>, Record) {
    // What `row_to_json` writes is an object.
    serde_json::from_str::<Row<'_>>(row)
        .map(|row| row.0.into_iter().map(|(column, value)| (column, text(value))).unzip())
        .unwrap_or_default()
}

/// Numbers keep their digits, a nested value is its JSON.
fn text(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        quoted if quoted.starts_with('"') => serde_json::from_str(quoted).ok(),
        other => Some(other.to_owned()),
    }
}

struct Row<'r>(Vec<(String, &'r RawValue)>);

impl<'de: 'r, 'r> Deserialize<'de> for Row<'r> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = Row<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut columns = Vec::new();
                while let Some(column) = map.next_entry()? {
                    columns.push(column);
                }
                Ok(Row(columns))
            }
        }
        deserializer.deserialize_map(Columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_order_and_digits() {
        let (columns, record) =
            read(r#"{"z":"a \"b\" č","amount":1250.5000000000000000001,"none":null,"on":true,"list":["x"]}"#);
        assert_eq!(columns, ["z", "amount", "none", "on", "list"]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            record,
            [text("a \"b\" č"), text("1250.5000000000000000001"), None, text("true"), text("[\"x\"]")]
        );
    }
}
