//! Labels and annotations that every object gets.

use std::collections::BTreeMap;

use go_yaml::Value;

use super::meter::{Meter, OverBudget};
use super::selector::scalar_text;

/// Labels and annotations of all objects. They take the place of the objects' own; pod templates get none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommonMetadata {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Why an object cannot be labelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A field is no map.
    #[error("its {0} is no map")]
    NoMap(&'static str),
    /// The render's budget is used up.
    #[error(transparent)]
    Budget(#[from] OverBudget),
}

impl CommonMetadata {
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    pub(super) fn apply(&self, object: &mut Value, meter: &mut Meter<'_>) -> Result<(), MetadataError> {
        set(object, "labels", &self.labels, meter)?;
        set(object, "annotations", &self.annotations, meter)
    }
}

fn set(
    object: &mut Value,
    field: &'static str,
    texts: &BTreeMap<String, String>,
    meter: &mut Meter<'_>,
) -> Result<(), MetadataError> {
    if texts.is_empty() {
        return Ok(());
    }
    let metadata = map_at(object, "metadata").ok_or(MetadataError::NoMap("metadata"))?;
    let metadata = metadata.entry(field.to_owned()).or_default();
    let map = map_of(metadata).ok_or(MetadataError::NoMap(field))?;
    for (key, text) in texts {
        meter.steps(1)?;
        meter.bytes(key.len() + text.len())?;
        map.insert(key.clone(), Value::String(text.clone()));
    }
    Ok(())
}

/// The map in a field of an object, made if it is missing.
pub(super) fn map_at<'v>(object: &'v mut Value, field: &str) -> Option<&'v mut BTreeMap<String, Value>> {
    match object {
        Value::Map(map) => map_of(map.entry(field.to_owned()).or_default()),
        _ => None,
    }
}

fn map_of(value: &mut Value) -> Option<&mut BTreeMap<String, Value>> {
    if value.is_null() {
        *value = Value::Map(BTreeMap::new());
    }
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

/// Makes every annotation a text, as kustomize leaves them.
pub(super) fn make_annotations_texts(object: &mut Value) {
    if let Some(Value::Map(annotations)) = annotations_of(object) {
        annotations.values_mut().for_each(make_text);
    }
}

/// Removes `metadata.annotations` if there is none.
pub(super) fn drop_empty_annotations(object: &mut Value) {
    let is_empty = match annotations_of(object) {
        Some(Value::Map(annotations)) => annotations.is_empty(),
        Some(annotations) => annotations.is_null(),
        None => false,
    };
    if let (true, Some(metadata)) = (is_empty, map_at(object, "metadata")) {
        metadata.remove("annotations");
    }
}

fn annotations_of(object: &mut Value) -> Option<&mut Value> {
    let Value::Map(object) = object else { return None };
    let Some(Value::Map(metadata)) = object.get_mut("metadata") else { return None };
    metadata.get_mut("annotations")
}

/// Makes a value a text; one that is none in itself becomes empty.
pub(super) fn make_text(value: &mut Value) {
    if !matches!(value, Value::String(_)) {
        *value = Value::String(scalar_text(value).into_owned());
    }
}
