//! The user's values of a release, put together from the object and from what it refers to. Pure.
//!
//! Later ones win, tables are merged, lists are replaced (Helm's `-f`): `valueFileSecrets` in order, `valuesFrom` in order, `values`.

use crds::FluxHelmReleaseSpec;
use helm_chart::{SetError, SetKind, Values, ValuesError};
use serde_json::{Map, Value};

use super::validate::InvalidObject;

/// The key that is read where the object names none.
const KEY: &str = "values.yaml";

/// Where a text of values is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A key of a ConfigMap of the object's namespace.
    ConfigMap {
        /// The ConfigMap.
        name: String,
        /// The key.
        key: String,
    },
    /// A key of a Secret of the object's namespace.
    Secret {
        /// The Secret.
        name: String,
        /// The key.
        key: String,
    },
    /// A file of the chart.
    ChartFile {
        /// Its path in the chart.
        path: String,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ConfigMap { name, key } => write!(f, "key {key:?} of ConfigMap {name}"),
            Self::Secret { name, key } => write!(f, "key {key:?} of Secret {name}"),
            Self::ChartFile { path } => write!(f, "file {path:?} of the chart"),
        }
    }
}

/// One further source of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The field of the object that states it.
    pub field: String,
    /// Where it is.
    pub place: Place,
    /// Whether it may be absent.
    pub optional: bool,
    /// Where in the values it goes; at their root, as YAML, without it.
    pub target_path: Option<String>,
}

/// Why there are no values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// A source that must be there is not.
    #[error("{field}: there is no {place}; create it, or mark it as optional")]
    Absent {
        /// The field of the object.
        field: String,
        /// Where it should be.
        place: Place,
    },
    /// A source holds no values.
    #[error("{field}: {place} holds no YAML table of values")]
    Unreadable {
        /// The field of the object.
        field: String,
        /// Where it is.
        place: Place,
        /// What is wrong; never a value.
        #[source]
        source: Box<ValuesError>,
    },
    /// A target path leads nowhere.
    #[error("{field}.targetPath {path:?} names no value; write it as in ingress.hosts[0].name")]
    Nowhere {
        /// The field of the object.
        field: String,
        /// The path.
        path: String,
    },
    /// A target path is none.
    #[error("{field}.targetPath {path:?} is no path of values")]
    Path {
        /// The field of the object.
        field: String,
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Box<SetError>,
    },
}

/// The further sources of values that a spec states, in their order.
///
/// # Errors
/// [`InvalidObject::Field`] for an entry that states none or several.
pub fn sources(spec: &FluxHelmReleaseSpec) -> Result<Vec<Source>, InvalidObject> {
    let secrets = spec.value_file_secrets.iter().enumerate().map(|(index, secret)| {
        let place = Place::Secret { name: secret.name.clone(), key: KEY.to_owned() };
        Ok(Source {
            field: format!("spec.valueFileSecrets[{index}]"),
            place,
            optional: false,
            target_path: None,
        })
    });
    let others = spec.values_from.iter().enumerate().map(|(index, source)| {
        let field = format!("spec.valuesFrom[{index}]");
        let key = |reference: &crds::KeyReference| reference.key.clone().unwrap_or_else(|| KEY.to_owned());
        let (place, optional) =
            match (&source.config_map_key_ref, &source.secret_key_ref, &source.chart_file_ref) {
                (Some(map), None, None) => {
                    (Place::ConfigMap { name: map.name.clone(), key: key(map) }, map.optional)
                }
                (None, Some(secret), None) => {
                    (Place::Secret { name: secret.name.clone(), key: key(secret) }, secret.optional)
                }
                (None, None, Some(file)) => (Place::ChartFile { path: file.path.clone() }, file.optional),
                _ => {
                    let message =
                        "give exactly one of configMapKeyRef, secretKeyRef and chartFileRef".to_owned();
                    return Err(InvalidObject::Field { field, message });
                }
            };
        Ok(Source { field, place, optional, target_path: source.target_path.clone() })
    });
    secrets.chain(others).collect()
}

/// Puts the values together: `texts` are the contents of `sources`, `None` for what is absent.
///
/// # Errors
/// [`ComposeError`], naming the field.
pub fn compose(
    sources: &[Source],
    texts: Vec<Option<Vec<u8>>>,
    own: &Map<String, Value>,
) -> Result<Map<String, Value>, ComposeError> {
    if sources.is_empty() {
        return Ok(own.clone());
    }
    let mut values = Values::new();
    for (source, text) in sources.iter().zip(texts) {
        let (field, place) = (source.field.clone(), source.place.clone());
        let Some(text) = text else {
            match source.optional {
                true => continue,
                false => return Err(ComposeError::Absent { field, place }),
            }
        };
        match &source.target_path {
            None => {
                let read = Values::from_slice(&text).map_err(|error| ComposeError::Unreadable {
                    field,
                    place,
                    source: Box::new(error),
                })?;
                values = values.merged_with(read);
            }
            Some(path) => {
                let text = String::from_utf8_lossy(&text);
                // A trailing line end belongs to the file and not to the value.
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let pair = format!("{path}={text}");
                let fault = |error| {
                    let (field, path) = (field.clone(), path.clone());
                    ComposeError::Path { field, path, source: Box::new(error) }
                };
                // Helm takes some malformed paths for ones that set nothing.
                let mut alone = Values::new();
                alone.set(SetKind::Literal, &pair).map_err(fault)?;
                if alone.is_empty() {
                    return Err(ComposeError::Nowhere { field: field.clone(), path: path.clone() });
                }
                values.set(SetKind::Literal, &pair).map_err(fault)?;
            }
        }
    }
    let over = own.iter().map(|(key, value)| (key.clone(), go_yaml::Value::from(value.clone()))).collect();
    let values =
        values.merged_with(Values::from(std::collections::BTreeMap::<_, _>::from_iter::<Vec<_>>(over)));
    Ok(values.into_map().into_iter().map(|(key, value)| (key, Value::from(value))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Sources as (what the object says, content), own values, and the values or the error.
    fn check(stated: &[(Value, Option<&str>)], own: Value, expected: Result<Value, &str>) {
        let spec: FluxHelmReleaseSpec = serde_json::from_value(
            json!({"valuesFrom": stated.iter().map(|(source, _)| source).collect::<Vec<_>>()}),
        )
        .unwrap();
        let texts = stated.iter().map(|(_, text)| text.map(|text| text.as_bytes().to_vec())).collect();
        let composed = compose(&sources(&spec).unwrap(), texts, own.as_object().unwrap());
        match (composed, expected) {
            (Ok(values), Ok(expected)) => assert_eq!(Value::Object(values), expected, "{stated:?}"),
            (Err(error), Err(expected)) => assert_eq!(service_kit::chain(&error), expected),
            (composed, expected) => panic!("{composed:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn later_values_win() {
        let map = |name: &str| json!({"configMapKeyRef": {"name": name}});
        let at = |path: &str| json!({"secretKeyRef": {"name": "s", "key": "k"}, "targetPath": path});
        check(&[], json!({"a": 1}), Ok(json!({"a": 1})));
        check(
            &[(map("a"), Some("a: {b: 1, c: [1, 2]}\n")), (map("b"), Some("a: {c: [3], d: yes}\n"))],
            json!({"a": {"d": null}, "e": 1.5}),
            Ok(json!({"a": {"b": 1, "c": [3], "d": null}, "e": 1.5})),
        );
        check(
            &[(at("a.b[0].c"), Some("p,a=s{s}\n")), (at("x"), Some("1"))],
            json!({"a": {"z": 1}}),
            Ok(json!({"a": {"b": [{"c": "p,a=s{s}"}], "z": 1}, "x": "1"})),
        );
        check(&[(json!({"chartFileRef": {"path": "x", "optional": true}}), None)], json!({}), Ok(json!({})));
        check(
            &[(map("a"), None)],
            json!({}),
            Err(
                "spec.valuesFrom[0]: there is no key \"values.yaml\" of ConfigMap a; create it, or mark it as optional",
            ),
        );
        check(
            &[(map("a"), Some("")), (map("b"), Some("- 1\n"))],
            json!({}),
            Err(
                "spec.valuesFrom[1]: key \"values.yaml\" of ConfigMap b holds no YAML table of values: cannot unmarshal yaml document: \
                 error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
        );
        check(
            &[(at("a[b"), Some("1"))],
            json!({}),
            Err("spec.valuesFrom[0].targetPath \"a[b\" names no value; write it as in ingress.hosts[0].name"),
        );
    }

    #[test]
    fn secrets_come_first() {
        let spec = json!({"valueFileSecrets": [{"name": "a"}], "valuesFrom": [{"secretKeyRef": {"name": "b", "key": "c"}}]});
        let fields: Vec<_> = sources(&serde_json::from_value(spec).unwrap())
            .unwrap()
            .into_iter()
            .map(|source| format!("{}: {}", source.field, source.place))
            .collect();
        assert_eq!(
            fields,
            [
                "spec.valueFileSecrets[0]: key \"values.yaml\" of Secret a",
                "spec.valuesFrom[0]: key \"c\" of Secret b"
            ]
        );
    }
}
