//! Step 1: what is there. Reads the release's records, the chart and the values; changes nothing.

use std::sync::Arc;
use std::time::Duration;

use crds::FluxHelmReleaseStatus;
use helm_release::{HookEvent, HookPhase, Release, Status};
use serde_json::{Map, Value};
use tracing::Instrument as _;

use crate::context::{Context, Key};
use crate::memory::Ask;
use crate::reconcile::decide::{Asked, Attempts, Difference, Facts, Maker, Newest, Policy, Tests};
use crate::reconcile::validate::{ChartRef, Subject};
use crate::reconcile::values::{ComposeError, Place, compose};
use crate::record::{self, Inputs};
use crate::records::{Failed, RecordLabels, Records};
use crate::released::Released;
use crate::source::{ChartSource, SourceError};
use crate::store::{StoreError, Stored};

/// What is asked for: the chart and the values as they are now.
pub struct Wanted {
    /// The chart.
    pub source: ChartSource,
    /// The values.
    pub values: Map<String, Value>,
    /// The digests of all of it.
    pub inputs: Inputs,
}

/// What is there.
pub struct Observed {
    /// All records, by their labels.
    pub records: Records,
    /// The newest one.
    pub newest: Option<Arc<Released>>,
    /// The newest one with all of its record, where that had to be read.
    pub stored: Option<Stored>,
    /// What is asked for; not read when our own cut-off revision is to be completed, which needs none of it.
    pub wanted: Option<Wanted>,
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
    /// The values.
    #[error("the values cannot be put together")]
    Values(#[from] ComposeError),
    /// What the values are to be read from cannot be read.
    #[error("the values cannot be read at present")]
    ValuesUnreadable(#[from] kube_apply::ApplyError),
    /// The records.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads everything that a decision needs. `settled` tells that the object's git revision need not be waited for, `is_asked` that a person
/// wants the newest chart.
///
/// # Errors
/// [`ObserveError`]; none of them is taken for an absent release.
pub async fn observe(
    context: &Context,
    subject: &Subject,
    key: &Key,
    settled: bool,
    is_asked: bool,
) -> Result<Observed, ObserveError> {
    let read = async {
        let records = context.store.known_records(&subject.namespace, subject.release.as_str()).await?;
        let (newest, stored) = newest(context, subject, key, &records).await?;
        let is_ours = records.newest().is_some_and(|newest| newest.was_made_for(&subject.identity.uid));
        let is_cut_off = newest.as_ref().is_some_and(|newest| {
            is_ours && is_open(&newest.status) && (newest.status.is_pending() || newest.is_purged_here)
        });
        if is_cut_off {
            let waits = newest.as_ref().is_some_and(|newest| context.memory.is_waiting(key, newest.revision));
            // What waits is given up when something else is asked for; what was cut off is completed first, whatever is asked for.
            let wanted = if waits { wanted(context, subject, true, false).await.ok() } else { None };
            return Ok(Observed { records, newest, stored, wanted });
        }
        let wanted = Some(wanted(context, subject, settled, is_asked).await?);
        Ok(Observed { records, newest, stored, wanted })
    };
    read.instrument(tracing::info_span!("observe")).await
}

/// The newest record: what is remembered of it, if it has not changed since, else as it is read now.
async fn newest(
    context: &Context,
    subject: &Subject,
    key: &Key,
    records: &Records,
) -> Result<(Option<Arc<Released>>, Option<Stored>), StoreError> {
    let Some(last) = records.newest() else { return Ok((None, None)) };
    let version = last.version.to_string();
    let is_same = |known: &Arc<Released>| {
        known.version.as_deref() == Some(version.as_str())
            && (known.namespace.as_str(), known.name.as_str())
                == (&subject.namespace, subject.release.as_str())
    };
    // Whose inputs are not in its labels is compared by its content.
    if last.was_made_for(&subject.identity.uid)
        && !is_open(&last.status)
        && let Some(known) = context.memory.released(key).filter(is_same)
    {
        return Ok((Some(known), None));
    }
    let (namespace, release) = (subject.namespace.as_str(), subject.release.as_str());
    let Some(stored) = context.store.get(namespace, release, last.revision).await? else {
        // Deleted since it was listed: look again.
        return Err(StoreError::Taken { release: release.to_owned(), revision: last.revision });
    };
    let known = Arc::new(Released::from(&stored));
    context.memory.released_is(key, known.clone());
    Ok((Some(known), Some(stored)))
}

async fn wanted(
    context: &Context,
    subject: &Subject,
    settled: bool,
    is_asked: bool,
) -> Result<Wanted, ObserveError> {
    if let (ChartRef::Git(path), Some(revision), false) = (&subject.chart, &subject.source_revision, settled)
        && !context.charts.reached(revision, path).await?
    {
        return Err(ObserveError::NotApplied(revision.clone()));
    }
    wanted_at(context, subject, None, is_asked).await
}

/// What is asked for, with the chart at a git revision, or as it is now.
///
/// # Errors
/// [`ObserveError`].
pub async fn wanted_at(
    context: &Context,
    subject: &Subject,
    revision: Option<&str>,
    is_asked: bool,
) -> Result<Wanted, ObserveError> {
    let source = match (&subject.chart, revision) {
        (ChartRef::Git(path), None) => context.charts.fetch(path).await?,
        (ChartRef::Git(path), Some(revision)) => context.charts.fetch_at(path, revision).await?,
        (ChartRef::Repository(chart), _) => {
            context.charts.fetch_from_repository(&subject.identity.namespace, chart, is_asked).await?
        }
    };
    let mut texts = Vec::with_capacity(subject.values_from.len());
    for from in &subject.values_from {
        texts.push(match &from.place {
            Place::ChartFile { path } => {
                let chart = source.chart.chart();
                let found = chart.files.iter().find(|file| file.name == *path);
                found.map(|file| file.data.to_vec())
            }
            place => context.cluster.values_text(&subject.identity.namespace, place).await?,
        });
    }
    let values = compose(&subject.values_from, texts, &subject.values)?;
    let inputs = Inputs {
        source_revision: source.revision.clone(),
        chart_digest: source.digest.clone(),
        values_digest: record::values_digest(&values),
        options_digest: subject.options.digest.clone(),
    };
    Ok(Wanted { source, values, inputs })
}

/// The digests of what is asked for now, if it can be read.
pub async fn inputs(context: &Context, subject: &Subject) -> Option<Inputs> {
    wanted(context, subject, true, false).await.ok().map(|wanted| wanted.inputs)
}

/// Whether an operation is under way or was cut off.
fn is_open(status: &Status) -> bool {
    status.is_pending() || *status == Status::Uninstalling
}

/// What was observed, in the terms of a decision. Pure but for what is remembered.
pub fn facts<'a>(
    observed: &'a Observed,
    subject: &Subject,
    context: &Context,
    status: &FluxHelmReleaseStatus,
    asked: Option<&Ask>,
    now: jiff::Timestamp,
) -> Facts<'a> {
    let key = subject.identity.key();
    let newest = observed.newest.as_ref().map(|released| Newest {
        is_waiting: context.memory.is_waiting(&key, released.revision),
        ..newest_facts(observed, released, subject, status, now)
    });
    Facts {
        history: &observed.records.history,
        newest: newest.unwrap_or_default(),
        attempts: match &observed.wanted {
            Some(wanted) => {
                let remembered = context.memory.failures(&key, &wanted.inputs, subject.generation);
                let attempts = remembered.map_or_else(
                    || attempts(status, &wanted.inputs, subject.generation, now),
                    |(failures, since)| Attempts { failures, since },
                );
                // A process that was killed has told nobody of its last failure.
                let recorded = failed(observed, subject, &wanted.inputs).count;
                Attempts { failures: attempts.failures.max(recorded), ..attempts }
            }
            None => Attempts::default(),
        },
        policy: policy(subject),
        asked: match asked {
            None | Some(Ask::Look) => Asked::Nothing,
            Some(Ask::Retry) => Asked::Retry,
            Some(Ask::Rollback(to)) => Asked::Rollback(*to),
            Some(Ask::Test(_)) => Asked::Test,
        },
    }
}

fn policy(subject: &Subject) -> Policy {
    let options = &subject.options;
    Policy {
        install: options.install_retries,
        failed_install: options.failed_install,
        upgrade: options.upgrade_retries,
        failed_upgrade: options.failed_upgrade,
        undo: options.drift.mode == crds::DriftMode::Correct,
    }
}

/// What the status tells of failures of these inputs.
pub fn attempts(
    status: &FluxHelmReleaseStatus,
    inputs: &Inputs,
    generation: i64,
    now: jiff::Timestamp,
) -> Attempts {
    let Some(last) = status.last_attempt.as_ref().filter(|last| last.generation == generation) else {
        return Attempts::default();
    };
    if !inputs_of(last).same_release(inputs) {
        return Attempts::default();
    }
    let since = last.time.as_ref().and_then(|time| now.duration_since(time.0).try_into().ok());
    Attempts { failures: u32::try_from(last.failures).unwrap_or(0), since: since.unwrap_or_default() }
}

/// What the records tell of failures of these inputs.
pub fn failed(observed: &Observed, subject: &Subject, inputs: &Inputs) -> Failed {
    observed.records.failed(&subject.identity.uid, &inputs.labels(), subject.generation)
}

fn inputs_of(last: &crds::LastAttempt) -> Inputs {
    Inputs {
        source_revision: last.source_revision.clone().unwrap_or_default(),
        chart_digest: last.chart_digest.clone().unwrap_or_default(),
        values_digest: last.values_digest.clone().unwrap_or_default(),
        options_digest: last.options_digest.clone().unwrap_or_default(),
    }
}

fn newest_facts(
    observed: &Observed,
    released: &Released,
    subject: &Subject,
    status: &FluxHelmReleaseStatus,
    now: jiff::Timestamp,
) -> Newest {
    let labels = observed.records.newest();
    let is_ours = labels.is_some_and(|labels| labels.was_made_for(&subject.identity.uid));
    let age = match &observed.stored {
        Some(stored) => age(&stored.release, now),
        None => Duration::ZERO,
    };
    let wanted = observed.wanted.as_ref();
    Newest {
        maker: if is_ours { Maker::Us } else { Maker::Others },
        age,
        difference: wanted.map(|wanted| difference(observed, released, wanted)).unwrap_or_default(),
        rolls_back_to: released.rolls_back_to,
        is_remediation: is_ours && released.is_remediation,
        is_purged_here: released.is_purged_here,
        is_waiting: false,
        undoes_ours: wanted.is_some_and(|wanted| {
            let last = observed.records.last_made_for(&subject.identity.uid);
            was_asked_before(&wanted.inputs, last, status)
        }),
        tests: tests(released, subject),
    }
}

/// Whether the inputs are those that this service made a revision of last, or found deployed.
fn was_asked_before(
    inputs: &Inputs,
    last_made: Option<&RecordLabels>,
    status: &FluxHelmReleaseStatus,
) -> bool {
    let made = last_made.and_then(|labels| labels.inputs.as_ref());
    made == Some(&inputs.labels())
        || status
            .last_attempt
            .as_ref()
            .is_some_and(|last| last.failures == 0 && inputs_of(last).same_release(inputs))
}

fn difference(observed: &Observed, released: &Released, wanted: &Wanted) -> Difference {
    if let Some(made) = released.inputs.as_ref().filter(|_| released.is_written_here) {
        let asked = wanted.inputs.labels();
        return Difference {
            chart: made.chart != asked.chart,
            values: made.values != asked.values,
            options: made.options != asked.options,
        };
    }
    let Some(stored) = &observed.stored else { return Difference::default() };
    let release = &stored.release;
    Difference {
        chart: record::chart_differs(release, wanted.source.chart.chart(), &wanted.source.digest),
        values: record::values_differ(release, &wanted.values),
        options: record::options_differ(release, &wanted.inputs.options_digest),
    }
}

/// What became of the tests of the newest revision, as far as the object asks for them.
fn tests(released: &Released, subject: &Subject) -> Tests {
    let options = &subject.options.test;
    let tests =
        released.hooks.iter().filter(|hook| hook.runs_at(&HookEvent::Test) && options.includes(&hook.name));
    let phases: Vec<_> = tests.map(|hook| &hook.last_run.phase).collect();
    let failed = phases.iter().any(|phase| **phase == HookPhase::Failed);
    // Begun, by whomever it was asked for.
    if phases.iter().any(|phase| matches!(phase, HookPhase::Running | HookPhase::Unknown)) {
        return Tests::Due;
    }
    let is_open = phases.iter().any(|phase| **phase == HookPhase::Unset);
    match (options.is_enabled, failed) {
        (true, false) if is_open => Tests::Due,
        (true, true) if !options.may_fail => Tests::Failed,
        _ => Tests::Settled,
    }
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
