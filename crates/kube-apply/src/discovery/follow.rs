//! Following what decides which kinds there are, so that a reading is good for as long as none of it changes: CustomResourceDefinitions, and
//! APIServices, of which there is one for each version of each group, whoever serves it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, pin_mut};
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::DynamicObject;
use kube::core::PartialObjectMeta;
use kube::discovery::ApiResource;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Resource};
use tokio::time::Instant;

use super::{Discovery, MAX_AGE};

/// Discovery documents follow a change within this; a reading that was taken sooner may lack it.
const SETTLED: Duration = Duration::from_secs(10);
/// So old may a reading be although nothing changed: what a server behind an APIService serves can change without a sign.
const UNCHANGED_AGE: Duration = Duration::from_secs(10 * 60);

/// From when on readings hold all changes, by each of the two watches that tell of changes.
#[derive(Clone, Default)]
pub(super) struct Followed(Arc<Mutex<[Option<Instant>; 2]>>);

impl Followed {
    fn set(&self, watch: usize, from: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[watch] = Some(from);
    }

    /// The oldest reading that tells what there is at that time: at most a minute old, or taken when all that changed was settled.
    pub(super) fn since(&self, now: Instant) -> Option<Instant> {
        let [definitions, services] = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let by_age = now.checked_sub(MAX_AGE);
        let Some((definitions, services)) = definitions.zip(services) else { return by_age };
        by_age.min(Some(definitions.max(services))).max(now.checked_sub(UNCHANGED_AGE))
    }
}

impl Discovery {
    /// Follows what decides which kinds there are, for as long as it is polled; a list of all kinds is then read again only after a change.
    /// `broke` is told when a watch broke, which is made again by itself.
    pub async fn follow(&self, broke: impl Fn(&watcher::Error)) {
        futures::join!(
            self.follow_kind::<CustomResourceDefinition>(0, &broke),
            self.follow_kind::<APIService>(1, &broke),
        );
    }

    async fn follow_kind<K: Resource<DynamicType = ()>>(
        &self,
        watch: usize,
        broke: &impl Fn(&watcher::Error),
    ) {
        let kind = ApiResource::erase::<K>(&());
        let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(self.client.clone(), &kind);
        let events = watcher(api, watcher::Config::default()).default_backoff();
        pin_mut!(events);
        let mut newest = None;
        while let Some(event) = events.next().await {
            let settles_in = match event {
                Ok(watcher::Event::Init) => {
                    newest = None;
                    continue;
                }
                Ok(watcher::Event::InitApply(object)) => {
                    newest = newest.max(changed(&object.metadata));
                    continue;
                }
                // What was deleted before is not in the list, so that only readings from now on hold all.
                Ok(watcher::Event::InitDone) => settles_in(newest, Timestamp::now()),
                Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_)) => SETTLED,
                Err(error) => {
                    broke(&error);
                    // It tells nothing until it is made again, which is tried sooner than this.
                    SETTLED * 10
                }
            };
            self.followed.set(watch, Instant::now() + settles_in);
        }
    }
}

/// When an object was written last.
fn changed(metadata: &ObjectMeta) -> Option<Timestamp> {
    let written = metadata.managed_fields.iter().flatten().filter_map(|entry| entry.time.as_ref());
    written.chain(metadata.creation_timestamp.as_ref()).map(|time| time.0).max()
}

/// How long it takes until the newest change is settled. A clock that is ahead of ours makes a change new.
fn settles_in(newest: Option<Timestamp>, now: Timestamp) -> Duration {
    let Some(newest) = newest else { return SETTLED };
    let age = now.duration_since(newest).try_into().unwrap_or(Duration::ZERO);
    SETTLED.saturating_sub(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_good_until_something_changes() {
        let begin = Instant::now();
        let now = begin + Duration::from_secs(1000);
        let ago = |seconds: u64| now - Duration::from_secs(seconds);
        // seconds since both watches tell of all, and to the oldest reading that is good
        let check = |watches: [Option<u64>; 2], expected: u64| {
            let followed = Followed::default();
            for (watch, since) in watches.iter().enumerate() {
                if let Some(since) = since {
                    followed.set(watch, ago(*since));
                }
            }
            assert_eq!(followed.since(now), Some(ago(expected)), "{watches:?}");
        };
        check([None, None], 60);
        check([Some(500), None], 60);
        check([Some(500), Some(400)], 400);
        check([Some(5), Some(400)], 60);
        check([Some(900), Some(900)], 600);
        let followed = Followed::default();
        followed.set(0, now + SETTLED);
        followed.set(1, ago(500));
        assert_eq!(followed.since(now), Some(ago(60)));
    }

    #[test]
    fn a_change_is_settled_after_a_while() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let check = |newest: Option<i64>, expected: u64| {
            let actual = settles_in(newest.map(at), at(1000));
            assert_eq!(actual, Duration::from_secs(expected), "{newest:?}");
        };
        check(None, 10);
        check(Some(100), 0);
        check(Some(996), 6);
        check(Some(1100), 10);
    }
}
