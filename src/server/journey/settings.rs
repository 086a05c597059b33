//! Reading a node's settings: as JSON, and where a number or a choice of true and false is wanted, its text does as well.
//! Exports write some numbers as text, and `${env:NAME}` can stand in for text only.
//!
//! Knows no node.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// Settings, or one value of them.
pub struct Settings(pub Value);

impl Settings {
    /// What is to be read where no text is wanted: what the text says, if that is a number, `true` or `false`.
    fn unquoted(self) -> Value {
        match self.0 {
            Value::String(text) => match serde_json::from_str(&text) {
                Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
                _ => Value::String(text),
            },
            value => value,
        }
    }
}

/// Hands on to JSON's own reading once text is no longer in the way.
macro_rules! unquoted {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.unquoted().$method(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Settings {
    type Error = Error;

    unquoted! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Settings))),
            Value::Object(members) => visitor
                .visit_map(MapDeserializer::new(members.into_iter().map(|(name, value)| (name, Settings(value))))),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Settings {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
