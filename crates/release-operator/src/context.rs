//! What every reconcile has at hand.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::runtime::reflector::Store;
use kube_apply::Applier;
use tokio::sync::oneshot;

use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::engine::Engine;
use crate::reconcile::validate::{Identity, Object};
use crate::source::Charts;
use crate::store::ReleaseStore;

/// A readiness that comes later than this after its change has causes of its own.
const ROLLOUT: Duration = Duration::from_secs(30 * 60);
/// Traces remembered for each object: those of its content and of its chart, and the ones before.
const FOLLOWED: usize = 4;

/// Settings of the reconciler.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Records kept per release.
    pub max_history: u32,
    /// The longest that one hook may take.
    pub hook_timeout: Duration,
    /// How often each release is looked at although nothing happened.
    pub resync: Duration,
}

/// What every reconcile has at hand.
pub struct Context {
    /// Charts.
    pub charts: Arc<dyn Charts>,
    /// The objects of releases.
    pub applier: Applier,
    /// Renders.
    pub engine: Engine,
    /// The rest of the cluster.
    pub cluster: Cluster,
    /// Helm's records.
    pub store: ReleaseStore,
    /// All FluxHelmRelease objects, as the watch tells.
    pub objects: Store<Object>,
    /// Settings.
    pub settings: Settings,
    /// What is remembered between looks. Only comfort: a restart loses it and nothing else.
    pub memory: Memory,
}

/// Which object, by namespace and name.
pub type Key = (String, String);

/// What is remembered between looks at an object.
#[derive(Default)]
pub struct Memory {
    backoffs: Mutex<HashMap<Key, Backoff>>,
    awaiting: Mutex<HashMap<Key, Instant>>,
    rollouts: Mutex<HashMap<Key, (Instant, String)>>,
    followed: Mutex<HashMap<Key, VecDeque<String>>>,
    asked: Mutex<HashMap<Key, Vec<oneshot::Sender<()>>>>,
}

impl Memory {
    /// The delay before the next try after one more failure.
    pub fn delay(&self, key: &Key) -> Duration {
        let mut backoffs = lock(&self.backoffs);
        let begin = || Backoff::new(Duration::from_secs(1), Duration::from_secs(5 * 60));
        backoffs.entry(key.clone()).or_insert_with(begin).next_delay()
    }

    /// Forgets the failures after a look that did not fail.
    pub fn succeeded(&self, key: &Key) {
        lock(&self.backoffs).remove(key);
    }

    /// Notes that the object waits for its git revision, and says since when.
    pub fn awaits(&self, key: &Key) -> Instant {
        *lock(&self.awaiting).entry(key.clone()).or_insert_with(Instant::now)
    }

    /// Since when the object waits for its git revision.
    pub fn awaiting_since(&self, key: &Key) -> Option<Instant> {
        lock(&self.awaiting).get(key).copied()
    }

    /// It waits no longer.
    pub fn arrived(&self, key: &Key) {
        lock(&self.awaiting).remove(key);
    }

    /// The objects that wait for their git revision.
    pub fn all_awaiting(&self) -> Vec<Key> {
        lock(&self.awaiting).keys().cloned().collect()
    }

    /// Notes the trace whose change is being rolled out from now on.
    pub fn rolls_out(&self, key: &Key, traceparent: String) {
        lock(&self.rollouts).insert(key.clone(), (Instant::now(), traceparent));
    }

    /// Ends the roll-out; the trace of it, unless it took so long that readiness no longer follows from the change.
    pub fn rolled_out(&self, key: &Key) -> Option<String> {
        let (since, traceparent) = lock(&self.rollouts).remove(key)?;
        (since.elapsed() < ROLLOUT).then_some(traceparent)
    }

    /// Notes that what the trace asked of the object was dealt with: whatever is done to it later is no part of that trace.
    pub fn follows(&self, key: &Key, traceparent: &str) {
        let mut followed = lock(&self.followed);
        let followed = followed.entry(key.clone()).or_default();
        if followed.iter().any(|known| known == traceparent) {
            return;
        }
        if followed.len() >= FOLLOWED {
            followed.pop_front();
        }
        followed.push_back(traceparent.to_owned());
    }

    /// Whether what the trace asked of the object was dealt with.
    pub fn has_followed(&self, key: &Key, traceparent: &str) -> bool {
        lock(&self.followed)
            .get(key)
            .is_some_and(|followed| followed.iter().any(|known| known == traceparent))
    }

    /// Notes that a person asked for a look; the receiver hears of its end.
    pub fn ask(&self, key: &Key) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.asked).entry(key.clone()).or_default().push(sender);
        receiver
    }

    /// Takes those who asked before now.
    pub fn take_asked(&self, key: &Key) -> Vec<oneshot::Sender<()>> {
        lock(&self.asked).remove(key).unwrap_or_default()
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, key: &Key) {
        self.succeeded(key);
        self.arrived(key);
        lock(&self.rollouts).remove(key);
        lock(&self.followed).remove(key);
    }
}

impl Identity {
    /// Namespace and name.
    pub fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
