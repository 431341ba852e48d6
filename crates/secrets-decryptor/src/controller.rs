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
use service_kit::{BoxError, chain};
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
    let secrets: Api<PartialObjectMeta<Secret>> = Api::all(client);
    controller
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
        })
        .await;
    Ok(())
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
