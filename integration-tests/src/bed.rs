//! The testbed itself: its servers, and the real programs run against them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::builder::TestbedBuilder;
use crate::cluster_access::ClusterAccess;
use crate::command::Invocation;
use crate::control_plane::ControlPlane;
use crate::git::GitServer;
use crate::host::Host;
use crate::keeper::Process;
use crate::otlp::OtlpReceiver;
use crate::postgres::Postgres;
use crate::registry::Registry;
use crate::service::ServiceBuilder;
use crate::{ports, tools};

/// Running servers. Dropping it ends them, and everything else it started, and removes its folder;
/// so does the end of this process, in whatever way.
pub struct Testbed {
    pub(crate) host: Arc<Host>,
    pub(crate) control_plane: Option<ControlPlane>,
    /// The cluster, when it is not the testbed's own.
    pub(crate) outside: Option<ClusterAccess>,
    pub(crate) workers: Vec<Process>,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) registry: Option<Registry>,
    pub(crate) git: Option<GitServer>,
    pub(crate) otlp: Option<OtlpReceiver>,
}

static SHARED: OnceCell<Testbed> = OnceCell::const_new();

impl Testbed {
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            control_plane: None,
            outside: None,
            workers: Vec::new(),
            postgres: None,
            registry: None,
            git: None,
            otlp: None,
        }
    }

    /// Chooses the servers.
    pub fn builder() -> TestbedBuilder {
        TestbedBuilder::new()
    }

    /// One testbed with every server for all tests of this process, started by the first who asks. Tests
    /// that share it keep to namespaces, databases, repositories and images of their own. It ends with
    /// the process (a static is never dropped; the keeper sees the process end).
    ///
    /// # Errors
    /// As [`TestbedBuilder::start`]; the next who asks tries again.
    pub async fn shared() -> anyhow::Result<&'static Testbed> {
        SHARED.get_or_try_init(|| Self::builder().everything().start()).await
    }

    /// Ends everything and removes the folder, as dropping it does, and tells if that failed.
    ///
    /// # Errors
    /// Something could not be ended or removed.
    pub async fn stop(self) -> anyhow::Result<()> {
        let host = self.host.clone();
        tokio::task::spawn_blocking(move || host.stop()).await?
    }

    /// The testbed's folder. It is gone when the testbed is.
    pub fn folder(&self) -> &Path {
        self.host.folder()
    }

    /// The log of a server (`kube-apiserver`, `postgres`, …) or service by name.
    pub fn log_path(&self, name: &str) -> PathBuf {
        self.host.log_path(name)
    }

    /// The processes of the servers, to stop, kill or continue one by its name (`kube-apiserver`,
    /// `postgres`, `docker-registry`, `sshd`, …) in a test of what happens then.
    pub fn servers(&self) -> impl Iterator<Item = &Process> {
        let plane = self.control_plane.iter().flat_map(|plane| &plane.processes);
        let postgres = self.postgres.iter().map(|server| &server.process);
        let registry = self.registry.iter().map(|server| &server.process);
        let git = self.git.iter().map(|server| &server.process);
        plane.chain(&self.workers).chain(postgres).chain(registry).chain(git)
    }

    /// How long each server took from its start to its readiness, in the order they became ready.
    pub fn start_times(&self) -> Vec<(String, Duration)> {
        self.host.start_times()
    }

    /// Where the API server and the services listen.
    pub fn address(&self) -> IpAddr {
        self.host.address()
    }

    /// A free port at [`Self::address`], handed out to nobody else in this process.
    ///
    /// # Errors
    /// None is free.
    pub fn free_port(&self) -> anyhow::Result<u16> {
        ports::free(self.host.address())
    }

    /// The admin's kubeconfig.
    ///
    /// # Panics
    /// The testbed was built without a control plane.
    pub fn kubeconfig(&self) -> &Path {
        self.access().kubeconfig()
    }

    /// The API server's address.
    ///
    /// # Panics
    /// The testbed was built without a control plane.
    pub fn api_server(&self) -> SocketAddr {
        self.access().server()
    }

    /// A new client with the admin's rights. It works in the runtime it was made in.
    ///
    /// # Errors
    /// The client cannot be made.
    ///
    /// # Panics
    /// The testbed was built without a control plane.
    pub fn kube_client(&self) -> anyhow::Result<kube::Client> {
        self.access().client()
    }

    /// Asks the API server for a token of a ServiceAccount (valid for a day) and writes a kubeconfig
    /// that has its rights and no others.
    ///
    /// # Errors
    /// There is no such ServiceAccount.
    ///
    /// # Panics
    /// The testbed was built without a control plane.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> anyhow::Result<PathBuf> {
        self.access().service_account(&self.host, namespace, name).await
    }

    /// The URL of a database, which is created on the first call.
    ///
    /// # Errors
    /// The server refuses it.
    ///
    /// # Panics
    /// The testbed was built without postgres.
    pub async fn postgres_url(&self, database: &str) -> anyhow::Result<String> {
        self.postgres().url(database).await
    }

    /// The database server.
    ///
    /// # Panics
    /// The testbed was built without it.
    pub fn postgres(&self) -> &Postgres {
        self.postgres.as_ref().expect("the test asks for it with TestbedBuilder::postgres")
    }

    /// The image registry.
    ///
    /// # Panics
    /// The testbed was built without it.
    pub fn registry(&self) -> &Registry {
        self.registry.as_ref().expect("the test asks for it with TestbedBuilder::registry")
    }

    /// The git server.
    ///
    /// # Panics
    /// The testbed was built without it.
    pub fn git_server(&self) -> &GitServer {
        self.git.as_ref().expect("the test asks for it with TestbedBuilder::git")
    }

    /// The receiver of traces.
    ///
    /// # Panics
    /// The testbed was built without it.
    pub fn otlp(&self) -> &OtlpReceiver {
        self.otlp.as_ref().expect("the test asks for it with TestbedBuilder::otlp")
    }

    fn access(&self) -> &ClusterAccess {
        self.cluster().expect("the test asks for it with TestbedBuilder::control_plane")
    }

    fn cluster(&self) -> Option<&ClusterAccess> {
        self.control_plane.as_ref().map(|plane| &plane.access).or(self.outside.as_ref())
    }

    /// The URL of the API server.
    ///
    /// # Panics
    /// The testbed was built without a cluster.
    pub fn cluster_url(&self) -> &str {
        self.access().url()
    }

    /// One of the project's services, to be started.
    pub fn service(&self, name: &str) -> ServiceBuilder<'_> {
        ServiceBuilder::new(self, name)
    }

    /// Any program, to be run under the testbed: with its environment, and ended with it.
    pub fn program(&self, program: impl Into<PathBuf>) -> Invocation<'_> {
        let invocation = Invocation::new(&self.host, program);
        match self.cluster() {
            Some(access) => invocation.env("KUBECONFIG", access.kubeconfig().display().to_string()),
            None => invocation,
        }
    }

    /// A program of `make tools`, to be run against this testbed's cluster; for what the short forms
    /// below do not offer (standard input, a deadline, an expected failure).
    ///
    /// # Errors
    /// It has not been built.
    pub fn tool(&self, name: &str) -> anyhow::Result<Invocation<'_>> {
        Ok(self.program(tools::path(name)?))
    }

    /// Runs the real kubectl as the admin and returns what it wrote.
    ///
    /// # Errors
    /// It failed: the message has the command line and its standard error.
    pub async fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        self.tool("kubectl")?.args(args).run().await
    }

    /// `kubectl apply -f -` of a YAML text.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn kubectl_apply(&self, yaml: &str) -> anyhow::Result<String> {
        self.tool("kubectl")?.args(["apply", "-f", "-"]).stdin(yaml).run().await
    }

    /// Runs the real helm as the admin and returns what it wrote.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn helm(&self, args: &[&str]) -> anyhow::Result<String> {
        self.tool("helm")?.args(args).run().await
    }

    /// Runs the real grpcurl and returns what it wrote.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn grpcurl(&self, args: &[&str]) -> anyhow::Result<String> {
        self.tool("grpcurl")?.args(args).run().await
    }

    /// Runs the real kubeseal as the admin with `input` as its standard input, and returns what it wrote.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn kubeseal(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        self.tool("kubeseal")?.args(args).stdin(input).run().await
    }

    /// Runs the real git in a folder, with no configuration of the user or the machine. For a clone that
    /// pushes see [`Worktree::git`](crate::Worktree::git).
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn git(&self, folder: &Path, args: &[&str]) -> anyhow::Result<String> {
        self.program("git").cwd(folder).args(args).run().await
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        // Handles of servers may outlive the testbed; the servers do not. The keeper has told what went wrong.
        let _ = self.host.stop();
    }
}
