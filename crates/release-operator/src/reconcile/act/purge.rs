//! Purging a release: hooks, objects, hooks, records, in this order, so that a purge which is cut off finds its way again by the
//! records that are left.

use helm_engine::{KindOrder, sort_by_kind};
use helm_release::{HookEvent, ReleaseName, Status};

use super::{ActError, hooks, objects};
use crate::context::Context;
use crate::objects::left_over;

/// Purges one release. Nothing there is nothing to do.
///
/// # Errors
/// [`ActError`]; whatever was done stays done, and the next call goes on.
pub async fn purge(context: &Context, namespace: &str, release: &ReleaseName) -> Result<bool, ActError> {
    let history = context.store.history(namespace, release.as_str()).await?;
    let Some(last) = history.last() else { return Ok(false) };
    if let Some(mut newest) = context.store.get(namespace, release.as_str(), last.revision).await? {
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
    }
    // The newest goes last: with it the purge can be begun anew.
    for entry in history.entries() {
        context.store.delete(namespace, release, entry.revision).await?;
        service_kit::failpoint!("purge.record");
    }
    Ok(true)
}
