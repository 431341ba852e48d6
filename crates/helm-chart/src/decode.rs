//! Typed fields out of YAML, as `sigs.k8s.io/yaml` decodes into a Go struct.

use std::collections::BTreeMap;

use go_yaml::Value;
use go_yaml::number::go_float;

/// A value whose type does not fit its field. The text is that of Helm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go {place} of type {wanted}"
)]
pub struct WrongType {
    /// What the value is, in JSON's words.
    pub found: &'static str,
    /// `value` or `struct field Metadata.name`.
    pub place: String,
    /// The Go type that is wanted.
    pub wanted: &'static str,
}

/// A map that is read as a Go struct.
pub struct Fields<'a> {
    name: &'static str,
    map: &'a BTreeMap<String, Value>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which is read as the struct `name` of the Go type `go_type`; null has none.
    ///
    /// # Errors
    /// If `value` is no map.
    pub fn of(name: &'static str, go_type: &'static str, value: &'a Value) -> Result<Self, WrongType> {
        static EMPTY: BTreeMap<String, Value> = BTreeMap::new();
        match value {
            Value::Map(map) => Ok(Self { name, map }),
            Value::Null => Ok(Self { name, map: &EMPTY }),
            other => Err(WrongType { found: json_type(other), place: "value".into(), wanted: go_type }),
        }
    }

    /// The field `key`, letters' case being of no matter; of several the last in the order of their spellings, as JSON
    /// has them. Null is no field.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        let same =
            |(name, value): (&String, &'a Value)| (folds_to(name, key) && !value.is_null()).then_some(value);
        self.map.iter().rev().find_map(same)
    }

    /// Text; a number or a boolean is taken by its text.
    ///
    /// # Errors
    /// If it is a list or a map.
    pub fn string(&self, key: &str) -> Result<Option<String>, WrongType> {
        self.get(key).map(|value| as_text(value).ok_or_else(|| self.wrong(key, value, "string"))).transpose()
    }

    /// A map of texts.
    ///
    /// # Errors
    /// If it is no map, or one of its values is a list or a map.
    pub fn string_map(&self, key: &str) -> Result<Option<BTreeMap<String, String>>, WrongType> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let Value::Map(map) = value else { return Err(self.wrong(key, value, "map[string]string")) };
        let entry = |(name, value): (&String, &Value)| match value {
            Value::Null => Ok((name.clone(), String::new())),
            value => match as_text(value) {
                Some(text) => Ok((name.clone(), text)),
                None => Err(self.wrong(key, value, "string")),
            },
        };
        map.iter().map(entry).collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn wrong(&self, key: &str, value: &Value, wanted: &'static str) -> WrongType {
        let place = format!("struct field {}.{key}", self.name);
        WrongType { found: json_type(value), place, wanted }
    }
}

/// Whether Go's JSON takes `name` for the field `key`, which is ASCII: letters' case does not count, and two characters
/// beyond ASCII are the upper or lower case of an ASCII letter.
pub(crate) fn folds_to(name: &str, key: &str) -> bool {
    let plain = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    name.chars().map(plain).eq(key.chars().map(plain))
}

/// What a string field takes: text, and numbers and booleans by their text.
pub(crate) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Uint(number) => Some(number.to_string()),
        Value::Float(number) => Some(single_precision(*number)),
        _ => None,
    }
}

/// The shortest text that a 32-bit float reads back: the library formats with 32 bits.
fn single_precision(number: f64) -> String {
    let shortest = (number as f32).to_string();
    shortest.parse().map_or(shortest, go_float)
}

/// The type of a value as the errors of Go's `encoding/json` call it; for [`WrongType::found`].
pub fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Seq(_) => "array",
        Value::Map(_) => "object",
    }
}
