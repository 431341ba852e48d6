//! A FluxHelmRelease that is being deleted: its release is purged only when that one object was meant.
//!
//! A release is the object's own when it was made for it or adopted by it, never by its name alone.
//! Both the CRD and the namespace are read live. If either is going away, the finalizer is dropped and nothing is purged; if either
//! cannot be read, neither is done and it is tried again; otherwise the one release is purged.

use std::time::Duration;

use crds::DeletionPolicy;
use kube::core::Resource as _;

use super::Next;
use super::act::{self, ActError, Actor, Purged, Waiting};
use super::report::{Report, Verdict};
use super::validate::{self, Identity, Object};
use crate::cluster::Presence;
use crate::context::Context;

/// What a deletion means for the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// That release is to go.
    Purge,
    /// Everything around it goes, and the release stays as it is.
    Leave,
}

/// Only when both stay was this one object meant. Pure.
fn meaning(crd: Presence, namespace: Presence) -> Meaning {
    match (crd, namespace) {
        (Presence::Present, Presence::Present) => Meaning::Purge,
        _ => Meaning::Leave,
    }
}

pub(super) async fn delete(object: &Object, context: &Context) -> (Report, Next) {
    let metadata = object.meta();
    if !validate::has_finalizer(metadata) {
        return (Report::default(), Next::Gone);
    }
    let identity = Identity::of(metadata);
    let outcome = match purge_if_meant(object, context, &identity).await {
        Ok(None) => {
            service_kit::failpoint!("purge.before-finalizer");
            let finalizers = metadata.finalizers.clone().unwrap_or_default();
            let version = metadata.resource_version.as_deref();
            let dropped = context.cluster.set_finalizer(&identity, version, &finalizers, false).await;
            dropped.map_err(ActError::from)
        }
        Ok(Some(waiting)) => {
            let message = format!("the release is being purged: {}", waiting.message);
            let report = Report::reconciling(Verdict::new(Some(false), "Purging", message));
            return (
                Report { observed: true, ..report },
                Next::After(waiting.left.min(waiting.poll).min(POLL)),
            );
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => (Report::default(), Next::Gone),
        Err(error) => {
            let message = format!("the release is not purged yet: {}", service_kit::chain(&error));
            tracing::warn!(object = ?identity.key(), "{message}");
            let report = Report::reconciling(Verdict::new(Some(false), "PurgeFailed", message));
            (Report { observed: true, ..report }, Next::Retry)
        }
    }
}

/// How soon a hook that a purge waits for is looked at again.
const POLL: Duration = Duration::from_secs(2);

/// Purges the release if that is what the deletion means. What the purge waits for, if it has not ended.
async fn purge_if_meant(
    object: &Object,
    context: &Context,
    identity: &Identity,
) -> Result<Option<Waiting>, ActError> {
    let meaning =
        meaning(context.cluster.crd().await?, context.cluster.namespace(&identity.namespace).await?);
    // An object that cannot be decoded names no release; what was installed for it stays.
    let Ok(decoded) = &object.0 else { return Ok(None) };
    let Some((namespace, release)) = validate::release_of(decoded) else { return Ok(None) };
    if meaning == Meaning::Leave {
        tracing::info!(%release, "not purged: the CRD or the namespace is being deleted");
        return Ok(None);
    }
    if decoded.spec.deletion_policy == Some(DeletionPolicy::Orphan) {
        tracing::info!(%release, "not purged, as spec.deletionPolicy says");
        return Ok(None);
    }
    if let Err(error) = context.catalog.claim(decoded, &namespace, &release) {
        tracing::info!(%release, "not purged: {error}");
        return Ok(None);
    }
    let records = context.store.records(&namespace, release.as_str()).await?;
    if !validate::owns(decoded, &namespace, &release, &records) {
        tracing::info!(%release, "not purged: it was neither made for this object nor adopted by it");
        return Ok(None);
    }
    let subject = validate::subject(object).ok();
    let actor = Actor {
        namespace,
        release: release.clone(),
        ..match &subject {
            Some(subject) => Actor::new(context, subject),
            // What was installed for an object that is invalid by now goes by the operator's own rights and defaults.
            None => Actor::bare(context, identity, release.clone()),
        }
    };
    match act::purge(&actor).await? {
        Purged::Waiting(waiting) => return Ok(Some(waiting)),
        Purged::Nothing => {}
        Purged::Gone => {
            tracing::info!(%release, "purged");
            context.cluster.publish(identity, false, "Purged", format!("release {release} was purged")).await;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_deletion_of_that_object_purges() {
        use Presence::{Leaving, Present};
        assert_eq!(meaning(Present, Present), Meaning::Purge);
        for (crd, namespace) in [(Leaving, Present), (Present, Leaving), (Leaving, Leaving)] {
            assert_eq!(meaning(crd, namespace), Meaning::Leave);
        }
    }
}
