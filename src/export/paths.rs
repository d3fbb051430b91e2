//! Templates of URLs: what is the template's own and what a value gave stays known until the URL is whole.

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Error, ErrorKind, Output, State, Value};

use super::escape::Escape;
use super::place::Piece;
use super::render::{words, write};

/// Around each value in what a template of a URL puts out: characters that no text has a use for.
pub(super) const MARKS: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];

/// Puts a value out: encoded, unless the template says that it is `safe`.
pub(super) fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let [begin, end] = MARKS;
    let is_raw = value.is_safe() || matches!(state.auto_escape(), AutoEscape::None);
    single(value)?;
    let text = match value {
        value if value.is_none() => String::new(),
        // A block that was put aside by `set` or made by a macro has its marks already.
        value if value.is_safe() && value.as_str().is_some_and(|text| text.contains(MARKS)) => {
            return write(out, &words(value)?);
        }
        value if is_raw => words(value)?.replace(MARKS, ""),
        value => Escape::Url.text(&words(value)?),
    };
    write(out, &format!("{begin}{text}{end}"))
}

/// A list, an object or a truth value is no part of a URL, whatever its text would be.
pub(super) fn single(value: &Value) -> Result<(), Error> {
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable | ValueKind::Bool) {
        let what = format!("a value of the kind {} is not a part of a URL", value.kind());
        return Err(Error::new(ErrorKind::InvalidOperation, what));
    }
    Ok(())
}

/// What a template put out, in its pieces.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let [begin, end] = MARKS;
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((own, value)) = rest.split_once(begin) {
        let (value, after) = value.split_once(end).unwrap_or((value, ""));
        pieces.push(Piece::Own(own.replace(MARKS, "")));
        pieces.push(Piece::Value(value.replace(MARKS, "")));
        rest = after;
    }
    pieces.push(Piece::Own(rest.replace(MARKS, "")));
    pieces
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::super::render::Template;
    use super::*;

    fn made(source: &str, id: &str) -> Result<String, String> {
        let template = Template::new(source, Escape::Url).unwrap();
        let context = context! { field => context! { id }, answers => context! { create => context! { body => context! { no => () } } } };
        template.render_path(&context).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_encoded_by_default_and_once() {
        assert_eq!(
            made("invoices/{{ field.id }}/scan", "a/b?c#d é").unwrap(),
            "invoices/a%2Fb%3Fc%23d%20%C3%A9/scan"
        );
        assert_eq!(made("invoices/{{ field.id | segment }}", "a/b").unwrap(), "invoices/a%2Fb");
        assert_eq!(made("invoices/{{ field.id | urlencode }}", "a b").unwrap(), "invoices/a%20b");
        assert_eq!(
            made("invoices?id={{ field.id }}&x=1", "1&admin=1").unwrap(),
            "invoices?id=1%26admin%3D1&x=1"
        );
        assert_eq!(
            made("{% set id %}x-{{ field.id }}{% endset %}a/{{ id }}/b", "1/2").unwrap(),
            "a/x-1%2F2/b"
        );
        assert_eq!(made("a/{{ field.id | safe }}/b", "c/d").unwrap(), "a/c/d/b");
        assert_eq!(
            made("{% autoescape false %}a/{{ field.id }}{% endautoescape %}", "c/d").unwrap(),
            "a/c/d"
        );
    }

    #[test]
    fn a_value_leads_nowhere_else_and_is_there() {
        for wrong in ["..", "%2e%2e/%2e%2e/admin/delete", ".%2E/.%2E/admin", "..%2f"] {
            for source in ["a/{{ field.id }}/b", "a/{{ field.id | segment }}/b", "a/{{ field.id | safe }}/b"]
            {
                let error = made(source, wrong).unwrap_err();
                assert!(error.contains("leads out") && error.contains(source), "{source} {wrong}: {error}");
            }
        }
        for source in [
            "a/{{ field.id }}/b",
            "a/{{ field.id | segment }}",
            "a/{{ answers.create.body.no | segment }}/b",
            "a/{{ answers.create.body.no }}/b",
        ] {
            let error = made(source, " ").unwrap_err();
            assert!(error.contains("is empty"), "{source}: {error}");
        }
        for source in [
            "a/{{ answers.create.body.id | segment }}/b",
            "a/{{ answers.create.body.id }}/b",
            "a/{{ answers.other.body.id | urlencode }}",
        ] {
            let error = made(source, "1").unwrap_err();
            assert!(error.contains("undefined"), "{source}: {error}");
        }
    }

    #[test]
    fn only_a_text_or_a_number_is_a_part_of_a_url() {
        let source = "a/{{ id | segment }}/b";
        for source in [source, "a/{{ id }}/b", "a?x={{ id }}"] {
            let template = Template::new(source, Escape::Url).unwrap();
            let made = |id: Value| template.render_path(&context! { id }).map_err(|e| e.to_string());
            for wrong in [context! {}, Value::from(vec![1]), true.into()] {
                assert!(made(wrong).unwrap_err().contains("not a part of a URL"), "{source}");
            }
            assert!(made(17.into()).unwrap().contains("17"), "{source}");
        }
    }

    #[test]
    fn raw_values_are_known_at_load() {
        let is_raw = |source| Template::new(source, Escape::Url).unwrap().is_raw();
        assert!(
            is_raw("a/{{ field.id | safe }}") && is_raw("{% autoescape false %}{{ x }}{% endautoescape %}")
        );
        assert!(!is_raw("a/{{ field.id | segment }}"));
    }
}
