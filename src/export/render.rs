//! Templates in Jinja2's language, as Rossum's own export templates are written.
//!
//! What a template puts out is escaped for the format that it makes. It can reach nothing but what it is given.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rust_decimal::{Decimal, RoundingStrategy};

use super::escape::Escape;

/// Instructions of one rendering: some seconds of work.
const FUEL: u64 = 20_000_000;
/// The largest document that a template makes.
const LARGEST: usize = 50_000_000;

/// Why a template gives no text.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct RenderError {
    /// For the person at the screen; it may quote what stands in a field.
    text: String,
    cause: String,
}

impl RenderError {
    /// For the log: it quotes nothing.
    pub fn cause(&self) -> &str {
        &self.cause
    }
}

impl From<Error> for RenderError {
    fn from(error: Error) -> Self {
        let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
        let cause = format!("{line}{}", error.kind());
        let text = error.detail().map_or_else(|| cause.clone(), |detail| format!("{cause}: {detail}"));
        // Names of the template itself are no data.
        let cause = if error.kind() == ErrorKind::UndefinedError { text.clone() } else { cause };
        Self { text, cause }
    }
}

/// A template, compiled at load.
pub struct Template {
    environment: Environment<'static>,
    names: HashSet<String>,
}

/// What cannot stand in one part of a path as it is: all but RFC 3986's unreserved characters.
const NOT_IN_SEGMENTS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Its own name in its environment.
const NAME: &str = "template";

impl Template {
    pub fn new(source: &str, escape: Escape) -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(move |_| match escape {
            Escape::None => AutoEscape::None,
            escape => AutoEscape::Custom(escape.name().into()),
        });
        environment.set_formatter(format);
        environment.add_filter("b64encode", |value: Value| match value.as_bytes() {
            Some(bytes) => STANDARD.encode(bytes),
            None => STANDARD.encode(value.to_string()),
        });
        environment.add_filter("xml", |text: Value| escaped(&text, Escape::Xml));
        environment.add_filter("json", |text: Value| escaped(&text, Escape::Json));
        environment.add_filter("csv", |text: Value, separator: Option<String>| {
            let separator = separator.and_then(|text| text.chars().next()).unwrap_or(',');
            escaped(&text, Escape::Csv { separator })
        });
        environment.add_filter("segment", |text: Value| {
            let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
            percent_encode(text.as_bytes(), NOT_IN_SEGMENTS).to_string()
        });
        environment.add_filter("money", money);
        environment.add_filter("date", date);
        environment.add_template_owned(NAME, source.to_owned())?;
        let names = environment.get_template(NAME)?.undeclared_variables(false);
        Ok(Self { environment, names })
    }

    /// Whether it reads this name.
    pub fn reads(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub fn render(&self, context: &Value) -> Result<String, RenderError> {
        let mut bounded = Bounded(Vec::new());
        let template = self.environment.get_template(NAME)?;
        template.render_captured_to(context.clone(), &mut bounded)?;
        String::from_utf8(bounded.0).map_err(|_| Error::new(ErrorKind::BadEscape, "it gives no text").into())
    }
}

/// Memory for a document of bounded size.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(std::io::Error::other("the document is larger than 50 MB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let escape = match state.auto_escape() {
        AutoEscape::Custom(name) => Escape::named(name),
        AutoEscape::Html => Escape::Xml,
        _ => Escape::None,
    };
    if value.is_none() {
        return Ok(()); // as an empty field
    }
    if value.is_safe() {
        return write(out, &value.to_string());
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    write(out, &escape.text(&text))
}

fn write(out: &mut Output<'_>, text: &str) -> Result<(), Error> {
    out.write_str(text).map_err(Error::from)
}

fn escaped(value: &Value, escape: Escape) -> Value {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Value::from_safe_string(escape.text(&text))
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, text)
}

/// `money(digits=2, point=".", group="")`: an exact amount, rounded half away from zero; an empty one stays empty.
fn money(
    amount: Value,
    digits: Option<u32>,
    point: Option<String>,
    group: Option<String>,
) -> Result<String, Error> {
    let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let number = Decimal::from_str_exact(text.trim())
        .or_else(|_| Decimal::from_scientific(text.trim()))
        .map_err(|_| invalid(format!("`{text}` is no amount")))?;
    let digits = digits.unwrap_or(2).min(28);
    let mut number = number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    number.rescale(digits);
    if number.is_zero() {
        number.set_sign_positive(true);
    }
    let text = number.to_string();
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let group = group.unwrap_or_default();
    let mut grouped = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push_str(&group);
        }
        grouped.push(digit);
    }
    if !rest.is_empty() {
        grouped.push_str(point.as_deref().unwrap_or("."));
        grouped.push_str(rest);
    }
    Ok(grouped)
}

/// `date(format)`: an ISO date in another form, written as `strftime` has it; an empty one stays empty.
fn date(value: Value, format: String) -> Result<String, Error> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let date: Date = text.trim().parse().map_err(|_| invalid(format!("`{text}` is no date")))?;
    let printed = jiff::fmt::strtime::format(&format, date);
    printed.map_err(|error| invalid(format!("`{format}` is no format of a date: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, escape: Escape, value: &str) -> String {
        let context = Value::from(minijinja::value::Serde(serde_json::json!({"field": {"x": value}})));
        Template::new(source, escape).unwrap().render(&context).unwrap()
    }

    #[test]
    fn values_are_escaped_for_the_format() {
        let x = "{{ field.x }}";
        assert_eq!(render(x, Escape::Xml, "a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
        assert_eq!(render(x, Escape::Json, "a\"b\n"), "a\\\"b\\n");
        assert_eq!(render(x, Escape::Csv { separator: ';' }, "a;b"), "\"a;b\"");
        assert_eq!(render(x, Escape::None, "a<b"), "a<b");
        assert_eq!(render("{{ field.x | safe }}", Escape::Xml, "<b/>"), "<b/>");
        assert_eq!(render("{{ field.x | e }}", Escape::Xml, "<"), "&lt;");
        assert_eq!(render("{{ field.x | e }}", Escape::None, "<"), "&lt;");
    }

    #[test]
    fn amounts_and_dates_have_the_form_that_the_other_system_wants() {
        let money =
            |source: &str, value: &str| render(&format!("{{{{ field.x | {source} }}}}"), Escape::None, value);
        assert_eq!(money("money", "1234.5"), "1234.50");
        assert_eq!(money("money(2, ',', ' ')", "-1234567.005"), "-1 234 567,01");
        assert_eq!(money("money(0)", "0.4"), "0");
        assert_eq!(money("money", ""), "");
        assert_eq!(money("date('%d.%m.%Y')", "2026-11-05"), "05.11.2026");
        assert_eq!(money("b64encode", "ž"), "xb4=");
    }

    #[test]
    fn mistakes_say_their_line() {
        let error = |source: &str| match Template::new(source, Escape::None) {
            Err(error) => error.to_string(),
            Ok(template) => {
                let context = Value::from(minijinja::value::Serde(serde_json::json!({"field": {"x": "1"}})));
                template.render(&context).unwrap_err().to_string()
            }
        };
        assert!(error("a\n{{ field.x").starts_with("line 2: "), "{}", error("a\n{{ field.x"));
        assert!(error("\n\n{{ field.y }}").starts_with("line 3: "), "{}", error("\n\n{{ field.y }}"));
        assert!(error("{{ field.x | money | date('%d') }}").contains("is no date"));
        assert!(
            error("{% for i in range(9000) %}{% for j in range(9000) %}x{% endfor %}{% endfor %}")
                .contains("fuel")
        );
    }
}
