//! Step: the Secret that is there (client required).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
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
        written_by_us: fields.iter().any(|entry| {
            entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply")
        }),
        managed,
        patch,
        type_: secret.type_.unwrap_or_else(|| "Opaque".to_owned()),
        immutable: secret.immutable == Some(true),
        labels: metadata.labels.unwrap_or_default(),
        annotations,
        data: secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0.into())).collect(),
    }
}
