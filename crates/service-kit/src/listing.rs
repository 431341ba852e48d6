//! What a controller that is stopped before it has listed its objects has to be told.

use std::hash::Hash;

use futures::FutureExt as _;
use kube::runtime::reflector::{Lookup, Store};
use tokio_util::sync::CancellationToken;

/// Returns at a `shutdown` that comes before all objects are in the store; never otherwise. Nothing is in flight then, and the workers of
/// kube's controllers, which wait for the list, would wait for ever: at a shutdown its watch is followed no further.
pub async fn ended_unlisted<K>(store: Store<K>, shutdown: CancellationToken)
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Clone + Eq + Hash,
{
    shutdown.cancelled().await;
    if store.wait_until_ready().now_or_never().is_some() {
        futures::future::pending::<()>().await;
    }
}
