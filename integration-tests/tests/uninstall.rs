//! The FAQ's "I've uninstalled Flux and all my Helm releases are gone": here they are not.

use std::time::Duration;

use integration_tests::eventually;
use integration_tests::story::{self, Narrator, Outcome, Stage, Step, Told};
use integration_tests::windlass::{NAMESPACE, rendered};

struct Silent;

impl Narrator for Silent {
    fn begins(&mut self, _: &'static str) {}
    fn shows(&mut self, _: &str) {}
    fn ended(&mut self, told: &Told) {
        assert_eq!(told.outcome, Outcome::Held, "{}", told.step);
    }
}

/// What the operator's Deployment is to the API server; its pods come and go by kwok.
const OPERATOR: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: windlass-release-operator, namespace: flux}
spec:
  replicas: 1
  selector: {matchLabels: {app: release-operator}}
  template:
    metadata: {labels: {app: release-operator}}
    spec: {containers: [{name: release-operator, image: release-operator}]}
";

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_leaves_every_release_running() {
    let mut stage = Stage::new().await.unwrap();
    story::play(&mut stage, &Step::ALL[..3], &mut Silent).await;
    // The process stands for the pod: it ends as a pod does when its Deployment is scaled down.
    stage.windlass().release_operator.terminate(Duration::from_secs(30)).await.unwrap();
    let bed = &stage.bed;
    bed.kubectl_apply(OPERATOR).await.unwrap();
    bed.kubectl(&["-n", "flux", "rollout", "status", "deployment/windlass-release-operator"]).await.unwrap();

    // The hook: its own ServiceAccount and role, and what its Job runs.
    bed.kubectl_apply(&rendered(bed, &["templates/pre-delete.yaml"]).await.unwrap()).await.unwrap();
    let kubeconfig = bed.service_account_kubeconfig(NAMESPACE, "windlass-let-go").await.unwrap();
    let hook = bed
        .service("release-operator")
        .args([
            "--let-go".to_owned(),
            "--let-go-deployment=flux/windlass-release-operator".to_owned(),
            format!("--kubeconfig={}", kubeconfig.display()),
        ])
        .start()
        .await
        .unwrap();
    let exit = hook.wait_exit(Duration::from_secs(60)).await.unwrap();
    assert!(exit.success(), "{exit}: {}", hook.log());
    let replicas =
        ["-n", "flux", "get", "deployment", "windlass-release-operator", "-o", "jsonpath={.spec.replicas}"];
    assert_eq!(bed.kubectl(&replicas).await.unwrap(), "0", "the operator is stopped first");

    // Then the CRD goes, and with it every object: no finalizer holds it, and nothing is purged.
    let crd = "crd/fluxhelmreleases.helm.integrations.flux.weave.works";
    bed.kubectl(&["delete", crd, "--timeout=60s"]).await.unwrap();
    stage.released("dev", "podinfo-dev", 1).await.unwrap();
    let pods = ["-n", "dev", "get", "deployment", "podinfo-dev", "-o", "jsonpath={.status.readyReplicas}"];
    eventually(Duration::from_secs(30), "podinfo-dev to run on", async || {
        let ready = bed.kubectl(&pods).await?;
        anyhow::ensure!(ready == "1", "{ready:?} replicas are ready");
        Ok::<_, anyhow::Error>(())
    })
    .await
    .unwrap();
}
