//! What a running service has at hand.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::access::Access;
use crate::args::KitArgs;
use crate::http::Readiness;
use crate::kube_requests::KubeRequests;
use crate::run::BoxError;
use crate::server::{self, ServeError, Services};
use crate::telemetry::chain;

/// What stands in the way of talking to Kubernetes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeClientError {
    /// The file of `--kubeconfig` cannot be used.
    #[error("the kubeconfig {0} cannot be used")]
    Kubeconfig(PathBuf, #[source] KubeconfigError),
    /// There is no ServiceAccount in this pod, or this is no pod.
    #[error("this is no pod with a ServiceAccount; give --kubeconfig to run outside a cluster")]
    InCluster(#[source] kube::config::InClusterError),
    /// The client cannot be built.
    #[error("the Kubernetes client cannot be set up")]
    Client(#[source] kube::Error),
}

/// What a running service has at hand. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Kit {
    /// Cancelled when the process shall stop: take no new work, finish what is in flight, end streams.
    pub shutdown: CancellationToken,
    /// What the service says about itself at /readyz; not ready until it says so.
    pub readiness: Readiness,
    /// The metrics served at /metrics.
    pub metrics: prometheus::Registry,
    kube_requests: KubeRequests,
    name: &'static str,
    args: Arc<KitArgs>,
    tasks: TaskTracker,
    failed: Arc<AtomicBool>,
}

impl Kit {
    /// A kit outside [`crate::main`], for a service that is run inside another process (a test). Whoever makes it drains it.
    #[must_use]
    pub fn new(name: &'static str, args: &KitArgs) -> Self {
        let metrics = prometheus::Registry::new();
        Self {
            shutdown: CancellationToken::new(),
            readiness: Readiness::default(),
            kube_requests: KubeRequests::register(&metrics)
                .expect("the registry is empty, and the name a valid one"),
            metrics,
            name,
            args: Arc::new(args.clone()),
            tasks: TaskTracker::new(),
            failed: Arc::default(),
        }
    }

    /// Starts a task that belongs to the process: draining waits for it, and its failure ends the process (a service that has lost
    /// one of its loops is not alive, and Kubernetes restarts what has ended).
    ///
    /// The task must end soon after [`Self::shutdown`] is cancelled.
    pub fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = Result<(), BoxError>> + Send + 'static,
    ) {
        let kit = self.clone();
        let task = async move {
            // The inner spawn turns a panic into a value.
            let ended = tokio::spawn(task.in_current_span()).await;
            let fault = match ended {
                Ok(Ok(())) if kit.shutdown.is_cancelled() => return,
                Ok(Ok(())) => "it ended though nobody stopped it".to_owned(),
                Ok(Err(error)) => chain(error.as_ref()),
                Err(error) => chain(&error),
            };
            tracing::error!(task = name, "a task of this process failed: {fault}");
            kit.failed.store(true, Ordering::SeqCst);
            kit.shutdown.cancel();
        };
        self.tasks.spawn(task);
    }

    /// A client for the API server, whose requests are counted in [`Self::metrics`]: by `--kubeconfig`, else by the pod's ServiceAccount.
    ///
    /// # Errors
    /// Says which of the two was tried and what is wrong with it. The API server is not asked yet.
    pub async fn kube_client(&self) -> Result<kube::Client, KubeClientError> {
        let config = match &self.args.kubeconfig {
            Some(path) => {
                let fault = |error| KubeClientError::Kubeconfig(path.clone(), error);
                let kubeconfig = Kubeconfig::read_from(path).map_err(fault)?;
                kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                    .await
                    .map_err(fault)?
            }
            None => kube::Config::incluster().map_err(KubeClientError::InCluster)?,
        };
        let builder = kube::client::ClientBuilder::try_from(config).map_err(KubeClientError::Client)?;
        Ok(builder.with_layer(&self.kube_requests).build())
    }

    /// Serves gRPC (with health and reflection) and HTTP until the process shall stop and the calls in flight have ended.
    ///
    /// # Errors
    /// An address that cannot be listened on, TLS files that cannot be used, a failure of the listener.
    pub async fn serve(&self, access: Access, services: Services) -> Result<(), ServeError> {
        server::serve(self, &self.args, access, services).await
    }

    /// Connects to another service; see [`crate::client`].
    ///
    /// # Errors
    /// A URL that is none, or TLS files that cannot be used. The other service is not asked yet.
    pub fn connect(&self, url: &str) -> Result<crate::client::Connection, crate::client::ConnectError> {
        crate::client::connect(url, self.args.tls_dir.as_deref())
    }

    /// Connects to another replica of a service, which is reached by an address of its own and has the certificate of all: one for `name`.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_to_replica(
        &self,
        url: &str,
        name: &str,
    ) -> Result<crate::client::Connection, crate::client::ConnectError> {
        crate::client::connect_to_replica(url, name, self.args.tls_dir.as_deref())
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Waits until every task has ended.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Whether a task has failed.
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}
