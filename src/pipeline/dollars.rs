//! Operators that are written without their `$`: they would be names of fields.

use serde_json::Value as Json;

use super::Mistake;

/// Operators of filters that nobody would call a field.
const TESTS: [&str; 9] = ["eq", "ne", "gt", "gte", "lt", "lte", "nin", "regex", "elemMatch"];
/// The same of expressions: alone in an object, they are meant as what is done.
pub(super) const OPERATORS: [&str; 22] = [
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "concat",
    "toLower",
    "toUpper",
    "toString",
    "toInt",
    "toDouble",
    "ifNull",
    "cond",
    "regexMatch",
    "strLenCP",
    "substrCP",
    "indexOfCP",
    "replaceAll",
    "replaceOne",
    "arrayElemAt",
    "trim",
];

/// Whether a key of a filter is an operator without its `$`.
pub(super) fn is_test(key: &str, value: &Json) -> bool {
    TESTS.contains(&key) || (key == "in" && value.is_array()) || (key == "exists" && value.is_boolean())
}

pub(super) fn without_dollar(path: &str, key: &str) -> Mistake {
    Mistake::new(
        path,
        format!("`{key}` is the name of a field here, and finds nothing: write the operator `${key}`"),
    )
}
