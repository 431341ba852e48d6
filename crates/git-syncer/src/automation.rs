//! Image automation: from selections to one commit on the tip.
//!
//! A selection is a wish, not a fact: it is carried out on the newest tip, and only where the file still says the tag that the
//! selection started from. So a repetition, after a crash or from two streams, changes nothing, and there is exactly one commit
//! per new tag.

pub mod edit;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::backoff::Backoff;
use crate::git::{Author, CommitId, GitError, NewCommit, Repository};
use crate::state::{AutomationFailure, Shared};
use crate::sync::observe::{Layout, Observation};
use crate::sync::{self, report, workloads_at};
use crate::trailers;
use edit::{Plan, Selection};

/// Tries against other writers before waiting.
const TRIES: usize = 5;
/// Selections held at once; what is beyond is asked for again once these are committed.
const MAX_PENDING: usize = 10_000;
/// First wait after a push that failed.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// Longest wait after a push that failed.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// The task that commits.
pub struct Automation {
    /// The repository.
    pub repository: Repository,
    /// Where its manifests are.
    pub layout: Layout,
    /// Namespace of objects that name none.
    pub default_namespace: String,
    /// Who the commits are by.
    pub author: Author,
    /// Asked for a sync after each commit.
    pub sync: sync::Handle,
    /// Where failures are shown.
    pub shared: Shared,
    /// Asked for all selections once more, when there were too many to hold.
    pub again: Arc<Notify>,
}

/// What identifies the wish: a later one for the same container replaces it.
type Key = (String, String);

impl Automation {
    /// Runs until shutdown. A commit under way is finished.
    pub async fn run(self, mut selections: mpsc::Receiver<Vec<Selection>>, shutdown: CancellationToken) {
        let mut pending: BTreeMap<Key, Selection> = BTreeMap::new();
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        let mut wait = None;
        let mut dropped = 0;
        loop {
            let retry = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                received = selections.recv() => match received {
                    Some(received) => dropped += add(&mut pending, received),
                    None => return,
                },
                () = retry => {}
            }
            // All that is at hand goes into one commit.
            while let Ok(received) = selections.try_recv() {
                dropped += add(&mut pending, received);
            }
            let carried_out = self.carry_out(&pending).await;
            self.show(carried_out.as_ref().err());
            match carried_out {
                Ok(()) => {
                    pending.clear();
                    if std::mem::take(&mut dropped) > 0 {
                        tracing::info!("asking for the selections that there was no room for");
                        self.again.notify_one();
                    }
                    backoff.reset();
                    wait = None;
                }
                Err(error) => {
                    let next = backoff.next_wait();
                    tracing::warn!(
                        selections = pending.len(),
                        retry_in = ?next,
                        "image updates could not be committed: {}",
                        service_kit::chain(&error)
                    );
                    wait = Some(next);
                }
            }
        }
    }

    /// Shows the failure, or that there is none any more.
    fn show(&self, error: Option<&GitError>) {
        let shown = self.shared.read(|state| state.automation_failure.is_some());
        if error.is_none() && !shown {
            return;
        }
        let public_key = self.shared.read(|state| state.public_key.clone());
        let failure = error.map(|error| AutomationFailure {
            message: report::push_advice(error, &public_key, &self.repository.remote().branch),
            at: SystemTime::now(),
        });
        self.shared.update(|state| state.automation_failure = failure);
    }

    /// Commits what is still to be done of the selections; nothing when there is nothing.
    async fn carry_out(&self, pending: &BTreeMap<Key, Selection>) -> Result<(), GitError> {
        if pending.is_empty() {
            return Ok(());
        }
        let selections: Vec<Selection> = pending.values().cloned().collect();
        let mut last = None;
        for _ in 0..TRIES {
            match self.commit(&selections).await {
                Err(error) if error.is_lost_race() => {
                    tracing::info!("another writer was first; editing the new tip");
                    last = Some(error);
                }
                other => return other,
            }
        }
        last.map_or(Ok(()), Err)
    }

    async fn commit(&self, selections: &[Selection]) -> Result<(), GitError> {
        let tip = self.repository.fetch().await?;
        let (observation, workloads) =
            workloads_at(&self.repository, tip, &self.layout, &self.default_namespace).await?;
        let Observation { manifests, .. } = observation;
        let plan = edit::plan(selections, &workloads, &manifests);
        for (selection, reason) in &plan.passed_over {
            tracing::info!(
                workload = selection.workload,
                container = selection.container,
                tag = %selection.to_tag,
                "an image is not updated: {reason}"
            );
        }
        if plan.edits.is_empty() {
            return Ok(());
        }
        let span = tracing::info_span!("automation.commit", images = plan.moves.len());
        let mut causes = plan.traceparents.iter();
        if let Some(parent) = causes.next() {
            service_kit::trace_context::continue_from(&span, parent);
        }
        causes.for_each(|cause| service_kit::trace_context::link(&span, cause));
        self.push(tip, plan).instrument(span).await
    }

    async fn push(&self, tip: CommitId, plan: Plan) -> Result<(), GitError> {
        let traceparent = service_kit::trace_context::current_traceparent();
        let message = trailers::message(&plan.moves, traceparent.as_deref());
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let commit = NewCommit {
            parent: tip,
            edits: plan.edits,
            message,
            author: self.author.clone(),
            seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        };
        service_kit::failpoint!("automation.before-push");
        let new = self.repository.push(commit).await?;
        service_kit::failpoint!("automation.after-push");
        for image in &plan.moves {
            tracing::info!(
                commit = %new,
                workload = format!("{}/{}", image.namespace, image.name),
                container = image.container,
                from = image.from,
                to = image.to,
                "an image update is committed"
            );
        }
        self.sync.poke(traceparent);
        Ok(())
    }
}

/// Takes selections in, as far as there is room. Returns how many there was none for.
fn add(pending: &mut BTreeMap<Key, Selection>, received: Vec<Selection>) -> usize {
    let mut dropped = 0;
    for selection in received {
        let key = (selection.workload.clone(), selection.container.clone());
        if pending.len() < MAX_PENDING || pending.contains_key(&key) {
            pending.insert(key, selection);
        } else {
            dropped += 1;
        }
    }
    if dropped > 0 {
        tracing::warn!(
            held = pending.len(),
            dropped,
            "more image updates are selected than are held at once; the others are asked for again after these"
        );
    }
    dropped
}

#[cfg(test)]
mod tests;
