//! `{payload.annotation.id}`: placeholders in the texts of the settings.

use serde_json::Value as Json;

/// Names that a placeholder may begin with, beside the item of an iteration.
const ROOTS: [&str; 5] = ["payload", "field", "property", "sequence", "token"];

/// A JSON value whose texts may hold placeholders.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Template {
    Fixed(Json),
    Text(Text),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Text {
    pub(super) pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Hole(Hole),
}

/// What stands between braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) path: Path,
    /// `{base64(…)}`
    pub(super) is_base64: bool,
    /// `{raw(…)}`: in a URL, put in as it is.
    pub(super) is_raw: bool,
}

/// `payload.document.content.@.datapoints[0].value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(i64),
    /// `@`: the value is a URL, and what it leads to is wanted.
    Fetch,
}

impl Path {
    /// `None` where the text is no path.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        for (at, part) in text.trim().split('.').enumerate() {
            if part == "@" && at > 0 {
                segments.push(Segment::Fetch);
                continue;
            }
            let (name, indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
            let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '#');
            if name.is_empty()
                || !name.chars().all(is_name)
                || at == 0 && !name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            {
                return None;
            }
            segments.push(Segment::Key(name.to_owned()));
            let mut rest = indexes;
            while !rest.is_empty() {
                let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
                segments.push(Segment::Index(index.parse().ok()?));
                rest = after;
            }
        }
        Some(Self { segments })
    }

    pub(super) fn root(&self) -> &str {
        match self.segments.first() {
            Some(Segment::Key(name)) => name,
            _ => "",
        }
    }

    /// The key at a place behind the root.
    pub(super) fn key(&self, place: usize) -> Option<&str> {
        match self.segments.get(place)? {
            Segment::Key(key) => Some(key),
            _ => None,
        }
    }

    pub(super) fn fetches(&self) -> bool {
        self.segments.contains(&Segment::Fetch)
    }

    /// Whether it leads to what must not be kept: a token, or a secret.
    pub(super) fn is_secret(&self) -> bool {
        self.root() == "token"
            || self.root() == "payload"
                && matches!(self.key(1), Some("secrets" | "rossum_authorization_token"))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Key(key) if at == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Fetch => f.write_str(".@")?,
            }
        }
        Ok(())
    }
}

/// As it was written.
impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => f.write_str(text)?,
                Piece::Hole(Hole { path, is_base64: true, .. }) => write!(f, "{{base64({path})}}")?,
                Piece::Hole(Hole { path, is_raw: true, .. }) => write!(f, "{{raw({path})}}")?,
                Piece::Hole(Hole { path, .. }) => write!(f, "{{{path}}}")?,
            }
        }
        Ok(())
    }
}

impl Text {
    /// The text with its placeholders, or the name that is none: `more` are names beside the usual ones.
    pub(super) fn parse(text: &str, more: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            literal.push_str(&rest[..at]);
            let inside = &rest[at + 1..];
            let hole =
                inside.find(['}', '{']).filter(|end| inside[*end..].starts_with('}')).and_then(|end| {
                    let body = inside[..end].trim();
                    let wrapped = |word: &str| body.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
                    let (base64, raw) = (wrapped("base64"), wrapped("raw"));
                    let path = Path::parse(base64.or(raw).unwrap_or(body))?;
                    Some((Hole { path, is_base64: base64.is_some(), is_raw: raw.is_some() }, end))
                });
            let Some((hole, end)) = hole else {
                literal.push('{');
                rest = inside;
                continue;
            };
            let root = hole.path.root();
            if !ROOTS.contains(&root) && !more.contains(&root) {
                return Err(root.to_owned());
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Hole(hole));
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// The placeholder that is all of it: its value keeps its type.
    pub(super) fn whole(&self) -> Option<&Hole> {
        let mut found = None;
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) if text.trim().is_empty() => {}
                Piece::Hole(hole) if found.is_none() => found = Some(hole),
                _ => return None,
            }
        }
        found
    }

    pub(super) fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole),
            Piece::Literal(_) => None,
        })
    }

    /// Host and port, where they stand in the text itself: `https://erp.example.com/`.
    pub(super) fn host(&self) -> Option<String> {
        let Some(Piece::Literal(text)) = self.pieces.first() else { return None };
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']);
        let is_whole = end.is_some() || self.pieces.len() == 1;
        let host = &rest[..end.unwrap_or(rest.len())];
        (is_whole && matches!(scheme, "http" | "https")).then(|| host.to_ascii_lowercase())
    }

    /// Whether it begins with `http://`.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.pieces.first(), Some(Piece::Literal(text)) if text.starts_with("http://"))
    }
}

impl Template {
    pub(super) fn read(json: &Json, more: &[&str]) -> Result<Self, String> {
        Ok(match json {
            Json::String(text) => {
                let text = Text::parse(text, more)?;
                match &*text.pieces {
                    [Piece::Literal(text)] => Self::Fixed(Json::String(text.clone())),
                    [] => Self::Fixed(Json::String(String::new())),
                    _ => Self::Text(text),
                }
            }
            Json::Array(list) => {
                Self::List(list.iter().map(|json| Self::read(json, more)).collect::<Result<_, _>>()?)
            }
            Json::Object(map) => Self::Map(
                map.iter()
                    .map(|(key, json)| Ok((key.clone(), Self::read(json, more)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => Self::Fixed(other.clone()),
        })
    }

    /// Every placeholder in it.
    pub(super) fn holes<'t>(&'t self, into: &mut Vec<&'t Hole>) {
        match self {
            Self::Fixed(_) => {}
            Self::Text(text) => into.extend(text.holes()),
            Self::List(list) => list.iter().for_each(|one| one.holes(into)),
            Self::Map(map) => map.iter().for_each(|(_, one)| one.holes(into)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_paths_and_other_braces_are_text() {
        let text = Text::parse("N={payload.n} {\"a\": 1} {} {", &[]).unwrap();
        assert_eq!(text.pieces.len(), 3);
        assert_eq!(text.pieces[2], Piece::Literal(" {\"a\": 1} {} {".to_owned()));
        let path = Path::parse("payload.document.content.@.datapoints[0].value").unwrap();
        assert_eq!(path.to_string(), "payload.document.content.@.datapoints[0].value");
        assert!(path.fetches());
        assert_eq!(Text::parse("{line.sku.value}", &[]), Err("line".to_owned()));
        assert!(Text::parse("{line.sku.value}", &["line"]).unwrap().whole().is_some());
        assert!(Text::parse(" {base64(payload)} ", &[]).unwrap().whole().unwrap().is_base64);
        assert!(Text::parse("x{token}", &[]).unwrap().whole().is_none());
        for no in ["", "a..b", "[0]", "a[b]", "0.a", "a b"] {
            assert_eq!(Path::parse(no), None, "{no}");
        }
    }

    #[test]
    fn a_host_counts_where_no_placeholder_can_change_it() {
        let host = |text: &str| Text::parse(text, &[]).unwrap().host();
        assert_eq!(host("https://ERP.example.com/a/{field.x}"), Some("erp.example.com".to_owned()));
        assert_eq!(host("http://127.0.0.1:81"), Some("127.0.0.1:81".to_owned()));
        assert_eq!(host("https://erp.example.com{field.x}"), None);
        assert_eq!(host("{field.base}/x"), None);
    }
}
