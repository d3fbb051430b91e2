//! Where a URL leads that is made of a template's own text and of values: never beyond the segment that a value is part of.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use reqwest::Url;

/// What cannot stand in one segment of a path, nor in a value of a query, as it is: all but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Rounds of decoding: nobody reads what is encoded deeper.
const ROUNDS: usize = 8;

/// A part of a path with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The template's own text.
    Own(String),
    /// What a value gave, encoded already where it is to be.
    Value(String),
}

/// Why a path cannot be called. It quotes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Astray {
    #[error("a part of the path that a value is to fill is empty")]
    Empty,
    #[error("a value leads out of the path")]
    LeadsOut,
}

/// A value as one segment, or as a value of a query.
pub fn encoded(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// The path that pieces make, where each value stays within its segment and gives it something.
pub fn path(pieces: &[Piece]) -> Result<String, Astray> {
    let mut whole = String::new();
    let mut segment = String::new();
    let (mut has_value, mut is_path) = (false, true);
    for piece in pieces {
        let (text, is_value) = match piece {
            Piece::Own(text) => (text, false),
            Piece::Value(text) => (text, true),
        };
        whole.push_str(text);
        if !is_path {
            continue;
        }
        has_value |= is_value;
        for c in text.chars() {
            match c {
                '/' | '\\' | '?' | '#' if is_path => {
                    check(&segment, has_value)?;
                    segment.clear();
                    // A value goes on behind its own slash.
                    has_value = is_value;
                    is_path = matches!(c, '/' | '\\');
                }
                other if is_path => segment.push(other),
                _ => {}
            }
        }
    }
    if is_path {
        check(&segment, has_value)?;
    }
    Ok(whole)
}

fn check(segment: &str, has_value: bool) -> Result<(), Astray> {
    match has_value {
        true if percent_decode(segment.as_bytes()).decode_utf8_lossy().trim().is_empty() => {
            Err(Astray::Empty)
        }
        true if leads_out(segment) => Err(Astray::LeadsOut),
        _ => Ok(()),
    }
}

/// Whether anybody could read a segment as `.` or `..`, or as several of which one is: however often it is decoded, and
/// whatever passes for a dot or a slash.
pub(super) fn leads_out(segment: &str) -> bool {
    let mut bytes = segment.as_bytes().to_vec();
    for _ in 0..ROUNDS {
        let decoded: Vec<u8> = percent_decode(&bytes).collect();
        if decoded.contains(&0) || readings(&decoded).split(['/', '\\']).any(is_dots) {
            return true;
        }
        if decoded == bytes {
            return false;
        }
        bytes = decoded;
    }
    true
}

/// As lenient servers read it: dots and slashes in overlong UTF-8, and the wide and the small ones.
fn readings(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let overlong = match (byte, bytes.get(at + 1)) {
            (0xc0, Some(0xae)) => Some(b'.'),
            (0xc0, Some(0xaf)) => Some(b'/'),
            (0xc1, Some(0x9c)) => Some(b'\\'),
            _ => None,
        };
        at += if overlong.is_some() { 2 } else { 1 };
        text.push(overlong.unwrap_or(*byte));
    }
    let read = |c: char| match c {
        '\u{ff0e}' | '\u{2024}' | '\u{fe52}' => '.',
        '\u{ff0f}' | '\u{2215}' | '\u{2044}' => '/',
        '\u{ff3c}' | '\u{fe68}' => '\\',
        other => other,
    };
    String::from_utf8_lossy(&text).chars().map(read).collect()
}

/// `..;x` too: some servers drop what follows the `;`. White space and controls are dropped by others.
fn is_dots(part: &str) -> bool {
    let part = part.split(';').next().unwrap_or_default();
    let mut seen = part.chars().filter(|c| !c.is_whitespace() && !c.is_control());
    let dots = seen.by_ref().take(3).collect::<String>();
    matches!(&*dots, "." | "..")
}

/// Whether a parsed URL has the segments of a written path, none dropped and none added: `written` is its end.
pub fn keeps(url: &Url, written: &str) -> bool {
    let segments = |path: &str| -> Vec<Vec<u8>> {
        path.split(['/', '\\']).map(|segment| percent_decode(segment.as_bytes()).collect()).collect()
    };
    let written = written.split(['?', '#']).next().unwrap_or_default();
    let (whole, end) = (segments(url.path()), segments(written.trim_start_matches(['/', '\\'])));
    whole.ends_with(&end)
}

#[cfg(test)]
mod tests {
    use super::super::odd;
    use super::*;

    /// What leads elsewhere, in every spelling.
    const PIECES: [&str; 34] = [
        ".",
        "..",
        "/",
        "\\",
        "%2e",
        "%2E",
        "%252e",
        "%25252e",
        "%2f",
        "%5c",
        "%252f",
        "?",
        "#",
        "&",
        "=",
        ";",
        "@",
        ":",
        "//",
        "%00",
        "%c0%ae",
        "\u{ff0e}",
        "\u{2024}",
        "\u{ff0f}",
        "\t",
        "\n",
        " ",
        "a",
        "1",
        "admin",
        "é",
        "{",
        "%",
        "force=true",
    ];

    fn value(number: u64) -> String {
        odd::text(&PIECES, 6, number)
    }

    #[test]
    fn whatever_is_in_a_value_the_url_has_the_templates_parts_and_the_value() {
        let base = Url::parse("https://erp.example.com/api/").unwrap();
        let mut made = 0;
        for number in 0..60_000 {
            let value = value(number);
            let own = |text: &str| Piece::Own(text.to_owned());
            let filled = || Piece::Value(encoded(&value));
            let pieces = [
                own("invoices/"),
                filled(),
                own("/scan/x."),
                filled(),
                own("?id="),
                filled(),
                own("&keep=1"),
            ];
            let Ok(path) = path(&pieces) else { continue };
            made += 1;
            let url = base.join(&format!("./{path}")).unwrap();
            assert!(keeps(&url, &path), "{value:?}: {url}");
            assert_eq!(url.origin(), base.origin(), "{value:?}");
            assert_eq!(url.fragment(), None, "{value:?}");
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            let [api, invoices, id, scan, last] = segments[..] else { panic!("{value:?}: {url}") };
            assert_eq!((api, invoices, scan), ("api", "invoices", "scan"), "{value:?}");
            let decoded = |text: &str| percent_decode(text.as_bytes()).decode_utf8().unwrap().into_owned();
            assert_eq!(decoded(id), value);
            assert_eq!(decoded(last), format!("x.{value}"));
            let query: Vec<_> = url.query_pairs().into_owned().collect();
            assert_eq!(query, [("id".to_owned(), value), ("keep".to_owned(), "1".to_owned())]);
        }
        assert!(made > 10_000, "{made}");
    }

    #[test]
    fn dots_are_refused_in_every_spelling_and_names_are_not() {
        for wrong in [
            "..",
            ".",
            "%2e%2e",
            ".%2E",
            "%252e%252e",
            "../../admin",
            "..\\x",
            "a/../b",
            "..;x",
            "%2e%2e/%2e%2e/admin",
            ".\t.",
            "\u{ff0e}\u{ff0e}",
            "%c0%ae%c0%ae/x",
            "a%00b",
            "..%2fadmin",
        ] {
            let pieces =
                [Piece::Own("a/".to_owned()), Piece::Value(encoded(wrong)), Piece::Own("/b".to_owned())];
            assert_eq!(path(&pieces), Err(Astray::LeadsOut), "{wrong}");
        }
        let split = [Piece::Own("a/.".to_owned()), Piece::Value(".".to_owned())];
        assert_eq!(path(&split), Err(Astray::LeadsOut), "half of it is the template's");
        for right in ["...", "1.2", ".a", "a..b", "100 %", "RE/2026/1", "é;1"] {
            let pieces = [Piece::Own("a/".to_owned()), Piece::Value(encoded(right))];
            assert!(path(&pieces).is_ok(), "{right}");
        }
    }

    #[test]
    fn nothing_in_a_part_of_a_path_is_an_error_and_in_a_query_it_is_not() {
        let of = |before: &str, value: &str, after: &str| {
            path(&[
                Piece::Own(before.to_owned()),
                Piece::Value(value.to_owned()),
                Piece::Own(after.to_owned()),
            ])
        };
        assert_eq!(of("invoices/", "", "/submitted"), Err(Astray::Empty));
        assert_eq!(of("invoices/", "%20", ""), Err(Astray::Empty));
        assert_eq!(of("invoices/", "", "?x=1"), Err(Astray::Empty));
        assert_eq!(of("invoices/x", "", ".pdf"), Ok("invoices/x.pdf".to_owned()));
        assert_eq!(of("invoices?x=", "", "&y=1"), Ok("invoices?x=&y=1".to_owned()));
    }
}
