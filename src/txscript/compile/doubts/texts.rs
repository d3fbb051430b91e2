//! Texts that an expression cannot give: `x.upper() == "eur"`, `x[:2] == "EUR"`, `str(field.date) == "31.1.2026"`.

use ruff_python_ast as ast;
use ruff_python_ast::Expr as Syntax;

use super::super::super::field::FieldType;
use super::Doubts;

/// What was made of a text last: the same once more changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Lower,
    Upper,
    Strip,
    Without(char),
}

impl Change {
    fn of(&self, text: &str) -> String {
        match self {
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
            Self::Strip => text.trim().to_owned(),
            Self::Without(c) => text.replace(*c, ""),
        }
    }
}

/// A letter of a text whose form is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Digit,
    Letter(char),
}

/// What all texts are that an expression can give.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    changes: Vec<Change>,
    /// Letters that it has at most.
    most: Option<usize>,
    form: Option<Form>,
}

#[derive(Debug, Clone)]
enum Form {
    /// Of a date: its signs, and how people would write them.
    Date(Vec<Sign>, String),
    /// Of a number: it has a point, or an exponent.
    Number,
}

impl Doubts<'_> {
    /// Notes a text that a value cannot be equal to; whether it did.
    pub(super) fn never_text(&mut self, value: &Syntax, constant: &Syntax, text: &str) -> bool {
        let Some(texts) = self.is_typed().then(|| self.texts(value)).flatten() else { return false };
        let name = self.text(value).to_owned();
        let changed = texts.changes.iter().fold(text.to_owned(), |text, change| change.of(&text));
        if changed != text {
            let what = format!("`{name}` is never `{text}`: it has other letters");
            self.note(constant, what, format!("write `\"{changed}\"`"));
            return true;
        }
        if let Some(most) = texts.most.filter(|most| text.chars().count() > *most) {
            let letters = if most == 1 { "letter" } else { "letters" };
            let what = format!("`{name}` has {most} {letters} at most, and `{text}` has more");
            self.note(constant, what, "take as many letters as the text has, or use `.startswith(…)`");
            return true;
        }
        match &texts.form {
            Some(Form::Date(signs, shown)) if !fits(signs, text) && !matches!(text, "" | "None") => {
                let what = format!("`{name}` is a date written as {shown}, which `{text}` is not");
                self.note(constant, what, "compare the date itself: `field.x == date(2026, 1, 31)`");
                true
            }
            Some(Form::Number) if !is_shown_number(text) => {
                let what = format!("`{name}` is never `{text}`: a number is shown as 100.0 or 99.5");
                self.note(constant, what, "compare the number itself, without quotes");
                true
            }
            _ => false,
        }
    }

    /// Notes a text that is no part of a value: whether it did.
    pub(super) fn never_part(&mut self, value: &Syntax, constant: &Syntax, text: &str) -> bool {
        let Some(texts) = self.is_typed().then(|| self.texts(value)).flatten() else { return false };
        let name = self.text(value).to_owned();
        let is_of_letters = |change: &&Change| **change != Change::Strip;
        let changed =
            texts.changes.iter().filter(is_of_letters).fold(text.to_owned(), |text, change| change.of(&text));
        if changed != text {
            let what = format!("`{name}` never has `{text}` in it: it has other letters");
            self.note(constant, what, format!("write `\"{changed}\"`"));
            return true;
        }
        if let Some(most) = texts.most.filter(|most| text.chars().count() > *most) {
            let what = format!("`{name}` has {most} letters at most, and `{text}` has more");
            self.note(constant, what, "take more letters");
            return true;
        }
        false
    }

    pub(super) fn texts(&self, syntax: &Syntax) -> Option<Texts> {
        self.deeper(|| self.texts_of(self.meant(syntax)))
    }

    fn texts_of(&self, syntax: &Syntax) -> Option<Texts> {
        match syntax {
            Syntax::Call(call) => self.texts_of_call(call),
            Syntax::Subscript(part) if !self.is_a_row_or_list(&part.value) => {
                let most = match &*part.slice {
                    Syntax::Slice(slice) => self.length(slice)?,
                    index if self.number(index).is_some() => 1,
                    _ => return None,
                };
                let inner = self.texts(&part.value).unwrap_or_default();
                let changes = inner.changes.into_iter().filter(|change| *change != Change::Strip).collect();
                Some(Texts { changes, most: Some(most), form: None })
            }
            _ => None,
        }
    }

    /// Whether `x[0]` is something else than a letter: an element of a list, or a value of a dictionary.
    fn is_a_row_or_list(&self, value: &Syntax) -> bool {
        // A slice of a list is never a text, and so is never equal to one; an element of a list may be any text.
        !(self.known(value).is_some_and(|known| known.kind == FieldType::Text) || self.texts(value).is_some())
    }

    /// Letters that a slice has at most.
    fn length(&self, slice: &ast::ExprSlice) -> Option<usize> {
        let bound = |side: &Option<Box<Syntax>>| {
            let Some(side) = side else { return Some(None) };
            let number = self.number(side)?;
            i64::try_from(number).ok().map(Some)
        };
        if slice.step.is_some() {
            return None;
        }
        let length = match (bound(&slice.lower)?, bound(&slice.upper)?) {
            (None | Some(0), Some(upper)) if upper >= 0 => upper,
            (Some(lower), None) if lower < 0 => -lower,
            (Some(lower), Some(upper)) if (lower < 0) == (upper < 0) => (upper - lower).max(0),
            _ => return None,
        };
        usize::try_from(length).ok()
    }

    fn texts_of_call(&self, call: &ast::ExprCall) -> Option<Texts> {
        let arguments = &call.arguments.args[..];
        if let Syntax::Attribute(method) = &*call.func {
            let owner = &*method.value;
            let is_date = || {
                self.is_made_date(owner)
                    || self.known(owner).is_some_and(|known| known.kind == FieldType::Date)
            };
            let change = match (method.attr.as_str(), arguments) {
                ("lower" | "casefold", []) => Change::Lower,
                ("upper", []) => Change::Upper,
                ("strip", []) => Change::Strip,
                ("replace", [Syntax::StringLiteral(old), Syntax::StringLiteral(new)]) => {
                    let mut letters = old.value.to_str().chars();
                    match (letters.next(), letters.next()) {
                        (Some(c), None) if new.value.is_empty() => Change::Without(c),
                        _ => return None,
                    }
                }
                ("isoformat", []) if is_date() => return of_date("%Y-%m-%d"),
                ("strftime", [Syntax::StringLiteral(format)]) if is_date() => {
                    return of_date(format.value.to_str()).or_else(|| Some(Texts::default()));
                }
                ("isoformat", []) | ("strftime", [_]) => return Some(Texts::default()),
                ("join", [_]) if owner.is_string_literal_expr() => return Some(Texts::default()),
                _ => return None,
            };
            let mut texts = self.texts(owner).unwrap_or_default();
            let is_case = |change: &Change| matches!(change, Change::Lower | Change::Upper);
            match &change {
                Change::Without(_) => texts.changes.retain(|other| *other != Change::Strip),
                _ => texts.changes.retain(|other| !(is_case(other) && is_case(&change))),
            }
            if is_case(&change) {
                // `ß` becomes two letters, and a dot of its own may stay.
                texts.most = None;
                texts.changes.retain(|other| *other == Change::Strip);
            }
            texts.changes.push(change);
            return Some(Texts { form: None, ..texts });
        }
        let name = call.func.as_name_expr().filter(|name| !self.names.has(name.id.as_str()))?;
        match (name.id.as_str(), arguments) {
            ("str", [one]) if self.is_made_date(one) => of_date("%Y-%m-%d"),
            ("str", [one]) => match self.known(one)? {
                known if !known.is_field => None,
                known if known.kind == FieldType::Date => of_date("%Y-%m-%d"),
                known if known.kind == FieldType::Number => {
                    Some(Texts { form: Some(Form::Number), ..Texts::default() })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// What `strftime` writes, where every part of it has one length.
fn of_date(format: &str) -> Option<Texts> {
    let (mut signs, mut shown) = (Vec::new(), String::new());
    let mut letters = format.chars();
    while let Some(c) = letters.next() {
        if c != '%' {
            signs.push(Sign::Letter(c));
            shown.push(c);
            continue;
        }
        let (digits, word) = match letters.next()? {
            'Y' => (4, "YYYY"),
            'm' => (2, "MM"),
            'd' => (2, "DD"),
            'y' => (2, "YY"),
            'H' => (2, "hh"),
            'M' => (2, "mm"),
            'S' => (2, "ss"),
            'j' => (3, "DDD"),
            'U' | 'V' | 'W' => (2, "WW"),
            'w' | 'u' => (1, "D"),
            _ => return None,
        };
        signs.extend(std::iter::repeat_n(Sign::Digit, digits));
        shown.push_str(word);
    }
    Some(Texts { form: Some(Form::Date(signs, shown)), ..Texts::default() })
}

fn fits(signs: &[Sign], text: &str) -> bool {
    let mut letters = text.chars();
    let all = signs.iter().all(|sign| match (sign, letters.next()) {
        (Sign::Digit, Some(c)) => c.is_ascii_digit(),
        (Sign::Letter(letter), Some(c)) => *letter == c,
        (_, None) => false,
    });
    all && letters.next().is_none()
}

/// Whether Python shows a number so. Very large and very small ones have an exponent: any form of those is taken.
fn is_shown_number(text: &str) -> bool {
    if matches!(text, "" | "None" | "nan" | "inf" | "-inf") {
        return true;
    }
    let Ok(number) = text.parse::<f64>() else { return false };
    text.contains('e')
        || number.abs() >= 1e16
        || (number != 0.0 && number.abs() < 1e-4)
        || format!("{number:?}") == text
}
