//! A condition of a Master Data Hub configuration: an expression in Python, `'{vat_id}' != ''`, where fields are put in.
//!
//! What a field holds is put in as a text or a number, never as code: a document must not decide what is run.

use std::collections::HashMap;
use std::time::Instant;

use crate::rossum::{Annotation, Journal};
use crate::txscript::{Document, Limits, Problem, Schema, Script};

use super::{Delivery, Lasts, StepError, patience};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    parts: Vec<Part>,
    names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Code(String),
    /// In quotes of this kind, or bare.
    Field {
        name: String,
        quote: Option<char>,
    },
}

const FAILED: &str =
    "This could not be looked up: its condition fails. Tell the people who run this extension.";

impl Condition {
    /// Reads it; tried with numbers for its fields, and with texts.
    pub fn parse(source: &str) -> Result<Self, Problem> {
        let mut condition = Self { parts: Vec::new(), names: Vec::new() };
        let (mut code, mut quote, mut rest) = (String::new(), None, source);
        while let Some(first) = rest.chars().next() {
            if first == '{'
                && let Some(end) = rest.find('}')
                && let name = rest[1..end].trim()
                && !name.is_empty()
                && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            {
                condition.parts.push(Part::Code(std::mem::take(&mut code)));
                condition.parts.push(Part::Field { name: name.to_owned(), quote });
                if !condition.names.iter().any(|known| known == name) {
                    condition.names.push(name.to_owned());
                }
                rest = &rest[end + 1..];
                continue;
            }
            let mut taken = first.len_utf8();
            match quote {
                Some(_) if first == '\\' => taken += rest[1..].chars().next().map_or(0, char::len_utf8),
                Some(open) if open == first => quote = None,
                None if matches!(first, '\'' | '"') => quote = Some(first),
                _ => {}
            }
            code.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        condition.parts.push(Part::Code(code));
        condition.script(|_| "1".to_owned()).map_err(|problem| problem.with_equals(source))?;
        condition.script(|_| "x".to_owned())?;
        Ok(condition)
    }

    /// The fields that it names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn code(&self, value: impl Fn(&str) -> String) -> String {
        let mut code = String::from("bool(");
        for part in &self.parts {
            match part {
                Part::Code(text) => code.push_str(text),
                Part::Field { name, quote: Some(quote) } => escape(&value(name), *quote, &mut code),
                Part::Field { name, quote: None } => {
                    let text = value(name);
                    let digits = text.strip_prefix('-').unwrap_or(&text);
                    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
                        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
                        && text.parse::<f64>().is_ok()
                        && (digits == "0" || !digits.starts_with('0') || digits.starts_with("0."));
                    if is_number {
                        code.push_str(&text);
                    } else {
                        code.push('\'');
                        escape(&text, '\'', &mut code);
                        code.push('\'');
                    }
                }
            }
        }
        code.push(')');
        code
    }

    fn script(&self, value: impl Fn(&str) -> String) -> Result<Script, Problem> {
        Script::new("action_condition", &self.code(value))
    }

    /// Its fields are put in, so it needs no more of a schema.
    pub(super) fn schema(annotation: &Annotation<'_>) -> Schema {
        Schema::from_annotation(annotation, &HashMap::new())
    }

    /// Whether it holds with the values of its fields.
    pub(super) fn holds(
        &self,
        delivery: &Delivery<'_>,
        (annotation, journal, schema): (&Annotation<'_>, &Journal, &Schema),
        deadline: Instant,
        value: impl Fn(&str) -> String,
    ) -> Result<bool, StepError> {
        let failed = |cause: &str| StepError {
            message: FAILED.to_owned(),
            cause: format!("its action_condition fails: {cause}"),
            lasts: Lasts::ForGood,
        };
        // The text of the problem may quote the document.
        let script =
            self.script(value).map_err(|_| failed("with the document's values it is no expression"))?;
        let document = Document::new(annotation, journal, schema, delivery.body);
        let run = |limits| script.is_true(&document, None, limits);
        let (held, _) = patience::evaluate(Limits::default(), deadline, run);
        held.map_err(|_| failed("it raised an exception"))
    }
}

/// A text inside quotes of Python's.
fn escape(text: &str, quote: char, code: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => code.push_str("\\\\"),
            '\n' => code.push_str("\\n"),
            '\r' => code.push_str("\\r"),
            '\0' => code.push_str("\\x00"),
            c if c == quote => {
                code.push('\\');
                code.push(c);
            }
            c => code.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_field_holds_is_never_code() {
        let condition = Condition::parse("'{a}' != '' and {b} > 3 and \"{a}\" in ['x', '\\'{a}']").unwrap();
        assert_eq!(condition.names().collect::<Vec<_>>(), ["a", "b"]);
        let value = |name: &str| {
            if name == "a" { "x' or 'y\"\n\\".to_owned() } else { "__import__('os')".to_owned() }
        };
        assert_eq!(
            condition.code(value),
            r#"bool('x\' or \'y"\n\\' != '' and '__import__(\'os\')' > 3 and "x' or 'y\"\n\\" in ['x', '\'x\' or \'y"\n\\'])"#
        );
        assert!(condition.script(value).is_ok());
        assert_eq!(condition.code(|_| "-1.5".to_owned()).matches("-1.5 > 3").count(), 1);
        assert!(Condition::parse("'{a}' !=").is_err());
        assert!(Condition::parse("{} == {}").is_ok(), "a dict of Python's");
    }
}
