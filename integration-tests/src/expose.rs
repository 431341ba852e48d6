//! A process of this machine behind a Service of the cluster.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use crate::bed::Testbed;
use crate::wait::eventually;

const ACCOUNT: Duration = Duration::from_secs(30);

impl Testbed {
    /// Lets the API server's service proxy (`kubectl get --raw …/services/NAME:http/proxy/…`, and so
    /// `kubeseal --fetch-cert`) reach a process at `target`: makes a Service without selector, its
    /// Endpoints, and a pod with the target's address. The Service's port is named `http`.
    ///
    /// The pod is never scheduled and runs nothing: the proxy only follows an address that belongs to a
    /// pod (`isValidAddress` in Kubernetes' service registry). Endpoints refuse loopback addresses, so
    /// `target` needs another one: see [`netns`](crate::netns).
    ///
    /// # Errors
    /// The API server refuses an object, or the namespace has no ServiceAccount `default` after 30 s
    /// (kube-controller-manager makes it: ask for [`TestbedBuilder::workloads`](crate::TestbedBuilder::workloads)).
    pub async fn expose(
        &self,
        namespace: &str,
        service: &str,
        port: u16,
        target: SocketAddr,
    ) -> anyhow::Result<()> {
        ensure!(!target.ip().is_loopback(), "Endpoints refuse {target}: run the test in a network namespace");
        let accounts = ["get", "serviceaccount", "default", "-n", namespace, "-o", "name"];
        let what = format!("the ServiceAccount {namespace}/default");
        eventually(ACCOUNT, &what, async || self.kubectl(&accounts).await).await?;

        let pod = format!("{service}-process");
        let ip = target.ip().to_string();
        let metadata = |name: &str| json!({"namespace": namespace, "name": name});
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata(service), "spec": {
                "ports": [{"name": "http", "port": port, "targetPort": target.port()}],
            }},
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata(&pod), "spec": {
                // No scheduler has this name: the pod stays where it is, in the API.
                "schedulerName": "none",
                "containers": [{"name": "process", "image": "process"}],
            }},
            {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata(service), "subsets": [{
                "addresses": [{"ip": ip, "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod}}],
                "ports": [{"name": "http", "port": target.port()}],
            }]},
        ]});
        self.kubectl_apply(&objects.to_string()).await?;
        let status = json!({"status": {"podIP": ip, "podIPs": [{"ip": ip}]}}).to_string();
        self.kubectl(&[
            "patch",
            "pod",
            &pod,
            "-n",
            namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            &status,
        ])
        .await
        .map(drop)
    }
}
