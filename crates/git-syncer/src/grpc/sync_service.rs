//! `windlass.sync.v1.SyncService`.

use api::sync::v1::sync_service_server::SyncService;
use api::sync::v1::{
    GetStatusRequest, GetStatusResponse, ListChangesRequest, ListChangesResponse, ListWorkloadsRequest,
    ListWorkloadsResponse, SyncRequest, SyncResponse,
};
use tonic::{Request, Response, Status};

use super::{Edge, convert};
use crate::trailers;

/// Most changes in one answer.
const MAX_CHANGES: usize = 100;
/// Commits looked through for changes.
const COMMITS_SEARCHED: usize = 5_000;

#[tonic::async_trait]
impl SyncService for Edge {
    async fn get_status(&self, _: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        Ok(Response::new(self.shared.read(|state| convert::status(state, &self.repository))))
    }

    async fn sync(&self, _: Request<SyncRequest>) -> Result<Response<SyncResponse>, Status> {
        let traceparent = service_kit::trace_context::current_traceparent();
        let applied = self.sync.sync(traceparent).await.map_err(|error| convert::sync_status(&error))?;
        Ok(Response::new(convert::synced(&applied)))
    }

    async fn list_workloads(
        &self,
        request: Request<ListWorkloadsRequest>,
    ) -> Result<Response<ListWorkloadsResponse>, Status> {
        let namespace = request.into_inner().namespace;
        let applied = self.shared.read(|state| state.applied.clone());
        let workloads = applied.iter().flat_map(|applied| &applied.workloads);
        let wanted = workloads.filter(|workload| {
            namespace.is_empty() || workload.object.namespace.as_deref() == Some(namespace.as_str())
        });
        Ok(Response::new(convert::workloads(wanted)))
    }

    async fn list_changes(
        &self,
        request: Request<ListChangesRequest>,
    ) -> Result<Response<ListChangesResponse>, Status> {
        let limit = match usize::try_from(request.into_inner().limit) {
            Ok(limit @ 1..=MAX_CHANGES) => limit,
            _ => MAX_CHANGES,
        };
        let Some(tip) = self.shared.read(|state| state.fetched.as_ref().map(|revision| revision.commit))
        else {
            return Ok(Response::new(ListChangesResponse::default()));
        };
        let commits = self.repository.history(tip, COMMITS_SEARCHED).await;
        let commits = commits.map_err(|error| convert::git_status(&error))?;
        let changes = commits.into_iter().filter_map(trailers::change_of).take(limit);
        let changes = changes.map(|change| convert::change(change, &self.repository)).collect();
        Ok(Response::new(ListChangesResponse { changes }))
    }
}
