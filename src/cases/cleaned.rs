//! A delivery without what opens doors: the rest stays as it came, to the byte.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Keys of a delivery that open doors, and what stands there instead.
const SECRET: [&str; 2] = ["rossum_authorization_token", "secrets"];
const REMOVED: &str = "\"[removed]\"";

/// The keys of an object in their order, each as often as it stands there.
struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[derive(Deserialize)]
struct Key<'t>(#[serde(borrow)] Cow<'t, str>);

/// A delivery without its token and secrets; `None` where it is no JSON object.
pub fn cleaned(payload: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(payload).ok()?.trim_matches([' ', '\t', '\r', '\n']);
    let Members(members) = serde_json::from_str(text).ok()?;
    let mut left = String::with_capacity(text.len());
    let mut from = 0;
    for (_, value) in members.iter().filter(|(key, _)| SECRET.contains(&&**key)) {
        let Range { start, end } = place(text, value.get())?;
        left.push_str(text.get(from..start)?);
        left.push_str(REMOVED);
        from = end;
    }
    left.push_str(text.get(from..)?);
    RawValue::from_string(left).ok()
}

/// Where a piece of a text stands in it.
fn place(text: &str, piece: &str) -> Option<Range<usize>> {
    let start = piece.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    Some(start..start + piece.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_as_it_came_to_the_byte() {
        let sent = "\n{ \"z\": 1.50, \"secrets\" : {\"a\": \"S\"}, \"9\": [1,\t2], \"secr\\u0065ts\": \"S\",\n \
                    \"rossum_authorization_token\":\"T\", \"a\": {\"secrets\": \"of the customer\"} }\n";
        let left = cleaned(sent.as_bytes()).unwrap();
        assert_eq!(
            left.get(),
            "{ \"z\": 1.50, \"secrets\" : \"[removed]\", \"9\": [1,\t2], \"secr\\u0065ts\": \"[removed]\",\n \
             \"rossum_authorization_token\":\"[removed]\", \"a\": {\"secrets\": \"of the customer\"} }"
        );
        for other in ["[]", "", "{", "\"secrets\"", "{} {}"] {
            assert!(cleaned(other.as_bytes()).is_none(), "{other}");
        }
    }
}
