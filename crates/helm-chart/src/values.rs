//! Values: the tables that a chart and its users write.

use std::collections::BTreeMap;

use go_yaml::{ReadError, Value};

use crate::decode::{WrongType, json_type};

/// A table of values. Every number of YAML or JSON is a [`Value::Float`], because Helm reads YAML by way of JSON:
/// 1000000 from values.yaml prints as `1e+06`. A whole number of `--set` ([`Values::set`]) is a [`Value::Int`], and stays
/// one up to the templates. What is made of a map ([`From`], [`TryFrom`]) counts as read from YAML.
///
/// `Debug` shows no value: values may be secret.
#[derive(Clone, Default, PartialEq)]
pub struct Values(BTreeMap<String, Value>);

/// Why a text holds no values. The causes' texts are Helm's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValuesError {
    /// Not YAML.
    #[error("cannot unmarshal yaml document")]
    Yaml(#[source] UnreadableYaml),
    /// A line begins with `---` and goes on otherwise than with a comment.
    #[error("error reading yaml document: invalid Yaml document separator: {0}")]
    Separator(String),
    /// A document is something other than a table.
    #[error("cannot unmarshal yaml document")]
    NotATable(#[source] WrongType),
}

/// YAML that cannot be read or has no JSON form.
#[derive(Debug, thiserror::Error)]
#[error("error converting YAML to JSON")]
pub struct UnreadableYaml(#[from] ReadError);

impl Values {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads values.yaml or a user's file: the documents are merged, later ones over earlier ones.
    ///
    /// # Errors
    /// If a document is not YAML or not a table.
    pub fn from_yaml(text: &str) -> Result<Self, ValuesError> {
        Self::from_slice(text.as_bytes())
    }

    /// Like [`Values::from_yaml`], for bytes that may not be UTF-8.
    ///
    /// # Errors
    /// As [`Values::from_yaml`].
    pub fn from_slice(text: &[u8]) -> Result<Self, ValuesError> {
        let mut values = Self::new();
        for document in (Documents { rest: text }) {
            // Helm's reader ends every line, the last one too: `a: |` and a line `x` at the end of the file are "x\n".
            let document: &[u8] = document?;
            let ended = (!document.ends_with(b"\n")).then(|| [document, b"\n"].concat());
            let value = go_yaml::from_slice(ended.as_deref().unwrap_or(document))
                .map_err(|error| ValuesError::Yaml(error.into()))?;
            values = values.merged_with(Self::try_from(value).map_err(ValuesError::NotATable)?);
        }
        Ok(values)
    }

    /// These values with `over` laid over them: tables are merged, anything else is replaced. Null stays, and deletes
    /// the chart's default later.
    pub fn merged_with(mut self, over: Self) -> Self {
        merge_maps(&mut self.0, over.0);
        self
    }

    /// The top-level entries.
    pub fn as_map(&self) -> &BTreeMap<String, Value> {
        &self.0
    }

    /// The top-level entries.
    pub fn into_map(self) -> BTreeMap<String, Value> {
        self.0
    }

    pub(crate) fn map_mut(&mut self) -> &mut BTreeMap<String, Value> {
        &mut self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn from_float_map(map: BTreeMap<String, Value>) -> Self {
        Self(map)
    }
}

impl From<BTreeMap<String, Value>> for Values {
    fn from(map: BTreeMap<String, Value>) -> Self {
        Self(map.into_iter().map(|(key, value)| (key, value.with_float_numbers())).collect())
    }
}

/// A table becomes values, null becomes none.
impl TryFrom<Value> for Values {
    type Error = WrongType;

    fn try_from(value: Value) -> Result<Self, WrongType> {
        match value {
            Value::Map(map) => Ok(map.into()),
            Value::Null => Ok(Self::new()),
            other => Err(WrongType {
                found: json_type(&other),
                place: "value".into(),
                wanted: "map[string]interface {}",
            }),
        }
    }
}

impl From<Values> for Value {
    fn from(values: Values) -> Self {
        Self::Map(values.0)
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Values({} keys)", self.0.len())
    }
}

fn merge_maps(base: &mut BTreeMap<String, Value>, over: BTreeMap<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Map(base)), Value::Map(over)) => merge_maps(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// The documents between lines that begin with `---`, as the reader of Kubernetes' tools has them. A separator that
/// begins the text stays with the document that follows it.
struct Documents<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Documents<'a> {
    type Item = Result<&'a [u8], ValuesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest;
        let mut position = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if let Some(rest) = line.strip_prefix(b"---") {
                let rest = String::from_utf8_lossy(rest);
                let rest = rest.trim();
                if !rest.is_empty() && !rest.starts_with('#') {
                    self.rest = &[];
                    return Some(Err(ValuesError::Separator(rest.to_owned())));
                }
                if position > 0 {
                    self.rest = &text[position + line.len()..];
                    return Some(Ok(&text[..position]));
                }
            }
            position += line.len();
        }
        self.rest = &[];
        (!text.is_empty()).then_some(Ok(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_merged_and_numbers_are_floats() {
        let values = Values::from_yaml(
            "---\na: {b: 1, c: x}\ncount: [1000000]\n---\na: {b: null, d: 2}\n---\n# none\n",
        )
        .unwrap();
        let a = values.as_map().get("a").and_then(Value::as_map).unwrap();
        assert_eq!(a.keys().collect::<Vec<_>>(), ["b", "c", "d"]);
        assert_eq!((a.get("b"), a.get("d")), (Some(&Value::Null), Some(&Value::Float(2.0))));
        assert_eq!(values.as_map().get("count"), Some(&Value::Seq(vec![Value::Float(1e6)])));
        assert_eq!(format!("{values:?}"), "Values(2 keys)");
    }

    #[test]
    fn the_last_line_counts_as_ended() {
        let values = Values::from_yaml("a: |\n  x").unwrap();
        assert_eq!(values.as_map().get("a").and_then(Value::as_str), Some("x\n"));
        let error = Values::from_yaml("'").unwrap_err();
        let cause = std::error::Error::source(&error).and_then(|cause| cause.source()).unwrap();
        assert_eq!(cause.to_string(), "yaml: line 2: found unexpected end of stream");
    }

    #[test]
    fn only_tables_are_values() {
        let error = Values::from_yaml("[a]").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(
            cause,
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
        assert!(matches!(Values::from_yaml("a: ["), Err(ValuesError::Yaml(_))));
        assert_eq!(Values::from_yaml("").unwrap(), Values::new());
    }
}
