//! The watch over SealedSecrets, their Secrets and the keys, which feeds the reconciler.

use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Config, Controller, Error};
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Api, Client};
use service_kit::{BoxError, chain, ended_unlisted};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;

use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::reconcile::{Context, ReconcileError, Watched, reconcile, retry};

/// How many objects are worked on at once.
const CONCURRENCY: u16 = 8;

/// Reconciles SealedSecrets of all namespaces until `shutdown`.
///
/// An object is worked on when it changes, when a Secret of its name changes or goes (only metadata is kept of
/// Secrets), and when the keys change.
///
/// # Errors
/// When the keys' publisher has gone, which ends the process.
pub(crate) async fn run(
    client: Client,
    mut keys: Keys,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    // Before the keys have been listed every object would fail for want of them.
    match shutdown.run_until_cancelled(keys.wait_for(Option::is_some)).await {
        None => return Ok(()),
        Some(listed) => drop(listed?),
    }
    let reporter = Reporter { controller: "windlass-secrets-decryptor".to_owned(), instance: None };
    let recorder = Recorder::new(client.clone(), reporter);
    let context = Arc::new(Context::new(client.clone(), keys.clone(), recorder, metrics));
    let controller: Controller<Watched> =
        Controller::new(Api::all(client.clone()), watcher::Config::default());
    let store = controller.store();
    let too_early = ended_unlisted(controller.store(), shutdown.clone());
    let secrets: Api<PartialObjectMeta<Secret>> = Api::all(client);
    let work = controller
        .with_config(Config::default().concurrency(CONCURRENCY))
        .watches(secrets, watcher::Config::default().fields("type!=helm.sh/release.v1"), move |secret| {
            let same_name = ObjectRef::<Watched>::new(secret.metadata.name.as_deref().unwrap_or_default())
                .within(secret.metadata.namespace.as_deref().unwrap_or_default());
            store.get(&same_name).map(|_| same_name)
        })
        .reconcile_all_on(WatchStream::from_changes(keys).map(drop))
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, retry, Arc::clone(&context))
        .for_each(|ended| {
            settle(ended, &context);
            futures::future::ready(())
        });
    tokio::select! {
        () = work => Ok(()),
        () = too_early => Ok(()),
    }
}

/// Takes care of what the reconciler has not: objects that are gone, and faults of the watches.
fn settle<T, Q: std::error::Error + 'static>(ended: Result<T, Error<ReconcileError, Q>>, context: &Context) {
    match ended {
        Ok(_) | Err(Error::ReconcilerFailed(..)) => {}
        Err(Error::ObjectNotFound(object)) => {
            context.forget(&(object.namespace.unwrap_or_default(), object.name))
        }
        Err(error) => {
            tracing::warn!("SealedSecrets or Secrets cannot be watched; trying again: {}", chain(&error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use tokio::sync::watch;

    use super::*;
    use crate::keys::KeySet;

    type Answer = Result<http::Response<kube::client::Body>, Infallible>;

    #[tokio::test]
    async fn who_is_to_end_does_not_wait_for_objects_to_be_listed() {
        let client = Client::new(tower::service_fn(|_| futures::future::pending::<Answer>()), "default");
        let keys = watch::Sender::new(Some(Arc::new(KeySet::default())));
        let metrics = Metrics::new(&prometheus::Registry::new()).unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(client, keys.subscribe(), metrics, shutdown.clone()));
        tokio::task::yield_now().await;
        shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap().unwrap();
    }
}
