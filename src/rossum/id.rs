//! Ids come as numbers in life and as text in older payloads; an answer returns them in the form that came.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::lenient::Scalar;

/// The id of a datapoint, multivalue, annotation or file.
///
/// Equality is that of the form as well as of the value: `7` is not `"7"`, as in Rossum's own samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Id<'a> {
    Number(i64),
    Text(Cow<'a, str>),
    /// Nothing that can be an id: a node without one can be read, but not written to.
    Missing,
}

impl Id<'_> {
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Self::Text(text),
            Scalar::Unsigned(n) => i64::try_from(n).map_or(Self::Missing, Self::Number),
            Scalar::Signed(n) => Self::Number(n),
            Scalar::Null | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Other => Self::Missing,
        })
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Missing => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_form_it_came_in() {
        for json in ["7", "\"7\"", "-1"] {
            let id: Id<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), json);
        }
        assert_ne!(Id::Number(7), Id::Text("7".into()));
    }

    #[test]
    fn reads_what_is_no_id_as_missing() {
        for json in ["null", "[1]", "{\"a\":1}", "1.5", "true", "18446744073709551615"] {
            assert_eq!(serde_json::from_str::<Id<'_>>(json).unwrap(), Id::Missing, "{json}");
        }
    }
}
