//! What a call sends: `content` in the form that `content_type` asks for.

use serde_json::{Map, Value as Json};

use crate::outbound::{Part, multipart, urlencoded};

use super::scope::{Scope, words};
use super::settings::ContentType;

/// The bytes and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// `None` where only the headers of the settings say it.
    pub(super) content_type: Option<String>,
    /// The pairs of a form: OAuth 1.0a signs them.
    pub(super) form: Vec<(String, String)>,
}

impl Body {
    pub(super) fn new(kind: ContentType, content: &Json, scope: &Scope<'_>) -> Result<Self, String> {
        let empty = content.is_null();
        match kind {
            _ if empty => Ok(Self::default()),
            ContentType::Json => json(content, scope),
            ContentType::Form | ContentType::None => raw_or_form(content, scope),
            ContentType::Files => parts(content, scope, true),
            ContentType::Multipart => parts(content, scope, false),
        }
    }
}

fn json(content: &Json, scope: &Scope<'_>) -> Result<Body, String> {
    let bytes = match scope.bytes(content) {
        Some(file) if serde_json::from_slice::<serde::de::IgnoredAny>(file).is_ok() => file.to_vec(),
        Some(_) => return Err("`content` is a file that is not JSON".to_owned()),
        None if has_file(content, scope) => {
            return Err("a file cannot be in JSON: write `{base64(…)}`".to_owned());
        }
        None => content.to_string().into_bytes(),
    };
    Ok(Body { bytes, content_type: Some("application/json".to_owned()), form: Vec::new() })
}

fn has_file(content: &Json, scope: &Scope<'_>) -> bool {
    match content {
        Json::Array(list) => list.iter().any(|one| has_file(one, scope)),
        Json::Object(map) => scope.bytes(content).is_some() || map.values().any(|one| has_file(one, scope)),
        _ => false,
    }
}

/// Pairs as `name=value&…`; a list stands for several of one name, what is empty is left out.
pub(super) fn pairs(map: &Map<String, Json>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in map {
        match value {
            Json::Null => {}
            Json::Array(list) => pairs.extend(list.iter().map(|one| (name.clone(), words(one)))),
            other => pairs.push((name.clone(), words(other))),
        }
    }
    pairs
}

fn raw_or_form(content: &Json, scope: &Scope<'_>) -> Result<Body, String> {
    if let Some(file) = scope.bytes(content) {
        return Ok(Body { bytes: file.to_vec(), ..Body::default() });
    }
    match content {
        Json::Object(_) if has_file(content, scope) => {
            Err("a file cannot be in a form: use `content_type` `files` or `multipart`".to_owned())
        }
        Json::Object(map) => {
            let form = pairs(map);
            let bytes = urlencoded(&form).into_bytes();
            Ok(Body { bytes, content_type: Some("application/x-www-form-urlencoded".to_owned()), form })
        }
        Json::Array(_) => Err("`content` is a list, which only `content_type` `json` can send".to_owned()),
        other => Ok(Body { bytes: words(other).into_bytes(), ..Body::default() }),
    }
}

/// A form of files: `{"file": ["name.pdf", CONTENT, "application/pdf"]}`, with other parts beside them.
fn parts(content: &Json, scope: &Scope<'_>, all_files: bool) -> Result<Body, String> {
    let Json::Object(map) = content else {
        return Err("`content` must be an object of files".to_owned());
    };
    let bytes = |value: &Json| match scope.bytes(value) {
        Some(bytes) => bytes.to_vec(),
        None => words(value).into_bytes(),
    };
    let mut parts = Vec::new();
    for (name, value) in map {
        let part = match value {
            Json::Null => continue,
            Json::Array(list) => {
                let [file_name, file, kind @ ..] = list.as_slice() else {
                    return Err(format!("`{name}` needs the file's name and its content"));
                };
                Part {
                    name: name.clone(),
                    file_name: Some(words(file_name)),
                    content_type: kind.first().map(words).filter(|kind| !kind.is_empty()),
                    bytes: bytes(file),
                }
            }
            other => Part {
                name: name.clone(),
                file_name: all_files.then(|| name.clone()),
                content_type: None,
                bytes: bytes(other),
            },
        };
        parts.push(part);
    }
    let (bytes, content_type) = multipart(&parts);
    Ok(Body { bytes, content_type: Some(content_type), form: Vec::new() })
}
