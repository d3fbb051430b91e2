//! What goes wrong with an account, in Rossum's own words.

use crate::trees;
use serde_json::Value;

/// Characters of an answer that is no JSON.
const QUOTED: usize = 500;

#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Credentials(String),
    #[error("cannot reach Rossum at {url}: {cause}")]
    Unreachable { url: String, cause: String },
    #[error("Rossum refuses the login: check username and password")]
    Login,
    #[error("Rossum refuses the token: log in with `annex login`, or set a new ROSSUM_TOKEN")]
    Token,
    #[error("Rossum is busy (status {0}); try again later")]
    Busy(u16),
    #[error("{what}: Rossum answers with status {status}: {words}")]
    Refused { what: String, status: u16, words: String },
    #[error("{0}: cannot read the answer")]
    Unreadable(String),
    #[error("{what}: the answer is too large: {why}")]
    TooLarge { what: String, why: String },
}

impl Problem {
    /// Of an answer that is no success.
    pub(super) fn of(what: &str, status: u16, body: &[u8]) -> Self {
        match status {
            401 => Self::Token,
            429 | 503 => Self::Busy(status),
            _ => Self::Refused { what: what.to_owned(), status, words: words(body) },
        }
    }
}

/// `{"detail": "…"}`, `{"field": ["…"]}`, or whatever else it says.
fn words(body: &[u8]) -> String {
    let Ok(json) = trees::read(body, trees::SMALL) else {
        let text = String::from_utf8_lossy(body);
        return text.trim().chars().take(QUOTED).collect();
    };
    let mut lines = Vec::new();
    say(&json, "", &mut lines);
    match lines.as_slice() {
        [one] => one.clone(),
        lines => lines.join("; "),
    }
}

fn say(json: &Value, at: &str, lines: &mut Vec<String>) {
    match json {
        Value::Object(map) => {
            for (key, value) in map {
                let is_general = matches!(key.as_str(), "detail" | "non_field_errors" | "__all__");
                let place = match (is_general, at.is_empty()) {
                    (true, _) => at.to_owned(),
                    (false, true) => key.clone(),
                    (false, false) => format!("{at}.{key}"),
                };
                say(value, &place, lines);
            }
        }
        Value::Array(list) => list.iter().for_each(|one| say(one, at, lines)),
        other => {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            lines.push(if at.is_empty() { text } else { format!("{at}: {text}") });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_by_field_as_rossum_words_them() {
        assert_eq!(words(br#"{"detail": "Not found."}"#), "Not found.");
        assert_eq!(words(br#"{"name": ["This field is required."]}"#), "name: This field is required.");
        assert_eq!(
            words(br#"{"config": {"url": ["Enter a valid URL."]}, "non_field_errors": ["No."]}"#),
            "config.url: Enter a valid URL.; No."
        );
        assert_eq!(words(b"<html>"), "<html>");
    }
}
