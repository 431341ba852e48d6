//! Whether applying a document again would change nothing.
//!
//! What an apply does to a list or map depends on the kind's schema: an atomic one is replaced, the items of others are merged, by
//! keys that the schema names. The schema need not be fetched: what the API server wrote into `metadata.managedFields` when the
//! manager last applied says for each of its fields how it was taken. An atomic list or map is one path without any below it, the
//! items of a merged list have their keys in their paths. So document, live object and owned paths are walked together.

use serde_json::{Map, Value};

use super::value::{Item, is_leaf, only, same};

/// Lists longer than this are not compared item by item.
const LONGEST: usize = 1000;
/// Fields of `metadata` that no manager owns, and that an apply does not state; name and namespace are the object's identity.
pub(super) const UNOWNED: [&str; 9] = [
    "name",
    "namespace",
    "managedFields",
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "selfLink",
];
/// API groups whose objects are stored as typed values, where an empty list is none. Groups of resource definitions may end alike.
const TYPED: [&str; 17] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// What is known, without asking the API server, of applying a document again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stated {
    /// It changes nothing: the manager owns exactly the document's fields, and each has its value.
    Equal,
    /// It is not certain; a dry-run tells.
    Unknown,
    /// A field has another value as written, or is not owned, or one is owned that the document does not state. Values that are
    /// written in another way than the API server stores them (`1000m` for `1`) count as other values, so that this is for a
    /// dry-run to confirm as well.
    Different,
}

/// Whether the live object (as read, with `metadata.managedFields`) has everything that the document states, as applied by
/// `manager` and by nothing else.
///
/// [`Stated::Equal`] is certain for the document that was applied last; whatever is in doubt is not called so. A manager that also
/// updated the object, or applied it in another API version, is in doubt.
///
/// ```
/// use kube_apply::drift::{Stated, states};
/// use serde_json::json;
/// let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "b"}});
/// let mut live = document.clone();
/// live["metadata"]["managedFields"] = json!([{"manager": "helm", "operation": "Apply", "apiVersion": "v1",
///     "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}}}}]);
/// assert_eq!(states(&document, &live, "helm"), Stated::Equal);
/// live["data"]["a"] = json!("c");
/// assert_eq!(states(&document, &live, "helm"), Stated::Different);
/// ```
#[must_use]
pub fn states(document: &Value, live: &Value, manager: &str) -> Stated {
    let is_same_object = ["/apiVersion", "/kind", "/metadata/name"]
        .iter()
        .all(|field| document.pointer(field).is_some() && document.pointer(field) == live.pointer(field));
    let (Some(owned), Some(stated), true) =
        (applied(document, live, manager), document.as_object(), is_same_object)
    else {
        return Stated::Unknown;
    };
    let api_version = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let walk = Walk { typed: TYPED.contains(&group) };
    walk.map(&ownable(stated), live, owned)
}

/// The document's fields that a manager can own.
fn ownable(document: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = document.clone();
    fields.retain(|key, _| key != "apiVersion" && key != "kind");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !UNOWNED.contains(&key.as_str()));
        if metadata.is_empty() {
            fields.remove("metadata");
        }
    }
    fields
}

/// The paths that `manager` owns by having applied in the document's API version; `None` unless it wrote by nothing else.
fn applied<'a>(document: &Value, live: &'a Value, manager: &str) -> Option<&'a Map<String, Value>> {
    let text = |entry: &'a Value, field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let mut own = entries
        .iter()
        .filter(|entry| text(entry, "manager") == manager && text(entry, "subresource").is_empty());
    let entry = own.next().filter(|_| own.next().is_none())?;
    let as_documented = text(entry, "operation") == "Apply"
        && Some(text(entry, "apiVersion")) == document.get("apiVersion").and_then(Value::as_str);
    entry.get("fieldsV1").filter(|_| as_documented)?.as_object()
}

/// The three trees side by side.
struct Walk {
    /// Whether an empty list is the same as none.
    typed: bool,
}

impl Walk {
    fn map(&self, stated: &Map<String, Value>, live: &Value, owned: &Map<String, Value>) -> Stated {
        let Some(live) = live.as_object() else { return Stated::Different };
        let unstated = |path: &&String| match path.strip_prefix("f:") {
            Some(name) => !stated.contains_key(name),
            None => *path != ".",
        };
        if owned.keys().any(|path| unstated(&path)) {
            return Stated::Different;
        }
        worst(
            stated
                .iter()
                .map(|(name, value)| self.field(value, live.get(name), owned.get(&format!("f:{name}")))),
        )
    }

    fn field(&self, stated: &Value, live: Option<&Value>, owned: Option<&Value>) -> Stated {
        let live = live.filter(|live| !live.is_null());
        let leaf = owned.is_some_and(is_leaf);
        match (stated, owned.and_then(Value::as_object)) {
            // What a null does depends on the field, unless there is nothing.
            (Value::Null, _) if live.is_none() && (leaf || owned.is_none()) => Stated::Equal,
            (Value::Null, _) => Stated::Unknown,
            (Value::Array(items), None) if items.is_empty() => self.nothing(live),
            (_, None) => Stated::Different,
            (Value::Array(items), _) if items.is_empty() => if_or(leaf && is_empty(live), Stated::Different),
            // Of a map that is merged and not replaced, others may own the content.
            (Value::Object(fields), _) if fields.is_empty() => match leaf {
                true => if_or(is_empty(live), Stated::Unknown),
                false => Stated::Different,
            },
            (Value::Array(_) | Value::Object(_), _) if leaf => atomic(stated, live),
            (Value::Object(fields), Some(owned)) => self.map(fields, live.unwrap_or(&Value::Null), owned),
            (Value::Array(items), Some(owned)) => {
                self.items(items, live.and_then(Value::as_array).map_or(&[], Vec::as_slice), owned)
            }
            (_, Some(_)) => if_or(leaf && live.is_some_and(|live| same(stated, live)), Stated::Different),
        }
    }

    /// An empty list that is not owned: of a list that is merged, which states nothing.
    fn nothing(&self, live: Option<&Value>) -> Stated {
        let as_stored = self.typed || live.is_some();
        if_or(as_stored && is_empty(live), Stated::Unknown)
    }

    /// A list whose items are merged.
    fn items(&self, stated: &[Value], live: &[Value], owned: &Map<String, Value>) -> Stated {
        if stated.len().max(live.len()).max(owned.len()) > LONGEST {
            return Stated::Unknown;
        }
        let steps = owned.iter().filter(|(step, _)| *step != ".");
        let Some(mut steps) =
            steps.map(|(step, below)| Item::of(step).map(|item| (item, below))).collect::<Option<Vec<_>>>()
        else {
            return Stated::Unknown;
        };
        if steps.len() > stated.len() {
            return Stated::Different;
        }
        let mut places = Vec::with_capacity(stated.len());
        let verdict = worst(stated.iter().map(|item| {
            // An item is taken away once it was found, so that none is found twice.
            let (step, below) = match only(&steps, |(step, _)| step.can_be(item)) {
                Ok(at) => steps.swap_remove(at),
                Err(0) => return Stated::Different,
                Err(_) => return Stated::Unknown,
            };
            let at = match only(live, |live| step.is(live)) {
                Ok(at) => at,
                Err(0) => return Stated::Different,
                Err(_) => return Stated::Unknown,
            };
            places.push(at);
            match (&step, item, below.as_object()) {
                (Item::Value(_), _, _) => if_or(is_leaf(below), Stated::Unknown),
                (Item::Keys(_), Value::Object(_), _) if is_leaf(below) => atomic(item, Some(&live[at])),
                (Item::Keys(_), Value::Object(fields), Some(owned)) => self.map(fields, &live[at], owned),
                (Item::Keys(_), ..) => Stated::Unknown,
            }
        }));
        // An apply puts the items into the document's order.
        match verdict {
            Stated::Equal if !places.is_sorted() => Stated::Unknown,
            verdict => verdict,
        }
    }
}

/// A list or map that is replaced as a whole. In maps inside of it, defaults may have been filled in.
fn atomic(stated: &Value, live: Option<&Value>) -> Stated {
    match live {
        Some(live) if same(stated, live) => Stated::Equal,
        Some(_) if holds_map(stated) => Stated::Unknown,
        _ => Stated::Different,
    }
}

fn holds_map(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().any(holds_map),
        _ => false,
    }
}

fn is_empty(live: Option<&Value>) -> bool {
    match live {
        None => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(_) => false,
    }
}

fn if_or(equal: bool, otherwise: Stated) -> Stated {
    if equal { Stated::Equal } else { otherwise }
}

fn worst(verdicts: impl Iterator<Item = Stated>) -> Stated {
    let mut worst = Stated::Equal;
    for verdict in verdicts {
        worst = worst.max(verdict);
        if worst == Stated::Different {
            break;
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A document, the live fields, and what the manager owns.
    fn check(mut spec: Value, mut live: Value, mut owned: Value, expected: Stated) {
        // So that `spec` itself is not owned as a whole.
        spec["z"] = json!(0);
        live["z"] = json!(0);
        owned["f:z"] = json!({});
        let object = |spec: &Value| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec});
        let document = object(&spec);
        let mut found = object(&live);
        found["metadata"]["managedFields"] = json!([
            {"manager": "other", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": {"f:x": {}}}},
            {"manager": "helm", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:y": {}}}},
            {"manager": "helm", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": owned}},
        ]);
        assert_eq!(states(&document, &found, "helm"), expected, "{spec} {live} {owned}");
    }

    #[test]
    fn values_and_ownership_are_compared() {
        use Stated::{Different, Equal, Unknown};
        let rows = [
            // stated, live, owned
            (json!({"a": 1}), json!({"a": 1, "b": 2}), json!({"f:a": {}}), Equal),
            (json!({"a": 1}), json!({"a": 1.0}), json!({"f:a": {}}), Equal),
            (json!({"a": 1}), json!({"a": 2}), json!({"f:a": {}}), Different),
            (json!({"a": 1}), json!({"a": "1"}), json!({"f:a": {}}), Different),
            (json!({"a": 1}), json!({}), json!({"f:a": {}}), Different),
            // Owned by somebody else only, and owned though not stated any more.
            (json!({"a": 1}), json!({"a": 1}), json!({}), Different),
            (json!({"a": 1}), json!({"a": 1, "b": 1}), json!({"f:a": {}, "f:b": {}}), Different),
            (json!({"a": 1}), json!({"a": 1}), json!({"f:a": {"f:b": {}}}), Different),
            // What is owned as a whole is replaced as a whole.
            (json!({"a": {"b": 1}}), json!({"a": {"b": 1}}), json!({"f:a": {}}), Equal),
            (json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": 1}}), json!({"f:a": {}}), Unknown),
            (json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": 1}}), json!({"f:a": {"f:b": {}}}), Equal),
            (json!({"a": {"b": 1}}), json!({"a": {"b": 1}}), json!({"f:a": {".": {}, "f:b": {}}}), Equal),
            (json!({"a": ["x"]}), json!({"a": ["x"]}), json!({"f:a": {}}), Equal),
            (json!({"a": ["x"]}), json!({"a": ["x", "y"]}), json!({"f:a": {}}), Different),
            (json!({"a": [{"b": 1}]}), json!({"a": [{"b": 1, "c": 1}]}), json!({"f:a": {}}), Unknown),
            // Nothing, in its forms.
            (json!({"a": null}), json!({}), json!({}), Equal),
            (json!({"a": null}), json!({"a": 1}), json!({"f:a": {}}), Unknown),
            (json!({"a": {}}), json!({"a": {}}), json!({"f:a": {}}), Equal),
            (json!({"a": {}}), json!({}), json!({"f:a": {}}), Equal),
            (json!({"a": {}}), json!({"a": {"b": 1}}), json!({"f:a": {}}), Unknown),
            (json!({"a": {}}), json!({"a": {}}), json!({}), Different),
            (json!({"a": {}}), json!({"a": {}}), json!({"f:a": {"f:b": {}}}), Different),
            (json!({"a": []}), json!({}), json!({}), Equal),
            (json!({"a": []}), json!({"a": []}), json!({"f:a": {}}), Equal),
            (json!({"a": []}), json!({"a": [1]}), json!({}), Unknown),
            (json!({"a": []}), json!({"a": [1]}), json!({"f:a": {}}), Different),
            (
                json!({"a": []}),
                json!({"a": [{"b": 1}]}),
                json!({"f:a": {"k:{\"b\":1}": {".": {}}}}),
                Different,
            ),
        ];
        for (stated, live, owned, expected) in rows {
            check(stated, live, owned, expected);
        }
    }

    #[test]
    fn items_of_merged_lists_are_found_by_their_keys() {
        use Stated::{Different, Equal, Unknown};
        let port = |number: u16| json!({"p": number, "h": 1});
        let full =
            |number: u16, protocol: &str| json!({"p": number, "proto": protocol, "h": 1, "default": true});
        let below = json!({".": {}, "f:p": {}, "f:h": {}});
        let owned = |ports: &[(u16, &str)]| {
            let step = |(port, protocol): &(u16, &str)| {
                (format!("k:{{\"p\":{port},\"proto\":{protocol:?}}}"), below.clone())
            };
            json!({"f:a": Value::Object(ports.iter().map(step).collect())})
        };
        let rows = [
            (json!([port(1)]), json!([full(2, "TCP"), full(1, "TCP")]), owned(&[(1, "TCP")]), Equal),
            (json!([port(1)]), json!([full(1, "TCP"), full(1, "UDP")]), owned(&[(1, "TCP")]), Equal),
            (json!([port(1)]), json!([full(1, "TCP")]), owned(&[(1, "TCP"), (2, "TCP")]), Different),
            (json!([port(1)]), json!([full(1, "TCP")]), owned(&[(2, "TCP")]), Different),
            (json!([port(1)]), json!([full(2, "TCP")]), owned(&[(1, "TCP")]), Different),
            // Which of the two a port without protocol is, the schema's default tells.
            (
                json!([port(1), port(1)]),
                json!([full(1, "TCP"), full(1, "UDP")]),
                owned(&[(1, "TCP"), (1, "UDP")]),
                Unknown,
            ),
            (json!([port(1), port(1)]), json!([full(1, "TCP")]), owned(&[(1, "TCP")]), Different),
            (json!([port(1)]), json!([full(1, "TCP"), full(1, "TCP")]), owned(&[(1, "TCP")]), Unknown),
            // The order is the document's after an apply.
            (
                json!([port(1), port(2)]),
                json!([full(2, "TCP"), full(1, "TCP")]),
                owned(&[(1, "TCP"), (2, "TCP")]),
                Unknown,
            ),
            // Items that are replaced as a whole.
            (json!([port(1)]), json!([full(1, "TCP")]), json!({"f:a": {"k:{\"p\":1}": {}}}), Unknown),
            (json!([port(1)]), json!([port(1)]), json!({"f:a": {"k:{\"p\":1}": {}}}), Equal),
            (json!([1, 2]), json!([1, 5, 2]), json!({"f:a": {"v:1": {}, "v:2": {}}}), Equal),
            (json!([1, 2]), json!([1]), json!({"f:a": {"v:1": {}, "v:2": {}}}), Different),
            (json!([1, 2]), json!([1, 2, 2]), json!({"f:a": {"v:1": {}, "v:2": {}}}), Unknown),
            (json!([1]), json!([1]), json!({"f:a": {"i:0": {}}}), Unknown),
        ];
        for (stated, live, owned, expected) in rows {
            check(json!({"a": stated}), json!({"a": live}), owned, expected);
        }
    }

    #[test]
    fn only_what_one_apply_wrote_is_certain() {
        let document = json!({"apiVersion": "g.io/v1", "kind": "A", "metadata": {"name": "a", "uid": "x", "labels": {"a": "b"}}});
        let entry = |manager: &str, operation: &str, version: &str, fields: Value| json!({"manager": manager, "operation": operation, "apiVersion": version, "fieldsV1": fields});
        let labels = || json!({"f:metadata": {"f:labels": {"f:a": {}}}});
        let check = |document: &Value, entries: Value, expected: Stated| {
            let mut live = json!({"apiVersion": "g.io/v1", "kind": "A", "metadata": {"name": "a", "namespace": "dev", "labels": {"a": "b"}}});
            live["metadata"]["managedFields"] = entries.clone();
            assert_eq!(states(document, &live, "helm"), expected, "{entries}");
        };
        let own = || entry("helm", "Apply", "g.io/v1", labels());
        check(&document, json!([own()]), Stated::Equal);
        check(&document, json!([]), Stated::Unknown);
        check(&document, json!([entry("kubectl", "Apply", "g.io/v1", labels())]), Stated::Unknown);
        check(&document, json!([entry("helm", "Update", "g.io/v1", labels())]), Stated::Unknown);
        check(&document, json!([entry("helm", "Apply", "g.io/v2", labels())]), Stated::Unknown);
        check(&document, json!([own(), entry("helm", "Update", "g.io/v1", labels())]), Stated::Unknown);
        check(&document, json!([own(), entry("kubectl", "Apply", "g.io/v1", labels())]), Stated::Equal);
        let mut more = document.clone();
        // An empty list is not nothing where the objects are stored as they were sent.
        more["spec"] = json!([]);
        check(&more, json!([own()]), Stated::Unknown);
        more["spec"] = json!({"a": 1});
        check(&more, json!([own()]), Stated::Different);
        check(
            &json!({"apiVersion": "g.io/v1", "kind": "A", "metadata": {"name": "b"}}),
            json!([own()]),
            Stated::Unknown,
        );
        check(&json!("a"), json!([own()]), Stated::Unknown);
    }
}
