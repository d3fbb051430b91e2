//! JSON in which a key stands twice: `serde_json` takes the last value and says nothing of the first.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads JSON; with the places of all keys that stand twice in one object, as `rules[0].actions`.
///
/// # Errors
///
/// It is no JSON.
pub fn json(text: &str) -> Result<(Value, Vec<String>), serde_json::Error> {
    let twice = RefCell::default();
    let mut from = serde_json::Deserializer::from_str(text);
    let value = Reading { place: &Place::Root, twice: &twice }.deserialize(&mut from)?;
    from.end()?;
    Ok((value, twice.into_inner()))
}

/// Where a value stands.
enum Place<'p> {
    Root,
    Key(&'p Self, &'p str),
    Item(&'p Self, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(within, key) => write!(f, "{within}.{key}"),
            Self::Item(within, at) => write!(f, "{within}[{at}]"),
        }
    }
}

/// A value that is read.
#[derive(Clone, Copy)]
struct Reading<'r> {
    place: &'r Place<'r>,
    twice: &'r RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let place = Place::Item(self.place, list.len());
            let Some(item) = from.next_element_seed(Reading { place: &place, ..self })? else { break };
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            let place = Place::Key(self.place, &key);
            let value = from.next_value_seed(Reading { place: &place, ..self })?;
            if object.contains_key(&key) {
                self.twice.borrow_mut().push(place.to_string());
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_twice_is_told_with_its_place_and_all_else_is_as_serde_json_has_it() {
        for text in [
            "null",
            "[1, -2, 1.50, true, \"a\\u00e9\", {}]",
            "{\"b\": {\"a\": []}, \"a\": 18446744073709551615}",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(json(text).unwrap(), (expected, Vec::new()), "{text}");
        }
        for text in ["", "{", "[1,]", "{\"a\": 1} x", "nul", "1e999"] {
            let ours = json(text).unwrap_err().to_string();
            assert_eq!(ours, serde_json::from_str::<Value>(text).unwrap_err().to_string(), "{text}");
        }
        let (value, twice) = json("{\"a\": 1, \"b\": [0, {\"c\": 1, \"c\": 2}], \"a\": 3}").unwrap();
        assert_eq!(twice, ["b[1].c", "a"]);
        assert_eq!(value, serde_json::json!({"a": 3, "b": [0, {"c": 2}]}));
    }
}
