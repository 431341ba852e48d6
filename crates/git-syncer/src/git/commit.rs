//! Writing a commit on top of another, in memory: blobs, trees, commit. Nothing is written to the clone; the objects go to the
//! server, and come back with the next fetch.

use gix::objs::tree::EntryKind;

use super::error::{Cause, GitError};
use super::{CommitId, object_id};

/// Who a commit is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Name (`--git-user`).
    pub name: String,
    /// Address (`--git-email`).
    pub email: String,
}

/// New content of an existing file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// Path relative to the root of the repository.
    pub path: String,
    /// The whole new content.
    pub content: Vec<u8>,
}

/// A commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// The commit it goes on top of.
    pub parent: CommitId,
    /// The files it changes.
    pub edits: Vec<FileEdit>,
    /// The whole message.
    pub message: String,
    /// Author and committer.
    pub author: Author,
    /// Seconds since 1970, UTC.
    pub seconds: i64,
}

/// Writes the objects into `repository`, which must keep new objects in memory.
pub(super) fn write(repository: &gix::Repository, commit: &NewCommit) -> Result<CommitId, GitError> {
    let parent = repository.try_find_object(object_id(commit.parent)).map_err(damaged)?;
    let parent = parent.ok_or(GitError::CommitMissing(commit.parent))?.try_into_commit().map_err(damaged)?;
    let tree = parent.tree().map_err(damaged)?;
    let mut editor = tree.edit().map_err(damaged)?;
    for edit in &commit.edits {
        let missing = || GitError::FileMissing { path: edit.path.clone() };
        let entry = tree.lookup_entry_by_path(&edit.path).map_err(damaged)?.ok_or_else(missing)?;
        let kind = entry.mode().kind();
        if !matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable) {
            return Err(missing());
        }
        let blob = repository.write_blob(&edit.content).map_err(damaged)?;
        editor.upsert(&edit.path, kind, blob).map_err(damaged)?;
    }
    let tree = editor.write().map_err(damaged)?.detach();
    let signature = gix::actor::Signature {
        name: commit.author.name.as_str().into(),
        email: commit.author.email.as_str().into(),
        time: gix::date::Time { seconds: commit.seconds, offset: 0 },
    };
    let object = gix::objs::Commit {
        tree,
        parents: [object_id(commit.parent)].into_iter().collect(),
        author: signature.clone(),
        committer: signature,
        encoding: None,
        message: commit.message.as_str().into(),
        extra_headers: Vec::new(),
    };
    Ok(super::commit_id(repository.write_object(&object).map_err(damaged)?.detach()))
}

/// A commit as the history tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub commit: CommitId,
    /// The whole message.
    pub message: String,
    /// The committer's time in seconds since 1970, UTC.
    pub seconds: i64,
}

/// The newest `scan` commits reachable from `tip`, newest first.
pub(super) fn history(
    repository: &gix::Repository,
    tip: CommitId,
    scan: usize,
) -> Result<Vec<CommitInfo>, GitError> {
    use gix::revision::walk::Sorting;
    use gix::traverse::commit::simple::CommitTimeOrder;
    let walk =
        repository.rev_walk([object_id(tip)]).sorting(Sorting::ByCommitTime(CommitTimeOrder::NewestFirst));
    let mut commits = Vec::new();
    for info in walk.all().map_err(damaged)?.take(scan) {
        let info = info.map_err(damaged)?;
        let object = info.object().map_err(damaged)?;
        commits.push(CommitInfo {
            commit: super::commit_id(info.id),
            message: String::from_utf8_lossy(object.message_raw().map_err(damaged)?).into_owned(),
            seconds: object.time().map_err(damaged)?.seconds,
        });
    }
    Ok(commits)
}

fn damaged(error: impl Into<Cause>) -> GitError {
    GitError::Corrupt(error.into())
}
