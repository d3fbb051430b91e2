//! What compiles as a template and yet cannot be meant: it names what there is not, or compares what is never equal.

use std::sync::LazyLock;

use minijinja::Value;
use regex::{Captures, Regex};

use super::render::Template;

/// What templates read.
pub const READ: [&str; 8] = [
    "annotation_id",
    "answers",
    "field",
    "line_items",
    "original_file",
    "original_file_name",
    "payload",
    "secrets",
];
/// What they call, and what the language has in loops and macros.
const CALLED: [&str; 8] = ["caller", "debug", "dict", "loop", "namespace", "range", "self", "super"];
/// Filters that there are, for who wrote another.
pub const FILTERS: [&str; 53] = [
    "abs",
    "attr",
    "b64encode",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "csv",
    "date",
    "default",
    "dictsort",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "json",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "money",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "segment",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "xml",
    "zip",
];

/// A name in a template that means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    Filter(String),
    Test(String),
    /// Neither a variable nor a function.
    Name(String),
}

/// A field and a constant that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldCompared {
    pub field: String,
    pub with: String,
    /// A number, and no text in quotes.
    pub is_number: bool,
    /// By `<`, `<=`, `>` or `>=`.
    pub is_by_order: bool,
}

/// Patterns of our own, which a test compiles.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static FILTER: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?:\||^\s*-?\s*filter\s)\s*([A-Za-z_]\w*)"));
static TEST: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\bis\s+(?:not\s+)?([A-Za-z_]\w*)"));
static LEFT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r#"\bfield\.([A-Za-z_]\w*)\s*(==|!=|<=|>=|<|>)\s*(?:(-?\d+(?:\.\d+)?)|'([^'\\]*)'|"([^"\\]*)")"#)
});
static RIGHT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r#"(?:(-?\b\d+(?:\.\d+)?)|'([^'\\]*)'|"([^"\\]*)")\s*(==|!=|<=|>=|<|>)\s*field\.([A-Za-z_]\w*)\s*(\W|$)"#,
    )
});

/// All places where a pattern fits.
fn all<'t>(pattern: &'static LazyLock<Option<Regex>>, text: &'t str) -> impl Iterator<Item = Captures<'t>> {
    pattern.iter().flat_map(move |pattern| pattern.captures_iter(text))
}

static WITHIN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\bfield\.([A-Za-z_]\w*)\s+(?:not\s+)?in\s*[\[(]([^\])]*)[\])]"));
static LITERAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"(-?\b\d+(?:\.\d+)?)|'([^'\\]*)'|"([^"\\]*)""#));
static CHANGED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r#"\|\s*(lower|upper|trim)\s*(?:==|!=|(?:not\s+)?in\s*\[)\s*(?:'([^'\\]*)'|"([^"\\]*)")"#)
});
static DATED: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"\|\s*date\s*\(\s*(?:'([^'\\]*)'|"([^"\\]*)")"#));
static FILTERED: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\bfield\.([A-Za-z_]\w*)\s*\|\s*(date|money)\b"));

/// `field.a + row.b`, `field.a * 2`, `2 * field.a`; not where a filter, a part or an index comes behind.
static ADDED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?:^|[^\w.|])\s*\w+\.([A-Za-z_]\w*)\s*\+\s*\w+\.([A-Za-z_]\w*)\s*(?:[^\s\w.|(\[]|$|\b(?:if|else|and|or)\b)",
    )
});
static REPEATED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?:^|[^\w.|])\s*\w+\.([A-Za-z_]\w*)\s*\*\s*\d|\d\s*\*\s*\w+\.([A-Za-z_]\w*)\s*(?:[^\s\w.|(\[]|$|\b(?:if|else|and|or)\b)",
    )
});

impl Template {
    /// Fields and cells that `+` puts together as texts, each pair; those that `*` writes several times.
    pub fn put_together(&self) -> (Vec<(String, String)>, Vec<String>) {
        let codes: Vec<String> = pieces(self.source()).into_iter().map(without_texts).collect();
        let id = |one: &Captures<'_>, at: usize| one.get(at).map(|id| id.as_str().to_owned());
        let added = codes.iter().flat_map(|code| all(&ADDED, code));
        let added = added.filter_map(|one| Some((id(&one, 1)?, id(&one, 2)?))).collect();
        let repeated = codes.iter().flat_map(|code| all(&REPEATED, code));
        (added, repeated.filter_map(|one| id(&one, 1).or_else(|| id(&one, 2))).collect())
    }

    /// Texts that a filter's result is never equal to, each with the filter and the text that it can be.
    pub fn never_equal(&self) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        for one in pieces(self.source()).into_iter().flat_map(|code| all(&CHANGED, code)) {
            let group = |at: usize| one.get(at).map(|text| text.as_str());
            let (Some(filter), Some(text)) = (group(1), group(2).or_else(|| group(3))) else { continue };
            let same = match filter {
                "lower" => text.to_lowercase(),
                "upper" => text.to_uppercase(),
                _ => text.trim().to_owned(),
            };
            if same != text {
                found.push((filter.to_owned(), text.to_owned(), same));
            }
        }
        found
    }

    /// Formats of `date` that name no part of a date: they are written as they stand.
    pub fn dateless_formats(&self) -> Vec<String> {
        let codes = pieces(self.source()).into_iter().flat_map(|code| all(&DATED, code));
        let formats = codes.filter_map(|one| Some(one.get(1).or_else(|| one.get(2))?.as_str().to_owned()));
        formats.filter(|format| !format.contains('%') && !format.trim().is_empty()).collect()
    }

    /// Fields that go through a filter for dates or amounts.
    pub fn filtered(&self) -> Vec<(String, String)> {
        let codes = pieces(self.source()).into_iter().flat_map(|code| all(&FILTERED, code));
        codes
            .filter_map(|one| Some((one.get(1)?.as_str().to_owned(), one.get(2)?.as_str().to_owned())))
            .collect()
    }

    /// Names that mean nothing, each once.
    pub fn unknown(&self) -> Vec<Unknown> {
        let mut found = Vec::new();
        let mut add = |unknown: Unknown| {
            if !found.contains(&unknown) {
                found.push(unknown);
            }
        };
        let environment = self.environment();
        let is = |test: &str, name: &str| {
            environment.empty_state().perform_test(test, &[Value::from(name)]).unwrap_or(true)
        };
        for code in pieces(self.source()) {
            let code = without_texts(code);
            for name in all(&FILTER, &code).filter_map(|found| found.get(1)) {
                if !is("filter", name.as_str()) {
                    add(Unknown::Filter(name.as_str().to_owned()));
                }
            }
            for name in all(&TEST, &code).filter_map(|found| found.get(1)) {
                if !is("test", name.as_str()) {
                    add(Unknown::Test(name.as_str().to_owned()));
                }
            }
        }
        let mut names: Vec<&str> =
            self.names().filter(|name| !READ.contains(name) && !CALLED.contains(name)).collect();
        names.sort_unstable();
        for name in names {
            add(Unknown::Name(name.to_owned()));
        }
        found
    }

    /// Fields that are compared with constants.
    pub fn compared(&self) -> Vec<FieldCompared> {
        let mut found = Vec::new();
        for code in pieces(self.source()) {
            let text = |found: &Captures<'_>, at: usize| found.get(at).map(|text| text.as_str().to_owned());
            for one in all(&LEFT, code) {
                let number = text(&one, 3);
                let with = number.clone().or_else(|| text(&one, 4)).or_else(|| text(&one, 5));
                if let (Some(field), Some(with)) = (text(&one, 1), with) {
                    let is_by_order = text(&one, 2).is_some_and(|operator| operator.starts_with(['<', '>']));
                    found.push(FieldCompared { field, with, is_number: number.is_some(), is_by_order });
                }
            }
            for one in all(&WITHIN, code) {
                let (Some(field), Some(list)) = (text(&one, 1), one.get(2)) else { continue };
                for literal in all(&LITERAL, list.as_str()) {
                    let number = text(&literal, 1);
                    let with = number.clone().or_else(|| text(&literal, 2)).or_else(|| text(&literal, 3));
                    found.extend(with.map(|with| FieldCompared {
                        field: field.clone(),
                        with,
                        is_number: number.is_some(),
                        is_by_order: false,
                    }));
                }
            }
            for one in all(&RIGHT, code) {
                let number = text(&one, 1);
                let with = number.clone().or_else(|| text(&one, 2)).or_else(|| text(&one, 3));
                // With a filter or an index behind it, it is another value.
                let is_changed = text(&one, 6).is_some_and(|next| "|.[(".contains(&next) && !next.is_empty());
                if let (Some(field), Some(with), false) = (text(&one, 5), with, is_changed) {
                    let is_by_order = text(&one, 4).is_some_and(|operator| operator.starts_with(['<', '>']));
                    found.push(FieldCompared { field, with, is_number: number.is_some(), is_by_order });
                }
            }
        }
        found
    }

    /// Whether what it gives may be something else altogether with other values.
    pub fn decides(&self) -> bool {
        pieces(self.source()).iter().any(|code| code.contains("if ") || code.contains("for "))
    }

    /// Whether it gives the same whatever the document.
    pub fn is_constant(&self) -> bool {
        self.names().all(|name| CALLED.contains(&name))
    }
}

/// The code in a template, between its braces, without remarks and what is raw.
fn pieces(source: &str) -> Vec<&str> {
    coded(source).into_iter().map(|(_, code)| code).collect()
}

/// The same, each with whether it is a block: `{% … %}`.
pub(super) fn coded(source: &str) -> Vec<(bool, &str)> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        rest = &rest[at..];
        let close = match rest.get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            Some("{#") => "#}",
            _ => {
                rest = &rest[1..];
                continue;
            }
        };
        let Some(end) = end_of(&rest[2..], close) else { break };
        let code = &rest[2..2 + end];
        let is_raw = close == "%}" && code.trim_matches(['-', '+']).trim() == "raw";
        if close != "#}" {
            pieces.push((close == "%}", code));
        }
        rest = &rest[2 + end + 2..];
        if is_raw {
            let end = ["{% endraw", "{%- endraw", "{%endraw", "{%-endraw"]
                .iter()
                .filter_map(|word| rest.find(word))
                .min();
            rest = &rest[end.unwrap_or(rest.len())..];
        }
    }
    pieces
}

/// Where code ends: its closing braces, outside of texts in quotes.
fn end_of(code: &str, close: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in code.char_indices() {
        match quote {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if open == c => quote = None,
            None if close != "#}" && matches!(c, '"' | '\'') => quote = Some(c),
            None if code[at..].starts_with(close) => return Some(at),
            _ => {}
        }
    }
    None
}

/// Code with its quoted texts emptied.
fn without_texts(code: &str) -> String {
    let mut text = String::with_capacity(code.len());
    let mut quote = None;
    let mut escaped = false;
    for c in code.chars() {
        match quote {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if open == c => {
                quote = None;
                text.push(c);
            }
            Some(_) => {}
            None => {
                if matches!(c, '"' | '\'') {
                    quote = Some(c);
                }
                text.push(c);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Escape;
    use super::*;

    fn template(source: &str) -> Template {
        Template::new(source, Escape::None).unwrap()
    }

    #[test]
    fn what_there_is_not_is_found_and_what_there_is_is_not() {
        let unknown = |source: &str| template(source).unknown();
        let right = "{# a | b #}{% raw %}{{ x | y }}{% endraw %}{% for row in line_items if row.x is not none %}{{ row.x | money(2, '| no') | upper }}\
                     {{ loop.index }}{% endfor %}{% set a = field.x | default('is what') %}{{ a }}{% filter upper %}x{% endfilter %}{{ range(3) | list }}";
        assert_eq!(unknown(right), []);
        let wrong = "{{ field.x | uper }}{% if field.y is odds %}{{ filed.x }}{% endif %}{% filter lowr %}{% endfilter %}";
        let [filter, test, name] = [
            |name: &str| Unknown::Filter(name.to_owned()),
            |name: &str| Unknown::Test(name.to_owned()),
            |name: &str| Unknown::Name(name.to_owned()),
        ];
        assert_eq!(unknown(wrong), [filter("uper"), test("odds"), filter("lowr"), name("filed")]);
        for known in FILTERS {
            assert!(template(&format!("{{{{ field.x | {known} }}}}")).unknown().is_empty(), "{known}");
        }
    }

    #[test]
    fn numbers_that_are_texts_are_put_together_and_no_sum() {
        let found = |source: &str| {
            let (added, repeated) = template(source).put_together();
            let added = added.into_iter().map(|(one, other)| format!("{one}+{other}"));
            added.chain(repeated).collect::<Vec<_>>().join(" ")
        };
        for (source, expected) in [
            ("{{ field.a + field.b }}", "a+b"),
            ("{% set s = row.a + row.b if row.c else 0 %}", "a+b"),
            ("{{ (field.a + field.b) | float }}", "a+b"),
            ("{{ field.a * 2 }}{{ 100 * field.b }}", "a b"),
            ("{{ field.a | float + field.b | float }}", ""),
            ("{{ field.a + field.b | float }}", ""),
            ("{{ 2 * field.b | float }}{{ '-' * 20 }}", ""),
            ("{{ 'field.a + field.b' }} field.a + field.b", ""),
            ("{{ field.rows[0].a + field.b.c }}", ""),
        ] {
            assert_eq!(found(source), expected, "{source}");
        }
    }

    #[test]
    fn comparisons_with_constants_are_found() {
        let compared = |source: &str| {
            let all = template(source).compared().into_iter();
            all.map(|one| format!("{} {} {}", one.field, one.with, one.is_number)).collect::<Vec<_>>()
        };
        assert_eq!(
            compared("{{ field.total > 1000 and field.kind == 'x' }}"),
            ["total 1000 true", "kind x false"]
        );
        assert_eq!(compared("{{ 5 < field.total }}{{ 5 < field.total | float }}"), ["total 5 true"]);
        assert_eq!(compared("{{ field.total | float > 1000 }} field.x == 5"), <[&str; 0]>::default());
        assert!(template("field.x == 'a'").is_constant() && !template("{{ field.x == 'a' }}").is_constant());
    }
}
