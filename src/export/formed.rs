//! Whether a text that a template made is of its format.

use serde::de::IgnoredAny;

use super::escape::Escape;

/// A format whose readers take nothing that is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
}

/// Where a text is not of its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub line: usize,
    pub column: usize,
    pub what: String,
    /// The line itself.
    pub text: String,
}

impl Format {
    /// That of a content type.
    pub fn of(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match super::Document::escape_for(&kind) {
            Escape::Json => Some(Self::Json),
            Escape::Xml if kind != "text/html" && kind != "application/xhtml+xml" => Some(Self::Xml),
            _ => None,
        }
    }

    /// That of a file's name.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        match name.rsplit_once('.').map(|(_, end)| end) {
            Some("json") => Some(Self::Json),
            Some("xml") => Some(Self::Xml),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Xml => "XML",
        }
    }

    /// What keeps a reader from a text. Several values of JSON may stand behind each other; an empty text is no document.
    pub fn malformed(self, text: &str) -> Option<Malformed> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return None;
        }
        let (line, column, what) = match self {
            Self::Json => {
                let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
                let error = values.find_map(Result::err)?;
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or_default().to_owned();
                (error.line(), error.column(), what)
            }
            Self::Xml => {
                let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
                let error = roxmltree::Document::parse_with_options(text, options).err()?;
                // Readers that know nothing of namespaces take it.
                if matches!(
                    error,
                    roxmltree::Error::UnknownNamespace(..)
                        | roxmltree::Error::NodesLimitReached
                        | roxmltree::Error::UnknownEntityReference(..)
                ) {
                    return None;
                }
                let what = error.to_string();
                let what = what.split(" at ").next().unwrap_or_default().to_owned();
                let place = error.pos();
                (to_usize(place.row), to_usize(place.col), what)
            }
        };
        let text = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
        Some(Malformed { line, column, what, text: text.chars().take(80).collect() })
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_malformed_is_found_with_its_place() {
        for (format, text, place) in [
            (Format::Json, "{\n \"a\": x\n}", (2, 7)),
            (Format::Json, "[1, ]", (1, 5)),
            (Format::Json, "{}}", (1, 3)),
            (Format::Xml, "<a>\n<b></a>", (2, 4)),
            (Format::Xml, "<a>R & D</a>", (1, 6)),
            (Format::Xml, "<a/><b/>", (1, 5)),
        ] {
            let found = format.malformed(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((found.line, found.column), place, "{text} {found:?}");
        }
    }

    #[test]
    fn what_readers_take_is_left_alone() {
        for text in ["", "{}", "{}\n{}\n", "\u{feff}[1]", "12", "\"x\""] {
            assert_eq!(Format::Json.malformed(text), None, "{text}");
        }
        for text in
            [" ", "\u{feff}<a/>", "<?xml version=\"1.0\"?>\n<a>&amp;</a>", "<!DOCTYPE a><a/>", "<c:a/>"]
        {
            assert_eq!(Format::Xml.malformed(text), None, "{text}");
        }
    }
}
