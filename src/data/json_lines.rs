//! JSON lines: an object a line. The columns are all keys, in the order in which they come; the file is read twice.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::doubts::{CONFLICT, is_conflict};
use super::head::{flaw, plain, unseen};
use super::json::json;
use super::notes::Notes;
use super::table::unseen_is_left_out;
use super::{Layout, ReadError, Records, text};

type Lines = Box<dyn Iterator<Item = Result<(u64, Map<String, Value>), ReadError>>>;

pub(super) fn read(path: &Path, layout: &Layout) -> Result<Records, ReadError> {
    let notes = Notes::default();
    let mut columns: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for object in objects(path, layout, &notes)? {
        let (line, object) = object?;
        let wrong = |problem: String| Err(ReadError::Line { line, problem });
        for key in object.keys().filter(|key| !places.contains_key(*key)).cloned().collect::<Vec<_>>() {
            let name = plain(&key);
            if let Some(flaw) = flaw(&name) {
                return wrong(format!("column {}: {flaw}", columns.len() + 1));
            }
            if let Some(other) = columns.iter().find(|other| other.eq_ignore_ascii_case(&name)) {
                return wrong(format!("`{name}` is the column `{other}` too: to SQL they are one"));
            }
            if let Some(sign) = unseen(&key) {
                notes.say(unseen_is_left_out(&name, sign));
            }
            places.insert(key, columns.len());
            columns.push(name);
        }
    }
    let names = columns.clone();
    let records = objects(path, layout, &Notes::default())?.map(move |object| {
        let (line, object) = object?;
        let mut record = vec![None; names.len()];
        for (key, value) in object {
            let Some(at) = places.get(&key) else { continue };
            let value = value_text(value);
            // Other controls are written as JSON and meant so: no wrong encoding makes them.
            if let Some(place) = value.as_ref().and_then(|text| text.chars().position(|sign| sign == '\0')) {
                let (name, place) = (&names[*at], place + 1);
                let problem =
                    format!("column `{name}`: its sign {place} is the control U+0000, as no text has it");
                return Err(ReadError::Line { line, problem });
            }
            record[*at] = value;
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
        Some(object(text).map(|object| (line, object)).map_err(|problem| ReadError::Line { line, problem }))
    })))
}

/// One object, in which no key stands twice.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    if is_conflict(text) {
        return Err(CONFLICT.to_owned());
    }
    let read = json(text)
        .map_err(|error| format!("it is not a JSON object (column {}): {error}", error.column()))?;
    match read {
        (_, twice) if !twice.is_empty() => {
            Err(format!("`{}` appears twice: which value counts cannot be known", twice.join("`, `")))
        }
        (Value::Object(object), _) => Ok(object),
        _ => Err("it is not a JSON object".to_owned()),
    }
}

/// All values are texts: a number as it is written.
fn value_text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
