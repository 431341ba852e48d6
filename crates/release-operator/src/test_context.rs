//! A context over an API server that a test answers for.

use std::sync::Arc;
use std::time::Duration;

use kube_apply::Applier;
use service_kit::membership::{MemberId, Members, Standing};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::changes::Changes;
use crate::cluster::Cluster;
use crate::context::{Context, Settings};
use crate::engine::Engine;
use crate::memory::Memory;
use crate::records::RecordIndex;
use crate::shares::Shares;
use crate::source::grpc::GrpcCharts;
use crate::source::repository::{self, RepositoryCharts};
use crate::source::sources::Sources;
use crate::store::ReleaseStore;
use crate::waits::Waits;

pub(crate) fn context(client: kube::Client) -> Context {
    let member: MemberId = "test".parse().unwrap();
    let applier = Applier::new(client.clone(), kube_apply::Settings::default());
    let git = Arc::new(GrpcCharts::new(service_kit::client::connect("http://127.0.0.1:1", None).unwrap()));
    let cluster = Cluster::new(client.clone(), applier.clone());
    let repositories = RepositoryCharts::new(repository::Settings::default()).unwrap();
    Context {
        charts: Arc::new(Sources::new(git, repositories, cluster.clone(), Duration::from_secs(1))),
        engine: Engine::new(1),
        cluster,
        store: ReleaseStore::new(client, RecordIndex::default()),
        applier,
        objects: crate::controller::objects().0,
        catalog: Catalog::default(),
        changes: Changes::default(),
        settings: Settings { max_history: 10, resync: Duration::from_secs(1) },
        memory: Memory::default(),
        waits: Waits::new(mpsc::channel(1).0, CancellationToken::new()),
        shares: Arc::new(Shares::new(
            watch::Sender::new(Members::alone(member.clone())).subscribe(),
            Standing::alone(member),
        )),
    }
}
