//! Values in texts of other formats, so that whatever stands in a field parses back to itself.

use std::fmt::{self, Write};

use super::place;

/// What a template's values are escaped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escape {
    #[default]
    None,
    Xml,
    /// The inside of a JSON text, as in `"{{ field.document_id }}"`.
    Json,
    Csv {
        separator: char,
    },
    /// A segment of a URL's path, or a value of its query.
    Url,
}

impl Escape {
    /// The word for it in configurations; that of CSV carries its separator.
    pub fn name(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Xml => "xml".to_owned(),
            Self::Json => "json".to_owned(),
            Self::Csv { separator } => format!("csv{separator}"),
            Self::Url => "url".to_owned(),
        }
    }

    pub fn named(name: &str) -> Self {
        match name {
            "xml" => Self::Xml,
            "json" => Self::Json,
            "url" => Self::Url,
            _ => name
                .strip_prefix("csv")
                .map_or(Self::None, |rest| Self::Csv { separator: rest.chars().next().unwrap_or(',') }),
        }
    }

    pub fn write(self, out: &mut dyn Write, text: &str) -> fmt::Result {
        match self {
            Self::None => out.write_str(text),
            Self::Xml => xml(out, text),
            Self::Json => json(out, text),
            Self::Csv { separator } => csv(out, text, separator),
            Self::Url => out.write_str(&place::encoded(text)),
        }
    }

    pub fn text(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + text.len() / 8);
        let _ = self.write(&mut out, text); // to a text: never fails
        out
    }
}

/// For XML 1.0, in elements and in attributes. White space that a parser would change is written by number; a
/// character that XML cannot hold at all becomes U+FFFD.
fn xml(out: &mut dyn Write, text: &str) -> fmt::Result {
    for c in text.chars() {
        match c {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            '\'' => out.write_str("&apos;")?,
            '\t' | '\n' | '\r' => write!(out, "&#{};", u32::from(c))?,
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.write_char('\u{fffd}')?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

fn json(out: &mut dyn Write, text: &str) -> fmt::Result {
    // A text always becomes JSON.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    out.write_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default())
}

/// As in RFC 4180: quoted where it must be.
fn csv(out: &mut dyn Write, text: &str, separator: char) -> fmt::Result {
    let spaced = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    if !spaced && !text.contains(['"', '\n', '\r', '\u{feff}', separator]) {
        return out.write_str(text);
    }
    out.write_char('"')?;
    out.write_str(&text.replace('"', "\"\""))?;
    out.write_char('"')
}
