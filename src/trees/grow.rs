//! How a tree grows: value by value, each counted before it is kept.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{ENTRY, LIST, OBJECT, Unread, VALUE};

/// Which parts of an object are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Parts<'p> {
    All,
    /// All but these: keys, or keys within the object at a key.
    But(&'p [(&'p str, Self)]),
    /// Only these.
    Only(&'p [(&'p str, Self)]),
    /// It is passed over.
    None,
    /// It is passed over where it is a list.
    NoList,
}

impl Parts<'_> {
    fn at(self, key: &str) -> Self {
        match self {
            Self::Only(parts) => {
                parts.iter().find(|(name, _)| *name == key).map_or(Self::None, |(_, part)| *part)
            }
            Self::But(parts) => {
                parts.iter().find(|(name, _)| *name == key).map_or(Self::All, |(_, part)| *part)
            }
            _ => Self::All,
        }
    }
}

/// The tree, and its bytes.
pub(super) fn grow(text: &[u8], parts: Parts<'_>, most: usize) -> Result<(Value, usize), Unread> {
    let account = Account { most, bytes: Cell::new(0), values: Cell::new(0) };
    let mut json = serde_json::Deserializer::from_slice(text);
    let grown = Grow { account: &account, parts }.deserialize(&mut json);
    let grown = grown.and_then(|value| json.end().map(|()| value));
    match grown {
        Ok(value) => Ok((value.unwrap_or_default(), account.bytes.get())),
        Err(_) if account.bytes.get() > most => Err(Unread::TooLarge { values: account.values.get(), most }),
        Err(error) => Err(Unread::NotJson(error)),
    }
}

struct Account {
    most: usize,
    bytes: Cell<usize>,
    values: Cell<usize>,
}

impl Account {
    /// Counts before it is taken.
    #[inline]
    fn take<E: serde::de::Error>(&self, bytes: usize) -> Result<(), E> {
        let now = self.bytes.get().saturating_add(bytes);
        self.bytes.set(now);
        if now > self.most { Err(E::custom("it is too large")) } else { Ok(()) }
    }

    #[inline]
    fn value<E: serde::de::Error>(&self, more: usize) -> Result<(), E> {
        self.values.set(self.values.get() + 1);
        self.take(VALUE + more)
    }
}

/// Makes a value; `None` where its parts are not wanted.
#[derive(Clone, Copy)]
struct Grow<'g> {
    account: &'g Account,
    parts: Parts<'g>,
}

impl<'de> DeserializeSeed<'de> for Grow<'_> {
    type Value = Option<Value>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if matches!(self.parts, Parts::None) {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| None);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Grow<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    #[inline]
    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        self.account.value(0)?;
        Ok(Some(Value::Bool(value)))
    }

    #[inline]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.account.value(0)?;
        Ok(Some(value.into()))
    }

    #[inline]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.account.value(0)?;
        Ok(Some(value.into()))
    }

    #[inline]
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        self.account.value(0)?;
        Ok(Some(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    #[inline]
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        self.account.value(text.len())?;
        Ok(Some(Value::String(text.to_owned())))
    }

    #[inline]
    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Self::Value, E> {
        self.account.value(text.len())?;
        Ok(Some(Value::String(text)))
    }

    #[inline]
    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        self.account.value(0)?;
        Ok(Some(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        if matches!(self.parts, Parts::NoList) {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        }
        self.account.value(0)?;
        let each = Grow { parts: Parts::All, ..self };
        let mut list = Vec::new();
        while let Some(element) = seq.next_element_seed(each)? {
            if list.is_empty() {
                self.account.take(LIST)?;
            }
            list.extend(element);
        }
        Ok(Some(Value::Array(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        self.account.value(0)?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let each = Grow { parts: self.parts.at(&key), ..self };
            let Some(value) = entries.next_value_seed(each)? else { continue };
            self.account.take(if map.is_empty() { OBJECT } else { ENTRY - VALUE })?;
            self.account.take(key.len())?;
            map.insert(key, value);
        }
        Ok(Some(Value::Object(map)))
    }
}
