//! Step 1: what is there. Reads the release's records and the chart; changes nothing.

use std::time::Duration;

use helm_release::{History, Release, Status};
use tracing::Instrument as _;

use crate::context::Context;
use crate::reconcile::decide::{Facts, Newest};
use crate::reconcile::validate::Subject;
use crate::record;
use crate::source::{ChartSource, SourceError};
use crate::store::{StoreError, Stored};

/// What is there.
pub struct Observed {
    /// All records, by revision and status.
    pub history: History,
    /// Whether some of them was made for the object.
    pub is_claimed: bool,
    /// The newest one.
    pub newest: Option<Stored>,
    /// The chart; not read when our own cut-off revision is to be completed, which needs none.
    pub source: Option<ChartSource>,
}

/// Why that is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The object is of a git revision that git-syncer is still applying.
    #[error("git revision {0} is still being applied; the release follows when its charts are served")]
    NotApplied(String),
    /// The chart.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The records.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads everything that a decision needs. `settled` tells that the object's git revision need not be waited for.
///
/// # Errors
/// [`ObserveError`]; none of them is taken for an absent release.
pub async fn observe(context: &Context, subject: &Subject, settled: bool) -> Result<Observed, ObserveError> {
    let read = async {
        let (namespace, release) = (subject.identity.namespace.as_str(), subject.release.as_str());
        let records = context.store.records(namespace, release).await?;
        let is_claimed = records.are_of(&subject.identity.uid);
        let history = records.history;
        let newest = match history.last() {
            Some(last) => match context.store.get(namespace, release, last.revision).await? {
                Some(stored) => Some(stored),
                // Deleted between the two reads: look again.
                None => {
                    return Err(
                        StoreError::Taken { release: release.to_owned(), revision: last.revision }.into()
                    );
                }
            },
            None => None,
        };
        if newest.as_ref().is_some_and(|newest| is_cut_off(newest, subject)) {
            return Ok(Observed { history, is_claimed, newest, source: None });
        }
        if let Some(revision) = subject.source_revision.as_deref().filter(|_| !settled)
            && !context.charts.reached(revision, &subject.chart).await?
        {
            return Err(ObserveError::NotApplied(revision.to_owned()));
        }
        let source = Some(context.charts.fetch(&subject.chart).await?);
        Ok(Observed { history, is_claimed, newest, source })
    };
    read.instrument(tracing::info_span!("observe")).await
}

/// Our own revision that was begun and not ended.
fn is_cut_off(newest: &Stored, subject: &Subject) -> bool {
    matches!(newest.release.info.status, Status::PendingInstall | Status::PendingUpgrade)
        && record::is_claimed_by(&newest.release, &subject.identity.uid)
}

/// What was observed, in the terms of a decision. Pure.
pub fn facts<'a>(observed: &'a Observed, subject: &Subject, forced: bool, now: jiff::Timestamp) -> Facts<'a> {
    let newest = observed.newest.as_ref().map(|stored| {
        let release = &stored.release;
        let chart_differs =
            |source: &ChartSource| record::chart_differs(release, source.chart.chart(), &source.digest);
        Newest {
            ours: record::is_claimed_by(release, &subject.identity.uid),
            age: age(release, now),
            chart_differs: observed.source.as_ref().is_some_and(chart_differs),
            values_differ: record::values_differ(release, &subject.values),
        }
    });
    Facts { history: &observed.history, newest: newest.unwrap_or_default(), forced }
}

/// For how long the newest operation has been going on. An uninstall renews nothing but the time of deletion (Helm's
/// `action.Uninstall`); every other operation has a revision of its own. Zero when the record does not tell.
fn age(release: &Release, now: jiff::Timestamp) -> Duration {
    let info = &release.info;
    let begun = match info.status {
        Status::Uninstalling => info.deleted.as_ref().or(info.last_deployed.as_ref()),
        _ => info.last_deployed.as_ref(),
    };
    begun.and_then(|begun| now.duration_since(begun.timestamp()).try_into().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use helm_release::ReleaseName;

    use super::*;

    #[test]
    fn an_operation_counts_from_when_it_was_begun() {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        let check = |status: Status, deployed: Option<i64>, deleted: Option<i64>, expected: u64| {
            let mut release = Release::new(ReleaseName::new("web").unwrap(), "dev", 1);
            release.info.status = status.clone();
            release.info.last_deployed = deployed.map(|second| at(second).into());
            release.info.deleted = deleted.map(|second| at(second).into());
            assert_eq!(
                age(&release, at(1000)),
                Duration::from_secs(expected),
                "{status} {deployed:?} {deleted:?}"
            );
        };
        check(Status::PendingUpgrade, Some(900), None, 100);
        check(Status::Uninstalling, Some(100), Some(990), 10);
        check(Status::Uninstalling, Some(100), None, 900);
        // A record that tells no time, and another machine's clock that is ahead.
        check(Status::PendingInstall, None, None, 0);
        check(Status::PendingInstall, Some(1010), None, 0);
    }
}
