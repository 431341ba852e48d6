//! One of several release-operators, to be killed, frozen, ended and started again.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, ListParams};

use crate::bed::Testbed;
use crate::service::Service;
use crate::windlass::{NAMESPACE, Ports, replica};

/// The longest that a drain takes, and some time to spare.
const DRAIN: Duration = Duration::from_secs(40);
/// The label of the replicas' Leases, and the start of their names.
const GROUP: (&str, &str) = ("windlass.dev/membership=release-operator", "release-operator-");
/// The annotation on the Lease of a replica that is lost.
const LOST: &str = "windlass.dev/lost";

/// A release-operator.
pub struct Replica {
    /// Its `--identity`: what a pod's name is to it.
    pub identity: String,
    service: Service,
    /// Where it serves gRPC.
    pub grpc: SocketAddr,
    /// Where it serves `/metrics`.
    pub http: SocketAddr,
    state: State,
}

/// What was last done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It stands still.
    Frozen,
    /// It has ended.
    Ended,
}

impl Replica {
    pub(crate) async fn start(
        bed: &Testbed,
        identity: &str,
        ports: Ports,
        arguments: &[String],
    ) -> anyhow::Result<Self> {
        let kubeconfig = bed.service_account_kubeconfig(NAMESPACE, "windlass-release-operator").await?;
        let common = [format!("--listen={}", ports.grpc), format!("--http-listen={}", ports.http)];
        let service = bed.service("release-operator").kubeconfig(&kubeconfig).http(ports.http);
        let service = service.args(common).args(replica(identity, ports)).args(arguments).start().await?;
        let identity = identity.to_owned();
        Ok(Self { identity, service, grpc: ports.grpc, http: ports.http, state: State::Running })
    }

    /// The process.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What was last done to it.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether this process, or one that ran in its place before, was the member of that name.
    #[must_use]
    pub fn was(&self, member: &str) -> bool {
        member.rsplit_once('-').is_some_and(|(identity, _)| identity == self.identity)
    }

    /// Kills it, running or frozen.
    ///
    /// # Errors
    /// The testbed has ended.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.service.kill().await?;
        self.state = State::Ended;
        Ok(())
    }

    /// Asks it to end, and waits until it has done so.
    ///
    /// # Errors
    /// It did not end, or with an error.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        let exit = self.service.terminate(DRAIN).await?;
        self.state = State::Ended;
        anyhow::ensure!(exit.success(), "{} ended with {exit}: {}", self.identity, self.service.log());
        Ok(())
    }

    /// Stops it where it stands.
    ///
    /// # Errors
    /// It does not run.
    pub async fn freeze(&mut self) -> anyhow::Result<()> {
        self.service.freeze().await?;
        self.state = State::Frozen;
        Ok(())
    }

    /// Names the point at which it kills itself when it runs next; none without one.
    pub fn arm(&mut self, failpoint: Option<&str>) {
        self.service.set_env("WINDLASS_FAILPOINTS", failpoint);
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It still runs after that time.
    pub async fn wait_exit(&mut self, deadline: Duration) -> anyhow::Result<()> {
        self.service.wait_exit(deadline).await?;
        self.state = State::Ended;
        Ok(())
    }

    /// Lets it run, whether it was frozen or had ended.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn run(&mut self) -> anyhow::Result<()> {
        match self.state {
            State::Running => {}
            State::Frozen => self.service.thaw()?,
            State::Ended => self.service.start().await?,
        }
        self.state = State::Running;
        Ok(())
    }
}

/// The members of which nobody has found yet that they are lost, by their Leases, sorted.
///
/// # Errors
/// The API server does not answer.
pub async fn members(client: &kube::Client) -> anyhow::Result<Vec<String>> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    let leases = leases.list(&ListParams::default().labels(GROUP.0)).await.context("cannot list Leases")?;
    let member = |lease: &Lease| {
        let lost = lease.metadata.annotations.iter().flatten().any(|(name, _)| name == LOST);
        let holder = lease.spec.as_ref()?.holder_identity.as_ref()?;
        let member = lease.metadata.name.as_ref()?.strip_prefix(GROUP.1)?;
        (!lost && holder == member).then(|| member.to_owned())
    };
    let mut members: Vec<_> = leases.items.iter().filter_map(member).collect();
    members.sort();
    Ok(members)
}
