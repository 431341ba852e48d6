//! What persons ask to be done. Everything is done by looks at the object; a call waits for their end.

use std::time::Duration;

use api::release::v1::{
    ReconcileRequest, ReconcileResponse, Release, ResumeRequest, ResumeResponse, RetryRequest, RetryResponse,
    RollbackRequest, RollbackResponse, SuspendRequest, SuspendResponse, TestRequest, TestResponse,
};
use crds::{DriftMode, FluxHelmRelease};
use helm_release::{HookEvent, HookPhase, Status as HelmStatus};
use tonic::Status;

use super::peers::handed_over;
use super::{Releases, convert, read, status};
use crate::context::Key;
use crate::guard;
use crate::memory::Ask;
use crate::reconcile::validate::{Identity, release_of};
use crate::records::Records;

/// The longest that a call waits for what it asked for.
const LOOK: Duration = Duration::from_secs(10 * 60);
/// The most names of tests in a call.
const TESTS: usize = 100;

pub(super) async fn reconcile(
    releases: &Releases,
    request: ReconcileRequest,
) -> Result<ReconcileResponse, Status> {
    let key = key(releases, request.namespace, request.name)?;
    let release = Some(look(releases, &key, Ask::Retry).await?);
    Ok(ReconcileResponse { release })
}

pub(super) async fn retry(releases: &Releases, request: RetryRequest) -> Result<RetryResponse, Status> {
    let key = key(releases, request.namespace, request.name)?;
    if let Ok(object) = releases.find_decoded(&key.0, &key.1)
        && object.spec.suspend
    {
        return Err(Status::failed_precondition("the object is suspended; resume it first"));
    }
    let release = Some(look(releases, &key, Ask::Retry).await?);
    Ok(RetryResponse { release })
}

pub(super) async fn rollback(
    releases: &Releases,
    request: RollbackRequest,
) -> Result<RollbackResponse, Status> {
    let object = releases.find_decoded(&request.namespace, &request.name)?;
    let key = Identity::of(&object.metadata).key();
    let mode = object.spec.drift_detection.as_ref().and_then(|drift| drift.mode);
    if mode == Some(DriftMode::Correct) && !object.spec.suspend {
        let text = "spec.driftDetection.mode is correct, which would undo the rollback at once; suspend the object first, or change \
                    its spec to what it is to be";
        return Err(Status::failed_precondition(text));
    }
    let records = records(releases, &object).await?;
    let to = target(&object, &records, request.revision)?;
    let before = records.history.next_revision();
    let release = look(releases, &key, Ask::Rollback(to)).await?;
    if release.revision < before {
        let why = release.conditions.iter().find(|condition| condition.r#type == "Ready");
        let why = why.map(|ready| ready.message.clone()).unwrap_or_default();
        return Err(Status::aborted(format!("the rollback was not begun: {why}")));
    }
    Ok(RollbackResponse { release: Some(release), rolled_back_to: to })
}

/// The revision to go back to.
fn target(object: &FluxHelmRelease, records: &Records, asked: u32) -> Result<u32, Status> {
    let history = &records.history;
    let Some(newest) = history.last() else { return Err(read::no_revision(object, asked)) };
    if history.pending().is_some() {
        let text =
            format!("revision {} is {}: another operation is under way", newest.revision, newest.status);
        return Err(Status::aborted(text));
    }
    if asked == 0 {
        let target = history.rollback_target().map(|entry| entry.revision);
        return target
            .ok_or_else(|| Status::failed_precondition("no revision before the newest one was deployed"));
    }
    let Some(entry) = history.entries().iter().find(|entry| entry.revision == asked) else {
        return Err(read::no_revision(object, asked));
    };
    match entry.status {
        HelmStatus::Deployed if entry.revision == newest.revision => {
            Err(Status::failed_precondition(format!("revision {asked} is the newest, and it is deployed")))
        }
        HelmStatus::Deployed | HelmStatus::Superseded => Ok(asked),
        _ => Err(Status::failed_precondition(format!(
            "revision {asked} is {}; it was never deployed",
            entry.status
        ))),
    }
}

pub(super) async fn suspend(releases: &Releases, request: SuspendRequest) -> Result<SuspendResponse, Status> {
    let key = key(releases, request.namespace, request.name)?;
    let release = Some(set_suspended(releases, &key, true).await?);
    Ok(SuspendResponse { release })
}

pub(super) async fn resume(releases: &Releases, request: ResumeRequest) -> Result<ResumeResponse, Status> {
    let key = key(releases, request.namespace, request.name)?;
    set_suspended(releases, &key, false).await?;
    let release = Some(look(releases, &key, Ask::Retry).await?);
    Ok(ResumeResponse { release })
}

async fn set_suspended(releases: &Releases, key: &Key, suspended: bool) -> Result<Release, Status> {
    let object = releases.find(&key.0, &key.1)?;
    let identity = Identity::of(kube::Resource::meta(&*object));
    let write = releases.context.cluster.set_suspended(&identity, suspended);
    let written = guard::asked_by_person(write).await;
    let version = written.map_err(|error| match error {
        kube_apply::ApplyError::Unavailable { .. } => Status::unavailable(service_kit::chain(&error)),
        other => Status::aborted(service_kit::chain(&other)),
    })?;
    // The answer speaks of the object as it is now, so the watch must have told of it.
    let seen = releases.seen(key, version);
    if tokio::time::timeout(LOOK, seen).await.is_err() {
        return Err(Status::deadline_exceeded("the change of the object was not seen yet"));
    }
    releases.overview(key)
}

pub(super) async fn test(releases: &Releases, request: TestRequest) -> Result<TestResponse, Status> {
    let object = releases.find_decoded(&request.namespace, &request.name)?;
    let key = Identity::of(&object.metadata).key();
    if request.tests.len() > TESTS {
        return Err(Status::invalid_argument(format!("the field tests has more than {TESTS} names")));
    }
    let records = records(releases, &object).await?;
    match records.history.last().map(|last| last.status.clone()) {
        Some(HelmStatus::Deployed) => {}
        Some(status) if status.is_pending() => {
            return Err(Status::aborted(format!(
                "the newest revision is {status}: another operation is under way"
            )));
        }
        _ => return Err(Status::failed_precondition("no revision is deployed")),
    }
    let before = read::record(releases, &object, 0).await?;
    let is_test = |hook: &helm_release::Hook| hook.runs_at(&HookEvent::Test);
    for name in &request.tests {
        if !before.release.hooks.iter().any(|hook| is_test(hook) && hook.name == *name) {
            return Err(Status::not_found(format!(
                "revision {} has no test {name}",
                before.release.revision
            )));
        }
    }
    let seen = look(releases, &key, Ask::Test(request.tests.clone())).await?;
    let release = read::record(releases, &object, 0).await?.release;
    let options = object.spec.test.clone().unwrap_or_default();
    let excluded = |name: &str| options.filters.iter().any(|filter| filter.exclude && filter.name == name);
    let wanted = |hook: &&helm_release::Hook| {
        is_test(hook)
            && !excluded(&hook.name)
            && (request.tests.is_empty() || request.tests.contains(&hook.name))
    };
    let ran: Vec<_> =
        release.hooks.iter().filter(wanted).filter(|hook| hook.last_run.phase != HookPhase::Unset).collect();
    if ran.is_empty() && release.hooks.iter().any(|hook| wanted(&hook)) {
        let why = seen.conditions.iter().find(|condition| condition.r#type == "Ready");
        let why = why.map(|ready| ready.message.clone()).unwrap_or_default();
        return Err(Status::aborted(format!("the tests were not run: {why}")));
    }
    Ok(TestResponse {
        revision: release.revision,
        succeeded: ran.iter().all(|hook| hook.last_run.phase == HookPhase::Succeeded),
        results: ran.into_iter().map(convert::test_result).collect(),
    })
}

fn key(releases: &Releases, namespace: String, name: String) -> Result<Key, Status> {
    releases.find(&namespace, &name)?;
    Ok((namespace, name))
}

async fn records(releases: &Releases, object: &FluxHelmRelease) -> Result<Records, Status> {
    let Some((namespace, release)) = release_of(object) else { return Err(read::no_revision(object, 0)) };
    releases.context.store.records(&namespace, release.as_str()).await.map_err(status)
}

/// Asks for a look and waits until it has ended, and with it whatever operation it began.
async fn look(releases: &Releases, key: &Key, ask: Ask) -> Result<Release, Status> {
    let memory = &releases.context.memory;
    let mut ended = memory.ask(key, ask);
    let stopping = || Status::unavailable("release-operator is stopping; call again");
    releases.asked.send(key.clone()).await.map_err(|_| stopping())?;
    let whole = async {
        loop {
            if ended.await.is_err() && releases.find(&key.0, &key.1).is_ok() {
                // What was asked for is forgotten here, whether or not it was begun.
                return Err(handed_over());
            }
            let next = memory.ask(key, Ask::Look);
            if !releases.is_working(key) {
                return Ok(());
            }
            ended = next;
        }
    };
    match tokio::time::timeout(LOOK, whole).await {
        Ok(ended) => ended?,
        Err(_) => {
            return Err(Status::deadline_exceeded("the look at the release has not ended yet; it goes on"));
        }
    }
    releases.overview(key)
}
