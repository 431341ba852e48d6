//! Purging a release: hooks, objects, hooks, records, in this order, so that a purge which is cut off finds its way again by the
//! records that are left.

use helm_engine::{KindOrder, sort_by_kind};
use helm_release::{HookEvent, Status};

use super::complete::earlier_revisions;
use super::{ActError, Actor, Waiting, hooks, objects};
use crate::names::PURGE_LABEL;
use crate::objects::left_over;
use crate::store::StoreError;

/// What became of a purge.
#[derive(Debug)]
pub enum Purged {
    /// There was nothing.
    Nothing,
    /// The release is gone.
    Gone,
    /// It waits for a hook.
    Waiting(Waiting),
}

/// Purges one release. Nothing there is nothing to do.
///
/// # Errors
/// [`ActError`]; whatever was done stays done, and the next call goes on.
pub async fn purge(actor: &Actor<'_>) -> Result<Purged, ActError> {
    let (context, namespace, release) = (actor.context, actor.namespace.as_str(), &actor.release);
    // Listed now: what is forgotten here would stay for ever.
    let history = context.store.history(namespace, release.as_str()).await?;
    let Some(last) = history.last() else { return Ok(Purged::Nothing) };
    let Some(mut newest) = context.store.get(namespace, release.as_str(), last.revision).await? else {
        // Gone since the list: whoever took it away, the objects of the others are still there. They are listed anew.
        let (release, revision) = (release.to_string(), last.revision);
        return Err(StoreError::Taken { release, revision }.into());
    };
    if newest.release.info.status != Status::Uninstalling {
        // Helm's own words, and its way to tell others that the release is going.
        newest.release.set_status(Status::Uninstalling, "Deletion in progress (or silently failed)");
        // Hooks of a release count from the operation that runs them.
        newest.release.info.last_deployed = Some(jiff::Timestamp::now().into());
        newest.release.info.deleted = Some(jiff::Timestamp::now().into());
        newest.release.labels.insert(PURGE_LABEL.to_owned(), "begun".to_owned());
        crate::record::hold(&mut newest.release, &context.holder());
        context.store.update(&mut newest, jiff::Timestamp::now()).await?;
        service_kit::failpoint!("purge.after-mark");
    }
    if actor.hooks
        && let Some(waiting) = hooks::run(actor, &mut newest, &HookEvent::PreDelete).await?
    {
        return Ok(Purged::Waiting(waiting));
    }
    let everything = earlier_revisions(actor, &history, u32::MAX, Some(newest.clone())).await?;
    let everything = everything.into_iter().map(|earlier| earlier.objects).collect();
    let mut all = left_over(everything, &[]);
    sort_by_kind(&mut all, KindOrder::Uninstall, |object| &object.identity.kind);
    objects::delete(actor, all).await?;
    service_kit::failpoint!("purge.after-objects");
    if actor.hooks
        && let Some(waiting) = hooks::run(actor, &mut newest, &HookEvent::PostDelete).await?
    {
        return Ok(Purged::Waiting(waiting));
    }
    // The newest goes last: with it the purge can be begun anew.
    for entry in history.entries() {
        context.store.delete(namespace, release, entry.revision).await?;
        service_kit::failpoint!("purge.record");
    }
    context.memory.ended(&actor.key);
    Ok(Purged::Gone)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use helm_release::ReleaseName;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_newest_record_that_is_gone_since_the_list_takes_no_other_with_it() {
        let client = crate::api_server::client(|method, path| {
            assert_eq!(method, "GET", "{path}");
            if !path.contains("labelSelector=") {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                    "code": 404, "message": "not found"});
                return (404, status);
            }
            let secret = |revision: &str, status: &str| {
                let labels = json!({"owner": "helm", "version": revision, "status": status});
                json!({"metadata": {"name": revision, "labels": labels}})
            };
            let items = [secret("1", "superseded"), secret("2", "deployed")];
            let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {},
                "items": items});
            (200, list)
        });
        let context = crate::test_context::context(client);
        let actor = Actor {
            context: &context,
            key: ("dev".to_owned(), "web".to_owned()),
            uid: "uid".to_owned(),
            namespace: "dev".to_owned(),
            release: ReleaseName::new("web").unwrap(),
            applier: context.applier.clone(),
            timeout: Duration::from_secs(1),
            hooks: true,
            wait: false,
            force: false,
            max_history: 10,
        };
        let error = purge(&actor).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
}
