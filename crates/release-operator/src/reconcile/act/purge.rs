//! Purging a release: hooks, objects, hooks, records, in this order, so that a purge which is cut off finds its way again by the
//! records that are left.

use helm_engine::{KindOrder, sort_by_kind};
use helm_release::{HookEvent, ReleaseName, Status};

use super::{ActError, hooks, objects};
use crate::context::Context;
use crate::objects::left_over;
use crate::store::StoreError;

/// Purges one release. Nothing there is nothing to do.
///
/// # Errors
/// [`ActError`]; whatever was done stays done, and the next call goes on.
pub async fn purge(context: &Context, namespace: &str, release: &ReleaseName) -> Result<bool, ActError> {
    let history = context.store.history(namespace, release.as_str()).await?;
    let Some(last) = history.last() else { return Ok(false) };
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
        context.store.update(&mut newest, jiff::Timestamp::now()).await?;
        service_kit::failpoint!("purge.after-mark");
    }
    hooks::run(context, &mut newest, &HookEvent::PreDelete).await?;
    let everything = objects::earlier(context, namespace, release, &history, u32::MAX).await?;
    let mut all = left_over(everything, &[]);
    sort_by_kind(&mut all, KindOrder::Uninstall, |object| &object.identity.kind);
    objects::delete(context, namespace, release.as_str(), all).await?;
    service_kit::failpoint!("purge.after-objects");
    hooks::run(context, &mut newest, &HookEvent::PostDelete).await?;
    // The newest goes last: with it the purge can be begun anew.
    for entry in history.entries() {
        context.store.delete(namespace, release, entry.revision).await?;
        service_kit::failpoint!("purge.record");
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use kube_apply::Applier;
    use serde_json::json;

    use super::*;
    use crate::cluster::Cluster;
    use crate::context::{Memory, Settings};
    use crate::engine::Engine;
    use crate::source::grpc::GrpcCharts;
    use crate::store::ReleaseStore;

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
        let applier = Applier::new(client.clone(), kube_apply::Settings::default());
        let charts = GrpcCharts::new(service_kit::client::connect("http://127.0.0.1:1", None).unwrap());
        let context = Context {
            charts: Arc::new(charts),
            engine: Engine::new(applier.clone(), 1),
            cluster: Cluster::new(client.clone(), applier.clone()),
            store: ReleaseStore::new(client),
            applier,
            objects: crate::controller::objects().0,
            settings: Settings {
                max_history: 10,
                hook_timeout: Duration::from_secs(1),
                resync: Duration::from_secs(1),
            },
            memory: Memory::default(),
        };
        let error = purge(&context, "dev", &ReleaseName::new("web").unwrap()).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
}
