//! The kinds of JSON values that keys of Rossum's objects take.

use serde_json::Value;

/// What the value of a key must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Is {
    Text,
    /// A text, or nothing.
    MaybeText,
    Flag,
    List,
    /// A list of texts.
    Texts,
    Map,
    /// An object, or nothing.
    MaybeMap,
    /// A list of objects, or one.
    Children,
    Options,
    /// True or false, or nothing.
    MaybeFlag,
    /// A list, or nothing.
    MaybeList,
    /// A list of whole numbers, or nothing.
    MaybeIds,
    /// A list of texts, or nothing.
    MaybeTexts,
    /// A whole number, or nothing.
    MaybeNumber,
    /// The same, which a template may have as a text.
    MaybeId,
    Any,
}

impl Is {
    pub(super) fn fits(self, value: &Value) -> bool {
        let all = |list: &Value, fits: fn(&Value) -> bool| {
            list.as_array().is_some_and(|list| list.iter().all(fits))
        };
        match self {
            Self::Text => value.is_string(),
            Self::MaybeText => value.is_string() || value.is_null(),
            Self::Flag => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Texts => all(value, Value::is_string),
            Self::Map => value.is_object(),
            Self::MaybeMap => value.is_object() || value.is_null(),
            Self::Children => value.is_null() || value.is_object() || all(value, Value::is_object),
            Self::MaybeFlag => value.is_boolean() || value.is_null(),
            Self::MaybeList => value.is_array() || value.is_null(),
            Self::MaybeIds => value.is_null() || all(value, Value::is_u64),
            Self::MaybeTexts => value.is_null() || all(value, Value::is_string),
            Self::MaybeNumber => value.is_null() || value.is_u64(),
            Self::MaybeId => value.is_null() || value.is_u64() || value.is_string(),
            Self::Any => true,
            Self::Options => value.is_null() || all(value, |option| option.get("value").is_some()),
        }
    }

    /// What a value is instead.
    pub(super) fn found(self, value: &Value) -> String {
        let wrong = match (self, value) {
            (Self::Texts | Self::MaybeTexts, Value::Array(list)) => list.iter().find(|one| !one.is_string()),
            (Self::MaybeIds, Value::Array(list)) => list.iter().find(|one| !one.is_u64()),
            _ => None,
        };
        wrong.map_or_else(|| format!("is {}", kind_of(value)), |one| format!("has {} in it", kind_of(one)))
    }

    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::MaybeText => "a text in quotes, or null",
            Self::Flag | Self::MaybeFlag => "true or false, without quotes",
            Self::List | Self::MaybeList => "a list: […]",
            Self::MaybeIds => "a list of queues' ids: [8236]",
            Self::Texts | Self::MaybeTexts => "a list of texts: [\"…\"]",
            Self::MaybeNumber => "a whole number, without quotes",
            Self::MaybeId => "a whole number",
            Self::Any => "any value",
            Self::Map => "an object: {…}",
            Self::MaybeMap => "an object: {…}, or null",
            Self::Children => "a list of fields, or one",
            Self::Options => "a list of options, each with its `value`",
        }
    }
}

/// What a JSON value is, as people call it.
pub(super) fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(is) => format!("{is}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= 40 => format!("the text {text:?}"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
