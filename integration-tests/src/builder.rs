//! Which servers a testbed has.

use std::net::IpAddr;
use std::sync::Arc;

use crate::bed::Testbed;
use crate::cluster_access::ClusterAccess;
use crate::git::GitServer;
use crate::host::{Host, LOOPBACK};
use crate::otlp::OtlpReceiver;
use crate::postgres::Postgres;
use crate::registry::Registry;
use crate::{control_plane, workloads};

/// Chooses the servers of a [`Testbed`]; each is off until asked for.
#[derive(Clone, Debug)]
#[must_use = "nothing starts before `start`"]
pub struct TestbedBuilder {
    address: IpAddr,
    control_plane: bool,
    controllers: bool,
    workloads: bool,
    postgres: bool,
    registry: bool,
    git: bool,
    otlp: bool,
    context: Option<String>,
}

impl TestbedBuilder {
    pub(crate) fn new() -> Self {
        Self {
            address: LOOPBACK,
            control_plane: false,
            controllers: false,
            workloads: false,
            postgres: false,
            registry: false,
            git: false,
            otlp: false,
            context: None,
        }
    }

    /// etcd and kube-apiserver: objects are stored and validated, nothing acts on them.
    pub fn control_plane(mut self) -> Self {
        self.control_plane = true;
        self
    }

    /// The control plane with kube-controller-manager: Deployments and Jobs are acted on, namespaces end, garbage is collected; pods
    /// stay pending.
    pub fn controllers(mut self) -> Self {
        self.control_plane = true;
        self.controllers = true;
        self
    }

    /// The control plane with kube-controller-manager, kube-scheduler and kwok with one fake node:
    /// Deployments become pods and pods become Ready.
    pub fn workloads(mut self) -> Self {
        self.control_plane = true;
        self.workloads = true;
        self
    }

    /// `PostgreSQL`.
    pub fn postgres(mut self) -> Self {
        self.postgres = true;
        self
    }

    /// An OCI registry.
    pub fn registry(mut self) -> Self {
        self.registry = true;
        self
    }

    /// A git server over SSH.
    pub fn git(mut self) -> Self {
        self.git = true;
        self
    }

    /// A receiver of OTLP traces; services started by the testbed export to it.
    pub fn otlp(mut self) -> Self {
        self.otlp = true;
        self
    }

    /// Every server.
    pub fn everything(self) -> Self {
        self.workloads().postgres().registry().git().otlp()
    }

    /// The cluster of this context in the person's own kubeconfig, instead of a control plane. Only a person who names
    /// it may bring that about.
    pub fn context(mut self, name: &str) -> Self {
        self.context = Some(name.to_owned());
        self
    }

    /// The address of the API server and of the services, instead of 127.0.0.1. It must be an address of
    /// this machine; see [`netns`](crate::netns) for one that no other machine can reach.
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Starts the servers side by side and returns when all are ready.
    ///
    /// # Errors
    /// A program is missing, or a server did not become ready: the message has the end of its log.
    /// What had started is ended.
    pub async fn start(self) -> anyhow::Result<Testbed> {
        let host = Arc::new(Host::start(self.address)?);
        // From here on dropping it cleans up, whatever fails below.
        let mut bed = Testbed::new(host.clone());
        bed.outside =
            self.context.as_deref().map(|context| ClusterAccess::of_context(&host, context)).transpose()?;
        let cluster = async {
            if !self.control_plane {
                return Ok((None, Vec::new()));
            }
            let plane = control_plane::start(&host).await?;
            let workers = match (self.workloads, self.controllers) {
                (true, _) => workloads::start(&host, &plane).await?,
                (false, true) => vec![workloads::controller_manager(&host, &plane).await?],
                (false, false) => Vec::new(),
            };
            anyhow::Ok((Some(plane), workers))
        };
        let postgres = wanted(self.postgres, Postgres::start(host.clone()));
        let registry = wanted(self.registry, Registry::start(host.clone()));
        let git = wanted(self.git, GitServer::start(host.clone()));
        let otlp = wanted(self.otlp, async { OtlpReceiver::start() });
        let (cluster, postgres, registry, git, otlp) =
            tokio::try_join!(cluster, postgres, registry, git, otlp)?;
        (bed.control_plane, bed.workers) = cluster;
        (bed.postgres, bed.registry, bed.git, bed.otlp) = (postgres, registry, git, otlp);
        Ok(bed)
    }
}

async fn wanted<T>(
    wanted: bool,
    start: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    if wanted { start.await.map(Some) } else { Ok(None) }
}
