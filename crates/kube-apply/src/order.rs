//! In which order objects are applied.

use crate::ObjectRef;

/// Splits objects (given by their identities) into phases, each to be applied before the next: namespaces and CRDs,
/// then what others refer to (accounts, rights, configuration, storage), then all the rest, and last what can refuse or
/// redirect requests (admission webhooks, aggregated APIs). Inside a phase the order given is kept.
///
/// Returns indices into `objects`; empty phases are left out.
pub fn phases(objects: &[ObjectRef]) -> Vec<Vec<usize>> {
    let mut phases = vec![Vec::new(); 4];
    for (index, object) in objects.iter().enumerate() {
        phases[phase(object)].push(index);
    }
    phases.retain(|phase| !phase.is_empty());
    phases
}

/// Whether the object is a CustomResourceDefinition.
pub(crate) fn is_crd(object: &ObjectRef) -> bool {
    object.kind == "CustomResourceDefinition" && object.group() == "apiextensions.k8s.io"
}

fn phase(object: &ObjectRef) -> usize {
    match (object.group(), object.kind.as_str()) {
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => 0,
        (
            "",
            "ServiceAccount" | "Secret" | "ConfigMap" | "ResourceQuota" | "LimitRange" | "PersistentVolume",
        )
        | ("rbac.authorization.k8s.io" | "scheduling.k8s.io" | "storage.k8s.io" | "networking.k8s.io", _) => {
            1
        }
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_and_namespaces_come_first_and_webhooks_last() {
        let objects = [
            ("apps/v1", "Deployment"),
            ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
            ("v1", "ConfigMap"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            ("example.org/v1", "Namespace"),
            ("v1", "Namespace"),
        ]
        .map(|(api_version, kind)| ObjectRef {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: None,
            name: "a".into(),
        });
        assert_eq!(phases(&objects), [vec![3, 5], vec![2], vec![0, 4], vec![1]]);
        assert!(phases(&[]).is_empty());
    }
}
