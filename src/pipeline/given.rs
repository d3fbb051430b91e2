//! What a document gives to a query: `{schema_id}` in its texts. In a pattern it stands for itself, unless `| raw` says that
//! it is a pattern; `| re` escapes it elsewhere.
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
    Raw,
    Split(String),
}

/// What the text of a query is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadAs {
    Text,
    /// Where a field's text must not become a part of the language.
    Pattern,
}

/// A field's text that is split has at most so many parts.
const MOST_PARTS: usize = 10_000;

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

    pub(super) fn text(&self, fields: Fields<'_>, read_as: ReadAs) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field { name, filter } => match (filter, read_as) {
                (Filter::Regex, _) | (Filter::None | Filter::Split(_), ReadAs::Pattern) => {
                    fancy_regex::escape(&fields(name)).into_owned()
                }
                _ => fields(name),
            },
        };
        self.parts.iter().map(part).collect()
    }

    /// A text, or what `split` makes of one.
    pub(super) fn value(&self, fields: Fields<'_>, read_as: ReadAs, path: &str) -> Result<Value, Mistake> {
        let [Part::Field { name, filter: Filter::Split(at) }] = &self.parts[..] else {
            return Ok(Value::Text(self.text(fields, read_as)));
        };
        let text = fields(name);
        let part = |part: &str| match read_as {
            ReadAs::Text => part.to_owned(),
            ReadAs::Pattern => fancy_regex::escape(part).into_owned(),
        };
        let all: Vec<Value> =
            text.split(at.as_str()).take(MOST_PARTS + 1).map(|text| Value::Text(part(text))).collect();
        if all.len() > MOST_PARTS {
            return Err(Mistake::new(path, format!("`{name}` has more than {MOST_PARTS} parts")));
        }
        Ok(Value::Array(all))
    }

    /// Whether it holds a field's text that is neither escaped nor said to be a pattern.
    pub(super) fn is_unescaped(&self) -> bool {
        let is = |part: &Part| matches!(part, Part::Field { filter: Filter::None | Filter::Split(_), .. });
        self.parts.iter().any(is)
    }

    /// The fields whose texts are taken as they are, whatever they are read as.
    pub(super) fn raw(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field { name, filter: Filter::Raw } => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether it is a field, whole, that is empty: equal to nothing.
    pub(super) fn is_empty_field(&self, fields: Fields<'_>) -> bool {
        matches!(&self.parts[..], [Part::Field { .. }]) && self.text(fields, ReadAs::Text).trim().is_empty()
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
        Some("raw") => Filter::Raw,
        Some(other) => {
            let inner = other.strip_prefix("split(").and_then(|rest| rest.strip_suffix(')')).map(str::trim);
            let text = inner.and_then(|inner| {
                ['\'', '"'].into_iter().find_map(|quote| inner.strip_prefix(quote)?.strip_suffix(quote))
            });
            match text.filter(|text| !text.is_empty()) {
                Some(text) => Filter::Split(text.to_owned()),
                None => {
                    let what =
                        format!("there is no filter `{other}`; there are `re`, `raw` and `split(' ')`");
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
        let text = |source: &str| {
            Template::parse(source, "q").unwrap().map(|template| template.text(&fields, ReadAs::Text))
        };
        assert_eq!(text("^{a | re}$").unwrap(), r"^<a\.>$");
        assert_eq!(text("x{2,3} {b} {"), Some("x{2,3} <b.> {".to_owned()));
        assert_eq!(text("[0-9]{4}"), None);
        let split = Template::parse("{a | split('.')}", "q").unwrap().unwrap();
        assert_eq!(
            split.value(&fields, ReadAs::Text, "q").unwrap(),
            Value::Array(vec![Value::Text("<a".into()), Value::Text(">".into())])
        );
        assert!(Template::parse("{a | lower}", "q").unwrap_err().to_string().contains("no filter `lower`"));
        assert!(Template::parse("{secrets.key}", "q").is_err());
        let many = split.value(&|_| ".".repeat(MOST_PARTS), ReadAs::Text, "q").unwrap_err();
        assert!(many.what.contains("parts"), "{many}");
    }

    #[test]
    fn in_a_pattern_a_field_stands_for_itself_unless_it_is_raw() {
        let fields = |_: &str| ".*".to_owned();
        for (source, expected) in [("^{a}$", r"^\.\*$"), ("^{a | re}$", r"^\.\*$"), ("^{a | raw}$", "^.*$")] {
            let template = Template::parse(source, "q").unwrap().unwrap();
            assert_eq!(template.text(&fields, ReadAs::Pattern), expected, "{source}");
            assert_eq!(template.raw().count(), usize::from(source.contains("raw")));
        }
        let split = Template::parse("{a | split('x')}", "q").unwrap().unwrap();
        let value = split.value(&fields, ReadAs::Pattern, "q").unwrap();
        assert_eq!(value, Value::Array(vec![Value::Text(r"\.\*".into())]));
    }
}
