//! Functions of expressions: what each makes of its arguments.

use std::cmp::Ordering;

use super::dates;
use super::places;
use super::value::{Document, Value};

/// What a function makes, or why it makes nothing; no value of a document is in the words.
type Outcome = Result<Value, String>;

#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How many arguments it takes.
    pub(super) least: usize,
    pub(super) most: usize,
    /// The names of its arguments, where it takes a document of them.
    pub(super) named: &'static [&'static str],
    pub(super) call: fn(&[Value]) -> Outcome,
    /// The memory that a call takes at most.
    pub(super) takes: fn(&[Value]) -> usize,
}

impl Function {
    const fn taking(self, takes: fn(&[Value]) -> usize) -> Self {
        Self { takes, ..self }
    }
}

/// Of what copies parts of its arguments.
fn copies(values: &[Value]) -> usize {
    values.iter().map(Value::size).fold(0, usize::saturating_add)
}

/// Of what makes texts of its arguments: upper case has up to three bytes for one.
fn texts(values: &[Value]) -> usize {
    let text = |value: &Value| match value {
        Value::Text(text) => text.len().saturating_mul(4),
        other => other.size_of_text(),
    };
    values.iter().map(text).fold(0, usize::saturating_add)
}

/// Of the parts of a text.
fn parts(values: &[Value]) -> usize {
    let (Value::Text(text), Value::Text(at)) = (&values[0], &values[1]) else { return 64 * texts(values) };
    let count = if at.is_empty() { 0 } else { text.matches(at.as_str()).count() + 1 };
    texts(values) + count * Value::Text(String::new()).size()
}

/// Of a text in which each place is replaced.
fn replacements(values: &[Value]) -> usize {
    let (Value::Text(text), Value::Text(find)) = (&values[0], &values[1]) else {
        return texts(&values[..1]).saturating_mul(texts(&values[2..]).max(1));
    };
    text.matches(find.as_str()).count().saturating_mul(texts(&values[2..])).saturating_add(texts(values))
}

/// Of arrays of which each value is there once.
fn sets(values: &[Value]) -> usize {
    let items = values.iter().map(|value| match value {
        Value::Array(items) => items.len(),
        _ => 0,
    });
    2 * copies(values) + items.sum::<usize>() * places::Places::SIZE
}

const ANY: usize = usize::MAX;

const fn function(name: &'static str, least: usize, most: usize, call: fn(&[Value]) -> Outcome) -> Function {
    Function { name, least, most, named: &[], call, takes: copies }
}

const fn named(
    name: &'static str,
    least: usize,
    named: &'static [&'static str],
    call: fn(&[Value]) -> Outcome,
) -> Function {
    Function { name, least, most: named.len(), named, call, takes: copies }
}

/// All functions, by name.
pub(super) static FUNCTIONS: [Function; 59] = [
    function("$abs", 1, 1, |v| numeric(&v[0], f64::abs)),
    function("$add", 1, ANY, |v| fold(v, 0.0, |a, b| a + b)),
    function("$arrayElemAt", 2, 2, element),
    function("$avg", 1, ANY, |v| Ok(mean(numbers(v)))),
    function("$ceil", 1, 1, |v| numeric(&v[0], f64::ceil)),
    function("$cmp", 2, 2, |v| Ok(Value::Number(f64::from(v[0].compare(&v[1]) as i8)))),
    function("$concat", 1, ANY, |v| Ok(concat(v))).taking(texts),
    function("$concatArrays", 1, ANY, concat_arrays),
    function("$divide", 2, 2, |v| match v[1].number() {
        Some(0.0) => Err("by zero".to_owned()),
        _ => two(v, |a, b| a / b),
    }),
    function("$eq", 2, 2, |v| Ok(Value::Bool(v[0].equals(&v[1])))),
    function("$first", 1, 1, |v| at_end(&v[0], <[Value]>::first)),
    function("$floor", 1, 1, |v| numeric(&v[0], f64::floor)),
    function("$gt", 2, 2, |v| Ok(ordered(v, Ordering::is_gt))),
    function("$gte", 2, 2, |v| Ok(ordered(v, Ordering::is_ge))),
    function("$in", 2, 2, |v| match &v[1] {
        Value::Array(items) => Ok(Value::Bool(items.iter().any(|item| item.equals(&v[0])))),
        other => Err(format!("it looks into an array, not into {}", other.type_name())),
    }),
    function("$indexOfCP", 2, 2, |v| {
        let (Some(text), Some(part)) = (v[0].text(), v[1].text()) else { return Ok(Value::Null) };
        let at = text.find(&part).map_or(-1, |at| i64::try_from(text[..at].chars().count()).unwrap_or(-1));
        #[expect(clippy::cast_precision_loss, reason = "a place in a text")]
        Ok(Value::Number(at as f64))
    })
    .taking(texts),
    function("$isArray", 1, 1, |v| Ok(Value::Bool(matches!(v[0], Value::Array(_))))),
    function("$isNumber", 1, 1, |v| Ok(Value::Bool(matches!(v[0], Value::Number(_))))),
    function("$last", 1, 1, |v| at_end(&v[0], <[Value]>::last)),
    function("$lt", 2, 2, |v| Ok(ordered(v, Ordering::is_lt))),
    function("$lte", 2, 2, |v| Ok(ordered(v, Ordering::is_le))),
    named("$ltrim", 1, &["input", "chars"], |v| {
        Ok(trimmed(v, |text, is| text.trim_start_matches(is).to_owned()))
    })
    .taking(texts),
    function("$max", 1, ANY, |v| Ok(extreme(v, Ordering::is_gt))),
    function("$mergeObjects", 1, ANY, merge),
    function("$min", 1, ANY, |v| Ok(extreme(v, Ordering::is_lt))),
    function("$mod", 2, 2, |v| two(v, |a, b| a % b)),
    function("$multiply", 1, ANY, |v| fold(v, 1.0, |a, b| a * b)),
    function("$ne", 2, 2, |v| Ok(Value::Bool(!v[0].equals(&v[1])))),
    function("$not", 1, 1, |v| Ok(Value::Bool(!v[0].is_true()))),
    function("$pow", 2, 2, |v| two(v, f64::powf)),
    named("$replaceAll", 3, &["input", "find", "replacement"], |v| Ok(replaced(v, usize::MAX)))
        .taking(replacements),
    named("$replaceOne", 3, &["input", "find", "replacement"], |v| Ok(replaced(v, 1))).taking(replacements),
    function("$reverseArray", 1, 1, |v| match &v[0] {
        Value::Array(items) => Ok(Value::Array(items.iter().rev().cloned().collect())),
        other => nothing_or(other, "no array"),
    }),
    function("$round", 1, 2, |v| {
        let places = v.get(1).and_then(Value::number).unwrap_or(0.0);
        let scale = 10_f64.powf(places);
        numeric(&v[0], |number| (number * scale).round_ties_even() / scale)
    }),
    named("$rtrim", 1, &["input", "chars"], |v| {
        Ok(trimmed(v, |text, is| text.trim_end_matches(is).to_owned()))
    })
    .taking(texts),
    function("$size", 1, 1, |v| match &v[0] {
        Value::Array(items) => Ok(count(items.len())),
        other => Err(format!("it counts an array, not {}", other.type_name())),
    }),
    function("$slice", 2, 3, slice),
    function("$split", 2, 2, |v| {
        let (Some(text), Some(at)) = (v[0].text(), v[1].text().filter(|at| !at.is_empty())) else {
            return Ok(Value::Null);
        };
        Ok(Value::Array(text.split(&at).map(|part| Value::Text(part.to_owned())).collect()))
    })
    .taking(parts),
    function("$sqrt", 1, 1, |v| numeric(&v[0], f64::sqrt)),
    function("$strLenCP", 1, 1, |v| {
        let text = v[0].text().ok_or("of nothing; write $ifNull around it")?;
        Ok(count(text.chars().count()))
    })
    .taking(texts),
    function("$strcasecmp", 2, 2, |v| {
        let [a, b] = [0, 1].map(|at| v[at].text().unwrap_or_default().to_lowercase());
        Ok(Value::Number(f64::from(a.cmp(&b) as i8)))
    })
    .taking(texts),
    function("$substr", 3, 3, substring).taking(texts),
    function("$substrCP", 3, 3, substring).taking(texts),
    function("$subtract", 2, 2, |v| two(v, |a, b| a - b)),
    function("$sum", 1, ANY, |v| Ok(Value::Number(numbers(v).sum()))),
    function("$toBool", 1, 1, |v| {
        Ok(if v[0].is_nothing() { Value::Null } else { Value::Bool(v[0].is_true()) })
    }),
    function("$toDate", 1, 1, to_date),
    function("$toDecimal", 1, 1, to_number),
    function("$toDouble", 1, 1, to_number),
    function("$toInt", 1, 1, |v| numeric(&to_number(v)?, f64::trunc)),
    function("$toLong", 1, 1, |v| numeric(&to_number(v)?, f64::trunc)),
    function("$toLower", 1, 1, |v| Ok(Value::Text(v[0].text().unwrap_or_default().to_lowercase())))
        .taking(texts),
    function("$toString", 1, 1, |v| Ok(v[0].text().map_or(Value::Null, Value::Text))).taking(texts),
    function("$toUpper", 1, 1, |v| Ok(Value::Text(v[0].text().unwrap_or_default().to_uppercase())))
        .taking(texts),
    named("$trim", 1, &["input", "chars"], |v| Ok(trimmed(v, |text, is| text.trim_matches(is).to_owned())))
        .taking(texts),
    function("$trunc", 1, 1, |v| numeric(&v[0], f64::trunc)),
    function("$type", 1, 1, |v| Ok(Value::Text(v[0].type_name().to_owned()))),
    function("$setUnion", 1, ANY, |v| {
        let Value::Array(items) = concat_arrays(v)? else { return Ok(Value::Null) };
        Ok(Value::Array(places::distinct(items.into_iter())))
    })
    .taking(sets),
    function("$objectToArray", 1, 1, |v| match &v[0] {
        Value::Document(Document(fields)) => {
            let pair = |(name, value): &(std::sync::Arc<str>, Value)| {
                let fields = vec![("k".into(), Value::Text(name.to_string())), ("v".into(), value.clone())];
                Value::Document(Document(fields))
            };
            Ok(Value::Array(fields.iter().map(pair).collect()))
        }
        other => nothing_or(other, "no document"),
    })
    .taking(|v| 4 * copies(v)),
];

fn count(number: usize) -> Value {
    Value::Number(f64::from(u32::try_from(number).unwrap_or(u32::MAX)))
}

fn nothing_or(value: &Value, problem: &str) -> Outcome {
    if value.is_nothing() { Ok(Value::Null) } else { Err(problem.to_owned()) }
}

/// A number of a number, nothing of nothing.
fn numeric(value: &Value, work: impl FnOnce(f64) -> f64) -> Outcome {
    match value.number() {
        Some(number) => Ok(Value::Number(work(number))),
        None if value.is_nothing() => Ok(Value::Null),
        None => Err(format!("{} is not a number", value.type_name())),
    }
}

fn two(values: &[Value], work: impl FnOnce(f64, f64) -> f64) -> Outcome {
    if values.iter().any(Value::is_nothing) {
        return Ok(Value::Null);
    }
    match (values[0].number(), values[1].number()) {
        (Some(a), Some(b)) => Ok(Value::Number(work(a, b))),
        _ => Err("a text that is not a number".to_owned()),
    }
}

fn fold(values: &[Value], start: f64, work: impl Fn(f64, f64) -> f64) -> Outcome {
    let mut result = start;
    for value in values {
        if value.is_nothing() {
            return Ok(Value::Null);
        }
        result = work(result, value.number().ok_or("a text that is not a number")?);
    }
    Ok(Value::Number(result))
}

/// The numbers of the values, or of the one array that they are.
fn numbers(values: &[Value]) -> impl Iterator<Item = f64> {
    let all = match values {
        [Value::Array(items)] => items,
        values => values,
    };
    all.iter().filter(|value| !matches!(value, Value::Date(_))).filter_map(Value::number)
}

fn mean(numbers: impl Iterator<Item = f64>) -> Value {
    let (sum, count) = numbers.fold((0.0, 0.0), |(sum, count), number| (sum + number, count + 1.0));
    if count == 0.0 { Value::Null } else { Value::Number(sum / count) }
}

fn extreme(values: &[Value], wins: fn(Ordering) -> bool) -> Value {
    let all = match values {
        [Value::Array(items)] => items,
        values => values,
    };
    let all = all.iter().filter(|value| !value.is_nothing());
    all.reduce(|best, value| if wins(value.compare(best)) { value } else { best })
        .cloned()
        .unwrap_or(Value::Null)
}

fn ordered(values: &[Value], holds: fn(Ordering) -> bool) -> Value {
    Value::Bool(holds(values[0].compare(&values[1])))
}

fn at_end(value: &Value, end: fn(&[Value]) -> Option<&Value>) -> Outcome {
    match value {
        Value::Array(items) => Ok(end(items).cloned().unwrap_or(Value::Missing)),
        other => nothing_or(other, "no array"),
    }
}

/// Counted from the end where it is negative.
fn element(values: &[Value]) -> Outcome {
    let (Value::Array(items), Some(at)) = (&values[0], values[1].number()) else {
        return nothing_or(&values[0], "it takes an array and a number");
    };
    #[expect(clippy::cast_possible_truncation, reason = "a place in an array")]
    let at = at as isize;
    let place = if at < 0 { items.len().checked_add_signed(at) } else { usize::try_from(at).ok() };
    Ok(place.and_then(|place| items.get(place)).cloned().unwrap_or(Value::Missing))
}

fn concat(values: &[Value]) -> Value {
    let mut all = String::new();
    for value in values {
        match value.text() {
            Some(text) => all.push_str(&text),
            None => return Value::Null,
        }
    }
    Value::Text(all)
}

fn concat_arrays(values: &[Value]) -> Outcome {
    let mut all = Vec::new();
    for value in values {
        match value {
            Value::Array(items) => all.extend(items.iter().cloned()),
            other => return nothing_or(other, "no array"),
        }
    }
    Ok(Value::Array(all))
}

fn merge(values: &[Value]) -> Outcome {
    let mut all = Document::default();
    let items = match values {
        [Value::Array(items)] => items,
        values => values,
    };
    for value in items {
        match value {
            Value::Document(Document(fields)) => {
                for (name, value) in fields {
                    all.set(name, value.clone());
                }
            }
            other if other.is_nothing() => {}
            other => return Err(format!("{} is no document", other.type_name())),
        }
    }
    Ok(Value::Document(all))
}

fn replaced(values: &[Value], most: usize) -> Value {
    match (values[0].text(), values[1].text(), values[2].text()) {
        (Some(text), Some(find), Some(with)) => Value::Text(text.replacen(&find, &with, most)),
        _ => Value::Null,
    }
}

fn trimmed(values: &[Value], trim: fn(&str, &dyn Fn(char) -> bool) -> String) -> Value {
    let Some(text) = values[0].text() else { return Value::Null };
    let chars = values.get(1).and_then(Value::text);
    let is =
        |c: char| chars.as_ref().map_or_else(|| c.is_whitespace() || c == '\0', |chars| chars.contains(c));
    Value::Text(trim(&text, &is))
}

fn substring(values: &[Value]) -> Outcome {
    let text = values[0].text().unwrap_or_default();
    let (Some(start), Some(length)) = (values[1].number(), values[2].number()) else {
        return Err("it takes a text and two numbers".to_owned());
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in a text")]
    let (start, length) = (start.max(0.0) as usize, if length < 0.0 { ANY } else { length as usize });
    Ok(Value::Text(text.chars().skip(start).take(length).collect()))
}

fn slice(values: &[Value]) -> Outcome {
    let Value::Array(items) = &values[0] else { return nothing_or(&values[0], "no array") };
    let number = |at: usize| values.get(at).and_then(Value::number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in an array")]
    let whole = |number: f64| number.abs() as usize;
    let (from, most) = match (number(1), number(2)) {
        (Some(from), Some(most)) if from < 0.0 => (items.len().saturating_sub(whole(from)), whole(most)),
        (Some(from), Some(most)) => (whole(from), whole(most)),
        (Some(most), None) if most < 0.0 => (items.len().saturating_sub(whole(most)), ANY),
        (Some(most), None) => (0, whole(most)),
        _ => return Err("it takes an array and numbers".to_owned()),
    };
    Ok(Value::Array(items.iter().skip(from).take(most).cloned().collect()))
}

fn to_number(values: &[Value]) -> Outcome {
    match &values[0] {
        Value::Bool(bool) => Ok(Value::Number(f64::from(u8::from(*bool)))),
        value => numeric(value, |number| number),
    }
}

fn to_date(values: &[Value]) -> Outcome {
    match &values[0] {
        Value::Date(ms) => Ok(Value::Date(*ms)),
        Value::Text(text) => {
            dates::parse(text).map(Value::Date).ok_or_else(|| "a text that is not a date".to_owned())
        }
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
        Value::Number(number) => Ok(Value::Date(*number as i64)),
        other => nothing_or(other, "no date"),
    }
}
