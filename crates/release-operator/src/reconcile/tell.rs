//! Telling what a look came to: the status, if it says something new, and Events.

use std::time::{Duration, Instant};

use kube::core::Resource as _;
use tracing::Instrument as _;

use super::report::{self, Report};
use super::validate::{Identity, Object};
use super::{Next, known_status};
use crate::context::Context;
use crate::memory::Untold;

/// How long it is not told that a revision was made, while its workloads are on their way: most are there by then, and one status tells
/// both. A person who asked is told at once.
const MOMENT: Duration = Duration::from_secs(1);

/// To whom it is told.
pub(super) struct Telling<'a> {
    pub(super) object: &'a Object,
    pub(super) context: &'a Context,
    pub(super) identity: &'a Identity,
}

impl Telling<'_> {
    /// Tells what a look came to, with what was kept of the one before; or keeps it for the next one, when it `may_be_kept`. When the
    /// object is looked at again.
    pub(super) async fn tell(&self, report: Report, next: Next, may_be_kept: bool) -> Next {
        let (key, uid, memory) = (self.identity.key(), &self.identity.uid, &self.context.memory);
        if next == Next::Gone {
            return next;
        }
        let generation = self.object.meta().generation.unwrap_or(0);
        let untold = |since, report| Untold { uid: uid.clone(), generation, since, report };
        let now = match memory.take_untold(&key, uid) {
            Some(before) if before.generation == generation && report.done.is_none() => {
                untold(before.since, before.report.followed_by(report))
            }
            // Two revisions are two Events, and what was dealt with is not what is asked for by now.
            Some(before) => {
                if !self.write(&before.report, before.generation).await {
                    memory.keeps(&key, before);
                    return Next::Retry;
                }
                untold(Instant::now(), report)
            }
            None => untold(Instant::now(), report),
        };
        match (next, left(&now.report, now.since.elapsed())) {
            (Next::After(delay), Some(left)) if may_be_kept => {
                memory.keeps(&key, now);
                Next::After(delay.min(left))
            }
            _ if self.write(&now.report, generation).await => next,
            _ => {
                memory.keeps(&key, now);
                Next::Retry
            }
        }
    }

    /// Writes the status if it says something new, and publishes what is worth an Event. False when the status could not be written.
    async fn write(&self, report: &Report, generation: i64) -> bool {
        let Self { object, context, identity } = *self;
        let key = identity.key();
        let before = known_status(object, context, &key);
        let after = report::status(&before, report, &identity.uid, generation, jiff::Timestamp::now());
        if after == before {
            return true;
        }
        let write = context.cluster.set_status(identity, &after);
        match write.instrument(tracing::info_span!("report")).await {
            Ok(Some(version)) => context.memory.status_is(&key, version, after),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!("the status cannot be written: {}", service_kit::chain(&error));
                return false;
            }
        }
        for notice in report::notices(&before, report, &identity.uid) {
            context.cluster.publish(identity, notice.warning, notice.reason, notice.note).await;
        }
        true
    }
}

/// How much longer it is kept; nothing when it is to be told. Of one moment for all looks at a revision, not of one for each.
fn left(report: &Report, kept_for: Duration) -> Option<Duration> {
    let left = MOMENT.checked_sub(kept_for).filter(|left| !left.is_zero());
    left.filter(|_| report.is_of_a_moment())
}

#[cfg(test)]
mod tests {
    use super::report::{Done, PROGRESSING, Verdict};
    use super::*;

    #[test]
    fn what_is_on_its_way_is_told_after_one_moment() {
        let moving = || Report::reconciling(Verdict::new(Some(false), PROGRESSING, "0 of 1"));
        let made = || Report { done: Some(Done::Installed), ..moving() };
        let ready = Report::settled(Verdict::new(Some(true), "ReleaseReady", "all there"));
        let millis = Duration::from_millis;
        let check = |report: &Report, kept_for: u64, expected: Option<u64>| {
            assert_eq!(left(report, millis(kept_for)), expected.map(millis), "after {kept_for} ms");
        };
        check(&made(), 0, Some(1000));
        check(&made().followed_by(moving()), 400, Some(600));
        check(&made().followed_by(moving()), 1000, None);
        check(&made().followed_by(moving()), 5000, None);
        check(&made().followed_by(ready), 0, None);
        check(&moving(), 0, None);
    }
}
