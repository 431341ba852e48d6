//! A cluster with a config repository that holds charts, git-syncer and release-operator.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use integration_tests::windlass::{Ports, replica};
use integration_tests::{Access, Service, Testbed, Worktree, eventually};
use serde_json::Value;

pub(crate) const SOON: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "flux";

/// A cluster with a config repository, git-syncer and release-operator.
pub(crate) struct Setup {
    pub(crate) bed: Testbed,
    pub(crate) worktree: Worktree,
    _git_syncer: Service,
    pub(crate) operator: Service,
    pub(crate) operator_grpc: SocketAddr,
}

impl Setup {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let bed = Testbed::builder().workloads().git().start().await?;
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let crds = project.join("deploy/crds").display().to_string();
        bed.kubectl(&["apply", "--server-side", "-f", &crds]).await?;
        bed.kubectl(&["create", "namespace", NAMESPACE]).await?;
        let chart = project.join("helm/windlass").display().to_string();
        let rights = ["--show-only", "templates/serviceaccounts.yaml", "--show-only", "templates/rbac.yaml"];
        let arguments =
            ["template", "windlass", &chart, "-n", NAMESPACE, "--set", "git.url=ssh://git@git.invalid/a"];
        let rights = bed
            .helm(&[&arguments[..], &["--set", "secretsDecryptor.namespace=flux"], &rights[..]].concat())
            .await?;
        bed.kubectl_apply(&rights).await?;

        let repository = bed.git_server().create("releases").await?;
        let worktree = repository.clone_as_developer().await?;
        write_charts(&bed, &worktree).await?;
        worktree.commit_and_push("Add charts").await?;

        let (grpc, http) = (address(&bed)?, address(&bed)?);
        let git_syncer = launch(
            &bed,
            "git-syncer",
            grpc,
            http,
            &[
                format!("--git-url={}", repository.url()),
                format!("--known-hosts-file={}", bed.git_server().known_hosts_file().display()),
                "--git-poll-interval=300ms".to_owned(),
                "--git-branch=main".to_owned(),
                format!("--namespace={NAMESPACE}"),
                format!("--state-dir={}", bed.folder().join("git-syncer").display()),
            ],
        )
        .await?;
        let line = git_syncer.wait_for_log("identity.pub", SOON).await?;
        repository.add_deploy_key(line.split('"').nth(1).context("no quoted key")?, Access::ReadWrite)?;
        let (operator_grpc, operator_http) = (address(&bed)?, address(&bed)?);
        let operator = launch(
            &bed,
            "release-operator",
            operator_grpc,
            operator_http,
            &[
                &replica("release-operator", Ports { grpc: operator_grpc, http: operator_http })[..],
                &[format!("--git-syncer-url=http://{grpc}"), "--charts-sync-interval=2s".to_owned()],
            ]
            .concat(),
        )
        .await?;
        operator.wait_ready(SOON).await?;
        Ok(Self { bed, worktree, _git_syncer: git_syncer, operator, operator_grpc })
    }

    pub(crate) async fn json(&self, args: &[&str]) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.bed.kubectl(&[args, &["-o", "json"]].concat()).await?)?)
    }

    /// `helm history` as the real helm prints it: `1 superseded web-0.1.0 Install complete`.
    pub(crate) async fn history(&self, namespace: &str, release: &str) -> anyhow::Result<Vec<String>> {
        let output =
            self.bed.tool("helm")?.args(["history", release, "-n", namespace, "-o", "json"]).output().await?;
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
        self.bed
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
            let object = self.json(&["get", "fhr", name, "-n", namespace]).await?;
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

fn address(bed: &Testbed) -> anyhow::Result<SocketAddr> {
    Ok(SocketAddr::new(bed.address(), bed.free_port()?))
}

async fn launch(
    bed: &Testbed,
    name: &str,
    grpc: SocketAddr,
    http: SocketAddr,
    args: &[String],
) -> anyhow::Result<Service> {
    let kubeconfig = bed.service_account_kubeconfig(NAMESPACE, &format!("windlass-{name}")).await?;
    let common = [
        format!("--listen={grpc}"),
        format!("--http-listen={http}"),
        format!("--kubeconfig={}", kubeconfig.display()),
    ];
    bed.service(name).args(common).args(args).http(http).start().await
}

/// What `helm create` scaffolds as `web`, and small charts for what that has not.
async fn write_charts(bed: &Testbed, worktree: &Worktree) -> anyhow::Result<()> {
    let folder = bed.folder().join("charts");
    std::fs::create_dir_all(&folder)?;
    bed.helm(&["create", &folder.join("web").display().to_string()]).await?;
    worktree.copy_in(&folder.join("web"), "charts/web").await?;
    let chart = |name: &str| format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n");
    worktree.write("charts/broken/Chart.yaml", chart("broken"))?;
    worktree.write("charts/broken/templates/a.yaml", "kind: ConfigMap\nname: {{ .Values.a.b.c }}\n")?;
    worktree.write("charts/invalid/Chart.yaml", chart("invalid"))?;
    worktree.write(
        "charts/invalid/templates/a.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: invalid}\nspec: {ports: [{port: 0}]}\n",
    )?;
    worktree.write("charts/parts/Chart.yaml", chart("parts"))?;
    worktree.write("charts/parts/values.yaml", "number: 1\nsecond: true\nport: 80\n")?;
    worktree.write("charts/parts/templates/a.yaml", concat!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}-a\"}\ndata: {number: \"{{ .Values.number }}\"}\n",
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"{{ .Release.Name }}-kept\"\n",
        "  annotations: {helm.sh/resource-policy: keep}\n",
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"{{ .Release.Name }}\"}\n",
        "{{- if .Values.second }}\n",
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: \"{{ .Release.Name }}-b\"}\nspec: {ports: [{port: {{ .Values.port }}}]}\n{{- end }}\n",
    ))?;
    worktree.write("charts/parts/templates/hook.yaml", concat!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: \"{{ .Release.Name }}-hook\"\n",
        "  annotations: {helm.sh/hook: \"pre-install,pre-upgrade,pre-delete\", helm.sh/hook-delete-policy: \"before-hook-creation,hook-succeeded\"}\n",
        "spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: a, image: busybox}]\n",
    ))?;
    worktree.write("charts/parts/crds/things.yaml", THINGS)
}

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
