//! Report: what people and neighbours get to know of a pass and of the remote.

use std::time::SystemTime;

use crate::git::GitError;
use crate::state::{Applied, ObjectOutcome, Outcome, RemoteCode, RemoteState};

/// The remote's state after a fetch.
pub fn remote_state(result: Result<(), &GitError>, public_key: &str, now: SystemTime) -> RemoteState {
    let (code, message) = match result {
        Ok(()) => (RemoteCode::Ready, String::new()),
        Err(error) => (code_of(error), advice(error, public_key)),
    };
    RemoteState { code, message, checked_at: Some(now) }
}

fn code_of(error: &GitError) -> RemoteCode {
    match error {
        GitError::Denied { .. } | GitError::ReadOnly { .. } | GitError::RepositoryMissing { .. } => {
            RemoteCode::Denied
        }
        GitError::HostKey { .. } => RemoteCode::HostKeyUnknown,
        GitError::Unreachable { .. } | GitError::Timeout { .. } => RemoteCode::Unreachable,
        GitError::BranchMissing { .. } | GitError::Empty { .. } => RemoteCode::BranchMissing,
        _ => RemoteCode::Failed,
    }
}

/// The error as a sentence that ends in what to do.
pub fn advice(error: &GitError, public_key: &str) -> String {
    let text = service_kit::chain(error);
    match error {
        GitError::Denied { .. } | GitError::ReadOnly { .. } | GitError::RepositoryMissing { .. }
            if !public_key.is_empty() =>
        {
            format!("{text}; add this public key as a deploy key with write access: {public_key}")
        }
        _ => text,
    }
}

/// Why image updates could not be committed to `branch`, as a sentence that ends in what to do.
pub fn push_advice(error: &GitError, public_key: &str, branch: &str) -> String {
    let text = advice(error, public_key);
    match error {
        GitError::Rejected { .. } => format!(
            "{text}; a hook or a rule of the branch `{branch}` refuses commits by git-syncer: let its deploy key push there"
        ),
        _ => text,
    }
}

/// Logs a finished pass: one line of counts, and one for each failure.
pub fn log(applied: &Applied) {
    let count = |wanted: fn(&Outcome) -> bool| {
        applied.objects.iter().filter(|object| wanted(&object.outcome)).count()
    };
    tracing::info!(
        revision = %applied.revision,
        created = count(|outcome| matches!(outcome, Outcome::Created)),
        configured = count(|outcome| matches!(outcome, Outcome::Configured)),
        unchanged = count(|outcome| matches!(outcome, Outcome::Unchanged)),
        skipped = count(|outcome| matches!(outcome, Outcome::Skipped)),
        failed = count(|outcome| matches!(outcome, Outcome::Failed(_))),
        file_errors = applied.file_errors.len(),
        "the revision is applied"
    );
    for error in &applied.file_errors {
        tracing::warn!("{error}");
    }
    for ObjectOutcome { object, outcome, .. } in &applied.objects {
        if let Outcome::Failed(message) = outcome {
            tracing::warn!(%object, "an object could not be applied: {message}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_comes_with_the_key_to_add() {
        let error = GitError::Denied { detail: "Permission denied (publickey).".into() };
        let state = remote_state(Err(&error), "ssh-ed25519 AAAA comment", SystemTime::UNIX_EPOCH);
        assert_eq!(state.code, RemoteCode::Denied);
        assert_eq!(
            state.message,
            "the git server refused the deploy key (Permission denied (publickey).); \
             add this public key as a deploy key with write access: ssh-ed25519 AAAA comment"
        );
        assert_eq!(remote_state(Ok(()), "", SystemTime::UNIX_EPOCH).code, RemoteCode::Ready);
        let rejected = GitError::Rejected { reason: "protected branch".into() };
        assert_eq!(
            push_advice(&rejected, "k", "main"),
            "the git server declined the push: protected branch; a hook or a rule of the branch `main` refuses commits by \
             git-syncer: let its deploy key push there"
        );
        let read_only = GitError::ReadOnly { detail: "marked as read only".into() };
        assert_eq!(
            push_advice(&read_only, "k", "main"),
            "the deploy key has no write access: give it that at the git server (marked as read only); \
             add this public key as a deploy key with write access: k"
        );
        let empty = GitError::Empty { branch: "main".into() };
        assert_eq!(remote_state(Err(&empty), "k", SystemTime::UNIX_EPOCH).code, RemoteCode::BranchMissing);
    }
}
