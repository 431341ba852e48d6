//! A cluster with a config repository that holds charts, git-syncer and release-operator.

use std::time::Duration;

use anyhow::{Context, ensure};
use integration_tests::{ReleaseBed, Testbed, Worktree, eventually};
use serde_json::Value;

pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Setup(pub(crate) ReleaseBed);

impl Setup {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let arguments = ["--charts-sync-interval=2s"];
        let bed = ReleaseBed::start(Testbed::builder().workloads(), &FILES, &arguments).await?;
        scaffold(&bed.bed, &bed.worktree).await?;
        Ok(Self(bed))
    }

    /// `helm history` as the real helm prints it: `1 superseded web-0.1.0 Install complete`.
    pub(crate) async fn history(&self, namespace: &str, release: &str) -> anyhow::Result<Vec<String>> {
        let output = self
            .0
            .bed
            .tool("helm")?
            .args(["history", release, "-n", namespace, "-o", "json"])
            .output()
            .await?;
        if output.stderr.contains("not found") {
            return Ok(Vec::new());
        }
        let history: Vec<Value> =
            serde_json::from_slice(&output.stdout).with_context(|| output.stderr.clone())?;
        let line = |entry: &Value| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            format!("{} {} {} {}", entry["revision"], text("status"), text("chart"), text("description"))
        };
        Ok(history.iter().map(line).collect())
    }

    pub(crate) async fn wait_history(
        &self,
        namespace: &str,
        release: &str,
        expected: &[&str],
    ) -> anyhow::Result<()> {
        eventually(SOON, &format!("release {release} to have the history {expected:?}"), async || {
            let history = self.history(namespace, release).await?;
            ensure!(history == expected, "it is {history:?}; the object: {}", self.messages(namespace).await);
            Ok(())
        })
        .await
    }

    pub(crate) async fn messages(&self, namespace: &str) -> String {
        let path =
            "jsonpath={range .items[*]}{.metadata.name}: {.status.conditions[*].message}{\"\\n\"}{end}";
        self.0
            .bed
            .kubectl(&["get", "fhr", "-n", namespace, "-o", path])
            .await
            .unwrap_or_else(|error| error.to_string())
    }

    /// Waits for a condition of an object and returns its message.
    pub(crate) async fn wait_ready(
        &self,
        namespace: &str,
        name: &str,
        status: &str,
        reason: &str,
    ) -> anyhow::Result<String> {
        eventually(SOON, &format!("FluxHelmRelease {name} to be Ready={status} {reason}"), async || {
            let object = self.0.json(&["get", "fhr", name, "-n", namespace]).await?;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
            let ready = ready.with_context(|| format!("no condition in {}", object["status"]))?;
            ensure!(ready["status"] == status && ready["reason"] == reason, "it is {ready}");
            let seen = &object["status"]["observedGeneration"];
            ensure!(*seen == object["metadata"]["generation"], "generation {seen} was observed");
            Ok(ready["message"].as_str().unwrap_or_default().to_owned())
        })
        .await
    }

    pub(crate) async fn exists(&self, args: &[&str]) -> anyhow::Result<bool> {
        Ok(!self
            .0
            .bed
            .kubectl(&[&["get"], args, &["--ignore-not-found", "-o", "name"]].concat())
            .await?
            .is_empty())
    }

    pub(crate) async fn wait_gone(&self, args: &[&str]) -> anyhow::Result<()> {
        eventually(SOON, &format!("{args:?} to go"), async || {
            ensure!(!self.exists(args).await?, "it is there");
            Ok(())
        })
        .await
    }
}

/// What `helm create` makes, as chart `web`.
async fn scaffold(bed: &Testbed, worktree: &Worktree) -> anyhow::Result<()> {
    let folder = bed.folder().join("charts");
    std::fs::create_dir_all(&folder)?;
    bed.helm(&["create", &folder.join("web").display().to_string()]).await?;
    worktree.copy_in(&folder.join("web"), "charts/web").await?;
    worktree.commit_and_push("Add a scaffolded chart").await.map(drop)
}

/// Small charts for what the scaffold has not.
const FILES: [(&str, &str); 9] = [
    ("charts/broken/Chart.yaml", "apiVersion: v2\nname: broken\nversion: 0.1.0\n"),
    ("charts/broken/templates/a.yaml", "kind: ConfigMap\nname: {{ .Values.a.b.c }}\n"),
    ("charts/invalid/Chart.yaml", "apiVersion: v2\nname: invalid\nversion: 0.1.0\n"),
    (
        "charts/invalid/templates/a.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: invalid}\nspec: {ports: [{port: 0}]}\n",
    ),
    ("charts/parts/Chart.yaml", "apiVersion: v2\nname: parts\nversion: 0.1.0\n"),
    ("charts/parts/values.yaml", "number: 1\nsecond: true\nport: 80\n"),
    ("charts/parts/templates/a.yaml", PARTS),
    ("charts/parts/templates/hook.yaml", HOOK),
    ("charts/parts/crds/things.yaml", THINGS),
];

const PARTS: &str = concat!(
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}-a\"}\ndata: {number: \"{{ .Values.number }}\"}\n",
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"{{ .Release.Name }}-kept\"\n",
    "  annotations: {helm.sh/resource-policy: keep}\n",
    "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"{{ .Release.Name }}\"}\n",
    "{{- if .Values.second }}\n",
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: \"{{ .Release.Name }}-b\"}\nspec: {ports: [{port: {{ .Values.port }}}]}\n{{- end }}\n",
);

const HOOK: &str = concat!(
    "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: \"{{ .Release.Name }}-hook\"\n",
    "  annotations: {helm.sh/hook: \"pre-install,pre-upgrade,pre-delete\", helm.sh/hook-delete-policy: \"before-hook-creation,hook-succeeded\"}\n",
    "spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: a, image: busybox}]\n",
);

const THINGS: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec:
  group: example.org
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
";

pub(crate) fn release(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: helm.integrations.flux.weave.works/v1alpha2\nkind: FluxHelmRelease\n\
         metadata: {{name: {name}, namespace: {namespace}, labels: {{chart: web}}}}\nspec: {spec}\n"
    )
}

pub(crate) fn namespace(name: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
}
