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
use crate::reconcile::validate::{Identity, Object, purged_name};
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

    async fn newest(&self, object: &FluxHelmRelease) -> Result<Option<Stored>, Status> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let Some(release) = purged_name(object) else { return Ok(None) };
        let history = self.context.store.history(namespace, release.as_str()).await.map_err(status)?;
        let Some(last) = history.last() else { return Ok(None) };
        self.context.store.get(namespace, release.as_str(), last.revision).await.map_err(status)
    }

    async fn overview(&self, object: &Object) -> Result<Release, Status> {
        match &object.0 {
            Ok(object) => Ok(convert::release(
                object,
                self.newest(object).await?.as_ref().map(|newest| &newest.release),
            )),
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
        let newest = self.newest(&object).await?;
        let mut history = Vec::new();
        if let Some(release) = purged_name(&object) {
            let entries = self.context.store.history(&namespace, release.as_str()).await.map_err(status)?;
            for entry in entries.entries().iter().rev() {
                let stored = self
                    .context
                    .store
                    .get(&namespace, release.as_str(), entry.revision)
                    .await
                    .map_err(status)?;
                history.extend(stored.map(|stored| convert::revision(&stored.release)));
            }
        }
        Ok(Response::new(GetReleaseResponse {
            release: Some(convert::release(&object, newest.as_ref().map(|newest| &newest.release))),
            values: newest.map(|newest| convert::masked(newest.release.config)),
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

fn status(error: StoreError) -> Status {
    let text = service_kit::chain(&error);
    match error {
        StoreError::Forbidden { .. } => Status::failed_precondition(text),
        StoreError::Unreadable { .. } | StoreError::Refused { .. } => Status::data_loss(text),
        _ => Status::unavailable(text),
    }
}
