//! The objects of a release in the cluster: checked for ownership, applied, deleted.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::DynamicObject;
use kube_apply::drift::{Stated, states};
use kube_apply::{ApplyError, ApplyOptions, ObjectRef, has_readiness};

use super::complete::Earlier;
use super::{ActError, Actor};
use crate::names::HELM_MANAGER;
use crate::objects::{Object, by_kind, in_namespace_of, is_kept, owned, owned_by_another, ownership};
use crate::reconcile::health::Look;

/// Requests of one release at the same time.
pub const AT_ONCE: usize = 8;
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
    /// The live one, if an apply would change nothing.
    applied: Option<Box<DynamicObject>>,
    /// The live one, and its field owners as they are to be before it is applied: fields of Helm's other writers are taken over, so
    /// that those which have left the chart leave the object.
    taken_over: Option<Box<(DynamicObject, Vec<ManagedFieldsEntry>)>>,
}

/// Reads every object live and refuses those that belong to somebody else, before anything is written. As Helm does, an object of an
/// earlier revision counts as the release's unless another release says that it is its own.
pub(super) async fn check(
    actor: &Actor<'_>,
    objects: Vec<Object>,
    earlier: &[Earlier],
) -> Result<Vec<Checked>, ActError> {
    let (namespace, release) = (actor.namespace.as_str(), actor.name());
    let checks = objects.into_iter().map(|object| async move {
        let mut live = match actor.applier.get(&object.identity, namespace).await {
            // The kind may come with an object of the same release; what does not exist belongs to nobody.
            Err(ApplyError::UnknownKind { .. }) => None,
            other => other?,
        };
        if live.as_ref().is_some_and(|live| live.metadata.deletion_timestamp.is_some()) {
            live = actor
                .applier
                .wait_until(&object.identity, namespace, DELETION, |live| live.is_none())
                .await?;
        }
        let Some(live) = live else {
            return Ok(Checked { object, live: None, applied: None, taken_over: None });
        };
        let known = earlier
            .iter()
            .flat_map(|earlier| &earlier.objects)
            .any(|other| other.identity.same_object(&object.identity));
        if let Err(fault) = ownership(&live, release, namespace)
            && (!known || owned_by_another(&live, release, namespace))
        {
            let place = live.metadata.namespace.as_deref().unwrap_or_default();
            let object =
                format!("{} {:?} in namespace {place:?}", object.identity.kind, object.identity.name);
            return Err(ActError::NotOwned { object, fault });
        }
        let owners = live.metadata.managed_fields.as_deref().unwrap_or_default();
        let owners = kube_apply::taken_over(owners, &HELM_MANAGERS, HELM_MANAGER);
        let version = live.metadata.resource_version.clone();
        let is_applied = owners.is_none() && is_applied(&object, &live, release, namespace);
        let (applied, taken_over) = match owners {
            Some(owners) => (None, Some(Box::new((live, owners)))),
            None => (is_applied.then(|| Box::new(live)), None),
        };
        Ok(Checked { object, live: version, applied, taken_over })
    });
    stream::iter(checks).buffered(AT_ONCE).try_collect().await
}

/// Whether the live object shows that applying would change nothing, so that the request can be saved.
fn is_applied(object: &Object, live: &DynamicObject, release: &str, namespace: &str) -> bool {
    let Ok(live) = serde_json::to_value(live) else { return false };
    let document = in_namespace_of(owned(&object.document, release, namespace), &live);
    states(&document, &live, HELM_MANAGER) == Stated::Equal
}

/// Applies objects in their order, those of one kind at the same time. How far those have come that have readiness, as the applies answered.
pub(super) async fn apply(actor: &Actor<'_>, checked: Vec<Checked>) -> Result<Vec<Look>, ActError> {
    let (mut checked, mut looks) = (checked, Vec::new());
    while let Some(first) = checked.first() {
        let kind = first.object.identity.kind.clone();
        let end = checked.iter().position(|next| next.object.identity.kind != kind).unwrap_or(checked.len());
        let rest = checked.split_off(end);
        let work = checked.into_iter().map(|next| apply_one(actor, next));
        // All of a kind are tried, so that one look finds all their faults' objects applied but the faulty.
        let results: Vec<Result<Option<Look>, ActError>> =
            stream::iter(work).buffered(AT_ONCE).collect().await;
        for look in results {
            looks.extend(look?);
        }
        checked = rest;
    }
    Ok(looks)
}

/// Applies objects of the deployed revision again that somebody else changed or deleted; ownership is checked first.
///
/// # Errors
/// [`ActError`].
pub async fn apply_again(actor: &Actor<'_>, objects: Vec<Object>) -> Result<(), ActError> {
    let earlier = [Earlier { objects: objects.clone(), stored: None }];
    let checked = check(actor, objects, &earlier).await?;
    apply(actor, checked).await.map(drop)
}

async fn apply_one(actor: &Actor<'_>, checked: Checked) -> Result<Option<Look>, ActError> {
    let namespace = actor.namespace.as_str();
    let has_readiness = has_readiness(&checked.object.identity);
    let look = |object, live: DynamicObject| {
        // What the API server tells of this very write is no news.
        actor.context.memory.sees(&actor.key, &live.metadata);
        has_readiness.then(|| Look::at(object, Some(live), namespace))
    };
    if let Some(live) = checked.applied {
        tracing::debug!(object = %checked.object.identity, "it is applied already");
        service_kit::failpoint!("apply.object");
        return Ok(look(checked.object, *live));
    }
    let document = owned(&checked.object.document, actor.name(), namespace);
    let mut version = checked.live;
    if let Some(taken) = checked.taken_over {
        let (live, owners) = *taken;
        version =
            actor.applier.set_managed_fields(&live, &owners, &checked.object.identity, namespace).await?;
        service_kit::failpoint!("apply.after-take-over");
    }
    let before = version.as_deref();
    let how = ApplyOptions::new(HELM_MANAGER).force(actor.force);
    let outcome = match actor.applier.apply_over(&document, before, namespace, &how).await {
        Err(ApplyError::Conflict { managers, .. }) if managers.iter().all(|name| is_helm(name)) => {
            actor.applier.apply_over(&document, before, namespace, &how.force(true)).await
        }
        other => other,
    };
    service_kit::failpoint!("apply.object");
    match outcome {
        Ok(applied) => {
            tracing::debug!(object = %checked.object.identity, change = ?applied.change, "applied");
            Ok(look(checked.object, applied.live))
        }
        Err(ApplyError::Conflict { object, managers, fields }) => {
            Err(ActError::FieldOwned { object, fields: fields.join(", "), managers: managers.join(", ") })
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the field manager is one of Helm's own writers.
pub fn is_helm(manager: &str) -> bool {
    HELM_MANAGERS.contains(&manager)
}

/// Deletes objects in the order given, except those that are to be kept, are not the release's any more, or are gone.
pub(super) async fn delete(actor: &Actor<'_>, objects: Vec<Object>) -> Result<(), ActError> {
    for kind in by_kind(&objects) {
        let kind = kind.to_vec();
        let work = kind.into_iter().map(|object| delete_one(actor, object));
        let results: Vec<Result<(), ActError>> = stream::iter(work).buffered(AT_ONCE).collect().await;
        results.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}

async fn delete_one(actor: &Actor<'_>, object: Object) -> Result<(), ActError> {
    let namespace = actor.namespace.as_str();
    let identity: &ObjectRef = &object.identity;
    let live = match actor.applier.get(identity, namespace).await {
        // A kind that is no longer served has no objects.
        Err(ApplyError::UnknownKind { .. }) | Ok(None) => return Ok(()),
        Ok(Some(live)) => live,
        Err(error) => return Err(error.into()),
    };
    if is_kept(&object.document, &live) {
        tracing::info!(object = %identity, "kept, as its helm.sh/resource-policy says");
        return Ok(());
    }
    if let Err(fault) = ownership(&live, actor.name(), namespace) {
        tracing::warn!(object = %identity, "not deleted, because it is no longer the release's: {fault}");
        return Ok(());
    }
    actor.applier.delete(identity, live.metadata.uid.as_deref(), namespace).await?;
    service_kit::failpoint!("apply.delete");
    Ok(())
}
