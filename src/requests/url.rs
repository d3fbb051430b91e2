//! The URL of a call: what stands in a field cannot change where it leads, beyond the path that it is part of.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::scope::{Scope, Unfilled};
use super::template::{Piece, Text};

/// Within a path; `/` stays, since fields hold parts of paths.
const IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// Within a query.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL, or why it is none.
pub(super) fn url(scope: &Scope<'_>, text: &Text) -> Result<Result<String, String>, Unfilled> {
    let mut url = String::new();
    for piece in &text.pieces {
        match piece {
            Piece::Literal(literal) => url.push_str(literal),
            Piece::Hole(hole) => {
                let value = scope.words_of(hole)?;
                if url.trim().is_empty() {
                    url.push_str(value.trim());
                } else if url.contains('?') {
                    url.push_str(&utf8_percent_encode(&value, IN_QUERY).to_string());
                } else {
                    if value.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
                        return Ok(Err(format!("`{{{}}}` in its `url` leads out of the path", hole.path)));
                    }
                    url.push_str(&in_path(&value));
                }
            }
        }
    }
    Ok(Ok(url.trim().to_owned()))
}

/// What is encoded already stays as it is.
fn in_path(value: &str) -> String {
    let mut encoded = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        encoded.push_str(&utf8_percent_encode(&rest[..at], IN_PATH).to_string());
        let is_code =
            rest.get(at + 1..at + 3).is_some_and(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
        encoded.push_str(if is_code { "%" } else { "%25" });
        rest = &rest[at + 1..];
    }
    encoded.push_str(&utf8_percent_encode(rest, IN_PATH).to_string());
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_within_the_path() {
        assert_eq!(in_path("a b?c#d/é%41%zz"), "a%20b%3Fc%23d/%C3%A9%41%25zz");
    }
}
