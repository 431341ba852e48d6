//! Which object a document means.

use std::fmt;

use serde_json::Value;

use crate::ApplyError;

/// An object's identity as its manifest states it: API version, kind, namespace (if any) and name.
///
/// It prints as `Deployment dev/podinfo`, or `Namespace dev` without a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `v1`, `apps/v1`, …
    pub api_version: String,
    /// `ConfigMap`, `Deployment`, …
    pub kind: String,
    /// `None` for an object of the whole cluster, or where the manifest leaves the namespace to its reader.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl ObjectRef {
    /// Reads the identity of a document.
    ///
    /// # Errors
    /// [`ApplyError::Malformed`], naming the field, when the document is not a map or `apiVersion`, `kind` or
    /// `metadata.name` is missing or not a string. Server-side apply needs a name, so `generateName` is refused.
    pub fn of(object: &Value) -> Result<Self, ApplyError> {
        let api_version = required(object, "/apiVersion", "apiVersion")?;
        let kind = required(object, "/kind", "kind")?;
        let name = match required(object, "/metadata/name", "metadata.name") {
            Err(_) if object.pointer("/metadata/generateName").is_some() => {
                return Err(malformed(
                    object,
                    "metadata.generateName",
                    "cannot be applied; give metadata.name",
                ));
            }
            other => other?,
        };
        let namespace = match object.pointer("/metadata/namespace") {
            None | Some(Value::Null) => None,
            Some(Value::String(namespace)) if namespace.is_empty() => None,
            Some(Value::String(namespace)) => Some(namespace.clone()),
            Some(_) => return Err(malformed(object, "metadata.namespace", "must be a string")),
        };
        Ok(Self { api_version, kind, namespace, name })
    }

    /// The API group; empty for the core group (`v1`).
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version inside the group.
    pub fn version(&self) -> &str {
        self.api_version.split_once('/').map_or(self.api_version.as_str(), |(_, version)| version)
    }

    /// Whether both are the same kind of object in the same place, in whatever version of the API.
    pub fn same_object(&self, other: &Self) -> bool {
        self.group() == other.group()
            && self.kind == other.kind
            && self.namespace == other.namespace
            && self.name == other.name
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {}/{}", self.kind, namespace, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

fn required(object: &Value, pointer: &str, field: &'static str) -> Result<String, ApplyError> {
    match object.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null) | Some(Value::String(_)) => Err(malformed(object, field, "is missing")),
        Some(_) => Err(malformed(object, field, "must be a string; put it in quotes")),
    }
}

fn malformed(object: &Value, field: &'static str, problem: &'static str) -> ApplyError {
    ApplyError::Malformed { object: describe(object), field, problem }
}

/// As much of the identity as a broken document still gives away.
pub(crate) fn describe(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    match (text("/kind"), text("/metadata/name")) {
        (Some(kind), Some(name)) => match text("/metadata/namespace") {
            Some(namespace) => format!("{kind} {namespace}/{name}"),
            None => format!("{kind} {name}"),
        },
        (Some(kind), None) => format!("a {kind} with no name"),
        (None, Some(name)) => format!("an object {name:?} of no kind"),
        (None, None) => "a document that is no Kubernetes object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identity_and_what_is_wrong_with_it() {
        let rows = [
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "dev"}}),
                "Deployment dev/a",
            ),
            (json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}}), "Namespace dev"),
            (json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": ""}}), "Pod a"),
            (json!({"kind": "Pod", "metadata": {"name": "a"}}), "Pod a: the field apiVersion is missing"),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-"}}),
                "a Pod with no name: the field metadata.generateName cannot be applied; give metadata.name",
            ),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 7}}),
                "a Pod with no name: the field metadata.name must be a string; put it in quotes",
            ),
            (json!(["a"]), "a document that is no Kubernetes object: the field apiVersion is missing"),
        ];
        for (object, expected) in rows {
            let actual = match ObjectRef::of(&object) {
                Ok(identity) => identity.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(actual, expected, "{object}");
        }
    }

    #[test]
    fn another_version_is_the_same_object() {
        let of = |api_version: &str| ObjectRef {
            api_version: api_version.into(),
            kind: "HorizontalPodAutoscaler".into(),
            namespace: Some("dev".into()),
            name: "a".into(),
        };
        assert!(of("autoscaling/v1").same_object(&of("autoscaling/v2")));
        assert!(!of("autoscaling/v1").same_object(&of("example.org/v1")));
        assert_eq!((of("v1").group(), of("v1").version()), ("", "v1"));
    }
}
