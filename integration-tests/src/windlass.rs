//! Windlass itself in a testbed: the four services as processes, each with the rights that the chart gives it.
//!
//! The CRDs come from `deploy/crds`, the ServiceAccounts and roles from `helm/windlass` as the real helm renders them, so a
//! right that the chart forgets is missing here too. No service ever sees the admin's kubeconfig.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::bed::Testbed;
use crate::service::Service;

/// The namespace Windlass is installed in, as in the article.
pub const NAMESPACE: &str = "flux";
/// The namespace of secrets-decryptor, where the article runs the sealed-secrets controller.
pub const SEALING_NAMESPACE: &str = "adm";

const READY: Duration = Duration::from_secs(60);

/// How to install Windlass.
#[derive(Debug, Clone)]
pub struct Setup {
    /// `--git-url`.
    pub git_url: String,
    /// `--git-branch`.
    pub git_branch: String,
    /// `--known-hosts-file`.
    pub known_hosts: PathBuf,
    /// URL of the scanner's database.
    pub database_url: String,
    /// `--registry-mirror`: what stands for which registry. With any, no other registry is asked.
    pub mirrors: Vec<String>,
    /// How often the remote is polled and the registry scanned.
    pub interval: Duration,
    /// What is armed at the first start, by service: `WINDLASS_FAILPOINTS`.
    pub failpoints: BTreeMap<String, String>,
}

impl Setup {
    /// The settings for a repository and the servers of `servers`, with everything polled each second and the testbed's
    /// registry, if it has one, for docker.io.
    ///
    /// # Errors
    /// The database cannot be created.
    pub async fn new(servers: &Testbed, git_url: &str, database: &str) -> anyhow::Result<Self> {
        Ok(Self {
            git_url: git_url.to_owned(),
            git_branch: "master".to_owned(),
            known_hosts: servers.git_server().known_hosts_file().to_owned(),
            database_url: servers.postgres_url(database).await?,
            mirrors: servers
                .registry
                .iter()
                .map(|registry| format!("docker.io={}", registry.url()))
                .collect(),
            interval: Duration::from_secs(1),
            failpoints: BTreeMap::new(),
        })
    }
}

/// The addresses of one service.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// gRPC.
    pub grpc: SocketAddr,
    /// /metrics, /livez, /readyz.
    pub http: SocketAddr,
}

impl Ports {
    pub(crate) fn free(bed: &Testbed) -> anyhow::Result<Self> {
        let port = || anyhow::Ok(SocketAddr::new(bed.address(), bed.free_port()?));
        Ok(Self { grpc: port()?, http: port()? })
    }

    /// The URL other services call.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }
}

/// The arguments by which a release-operator joins the others: where its Lease is kept, who it is, and where they call it. As the chart's.
#[must_use]
pub fn replica(identity: &str, ports: Ports) -> [String; 3] {
    [
        format!("--namespace={NAMESPACE}"),
        format!("--identity={identity}"),
        format!("--peer-url={}", ports.url()),
    ]
}

/// Where each service listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// git-syncer.
    pub git_syncer: Ports,
    /// image-scanner.
    pub image_scanner: Ports,
    /// release-operator.
    pub release_operator: Ports,
    /// secrets-decryptor.
    pub secrets_decryptor: Ports,
    /// The HTTP API that kubeseal asks (`/v1/cert.pem`).
    pub sealing_http: SocketAddr,
}

/// A running Windlass.
pub struct Windlass {
    /// git-syncer.
    pub git_syncer: Service,
    /// image-scanner.
    pub image_scanner: Service,
    /// release-operator.
    pub release_operator: Service,
    /// secrets-decryptor.
    pub secrets_decryptor: Service,
    /// Where they listen.
    pub addresses: Addresses,
}

impl Windlass {
    /// Installs CRDs and roles into the cluster of `bed` and starts the four services.
    ///
    /// git-syncer is not ready before its key is a deploy key of the repository, so only the others are waited for.
    ///
    /// # Errors
    /// An object the API server refuses, a service that does not become ready.
    pub async fn install(bed: &Testbed, setup: &Setup) -> anyhow::Result<Self> {
        Self::prepare(bed).await?;
        let windlass = Self::launch(bed, setup).await?;
        tokio::try_join!(
            windlass.secrets_decryptor.wait_ready(READY),
            windlass.image_scanner.wait_ready(READY)
        )?;
        Ok(windlass)
    }

    /// CRDs, namespaces, ServiceAccounts and roles, as an installation by the chart makes them.
    ///
    /// # Errors
    /// An object the API server refuses.
    pub async fn prepare(bed: &Testbed) -> anyhow::Result<()> {
        let crds = project().join("deploy/crds");
        bed.kubectl(&["apply", "--server-side", "-f", &crds.display().to_string()]).await?;
        for namespace in [NAMESPACE, SEALING_NAMESPACE] {
            let yaml =
                bed.kubectl(&["create", "namespace", namespace, "--dry-run=client", "-o", "yaml"]).await?;
            bed.kubectl_apply(&yaml).await?;
        }
        let roles = rendered(bed, &["templates/serviceaccounts.yaml", "templates/rbac.yaml"]).await?;
        bed.kubectl_apply(&roles).await?;
        Ok(())
    }

    /// Starts the four services in a prepared cluster and waits for none of them.
    ///
    /// # Errors
    /// A binary that is missing, a ServiceAccount that is.
    pub async fn launch(bed: &Testbed, setup: &Setup) -> anyhow::Result<Self> {
        let addresses = Addresses {
            git_syncer: Ports::free(bed)?,
            image_scanner: Ports::free(bed)?,
            release_operator: Ports::free(bed)?,
            secrets_decryptor: Ports::free(bed)?,
            sealing_http: SocketAddr::new(bed.address(), bed.free_port()?),
        };
        let seconds = format!("{}ms", setup.interval.as_millis());
        // Each Windlass on a testbed has a folder of its own.
        let folder = bed.folder().join(format!("windlass-{}", addresses.git_syncer.grpc.port()));
        std::fs::create_dir(&folder).context("cannot make a folder")?;
        let database = folder.join("database-url");
        std::fs::write(&database, &setup.database_url).context("cannot write the database URL")?;

        let secrets_decryptor = start(
            bed,
            setup,
            "secrets-decryptor",
            SEALING_NAMESPACE,
            addresses.secrets_decryptor,
            vec![
                format!("--namespace={SEALING_NAMESPACE}"),
                format!("--http-api-listen={}", addresses.sealing_http),
            ],
        );
        let mut scanner_args =
            vec![format!("--database-url-file={}", database.display()), format!("--scan-interval={seconds}")];
        scanner_args.extend(setup.mirrors.iter().map(|mirror| format!("--registry-mirror={mirror}")));
        if !setup.mirrors.is_empty() {
            scanner_args.push("--registry-require-mirror".to_owned());
        }
        let image_scanner =
            start(bed, setup, "image-scanner", NAMESPACE, addresses.image_scanner, scanner_args);
        let git_syncer = start(
            bed,
            setup,
            "git-syncer",
            NAMESPACE,
            addresses.git_syncer,
            vec![
                format!("--git-url={}", setup.git_url),
                format!("--git-branch={}", setup.git_branch),
                format!("--known-hosts-file={}", setup.known_hosts.display()),
                format!("--git-poll-interval={seconds}"),
                format!("--namespace={NAMESPACE}"),
                format!("--state-dir={}", folder.join("git-syncer").display()),
                format!("--image-scanner-url={}", addresses.image_scanner.url()),
                format!("--secrets-decryptor-url={}", addresses.secrets_decryptor.url()),
            ],
        );
        let mut operator_args = vec![format!("--git-syncer-url={}", addresses.git_syncer.url())];
        operator_args.extend(replica("release-operator", addresses.release_operator));
        let release_operator =
            start(bed, setup, "release-operator", NAMESPACE, addresses.release_operator, operator_args);
        let (secrets_decryptor, image_scanner, git_syncer, release_operator) =
            tokio::try_join!(secrets_decryptor, image_scanner, git_syncer, release_operator)?;
        Ok(Self { git_syncer, image_scanner, release_operator, secrets_decryptor, addresses })
    }

    /// Waits for the public half of the deploy key in git-syncer's log, as the article finds it there:
    /// `grep identity.pub | cut -d '"' -f2`.
    ///
    /// # Errors
    /// No such line in time.
    pub async fn public_key(&self) -> anyhow::Result<String> {
        let line = self.git_syncer.wait_for_log("identity.pub", READY).await?;
        let key = line.split('"').nth(1).with_context(|| format!("no quoted key in {line:?}"))?;
        Ok(key.to_owned())
    }

    /// The services by name, to be killed and started again.
    pub fn service(&mut self, name: &str) -> Option<&mut Service> {
        match name {
            "git-syncer" => Some(&mut self.git_syncer),
            "image-scanner" => Some(&mut self.image_scanner),
            "release-operator" => Some(&mut self.release_operator),
            "secrets-decryptor" => Some(&mut self.secrets_decryptor),
            _ => None,
        }
    }
}

/// The top of the project.
#[must_use]
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Templates of the chart, as the real helm renders them for a release `windlass`.
///
/// # Errors
/// The chart does not render.
pub async fn rendered(bed: &Testbed, templates: &[&str]) -> anyhow::Result<String> {
    let chart = project().join("helm/windlass").display().to_string();
    let settings =
        format!("git.url=ssh://git@git.invalid/gitops-helm,secretsDecryptor.namespace={SEALING_NAMESPACE}");
    let mut args = vec!["template", "windlass", &chart, "--namespace", NAMESPACE, "--set", &settings];
    args.extend(templates.iter().flat_map(|template| ["--show-only", *template]));
    bed.helm(&args).await
}

/// Starts one service under its own ServiceAccount.
async fn start(
    bed: &Testbed,
    setup: &Setup,
    name: &str,
    namespace: &str,
    ports: Ports,
    args: Vec<String>,
) -> anyhow::Result<Service> {
    let kubeconfig = bed.service_account_kubeconfig(namespace, &format!("windlass-{name}")).await?;
    let armed = setup.failpoints.get(name).cloned().unwrap_or_default();
    bed.service(name)
        .env("WINDLASS_FAILPOINTS", armed)
        .args([
            format!("--listen={}", ports.grpc),
            format!("--http-listen={}", ports.http),
            format!("--kubeconfig={}", kubeconfig.display()),
        ])
        .args(args)
        .http(ports.http)
        .start()
        .await
}
