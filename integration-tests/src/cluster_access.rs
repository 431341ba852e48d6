//! Ways into the cluster: kubeconfigs and clients, for the admin and for ServiceAccounts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::host::Host;
use crate::pki::Pki;
use crate::tools;

/// Long enough for any test, benchmark or evening with `make up`.
const TOKEN_SECONDS: i64 = 24 * 3600;

/// The API server as the admin reaches it.
pub(crate) struct ClusterAccess {
    /// `None` for a cluster that is not the testbed's own.
    server: Option<SocketAddr>,
    /// The `cluster` of a kubeconfig: URL, certificate authority.
    cluster: Value,
    kubeconfig: PathBuf,
}

impl ClusterAccess {
    /// The testbed's own cluster.
    pub(crate) fn admin(host: &Host, server: SocketAddr, pki: &Pki, token: &str) -> anyhow::Result<Self> {
        let cluster = json!({
            "server": format!("https://{server}"),
            "certificate-authority-data": k8s_openapi::ByteString(pki.ca_pem.as_bytes().to_vec()),
        });
        let content = kubeconfig(&cluster, "admin", "default", token)?;
        Ok(Self { server: Some(server), cluster, kubeconfig: host.write("admin.kubeconfig", content)? })
    }

    /// A cluster that a person names by a context of their own kubeconfig: the only place where that is read.
    pub(crate) fn of_context(host: &Host, context: &str) -> anyhow::Result<Self> {
        let output = Command::new(tools::path("kubectl")?)
            .args(["config", "view", "--raw", "--flatten", "--minify", "--output=json", "--context", context])
            .stdin(Stdio::null())
            .output()
            .context("cannot run kubectl")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "your kubeconfig has no context {context:?}: {}", said.trim());
        let content = String::from_utf8(output.stdout).context("kubectl printed no UTF-8")?;
        let parsed: Value = serde_json::from_str(&content).context("kubectl printed no JSON")?;
        let cluster = parsed["clusters"][0]["cluster"].clone();
        ensure!(cluster["server"].is_string(), "the context {context:?} of your kubeconfig names no cluster");
        Ok(Self { server: None, cluster, kubeconfig: host.write("admin.kubeconfig", content)? })
    }

    /// The admin's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The address of the testbed's own API server.
    pub(crate) fn server(&self) -> SocketAddr {
        self.server.expect("asked for in testbeds with a control plane of their own only")
    }

    /// The URL of the API server.
    pub(crate) fn url(&self) -> &str {
        self.cluster["server"].as_str().unwrap_or_default()
    }

    /// A new client of the admin. It belongs to the runtime it is made in.
    pub(crate) fn client(&self) -> anyhow::Result<kube::Client> {
        let kubeconfig =
            Kubeconfig::read_from(&self.kubeconfig).context("cannot read the admin's kubeconfig")?;
        // Nothing is awaited in there but the files that the kubeconfig names, and it names none.
        let config = futures::executor::block_on(kube::Config::from_custom_kubeconfig(
            kubeconfig,
            &KubeConfigOptions::default(),
        ));
        kube::Client::try_from(config.context("cannot use the admin's kubeconfig")?)
            .context("cannot make a client")
    }

    /// Asks for a token of a ServiceAccount and writes a kubeconfig with it.
    pub(crate) async fn service_account(
        &self,
        host: &Host,
        namespace: &str,
        name: &str,
    ) -> anyhow::Result<PathBuf> {
        let accounts = kube::Api::<ServiceAccount>::namespaced(self.client()?, namespace);
        let spec =
            TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let answer = answer.with_context(|| format!("no token for the ServiceAccount {namespace}/{name}"))?;
        let token = answer.status.and_then(|status| status.token).context("the API server sent no token")?;
        let content = kubeconfig(&self.cluster, name, namespace, &token)?;
        host.write(&format!("{}.kubeconfig", host.unique(&format!("{namespace}-{name}"))), content)
    }
}

/// A kubeconfig with one context.
fn kubeconfig(cluster: &Value, user: &str, namespace: &str, token: &str) -> anyhow::Result<String> {
    let value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user, "namespace": namespace}}],
    });
    serde_yaml::to_string(&value).context("cannot write a kubeconfig")
}
