//! What placeholders and conditions see, and how they find it.
//!
//! All of it is JSON. A field is an object with the key `#`: its text is under `value`, what it is to a JSON document
//! under `typed`. A file that was fetched is `{"#file": URL}`, and its bytes stand beside.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::api::Fetched;

use super::template::{Hole, Path, Piece, Segment, Template, Text};

/// Marks what is no plain JSON.
pub(super) const MARK: &str = "#";
const FILE: &str = "#file";

/// Why a text cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfilled {
    /// What this URL leads to must be fetched first.
    Fetch(String),
    /// There is nothing at this path.
    Missing(String),
    /// The path wants something fetched that Rossum does not keep.
    Foreign(String),
}

/// What a path that leads nowhere means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// The call cannot be made.
    Fails,
    /// `null`: in queries.
    IsNull,
    /// `null`, and `.@` fetches nothing: in conditions.
    IsNullUnfetched,
}

pub(super) struct Scope<'s> {
    pub(super) payload: &'s Json,
    pub(super) fields: &'s Map<String, Json>,
    pub(super) property: &'s Map<String, Json>,
    /// The hook's secrets.
    pub(super) secrets: &'s Map<String, Json>,
    /// For other names: the item of an iteration, its number, a token, an answer.
    pub(super) names: &'s Map<String, Json>,
    pub(super) fetched: &'s HashMap<String, Fetched>,
    pub(super) absent: Absent,
    /// What Rossum's own URLs begin with; without it nothing can be fetched.
    pub(super) rossum: Option<&'s dyn Fn(&str) -> bool>,
}

impl<'s> Scope<'s> {
    fn root(&self, path: &Path) -> (Option<Cow<'s, Json>>, usize) {
        let whole = |map: &'s Map<String, Json>, key: &str| map.get(key).map(Cow::Borrowed);
        match (path.root(), path.key(1)) {
            ("payload", Some("secrets")) => match path.key(2) {
                Some(key) => (whole(self.secrets, key), 3),
                None => (None, 2),
            },
            ("payload", Some("rossum_authorization_token")) => {
                (whole(self.names, "rossum_authorization_token"), 2)
            }
            ("payload", _) => (Some(Cow::Borrowed(self.payload)), 1),
            ("field", Some(key)) => match self.fields.get(key) {
                Some(field) => (Some(Cow::Borrowed(field)), 2),
                None => (self.column(key).map(Cow::Owned), 2),
            },
            ("property", Some(key)) => (whole(self.property, key), 2),
            (name, _) => (whole(self.names, name), 1),
        }
    }

    /// A column of a table, or the values of a simple multivalue: they are reached by `all_values`. Where a multivalue has
    /// nothing in it, the document does not tell what it is of, and there are no values.
    fn column(&self, key: &str) -> Option<Json> {
        let own = |row: &Json| row.get("schema_id").and_then(Json::as_str) == Some(key);
        let cell = |row: &'s Json| if own(row) { Some(row) } else { row.get(key) };
        let tables = || self.fields.values().filter_map(Json::as_array);
        let cells: Vec<Json> = tables().flatten().filter_map(cell).cloned().collect();
        let may_be = !cells.is_empty() || tables().any(Vec::is_empty);
        may_be.then(|| json!({"all_values": cells}))
    }

    /// What stands at a path; `None` where nothing does.
    pub(super) fn find(&self, path: &Path) -> Result<Option<Cow<'s, Json>>, Unfilled> {
        let (found, from) = self.root(path);
        let Some(mut value) = found else { return Ok(None) };
        for segment in path.segments.iter().skip(from) {
            let next = match segment {
                Segment::Fetch => match self.fetch(&value, path)? {
                    Some(fetched) => Some(fetched),
                    None => continue,
                },
                Segment::Key(key) => step(value, |value| value.get(key)),
                Segment::Index(index) => step(value, |value| {
                    let list = value.as_array()?;
                    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
                    let place = if *index < 0 { list.len().checked_sub(from_end)? } else { from_end };
                    list.get(place)
                }),
            };
            match next {
                Some(next) => value = next,
                None => return Ok(None),
            }
        }
        // What an earlier query fetched is fetched again where it is used.
        if let Some(url) = file(&value)
            && !self.fetched.contains_key(url)
            && self.absent != Absent::IsNullUnfetched
        {
            return Err(Unfilled::Fetch(url.to_owned()));
        }
        Ok(Some(value))
    }

    /// What a URL leads to; `None` where the value is no URL and stays as it is.
    fn fetch(&self, value: &Json, path: &Path) -> Result<Option<Cow<'s, Json>>, Unfilled> {
        if self.absent == Absent::IsNullUnfetched {
            return Ok(None);
        }
        let plain = value.get(MARK).and_then(|_| value.get("value")).unwrap_or(value);
        let Some(url) =
            plain.as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        else {
            return Ok(None);
        };
        match self.fetched.get(url) {
            Some(Fetched::Json(json)) => Ok(Some(Cow::Borrowed(json))),
            Some(Fetched::Bytes { .. }) => Ok(Some(Cow::Owned(json!({FILE: url})))),
            None if self.rossum.is_some_and(|is_rossum| is_rossum(url)) => {
                Err(Unfilled::Fetch(url.to_owned()))
            }
            None if self.absent == Absent::IsNull => Ok(Some(Cow::Owned(Json::Null))),
            None => Err(Unfilled::Foreign(path.to_string())),
        }
    }

    /// The bytes of a file that was fetched.
    pub(super) fn bytes(&self, value: &Json) -> Option<&'s [u8]> {
        match self.fetched.get(file(value)?)? {
            Fetched::Bytes { bytes, .. } => Some(bytes),
            Fetched::Json(_) => None,
        }
    }

    fn hole(&self, hole: &Hole) -> Result<Json, Unfilled> {
        let Some(value) = self.find(&hole.path)? else {
            return match self.absent {
                Absent::Fails => Err(Unfilled::Missing(hole.path.to_string())),
                _ => Ok(Json::Null),
            };
        };
        if hole.is_base64 {
            let encoded = match self.bytes(&value) {
                Some(bytes) => STANDARD.encode(bytes),
                None => STANDARD.encode(words(&plain(&value))),
            };
            return Ok(Json::String(encoded));
        }
        Ok(plain(&value))
    }

    /// A text: a placeholder that is all of it keeps its type, any other becomes text.
    pub(super) fn text(&self, text: &Text) -> Result<Json, Unfilled> {
        if let Some(hole) = text.whole() {
            return self.hole(hole);
        }
        let mut whole = String::new();
        for piece in &text.pieces {
            match piece {
                Piece::Literal(literal) => whole.push_str(literal),
                Piece::Hole(hole) => whole.push_str(&self.words_of(hole)?),
            }
        }
        Ok(Json::String(whole))
    }

    /// A placeholder's value as text.
    pub(super) fn words_of(&self, hole: &Hole) -> Result<String, Unfilled> {
        let value = self.hole(hole)?;
        Ok(match self.bytes(&value) {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => words(&value),
        })
    }

    pub(super) fn fill(&self, template: &Template) -> Result<Json, Unfilled> {
        Ok(match template {
            Template::Fixed(json) => json.clone(),
            Template::Text(text) => self.text(text)?,
            Template::List(list) => {
                Json::Array(list.iter().map(|one| self.fill(one)).collect::<Result<_, _>>()?)
            }
            Template::Map(map) => Json::Object(
                map.iter()
                    .map(|(key, one)| Ok((key.clone(), self.fill(one)?)))
                    .collect::<Result<_, Unfilled>>()?,
            ),
        })
    }
}

fn step(value: Cow<'_, Json>, get: impl Fn(&Json) -> Option<&Json>) -> Option<Cow<'_, Json>> {
    match value {
        Cow::Borrowed(value) => get(value).map(Cow::Borrowed),
        Cow::Owned(value) => get(&value).cloned().map(Cow::Owned),
    }
}

fn file(value: &Json) -> Option<&str> {
    value.get(FILE)?.as_str()
}

/// A value as a JSON document has it: fields are what they are to it, rows are objects.
pub(super) fn plain(value: &Json) -> Json {
    match value {
        Json::Object(map) if map.get(MARK).and_then(Json::as_str) == Some("cell") => {
            map.get("typed").cloned().unwrap_or_default()
        }
        Json::Object(map) if map.contains_key(FILE) => value.clone(),
        Json::Object(map) => Json::Object(
            map.iter().filter(|(key, _)| *key != MARK).map(|(key, one)| (key.clone(), plain(one))).collect(),
        ),
        Json::Array(list) => Json::Array(list.iter().map(plain).collect()),
        other => other.clone(),
    }
}

/// A value within a text, as the Request Processor writes it; lists and objects as JSON.
pub(super) fn words(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What came from outside holds no marks: it could pass for a file or a field.
pub(super) fn unmarked(value: Json) -> Json {
    match value {
        Json::Object(map) => Json::Object(
            map.into_iter()
                .filter(|(key, _)| key != MARK && key != FILE)
                .map(|(key, one)| (key, unmarked(one)))
                .collect(),
        ),
        Json::Array(list) => Json::Array(list.into_iter().map(unmarked).collect()),
        other => other,
    }
}
