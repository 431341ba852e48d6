//! The sync loop: fetch, then a pass over the revision: observe → validate → verify → decide → act → report.
//!
//! One task, one pass at a time. It wakes for a request, the poll interval, the sync interval (drift) and the retry of objects
//! that failed. A pass takes no state that a restart would lose: without memory it compares everything with the cluster.

pub mod act;
pub mod decide;
pub mod observe;
pub mod report;
pub mod validate;
pub mod verify;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::backoff::Backoff;
use crate::cluster::{Cluster, Marks};
use crate::decryptor::Decryptor;
use crate::git::{CommitId, GitError, Repository};
use crate::manifests::Workload;
use crate::sources::Sources;
use crate::state::{Applied, RemoteState, Shared};
use decide::{Memory, Scope};
use observe::{Layout, Observation};
use validate::Desired;

/// Applied revisions whose sources stay available.
const REVISIONS_SERVED: usize = 20;
/// Requests that wait for the loop.
const REQUESTS: usize = 64;
/// First wait before failed objects are tried again.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// First wait after a fetch that failed.
const FIRST_FETCH_RETRY: Duration = Duration::from_secs(1);

/// How a sync that was asked for failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The remote did not give its head.
    #[error("{}", .0.message)]
    Remote(RemoteState),
    /// The revision could not be read.
    #[error("the revision cannot be applied: {0}")]
    Pass(String),
    /// The service is stopping.
    #[error("git-syncer is stopping")]
    Stopping,
}

/// A wish to be in step now.
struct Request {
    reply: Option<oneshot::Sender<Result<Arc<Applied>, SyncError>>>,
    traceparent: Option<String>,
}

/// Asks the loop to sync. Cheap to clone.
#[derive(Clone)]
pub struct Handle(mpsc::Sender<Request>);

impl Handle {
    /// Fetches now and waits until the head that is found is applied.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn sync(&self, traceparent: Option<String>) -> Result<Arc<Applied>, SyncError> {
        let (reply, answer) = oneshot::channel();
        let request = Request { reply: Some(reply), traceparent };
        self.0.send(request).await.map_err(|_| SyncError::Stopping)?;
        answer.await.unwrap_or(Err(SyncError::Stopping))
    }

    /// Asks for a sync without waiting; when the queue is full a sync is about to happen anyway.
    pub fn poke(&self, traceparent: Option<String>) {
        let _ = self.0.try_send(Request { reply: None, traceparent });
    }
}

/// Requests on their way to the loop.
pub struct Requests(mpsc::Receiver<Request>);

/// A handle and what the loop reads from it.
pub fn channel() -> (Handle, Requests) {
    let (send, receive) = mpsc::channel(REQUESTS);
    (Handle(send), Requests(receive))
}

/// Everything the loop works with.
pub struct Syncer {
    /// The repository.
    pub repository: Repository,
    /// The cluster.
    pub cluster: Cluster,
    /// The neighbour that verifies SealedSecrets.
    pub decryptor: Option<Decryptor>,
    /// What is applied.
    pub layout: Layout,
    /// Namespace of objects that name none.
    pub default_namespace: String,
    /// Time between fetches.
    pub poll_interval: Duration,
    /// Time between passes over everything.
    pub sync_interval: Duration,
    /// What is shown.
    pub shared: Shared,
    /// Chart directories.
    pub sources: Arc<Sources>,
    /// The workloads of the newest pass, for automation.
    pub workloads: watch::Sender<Option<Arc<Vec<Workload>>>>,
}

/// When the loop has something to do by itself.
struct Schedule {
    fetch_at: Instant,
    everything_at: Instant,
    retry_at: Option<Instant>,
    fetch_backoff: Backoff,
    retry_backoff: Backoff,
    memory: Memory,
}

impl Syncer {
    /// Runs until shutdown.
    pub async fn run(self, mut requests: Requests, shutdown: CancellationToken) {
        let now = Instant::now();
        let mut schedule = Schedule {
            fetch_at: now,
            everything_at: now,
            retry_at: None,
            fetch_backoff: Backoff::new(FIRST_FETCH_RETRY, self.poll_interval),
            retry_backoff: Backoff::new(FIRST_RETRY, self.sync_interval),
            memory: Memory::default(),
        };
        loop {
            let fetched = self.shared.read(|state| state.fetched.is_some());
            // Before the first fetch there is nothing that the other timers could do.
            let own = fetched.then_some(schedule.everything_at).into_iter().chain(schedule.retry_at);
            let wake_at = own.fold(schedule.fetch_at, Instant::min);
            let mut asked = Vec::new();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(request) = requests.0.recv() => asked.push(request),
                () = tokio::time::sleep_until(wake_at) => {}
            }
            while let Ok(request) = requests.0.try_recv() {
                asked.push(request);
            }
            tokio::select! {
                // A pass may be left at any point; the next process finds what it did.
                () = shutdown.cancelled() => return,
                () = self.turn(asked, &mut schedule) => {}
            }
        }
    }

    async fn turn(&self, asked: Vec<Request>, schedule: &mut Schedule) {
        let traceparent = asked.iter().find_map(|request| request.traceparent.clone());
        let mut result = Ok(());
        if !asked.is_empty() || Instant::now() >= schedule.fetch_at {
            result = self.fetch(schedule).await;
        }
        if let Some(scope) = self.scope(schedule)
            && let Err(error) = self.pass(scope, traceparent, schedule).await
        {
            let text = service_kit::chain(&error);
            tracing::warn!("the revision cannot be applied: {text}");
            let retry_at = Instant::now() + schedule.retry_backoff.next_wait();
            schedule.retry_at = Some(retry_at);
            schedule.everything_at = schedule.everything_at.max(retry_at);
            // A damaged clone is replaced by the next fetch, so that one must not come later than the next pass.
            schedule.fetch_at = schedule.fetch_at.min(retry_at);
            // Whatever the reason was, the next pass must not trust what is remembered.
            schedule.memory = Memory::default();
            result = result.and(Err(SyncError::Pass(text)));
        }
        let applied = self.shared.read(|state| state.applied.clone());
        for reply in asked.into_iter().filter_map(|request| request.reply) {
            let answer = result.clone().and_then(|()| applied.clone().ok_or(SyncError::Stopping));
            let _ = reply.send(answer);
        }
    }

    async fn fetch(&self, schedule: &mut Schedule) -> Result<(), SyncError> {
        service_kit::failpoint!("sync.before-fetch");
        let fetched = self.repository.fetch().await;
        service_kit::failpoint!("sync.after-fetch");
        let public_key = self.shared.read(|state| state.public_key.clone());
        let remote = report::remote_state(fetched.as_ref().map(|_| ()), &public_key, SystemTime::now());
        let news = self.shared.read(|state| state.remote.message != remote.message);
        match &fetched {
            Ok(_) if news => tracing::info!("the remote answers"),
            Ok(_) => {}
            Err(_) if news => tracing::warn!("the remote cannot be fetched: {}", remote.message),
            Err(_) => tracing::debug!("the remote still cannot be fetched: {}", remote.message),
        }
        let answer = match fetched {
            Ok(commit) => {
                schedule.fetch_backoff.reset();
                schedule.fetch_at = Instant::now() + self.poll_interval;
                let revision = self.repository.revision(commit);
                self.shared.update(|state| state.fetched = Some(revision));
                Ok(())
            }
            Err(_) => {
                schedule.fetch_at = Instant::now() + schedule.fetch_backoff.next_wait();
                Err(SyncError::Remote(remote.clone()))
            }
        };
        self.shared.update(|state| state.remote = remote);
        answer
    }

    /// What the next pass looks at; `None` when there is nothing to do.
    fn scope(&self, schedule: &Schedule) -> Option<Scope> {
        let (fetched, applied) = self.shared.read(|state| {
            (state.fetched.clone(), state.applied.as_ref().map(|applied| applied.revision.clone()))
        });
        let fetched = fetched?;
        let now = Instant::now();
        let retry_due = schedule.retry_at.is_some_and(|at| now >= at);
        if applied.is_none() {
            return (schedule.retry_at.is_none() || retry_due).then_some(Scope::Everything);
        }
        if now >= schedule.everything_at {
            Some(Scope::Everything)
        } else if applied != Some(fetched) {
            Some(Scope::Changed)
        } else {
            retry_due.then_some(Scope::Failed)
        }
    }

    async fn pass(
        &self,
        scope: Scope,
        traceparent: Option<String>,
        schedule: &mut Schedule,
    ) -> Result<(), GitError> {
        let Some(commit) = self.shared.read(|state| state.fetched.as_ref().map(|revision| revision.commit))
        else {
            return Ok(());
        };
        let observation = observe::observe(&self.repository, commit, &self.layout).await?;
        service_kit::failpoint!("sync.after-observe");
        let span = self.span(&observation, scope, traceparent.as_deref());
        let memory = &mut schedule.memory;
        let failed = self.apply(&observation, scope, memory).instrument(span).await?;
        let now = Instant::now();
        if scope == Scope::Everything {
            schedule.everything_at = now + self.sync_interval;
        }
        if failed {
            schedule.retry_at = Some(now + schedule.retry_backoff.next_wait());
        } else {
            schedule.retry_at = None;
            schedule.retry_backoff.reset();
        }
        Ok(())
    }

    /// The pass's span. A revision's first pass and its retries continue the trace of the commit, else that of the request.
    fn span(&self, observation: &Observation, scope: Scope, asked: Option<&str>) -> tracing::Span {
        let revision = &observation.revision;
        let span = tracing::info_span!("sync.pass", %revision, ?scope);
        let applied = self.shared.read(|state| state.applied.clone());
        let known = applied.filter(|applied| applied.revision == *revision);
        let parent = match (&known, scope) {
            (Some(_), Scope::Everything | Scope::Changed) => asked,
            (Some(applied), Scope::Failed) => applied.traceparent.as_deref(),
            (None, _) => observation.traceparent.as_deref().or(asked),
        };
        if let Some(parent) = parent {
            service_kit::trace_context::continue_from(&span, parent);
        }
        span
    }

    /// Everything of a pass that is in its trace. Returns whether something is to be tried again.
    async fn apply(
        &self,
        observation: &Observation,
        scope: Scope,
        memory: &mut Memory,
    ) -> Result<bool, GitError> {
        let mut desired = validated(observation, &self.default_namespace).await?;
        desired.errors.extend(observation.errors.iter().cloned());
        let parsed = desired.objects.len();
        verify::verify(&mut desired, self.decryptor.as_ref()).await;
        let unverified = parsed - desired.objects.len();
        service_kit::failpoint!("sync.before-apply");

        let traceparent = service_kit::trace_context::current_traceparent();
        let marks = Marks { revision: observation.revision.to_string(), traceparent: traceparent.clone() };
        let steps = decide::decide(&desired.objects, memory, scope, &self.default_namespace);
        let results = act::act(&self.cluster, &desired.objects, &steps, &marks).await;
        service_kit::failpoint!("sync.after-apply");
        let remembered = results.iter().map(|(index, result)| (&desired.objects[*index], &result.outcome));
        memory.remember(remembered, &self.default_namespace);

        let (digests, chart_errors) = self.sources.digests(&observation.tree).await?;
        desired.errors.extend(chart_errors);
        desired.errors.sort();
        let objects = results.into_iter().map(|(_, result)| result).collect();
        self.publish(observation, desired, objects, traceparent, Arc::new(digests));
        service_kit::failpoint!("sync.after-report");
        Ok(memory.has_failures() || unverified > 0)
    }

    fn publish(
        &self,
        observation: &Observation,
        desired: Desired,
        objects: Vec<crate::state::ObjectOutcome>,
        traceparent: Option<String>,
        digests: Arc<crate::state::SourceDigests>,
    ) {
        let mut workloads: Vec<_> =
            desired.objects.into_iter().filter_map(|object| object.workload).collect();
        let order = |workload: &Workload| {
            let object = &workload.object;
            (object.namespace.clone(), object.kind.clone(), object.name.clone())
        };
        workloads.sort_by_key(order);
        let applied = Arc::new(Applied {
            revision: observation.revision.clone(),
            at: SystemTime::now(),
            objects,
            file_errors: desired.errors,
            workloads,
            traceparent: traceparent.clone(),
        });
        report::log(&applied);
        let workloads = Arc::new(applied.workloads.clone());
        self.shared.update(|state| {
            if state.sources.last().is_none_or(|(revision, ..)| *revision != applied.revision) {
                state.sources.retain(|(revision, ..)| *revision != applied.revision);
                state.sources.push((applied.revision.clone(), traceparent, digests));
                let surplus = state.sources.len().saturating_sub(REVISIONS_SERVED);
                state.sources.drain(..surplus);
            }
            state.applied = Some(applied);
        });
        self.workloads.send_replace(Some(workloads));
    }
}

/// Validates on a blocking thread: parsing thousands of files is nothing for the runtime's own.
async fn validated(observation: &Observation, default_namespace: &str) -> Result<Desired, GitError> {
    let (files, default_namespace) = (Arc::clone(&observation.manifests), default_namespace.to_owned());
    let work = tokio::task::spawn_blocking(move || validate::validate(&files, &default_namespace));
    work.await.map_err(|_| GitError::Interrupted)
}

/// The workloads of a commit, for automation, which edits the tip and not what was applied.
///
/// # Errors
/// [`GitError`] when the clone cannot be read.
pub(crate) async fn workloads_at(
    repository: &Repository,
    commit: CommitId,
    layout: &Layout,
    default_namespace: &str,
) -> Result<(Observation, Vec<Workload>), GitError> {
    let observation = observe::observe(repository, commit, layout).await?;
    let desired = validated(&observation, default_namespace).await?;
    let workloads = desired.objects.into_iter().filter_map(|object| object.workload).collect();
    Ok((observation, workloads))
}
