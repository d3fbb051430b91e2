//! What a document gives to a query: `{schema_id}` in its texts, with `| re` to escape it for a pattern.
//!
//! A text with a placeholder is always a literal. In MongoDB's language a text that begins with `$` is a path: what stands
//! in a document must never become one.

use super::Mistake;
use super::value::Value;

/// Where the values are from: a field's text by its schema id, empty where there is none.
pub type Fields<'f> = &'f dyn Fn(&str) -> String;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field { name: String, filter: Filter },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    None,
    Regex,
    Split(String),
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// `None` where a text has no placeholders; braces around anything else stand for themselves.
    pub(super) fn parse(text: &str, path: &str) -> Result<Option<Self>, Mistake> {
        let mut parts = Vec::new();
        let (mut rest, mut plain) = (text, String::new());
        while let Some(at) = rest.find('{') {
            let placeholder = rest[at + 1..]
                .find('}')
                .and_then(|end| Some((placeholder(&rest[at + 1..at + 1 + end], path)?, at + end + 2)));
            match placeholder {
                Some((found, end)) => {
                    plain.push_str(&rest[..at]);
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(found?);
                    rest = &rest[end..];
                }
                None => {
                    plain.push_str(&rest[..=at]);
                    rest = &rest[at + 1..];
                }
            }
        }
        plain.push_str(rest);
        if parts.is_empty() {
            return Ok(None);
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Some(Self { parts }))
    }

    pub(super) fn text(&self, fields: Fields<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field { name, filter: Filter::Regex } => fancy_regex::escape(&fields(name)).into_owned(),
            Part::Field { name, .. } => fields(name),
        };
        self.parts.iter().map(part).collect()
    }

    /// A text, or what `split` makes of one.
    pub(super) fn value(&self, fields: Fields<'_>) -> Value {
        match &self.parts[..] {
            [Part::Field { name, filter: Filter::Split(at) }] => {
                let text = fields(name);
                let all = text.split(at.as_str()).map(|part| Value::Text(part.to_owned()));
                Value::Array(all.collect())
            }
            _ => Value::Text(self.text(fields)),
        }
    }

    /// Whether it is a field, whole, that is empty: equal to nothing.
    pub(super) fn is_empty_field(&self, fields: Fields<'_>) -> bool {
        matches!(&self.parts[..], [Part::Field { .. }]) && self.text(fields).trim().is_empty()
    }
}

/// `None` where the braces are part of a text: `{2,3}` of a pattern.
fn placeholder(inside: &str, path: &str) -> Option<Result<Part, Mistake>> {
    let (name, filter) = match inside.split_once('|') {
        Some((name, filter)) => (name.trim(), Some(filter.trim())),
        None => (inside.trim(), None),
    };
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    if !is_name {
        return None;
    }
    if name.starts_with("secrets.") || name.starts_with("payload.") {
        let what = format!("`{{{name}}}` is for queries over HTTP, which Annex does not send");
        return Some(Err(Mistake::new(path, what)));
    }
    let filter = match filter {
        None => Filter::None,
        Some("re" | "regex") => Filter::Regex,
        Some(other) => {
            let inner = other.strip_prefix("split(").and_then(|rest| rest.strip_suffix(')')).map(str::trim);
            let text = inner.and_then(|inner| {
                ['\'', '"'].into_iter().find_map(|quote| inner.strip_prefix(quote)?.strip_suffix(quote))
            });
            match text.filter(|text| !text.is_empty()) {
                Some(text) => Filter::Split(text.to_owned()),
                None => {
                    let what = format!("there is no filter `{other}`; there are `re` and `split(' ')`");
                    return Some(Err(Mistake::new(path, what)));
                }
            }
        }
    };
    Some(Ok(Part::Field { name: name.to_owned(), filter }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_fields_and_other_braces_stand_for_themselves() {
        let fields = |name: &str| format!("<{name}.>");
        let text =
            |source: &str| Template::parse(source, "q").unwrap().map(|template| template.text(&fields));
        assert_eq!(text("^{a | re}$").unwrap(), r"^<a\.>$");
        assert_eq!(text("x{2,3} {b} {"), Some("x{2,3} <b.> {".to_owned()));
        assert_eq!(text("[0-9]{4}"), None);
        let split = Template::parse("{a | split('.')}", "q").unwrap().unwrap();
        assert_eq!(
            split.value(&fields),
            Value::Array(vec![Value::Text("<a".into()), Value::Text(">".into())])
        );
        assert!(Template::parse("{a | lower}", "q").unwrap_err().to_string().contains("no filter `lower`"));
        assert!(Template::parse("{secrets.key}", "q").is_err());
    }
}
