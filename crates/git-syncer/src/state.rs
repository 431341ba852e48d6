//! What git-syncer knows and shows: one value, replaced as a whole, that readers watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use kube_apply::ObjectRef;
use tokio::sync::watch;

use crate::git::Revision;
use crate::manifests::{FileError, Workload};

/// How the remote answered last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteCode {
    /// Not asked yet.
    Unknown,
    /// The last fetch succeeded.
    Ready,
    /// The deploy key is refused.
    Denied,
    /// The host key is not known.
    HostKeyUnknown,
    /// It cannot be reached.
    Unreachable,
    /// There is no such branch, or nothing in the repository at all.
    BranchMissing,
    /// Anything else.
    Failed,
}

/// The remote's last answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteState {
    /// Which kind.
    pub code: RemoteCode,
    /// A sentence that a person can act on.
    pub message: String,
    /// When it was asked.
    pub checked_at: Option<SystemTime>,
}

/// Why selected images are not committed at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomationFailure {
    /// A sentence that says what to do.
    pub message: String,
    /// When it was tried last.
    pub at: SystemTime,
}

/// What applying one object led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did not exist before.
    Created,
    /// It was changed.
    Configured,
    /// It was as git says.
    Unchanged,
    /// It was left alone on purpose.
    Skipped,
    /// What is wrong and what to do.
    Failed(String),
}

/// One object of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectOutcome {
    /// The object.
    pub object: ObjectRef,
    /// The file it stands in.
    pub path: String,
    /// What happened.
    pub outcome: Outcome,
}

/// A finished pass.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The revision.
    pub revision: Revision,
    /// When the pass ended.
    pub at: SystemTime,
    /// Each object in the order applied.
    pub objects: Vec<ObjectOutcome>,
    /// What is wrong with files.
    pub file_errors: Vec<FileError>,
    /// The workloads of the revision.
    pub workloads: Vec<Workload>,
    /// The trace of the pass that brought the revision.
    pub traceparent: Option<String>,
}

/// The directories that consumers may fetch, with their digests, as of an applied revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceDigests {
    /// Digest by path relative to the root of the repository.
    pub digests: BTreeMap<String, String>,
}

/// Everything that is shown.
#[derive(Debug, Clone)]
pub struct State {
    /// The deploy key's public half; empty when the remote needs none, or before it is known.
    pub public_key: String,
    /// The remote's last answer.
    pub remote: RemoteState,
    /// Why the last try to commit image updates failed; none after one that succeeded.
    pub automation_failure: Option<AutomationFailure>,
    /// The newest revision fetched.
    pub fetched: Option<Revision>,
    /// The newest finished pass.
    pub applied: Option<Arc<Applied>>,
    /// Chart directories of the applied revisions, oldest first, the newest last; bounded.
    pub sources: Vec<(Revision, Option<String>, Arc<SourceDigests>)>,
}

impl State {
    /// Nothing known yet.
    pub fn initial() -> Self {
        let remote = RemoteState { code: RemoteCode::Unknown, message: String::new(), checked_at: None };
        State {
            public_key: String::new(),
            remote,
            automation_failure: None,
            fetched: None,
            applied: None,
            sources: Vec::new(),
        }
    }
}

/// The shared state. Cheap to clone.
#[derive(Clone)]
pub struct Shared(Arc<watch::Sender<State>>);

impl Shared {
    /// Nothing known yet.
    pub fn new() -> Self {
        Shared(Arc::new(watch::Sender::new(State::initial())))
    }

    /// Looks at the present state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.borrow())
    }

    /// Changes the state and wakes who watches.
    pub fn update(&self, change: impl FnOnce(&mut State)) {
        self.0.send_modify(change);
    }

    /// Watches changes.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}
