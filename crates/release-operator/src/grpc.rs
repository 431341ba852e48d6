//! `windlass.release.v1.ReleaseService`: the edge.

mod convert;

use std::sync::Arc;
use std::time::Duration;

use api::release::v1::release_service_server::ReleaseService;
use api::release::v1::{
    GetReleaseRequest, GetReleaseResponse, ListReleasesRequest, ListReleasesResponse, ReconcileRequest,
    ReconcileResponse, Release,
};
use crds::FluxHelmRelease;
use futures::{StreamExt as _, stream};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

use crate::context::{Context, Key};
use crate::reconcile::typed;
use crate::reconcile::validate::{Identity, Object, release_of};
use crate::store::{StoreError, Stored};

/// The longest that `Reconcile` waits for the end of the look.
const LOOK: Duration = Duration::from_secs(10 * 60);
/// Records read at the same time.
const AT_ONCE: usize = 8;

/// Serves releases.
pub struct Releases {
    context: Arc<Context>,
    asked: mpsc::Sender<Key>,
}

impl Releases {
    /// Over the reconciler's context; looks are asked for by `asked`.
    pub fn new(context: Arc<Context>, asked: mpsc::Sender<Key>) -> Self {
        Self { context, asked }
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

    async fn newest(&self, object: &FluxHelmRelease) -> Result<Option<Stored>, StoreError> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let Some(release) = release_of(object) else { return Ok(None) };
        let history = self.context.store.history(namespace, release.as_str()).await?;
        let Some(last) = history.last() else { return Ok(None) };
        self.context.store.get(namespace, release.as_str(), last.revision).await
    }

    /// One release as the list shows it. A fault of its own is told in its place; only what keeps all of them from being read is an error.
    async fn overview(&self, object: &Object) -> Result<Release, Status> {
        match &object.0 {
            Ok(object) => {
                let newest = self.newest(object).await;
                let newest = newest.map(|newest| newest.map(|newest| newest.release));
                release_or_fault(object, newest)
            }
            Err(invalid) => Ok(convert::undecodable(&invalid.metadata, &invalid.error)),
        }
    }
}

#[tonic::async_trait]
impl ReleaseService for Releases {
    async fn list_releases(
        &self,
        request: Request<ListReleasesRequest>,
    ) -> Result<Response<ListReleasesResponse>, Status> {
        let namespace = request.into_inner().namespace;
        let mut all = self.context.objects.state();
        let identity = |object: &Arc<Object>| Identity::of(kube::Resource::meta(&**object));
        all.retain(|object| namespace.is_empty() || identity(object).namespace == namespace);
        all.sort_by_cached_key(identity);
        let reads = all.into_iter().map(|object| async move { self.overview(&object).await });
        let releases: Vec<Result<Release, Status>> = stream::iter(reads).buffered(AT_ONCE).collect().await;
        let releases = releases.into_iter().collect::<Result<_, _>>()?;
        Ok(Response::new(ListReleasesResponse { releases }))
    }

    async fn get_release(
        &self,
        request: Request<GetReleaseRequest>,
    ) -> Result<Response<GetReleaseResponse>, Status> {
        let GetReleaseRequest { namespace, name } = request.into_inner();
        let object = self.find(&namespace, &name)?;
        let Some(object) = typed(std::slice::from_ref(&object)).next().cloned() else {
            return Ok(Response::new(GetReleaseResponse {
                release: Some(self.overview(&object).await?),
                values: None,
                history: Vec::new(),
            }));
        };
        let newest = self.newest(&object).await.map(|newest| newest.map(|newest| newest.release));
        let values = newest.as_ref().ok().and_then(Option::as_ref).map(|newest| newest.config.clone());
        let mut history = Vec::new();
        if let Some(release) = release_of(&object) {
            let entries = self.context.store.history(&namespace, release.as_str()).await.map_err(status)?;
            for entry in entries.entries().iter().rev() {
                match self.context.store.get(&namespace, release.as_str(), entry.revision).await {
                    Ok(stored) => history.extend(stored.map(|stored| convert::revision(&stored.release))),
                    Err(error) if is_of_one(&error) => {
                        history.push(convert::unreadable_revision(entry, service_kit::chain(&error)));
                    }
                    Err(error) => return Err(status(error)),
                }
            }
        }
        Ok(Response::new(GetReleaseResponse {
            release: Some(release_or_fault(&object, newest)?),
            values: values.map(convert::masked),
            history,
        }))
    }

    async fn reconcile(
        &self,
        request: Request<ReconcileRequest>,
    ) -> Result<Response<ReconcileResponse>, Status> {
        let ReconcileRequest { namespace, name } = request.into_inner();
        self.find(&namespace, &name)?;
        let key = (namespace.clone(), name.clone());
        let ended = self.context.memory.ask(&key);
        self.asked
            .send(key)
            .await
            .map_err(|_| Status::unavailable("release-operator is stopping; call again"))?;
        // The sender is dropped at the end of the look, which is all there is to hear.
        if tokio::time::timeout(LOOK, ended).await.is_err() {
            return Err(Status::deadline_exceeded("the look at the release has not ended yet; it goes on"));
        }
        let release = self.overview(&*self.find(&namespace, &name)?).await?;
        Ok(Response::new(ReconcileResponse { release: Some(release) }))
    }
}

/// A release with its newest record, or with what is wrong with that.
fn release_or_fault(
    object: &FluxHelmRelease,
    newest: Result<Option<helm_release::Release>, StoreError>,
) -> Result<Release, Status> {
    match newest {
        Ok(newest) => Ok(convert::release(object, newest.as_ref())),
        Err(error) if is_of_one(&error) => Ok(convert::unreadable(object, service_kit::chain(&error))),
        Err(error) => Err(status(error)),
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
        let shown = release_or_fault(&object, Err(unreadable)).unwrap();
        assert_eq!((shown.name.as_str(), shown.release_name.as_str()), ("web", "web"));
        let conditions: Vec<_> =
            shown.conditions.iter().map(|found| (found.r#type.as_str(), found.reason.as_str())).collect();
        assert_eq!(conditions, [("Ready", "RecordsUnusable")]);
        assert_eq!(
            shown.conditions[0].message,
            "Secret dev/s holds no readable release record; repair or delete it"
        );
        let unavailable = StoreError::Unavailable { namespace: "dev".into(), source: "no answer".into() };
        assert_eq!(release_or_fault(&object, Err(unavailable)).unwrap_err().code(), tonic::Code::Unavailable);
        assert_eq!(release_or_fault(&object, Ok(None)).unwrap().conditions[0].reason, "ReleaseReady");
    }
}
