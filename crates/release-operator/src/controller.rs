//! What wakes a look at an object, and the bounded workers that do the looking.
//!
//! Woken by: the object itself, its chart's digest (from git-syncer's watch), what its values are taken from, what it depends on, its
//! release's records, its workloads, the end of what it waits for, a person (gRPC), and time. Each wake-up only names the object; what is done
//! follows from what is there then.

mod gathered;
mod watches;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, future, stream};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use kube::core::Resource as _;
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::{self, ObjectRef, Store, store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use service_kit::{BoxError, Readiness, ended_unlisted};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::backoff::jittered;
use crate::context::{Context, Key};
use crate::guard;
use crate::reconcile::validate::{Identity, Object};
use crate::reconcile::{own_reference, reconcile};
use crate::shares;
use crate::source::SourceChange;

type Wake = ObjectRef<Object>;

/// How soon an object of ours is looked at that may not be worked on just now.
const HELD_UP: Duration = Duration::from_secs(1);

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
    /// Looks that persons asked for, those whose wait has ended, and those at objects that have become ours.
    pub asked: mpsc::Receiver<Key>,
    /// Asks for looks.
    pub wake: mpsc::Sender<Key>,
    /// Looks at the same time.
    pub workers: u16,
    /// Told when all objects and all records are listed.
    pub readiness: Readiness,
}

/// Watches and works until `shutdown`; then takes no new work and ends what is in flight.
///
/// # Errors
/// None that ends it: a watch that breaks is made again, an object that is bad gets its status.
pub async fn run(inputs: Inputs, context: Arc<Context>, shutdown: CancellationToken) -> Result<(), BoxError> {
    let Inputs { client, writer, changes, asked, wake: waker, workers, readiness } = inputs;
    let (objects, joined) = (context.objects.clone(), readiness.clone());
    let too_early = ended_unlisted(objects.clone(), shutdown.clone());
    let all = stream::select_all([
        own(&client, writer, readiness.clone(), context.clone()).boxed(),
        charts(changes, context.clone()).boxed(),
        ReceiverStream::new(asked).map(wake).boxed(),
        watches::secrets(&client, readiness, context.clone()).boxed(),
        watches::config_maps(&client, context.clone()).boxed(),
        watches::workloads::<Deployment>(&client, context.clone()).boxed(),
        watches::workloads::<StatefulSet>(&client, context.clone()).boxed(),
        watches::workloads::<DaemonSet>(&client, context.clone()).boxed(),
        watches::workloads::<Job>(&client, context.clone()).boxed(),
        watches::kinds(context.clone()).boxed(),
    ]);
    let queue = all.map(Ok::<_, Infallible>).take_until(shutdown.clone().cancelled_owned());
    let work = |object: Arc<Object>, context: Arc<Context>| Box::pin(look(object, context));
    let defect = |object: Arc<Object>, error: &tokio::task::JoinError, context: Arc<Context>| {
        let key = Identity::of(object.meta()).key();
        tracing::error!(object = ?key, %error, "the look at this object ended by a defect");
        Action::requeue(context.memory.delay(&key))
    };
    let config = Config::default().concurrency(workers);
    let looks = async {
        applier(work, defect, context.clone(), objects, queue, config)
            // Objects that are gone by the time of their look, and defects, which are told above.
            .for_each(|_| future::ready(()))
            .await;
        context.waits.drained().await;
    };
    tokio::select! {
        () = looks => Ok(()),
        () = too_early => Ok(()),
        () = shares::divide(&context, waker, &joined, shutdown.clone()) => Err("the group of replicas is not followed any more".into()),
    }
}

/// Looks at an object, if it is ours; when it becomes ours, it is looked at again.
async fn look(object: Arc<Object>, context: Arc<Context>) -> Result<Action, tokio::task::JoinError> {
    let key = Identity::of(object.meta()).key();
    let Some(work) = context.shares.begin(&key) else {
        // Ours, and only nothing is heard of the group for a moment, or it is not time to begin.
        let is_ours = context.shares.owns(&key);
        return Ok(if is_ours { Action::requeue(jittered(HELD_UP)) } else { Action::await_change() });
    };
    let look = guard::working(work.clone(), reconcile(object, context.clone()));
    // In a task of its own, so that a defect in the look at one object stops no other.
    let wait = tokio::spawn(tracing::Instrument::in_current_span(look)).await?;
    if work.holds() {
        return Ok(wait.map_or_else(Action::await_change, Action::requeue));
    }
    if !work.is_ours() {
        // Another goes on with it, and what is known of it here will not be true.
        context.memory.forget(&key);
        return Ok(Action::await_change());
    }
    Ok(Action::requeue(jittered(HELD_UP)))
}

fn wake((namespace, name): Key) -> Wake {
    ObjectRef::new(&name).within(&namespace)
}

fn wakes(keys: Vec<Key>) -> impl Stream<Item = Wake> {
    stream::iter(keys.into_iter().map(wake))
}

/// The objects themselves; a change of nothing but the status wakes nobody but those that depend on it.
fn own(
    client: &Client,
    writer: reflector::store::Writer<Object>,
    readiness: Readiness,
    context: Arc<Context>,
) -> impl Stream<Item = Wake> + use<> {
    let api: Api<Object> = Api::all(client.clone());
    let mut listed = BTreeSet::new();
    watcher(api, watcher::Config::default())
        .default_backoff()
        .map(|event| event.map(without_managed_fields))
        .reflect(writer)
        .filter_map(|event| future::ready(watches::logged("FluxHelmRelease objects", event)))
        .flat_map(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                // Not by the store's own signal: it wakes one waiter only, and the workers are that one.
                readiness.reached("objects");
            }
            wakes(catalogue(&context, event, &mut listed))
        })
}

/// What nobody looks at, and what is the greater part of an object that several programs write to.
fn without_managed_fields(mut event: watcher::Event<Object>) -> watcher::Event<Object> {
    if let watcher::Event::Apply(object) | watcher::Event::InitApply(object) = &mut event {
        match &mut object.0 {
            Ok(object) => object.metadata.managed_fields = None,
            Err(invalid) => invalid.metadata.managed_fields = None,
        }
    }
    event
}

/// Takes up what the objects refer to; the objects that are to be looked at.
fn catalogue(context: &Context, event: watcher::Event<Object>, listed: &mut BTreeSet<Key>) -> Vec<Key> {
    let key = |object: &Object| Identity::of(object.meta()).key();
    if let watcher::Event::Apply(object)
    | watcher::Event::InitApply(object)
    | watcher::Event::Delete(object) = &event
    {
        context.changes.push(key(object));
    }
    match event {
        watcher::Event::Apply(object) => take_up(context, &object),
        watcher::Event::InitApply(object) => {
            listed.insert(key(&object));
            take_up(context, &object)
        }
        watcher::Event::Delete(object) => {
            let key = key(&object);
            context.catalog.remove(&key);
            context.memory.forget(&key);
            context.catalog.dependents_of(&own_reference(&key))
        }
        watcher::Event::Init => {
            listed.clear();
            Vec::new()
        }
        watcher::Event::InitDone => {
            for gone in context.catalog.retain(&std::mem::take(listed)) {
                context.memory.forget(&gone);
                context.changes.push(gone);
            }
            context.catalog.is_listed();
            Vec::new()
        }
    }
}

fn take_up(context: &Context, object: &Object) -> Vec<Key> {
    let metadata = object.meta();
    let key = Identity::of(metadata).key();
    if let Some(version) = metadata.resource_version.as_deref().and_then(|version| version.parse().ok()) {
        context.memory.status_seen(&key, version);
    }
    let news = context.catalog.take_up(object);
    let dependents = match news.readiness {
        true => context.catalog.dependents_of(&own_reference(&key)),
        false => Vec::new(),
    };
    let own = news.content.then_some(key);
    own.into_iter().chain(dependents).collect()
}

/// The objects whose chart changed, and those that wait for a git revision.
fn charts(changes: mpsc::Receiver<SourceChange>, context: Arc<Context>) -> impl Stream<Item = Wake> {
    ReceiverStream::new(changes).flat_map(move |change| {
        let using = change.charts.iter().flat_map(|chart| context.catalog.users_of_chart(chart));
        let mut keys: Vec<Key> = using.chain(context.memory.all_awaiting()).collect();
        keys.sort();
        keys.dedup();
        wakes(keys)
    })
}

#[cfg(test)]
mod tests {
    use service_kit::membership::{MemberId, Members, Standing};
    use tokio::sync::watch;

    use super::*;
    use crate::shares::Shares;
    use crate::test_context;

    type Answer = Result<http::Response<kube::client::Body>, Infallible>;

    #[tokio::test]
    async fn who_is_to_end_does_not_wait_for_objects_to_be_listed() {
        let client = Client::new(tower::service_fn(|_| future::pending::<Answer>()), "default");
        let (objects, writer) = objects();
        let me: MemberId = "me".parse().unwrap();
        let members = watch::Sender::new(Members::alone(me.clone()));
        let mut context = test_context::context(client.clone());
        context.objects = objects;
        context.shares = Arc::new(Shares::new(members.subscribe(), Standing::alone(me)));
        let ((_change, changes), (waker, asked)) = (mpsc::channel(1), mpsc::channel(1));
        let readiness = Readiness::default();
        let inputs = Inputs { client, writer, changes, asked, wake: waker, workers: 1, readiness };
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(inputs, Arc::new(context), shutdown.clone()));
        tokio::task::yield_now().await;
        shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap().unwrap();
    }
}
