//! Arguments, and how the parts are wired together.

use std::convert::Infallible;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use api::release::v1::release_service_server::ReleaseServiceServer;
use kube_apply::Applier;
use service_kit::args::seconds;
use service_kit::membership::Membership;
use service_kit::{Access, BoxError, Kit, KitArgs, Service, Services};
use tokio::sync::{mpsc, oneshot};

use crate::catalog::Catalog;
use crate::changes::Changes;
use crate::cluster::Cluster;
use crate::context::{Context, Settings};
use crate::controller;
use crate::engine::Engine;
use crate::grpc::{Peers, Releases};
use crate::guard::guarded;
use crate::let_go::{self, DeploymentRef};
use crate::memory::Memory;
use crate::records::RecordIndex;
use crate::shares::Shares;
use crate::source::grpc::GrpcCharts;
use crate::source::repository::{self, RepositoryCharts};
use crate::source::sources::Sources;
use crate::store::ReleaseStore;
use crate::waits::Waits;

/// Wake-ups that may wait; senders wait when it is full.
const QUEUE: usize = 256;

/// release-operator keeps a Helm release for every FluxHelmRelease of the cluster.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "release-operator", version)]
pub struct Args {
    /// Arguments common to all services.
    #[command(flatten)]
    kit: KitArgs,

    /// URL of git-syncer, which serves the charts.
    #[arg(long, env = "WINDLASS_GIT_SYNCER_URL", default_value = "http://git-syncer:9090")]
    git_syncer_url: String,

    /// Releases worked on at the same time.
    #[arg(long, env = "WINDLASS_WORKERS", default_value_t = 8)]
    workers: u16,

    /// How often every release is looked at although nothing happened.
    #[arg(long, env = "WINDLASS_CHARTS_SYNC_INTERVAL", default_value = "3m", value_parser = seconds)]
    charts_sync_interval: Duration,

    /// Revisions kept in a release's history; 0 keeps all.
    #[arg(long, env = "WINDLASS_MAX_HISTORY", default_value_t = 10)]
    max_history: u32,

    /// Namespace of the Leases by which the replicas know each other: the operator's own.
    #[arg(long, env = "WINDLASS_NAMESPACE", required_unless_present_any = ["let_go", "check_config"])]
    namespace: Option<String>,

    /// Name of this replica, which no other has: its pod's.
    #[arg(long, env = "WINDLASS_IDENTITY", required_unless_present_any = ["let_go", "check_config"])]
    identity: Option<String>,

    /// URL at which the other replicas reach this one's gRPC server. Without it, what persons ask of a release has to be asked of the replica
    /// that works on it. An IPv6 address may do without its brackets, as Kubernetes tells a pod's.
    #[arg(long, env = "WINDLASS_PEER_URL", value_parser = bracketed)]
    peer_url: Option<String>,

    /// Take the finalizer off every FluxHelmRelease, purge nothing, and exit: what the chart does before an uninstall.
    #[arg(long)]
    let_go: bool,

    /// The operator's own Deployment, NAMESPACE/NAME, which --let-go scales to 0 first.
    #[arg(long, requires = "let_go")]
    let_go_deployment: Option<DeploymentRef>,
}

impl Service for Args {
    const NAME: &'static str = "release-operator";

    fn kit(&self) -> &KitArgs {
        &self.kit
    }

    fn check(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let urls = [("--git-syncer-url", Some(&self.git_syncer_url)), ("--peer-url", self.peer_url.as_ref())];
        for (flag, text) in urls {
            let Some(text) = text else { continue };
            let url = text.parse::<tonic::transport::Uri>().ok();
            let url = url.filter(|url| url.host().is_some());
            match url.as_ref().and_then(|url| url.scheme_str()) {
                Some("http") => {}
                Some("https") if self.kit.tls_dir.is_some() => {}
                Some("https") => faults.push(format!("{flag} is https, which needs --tls-dir")),
                _ => faults.push(format!("{flag} {text:?} is no http:// or https:// URL")),
            }
        }
        if self.workers == 0 {
            faults.push("--workers must be at least 1".to_owned());
        }
        if self.charts_sync_interval < Duration::from_secs(1) {
            faults.push("--charts-sync-interval must be at least 1s".to_owned());
        }
        faults
    }

    async fn run(self, kit: Kit) -> Result<(), BoxError> {
        let Self {
            kit: _,
            git_syncer_url,
            workers,
            charts_sync_interval,
            max_history,
            namespace,
            identity,
            peer_url,
            let_go,
            let_go_deployment,
        } = self;
        let client = kit.kube_client().await?;
        if let_go {
            let releases = let_go::let_go(client, let_go_deployment.as_ref()).await?;
            tracing::info!(releases, "let go; nothing was purged");
            return Ok(());
        }
        // Connections of its own, lest a renewal wait behind the work.
        let (membership, keeper) = Membership::join(
            kit.kube_client().await?,
            namespace.as_deref().unwrap_or_default(),
            Self::NAME,
            identity.as_deref().unwrap_or_default(),
            peer_url.as_deref(),
        )?;
        let client = guarded(client);
        let applier = Applier::new(client.clone(), kube_apply::Settings::default());
        let charts = Arc::new(GrpcCharts::new(kit.connect(&git_syncer_url)?));
        let (objects, writer) = controller::objects();
        let (change_sender, changes) = mpsc::channel(QUEUE);
        let (asked_sender, asked) = mpsc::channel(QUEUE);
        let shutdown = kit.shutdown.clone();
        let cluster = Cluster::new(client.clone(), applier.clone());
        let repositories = RepositoryCharts::new(repository::Settings::default())?;
        let sources = Sources::new(charts.clone(), repositories, cluster.clone(), charts_sync_interval);
        let context = Arc::new(Context {
            charts: Arc::new(sources),
            engine: Engine::new(available_cores()),
            cluster,
            store: ReleaseStore::new(client.clone(), RecordIndex::default()),
            applier,
            objects,
            catalog: Catalog::default(),
            changes: Changes::default(),
            settings: Settings { max_history, resync: charts_sync_interval },
            memory: Memory::default(),
            waits: Waits::new(asked_sender.clone(), shutdown.clone()),
            shares: Arc::new(Shares::new(membership.members(), membership.standing())),
        });
        // Through the shutdown, because what is in flight needs the Lease.
        kit.spawn("membership", keeper.run());
        kit.spawn("watch of sources", {
            let shutdown = shutdown.clone();
            async move {
                charts.watch(change_sender, shutdown).await;
                Ok(())
            }
        });
        kit.readiness.waiting("objects", "the FluxHelmRelease objects are not listed yet");
        kit.readiness.waiting("records", "the release records are not listed yet");
        kit.readiness.waiting("membership", "the group of replicas is not joined yet; see the log for why");
        let inputs = controller::Inputs {
            client,
            writer,
            changes,
            asked,
            wake: asked_sender.clone(),
            workers,
            readiness: kit.readiness.clone(),
        };
        let (drained, has_drained) = oneshot::channel::<()>();
        kit.spawn("controller", {
            let context = context.clone();
            async move {
                let ended = controller::run(inputs, context, shutdown).await;
                drop(drained);
                ended
            }
        });
        // What others may see of a release, and who may ask for a look: people by the CLI, the console, and the other replicas for them.
        let access = Access::closed()
            .allow("/windlass.release.v1.ReleaseService/", &["console", "windlass", Self::NAME]);
        let peers = Peers::new(kit.clone(), Self::NAME);
        let service =
            ReleaseServiceServer::new(Releases::new(context, asked_sender, peers, kit.shutdown.clone()));
        kit.serve(access, Services::new().with(service)).await?;
        // The end of the sender is all there is to hear: no look is in flight any more.
        drop(has_drained.await);
        membership.leave().await?;
        Ok(())
    }
}

/// A URL whose host is a bare IPv6 address, with the brackets that belong around it; any other as it is.
#[expect(clippy::unnecessary_wraps, reason = "a value parser may fail")]
fn bracketed(url: &str) -> Result<String, Infallible> {
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once(':')?)));
    Ok(match parts {
        Some((scheme, (host, port))) if host.parse::<Ipv6Addr>().is_ok() => {
            format!("{scheme}://[{host}]:{port}")
        }
        _ => url.to_owned(),
    })
}

fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_bare_ipv6_address_gets_its_brackets() {
        let check = |url: &str, expected: &str| assert_eq!(bracketed(url).unwrap(), expected);
        check("http://fd00::a:1:9090", "http://[fd00::a:1]:9090");
        check("http://[fd00::a:1]:9090", "http://[fd00::a:1]:9090");
        check("https://10.0.0.1:9090", "https://10.0.0.1:9090");
        check("http://pod.example:9090", "http://pod.example:9090");
        check("9090", "9090");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let args = Args::parse_from([
            "release-operator",
            "--git-syncer-url=ftp://x",
            "--workers=0",
            "--charts-sync-interval=10ms",
            "--namespace=flux",
            "--identity=pod-1",
            "--peer-url=https://10.0.0.1:9090",
        ]);
        assert_eq!(args.check().len(), 4, "{:?}", args.check());
        let of = |args: &[&str]| Args::try_parse_from([&["release-operator"], args].concat());
        assert!(of(&["--namespace=flux", "--identity=pod-1"]).unwrap().check().is_empty());
        assert!(of(&["--let-go"]).unwrap().check().is_empty());
        assert!(of(&["--namespace=flux"]).is_err());
    }
}
