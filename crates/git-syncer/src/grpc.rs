//! The gRPC edge: requests are parsed here, answers leave through [`convert`].

pub mod convert;
mod source_service;
mod sync_service;

use std::sync::Arc;

use api::source::v1::source_service_server::SourceServiceServer;
use api::sync::v1::sync_service_server::SyncServiceServer;
use service_kit::{Access, Services};
use tokio_util::sync::CancellationToken;

use crate::git::Repository;
use crate::sources::Sources;
use crate::state::Shared;
use crate::sync::Handle;

/// What the RPCs look at and ask.
#[derive(Clone)]
pub struct Edge {
    /// What is shown.
    pub shared: Shared,
    /// The loop.
    pub sync: Handle,
    /// The repository, for its history.
    pub repository: Repository,
    /// Chart directories.
    pub sources: Arc<Sources>,
    /// Ends streams when the process stops.
    pub shutdown: CancellationToken,
}

/// The services.
pub fn services(edge: Edge) -> Services {
    Services::new().with(SyncServiceServer::new(edge.clone())).with(SourceServiceServer::new(edge))
}

/// Who may call what, when callers have certificates.
pub fn access() -> Access {
    Access::closed()
        .allow("/windlass.source.v1.SourceService/", &["release-operator", "console", "windlass"])
        .allow("/windlass.sync.v1.SyncService/", &["console", "windlass"])
}
