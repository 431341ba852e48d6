//! What is remembered between looks at an object. Only comfort: a restart loses it and nothing else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crds::FluxHelmReleaseStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_apply::ObjectRef;
use tokio::sync::oneshot;

use crate::backoff::Backoff;
use crate::context::Key;
use crate::reconcile::report::Report;
use crate::record::Inputs;
use crate::released::Released;

/// A readiness that comes later than this after its change has causes of its own.
const ROLLOUT: Duration = Duration::from_secs(30 * 60);
/// Traces remembered for each object: those of its content and of its chart, and the ones before.
const FOLLOWED: usize = 4;

/// Objects of one release whose versions are remembered; of more than these some wake a look for nothing.
const SEEN: usize = 256;

/// What a person asked for by an RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A look.
    Look,
    /// Another try although nothing changed.
    Retry,
    /// To go back to a revision.
    Rollback(u32),
    /// To run the chart's tests of these names, or all of them.
    Test(Vec<String>),
}

/// A failure of inputs that the status may not tell of yet.
#[derive(Debug, Clone)]
struct Failures {
    inputs: Inputs,
    generation: i64,
    count: u32,
    last: Instant,
}

/// What looks came to that is told together with the next one.
pub struct Untold {
    /// The object's UID.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// When the first of the looks was.
    pub since: Instant,
    /// What they came to.
    pub report: Report,
}

#[derive(Default)]
struct Remembered {
    backoff: Option<Backoff>,
    awaiting: Option<Instant>,
    rollout: Option<(Instant, String)>,
    followed: VecDeque<String>,
    /// The revision whose objects are applied and that waits for something.
    waiting: Option<u32>,
    failures: Option<Failures>,
    drift_checked: Option<Instant>,
    applies_again: bool,
    /// Objects that were ready then, and of which nothing tells when they change.
    at_rest: Option<(Instant, Vec<ObjectRef>)>,
    /// The newest version of each object that a look has seen, by its UID.
    seen: Vec<(String, u64)>,
    untold: Option<Box<Untold>>,
    released: Option<Arc<Released>>,
    status: Option<(u64, FluxHelmReleaseStatus)>,
    asked: Vec<(Ask, oneshot::Sender<()>)>,
}

/// What is remembered between looks.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<Key, Remembered>>);

impl Memory {
    /// The delay before the next try after one more failure.
    pub fn delay(&self, key: &Key) -> Duration {
        self.with(key, |known| {
            let begin = || Backoff::new(Duration::from_secs(1), Duration::from_secs(5 * 60));
            known.backoff.get_or_insert_with(begin).next_delay()
        })
    }

    /// Forgets the failures after a look that did not fail.
    pub fn succeeded(&self, key: &Key) {
        self.with(key, |known| known.backoff = None);
    }

    /// Notes that the object waits for its git revision, and says since when.
    pub fn awaits(&self, key: &Key) -> Instant {
        self.with(key, |known| *known.awaiting.get_or_insert_with(Instant::now))
    }

    /// Since when the object waits for its git revision.
    pub fn awaiting_since(&self, key: &Key) -> Option<Instant> {
        self.with(key, |known| known.awaiting)
    }

    /// It waits no longer.
    pub fn arrived(&self, key: &Key) {
        self.with(key, |known| known.awaiting = None);
    }

    /// The objects that wait for their git revision.
    pub fn all_awaiting(&self) -> Vec<Key> {
        let all = self.lock();
        all.iter().filter(|(_, known)| known.awaiting.is_some()).map(|(key, _)| key.clone()).collect()
    }

    /// Notes the trace whose change is being rolled out from now on.
    pub fn rolls_out(&self, key: &Key, traceparent: String) {
        self.with(key, |known| known.rollout = Some((Instant::now(), traceparent)));
    }

    /// Ends the roll-out; the trace of it, unless it took so long that readiness no longer follows from the change.
    pub fn rolled_out(&self, key: &Key) -> Option<String> {
        let (since, traceparent) = self.with(key, |known| known.rollout.take())?;
        (since.elapsed() < ROLLOUT).then_some(traceparent)
    }

    /// Notes that what the trace asked of the object was dealt with: whatever is done to it later is no part of that trace.
    pub fn follows(&self, key: &Key, traceparent: &str) {
        self.with(key, |known| {
            if known.followed.iter().any(|known| known == traceparent) {
                return;
            }
            if known.followed.len() >= FOLLOWED {
                known.followed.pop_front();
            }
            known.followed.push_back(traceparent.to_owned());
        });
    }

    /// Whether what the trace asked of the object was dealt with.
    pub fn has_followed(&self, key: &Key, traceparent: &str) -> bool {
        self.with(key, |known| known.followed.iter().any(|known| known == traceparent))
    }

    /// Notes that a person asked for something; the receiver hears of the end of the look, or that nothing came of it.
    pub fn ask(&self, key: &Key, ask: Ask) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.with(key, |known| {
            // A person is told of all objects as they are now.
            known.at_rest = None;
            // Those who gave up waiting are not kept.
            known.asked.retain(|(_, sender)| !sender.is_closed());
            known.asked.push((ask, sender));
        });
        receiver
    }

    /// Takes those who asked before now.
    pub fn take_asked(&self, key: &Key) -> Vec<(Ask, oneshot::Sender<()>)> {
        self.with(key, |known| std::mem::take(&mut known.asked))
    }

    /// Notes that the objects of a revision are applied, and that it waits.
    pub fn waits(&self, key: &Key, revision: u32) {
        self.with(key, |known| known.waiting = Some(revision));
    }

    /// Whether the objects of that revision are applied, so that only what it waits for is looked at.
    pub fn is_waiting(&self, key: &Key, revision: u32) -> bool {
        self.with(key, |known| known.waiting == Some(revision))
    }

    /// No revision waits any more.
    pub fn ended(&self, key: &Key) {
        self.with(key, |known| known.waiting = None);
    }

    /// Counts a failure of inputs, and says how many there were in a row.
    pub fn failed(&self, key: &Key, inputs: &Inputs, generation: i64, before: u32) -> u32 {
        self.with(key, |known| {
            let same = |failures: &&Failures| {
                failures.generation == generation && failures.inputs.same_release(inputs)
            };
            let count = known.failures.as_ref().filter(same).map_or(before, |failures| failures.count);
            let count = count.saturating_add(1);
            known.failures =
                Some(Failures { inputs: inputs.clone(), generation, count, last: Instant::now() });
            count
        })
    }

    /// How often those inputs failed in a row and when last, as far as it is remembered.
    pub fn failures(&self, key: &Key, inputs: &Inputs, generation: i64) -> Option<(u32, Duration)> {
        self.with(key, |known| {
            let failures = known.failures.as_ref()?;
            let same = failures.generation == generation && failures.inputs.same_release(inputs);
            same.then(|| (failures.count, failures.last.elapsed()))
        })
    }

    /// Forgets failures.
    pub fn reset_failures(&self, key: &Key) {
        self.with(key, |known| known.failures = None);
    }

    /// Whether drift was not looked for since that long.
    pub fn is_drift_due(&self, key: &Key, interval: Duration) -> bool {
        self.with(key, |known| known.drift_checked.is_none_or(|last| last.elapsed() >= interval))
    }

    /// Drift was looked for, or everything was just applied.
    pub fn drift_checked(&self, key: &Key) {
        self.with(key, |known| known.drift_checked = Some(Instant::now()));
    }

    /// Drift is looked for at the next look.
    pub fn suspects_drift(&self, key: &Key) {
        self.with(key, |known| known.drift_checked = None);
    }

    /// The objects of the deployed revision are applied again at the next look that finds nothing else to do.
    pub fn applies_again(&self, key: &Key) {
        self.with(key, |known| known.applies_again = true);
    }

    /// Whether they are to be applied again.
    pub fn is_to_apply_again(&self, key: &Key) -> bool {
        self.with(key, |known| known.applies_again)
    }

    /// They were applied again.
    pub fn applied_again(&self, key: &Key) {
        self.with(key, |known| known.applies_again = false);
    }

    /// Notes the objects that are ready now, and of which nothing tells when they change.
    pub fn rest(&self, key: &Key, objects: Vec<ObjectRef>) {
        self.with(key, |known| known.at_rest = Some((Instant::now(), objects)));
    }

    /// Those that were so less than that long ago.
    pub fn at_rest(&self, key: &Key, within: Duration) -> Vec<ObjectRef> {
        self.with(key, |known| {
            let lately = known.at_rest.as_ref().filter(|(since, _)| since.elapsed() < within);
            lately.map(|(_, objects)| objects.clone()).unwrap_or_default()
        })
    }

    /// Notes that a look knows what an object is at this version: it applied it, or read it.
    pub fn sees(&self, key: &Key, object: &ObjectMeta) {
        let Some((uid, version)) = version_of(object) else { return };
        self.with(key, |known| match known.seen.iter_mut().find(|(seen, _)| seen == uid) {
            Some((_, newest)) => *newest = version.max(*newest),
            None => {
                if known.seen.len() >= SEEN {
                    known.seen.clear();
                }
                known.seen.push((uid.to_owned(), version));
            }
        });
    }

    /// Whether a look knows the object at this version or a later one.
    pub fn has_seen(&self, key: &Key, object: &ObjectMeta) -> bool {
        let Some((uid, version)) = version_of(object) else { return false };
        self.with(key, |known| known.seen.iter().any(|(seen, newest)| seen == uid && *newest >= version))
    }

    /// Keeps what looks came to, for the next one to tell.
    pub fn keeps(&self, key: &Key, untold: Untold) {
        self.with(key, |known| known.untold = Some(Box::new(untold)));
    }

    /// Takes what is untold. What was said of an earlier object of the name is dropped.
    pub fn take_untold(&self, key: &Key, uid: &str) -> Option<Untold> {
        let untold = self.with(key, |known| known.untold.take())?;
        (untold.uid == uid).then_some(*untold)
    }

    /// What is known of the newest revision.
    pub fn released(&self, key: &Key) -> Option<Arc<Released>> {
        self.with(key, |known| known.released.clone())
    }

    /// Notes the newest revision.
    pub fn released_is(&self, key: &Key, released: Arc<Released>) {
        self.with(key, |known| known.released = Some(released));
    }

    /// The status that was written last, if the object at hand (of that resource version) is older.
    pub fn status(&self, key: &Key, version: u64) -> Option<FluxHelmReleaseStatus> {
        self.with(key, |known| {
            known.status.as_ref().filter(|(written, _)| *written > version).map(|(_, status)| status.clone())
        })
    }

    /// Notes a status that was written, and the object's resource version since.
    pub fn status_is(&self, key: &Key, version: u64, status: FluxHelmReleaseStatus) {
        self.with(key, |known| known.status = Some((version, status)));
    }

    /// The watch has caught up with what was written.
    pub fn status_seen(&self, key: &Key, version: u64) {
        self.with(key, |known| {
            if known.status.as_ref().is_some_and(|(written, _)| *written <= version) {
                known.status = None;
            }
        });
    }

    /// Forgets an object that is gone; who asked for something is told by the end of the sender.
    pub fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn with<T>(&self, key: &Key, change: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut all = self.lock();
        match all.get_mut(key) {
            Some(known) => change(known),
            None => change(all.entry(key.clone()).or_default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object's UID and resource version.
fn version_of(object: &ObjectMeta) -> Option<(&str, u64)> {
    Some((object.uid.as_deref()?, object.resource_version.as_deref()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_those_of_the_same_inputs() {
        let memory = Memory::default();
        let key = ("dev".to_owned(), "web".to_owned());
        let inputs = |values: &str| Inputs { values_digest: values.to_owned(), ..Inputs::default() };
        assert_eq!(memory.failed(&key, &inputs("a"), 1, 3), 4);
        assert_eq!(memory.failed(&key, &inputs("a"), 1, 3), 5);
        assert_eq!(memory.failures(&key, &inputs("a"), 1).map(|(count, _)| count), Some(5));
        assert_eq!(memory.failures(&key, &inputs("b"), 1), None);
        assert_eq!(memory.failures(&key, &inputs("a"), 2), None);
        assert_eq!(memory.failed(&key, &inputs("b"), 1, 0), 1);
        memory.reset_failures(&key);
        assert_eq!(memory.failures(&key, &inputs("b"), 1), None);
    }

    #[test]
    fn what_is_at_rest_is_so_until_somebody_asks() {
        let memory = Memory::default();
        let key = ("dev".to_owned(), "web".to_owned());
        let service = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}});
        let service = ObjectRef::of(&service).unwrap();
        let check = |within: Duration, expected: &[ObjectRef]| {
            assert_eq!(memory.at_rest(&key, within), expected, "{within:?}");
        };
        check(Duration::MAX, &[]);
        memory.rest(&key, vec![service.clone()]);
        check(Duration::MAX, &[service]);
        check(Duration::ZERO, &[]);
        drop(memory.ask(&key, Ask::Look));
        check(Duration::MAX, &[]);
    }

    #[test]
    fn a_workload_is_seen_until_it_has_a_newer_version() {
        let memory = Memory::default();
        let key = ("dev".to_owned(), "web".to_owned());
        let object = |uid: &str, version: u64| ObjectMeta {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_string()),
            ..ObjectMeta::default()
        };
        memory.sees(&key, &object("a", 7));
        memory.sees(&key, &object("a", 5));
        let seen = |uid: &str, version| memory.has_seen(&key, &object(uid, version));
        assert_eq!((seen("a", 6), seen("a", 7), seen("a", 8), seen("b", 1)), (true, true, false, false));
        assert!(!memory.has_seen(&key, &ObjectMeta::default()));
        (0..SEEN).for_each(|uid| memory.sees(&key, &object(&format!("w{uid}"), 1)));
        assert_eq!((seen("a", 7), seen("w0", 1), seen("w255", 1)), (false, false, true));
    }

    #[test]
    fn what_is_untold_is_told_of_the_same_object() {
        let memory = Memory::default();
        let key = ("dev".to_owned(), "web".to_owned());
        let keep = || {
            let (since, report) = (Instant::now(), Report::default());
            memory.keeps(&key, Untold { uid: "a".to_owned(), generation: 3, since, report });
        };
        keep();
        assert_eq!(memory.take_untold(&key, "a").map(|untold| untold.generation), Some(3));
        assert!(memory.take_untold(&key, "a").is_none());
        keep();
        assert!(memory.take_untold(&key, "b").is_none() && memory.take_untold(&key, "a").is_none());
    }

    #[test]
    fn a_status_is_known_until_the_watch_tells_it() {
        let memory = Memory::default();
        let key = ("dev".to_owned(), "web".to_owned());
        memory.status_is(&key, 7, FluxHelmReleaseStatus::default());
        assert!(memory.status(&key, 6).is_some() && memory.status(&key, 7).is_none());
        memory.status_seen(&key, 6);
        assert!(memory.status(&key, 6).is_some());
        memory.status_seen(&key, 8);
        assert!(memory.status(&key, 6).is_none());
    }
}
