//! The document of a correction that leaves some fields alone.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Pointer;
use super::value::{Item, is_leaf, only};

/// The document with the live values at the pointers, so that applying it changes nothing there.
///
/// A field cannot simply be left out of a document: an apply removes what its manager owned and does not state any more. So a field
/// that the document states and that is to be left alone is stated as it is. What the live object lacks there is left out, so that it
/// is not brought back. A field that the document does not state, the apply leaves alone anyway, and it is not added: the manager
/// would come to own it, and others who apply it would meet a conflict. For the same reason a pointer to a map or list that is merged
/// takes over just the fields that the document states in it. Positions in lists are those of the live object.
///
/// Which maps and lists are merged, `metadata.managedFields` of the live object tell. Where they do not, and where an item of the
/// document cannot be told among those of a list, the whole list or map is stated as it is live: less is corrected then, but
/// nothing that is to be left alone is changed. The object's identity stays in any case.
///
/// ```
/// use kube_apply::drift::with_live;
/// use serde_json::json;
/// let document = json!({"spec": {"replicas": 1, "paused": false}});
/// let live = json!({"spec": {"replicas": 3, "paused": true}});
/// let pointers = ["/spec/replicas".parse()?];
/// assert_eq!(with_live(&document, &live, &pointers), json!({"spec": {"replicas": 3, "paused": false}}));
/// # Ok::<(), kube_apply::drift::PointerError>(())
/// ```
#[must_use]
pub fn with_live(document: &Value, live: &Value, pointers: &[Pointer]) -> Value {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let owners: Vec<_> = entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("apiVersion") == document.get("apiVersion"))
        .filter_map(|entry| entry.get("fieldsV1"))
        .collect();
    let mut result = document.clone();
    for pointer in pointers {
        if let Some(put) = put(&result, Some(live), &owners, pointer.tokens()) {
            result = put;
        }
    }
    let Value::Object(fields) = &mut result else { return document.clone() };
    for field in ["apiVersion", "kind"] {
        restore(fields, document, field);
    }
    if let Some(metadata) = document.get("metadata") {
        let own = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(own) = own {
            for field in ["name", "namespace"] {
                restore(own, metadata, field);
            }
        }
    }
    result
}

fn restore(fields: &mut Map<String, Value>, from: &Value, field: &str) {
    match from.get(field) {
        Some(value) => fields.insert(field.to_owned(), value.clone()),
        None => fields.remove(field),
    };
}

/// The nodes of the owners' paths below a step.
fn below<'a>(owners: &[&'a Value], is: impl Fn(&str) -> bool) -> Vec<&'a Value> {
    let children = owners.iter().filter_map(|node| node.as_object()).flatten();
    children.filter(|(step, _)| is(step)).map(|(_, node)| node).collect()
}

/// The document's value with the live one at the place that the tokens lead to; `None` when nothing is left of it.
fn put(stated: &Value, live: Option<&Value>, owners: &[&Value], tokens: &[String]) -> Option<Value> {
    let Some((token, rest)) = tokens.split_first() else { return as_live(stated, live, owners) };
    match stated {
        Value::Object(fields) => {
            let Some(value) = fields.get(token) else { return Some(stated.clone()) };
            let owners = below(owners, |step| step.strip_prefix("f:") == Some(token));
            let value = put(value, live.and_then(|live| live.get(token)), &owners, rest);
            let mut fields = fields.clone();
            match value {
                Some(value) => fields.insert(token.clone(), value),
                None => fields.remove(token),
            };
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Array(items) => put_item(items, live, owners, token, rest),
        _ => Some(stated.clone()),
    }
}

fn put_item(
    items: &[Value],
    live: Option<&Value>,
    owners: &[&Value],
    token: &str,
    rest: &[String],
) -> Option<Value> {
    let as_it_is = || Some(Value::Array(items.to_vec()));
    let position = token.parse::<usize>().ok().filter(|position| position.to_string() == token);
    let live_items = live.and_then(Value::as_array);
    let Some((position, live_item)) =
        position.and_then(|position| Some((position, live_items?.get(position)?)))
    else {
        return as_it_is();
    };
    let steps = steps(owners);
    let at = match steps.iter().find(|step| step.is(live_item)) {
        Some(step) => match only(items, |item| step.can_be(item)) {
            Ok(at) => at,
            // The item is not the document's.
            Err(0) => return as_it_is(),
            Err(_) => return live.cloned(),
        },
        // Of a list that is merged, an item that nobody owns by its keys; or a list that is replaced.
        None if !steps.is_empty() || live_items.map(Vec::len) != Some(items.len()) => return live.cloned(),
        None => position,
    };
    let below = below(owners, |step| Item::of(step).is_some_and(|step| step.is(live_item)));
    let mut result = items.to_vec();
    match put(&items[at], Some(live_item), &below, rest) {
        Some(item) => result[at] = item,
        None => drop(result.remove(at)),
    }
    Some(Value::Array(result))
}

/// What tells the items of a list apart, by all of its owners; empty for a list that is replaced as a whole.
fn steps(owners: &[&Value]) -> Vec<Item> {
    let paths: BTreeSet<_> = owners.iter().filter_map(|node| node.as_object()).flat_map(Map::keys).collect();
    paths.into_iter().filter_map(|path| Item::of(path)).collect()
}

/// What the document states of a field, as it is live.
fn as_live(stated: &Value, live: Option<&Value>, owners: &[&Value]) -> Option<Value> {
    let live = live.filter(|live| !live.is_null())?;
    // A node without any below it is a value that is replaced as a whole.
    let is_merged = owners.iter().any(|node| !is_leaf(node));
    match (stated, live) {
        (Value::Object(stated), Value::Object(fields)) if is_merged => {
            let fields: Map<_, _> = stated
                .iter()
                .filter_map(|(name, value)| {
                    let owners = below(owners, |step| step.strip_prefix("f:") == Some(name));
                    Some((name.clone(), as_live(value, fields.get(name), &owners)?))
                })
                .collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        (Value::Array(stated), Value::Array(items)) if is_merged => {
            Some(items_as_live(stated, items, owners))
        }
        _ => Some(live.clone()),
    }
}

fn items_as_live(stated: &[Value], live: &[Value], owners: &[&Value]) -> Value {
    let whole = || Value::Array(live.to_vec());
    let steps = steps(owners);
    let mut result = Vec::with_capacity(stated.len());
    for item in stated {
        let Ok(step) = only(&steps, |step| step.can_be(item)) else {
            // Owned by nobody: not there, or a default.
            let is_there = |live: &Value| steps.iter().any(|step| step.tells_equal(item, live));
            if steps.is_empty() || live.iter().any(is_there) {
                return whole();
            }
            continue;
        };
        match only(live, |live| steps[step].is(live)) {
            Ok(at) => {
                let owners = below(owners, |path| Item::of(path).is_some_and(|path| path.is(&live[at])));
                result.extend(as_live(item, Some(&live[at]), &owners));
            }
            Err(0) => {}
            Err(_) => return whole(),
        }
    }
    Value::Array(result)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a Deployment states, after the live values were put at the pointers.
    fn check(pointers: &[&str], expected: Value) {
        let pointers: Vec<Pointer> = pointers.iter().map(|text| text.parse().unwrap()).collect();
        let container = |name: &str, image: &str| json!({"name": name, "image": image});
        let document = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "annotations": {"own": "1"}},
            "spec": {"replicas": 1, "selector": {"app": "a"}, "args": ["x", "y"],
                "containers": [container("web", "web:1"), container("log", "log:1"), container("gone", "gone:1")]},
        });
        let mut live = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "annotations": {"own": "2", "other": "1"}},
            "spec": {"selector": {"app": "a", "more": "b"}, "args": ["x", "z"],
                "containers": [container("injected", "mesh:1"), container("log", "log:2"), container("web", "web:2")]},
        });
        live["spec"]["containers"][2]["pull"] = json!("Always");
        let below = json!({".": {}, "f:name": {}, "f:image": {}});
        let fields = json!({"f:metadata": {"f:annotations": {"f:own": {}}}, "f:spec": {"f:selector": {}, "f:args": {},
            "f:containers": {"k:{\"name\":\"web\"}": below, "k:{\"name\":\"log\"}": below}}});
        let mesh = json!({"f:spec": {"f:containers": {"k:{\"name\":\"injected\"}": below}}});
        live["metadata"]["managedFields"] = json!([
            {"manager": "helm", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": fields},
            {"manager": "mesh", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": mesh},
            {"manager": "old", "operation": "Update", "apiVersion": "apps/v1beta1", "fieldsV1": {"f:spec": {"f:args": {"v:1": {}}}}},
        ]);
        let mut wanted = document.clone();
        for (pointer, value) in expected.as_object().unwrap() {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let parent = wanted.pointer_mut(parent).unwrap();
            match (parent, value) {
                (Value::Object(fields), Value::Null) => drop(fields.remove(name)),
                (Value::Object(fields), value) => drop(fields.insert(name.to_owned(), value.clone())),
                (Value::Array(items), value) => items[name.parse::<usize>().unwrap()] = value.clone(),
                _ => panic!("{pointer}"),
            }
        }
        assert_eq!(with_live(&document, &live, &pointers), wanted, "{pointers:?}");
    }

    #[test]
    fn a_field_that_is_left_alone_is_stated_as_it_is() {
        check(&[], json!({}));
        check(&["/spec/nothing", "/spec/replicas/x", "/spec/containers/x"], json!({}));
        // Absent from the live object.
        check(&["/spec/replicas"], json!({"/spec/replicas": null}));
        // Only what the document states of a merged map, and all of one that is replaced.
        check(&["/metadata/annotations"], json!({"/metadata/annotations": {"own": "2"}}));
        check(&["/spec/selector"], json!({"/spec/selector": {"app": "a", "more": "b"}}));
        check(&["/metadata/annotations/other"], json!({}));
        check(&["/metadata/name", "/kind", "/metadata"], json!({"/metadata/annotations": {"own": "2"}}));
    }

    #[test]
    fn positions_in_lists_are_those_of_the_live_object() {
        check(&["/spec/containers/2/image"], json!({"/spec/containers/0/image": "web:2"}));
        check(&["/spec/containers/1"], json!({"/spec/containers/1": {"name": "log", "image": "log:2"}}));
        // Not the document's, not there, and no position.
        check(
            &[
                "/spec/containers/0/image",
                "/spec/containers/3/image",
                "/spec/containers/01",
                "/spec/containers/-",
            ],
            json!({}),
        );
        check(&["/spec/args/1"], json!({"/spec/args/1": "z"}));
        check(
            &["/spec/containers"],
            json!({"/spec/containers": [{"name": "web", "image": "web:2"}, {"name": "log", "image": "log:2"}]}),
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_left_as_it_is() {
        let document = json!({"list": ["a", "b", "c"], "items": [{"name": "a", "x": 1}]});
        let live = json!({"list": ["b"], "items": [{"name": "b"}, {"name": "a", "x": 2}]});
        let rows = [
            ("/list/0", json!({"list": ["b"], "items": [{"name": "a", "x": 1}]})),
            ("/list/7", document.clone()),
            ("/items/1/x", json!({"list": ["a", "b", "c"], "items": [{"name": "b"}, {"name": "a", "x": 2}]})),
            ("", live.clone()),
        ];
        for (pointer, expected) in rows {
            assert_eq!(with_live(&document, &live, &[pointer.parse().unwrap()]), expected, "{pointer}");
        }
    }
}
