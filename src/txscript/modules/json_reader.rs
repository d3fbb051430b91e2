//! JSON text straight into values, with the keys of objects in their order.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::super::exception::{Eval, Stop};
use super::super::machine::Machine;
use super::super::types::dict::Special;
use super::super::value::Value;

impl<'h> Machine<'h> {
    /// A JSON text as values; the inner error is the text's own.
    pub(crate) fn json_read(&mut self, text: &str) -> Eval<'h, Result<Value<'h>, serde_json::Error>> {
        self.steps(text.len() / 8)?;
        let mut stop = None;
        let mut json = serde_json::Deserializer::from_str(text);
        let value = Reader { machine: self, stop: &mut stop }.deserialize(&mut json);
        match stop {
            Some(stop) => Err(stop),
            None => Ok(value.and_then(|value| json.end().map(|()| value))),
        }
    }
}

struct Reader<'m, 'h> {
    machine: &'m mut Machine<'h>,
    /// Why it ended, where that is not the text's fault.
    stop: &'m mut Option<Stop<'h>>,
}

impl<'h> Reader<'_, 'h> {
    fn again(&mut self) -> Reader<'_, 'h> {
        Reader { machine: self.machine, stop: self.stop }
    }

    fn done<T, E: Error>(&mut self, result: Eval<'h, T>) -> Result<T, E> {
        result.map_err(|stop| {
            *self.stop = Some(stop);
            E::custom("stopped")
        })
    }
}

impl<'de, 'h> DeserializeSeed<'de> for Reader<'_, 'h> {
    type Value = Value<'h>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'h>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'h> Visitor<'de> for Reader<'_, 'h> {
    type Value = Value<'h>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'h>, E> {
        Ok(Value::None)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value<'h>, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E>(self, int: i64) -> Result<Value<'h>, E> {
        Ok(Value::Int(int))
    }

    fn visit_u64<E: Error>(mut self, int: u64) -> Result<Value<'h>, E> {
        let int = self.machine.int(Some(int.into()));
        self.done(int)
    }

    fn visit_f64<E>(self, float: f64) -> Result<Value<'h>, E> {
        Ok(Value::Float(float))
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<Value<'h>, E> {
        let text = self.machine.str(text);
        self.done(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value<'h>, A::Error> {
        let mut items = self.machine.buffer();
        while let Some(item) = seq.next_element_seed(self.again())? {
            let counted = items.push(item).and_then(|()| self.machine.step());
            self.done(counted)?;
        }
        let list = self.machine.list(items);
        self.done(list)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value<'h>, A::Error> {
        let dict = self.machine.new_dict(Special::No);
        let dict = self.done(dict)?;
        while let Some(key) = map.next_key_seed(self.again())? {
            let value = map.next_value_seed(self.again())?;
            let inserted = self.machine.dict_insert(dict, key, value);
            self.done(inserted)?;
        }
        Ok(Value::Dict(dict))
    }
}
