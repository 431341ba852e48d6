//! The git repository: a bare clone that is fetched into, read from and pushed out of.
//!
//! This module and those below it are the only ones that know gix. Every method runs on a blocking thread, under a limit in
//! time; exchanges with the server never overlap.

mod clone;
mod commit;
mod error;
mod process;
mod remote;
mod revision;
mod send_pack;
mod tree;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

pub use commit::{Author, CommitInfo, FileEdit, NewCommit};
pub use error::GitError;
pub use remote::{Remote, RemoteUrl, SshIdentity, UrlError};
pub use revision::{CommitId, Revision, RevisionError};
pub use tree::{BlobId, BlobLimits, File, FileMode, MAX_FILES, Tree, relative_to};

/// Time beyond an exchange's own limit after which its caller stops waiting for the blocking thread.
const GRACE: Duration = Duration::from_secs(10);
/// Exchanges that fail one after the other for no known reason before the clone is suspected and made anew.
const SUSPECT_AFTER: u32 = 3;
/// Memory for objects that deltas are built on.
const OBJECT_CACHE_BYTES: usize = 4 << 20;

/// The repository. Cheap to clone; clones share the state.
#[derive(Clone)]
pub struct Repository {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    remote: Remote,
    /// The open clone; `None` before the first use and after it was thrown away.
    open: RwLock<Option<gix::ThreadSafeRepository>>,
    /// Held, by the blocking thread itself, during an exchange with the server. Counts unexplained failures in a row.
    exchange: Arc<Mutex<u32>>,
    /// Whether the next fetch replaces the clone. Until a new one is there the old one is read, as well as it can be.
    suspect: AtomicBool,
}

impl Repository {
    /// A repository whose clone lives in `folder`. Touches nothing yet.
    pub fn new(folder: PathBuf, remote: Remote) -> Self {
        let (open, exchange, suspect) = (RwLock::default(), Arc::default(), AtomicBool::new(false));
        let inner = Inner { folder, remote, open, exchange, suspect };
        Repository { inner: Arc::new(inner) }
    }

    /// Where it comes from.
    pub fn remote(&self) -> &Remote {
        &self.inner.remote
    }

    /// The revision of a commit on the branch that is followed.
    pub fn revision(&self, commit: CommitId) -> Revision {
        Revision { branch: self.inner.remote.branch.clone(), commit }
    }

    /// Fetches the branch and returns its tip. Clones first when there is no clone, or a damaged one.
    ///
    /// # Errors
    /// Any [`GitError`] but those of commits; the clone keeps what it had.
    pub async fn fetch(&self) -> Result<CommitId, GitError> {
        self.exchange(|inner| {
            if inner.suspect.load(Ordering::SeqCst) || clone::has_too_many_packs(&inner.folder) {
                return inner.clone_anew();
            }
            clone::fetch(&inner.open()?, &inner.remote)
        })
        .await
    }

    /// Lists the files of a commit.
    ///
    /// # Errors
    /// [`GitError::CommitMissing`], [`GitError::Corrupt`], [`GitError::TooLarge`].
    pub async fn tree(&self, commit: CommitId) -> Result<Tree, GitError> {
        self.read(move |repository| tree::read(repository, commit)).await
    }

    /// Reads files' contents, in the order asked for; `None` for one larger than `limits.each`. A content's size is looked at
    /// before it is read, so no more than `limits.total` bytes are ever held.
    ///
    /// # Errors
    /// [`GitError::TooLarge`] when the contents together are larger than `limits.total`, [`GitError::Corrupt`] when one is
    /// not in the clone.
    pub async fn blobs(
        &self,
        blobs: Vec<BlobId>,
        limits: BlobLimits,
    ) -> Result<Vec<Option<Vec<u8>>>, GitError> {
        self.read(move |repository| tree::read_blobs(repository, &blobs, limits)).await
    }

    /// Makes the commit and pushes it, provided the branch still is at its parent.
    ///
    /// After an error that is neither [`GitError::NonFastForward`] nor [`GitError::Rejected`] the push may have happened all
    /// the same: fetch and look.
    ///
    /// # Errors
    /// Any [`GitError`].
    pub async fn push(&self, commit: NewCommit) -> Result<CommitId, GitError> {
        self.exchange(move |inner| {
            let repository = inner.open()?.with_object_memory();
            let new = commit::write(&repository, &commit)?;
            let name = inner.remote.branch_ref();
            let update = send_pack::RefUpdate { name: &name, old: commit.parent, new };
            send_pack::push(&repository, &inner.remote, &update)?;
            Ok(new)
        })
        .await
    }

    /// The newest `scan` commits reachable from `tip`, newest first.
    ///
    /// # Errors
    /// [`GitError::Corrupt`].
    pub async fn history(&self, tip: CommitId, scan: usize) -> Result<Vec<CommitInfo>, GitError> {
        self.read(move |repository| commit::history(repository, tip, scan)).await
    }

    /// Runs `work` alone among exchanges. The lock goes with the blocking thread, so work whose caller gave up still
    /// keeps the next one out.
    async fn exchange<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let inner = Arc::clone(&self.inner);
        let limit = self.inner.remote.timeout;
        let run = async move {
            let mut failures = Arc::clone(&inner.exchange).lock_owned().await;
            spawn_blocking(move || {
                let result = work(&inner);
                *failures = match &result {
                    Err(GitError::Protocol { .. }) => *failures + 1,
                    _ => 0,
                };
                if result.as_ref().is_err_and(GitError::clone_is_damaged) || *failures >= SUSPECT_AFTER {
                    *failures = 0;
                    inner.suspect.store(true, Ordering::SeqCst);
                }
                result
            })
            .await
        };
        tokio::time::timeout(limit + GRACE, run).await.unwrap_or(Err(GitError::Timeout { limit }))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&gix::Repository) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let inner = Arc::clone(&self.inner);
        let limit = self.inner.remote.timeout;
        let run = spawn_blocking(move || {
            let repository = inner.open()?;
            let result = work(&repository);
            if result.as_ref().is_err_and(GitError::clone_is_damaged) {
                inner.suspect.store(true, Ordering::SeqCst);
            }
            result
        });
        tokio::time::timeout(limit, run).await.unwrap_or(Err(GitError::Timeout { limit }))
    }
}

impl Inner {
    fn open(&self) -> Result<gix::Repository, GitError> {
        if let Some(open) = &*self.open.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(with_cache(open));
        }
        let mut slot = self.open.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *slot {
            Some(open) => Ok(with_cache(open)),
            empty => Ok(with_cache(empty.insert(clone::open_or_init(&self.folder)?))),
        }
    }

    /// Clones into a folder beside the clone, which takes its place once it is complete.
    fn clone_anew(&self) -> Result<CommitId, GitError> {
        let fresh = self.folder.with_extension("new");
        clone::discard(&fresh)?;
        let repository = clone::open_or_init(&fresh)?;
        let tip = clone::fetch(&repository.to_thread_local(), &self.remote)?;
        drop(repository);
        let mut slot = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *slot = None;
        clone::discard(&self.folder)?;
        std::fs::rename(&fresh, &self.folder).map_err(GitError::State)?;
        self.suspect.store(false, Ordering::SeqCst);
        Ok(tip)
    }
}

/// A handle for one thread. Each has an object cache of its own, for what is shared by all has none.
fn with_cache(open: &gix::ThreadSafeRepository) -> gix::Repository {
    let mut repository = open.to_thread_local();
    repository.object_cache_size_if_unset(OBJECT_CACHE_BYTES);
    repository
}

/// Runs blocking work under the caller's span.
async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.unwrap_or(Err(GitError::Interrupted))
}

fn object_id(commit: CommitId) -> gix::ObjectId {
    gix::ObjectId::from(*commit.bytes())
}

fn commit_id(id: gix::ObjectId) -> CommitId {
    CommitId::from_bytes(sha1(id))
}

/// The bytes of an object id; the clone's format is SHA-1.
fn sha1(id: gix::ObjectId) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(id.as_slice());
    bytes
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
