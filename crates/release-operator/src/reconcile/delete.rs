//! A FluxHelmRelease that is being deleted: its release is purged only when that one object was meant.
//!
//! A release is the object's own when it was made for it or adopted by it, never by its name alone.
//! Both the CRD and the namespace are read live. If either is going away, the finalizer is dropped and nothing is purged; if either
//! cannot be read, neither is done and it is tried again; otherwise the one release is purged.

use kube::core::Resource as _;

use super::act::{ActError, purge};
use super::report::{Report, Verdict};
use super::validate::{self, Identity, Object};
use super::{Next, typed};
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
        Ok(()) => {
            service_kit::failpoint!("purge.before-finalizer");
            let finalizers = metadata.finalizers.clone().unwrap_or_default();
            let version = metadata.resource_version.as_deref();
            context
                .cluster
                .set_finalizer(&identity, version, &finalizers, false)
                .await
                .map_err(ActError::from)
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => (Report::default(), Next::Gone),
        Err(error) => {
            let message = format!("the release is not purged yet: {}", service_kit::chain(&error));
            tracing::warn!(object = ?identity.key(), "{message}");
            let ready = Some(Verdict::new(Some(false), "PurgeFailed", message));
            (Report { ready, observed: true, ..Report::default() }, Next::Retry)
        }
    }
}

async fn purge_if_meant(object: &Object, context: &Context, identity: &Identity) -> Result<(), ActError> {
    let meaning =
        meaning(context.cluster.crd().await?, context.cluster.namespace(&identity.namespace).await?);
    // An object that cannot be decoded names no release; what was installed for it stays.
    let Ok(decoded) = &object.0 else { return Ok(()) };
    let Some(release) = validate::release_of(decoded) else { return Ok(()) };
    if meaning == Meaning::Leave {
        tracing::info!(%release, "not purged: the CRD or the namespace is being deleted");
        return Ok(());
    }
    let all = context.objects.state();
    if let Err(error) = validate::claim(object.meta(), &release, typed(&all)) {
        tracing::info!(%release, "not purged: {error}");
        return Ok(());
    }
    let records = context.store.records(&identity.namespace, release.as_str()).await?;
    if !validate::owns(decoded, &release, &records) {
        tracing::info!(%release, "not purged: it was neither made for this object nor adopted by it");
        return Ok(());
    }
    if purge(context, &identity.namespace, &release).await? {
        tracing::info!(%release, "purged");
        context.cluster.publish(identity, false, "Purged", format!("release {release} was purged")).await;
    }
    Ok(())
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
