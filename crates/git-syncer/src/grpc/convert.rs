//! From git-syncer's own types to the API's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{source, sync};
use tonic::{Code, Status};

use crate::git::{GitError, Repository};
use crate::manifests::{Container, FileError, Workload};
use crate::sources::SourceError;
use crate::state::{Applied, ObjectOutcome, Outcome, RemoteCode, RemoteState, State};
use crate::sync::SyncError;
use crate::trailers::{Change, ImageMove};

/// Entries of a list in one answer; with [`MAX_TEXT`] it stays below what callers take
/// ([`service_kit::client::MESSAGE_MAX`]).
const MAX_LISTED: usize = 10_000;
/// Bytes of one message in a list.
const MAX_TEXT: usize = 1024;

/// The whole state.
pub(super) fn status(state: &State, repository: &Repository) -> sync::v1::GetStatusResponse {
    let remote = repository.remote();
    let mut response = sync::v1::GetStatusResponse {
        git_url: remote.url.as_str().to_owned(),
        branch: remote.branch.clone(),
        public_key: state.public_key.clone(),
        remote: Some(remote_state(&state.remote)),
        fetched_revision: state.fetched.as_ref().map(ToString::to_string).unwrap_or_default(),
        ..Default::default()
    };
    if let Some(applied) = &state.applied {
        response.applied_revision = applied.revision.to_string();
        response.applied_at = Some(applied.at.into());
        response.objects = listed(&applied.objects);
        response.file_errors = applied.file_errors.iter().take(MAX_LISTED).map(file_error).collect();
    }
    response.automation_failure = state.automation_failure.as_ref().map(|failure| {
        sync::v1::AutomationFailure { message: failure.message.clone(), failed_at: Some(failure.at.into()) }
    });
    response
}

/// The objects in order; when they are too many, those that failed go before all others.
fn listed(objects: &[ObjectOutcome]) -> Vec<sync::v1::ObjectResult> {
    let mut objects: Vec<_> = objects.iter().collect();
    if objects.len() > MAX_LISTED {
        objects.sort_by_key(|object| !matches!(object.outcome, Outcome::Failed(_)));
    }
    objects.into_iter().take(MAX_LISTED).map(object_result).collect()
}

/// The text, cut off where it is longer than a list's entry may be.
fn bounded(text: &str) -> String {
    match text.len() > MAX_TEXT {
        true => format!("{}\u{2026}", &text[..text.floor_char_boundary(MAX_TEXT)]),
        false => text.to_owned(),
    }
}

fn remote_state(remote: &RemoteState) -> sync::v1::RemoteState {
    use sync::v1::remote_state::Code;
    let code = match remote.code {
        RemoteCode::Unknown => Code::Unspecified,
        RemoteCode::Ready => Code::Ready,
        RemoteCode::Denied => Code::Denied,
        RemoteCode::HostKeyUnknown => Code::HostKeyUnknown,
        RemoteCode::Unreachable => Code::Unreachable,
        RemoteCode::BranchMissing => Code::BranchMissing,
        RemoteCode::Failed => Code::Failed,
    };
    sync::v1::RemoteState {
        code: code.into(),
        message: remote.message.clone(),
        checked_at: remote.checked_at.map(Into::into),
    }
}

fn object_ref(object: &kube_apply::ObjectRef) -> sync::v1::ObjectRef {
    sync::v1::ObjectRef {
        api_version: object.api_version.clone(),
        kind: object.kind.clone(),
        namespace: object.namespace.clone().unwrap_or_default(),
        name: object.name.clone(),
    }
}

fn object_result(result: &ObjectOutcome) -> sync::v1::ObjectResult {
    use sync::v1::object_result::Outcome as Wire;
    let (outcome, message) = match &result.outcome {
        Outcome::Created => (Wire::Created, String::new()),
        Outcome::Configured => (Wire::Configured, String::new()),
        Outcome::Unchanged => (Wire::Unchanged, String::new()),
        Outcome::Skipped => (Wire::Skipped, String::new()),
        Outcome::Failed(message) => (Wire::Failed, bounded(message)),
    };
    sync::v1::ObjectResult {
        object: Some(object_ref(&result.object)),
        path: result.path.clone(),
        outcome: outcome.into(),
        message,
    }
}

fn file_error(error: &FileError) -> sync::v1::FileError {
    let FileError { path, document, line, message } = error;
    sync::v1::FileError { path: path.clone(), document: *document, line: *line, message: bounded(message) }
}

/// What a sync led to.
pub(super) fn synced(applied: &Applied) -> sync::v1::SyncResponse {
    let failed = applied.objects.iter().filter(|object| matches!(object.outcome, Outcome::Failed(_)));
    sync::v1::SyncResponse {
        revision: applied.revision.to_string(),
        failed: failed.take(MAX_LISTED).map(object_result).collect(),
        file_errors: applied.file_errors.iter().take(MAX_LISTED).map(file_error).collect(),
    }
}

/// Workloads.
pub(super) fn workloads<'a>(all: impl Iterator<Item = &'a Workload>) -> sync::v1::ListWorkloadsResponse {
    sync::v1::ListWorkloadsResponse { workloads: all.take(MAX_LISTED).map(workload).collect() }
}

fn workload(workload: &Workload) -> sync::v1::Workload {
    sync::v1::Workload {
        object: Some(object_ref(&workload.object)),
        path: workload.path.clone(),
        automated: workload.automated,
        locked: workload.locked,
        ignored: workload.ignored,
        containers: workload.containers.iter().map(container).collect(),
    }
}

fn container(container: &Container) -> sync::v1::Container {
    let Container { name, image, pattern } = container.clone();
    sync::v1::Container { name, image, tag_pattern: pattern.unwrap_or_default() }
}

/// A commit of automation.
pub(super) fn change(change: Change, repository: &Repository) -> sync::v1::Change {
    let seconds = u64::try_from(change.commit.seconds).unwrap_or_default();
    let committed_at: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    sync::v1::Change {
        revision: repository.revision(change.commit.commit).to_string(),
        subject: change.subject,
        committed_at: Some(committed_at.into()),
        images: change.moves.into_iter().map(image_change).collect(),
        traceparent: change.traceparent.unwrap_or_default(),
    }
}

fn image_change(image: ImageMove) -> sync::v1::ImageChange {
    let ImageMove { api_version, kind, namespace, name, container, from, to } = image;
    let object = Some(sync::v1::ObjectRef { api_version, kind, namespace, name });
    sync::v1::ImageChange { object, container, from, to }
}

/// A directory's digest; `None` when the directory is gone.
pub(super) fn source_digest(
    path: &str,
    chart_path: &str,
    digest: Option<&String>,
) -> source::v1::SourceDigest {
    source::v1::SourceDigest {
        path: path.to_owned(),
        digest: digest.cloned().unwrap_or_default(),
        chart_path: chart_path.to_owned(),
    }
}

/// The code and text of a sync that failed.
pub(super) fn sync_status(error: &SyncError) -> Status {
    let code = match error {
        SyncError::Remote(_) | SyncError::Stopping => Code::Unavailable,
        SyncError::Pass(_) => Code::Internal,
    };
    Status::new(code, service_kit::chain(error))
}

/// The code and text of a source that is not served.
pub(super) fn source_status(error: &SourceError) -> Status {
    let code = match error {
        SourceError::Path(_) => Code::InvalidArgument,
        SourceError::NothingApplied | SourceError::NotApplied(_) | SourceError::NotPlain { .. } => {
            Code::FailedPrecondition
        }
        SourceError::Missing { .. } => Code::NotFound,
        SourceError::TooLarge { .. } => Code::ResourceExhausted,
        SourceError::Busy => Code::Unavailable,
        SourceError::Git(error) => return git_status(error),
    };
    Status::new(code, service_kit::chain(error))
}

/// The code and text of a clone that cannot be read.
pub(super) fn git_status(error: &GitError) -> Status {
    let code = match error {
        GitError::TooLarge { .. } => Code::ResourceExhausted,
        // The clone is being made anew.
        GitError::CommitMissing(_) | GitError::Corrupt(_) | GitError::Timeout { .. } => Code::Unavailable,
        _ => Code::Internal,
    };
    Status::new(code, service_kit::chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_too_long_keeps_what_failed() {
        let outcome = |number: usize| match number {
            MAX_LISTED.. => Outcome::Failed("ö".repeat(MAX_TEXT)),
            _ => Outcome::Unchanged,
        };
        let result = |number: usize| ObjectOutcome {
            object: kube_apply::ObjectRef {
                api_version: "v1".into(),
                kind: "ConfigMap".into(),
                namespace: None,
                name: number.to_string(),
            },
            path: "a.yaml".into(),
            outcome: outcome(number),
        };
        let results: Vec<_> = (0..MAX_LISTED + 2).map(result).collect();
        let names = |listed: Vec<sync::v1::ObjectResult>| -> Vec<String> {
            listed.into_iter().filter_map(|result| Some(result.object?.name)).collect()
        };
        let short = names(listed(&results[MAX_LISTED - 1..]));
        assert_eq!(short, ["9999", "10000", "10001"], "the order applied");
        let cut = listed(&results);
        assert!(cut[0].message.len() <= MAX_TEXT + 3 && cut[0].message.ends_with('\u{2026}'));
        let cut = names(cut);
        assert_eq!((cut.len(), &cut[..3]), (MAX_LISTED, &["10000".into(), "10001".into(), "0".into()][..]));
    }
}
