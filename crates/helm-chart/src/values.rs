//! Values: the tables that a chart and its users write.

use std::collections::BTreeMap;

use go_yaml::{ReadError, Value};

use crate::decode::{WrongType, json_type};

/// A table of values. Every number is a [`Value::Float`]: Helm reads YAML by way of JSON, so `{{ 1000000 }}` from
/// values.yaml prints `1e+06`.
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
        let mut values = Self::new();
        for document in split_documents(text) {
            let value = go_yaml::from_str(document).map_err(|error| ValuesError::Yaml(error.into()))?;
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

/// Splits at lines that consist of `---`, as the reader of Kubernetes' tools does. A separator that begins the text
/// stays with the document that follows it.
fn split_documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let (mut start, mut position) = (0, 0);
    for line in text.split_inclusive('\n') {
        let separates = line.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty());
        if separates && position > start {
            documents.push(&text[start..position]);
            start = position + line.len();
        }
        position += line.len();
    }
    if start < text.len() {
        documents.push(&text[start..]);
    }
    documents
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
