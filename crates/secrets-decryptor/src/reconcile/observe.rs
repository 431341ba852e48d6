//! Step: the Secret that is there (client required).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{Api, Client};
use thiserror::Error;
use zeroize::Zeroizing;

use super::validate::Sealed;
use crate::FIELD_MANAGER;

/// Annotation of a Secret that SealedSecrets may take over.
const MANAGED_ANNOTATION: &str = "sealedsecrets.bitnami.com/managed";

/// Annotation of a Secret that SealedSecrets may add to.
const PATCH_ANNOTATION: &str = "sealedsecrets.bitnami.com/patch";

/// The Secret could not be read.
#[derive(Debug, Error)]
#[error("the Secret {namespace}/{name} could not be read")]
pub(crate) struct ObserveError {
    namespace: String,
    name: String,
    #[source]
    source: kube::Error,
}

/// A Secret of the SealedSecret's name, as far as it matters here.
pub(super) struct Existing {
    /// Version that was observed; a write is made for no other.
    pub(super) resource_version: String,
    /// Whether the SealedSecret (this one, by its uid) controls it.
    pub(super) controlled: bool,
    /// Whether this service has written it before.
    pub(super) written_by_us: bool,
    /// Its managed fields as they should be, when this service has created it and not yet booked that as an apply.
    pub(super) adopted: Option<Vec<ManagedFieldsEntry>>,
    /// Whether it is annotated to be taken over.
    pub(super) managed: bool,
    /// Whether it is annotated to be added to.
    pub(super) patch: bool,
    pub(super) type_: String,
    pub(super) immutable: bool,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) data: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

/// Reads the Secret that the SealedSecret is to become.
pub(super) async fn secret(client: &Client, sealed: &Sealed) -> Result<Option<Existing>, ObserveError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &sealed.namespace);
    let secret = api.get_opt(&sealed.name).await.map_err(|source| ObserveError {
        namespace: sealed.namespace.clone(),
        name: sealed.name.clone(),
        source,
    })?;
    Ok(secret.map(|secret| existing(secret, &sealed.uid)))
}

fn existing(secret: Secret, uid: &str) -> Existing {
    let metadata = secret.metadata;
    let annotations = metadata.annotations.unwrap_or_default();
    let says = |annotation: &str| annotations.get(annotation).map(String::as_str) == Some("true");
    let (managed, patch) = (says(MANAGED_ANNOTATION), says(PATCH_ANNOTATION));
    let owners = metadata.owner_references.unwrap_or_default();
    let fields = metadata.managed_fields.unwrap_or_default();
    Existing {
        resource_version: metadata.resource_version.unwrap_or_default(),
        controlled: owners.iter().any(|owner| owner.controller == Some(true) && owner.uid == uid),
        written_by_us: fields.iter().any(|entry| ours(entry, "Apply") || ours(entry, "Update")),
        adopted: adopted(&fields),
        managed,
        patch,
        type_: secret.type_.unwrap_or_else(|| "Opaque".to_owned()),
        immutable: secret.immutable == Some(true),
        labels: metadata.labels.unwrap_or_default(),
        annotations,
        data: secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0.into())).collect(),
    }
}

fn ours(entry: &ManagedFieldsEntry, operation: &str) -> bool {
    entry.manager.as_deref() == Some(FIELD_MANAGER)
        && entry.operation.as_deref() == Some(operation)
        && entry.subresource.is_none()
}

/// Managed fields in which the creation by this service counts as an apply; `None` when there is nothing to change.
pub(super) fn adopted(fields: &[ManagedFieldsEntry]) -> Option<Vec<ManagedFieldsEntry>> {
    if fields.iter().any(|entry| ours(entry, "Apply")) || !fields.iter().any(|entry| ours(entry, "Update")) {
        return None;
    }
    let adopt = |entry: &ManagedFieldsEntry| match ours(entry, "Update") {
        true => ManagedFieldsEntry { operation: Some("Apply".to_owned()), ..entry.clone() },
        false => entry.clone(),
    };
    Some(fields.iter().map(adopt).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creation_counts_as_an_apply() {
        let fields = |pairs: &[(&str, &str)]| -> Vec<ManagedFieldsEntry> {
            let entry = |(manager, operation): &(&str, &str)| ManagedFieldsEntry {
                manager: Some((*manager).to_owned()),
                operation: Some((*operation).to_owned()),
                ..ManagedFieldsEntry::default()
            };
            pairs.iter().map(entry).collect()
        };
        let check = |before: &[(&str, &str)], after: Option<&[(&str, &str)]>| {
            assert_eq!(adopted(&fields(before)), after.map(fields), "{before:?}");
        };
        check(&[], None);
        check(&[("kubectl", "Update")], None);
        check(&[(FIELD_MANAGER, "Apply")], None);
        check(&[(FIELD_MANAGER, "Apply"), (FIELD_MANAGER, "Update")], None);
        check(
            &[(FIELD_MANAGER, "Update"), ("kubectl", "Update")],
            Some(&[(FIELD_MANAGER, "Apply"), ("kubectl", "Update")]),
        );
    }
}
