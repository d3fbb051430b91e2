//! Functions of modules that are asked wrongly: `datetime.now()` of the module, the pattern where the text is due.

use ruff_python_ast as ast;
use ruff_python_ast::Expr as Syntax;

use super::super::super::field::FieldType;
use super::Doubts;
use super::attributes::{DATE, near_of};

/// What the module `datetime` has.
const MODULE: [&str; 9] =
    ["datetime", "date", "timedelta", "time", "timezone", "tzinfo", "MINYEAR", "MAXYEAR", "UTC"];
/// What the class in it has besides what a date has.
const MOMENT: [&str; 27] = [
    "now",
    "utcnow",
    "strptime",
    "combine",
    "fromtimestamp",
    "utcfromtimestamp",
    "hour",
    "minute",
    "second",
    "microsecond",
    "tzinfo",
    "fold",
    "date",
    "time",
    "timetz",
    "timestamp",
    "astimezone",
    "utcoffset",
    "utctimetuple",
    "dst",
    "tzname",
    "resolution",
    "fromisocalendar",
    "max",
    "min",
    "mro",
    "strftime",
];

impl Doubts<'_> {
    /// `datetime.now()` where `datetime` is the module, `date.strptime(…)`.
    pub(super) fn attribute_of_module(&mut self, attribute: &ast::ExprAttribute) {
        if !self.is_typed() || self.is_tried {
            return;
        }
        let name = attribute.attr.as_str();
        let Some(path) = self.names.path(&attribute.value) else { return };
        let owner = self.text(&*attribute.value).to_owned();
        let is_of_moment = DATE.contains(&name) || MOMENT.contains(&name);
        let (what, hint) = match path.as_str() {
            _ if name.starts_with("__") => return,
            "datetime" if !MODULE.contains(&name) => {
                let hint = match name {
                    "today" => format!("write `{owner}.date.today()` for the day of today"),
                    _ if is_of_moment => {
                        format!(
                            "write `{owner}.datetime.{name}(…)`, or `from datetime import datetime` above it"
                        )
                    }
                    _ => match near_of(name, &MODULE) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("it has: {}", MODULE[..4].join(", ")),
                    },
                };
                (format!("`{owner}` is the module here, which has no `{name}`"), hint)
            }
            "datetime.date"
                if !DATE.contains(&name)
                    && !matches!(name, "resolution" | "fromisocalendar" | "fromtimestamp") =>
            {
                let hint = match name {
                    "now" | "utcnow" => format!("write `{owner}.today()`"),
                    "strptime" => "write `datetime.datetime.strptime(…).date()`".to_owned(),
                    _ => match near_of(name, &DATE) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "it has `today()` and `fromisoformat(…)`".to_owned(),
                    },
                };
                (format!("`{owner}` is the type of dates, which has no `{name}`"), hint)
            }
            "datetime.datetime" if !is_of_moment => {
                let hint = match near_of(name, &MOMENT).or_else(|| near_of(name, &DATE)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "it has `now()`, `strptime(…)` and `fromisoformat(…)`".to_owned(),
                };
                (format!("`{owner}` is the type of moments, which has no `{name}`"), hint)
            }
            _ => return,
        };
        self.note(&attribute.attr, format!("{what}: this fails"), hint);
    }

    /// `datetime(2026, 1, 31)` where `datetime` is the module; formats of dates without a `%`.
    pub(super) fn call_of_module(&mut self, call: &ast::ExprCall) {
        if self.is_tried {
            return;
        }
        if self.names.path(&call.func).as_deref() == Some("datetime") {
            let owner = self.text(&*call.func).to_owned();
            let what = format!("`{owner}` is the module here, which cannot be called: this fails");
            let hint = format!("write `{owner}.datetime(…)`, or `date(2026, 1, 31)` for a day");
            return self.note(&*call.func, what, hint);
        }
        let Syntax::Attribute(method) = &*call.func else { return };
        let format = match (method.attr.as_str(), &call.arguments.args[..]) {
            ("strptime", [_, format]) => format,
            ("strftime", [format]) if self.is_day(&method.value) => format,
            _ => return,
        };
        if let Syntax::StringLiteral(text) = format
            && !text.value.to_str().contains('%')
        {
            let what = format!("`{}` has no `%`: it stands for no part of a date", self.text(format));
            self.note(format, what, "write `\"%Y-%m-%d\"` for 2026-01-31, `\"%d.%m.%Y\"` for 31.01.2026");
        }
    }

    fn is_day(&self, syntax: &Syntax) -> bool {
        self.is_made_date(syntax)
            || self.is_made_moment(syntax)
            || self.known(syntax).is_some_and(|known| known.kind == FieldType::Date)
    }

    /// `re.match(field.x, r"\d+")`, `regexp({x}, "^A")`: the text stands where the pattern is due.
    pub(super) fn swapped(&mut self, call: &ast::ExprCall) {
        let Some(function) = self.function_of_patterns(&call.func) else { return };
        let (pattern, text) = match (function.as_str(), &call.arguments.args[..]) {
            ("sub" | "subn", [pattern, _, text, ..]) => (pattern, text),
            ("match" | "search" | "fullmatch" | "findall" | "finditer" | "split", [pattern, text, ..]) => {
                (pattern, text)
            }
            _ => return,
        };
        let Syntax::StringLiteral(constant) = text else { return };
        let is_field = |one: &Syntax| self.is_value(one) || self.field(one).is_some();
        // In an empty text nothing is replaced.
        let is_replacement = function.starts_with("sub")
            && constant.value.is_empty()
            && call.arguments.args.get(1).is_some_and(is_field);
        if is_replacement {
            let what = format!(
                "`{}` takes the text last: here it is empty, and nothing is replaced",
                self.text(&*call.func)
            );
            let hint = format!("write `{}(…, \"…\", field.x)`", self.text(&*call.func));
            return self.note(text, what, hint);
        }
        if is_field(text) || !is_field(pattern) {
            return;
        }
        let called = self.text(&*call.func).to_owned();
        let (field, shown) = (self.text(pattern).to_owned(), self.text(text).to_owned());
        let is_sub = function.starts_with("sub");
        let constant = constant.value.to_str();
        let what =
            format!("`{called}` takes the pattern first, then the text: here `{field}` is read as a pattern");
        if looks_like_pattern(constant) || (is_sub && constant.is_empty()) {
            let hint = if is_sub {
                format!("write `{called}(\"…\", \"…\", {field})`")
            } else {
                format!("write `{called}({shown}, {field})`")
            };
            self.note(pattern, what, hint);
        } else if !is_sub {
            self.remark(pattern, format!("{what}; write `{called}({shown}, {field})`"));
        }
    }

    /// The function of `re` that is called, also by its name in TxScript or in business rules.
    fn function_of_patterns(&self, function: &Syntax) -> Option<String> {
        match function {
            Syntax::Name(name) if name.id == "regexp" && !self.is_typed() => Some("search".to_owned()),
            Syntax::Name(name)
                if name.id == "substitute" && self.is_typed() && !self.names.has("substitute") =>
            {
                Some("sub".to_owned())
            }
            Syntax::Attribute(method) if self.is_typed() => match &*method.value {
                Syntax::Name(module) if module.id == "re" && !self.names.has("re") => {
                    Some(method.attr.to_string())
                }
                module => (self.names.path(module).as_deref() == Some("re")).then(|| method.attr.to_string()),
            },
            _ => None,
        }
    }
}

fn looks_like_pattern(text: &str) -> bool {
    text.contains(['\\', '^', '[', '*', '|'])
        || text.ends_with('$')
        || text.contains(".*")
        || text.contains("(?")
}
