//! Message texts with `{placeholders}`, parsed at load.
//!
//! The text is the configuration's own and may hold HTML; what a placeholder puts in is escaped.

use crate::rossum::{MAX_MESSAGE_CHARACTERS, escape_html};

/// Characters that a value gives to a text: as many as Rossum takes of a message.
const LONGEST_VALUE: usize = MAX_MESSAGE_CHARACTERS;
/// Bytes from which on a text takes nothing more. Rossum shows 4,096 characters of it.
const LONGEST_TEXT: usize = 64 << 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Placeholder(String),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("a `{{` without its `}}`; write `{{{{` for a brace in the text")]
    Unclosed,
    #[error(
        "`{{{0}}}` is not a placeholder: write a schema id between the braces, or `{{{{` for a brace in the text"
    )]
    BadName(String),
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let from = &rest[at..];
            if let Some(after) = from.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some(after) = from.strip_prefix('}') {
                literal.push('}');
                rest = after;
            } else {
                let end = from.find('}').ok_or(TemplateError::Unclosed)?;
                let name = from[1..end].trim();
                if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                    return Err(TemplateError::BadName(from[1..end].to_owned()));
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Placeholder(name.to_owned()));
                rest = &from[end + 1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts })
    }

    /// The text with each placeholder's value; one that has none is put in as nothing. Where that leaves nothing at all
    /// to read, the placeholders themselves are shown.
    pub fn render(&self, mut value: impl FnMut(&str) -> Option<String>) -> String {
        let text = self.fill(|name| escape_html(&cut(value(name).unwrap_or_default())).into_owned());
        if text.trim().is_empty() { self.fill(|name| format!("{{{name}}}")) } else { text }
    }

    /// The same where no HTML is read: nothing is escaped.
    pub fn render_plain(&self, mut value: impl FnMut(&str) -> Option<String>) -> String {
        self.fill(|name| cut(value(name).unwrap_or_default()))
    }

    fn fill(&self, mut value: impl FnMut(&str) -> String) -> String {
        let mut text = String::new();
        for part in &self.parts {
            if text.len() > LONGEST_TEXT {
                break; // a message is cut far before
            }
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Placeholder(name) => text.push_str(&value(name)),
            }
        }
        text
    }

    /// The names of its placeholders.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }
}

/// A value as far as a text takes it; what was cut shows.
fn cut(mut value: String) -> String {
    if let Some((at, _)) = value.char_indices().nth(LONGEST_VALUE) {
        value.truncate(at);
        value.push('…');
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_values_in_escaped() {
        let template = Template::parse("<b>{ name }</b> {{x}} {missing}!").unwrap();
        let text = template.render(|name| (name == "name").then(|| "A&B".to_owned()));
        assert_eq!(text, "<b>A&amp;B</b> {x} !");
        let nothing = Template::parse("{missing} {empty}").unwrap();
        let of = |name: &str| (name == "empty").then(String::new);
        assert_eq!(nothing.render(of), "{missing} {empty}", "a message is never an empty box");
        assert_eq!(nothing.render_plain(of), " ", "a label may be empty");
    }

    #[test]
    fn a_text_takes_so_much_of_a_value_and_so_many_values() {
        let long = "&".repeat(1_000_000);
        let template = Template::parse(&"{name} ".repeat(100_000)).unwrap();
        for text in [template.render(|_| Some(long.clone())), template.render_plain(|_| Some(long.clone()))] {
            assert!(text.starts_with('&') && text.contains('…'));
            // One value more than the bound, each of its characters an entity.
            assert!(text.len() < LONGEST_TEXT + 5 * LONGEST_VALUE + 10, "{}", text.len());
        }
    }

    #[test]
    fn refuses_what_is_no_placeholder() {
        assert_eq!(Template::parse("total {"), Err(TemplateError::Unclosed));
        assert_eq!(Template::parse("{a b}"), Err(TemplateError::BadName("a b".to_owned())));
        assert_eq!(Template::parse("{}"), Err(TemplateError::BadName(String::new())));
    }
}
