//! Lenient reading of JSON: what Rossum really sends is looser than its reference, so a value of an
//! unexpected type is read as absent instead of refusing the whole delivery.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// The scalar half of a visitor to which a scalar says nothing.
macro_rules! ignore_scalars {
    () => {
        fn visit_bool<F>(self, _: bool) -> Result<Self::Value, F> {
            Ok(false)
        }
        fn visit_u64<F>(self, _: u64) -> Result<Self::Value, F> {
            Ok(false)
        }
        fn visit_i64<F>(self, _: i64) -> Result<Self::Value, F> {
            Ok(false)
        }
        fn visit_f64<F>(self, _: f64) -> Result<Self::Value, F> {
            Ok(false)
        }
        fn visit_str<F>(self, _: &str) -> Result<Self::Value, F> {
            Ok(false)
        }
        fn visit_unit<F>(self) -> Result<Self::Value, F> {
            Ok(false)
        }
    };
}

/// One JSON value as far as a scalar can hold it; a list or an object is [`Scalar::Other`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Text(Cow<'a, str>),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Other,
}

impl<'a> Scalar<'a> {
    /// The value as text, numbers and booleans as JSON writes them.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Unsigned(n) => Some(n.to_string().into()),
            Self::Signed(n) => Some(n.to_string().into()),
            Self::Float(n) => Some(n.to_string().into()),
            Self::Bool(b) => Some(b.to_string().into()),
            Self::Null | Self::Other => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Unsigned(n))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Signed(n))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(n))
    }

    fn visit_bool<E>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(b))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// What reads an object, key by key.
pub(super) trait Entries<'de> {
    type Key: Deserialize<'de>;

    /// Reads the value of one key, or reads past it.
    fn entry<A: MapAccess<'de>>(&mut self, key: Self::Key, map: &mut A) -> Result<(), A::Error>;
}

/// Reads an object into `E`, and reads past anything else; gives whether it was an object.
pub(super) struct Object<'r, E>(pub(super) &'r mut E);

impl<'de, E: Entries<'de>> DeserializeSeed<'de> for Object<'_, E> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Entries<'de>> Visitor<'de> for Object<'_, E> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some(key) = map.next_key()? {
            self.0.entry(key, &mut map)?;
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    ignore_scalars!();
}

/// What reads a list, element by element.
pub(super) trait Elements<'de> {
    /// Reads the next element; whether there was one.
    fn element<A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<bool, A::Error>;
}

/// Elements of a list that is kept: files of a mail, fields that changed. No delivery has so many.
const MOST_ELEMENTS: usize = 250_000;

impl<'de, T: Deserialize<'de>> Elements<'de> for Vec<T> {
    fn element<A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<bool, A::Error> {
        let element = seq.next_element()?;
        let found = element.is_some();
        if found && self.len() >= MOST_ELEMENTS {
            return Err(A::Error::custom(format_args!("a list of more than {MOST_ELEMENTS} elements")));
        }
        self.extend(element);
        Ok(found)
    }
}

/// Reads a list into `E`, and reads past anything else; gives whether it was a list.
pub(super) struct List<'r, E>(pub(super) &'r mut E);

impl<'de, E: Elements<'de>> DeserializeSeed<'de> for List<'_, E> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Elements<'de>> Visitor<'de> for List<'_, E> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while self.0.element(&mut seq)? {}
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    ignore_scalars!();
}
