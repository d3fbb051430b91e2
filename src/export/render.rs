//! Templates in Jinja2's language, as Rossum's own export templates are written.
//!
//! What a template puts out is escaped for the format that it makes. It can reach nothing but what it is given.

use std::collections::HashSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::slices::Spent;

use super::escape::Escape;
use super::shape::Unfit;
use super::{paths, place, terms};

/// The work and the memory of one rendering: an instruction is a unit, and 64 bytes that it makes or reads are one too. So it
/// takes less than a second, and 256 MB.
const FUEL: u64 = 4_000_000;
/// The largest document that a template makes.
const LARGEST: usize = 50_000_000;

/// Why a template gives no text.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct RenderError {
    /// For the person at the screen; it may quote what stands in a field.
    text: String,
    cause: String,
    /// Whether the document's data is what is wrong, which the person at the screen can mend.
    is_of_data: bool,
    /// Whether other values cannot mend it.
    is_sure: bool,
}

impl RenderError {
    /// Whether it is the template that is wrong, and no value in it.
    pub fn is_sure(&self) -> bool {
        self.is_sure
    }

    /// For the log: it quotes nothing.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    pub fn is_of_data(&self) -> bool {
        self.is_of_data
    }
}

impl From<Unfit> for RenderError {
    fn from(unfit: Unfit) -> Self {
        Self { cause: unfit.cause(), text: unfit.to_string(), is_of_data: true, is_sure: false }
    }
}

impl From<Error> for RenderError {
    fn from(error: Error) -> Self {
        let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
        let cause = match error.kind() {
            ErrorKind::OutOfFuel => format!("{line}the template does more work than it may"),
            kind => format!("{line}{kind}"),
        };
        let text = error.detail().map_or_else(|| cause.clone(), |detail| format!("{cause}: {detail}"));
        // Names of the template itself are no data.
        let cause = if error.kind() == ErrorKind::UndefinedError { text.clone() } else { cause };
        let is_sure = matches!(
            error.kind(),
            ErrorKind::UndefinedError
                | ErrorKind::UnknownFilter
                | ErrorKind::UnknownTest
                | ErrorKind::UnknownFunction
        );
        Self { text, cause, is_of_data: false, is_sure }
    }
}

impl From<Spent> for RenderError {
    fn from(spent: Spent) -> Self {
        Self { text: spent.to_string(), cause: spent.to_string(), is_of_data: false, is_sure: false }
    }
}

/// A template, compiled at load.
pub struct Template {
    environment: Environment<'static>,
    names: HashSet<String>,
    /// The same as far as they are paths: `payload.event`.
    paths: HashSet<String>,
    source: String,
}

/// Bytes of an amount's point and of what stands between its groups.
const LONGEST_MARK: usize = 16;
/// Bytes of a format of dates.
const LONGEST_FORMAT: usize = 200;

/// Its own name in its environment.
const NAME: &str = "template";

impl Template {
    pub fn new(source: &str, escape: Escape) -> Result<Self, RenderError> {
        if escape == Escape::Url && source.contains(paths::MARKS) {
            let what = "a character in it means nothing (U+FDD0 or U+FDD1)";
            return Err(Error::new(ErrorKind::SyntaxError, what).into());
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(move |_| match escape {
            Escape::None => AutoEscape::None,
            escape => AutoEscape::Custom(escape.name().into()),
        });
        if escape == Escape::Url {
            environment.set_formatter(paths::format);
        } else {
            environment.set_formatter(format);
        }
        environment.add_filter("b64encode", |value: Value| match value.as_bytes() {
            Some(bytes) => Ok(STANDARD.encode(bytes)),
            None => Ok(STANDARD.encode(there(&value)?)),
        });
        environment.add_filter("xml", |text: Value| escaped(&text, Escape::Xml));
        environment.add_filter("json", |text: Value| escaped(&text, Escape::Json));
        environment.add_filter("csv", |text: Value, separator: Option<String>| {
            let separator = separator.and_then(|text| text.chars().next()).unwrap_or(',');
            escaped(&text, Escape::Csv { separator })
        });
        environment.add_filter("segment", |value: Value| {
            paths::single(&value)?;
            escaped(&value, Escape::Url)
        });
        // What it gives is encoded, and must not be encoded once more.
        environment.add_filter("urlencode", |value: Value| {
            there(&value)?;
            minijinja::filters::urlencode(&value).map(Value::from_safe_string)
        });
        environment.add_filter("money", money);
        environment.add_filter("date", date);
        environment.add_filter("string", |value: Value| match value.kind() {
            ValueKind::String => Ok(value),
            _ => words(&value).map(Value::from),
        });
        environment.add_function(terms::FUNCTION, terms::term);
        environment.add_template_owned(NAME, source.to_owned())?;
        let template = environment.get_template(NAME)?;
        let [names, paths] = [false, true].map(|nested| template.undeclared_variables(nested));
        environment.add_template_owned(NAME, terms::counted(source)?)?;
        Ok(Self { environment, names, paths, source: source.to_owned() })
    }

    /// Whether it reads this name.
    pub fn reads(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// What it reads, without what it sets itself.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// As it is written.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn environment(&self) -> &Environment<'static> {
        &self.environment
    }

    /// What it reads, as far as that is a path of names; the longest that is sure.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// The schema ids of the header fields that it reads.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().filter_map(|path| path.strip_prefix("field.")?.split('.').next())
    }

    /// Whether values are put into it as they are, where they would be encoded.
    pub fn is_raw(&self) -> bool {
        let raw = |after: &str| after.trim_start().starts_with("safe");
        self.source.split('|').skip(1).any(raw) || self.source.contains("autoescape")
    }

    /// The path that it makes: each value stays within its segment, and none is empty.
    pub fn render_path(&self, context: &Value) -> Result<String, RenderError> {
        let text = self.render(context)?;
        place::path(&paths::pieces(text.trim())).map_err(|astray| {
            let text = format!("`{}`: {astray}", self.source);
            RenderError { cause: text.clone(), text, is_of_data: false, is_sure: true }
        })
    }

    pub fn render(&self, context: &Value) -> Result<String, RenderError> {
        Ok(self.rendered(context)?)
    }

    /// The same, with the error as the template language has it.
    pub(super) fn rendered(&self, context: &Value) -> Result<String, Error> {
        let mut bounded = Bounded(Vec::new());
        let template = self.environment.get_template(NAME)?;
        template.render_captured_to(context.clone(), &mut bounded)?;
        String::from_utf8(bounded.0).map_err(|_| Error::new(ErrorKind::BadEscape, "it gives no text"))
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
        return write(out, &words(value)?);
    }
    write(out, &escape.text(&words(value)?))
}

/// A value as a text; a list may be longer than any document.
pub(super) fn words(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    let mut bounded = Short(String::new());
    write!(bounded, "{value}").map_err(|_| invalid("a value is larger than 50 MB as a text".to_owned()))?;
    Ok(bounded.0)
}

/// A text of bounded size.
struct Short(String);

impl std::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.0.len() + text.len() > LARGEST {
            return Err(std::fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// The same, empty for `none`; what is not there at all is an error.
fn there(value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "a filter gets a value that is not there"));
    }
    if value.is_none() { Ok(String::new()) } else { words(value) }
}

pub(super) fn write(out: &mut Output<'_>, text: &str) -> Result<(), Error> {
    out.write_str(text).map_err(Error::from)
}

fn escaped(value: &Value, escape: Escape) -> Result<Value, Error> {
    Ok(Value::from_safe_string(escape.text(&there(value)?)))
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
    let text = there(&amount)?;
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let number = Decimal::from_str_exact(text.trim())
        .or_else(|_| Decimal::from_scientific(text.trim()))
        .map_err(|_| invalid(format!("`{text}` is not an amount")))?;
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
    if group.len() + point.as_ref().map_or(0, String::len) > LONGEST_MARK {
        return Err(invalid("`point` and `group` are a character each".to_owned()));
    }
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
    let text = there(&value)?;
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    if format.len() > LONGEST_FORMAT {
        return Err(invalid(format!("a format of a date has {LONGEST_FORMAT} bytes at most")));
    }
    let date: Date = text.trim().parse().map_err(|_| invalid(format!("`{text}` is not a date")))?;
    let printed = jiff::fmt::strtime::format(&format, date);
    printed.map_err(|error| invalid(format!("`{format}` is not a format of a date: {error}")))
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
    fn a_template_makes_no_more_than_it_may() {
        let long = "x".repeat(10_000);
        let context = Value::from(minijinja::value::Serde(serde_json::json!({"field": {"x": long}})));
        for source in [
            "{{ '%1000000000d' | format(1) }}",
            "{{ '%*d' | format(1000000000, 1) }}",
            "{{ '%.1000000000f' | format(1.5) }}",
            "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x | length }}",
            "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x * 4 %}{% endfor %}{{ n.x | length }}",
            "{{ 'x' * 1000000000 }}",
            "{{ (field.x * 20000) | length }}",
            "{{ field.x | replace('x', field.x) | replace('x', field.x) | length }}",
            "{{ (field.x | list | join(field.x)) | replace('x', 'xxxxxxxxxx') | length }}",
            "{{ [field.x] | batch(1000000000, field.x) | list | length }}",
            "{{ [1] | slice(1000000000) | list | length }}",
            "{{ (range(90000) | list * 100000) | length }}",
            "{{ field.x | indent(1000000000, true) | length }}",
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}x{% endmacro %}{{ m(60) }}",
            "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x | length }}",
            "{% set n = namespace(x=[1]) %}{% for i in range(30) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x | join | length }}",
            "{% set n = namespace(x=[1] * 1000000000) %}{% for i in range(60) %}{% set n.x = [1] + n.x %}{% endfor %}{{ n.x | length }}",
            "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = (n.x | list) + (n.x | map('string')) %}{% endfor %}{{ n.x | list | length }}",
            "{% macro m(x, n) %}{% if n %}{{ m(x + x, n - 1) }}{% else %}{{ x | length }}{% endif %}{% endmacro %}{{ m([1], 60) }}",
            "{{ [1] * 1000000000 }}",
            "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
            "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | string | length }}",
            "{% for a in field.x %}{% for b in field.x %}{% for c in field.x %}{% endfor %}{% endfor %}{% endfor %}",
        ] {
            let rendered = Template::new(source, Escape::None).and_then(|template| template.render(&context));
            assert!(rendered.is_err(), "{source}: {} bytes", rendered.unwrap_or_default().len());
        }
        let large = "{% for i in range(4000) %}{% for j in range(20) %}{{ i * j | round(2) }};{{ field.x[:20] | trim }}\n{% endfor %}{% endfor %}";
        let rendered = Template::new(large, Escape::None).unwrap().render(&context).unwrap();
        assert_eq!(rendered.lines().count(), 80_000, "what a large document needs is there");
        let gathers = "{% set n = namespace(all=[]) %}{% for i in range(4000) %}{% set n.all = n.all + [i, field.x[:1]] %}{% endfor %}{{ n.all | length }} {{ (n.all + n.all) | length }}";
        let rendered = Template::new(gathers, Escape::None).unwrap().render(&context).unwrap();
        assert_eq!(rendered, "8000 16000", "rows may be gathered one after another");
        let sums = "{{ field.x[:2] + 'c' }} {{ 1 + 2 - 1 }} {{ [1] + [2] }} {{ (1, 2) + (3,) }}";
        let rendered = Template::new(sums, Escape::None).unwrap().render(&context).unwrap();
        assert_eq!(rendered, "xxc 2 [1, 2] (1, 2, 3)");
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
        assert!(error("{{ field.x | money | date('%d') }}").contains("is not a date"));
        assert!(
            error("{% for i in range(9000) %}{% for j in range(9000) %}x{% endfor %}{% endfor %}")
                .contains("the template does more work than it may")
        );
    }
}
