//! kube-controller-manager, kube-scheduler, and kwok with one fake node: what makes pods Ready.

use anyhow::{Context, ensure};
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{Api, PostParams};

use crate::control_plane::ControlPlane;
use crate::host::{Host, LOOPBACK};
use crate::keeper::{Process, Signal};
use crate::server::{self, ServerSpec};
use crate::tools;

const STAGES: &str = include_str!("../testbed/kwok-stages.yaml");
const NODE: &str = include_str!("../testbed/node.yaml");

/// Starts all three at once. Afterwards the node is Ready and the namespace `default` has its ServiceAccount.
pub(crate) async fn start(host: &Host, plane: &ControlPlane) -> anyhow::Result<Vec<Process>> {
    let (manager, scheduler, kwok) =
        tokio::try_join!(controller_manager(host, plane), scheduler(host, plane), kwok(host, plane))?;
    Ok(vec![manager, scheduler, kwok])
}

/// Starts the controllers alone. Afterwards the namespace `default` has its ServiceAccount.
pub(crate) async fn controller_manager(host: &Host, plane: &ControlPlane) -> anyhow::Result<Process> {
    let program = tools::path("kube-controller-manager")?;
    let spec = |[port]: [u16; 1]| {
        let mut args = component_args(plane, port);
        args.extend([
            "--use-service-account-credentials=true".into(),
            format!("--service-account-private-key-file={}", plane.pki.service_account_key.display()),
            format!("--root-ca-file={}", plane.pki.ca_file.display()),
            // A test waits for these controllers; their courtesy to a shared API server has no use here.
            "--kube-api-qps=500".into(),
            "--kube-api-burst=1000".into(),
        ]);
        Ok(ServerSpec { program: program.clone(), args, env: Vec::new(), user: None, stop: Signal::Kill })
    };
    let http = plane.pki.http_client()?;
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.access.client()?, "default");
    let ready = |[port]: [u16; 1]| {
        let (healthy, accounts) = (healthy(&http, port), &accounts);
        let look = async move {
            healthy.await?;
            // Without it no pod is admitted: the first thing a user of the cluster would miss.
            accounts.get("default").await.context("the ServiceAccount default/default is not there")?;
            Ok(())
        };
        look.boxed()
    };
    Ok(server::start(host, "kube-controller-manager", LOOPBACK, spec, ready).await?.0)
}

async fn scheduler(host: &Host, plane: &ControlPlane) -> anyhow::Result<Process> {
    let program = tools::path("kube-scheduler")?;
    let spec = |[port]: [u16; 1]| {
        let mut args = component_args(plane, port);
        args.extend(["--kube-api-qps=500".into(), "--kube-api-burst=1000".into()]);
        Ok(ServerSpec { program: program.clone(), args, env: Vec::new(), user: None, stop: Signal::Kill })
    };
    let http = plane.pki.http_client()?;
    let ready = |[port]: [u16; 1]| healthy(&http, port);
    Ok(server::start(host, "kube-scheduler", LOOPBACK, spec, ready).await?.0)
}

async fn kwok(host: &Host, plane: &ControlPlane) -> anyhow::Result<Process> {
    let program = tools::path("kwok")?;
    let stages = host.write("kwok-stages.yaml", STAGES)?;
    let spec = |[]: [u16; 0]| {
        let args = vec![
            format!("--kubeconfig={}", plane.access.kubeconfig().display()),
            format!("--config={}", stages.display()),
            "--manage-all-nodes=true".into(),
            "--node-lease-duration-seconds=40".into(),
            // Pods and the node get addresses that lead nowhere (RFC 5737, RFC 2544).
            "--node-ip=192.0.2.2".into(),
            "--cidr=198.18.0.0/16".into(),
        ];
        Ok(ServerSpec { program: program.clone(), args, env: Vec::new(), user: None, stop: Signal::Kill })
    };
    let nodes: Api<Node> = Api::all(plane.access.client()?);
    let node: Node = serde_yaml::from_str(NODE).context("testbed/node.yaml is no Node")?;
    let name = node.metadata.name.clone().context("testbed/node.yaml has no name")?;
    nodes.create(&PostParams::default(), &node).await.context("cannot create the fake node")?;
    let ready = |[]: [u16; 0]| is_ready(&nodes, &name).boxed();
    Ok(server::start(host, "kwok", LOOPBACK, spec, ready).await?.0)
}

fn component_args(plane: &ControlPlane, port: u16) -> Vec<String> {
    let kubeconfig = plane.access.kubeconfig().display();
    vec![
        format!("--kubeconfig={kubeconfig}"),
        // Its own endpoint asks the API server who calls; without these it would read a pod's files.
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        "--leader-elect=false".into(),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", plane.pki.server_certificate.display()),
        format!("--tls-private-key-file={}", plane.pki.server_key.display()),
        "--profiling=false".into(),
    ]
}

fn healthy(http: &reqwest::Client, port: u16) -> server::Readiness<'static> {
    server::succeeds(http.get(format!("https://127.0.0.1:{port}/healthz")))
}

async fn is_ready(nodes: &Api<Node>, name: &str) -> anyhow::Result<()> {
    let conditions = nodes.get(name).await?.status.and_then(|status| status.conditions).unwrap_or_default();
    let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    ensure!(ready, "the node {name} is not Ready");
    Ok(())
}
