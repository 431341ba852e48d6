//! Step: from the resource to what is to be opened, or everything that is wrong with it. Pure.

use std::collections::BTreeMap;

use crds::SealedSecret;
use sealing::{Scope, SealedItems};
use thiserror::Error;

/// Template annotation that asks for a Secret without an owner, which outlives its SealedSecret.
const SKIP_OWNER_ANNOTATION: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";

/// A SealedSecret whose form is right; whether it opens is another question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sealed {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Empty for an object that is not from the API server.
    pub(crate) uid: String,
    pub(crate) scope: Scope,
    /// `spec.encryptedData`.
    pub(crate) items: BTreeMap<String, String>,
    /// Namespace and name in the template's metadata: what kubeseal sealed for.
    pub(crate) recorded: Option<(String, String)>,
    pub(crate) shape: Shape,
}

/// What the Secret looks like apart from its data.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shape {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// `None` leaves it to the API server, which says `Opaque`.
    pub(crate) type_: Option<String>,
    pub(crate) immutable: Option<bool>,
    /// Whether the Secret is owned by the SealedSecret and goes with it.
    pub(crate) owned: bool,
}

/// Something in the object that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("metadata.name is missing")]
    NoName,
    #[error("metadata.namespace is missing")]
    NoNamespace,
    #[error(
        "spec.data is the form of sealed-secrets before v0.8 and not supported; seal the Secret again with a current \
         kubeseal, which writes spec.encryptedData"
    )]
    LegacyData,
    #[error(
        "spec.template.data is not supported; move its values into the Secret that you seal, or into a ConfigMap"
    )]
    TemplateData,
}

/// Every fault in one sentence.
pub(crate) fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads a SealedSecret.
///
/// # Errors
/// Every fault, not only the first.
pub(crate) fn validate(object: &SealedSecret) -> Result<Sealed, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut required = |field: &Option<String>, fault: Fault| match field {
        Some(text) if !text.is_empty() => text.clone(),
        _ => {
            faults.push(fault);
            String::new()
        }
    };
    let name = required(&object.metadata.name, Fault::NoName);
    let namespace = required(&object.metadata.namespace, Fault::NoNamespace);
    if object.spec.data.as_ref().is_some_and(|data| !data.is_empty()) {
        faults.push(Fault::LegacyData);
    }
    let template = object.spec.template.clone().unwrap_or_default();
    if template.data.is_some_and(|data| !data.is_empty()) {
        faults.push(Fault::TemplateData);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let annotations = object.metadata.annotations.as_ref();
    let metadata = template.metadata.unwrap_or_default();
    let template_annotations = metadata.annotations.unwrap_or_default();
    Ok(Sealed {
        namespace,
        name,
        uid: object.metadata.uid.clone().unwrap_or_default(),
        scope: Scope::from_annotations(|name| annotations?.get(name).map(String::as_str)),
        items: object.spec.encrypted_data.clone(),
        recorded: metadata.namespace.zip(metadata.name),
        shape: Shape {
            labels: metadata.labels.unwrap_or_default(),
            type_: template.type_.filter(|type_| !type_.is_empty()),
            immutable: template.immutable,
            owned: template_annotations.get(SKIP_OWNER_ANNOTATION).map(String::as_str) != Some("true"),
            annotations: template_annotations,
        },
    })
}

impl Sealed {
    /// What to open.
    pub(crate) fn request(&self) -> SealedItems<'_> {
        SealedItems {
            scope: self.scope,
            namespace: &self.namespace,
            name: &self.name,
            recorded: self.recorded.as_ref().map(|(namespace, name)| (namespace.as_str(), name.as_str())),
            items: &self.items,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(metadata: Value, spec: Value) -> Result<Sealed, Vec<Fault>> {
        let object = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": metadata, "spec": spec,
        });
        validate(&serde_json::from_value(object).expect("a SealedSecret"))
    }

    #[test]
    fn faults_are_all_listed() {
        let check = |metadata: Value, spec: Value, expected: &[Fault]| {
            assert_eq!(read(metadata, spec).err().unwrap_or_default(), expected);
        };
        let named = json!({"name": "basic-auth", "namespace": "dev"});
        check(named.clone(), json!({}), &[]);
        check(named.clone(), json!({"data": "", "template": {"data": {}}}), &[]);
        check(json!({"name": "basic-auth"}), json!({}), &[Fault::NoNamespace]);
        check(
            json!({"namespace": ""}),
            json!({"data": "AgA", "template": {"data": {"a": "b"}}}),
            &[Fault::NoName, Fault::NoNamespace, Fault::LegacyData, Fault::TemplateData],
        );
        check(named, json!({"data": "AgA"}), &[Fault::LegacyData]);
    }

    /// CVE-2026-22728: a scope in the template is no scope.
    #[test]
    fn scope_is_the_objects_own() {
        let wide = json!({"sealedsecrets.bitnami.com/cluster-wide": "true"});
        let template = json!({"template": {"metadata": {"annotations": wide}}});
        let strict = read(json!({"name": "a", "namespace": "b"}), template).expect("valid");
        assert_eq!(strict.scope, Scope::Strict);
        assert_eq!(strict.shape.annotations.len(), 1);
        let object = json!({"name": "a", "namespace": "b", "annotations": wide});
        assert_eq!(read(object, json!({})).expect("valid").scope, Scope::ClusterWide);
    }

    #[test]
    fn the_template_gives_the_shape() {
        let spec = json!({
            "encryptedData": {"k": "AgA"},
            "template": {
                "metadata": {
                    "name": "x", "namespace": "y", "labels": {"app": "podinfo"},
                    "annotations": {"sealedsecrets.bitnami.com/skip-set-owner-references": "true"},
                },
                "type": "kubernetes.io/basic-auth",
                "immutable": true,
            },
        });
        let sealed = read(json!({"name": "a", "namespace": "b", "uid": "u"}), spec).expect("valid");
        assert_eq!((sealed.name.as_str(), sealed.namespace.as_str(), sealed.uid.as_str()), ("a", "b", "u"));
        assert_eq!(sealed.recorded, Some(("y".to_owned(), "x".to_owned())));
        assert_eq!(sealed.shape.labels["app"], "podinfo");
        assert_eq!(sealed.shape.type_.as_deref(), Some("kubernetes.io/basic-auth"));
        assert_eq!(sealed.shape.immutable, Some(true));
        assert!(!sealed.shape.owned);
        let plain =
            read(json!({"name": "a", "namespace": "b"}), json!({"template": {"type": ""}})).expect("valid");
        assert_eq!(plain.shape, Shape { owned: true, ..Shape::default() });
    }
}
