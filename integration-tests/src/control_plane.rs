//! etcd and kube-apiserver.

use std::net::SocketAddr;
use std::path::Path;

use crate::cluster_access::ClusterAccess;
use crate::host::{Host, LOOPBACK};
use crate::keeper::{Process, Signal};
use crate::pki::{self, Pki};
use crate::server::{self, ServerSpec};
use crate::tools;

/// A running API server and what its other parts need of it.
pub(crate) struct ControlPlane {
    pub(crate) pki: Pki,
    pub(crate) access: ClusterAccess,
    pub(crate) processes: Vec<Process>,
}

/// Starts etcd, then kube-apiserver, and writes the admin's kubeconfig.
pub(crate) async fn start(host: &Host) -> anyhow::Result<ControlPlane> {
    let pki = pki::make(host, host.address())?;
    let token = random_token();
    let token_file = host.write("pki/tokens.csv", format!("{token},admin,admin,system:masters\n"))?;
    let (etcd, [etcd_port, _]) = start_etcd(host).await?;

    let program = tools::path("kube-apiserver")?;
    let address = host.address();
    let spec = |[port]: [u16; 1]| {
        let args = apiserver_args(&pki, SocketAddr::new(address, port), etcd_port, &token_file);
        Ok(ServerSpec { program: program.clone(), args, env: Vec::new(), user: None, stop: Signal::Kill })
    };
    let http = pki.http_client()?;
    let ready = |[port]: [u16; 1]| {
        let request =
            http.get(format!("https://{}/readyz", SocketAddr::new(address, port))).bearer_auth(&token);
        server::succeeds(request)
    };
    let (apiserver, [port]) = server::start(host, "kube-apiserver", address, spec, ready).await?;
    let access = ClusterAccess::admin(host, SocketAddr::new(address, port), &pki, &token)?;
    Ok(ControlPlane { pki, access, processes: vec![etcd, apiserver] })
}

async fn start_etcd(host: &Host) -> anyhow::Result<(Process, [u16; 2])> {
    let program = tools::path("etcd")?;
    let data = host.folder().join("etcd");
    let spec = |[client, peer]: [u16; 2]| {
        let args = vec![
            "--name=testbed".into(),
            format!("--data-dir={}", data.display()),
            format!("--listen-client-urls=http://127.0.0.1:{client}"),
            format!("--advertise-client-urls=http://127.0.0.1:{client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-cluster=testbed=http://127.0.0.1:{peer}"),
            // Nothing here survives the machine, so nothing has to reach the disk.
            "--unsafe-no-fsync".into(),
            "--log-level=warn".into(),
        ];
        Ok(ServerSpec { program: program.clone(), args, env: Vec::new(), user: None, stop: Signal::Kill })
    };
    let http = reqwest::Client::builder().no_proxy().build()?;
    let ready =
        |[client, _]: [u16; 2]| server::succeeds(http.get(format!("http://127.0.0.1:{client}/readyz")));
    server::start(host, "etcd", LOOPBACK, spec, ready).await
}

fn apiserver_args(pki: &Pki, at: SocketAddr, etcd_port: u16, token_file: &Path) -> Vec<String> {
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        format!("--bind-address={}", at.ip()),
        format!("--secure-port={}", at.port()),
        format!("--tls-cert-file={}", pki.server_certificate.display()),
        format!("--tls-private-key-file={}", pki.server_key.display()),
        format!("--token-auth-file={}", token_file.display()),
        format!("--service-account-key-file={}", pki.service_account_public_key.display()),
        format!("--service-account-signing-key-file={}", pki.service_account_key.display()),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        "--authorization-mode=RBAC".into(),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
        // Nobody reaches the API server by the Service `kubernetes` here; an address to advertise is
        // demanded all the same, and taking it from the host's default route would fail without one.
        "--advertise-address=192.0.2.1".into(),
        "--endpoint-reconciler-type=none".into(),
        "--allow-privileged=true".into(),
        "--profiling=false".into(),
        "--shutdown-delay-duration=0s".into(),
    ]
}

/// A bearer token nobody can guess: loopback is open to every user of the machine.
fn random_token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}
