//! The objects of a release in the cluster: checked for ownership, applied, deleted.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use helm_release::{History, ReleaseName, Status};
use kube_apply::{ApplyError, ApplyOptions, ObjectRef};

use super::ActError;
use crate::context::Context;
use crate::names::HELM_MANAGER;
use crate::objects::{Object, by_kind, is_kept, owned, owned_by_another, ownership, parse};

/// Requests of one release at the same time.
const AT_ONCE: usize = 8;
/// How long an object of the same name that is being deleted is waited for.
const DELETION: Duration = Duration::from_secs(30);
/// Field managers of Helm's own writers, whose fields a release takes over: helm 3 and 4, Flux's helm-controller and its Helm Operator.
const HELM_MANAGERS: [&str; 4] = ["helm", "Helm", "helm-controller", "helm-operator"];

/// An object and what is live of it.
pub(super) struct Checked {
    /// The object.
    pub(super) object: Object,
    /// Resource version of the live one.
    live: Option<String>,
}

/// The objects of the revisions that `revision` takes the place of, oldest first: those of the newest one that was deployed, and of
/// the failed ones after it, which may have created objects of their own.
pub(super) async fn earlier(
    context: &Context,
    namespace: &str,
    release: &ReleaseName,
    history: &History,
    revision: u32,
) -> Result<Vec<Vec<Object>>, ActError> {
    let before: Vec<_> = history.entries().iter().filter(|entry| entry.revision < revision).collect();
    let was_deployed = |status: &Status| matches!(status, Status::Deployed | Status::Superseded);
    let base = before.iter().rposition(|entry| was_deployed(&entry.status)).unwrap_or(0);
    let mut earlier = Vec::new();
    for entry in &before[base..] {
        let Some(stored) = context.store.get(namespace, release.as_str(), entry.revision).await? else {
            continue;
        };
        match parse(&stored.release.manifest) {
            Ok(objects) => earlier.push(objects),
            // Nothing can be derived from it, and it must not stop what comes after it.
            Err(error) => {
                tracing::warn!(%release, revision = entry.revision, "{}", service_kit::chain(&error))
            }
        }
    }
    Ok(earlier)
}

/// Reads every object live and refuses those that belong to somebody else, before anything is written. As Helm does, an object of an
/// earlier revision counts as the release's unless another release says that it is its own.
pub(super) async fn check(
    context: &Context,
    namespace: &str,
    release: &str,
    objects: Vec<Object>,
    earlier: &[Vec<Object>],
) -> Result<Vec<Checked>, ActError> {
    let checks = objects.into_iter().map(|object| async move {
        let mut live = match context.applier.get(&object.identity, namespace).await {
            // The kind may come with an object of the same release; what does not exist belongs to nobody.
            Err(ApplyError::UnknownKind { .. }) => None,
            other => other?,
        };
        if live.as_ref().is_some_and(|live| live.metadata.deletion_timestamp.is_some()) {
            live = context
                .applier
                .wait_until(&object.identity, namespace, DELETION, |live| live.is_none())
                .await?;
        }
        let Some(live) = live else { return Ok(Checked { object, live: None }) };
        let known = earlier.iter().flatten().any(|other| other.identity.same_object(&object.identity));
        if let Err(fault) = ownership(&live, release, namespace)
            && (!known || owned_by_another(&live, release, namespace))
        {
            let place = live.metadata.namespace.as_deref().unwrap_or_default();
            let object =
                format!("{} {:?} in namespace {place:?}", object.identity.kind, object.identity.name);
            return Err(ActError::NotOwned { object, fault });
        }
        Ok(Checked { object, live: live.metadata.resource_version })
    });
    stream::iter(checks).buffered(AT_ONCE).try_collect().await
}

/// Applies objects in their order, those of one kind at the same time.
pub(super) async fn apply(
    context: &Context,
    namespace: &str,
    release: &str,
    checked: Vec<Checked>,
) -> Result<(), ActError> {
    let mut checked = checked;
    while let Some(first) = checked.first() {
        let kind = first.object.identity.kind.clone();
        let end = checked.iter().position(|next| next.object.identity.kind != kind).unwrap_or(checked.len());
        let rest = checked.split_off(end);
        let work = checked.into_iter().map(|next| apply_one(context, namespace, release, next));
        // All of a kind are tried, so that one look finds all their faults' objects applied but the faulty.
        let results: Vec<Result<(), ActError>> = stream::iter(work).buffered(AT_ONCE).collect().await;
        results.into_iter().collect::<Result<(), _>>()?;
        checked = rest;
    }
    Ok(())
}

async fn apply_one(
    context: &Context,
    namespace: &str,
    release: &str,
    checked: Checked,
) -> Result<(), ActError> {
    let document = owned(&checked.object.document, release, namespace);
    let before = checked.live.as_deref();
    let how = ApplyOptions::new(HELM_MANAGER);
    let outcome = match context.applier.apply_over(&document, before, namespace, &how).await {
        Err(ApplyError::Conflict { managers, .. }) if managers.iter().all(|name| is_helm(name)) => {
            context.applier.apply_over(&document, before, namespace, &how.force(true)).await
        }
        other => other,
    };
    service_kit::failpoint!("apply.object");
    match outcome {
        Ok(applied) => {
            tracing::debug!(object = %checked.object.identity, change = ?applied.change, "applied");
            Ok(())
        }
        Err(ApplyError::Conflict { object, managers, fields }) => {
            Err(ActError::FieldOwned { object, fields: fields.join(", "), managers: managers.join(", ") })
        }
        Err(error) => Err(error.into()),
    }
}

fn is_helm(manager: &str) -> bool {
    HELM_MANAGERS.contains(&manager)
}

/// Deletes objects in the order given, except those that are to be kept, are not the release's any more, or are gone.
pub(super) async fn delete(
    context: &Context,
    namespace: &str,
    release: &str,
    objects: Vec<Object>,
) -> Result<(), ActError> {
    for kind in by_kind(&objects) {
        let kind = kind.to_vec();
        let work = kind.into_iter().map(|object| delete_one(context, namespace, release, object));
        let results: Vec<Result<(), ActError>> = stream::iter(work).buffered(AT_ONCE).collect().await;
        results.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}

async fn delete_one(
    context: &Context,
    namespace: &str,
    release: &str,
    object: Object,
) -> Result<(), ActError> {
    let identity: &ObjectRef = &object.identity;
    let live = match context.applier.get(identity, namespace).await {
        // A kind that is no longer served has no objects.
        Err(ApplyError::UnknownKind { .. }) | Ok(None) => return Ok(()),
        Ok(Some(live)) => live,
        Err(error) => return Err(error.into()),
    };
    if is_kept(&object.document, &live) {
        tracing::info!(object = %identity, "kept, as its helm.sh/resource-policy says");
        return Ok(());
    }
    if let Err(fault) = ownership(&live, release, namespace) {
        tracing::warn!(object = %identity, "not deleted, because it is no longer the release's: {fault}");
        return Ok(());
    }
    context.applier.delete(identity, live.metadata.uid.as_deref(), namespace).await?;
    service_kit::failpoint!("apply.delete");
    Ok(())
}
