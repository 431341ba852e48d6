//! What is in a document: an object, or a list of objects.

use go_yaml::Value;

use super::selector::field;

/// A list's `items` is no list.
pub(super) struct NoItems;

/// The object that a document is, or the objects that it lists: a kind that ends with `List` and has `items` is taken apart, as
/// kustomize does. What is null is nothing.
pub(super) fn objects(value: Value) -> Result<Vec<Value>, NoItems> {
    let mut objects = Vec::new();
    // In the order of the text: the last one is next.
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Null => {}
            Value::Map(mut map) if is_list(&map) => match map.remove("items") {
                Some(Value::Seq(items)) => waiting.extend(items.into_iter().rev()),
                Some(Value::Null) | None => {}
                Some(_) => return Err(NoItems),
            },
            object => objects.push(object),
        }
    }
    Ok(objects)
}

/// Whether a document is taken apart.
pub(super) fn is_list(map: &std::collections::BTreeMap<String, Value>) -> bool {
    let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default();
    kind.ends_with("List") && map.contains_key("items")
}

/// What an object lacks to be one: `kind` or `metadata.name`. A list needs no name.
pub(super) fn missing(object: &Value) -> Option<&'static str> {
    let kind = field(object, &["kind"]);
    if kind.is_empty() {
        return Some("kind");
    }
    let named = kind.ends_with("List") || !field(object, &["metadata", "name"]).is_empty();
    (!named).then_some("metadata.name")
}
