//! What stands in the way of one release stands in the way of no other: what the API server refuses at admission, and what never
//! becomes ready, on real servers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use integration_tests::{ReleaseBed, Testbed, eventually, variable};
use serde_json::{Value, json};

const NAMESPACE: &str = "dev";
const SOON: Duration = Duration::from_secs(60);

/// Nothing in the testbed works on Deployments here, so that none ever becomes ready.
const OBJECTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {text: {{ .Values.text | quote }}}
{{- if .Values.waits }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: a, image: "example.org/a:1"}]}
{{- end }}
"#;

const FILES: [(&str, &str); 3] = [
    ("charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n"),
    ("charts/app/values.yaml", "text: good\nwaits: false\n"),
    ("charts/app/templates/objects.yaml", OBJECTS),
];

/// Refuses ConfigMaps by their content, as a person's admission rules do.
const POLICY: &str = r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-bad-text}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.data) || !('text' in object.data) || object.data.text != 'bad'", message: "text may not be bad"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-bad-text}
spec: {policyName: no-bad-text, validationActions: [Deny]}
"#;

fn release(name: &str, values: Value, more: Value) -> Value {
    let mut spec = json!({"chartGitPath": "app", "releaseName": name, "values": values});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({"apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec})
}

/// Waits until condition `Ready` of the object as it is has a status, and a message with these words.
async fn ready(bed: &ReleaseBed, name: &str, status: &str, words: &[&str]) -> anyhow::Result<()> {
    eventually(SOON, &format!("{name} to be Ready={status} with {words:?}"), async || {
        let object = bed.json(&["get", "fhr", name, "-n", NAMESPACE]).await?;
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found =
            conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default();
        let message = found["message"].as_str().unwrap_or_default();
        ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"], "not seen yet");
        ensure!(found["status"] == status && words.iter().all(|word| message.contains(word)), "{found}");
        Ok(())
    })
    .await
}

async fn records(bed: &ReleaseBed, release: &str, expected: &str) -> anyhow::Result<()> {
    eventually(SOON, &format!("{release} to have the records {expected}"), async || {
        let records = bed.records(NAMESPACE).await?.into_iter().filter(|(name, ..)| name == release);
        let words: Vec<_> = records.map(|(_, revision, status)| format!("{revision} {status}")).collect();
        ensure!(words.join(", ") == expected, "they are {words:?}");
        Ok(())
    })
    .await
}

async fn what_admission_refuses_is_told(bed: &ReleaseBed) -> anyhow::Result<()> {
    let apply = async |object: Value| bed.bed.kubectl_apply(&object.to_string()).await;
    bed.bed.kubectl_apply(POLICY).await?;
    let tries = AtomicU32::new(0);
    eventually(SOON, "the policy to be in force", async || {
        // A new one each time: an apply that changes nothing is not asked about.
        let name = format!("probe-{}", tries.fetch_add(1, Ordering::Relaxed));
        let metadata = json!({"name": name, "namespace": NAMESPACE});
        let bad =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": "bad"}});
        ensure!(apply(bad).await.is_err(), "it is not yet");
        Ok(())
    })
    .await?;
    let words = ["ConfigMap", "text may not be bad", "windlass retry release"];
    // An install, and an upgrade of what is well.
    let never = json!({"install": {"retries": 0}, "upgrade": {"retries": 0}});
    apply(release("new", json!({"text": "bad"}), never.clone())).await?;
    apply(release("old", json!({}), never.clone())).await?;
    ready(bed, "new", "False", &words).await?;
    ready(bed, "old", "True", &[]).await?;
    apply(release("old", json!({"text": "bad"}), never.clone())).await?;
    ready(bed, "old", "False", &words).await?;
    records(bed, "new", "1 failed").await?;
    records(bed, "old", "1 deployed, 2 failed").await?;
    let live = bed.json(&["get", "configmap", "old", "-n", NAMESPACE]).await?;
    ensure!(live["data"]["text"] == "good", "the last good release is not in place: {live}");
    apply(release("next", json!({}), json!({}))).await?;
    ready(bed, "next", "True", &[]).await?;
    // What is right again goes on.
    apply(release("old", json!({"text": "better"}), never.clone())).await?;
    apply(release("new", json!({}), never)).await?;
    ready(bed, "old", "True", &[]).await?;
    ready(bed, "new", "True", &[]).await
}

/// Many more than there are workers: WAITING=1000 for as many as an operator has.
async fn those_that_wait_hold_no_worker(bed: &ReleaseBed) -> anyhow::Result<()> {
    let count = variable("WAITING")?.unwrap_or(60);
    let wait = json!({"wait": true, "timeout": "1h"});
    let items: Vec<_> = (0..count)
        .map(|number| release(&format!("waits-{number}"), json!({"waits": true}), wait.clone()))
        .collect();
    bed.bed.kubectl_apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).await?;
    eventually(SOON * 5, "all of them to wait at once", async || {
        let records = bed.records(NAMESPACE).await?;
        let waiting = records
            .iter()
            .filter(|(name, _, status)| name.starts_with("waits-") && status == "pending-install");
        let waiting = waiting.count();
        ensure!(waiting == count, "{waiting} of {count} wait");
        Ok(())
    })
    .await?;
    let begun = Instant::now();
    bed.bed.kubectl_apply(&release("passes", json!({}), json!({})).to_string()).await?;
    ready(bed, "passes", "True", &[]).await?;
    let took = begun.elapsed();
    ensure!(took < Duration::from_secs(20), "a release beside {count} that wait took {took:?}");
    // They can be given up at any time.
    bed.bed.kubectl_apply(&release("waits-0", json!({}), wait).to_string()).await?;
    ready(bed, "waits-0", "True", &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_are_left_alone() -> anyhow::Result<()> {
    let bed =
        ReleaseBed::start(Testbed::builder().control_plane(), &FILES, &["--charts-sync-interval=1h"]).await?;
    bed.bed.kubectl(&["create", "namespace", NAMESPACE]).await?;
    what_admission_refuses_is_told(&bed).await?;
    those_that_wait_hold_no_worker(&bed).await
}
