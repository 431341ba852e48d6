//! Who owns which field of a live object: taking over what another writer of the same release wrote.
//!
//! A field that a document leaves out is removed by server-side apply only if the applying manager owns it as an *Apply*. What a
//! client wrote by create, update or patch (helm 3 does) is owned by an *Update* of that client, and would stay in the object
//! for ever. So its fields are first handed to the applying manager, as client-go's `csaupgrade` does it for kubectl and helm 4.
//! Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use serde_json::{Map, Value, json};

const APPLY: &str = "Apply";
/// Marks, among the children of a path, that the path itself is in the set.
const SELF: &str = ".";

/// `metadata.managedFields` with everything that one of `from` owns by any operation, or `manager` by another operation than
/// Apply, owned by `manager`'s Apply; `None` when it is so already.
///
/// Entries of a subresource (`status`, `scale`) are left alone. As in `csaupgrade`, an entry in another API version than the
/// resulting one cannot be merged and is dropped: its fields are then nobody's until the next apply states them.
///
/// ```
/// use kube_apply::taken_over;
/// let entries = serde_json::from_value::<Vec<_>>(serde_json::json!([
///     {"manager": "helm", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
///      "fieldsV1": {"f:data": {"f:a": {}}}},
/// ]))?;
/// let after = taken_over(&entries, &["helm"], "helm").expect("an Update of helm 3 is taken over");
/// assert_eq!(after[0].operation.as_deref(), Some("Apply"));
/// assert_eq!(taken_over(&after, &["helm"], "helm"), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn taken_over(
    entries: &[ManagedFieldsEntry],
    from: &[&str],
    manager: &str,
) -> Option<Vec<ManagedFieldsEntry>> {
    let whole = |entry: &ManagedFieldsEntry| entry.subresource.as_deref().unwrap_or_default().is_empty();
    let is = |entry: &ManagedFieldsEntry, name: &str| entry.manager.as_deref() == Some(name) && whole(entry);
    let applied = |entry: &ManagedFieldsEntry| entry.operation.as_deref() == Some(APPLY);
    let own = |entry: &ManagedFieldsEntry| is(entry, manager) && applied(entry);
    let given = |entry: &ManagedFieldsEntry| {
        !own(entry) && (is(entry, manager) || from.iter().any(|name| is(entry, name)))
    };
    // The first is the most recent one.
    let first_given = entries.iter().position(given)?;
    let target = entries.iter().position(own).unwrap_or(first_given);
    let mut result = entries[target].clone();
    result.manager = Some(manager.to_owned());
    result.operation = Some(APPLY.to_owned());
    let mut fields = result.fields_v1.take().map_or_else(|| json!({}), |fields| fields.0);
    let mergeable = |(index, entry): &(usize, &ManagedFieldsEntry)| {
        *index != target && given(entry) && entry.api_version == result.api_version
    };
    for (_, entry) in entries.iter().enumerate().filter(mergeable) {
        if let Some(other) = &entry.fields_v1 {
            unite(&mut fields, &other.0);
        }
    }
    result.fields_v1 = Some(FieldsV1(fields));
    let rest = entries.iter().enumerate().filter(|(index, entry)| *index == target || !given(entry));
    Some(rest.map(|(index, entry)| if index == target { result.clone() } else { entry.clone() }).collect())
}

/// The union of two sets of field paths in the notation of `fieldsV1`: an object without children is the path itself, one with
/// children is their parent, and is in the set itself only when it holds a `.`.
fn unite(set: &mut Value, other: &Value) {
    let (Value::Object(set), Value::Object(other)) = (set, other) else { return };
    for (path, theirs) in other {
        match set.get_mut(path) {
            None => {
                set.insert(path.clone(), theirs.clone());
            }
            Some(ours) => {
                let is_member = is_leaf(ours) || is_leaf(theirs);
                unite(ours, theirs);
                if is_member
                    && let Value::Object(children) = ours
                    && !children.is_empty()
                {
                    children.insert(SELF.to_owned(), Value::Object(Map::new()));
                }
            }
        }
    }
}

fn is_leaf(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `manager operation version fields` → an entry; fields as JSON.
    fn entry((manager, operation, version, fields): (&str, &str, &str, Value)) -> ManagedFieldsEntry {
        let (version, subresource) = version.split_once('/').unwrap_or((version, ""));
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            operation: Some(operation.to_owned()),
            api_version: Some(version.to_owned()),
            subresource: Some(subresource.to_owned()).filter(|name| !name.is_empty()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn fields_of_other_writers_of_the_release_are_taken_over() {
        type Entry<'a> = (&'a str, &'a str, &'a str, Value);
        let leaf = || json!({"f:data": {"f:a": {}}});
        // entries before and after; none after means that nothing is to be done
        let rows: Vec<(Vec<Entry<'_>>, Vec<Entry<'_>>)> = vec![
            (vec![], vec![]),
            (vec![("kubectl-edit", "Update", "v1", leaf())], vec![]),
            (vec![("helm", "Apply", "v1", leaf())], vec![]),
            // Created by helm 3.
            (vec![("helm", "Update", "v1", leaf())], vec![("helm", "Apply", "v1", leaf())]),
            (vec![("helm-controller", "Update", "v1", leaf())], vec![("helm", "Apply", "v1", leaf())]),
            (vec![("helm-controller", "Apply", "v1", leaf())], vec![("helm", "Apply", "v1", leaf())]),
            // Changed by helm 3 after an apply; somebody else's stays.
            (
                vec![
                    (
                        "helm",
                        "Apply",
                        "v1",
                        json!({"f:data": {"f:a": {}, "f:b": {"f:c": {}}}, "f:m": {".": {}, "f:x": {}}}),
                    ),
                    ("kube-controller-manager", "Update", "v1/status", json!({"f:status": {}})),
                    ("helm", "Update", "v1", json!({"f:data": {".": {}, "f:b": {}, "f:d": {}}, "f:m": {}})),
                    ("me", "Update", "v1", json!({"f:data": {"f:e": {}}})),
                ],
                vec![
                    (
                        "helm",
                        "Apply",
                        "v1",
                        json!({"f:data": {".": {}, "f:a": {}, "f:b": {".": {}, "f:c": {}}, "f:d": {}}, "f:m": {".": {}, "f:x": {}}}),
                    ),
                    ("kube-controller-manager", "Update", "v1/status", json!({"f:status": {}})),
                    ("me", "Update", "v1", json!({"f:data": {"f:e": {}}})),
                ],
            ),
            // List items, two writers, no apply yet.
            (
                vec![
                    (
                        "helm",
                        "Update",
                        "v1",
                        json!({"f:list": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}}}),
                    ),
                    (
                        "Helm",
                        "Update",
                        "v1",
                        json!({"f:list": {"k:{\"name\":\"b\"}": {".": {}, "f:name": {}}}}),
                    ),
                ],
                vec![(
                    "helm",
                    "Apply",
                    "v1",
                    json!({"f:list": {
                        "k:{\"name\":\"a\"}": {".": {}, "f:name": {}}, "k:{\"name\":\"b\"}": {".": {}, "f:name": {}}}}),
                )],
            ),
            // Another version cannot be merged, and a subresource is no part of the object's own fields.
            (
                vec![("helm", "Apply", "v1", leaf()), ("helm", "Update", "v2", json!({"f:x": {}}))],
                vec![("helm", "Apply", "v1", leaf())],
            ),
            (vec![("helm", "Update", "v1/scale", leaf())], vec![]),
        ];
        for (before, after) in rows {
            let before: Vec<_> = before.into_iter().map(entry).collect();
            let after: Vec<_> = after.into_iter().map(entry).collect();
            let result = taken_over(&before, &["helm", "Helm", "helm-controller"], "helm");
            assert_eq!(result.clone().unwrap_or_default(), after, "{before:?}");
            let again =
                result.and_then(|entries| taken_over(&entries, &["helm", "Helm", "helm-controller"], "helm"));
            assert_eq!(again, None, "a second time, after {before:?}");
        }
    }
}
