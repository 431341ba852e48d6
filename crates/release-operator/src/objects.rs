//! The objects of a release: read from its manifest, marked as the release's own, compared with what is live. Pure.

use helm_engine::{ManifestError, parse_manifest};
use kube::api::DynamicObject;
use kube_apply::{ApplyError, ObjectRef};
use serde_json::{Map, Value, json};

use crate::names::{MANAGED_BY, RELEASE_NAME, RELEASE_NAMESPACE, RESOURCE_POLICY};

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Which.
    pub identity: ObjectRef,
    /// Its document.
    pub document: Value,
}

impl Object {
    /// The same with the namespace that it is in: the live one's, or where there is none, what its release's is.
    pub fn placed(mut self, live: Option<&DynamicObject>, namespace: &str) -> Self {
        if self.identity.namespace.is_none() {
            self.identity.namespace = match live {
                Some(live) => live.metadata.namespace.clone(),
                None => Some(namespace.to_owned()),
            };
        }
        self
    }
}

/// Why a manifest gives no objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestFault {
    /// A document is not YAML, or no object.
    #[error("the rendered manifest cannot be read")]
    Unreadable(#[from] ManifestError),
    /// A document lacks what every object needs.
    #[error("the template {path} renders an incomplete object")]
    Incomplete {
        /// The template.
        path: String,
        /// What is missing.
        #[source]
        source: Box<ApplyError>,
    },
    /// The chart renders an object twice.
    #[error("the chart renders {0} twice; give one of them another name")]
    Twice(String),
}

/// Reads a release's manifest, in its order (Helm's order for installing). Lists are taken apart, as Helm does.
///
/// # Errors
/// [`ManifestFault`], naming the template or object.
pub fn parse(manifest: &str) -> Result<Vec<Object>, ManifestFault> {
    let mut objects: Vec<Object> = Vec::new();
    for item in parse_manifest(manifest)? {
        let incomplete =
            |source| ManifestFault::Incomplete { path: item.path.clone(), source: Box::new(source) };
        // parse_manifest has read it once already, so that this cannot fail.
        let document = go_yaml::from_str(&item.content).map(Value::from).unwrap_or_default();
        for document in flattened(document) {
            let identity = ObjectRef::of(&document).map_err(incomplete)?;
            if objects.iter().any(|other| other.identity.same_object(&identity)) {
                return Err(ManifestFault::Twice(identity.to_string()));
            }
            objects.push(Object { identity, document });
        }
    }
    Ok(objects)
}

/// The documents in a text of several, such as a file below `crds/` or a hook.
///
/// # Errors
/// [`ManifestFault`]; `path` names the file in it.
pub fn parse_file(path: &str, text: &str) -> Result<Vec<Object>, ManifestFault> {
    parse(&format!("---\n# Source: {path}\n{text}\n")).or_else(|error| match error {
        // Helm takes these as they come.
        ManifestFault::Twice(_) => Ok(Vec::new()),
        other => Err(other),
    })
}

fn flattened(document: Value) -> Vec<Value> {
    let is_list = document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match document {
        Value::Null => Vec::new(),
        Value::Object(mut map) if is_list && map.get("items").is_some_and(Value::is_array) => {
            match map.remove("items") {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            }
        }
        other => vec![other],
    }
}

/// Splits objects where the kind changes: those of a part may be applied at the same time, as Helm does.
pub fn by_kind(objects: &[Object]) -> impl Iterator<Item = &[Object]> {
    objects.chunk_by(|a, b| a.identity.kind == b.identity.kind)
}

/// The document with Helm's ownership label and annotations.
pub fn owned(document: &Value, release: &str, namespace: &str) -> Value {
    let mut document = document.clone();
    let mut set = |table: &str, entries: &[(&str, &str)]| {
        let metadata =
            document.as_object_mut().map(|object| object.entry("metadata").or_insert_with(|| json!({})));
        let Some(Value::Object(metadata)) = metadata else { return };
        let table = metadata.entry(table).or_insert_with(|| json!({}));
        if table.is_null() {
            *table = Value::Object(Map::new());
        }
        if let Value::Object(table) = table {
            table.extend(entries.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        }
    };
    set("labels", &[MANAGED_BY]);
    set("annotations", &[(RELEASE_NAME, release), (RELEASE_NAMESPACE, namespace)]);
    document
}

/// The document with the namespace that the live object is in, where it names none.
pub fn in_namespace_of(mut document: Value, live: &Value) -> Value {
    let namespace = live.pointer("/metadata/namespace");
    let metadata = document.get_mut("metadata").and_then(Value::as_object_mut);
    if let (Some(namespace), Some(metadata)) = (namespace, metadata) {
        metadata.entry("namespace").or_insert_with(|| namespace.clone());
    }
    document
}

/// Whether a live object is the release's, by Helm's label and annotations.
///
/// # Errors
/// Helm's words for what is missing or wrong.
pub fn ownership(live: &DynamicObject, release: &str, namespace: &str) -> Result<(), String> {
    let labels = live.metadata.labels.as_ref();
    let annotations = live.metadata.annotations.as_ref();
    let wanted = [
        ("label", labels, MANAGED_BY.0, MANAGED_BY.1),
        ("annotation", annotations, RELEASE_NAME, release),
        ("annotation", annotations, RELEASE_NAMESPACE, namespace),
    ];
    let faults: Vec<_> = wanted
        .iter()
        .filter_map(|(what, table, key, wanted)| match table.and_then(|table| table.get(*key)) {
            Some(value) if value == wanted => None,
            Some(value) => Some(format!(
                "{what} validation error: key {key:?} must equal {wanted:?}: current value is {value:?}"
            )),
            None => Some(format!("{what} validation error: missing key {key:?}: must be set to {wanted:?}")),
        })
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("invalid ownership metadata; {}", faults.join("; "))),
    }
}

/// Whether the object says that another release owns it.
pub fn owned_by_another(live: &DynamicObject, release: &str, namespace: &str) -> bool {
    let annotation = |name: &str| live.metadata.annotations.as_ref().and_then(|all| all.get(name));
    annotation(RELEASE_NAME).is_some_and(|owner| owner != release)
        || annotation(RELEASE_NAMESPACE).is_some_and(|owner| owner != namespace)
}

/// Whether neither an upgrade nor an uninstall may delete the object.
pub fn is_kept(document: &Value, live: &DynamicObject) -> bool {
    let keep = |value: Option<&str>| value.is_some_and(|value| value.trim().eq_ignore_ascii_case("keep"));
    let annotations = document.pointer("/metadata/annotations");
    keep(annotations.and_then(|all| all.get(RESOURCE_POLICY)).and_then(Value::as_str))
        || keep(
            live.metadata.annotations.as_ref().and_then(|all| all.get(RESOURCE_POLICY)).map(String::as_str),
        )
}

/// The objects of earlier revisions that are not in the present one, each once, the newest document of each.
pub fn left_over(earlier: Vec<Vec<Object>>, present: &[Object]) -> Vec<Object> {
    let mut left: Vec<Object> = Vec::new();
    for object in earlier.into_iter().rev().flatten() {
        let same = |other: &Object| other.identity.same_object(&object.identity);
        if !present.iter().any(same) && !left.iter().any(same) {
            left.push(object);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "---\n# Source: c/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n\
        ---\n# Source: c/templates/b.yaml\napiVersion: v1\nkind: ConfigMapList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n\
        ---\n# Source: c/templates/c.yaml\n# nothing\n\
        ---\n# Source: c/templates/d.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n";

    fn names(objects: &[Object]) -> Vec<String> {
        objects.iter().map(|object| object.identity.to_string()).collect()
    }

    #[test]
    fn a_manifest_gives_its_objects_in_order() {
        let objects = parse(MANIFEST).unwrap();
        assert_eq!(names(&objects), ["ConfigMap a", "ConfigMap b", "Deployment a"]);
        assert_eq!(by_kind(&objects).map(<[Object]>::len).collect::<Vec<_>>(), [2, 1]);
        let fault = |text: &str| service_kit::chain(&parse(text).unwrap_err());
        assert_eq!(
            fault(&format!("{MANIFEST}{MANIFEST}")),
            "the chart renders ConfigMap a twice; give one of them another name"
        );
        assert_eq!(
            fault("---\n# Source: c/templates/x.yaml\nkind: Pod\nmetadata: {name: x}\n"),
            "the template c/templates/x.yaml renders an incomplete object: Pod x: the field apiVersion is missing"
        );
        assert!(fault("---\n# Source: c/templates/x.yaml\nkind: [\n").contains("c/templates/x.yaml"));
    }

    #[test]
    fn what_left_the_manifest_is_found_once() {
        let object = |text: &str| parse(text).unwrap();
        let old = object(MANIFEST);
        let new = object("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n");
        assert_eq!(
            names(&left_over(vec![old.clone(), old, new.clone()], &new)),
            ["ConfigMap b", "Deployment a"]
        );
    }

    #[test]
    fn ownership_is_marked_and_recognised_in_helms_words() {
        let document =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": null}});
        let live = |document: &Value| serde_json::from_value::<DynamicObject>(document.clone()).unwrap();
        let ours = live(&owned(&document, "web", "dev"));
        assert_eq!(ownership(&ours, "web", "dev"), Ok(()));
        assert!(!owned_by_another(&ours, "web", "dev") && owned_by_another(&ours, "other", "dev"));
        assert!(!owned_by_another(&live(&document), "web", "dev"));
        assert_eq!(
            ownership(&live(&document), "web", "dev").unwrap_err(),
            "invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \"Helm\"; \
             annotation validation error: missing key \"meta.helm.sh/release-name\": must be set to \"web\"; \
             annotation validation error: missing key \"meta.helm.sh/release-namespace\": must be set to \"dev\""
        );
        assert_eq!(
            ownership(&ours, "other", "dev").unwrap_err(),
            "invalid ownership metadata; annotation validation error: key \"meta.helm.sh/release-name\" must equal \"other\": current value is \"web\""
        );
        let kept = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
        assert!(is_kept(&kept, &ours) && !is_kept(&document, &ours));
    }
}
