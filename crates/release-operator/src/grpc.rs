//! `windlass.release.v1.ReleaseService`: the edge.

mod convert;
mod deeds;
mod diff;
mod list;
mod overview;
mod peers;
mod read;
mod watch;

use std::sync::Arc;

use api::release::v1::release_service_server::ReleaseService;
use api::release::v1::{
    DiffRequest, DiffResponse, GetHistoryRequest, GetHistoryResponse, GetManifestRequest,
    GetManifestResponse, GetNotesRequest, GetNotesResponse, GetReleaseRequest, GetReleaseResponse,
    GetValuesRequest, GetValuesResponse, ListReleasesRequest, ListReleasesResponse, ReconcileRequest,
    ReconcileResponse, Release, ResumeRequest, ResumeResponse, RetryRequest, RetryResponse, RollbackRequest,
    RollbackResponse, SuspendRequest, SuspendResponse, TestRequest, TestResponse, WatchRequest,
};
use crds::FluxHelmRelease;
use helm_release::{HookEvent, HookPhase, Status as HelmStatus};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

pub use peers::Peers;
use peers::{Place, handed_on, place};

use crate::context::{Context, Key};
use crate::reconcile::validate::{Object, release_of};
use crate::store::StoreError;

/// Serves releases.
pub struct Releases {
    context: Arc<Context>,
    asked: mpsc::Sender<Key>,
    diffs: Semaphore,
    peers: Peers,
    shutdown: CancellationToken,
}

impl Releases {
    /// Over the reconciler's context; looks are asked for by `asked`. Streams end with `shutdown`.
    pub fn new(
        context: Arc<Context>,
        asked: mpsc::Sender<Key>,
        peers: Peers,
        shutdown: CancellationToken,
    ) -> Self {
        Self { context, asked, diffs: Semaphore::new(diff::AT_ONCE), peers, shutdown }
    }

    fn find(&self, namespace: &str, name: &str) -> Result<Arc<Object>, Status> {
        for (field, value) in [("namespace", namespace), ("name", name)] {
            if value.is_empty() {
                return Err(Status::invalid_argument(format!("the field {field} is empty")));
            }
        }
        let found = self.context.objects.get(&ObjectRef::new(name).within(namespace));
        found.ok_or_else(|| Status::not_found(format!("there is no FluxHelmRelease {namespace}/{name}")))
    }

    fn find_decoded(&self, namespace: &str, name: &str) -> Result<FluxHelmRelease, Status> {
        match &self.find(namespace, name)?.0 {
            Ok(object) => Ok(object.clone()),
            Err(invalid) => Err(Status::failed_precondition(format!(
                "the object cannot be read as a FluxHelmRelease: {}",
                invalid.error
            ))),
        }
    }

    /// The object with the status that was written last, which the watch may not have told yet.
    fn current(&self, object: &FluxHelmRelease) -> FluxHelmRelease {
        let key = crate::reconcile::validate::Identity::of(&object.metadata).key();
        let version = object.metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
        let written = version.and_then(|version| self.context.memory.status(&key, version));
        match written {
            Some(status) => FluxHelmRelease { status: Some(status), ..object.clone() },
            // What is written is remembered until the store has it: the object at hand may be older than both.
            None => {
                let stored = self.find_decoded(&key.0, &key.1).ok();
                let stored = stored.filter(|stored| stored.metadata.uid == object.metadata.uid);
                stored.unwrap_or_else(|| object.clone())
            }
        }
    }

    /// One release as it is now, by its object alone.
    fn overview(&self, key: &Key) -> Result<Release, Status> {
        let object = self.find(&key.0, &key.1)?;
        Ok(match &object.0 {
            Ok(decoded) => overview::release(&self.current(decoded)),
            Err(_) => overview::of(&object),
        })
    }

    /// Whether an operation on the object's release is under way, tests included.
    fn is_working(&self, key: &Key) -> bool {
        let Ok(object) = self.find_decoded(&key.0, &key.1) else { return false };
        let Some((namespace, release)) = release_of(&object) else { return false };
        let records = self.context.store.index().records(&namespace, release.as_str()).unwrap_or_default();
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        let is_open = records.newest().is_some_and(|newest| {
            newest.was_made_for(uid)
                && (newest.status.is_pending() || newest.status == HelmStatus::Uninstalling)
        });
        let is_tested = self.context.memory.released(key).is_some_and(|released| {
            let tests = released.hooks.iter().filter(|hook| hook.runs_at(&HookEvent::Test));
            tests
                .into_iter()
                .any(|hook| matches!(hook.last_run.phase, HookPhase::Running | HookPhase::Unknown))
        });
        is_open || is_tested
    }

    /// Waits until the watch has told of the object as of a resource version.
    async fn seen(&self, key: &Key, version: u64) {
        loop {
            let place = self.context.changes.end();
            let told =
                self.context.objects.get(&ObjectRef::new(&key.1).within(&key.0)).is_none_or(|object| {
                    let told = kube::Resource::meta(&*object).resource_version.as_deref();
                    told.and_then(|told| told.parse::<u64>().ok()).is_none_or(|told| told >= version)
                });
            if told || !self.context.changes.after(place).await {
                return;
            }
        }
    }
}

#[tonic::async_trait]
impl ReleaseService for Releases {
    async fn list_releases(
        &self,
        request: Request<ListReleasesRequest>,
    ) -> Result<Response<ListReleasesResponse>, Status> {
        let query = list::Query::parse(request.into_inner());
        let query = query.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Response::new(list::page(&query, &self.context.objects.state())))
    }

    async fn get_release(
        &self,
        request: Request<GetReleaseRequest>,
    ) -> Result<Response<GetReleaseResponse>, Status> {
        read::release(self, request.into_inner()).await.map(Response::new)
    }

    async fn get_values(
        &self,
        request: Request<GetValuesRequest>,
    ) -> Result<Response<GetValuesResponse>, Status> {
        read::values(self, request.into_inner()).await.map(Response::new)
    }

    async fn get_manifest(
        &self,
        request: Request<GetManifestRequest>,
    ) -> Result<Response<GetManifestResponse>, Status> {
        read::manifest(self, request.into_inner()).await.map(Response::new)
    }

    async fn get_notes(
        &self,
        request: Request<GetNotesRequest>,
    ) -> Result<Response<GetNotesResponse>, Status> {
        read::notes(self, request.into_inner()).await.map(Response::new)
    }

    async fn get_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<Response<GetHistoryResponse>, Status> {
        read::history(self, request.into_inner()).await.map(Response::new)
    }

    async fn diff(&self, request: Request<DiffRequest>) -> Result<Response<DiffResponse>, Status> {
        diff::diff(self, request.into_inner()).await.map(Response::new)
    }

    async fn reconcile(
        &self,
        request: Request<ReconcileRequest>,
    ) -> Result<Response<ReconcileResponse>, Status> {
        match place(self, &request, |asked| (&asked.namespace, &asked.name))? {
            Place::Here => deeds::reconcile(self, request.into_inner()).await.map(Response::new),
            Place::There(mut owner) => owner.reconcile(handed_on(request)).await,
        }
    }

    async fn retry(&self, request: Request<RetryRequest>) -> Result<Response<RetryResponse>, Status> {
        match place(self, &request, |asked| (&asked.namespace, &asked.name))? {
            Place::Here => deeds::retry(self, request.into_inner()).await.map(Response::new),
            Place::There(mut owner) => owner.retry(handed_on(request)).await,
        }
    }

    async fn rollback(
        &self,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        match place(self, &request, |asked| (&asked.namespace, &asked.name))? {
            Place::Here => deeds::rollback(self, request.into_inner()).await.map(Response::new),
            Place::There(mut owner) => owner.rollback(handed_on(request)).await,
        }
    }

    async fn suspend(&self, request: Request<SuspendRequest>) -> Result<Response<SuspendResponse>, Status> {
        deeds::suspend(self, request.into_inner()).await.map(Response::new)
    }

    async fn resume(&self, request: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        match place(self, &request, |asked| (&asked.namespace, &asked.name))? {
            Place::Here => deeds::resume(self, request.into_inner()).await.map(Response::new),
            Place::There(mut owner) => owner.resume(handed_on(request)).await,
        }
    }

    async fn test(&self, request: Request<TestRequest>) -> Result<Response<TestResponse>, Status> {
        match place(self, &request, |asked| (&asked.namespace, &asked.name))? {
            Place::Here => deeds::test(self, request.into_inner()).await.map(Response::new),
            Place::There(mut owner) => owner.test(handed_on(request)).await,
        }
    }

    type WatchStream = watch::Messages;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<watch::Messages>, Status> {
        Ok(Response::new(watch::watch(self, request.into_inner())))
    }
}

/// Whether the fault is that of one record, release or namespace, and the others can be read.
fn is_of_one(error: &StoreError) -> bool {
    !matches!(error, StoreError::Unavailable { .. })
}

fn status(error: StoreError) -> Status {
    let text = service_kit::chain(&error);
    match error {
        StoreError::Forbidden { .. } => Status::failed_precondition(text),
        StoreError::Unreadable { .. } | StoreError::Refused { .. } | StoreError::TooMany { .. } => {
            Status::data_loss(text)
        }
        _ => Status::unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_of_one_release_is_told_in_its_place() {
        let object: FluxHelmRelease = serde_json::from_value(json!({
            "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
            "metadata": {"name": "web", "namespace": "dev"}, "spec": {"chartGitPath": "podinfo"},
            "status": {"releaseName": "web", "conditions": [{"type": "Ready", "status": "True", "reason": "ReleaseReady",
                "message": "", "lastTransitionTime": "2018-07-20T16:00:00Z"}]},
        }))
        .unwrap();
        let unreadable = StoreError::Unreadable { namespace: "dev".into(), name: "s".into(), source: None };
        assert!(is_of_one(&unreadable));
        let shown = convert::unreadable(&object, service_kit::chain(&unreadable));
        assert_eq!((shown.name.as_str(), shown.release_name.as_str()), ("web", "web"));
        let conditions: Vec<_> =
            shown.conditions.iter().map(|found| (found.r#type.as_str(), found.reason.as_str())).collect();
        assert_eq!(conditions, [("Ready", "RecordsUnusable")]);
        assert_eq!(
            shown.conditions[0].message,
            "Secret dev/s holds no readable release record; repair or delete it"
        );
        let unavailable = StoreError::Unavailable { namespace: "dev".into(), source: "no answer".into() };
        assert!(!is_of_one(&unavailable));
        assert_eq!(status(unavailable).code(), tonic::Code::Unavailable);
    }
}
