//! What can go wrong with git, told apart by what a person has to do about it.

use std::time::Duration;

use super::CommitId;

/// Boxed cause of an error whose concrete type stays inside the git adapter.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error of the git adapter. The Display text is a sentence; causes are in `source()`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The server refused the deploy key.
    #[error("the git server refused the deploy key ({detail})")]
    Denied {
        /// What the server said.
        detail: String,
    },
    /// The key may read but not write.
    #[error("the deploy key has no write access: give it that at the git server ({detail})")]
    ReadOnly {
        /// What the server said.
        detail: String,
    },
    /// The server's host key is not among the known hosts.
    #[error(
        "the host key of {host} is not in --known-hosts-file: add the line that the host's operator publishes ({detail})"
    )]
    HostKey {
        /// The host asked for.
        host: String,
        /// What ssh said.
        detail: String,
    },
    /// The server cannot be reached.
    #[error("{host} cannot be reached ({detail})")]
    Unreachable {
        /// The host asked for.
        host: String,
        /// What ssh or the socket said.
        detail: String,
    },
    /// There is no repository at the URL, or the key is not allowed to see it.
    #[error("there is no repository at {url}, or the deploy key is not allowed to see it ({detail})")]
    RepositoryMissing {
        /// The URL.
        url: String,
        /// What the server said.
        detail: String,
    },
    /// The repository has no commit at all.
    #[error("the repository is empty: push a first commit to the branch `{branch}`")]
    Empty {
        /// The branch that is followed.
        branch: String,
    },
    /// The repository has other branches, but not this one.
    #[error("the repository has no branch `{branch}`: push it, or set --git-branch to one of: {others}")]
    BranchMissing {
        /// The branch that is followed.
        branch: String,
        /// Names of a few branches that exist.
        others: String,
    },
    /// The operation did not end within its limit.
    #[error("git did not finish within {} s (--git-timeout)", .limit.as_secs())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// Another writer moved the branch first.
    #[error("another writer moved the branch first ({detail})")]
    NonFastForward {
        /// What shows it.
        detail: String,
    },
    /// The server declined the push, by a hook or a rule.
    #[error("the git server declined the push: {reason}")]
    Rejected {
        /// The server's reason, then what its hooks printed.
        reason: String,
    },
    /// The commit is not in the clone (any more).
    #[error("commit {0} is not in the clone")]
    CommitMissing(CommitId),
    /// The clone is damaged; the next fetch replaces it.
    #[error("the clone in the state folder is damaged; it will be cloned anew")]
    Corrupt(#[source] Cause),
    /// Something in the repository is larger than git-syncer handles.
    #[error("{what} is larger than git-syncer handles ({limit})")]
    TooLarge {
        /// What.
        what: String,
        /// The limit with its unit.
        limit: String,
    },
    /// The file to edit is not in the tree.
    #[error("the file {path} is not in the tree of the commit")]
    FileMissing {
        /// Path relative to the root of the repository.
        path: String,
    },
    /// A program could not be started.
    #[error("cannot start `{program}`; it must be installed beside git-syncer")]
    Spawn {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The state folder cannot be read or written.
    #[error("cannot use the state folder (--state-dir)")]
    State(#[source] std::io::Error),
    /// The server broke the protocol, or the connection ended in its midst.
    #[error("the exchange with the git server failed{}", detail_suffix(.detail))]
    Protocol {
        /// What the server's side printed, if anything.
        detail: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The blocking task died.
    #[error("git work was interrupted")]
    Interrupted,
}

fn detail_suffix(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(" ({detail})") }
}

impl GitError {
    /// Whether the next fetch should replace the clone.
    pub fn clone_is_damaged(&self) -> bool {
        matches!(self, GitError::Corrupt(_))
    }

    /// Whether fetching, editing and pushing again can succeed at once.
    pub fn is_lost_race(&self) -> bool {
        matches!(self, GitError::NonFastForward { .. })
    }
}
