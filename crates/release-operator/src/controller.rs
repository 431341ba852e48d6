//! What wakes a look at an object, and the bounded workers that do the looking.
//!
//! Woken by: the object itself, its chart's digest (from git-syncer's watch), its workloads, a person (gRPC), and time. Each wake-up only
//! names the object; what is done follows from what is there then.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use crds::FluxHelmRelease;
use futures::{Stream, StreamExt as _, TryStreamExt as _, future, stream};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use kube::core::{PartialObjectMeta, Resource};
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::{self, ObjectRef, Store, store};
use kube::runtime::utils::PredicateConfig;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use service_kit::{BoxError, Readiness};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Key};
use crate::names::{MANAGED_BY, RELEASE_NAME, RELEASE_NAMESPACE};
use crate::reconcile::validate::{self, Object};
use crate::reconcile::{reconcile, typed};
use crate::source::SourceChange;

type Wake = ObjectRef<Object>;

/// The store of all objects; the watch that [`run`] drives fills it.
pub fn objects() -> (Store<Object>, reflector::store::Writer<Object>) {
    store()
}

/// What the controller is driven by.
pub struct Inputs {
    /// The client.
    pub client: Client,
    /// Fills the store.
    pub writer: reflector::store::Writer<Object>,
    /// Changes of charts.
    pub changes: mpsc::Receiver<SourceChange>,
    /// Looks that persons asked for.
    pub asked: mpsc::Receiver<Key>,
    /// Looks at the same time.
    pub workers: u16,
    /// Told when all objects are listed.
    pub readiness: Readiness,
}

/// Watches and works until `shutdown`; then takes no new work and ends what is in flight.
///
/// # Errors
/// None that ends it: a watch that breaks is made again, an object that is bad gets its status.
pub async fn run(inputs: Inputs, context: Arc<Context>, shutdown: CancellationToken) -> Result<(), BoxError> {
    let Inputs { client, writer, changes, asked, workers, readiness } = inputs;
    let objects = context.objects.clone();
    let wakes = stream::select_all([
        own(&client, writer, readiness).boxed(),
        charts(changes, context.clone()).boxed(),
        ReceiverStream::new(asked).map(|(namespace, name)| ObjectRef::new(&name).within(&namespace)).boxed(),
        workloads::<Deployment>(&client, objects.clone()).boxed(),
        workloads::<StatefulSet>(&client, objects.clone()).boxed(),
        workloads::<DaemonSet>(&client, objects.clone()).boxed(),
        workloads::<Job>(&client, objects.clone()).boxed(),
    ]);
    let queue = wakes.map(Ok::<_, Infallible>).take_until(shutdown.cancelled_owned());
    let work = |object: Arc<Object>, context: Arc<Context>| {
        Box::pin(async move {
            // In a task of its own, so that a defect in the look at one object stops no other.
            let look = tokio::spawn(tracing::Instrument::in_current_span(reconcile(object, context)));
            let wait = look.await?;
            Ok::<_, tokio::task::JoinError>(wait.map_or_else(Action::await_change, Action::requeue))
        })
    };
    let defect = |object: Arc<Object>, error: &tokio::task::JoinError, context: Arc<Context>| {
        let key = crate::reconcile::validate::Identity::of(object.meta()).key();
        tracing::error!(object = ?key, %error, "the look at this object ended by a defect");
        Action::requeue(context.memory.delay(&key))
    };
    let config = Config::default().concurrency(workers);
    applier(work, defect, context, objects, queue, config)
        // Objects that are gone by the time of their look, and defects, which are told above.
        .for_each(|_| future::ready(()))
        .await;
    Ok(())
}

/// The objects themselves; a change of nothing but the status wakes nobody.
fn own(
    client: &Client,
    writer: reflector::store::Writer<Object>,
    readiness: Readiness,
) -> impl Stream<Item = Wake> + use<> {
    let api: Api<Object> = Api::all(client.clone());
    watcher(api, watcher::Config::default())
        .default_backoff()
        .reflect(writer)
        // Not by the store's own signal: it wakes one waiter only, and the workers are that one.
        .inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                readiness.reached("objects");
            }
        })
        .applied_objects()
        .predicate_filter(relevant, PredicateConfig::default())
        .filter_map(|event| future::ready(logged("FluxHelmRelease objects", event)))
        .map(|object| ObjectRef::from_obj(&object))
}

/// What of an object a look depends on.
fn relevant(object: &Object) -> Option<u64> {
    let metadata = object.meta();
    let mut hasher = DefaultHasher::new();
    metadata.generation.hash(&mut hasher);
    metadata.annotations.hash(&mut hasher);
    metadata.finalizers.hash(&mut hasher);
    metadata.deletion_timestamp.is_some().hash(&mut hasher);
    Some(hasher.finish())
}

/// The objects whose chart changed, and those that wait for a git revision.
fn charts(changes: mpsc::Receiver<SourceChange>, context: Arc<Context>) -> impl Stream<Item = Wake> {
    ReceiverStream::new(changes).flat_map(move |change| {
        let all = context.objects.state();
        let uses = |object: &&FluxHelmRelease| {
            let path = object.spec.chart_git_path.as_deref();
            let path = path.and_then(|path| crate::chart_path::ChartPath::parse(path).ok());
            path.is_some_and(|path| change.charts.contains(&path))
        };
        let using = typed(&all).filter(uses).map(|object| validate::Identity::of(&object.metadata).key());
        let mut keys: Vec<Key> = using.chain(context.memory.all_awaiting()).collect();
        keys.sort();
        keys.dedup();
        stream::iter(keys).map(|(namespace, name)| ObjectRef::new(&name).within(&namespace))
    })
}

/// The objects whose releases own a workload that changed. Without the right to watch the kind, time wakes them instead.
fn workloads<K>(client: &Client, objects: Store<Object>) -> impl Stream<Item = Wake> + use<K>
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
    watcher(api, config)
        .default_backoff()
        .touched_objects()
        .filter_map(|event| future::ready(logged(&K::plural(&()), event)))
        .filter_map(move |workload| future::ready(owner(&workload, &objects)))
}

fn owner<K>(workload: &PartialObjectMeta<K>, objects: &Store<Object>) -> Option<Wake> {
    let annotations = workload.metadata.annotations.as_ref()?;
    let (release, namespace) = (annotations.get(RELEASE_NAME)?, annotations.get(RELEASE_NAMESPACE)?);
    let all = objects.state();
    let owner = typed(&all).find(|object| {
        object.metadata.namespace.as_ref() == Some(namespace)
            && validate::release_of(object).is_some_and(|name| name.as_str() == release)
    })?;
    Some(ObjectRef::new(owner.metadata.name.as_deref()?).within(namespace))
}

fn logged<T>(what: &str, event: Result<T, watcher::Error>) -> Option<T> {
    event
        .inspect_err(|error| {
            tracing::warn!("the watch of {what} broke and is made again: {}", service_kit::chain(error))
        })
        .ok()
}
