//! Step: opens the items, and writes the Secret by server-side apply (client required).
//!
//! A Secret that was observed is written only in the version that was observed. One that was not there is created, which
//! fails when somebody else has created it since: server-side apply has no such condition, and would overwrite theirs.
//! The API server books a creation as an update by the field manager; it is then booked as what it stands for, an apply, so
//! that what a later apply no longer states goes away.

use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource as _};
use sealing::{UnsealError, Unsealed};
use serde_json::{Map, Value, json};
use service_kit::failpoint;
use thiserror::Error;

use super::decide::{Plan, Values};
use super::observe::{Existing, adopted};
use super::validate::Sealed;
use crate::FIELD_MANAGER;
use crate::keys::KeySet;

/// Why the Secret was not written.
#[derive(Debug, Error)]
pub(crate) enum ActError {
    /// Opening the items was interrupted.
    #[error("opening the items was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
    /// The API server refused the Secret.
    #[error("the Secret was refused: {message}")]
    Refused {
        /// The API server's words.
        message: String,
        /// Its HTTP status.
        code: u16,
    },
    /// The API server was not reached.
    #[error("the Secret could not be written")]
    Unreached(#[source] kube::Error),
}

impl ActError {
    /// Whether the same write may succeed later. Not when the API server has judged its content.
    pub(super) fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused { code: 400 | 413 | 422, .. })
    }

    /// Whether the Secret is no longer the one that was observed.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, .. })
    }
}

impl From<kube::Error> for ActError {
    fn from(error: kube::Error) -> Self {
        match error {
            // kube's own text repeats the message and adds the debug form of the whole status.
            kube::Error::Api(status) => Self::Refused { message: status.message, code: status.code },
            other => Self::Unreached(other),
        }
    }
}

/// Opens every item, away from the async threads.
pub(crate) async fn unseal(
    keys: Arc<KeySet>,
    sealed: Arc<Sealed>,
) -> Result<Result<Unsealed, UnsealError>, ActError> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(|| keys.keyring.unseal(&sealed.request())))
        .await
        .map_err(ActError::Interrupted)
}

/// Writes the Secret as planned.
pub(super) async fn apply(
    client: &Client,
    sealed: &Sealed,
    values: &Values<'_>,
    existing: Option<&Existing>,
    plan: &Plan,
) -> Result<(), ActError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &sealed.namespace);
    let Some(existing) = existing else {
        return create(&api, sealed, &secret(sealed, values, None, plan)).await;
    };
    let version = match &existing.adopted {
        // Created by a process that was killed before it could say so.
        Some(fields) => adopt(&api, sealed, &existing.resource_version, fields).await?,
        None => existing.resource_version.clone(),
    };
    let wanted = secret(sealed, values, Some(version), plan);
    // Force: the fields are ours by ownership or by annotation, and an edit by hand is to be put right.
    let applied =
        api.patch(&sealed.name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&wanted)).await?;
    if plan.stale.is_empty() {
        return Ok(());
    }
    // Apply leaves other managers' keys in place; those of a Secret that is wholly ours go by name.
    let nulls: Map<String, Value> = plan.stale.iter().map(|key| (key.clone(), Value::Null)).collect();
    let prune = json!({"metadata": {"resourceVersion": applied.metadata.resource_version}, "data": nulls});
    api.patch(&sealed.name, &merging(), &Patch::Merge(prune)).await?;
    Ok(())
}

/// Creates the Secret, provided that there still is none.
async fn create(api: &Api<Secret>, sealed: &Sealed, wanted: &Secret) -> Result<(), ActError> {
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let created = api.create(&params, wanted).await?;
    failpoint!("unseal.after-create");
    let version = created.metadata.resource_version.unwrap_or_default();
    if let Some(fields) = adopted(created.metadata.managed_fields.as_deref().unwrap_or_default()) {
        adopt(api, sealed, &version, &fields).await?;
    }
    Ok(())
}

/// Replaces the managed fields of the version given (`kubectl` does the same when it goes over to server-side apply). Returns the
/// new version.
async fn adopt(
    api: &Api<Secret>,
    sealed: &Sealed,
    version: &str,
    fields: &[ManagedFieldsEntry],
) -> Result<String, ActError> {
    let patch = json!({"metadata": {"resourceVersion": version, "managedFields": fields}});
    let patched = api.patch(&sealed.name, &merging(), &Patch::Merge(patch)).await?;
    Ok(patched.metadata.resource_version.unwrap_or_default())
}

fn merging() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

fn secret(sealed: &Sealed, values: &Values<'_>, version: Option<String>, plan: &Plan) -> Secret {
    let shape = &sealed.shape;
    Secret {
        metadata: ObjectMeta {
            name: Some(sealed.name.clone()),
            namespace: Some(sealed.namespace.clone()),
            labels: (!shape.labels.is_empty()).then(|| shape.labels.clone()),
            annotations: (!shape.annotations.is_empty()).then(|| shape.annotations.clone()),
            owner_references: plan.own.then(|| vec![owner(sealed)]),
            resource_version: version,
            ..ObjectMeta::default()
        },
        type_: shape.type_.clone().filter(|_| plan.whole),
        immutable: shape.immutable.filter(|_| plan.whole),
        data: Some(
            values.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec()))).collect(),
        ),
        string_data: None,
    }
}

/// As the original sets it: the controller, and no blockOwnerDeletion.
fn owner(sealed: &Sealed) -> OwnerReference {
    OwnerReference {
        api_version: crds::SealedSecret::api_version(&()).into_owned(),
        kind: crds::SealedSecret::kind(&()).into_owned(),
        name: sealed.name.clone(),
        uid: sealed.uid.clone(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}
