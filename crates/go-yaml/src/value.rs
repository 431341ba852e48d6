//! The JSON model.

use std::collections::BTreeMap;

/// A value of the JSON model, as `sigs.k8s.io/yaml` produces it: keys are strings, numbers keep the type their
/// text had.
///
/// Helm reads values without that distinction: see [`Value::with_float_numbers`].
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `null`, also an absent value.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits 64 bits with a sign.
    Int(i64),
    /// A whole number beyond [`i64::MAX`]; the reader uses it for no smaller one.
    Uint(u64),
    /// Any other number. Always finite when it comes from a reader of this crate.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    Seq(Vec<Value>),
    /// A map, ordered by the bytes of its keys (the order of `range` and of JSON; YAML prints in
    /// [natural order](crate::natural_cmp)).
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The member `key` of a map; `None` for another kind of value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The value reached by following `path` through maps.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number as `encoding/json` would give it without `UseNumber`.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Uint(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The list, if this is one.
    #[must_use]
    pub fn as_seq(&self) -> Option<&[Value]> {
        match self {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The map, if this is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// True for [`Value::Null`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The value with every number as [`Value::Float`].
    ///
    /// This is what Helm works on: it decodes JSON into `interface{}` without `UseNumber`, so that whole numbers
    /// beyond 2⁵³ lose precision there and here.
    ///
    /// ```
    /// use go_yaml::Value;
    /// assert_eq!(go_yaml::from_str("1").unwrap().with_float_numbers(), Value::Float(1.0));
    /// ```
    #[must_use]
    pub fn with_float_numbers(mut self) -> Value {
        self.make_numbers_float();
        self
    }

    fn make_numbers_float(&mut self) {
        match self {
            Value::Int(number) => *self = Value::Float(*number as f64),
            Value::Uint(number) => *self = Value::Float(*number as f64),
            Value::Seq(items) => items.iter_mut().for_each(Value::make_numbers_float),
            Value::Map(map) => map.values_mut().for_each(Value::make_numbers_float),
            _ => {}
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => {
                if let Some(int) = number.as_i64() {
                    Value::Int(int)
                } else if let Some(uint) = number.as_u64() {
                    Value::Uint(uint)
                } else {
                    Value::Float(number.as_f64().unwrap_or(0.0))
                }
            }
            serde_json::Value::String(text) => Value::String(text),
            serde_json::Value::Array(items) => Value::Seq(items.into_iter().map(Value::from).collect()),
            serde_json::Value::Object(map) => {
                Value::Map(map.into_iter().map(|(key, value)| (key, value.into())).collect())
            }
        }
    }
}

/// Whole floats become whole numbers, as they look in JSON text; a number that is not finite becomes null.
impl From<Value> for serde_json::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(value),
            Value::Int(number) => number.into(),
            Value::Uint(number) => number.into(),
            Value::Float(number) => match crate::number::whole(number) {
                Some(crate::number::Whole::Int(int)) => int.into(),
                Some(crate::number::Whole::Uint(uint)) => uint.into(),
                None => serde_json::Number::from_f64(number)
                    .map_or(serde_json::Value::Null, serde_json::Value::Number),
            },
            Value::String(text) => serde_json::Value::String(text),
            Value::Seq(items) => items.into_iter().map(serde_json::Value::from).collect(),
            Value::Map(map) => {
                map.into_iter().map(|(key, value)| (key, serde_json::Value::from(value))).collect()
            }
        }
    }
}
