//! Ways into the cluster: kubeconfigs and clients, for the admin and for ServiceAccounts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::AuthInfo;
use serde_json::json;

use crate::host::Host;
use crate::pki::Pki;

/// Long enough for any test, benchmark or evening with `make up`.
const TOKEN_SECONDS: i64 = 24 * 3600;

/// The API server as the admin reaches it.
pub(crate) struct ClusterAccess {
    server: SocketAddr,
    ca_pem: String,
    ca_der: Vec<u8>,
    token: String,
    kubeconfig: PathBuf,
}

impl ClusterAccess {
    pub(crate) fn admin(host: &Host, server: SocketAddr, pki: &Pki, token: &str) -> anyhow::Result<Self> {
        let content = kubeconfig(server, &pki.ca_pem, "admin", "default", token)?;
        Ok(Self {
            server,
            ca_pem: pki.ca_pem.clone(),
            ca_der: pki.ca_der.clone(),
            token: token.to_owned(),
            kubeconfig: host.write("admin.kubeconfig", content)?,
        })
    }

    /// The admin's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(crate) fn server(&self) -> SocketAddr {
        self.server
    }

    /// A new client of the admin. It belongs to the runtime it is made in.
    pub(crate) fn client(&self) -> anyhow::Result<kube::Client> {
        let url =
            format!("https://{}", self.server).parse().context("the API server's address makes no URL")?;
        let mut config = kube::Config::new(url);
        config.root_cert = Some(vec![self.ca_der.clone()]);
        config.auth_info = AuthInfo { token: Some(self.token.clone().into()), ..AuthInfo::default() };
        kube::Client::try_from(config).context("cannot make a client")
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
        let content = kubeconfig(self.server, &self.ca_pem, name, namespace, &token)?;
        host.write(&format!("{}.kubeconfig", host.unique(&format!("{namespace}-{name}"))), content)
    }
}

/// A kubeconfig with one context.
fn kubeconfig(
    server: SocketAddr,
    ca_pem: &str,
    user: &str,
    namespace: &str,
    token: &str,
) -> anyhow::Result<String> {
    let value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": {
            "server": format!("https://{server}"),
            "certificate-authority-data": k8s_openapi::ByteString(ca_pem.as_bytes().to_vec()),
        }}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user, "namespace": namespace}}],
    });
    serde_yaml::to_string(&value).context("cannot write a kubeconfig")
}
