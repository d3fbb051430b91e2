//! JSON lines: an object a line. The columns are all keys, in the order in which they come; the file is read twice.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::notes::Notes;
use super::{Layout, ReadError, Records, text};

type Lines = Box<dyn Iterator<Item = Result<(u64, Map<String, Value>), ReadError>>>;

pub(super) fn read(path: &Path, layout: &Layout) -> Result<Records, ReadError> {
    let notes = Notes::default();
    let mut columns: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for object in objects(path, layout, &notes)? {
        for key in object?.1.keys() {
            if !places.contains_key(key) {
                places.insert(key.clone(), columns.len());
                columns.push(key.clone());
            }
        }
    }
    let width = columns.len();
    let records = objects(path, layout, &Notes::default())?.map(move |object| {
        let (line, object) = object?;
        let mut record = vec![None; width];
        for (key, value) in object {
            if let Some(at) = places.get(&key) {
                record[*at] = value_text(value);
            }
        }
        Ok((line, record))
    });
    Ok(Records { columns, separator: None, notes, records: Box::new(records) })
}

fn objects(path: &Path, layout: &Layout, notes: &Notes) -> Result<Lines, ReadError> {
    let lines = text::open(path, layout, notes)?.lines().zip(1..);
    let path = path.to_owned();
    Ok(Box::new(lines.filter_map(move |(line_text, line)| {
        let text = match line_text {
            Ok(text) => text,
            Err(error) => return Some(Err(text::problem(&path, error))),
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return None;
        }
        let object = serde_json::from_str(text).map_err(|error| {
            let problem = format!("it is no JSON object (column {}): {error}", error.column());
            ReadError::Line { line, problem }
        });
        Some(object.map(|object| (line, object)))
    })))
}

/// All values are texts: a number as it is written.
fn value_text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
