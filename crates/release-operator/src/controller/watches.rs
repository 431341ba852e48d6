//! Watches of what releases are made of and consist of. All are of metadata only; without the right to one of them time wakes the looks
//! instead.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, future, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{PartialObjectMeta, Resource};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use service_kit::Readiness;

use super::gathered::gathered;
use super::{Wake, wakes};
use crate::catalog::ValuesObject;
use crate::context::{Context, Key};
use crate::names::{MANAGED_BY, RELEASE_NAME, RELEASE_NAMESPACE};

/// How long a look waits for more changes of a workload: a controller that deals with one writes several times.
const GATHER: Duration = Duration::from_millis(100);

/// All Secrets: release records go into the index and wake the object whose release it is, when somebody else wrote them; others wake
/// those that take values from them.
pub(super) fn secrets(
    client: &Client,
    readiness: Readiness,
    context: Arc<Context>,
) -> impl Stream<Item = Wake> + use<> {
    let api: Api<PartialObjectMeta<Secret>> = Api::all(client.clone());
    watcher(api, watcher::Config::default())
        .default_backoff()
        .filter_map(|event| future::ready(logged("Secrets", event)))
        .flat_map(move |event| {
            let index = context.store.index();
            let keys = match &event {
                watcher::Event::Init => {
                    index.list_begins();
                    Vec::new()
                }
                watcher::Event::InitApply(secret) => {
                    index.take_up(&secret.metadata);
                    Vec::new()
                }
                watcher::Event::InitDone => {
                    index.list_ends();
                    readiness.reached("records");
                    // What changed while there was no watch is not known: whoever takes values from Secrets is looked at.
                    context.catalog.keys()
                }
                watcher::Event::Apply(secret) => {
                    let release = index.take_up(&secret.metadata);
                    release.map_or_else(
                        || of_secret(&context, &secret.metadata),
                        |release| of_release(&context, &release),
                    )
                }
                watcher::Event::Delete(secret) => {
                    let release = index.remove(&secret.metadata);
                    release.map_or_else(
                        || of_secret(&context, &secret.metadata),
                        |release| of_release(&context, &release),
                    )
                }
            };
            wakes(keys)
        })
}

fn of_release(context: &Context, release: &(String, String)) -> Vec<Key> {
    context.catalog.owner_of(release).into_iter().collect()
}

fn of_secret(context: &Context, metadata: &ObjectMeta) -> Vec<Key> {
    match (&metadata.namespace, &metadata.name) {
        (Some(namespace), Some(name)) => {
            context.catalog.users_of_values(&ValuesObject::Secret(namespace.clone(), name.clone()))
        }
        _ => Vec::new(),
    }
}

/// All ConfigMaps: they wake those that take values from them.
pub(super) fn config_maps(client: &Client, context: Arc<Context>) -> impl Stream<Item = Wake> + use<> {
    let api: Api<PartialObjectMeta<ConfigMap>> = Api::all(client.clone());
    watcher(api, watcher::Config::default())
        .default_backoff()
        .touched_objects()
        .filter_map(|event| future::ready(logged("ConfigMaps", event)))
        .flat_map(move |map| {
            let object = map.metadata.namespace.zip(map.metadata.name);
            let object = object.map(|(namespace, name)| ValuesObject::ConfigMap(namespace, name));
            wakes(object.map(|object| context.catalog.users_of_values(&object)).unwrap_or_default())
        })
}

/// The objects whose releases own a workload that changed since a look has seen it.
pub(super) fn workloads<K>(client: &Client, context: Arc<Context>) -> impl Stream<Item = Wake> + use<K>
where
    K: Resource<DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + Send
        + Sync
        + 'static
        + serde::de::DeserializeOwned,
{
    let api: Api<PartialObjectMeta<K>> = Api::all(client.clone());
    let config = watcher::Config::default().labels(&format!("{}={}", MANAGED_BY.0, MANAGED_BY.1));
    let wakes = watcher(api, config)
        .default_backoff()
        .touched_objects()
        .filter_map(|event| future::ready(logged(&K::plural(&()), event)))
        .flat_map(move |workload| {
            let is_news = |key: &Key| !context.memory.has_seen(key, &workload.metadata);
            wakes(owner(&workload.metadata, &context).filter(is_news).into_iter().collect())
        });
    gathered(wakes, GATHER)
}

/// The kinds of the cluster: they wake nobody, but are read again only after a change.
pub(super) fn kinds(context: Arc<Context>) -> impl Stream<Item = Wake> {
    let follow = async move {
        let broke = |error: &watcher::Error| {
            tracing::warn!(
                "a watch of the cluster's kinds broke and is made again: {}",
                service_kit::chain(error)
            );
        };
        context.applier.discovery().follow(broke).await;
    };
    stream::once(follow).filter_map(|()| future::ready(None))
}

fn owner(metadata: &ObjectMeta, context: &Context) -> Option<Key> {
    let annotations = metadata.annotations.as_ref()?;
    let (release, namespace) = (annotations.get(RELEASE_NAME)?, annotations.get(RELEASE_NAMESPACE)?);
    context.catalog.owner_of(&(namespace.clone(), release.clone()))
}

pub(super) fn logged<T>(what: &str, event: Result<T, watcher::Error>) -> Option<T> {
    event
        .inspect_err(|error| {
            tracing::warn!("the watch of {what} broke and is made again: {}", service_kit::chain(error))
        })
        .ok()
}
