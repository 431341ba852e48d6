//! release-operator with git-syncer, each with the rights that the chart gives it, against a real cluster: a release's whole
//! life as the real kubectl and helm see it, what must never purge it, bad input, and a kill at every step.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use integration_tests::windlass::{Ports, replica};
use integration_tests::{Access, Service, Testbed, Worktree, eventually};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "flux";

/// A cluster with a config repository, git-syncer and release-operator.
struct Setup {
    bed: Testbed,
    worktree: Worktree,
    _git_syncer: Service,
    operator: Service,
    operator_grpc: SocketAddr,
}

impl Setup {
    async fn start() -> anyhow::Result<Self> {
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

    async fn json(&self, args: &[&str]) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.bed.kubectl(&[args, &["-o", "json"]].concat()).await?)?)
    }

    /// `helm history` as the real helm prints it: `1 superseded web-0.1.0 Install complete`.
    async fn history(&self, namespace: &str, release: &str) -> anyhow::Result<Vec<String>> {
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

    async fn wait_history(&self, namespace: &str, release: &str, expected: &[&str]) -> anyhow::Result<()> {
        eventually(SOON, &format!("release {release} to have the history {expected:?}"), async || {
            let history = self.history(namespace, release).await?;
            ensure!(history == expected, "it is {history:?}; the object: {}", self.messages(namespace).await);
            Ok(())
        })
        .await
    }

    async fn messages(&self, namespace: &str) -> String {
        let path =
            "jsonpath={range .items[*]}{.metadata.name}: {.status.conditions[*].message}{\"\\n\"}{end}";
        self.bed
            .kubectl(&["get", "fhr", "-n", namespace, "-o", path])
            .await
            .unwrap_or_else(|error| error.to_string())
    }

    /// Waits for a condition of an object and returns its message.
    async fn wait_ready(
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

    async fn exists(&self, args: &[&str]) -> anyhow::Result<bool> {
        Ok(!self
            .bed
            .kubectl(&[&["get"], args, &["--ignore-not-found", "-o", "name"]].concat())
            .await?
            .is_empty())
    }

    async fn wait_gone(&self, args: &[&str]) -> anyhow::Result<()> {
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

fn release(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: helm.integrations.flux.weave.works/v1alpha2\nkind: FluxHelmRelease\n\
         metadata: {{name: {name}, namespace: {namespace}, labels: {{chart: web}}}}\nspec: {spec}\n"
    )
}

fn namespace(name: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_lives_as_git_says() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    upgrades_follow_values_and_chart(&setup).await.context("upgrades")?;
    helm_works_on_it_and_git_wins(&setup).await.context("helm")?;
    bad_input_is_named_and_stops_nothing(&setup).await.context("bad input")?;
    grpc_tells_the_same(&setup).await.context("gRPC")?;
    only_a_deliberate_deletion_purges(&setup).await.context("deletion")?;
    setup.bed.stop().await
}

async fn upgrades_follow_values_and_chart(setup: &Setup) -> anyhow::Result<()> {
    let tree = &setup.worktree;
    tree.write("namespaces/dev.yaml", namespace("dev"))?;
    tree.write("releases/web.yaml", release("dev", "web", "{chartGitPath: web, values: {replicaCount: 1}}"))?;
    tree.write("releases/parts.yaml", release("dev", "parts", "{chartGitPath: parts, releaseName: parts}"))?;
    tree.commit_and_push("Add releases").await?;
    setup.wait_ready("dev", "web", "True", "ReleaseReady").await?;
    setup.wait_history("dev", "dev-web", &["1 deployed web-0.1.0 Install complete"]).await?;
    setup.wait_ready("dev", "parts", "True", "ReleaseReady").await?;
    ensure!(setup.exists(&["crd", "things.example.org"]).await?, "the chart's definition is not there");
    ensure!(!setup.exists(&["job", "parts-hook", "-n", "dev"]).await?, "a hook that succeeded is deleted");

    tree.write("releases/web.yaml", release("dev", "web", "{chartGitPath: web, values: {replicaCount: 2}}"))?;
    // Both changes are of one commit: one upgrade must take both.
    let values = tree.read("charts/parts/values.yaml")?.replace("second: true", "second: false");
    tree.write("charts/parts/values.yaml", values)?;
    tree.write(
        "releases/parts.yaml",
        release("dev", "parts", "{chartGitPath: parts, releaseName: parts, values: {number: 2}}"),
    )?;
    tree.commit_and_push("Change values").await?;
    let twice = ["1 superseded web-0.1.0 Install complete", "2 deployed web-0.1.0 Upgrade complete"];
    setup.wait_history("dev", "dev-web", &twice).await?;
    setup.wait_ready("dev", "web", "True", "ReleaseReady").await?;
    let values = setup.bed.helm(&["get", "values", "dev-web", "-n", "dev", "-o", "json"]).await?;
    ensure!(values.trim() == r#"{"replicaCount":2}"#, "{values}");
    let parts = ["1 superseded parts-0.1.0 Install complete", "2 deployed parts-0.1.0 Upgrade complete"];
    setup.wait_history("dev", "parts", &parts).await?;
    ensure!(!setup.exists(&["service", "parts-b", "-n", "dev"]).await?, "what left the chart is deleted");
    let map = setup.json(&["get", "configmap", "parts-a", "-n", "dev", "--show-managed-fields"]).await?;
    ensure!(
        map["data"]["number"] == "2" && map["metadata"]["managedFields"][0]["manager"] == "helm",
        "{map}"
    );

    let chart = tree.read("charts/web/Chart.yaml")?.replace("version: 0.1.0", "version: 0.1.1");
    tree.write("charts/web/Chart.yaml", chart)?;
    tree.commit_and_push("Change the chart").await?;
    let thrice =
        [twice[0], "2 superseded web-0.1.0 Upgrade complete", "3 deployed web-0.1.1 Upgrade complete"];
    setup.wait_history("dev", "dev-web", &thrice).await?;
    setup.wait_ready("dev", "web", "True", "ReleaseReady").await?;
    // Several looks later both are still so: nothing changed, and a chart's change is nothing to another's release.
    let events =
        setup.bed.kubectl(&["get", "events", "-n", "dev", "-o", "jsonpath={.items[*].reason}"]).await?;
    ensure!(
        events.contains("Installed") && events.contains("Upgraded") && events.contains("ReleaseReady"),
        "{events}"
    );
    setup.wait_history("dev", "parts", &parts).await
}

async fn helm_works_on_it_and_git_wins(setup: &Setup) -> anyhow::Result<()> {
    let list = setup.bed.helm(&["list", "-n", "dev", "-o", "json"]).await?;
    ensure!(list.contains(r#""name":"dev-web""#) && list.contains(r#""status":"deployed""#), "{list}");
    let notes = setup.bed.helm(&["get", "notes", "dev-web", "-n", "dev"]).await?;
    ensure!(notes.contains("Get the application URL"), "{notes}");
    setup.bed.helm(&["rollback", "dev-web", "1", "-n", "dev"]).await?;
    // It is shown, and left so until the object says otherwise.
    let shown = setup.wait_ready("dev", "web", "False", "RolledBackByHelm").await?;
    ensure!(
        shown.contains("rolled the release back to revision 1 by 4") && shown.contains("windlass retry"),
        "{shown}"
    );
    let undo = r#"{"spec": {"driftDetection": {"mode": "correct"}}}"#;
    setup.bed.kubectl(&["patch", "fhr", "web", "-n", "dev", "--type=merge", "-p", undo]).await?;
    let end = [
        "1 superseded web-0.1.0 Install complete",
        "2 superseded web-0.1.0 Upgrade complete",
        "3 superseded web-0.1.1 Upgrade complete",
        "4 superseded web-0.1.0 Rollback to 1",
        "5 deployed web-0.1.1 Upgrade complete",
    ];
    setup.wait_history("dev", "dev-web", &end).await?;
    setup.wait_ready("dev", "web", "True", "ReleaseReady").await?;
    let live = setup.json(&["get", "deployment", "dev-web", "-n", "dev"]).await?;
    ensure!(live["spec"]["replicas"] == 2, "{}", live["spec"]);
    let test = setup.bed.helm(&["test", "dev-web", "-n", "dev", "--timeout", "60s"]).await?;
    ensure!(test.contains("Succeeded"), "{test}");
    setup.bed.helm(&["uninstall", "dev-web", "-n", "dev"]).await?;
    // Deleted by hand only: git still says that it is to be there.
    setup.wait_history("dev", "dev-web", &["1 deployed web-0.1.1 Install complete"]).await
}

async fn bad_input_is_named_and_stops_nothing(setup: &Setup) -> anyhow::Result<()> {
    let bed = &setup.bed;
    bed.kubectl(&["create", "namespace", "bad"]).await?;
    let refused = bed
        .tool("kubectl")?
        .args(["apply", "-f", "-"])
        .stdin(release("bad", "no-chart", "{values: {}}"))
        .output()
        .await?;
    ensure!(refused.stderr.contains("spec.chartGitPath"), "{refused:?}");
    bed.kubectl(&["create", "configmap", "taken-a", "-n", "bad"]).await?;
    let long = "a-name-that-is-much-longer-than-what-helm-takes-for-a-release";
    let rows = [
        (
            "absent",
            "{chartGitPath: absent}",
            "ChartUnusable",
            "there is no chart absent below the charts path",
        ),
        ("broken", "{chartGitPath: broken}", "RenderFailed", "broken/templates/a.yaml:2"),
        ("invalid", "{chartGitPath: invalid}", "InstallFailed", "Service bad/invalid"),
        (
            "once",
            "{chartGitPath: invalid, install: {retries: 0}}",
            "Stalled",
            "windlass retry release once -n bad",
        ),
        ("climbs", "{chartGitPath: ../releases}", "InvalidSpec", "it leaves the charts path by"),
        (long, "{chartGitPath: web}", "InvalidSpec", "has 65 characters; Helm allows 53"),
        (
            "taken",
            "{chartGitPath: parts, releaseName: taken}",
            "InstallFailed",
            "ConfigMap \"taken-a\" in namespace \"bad\" exists and cannot be imported into the current release: invalid ownership metadata",
        ),
    ];
    for (name, spec, ..) in rows {
        bed.kubectl_apply(&release("bad", name, spec)).await?;
    }
    for (name, _, reason, text) in rows {
        let message = setup.wait_ready("bad", name, "False", reason).await?;
        ensure!(message.contains(text), "{name}: {message}");
    }
    let map = setup.json(&["get", "configmap", "taken-a", "-n", "bad"]).await?;
    ensure!(map["metadata"]["labels"].is_null(), "an object of somebody else was touched: {map}");
    ensure!(
        !setup.exists(&["configmap", "taken-kept", "-n", "bad"]).await?,
        "nothing is created before all is checked"
    );

    // The good one among them, and a second claim to its release.
    bed.kubectl_apply(&release("bad", "good", "{chartGitPath: parts, releaseName: good}")).await?;
    setup.wait_ready("bad", "good", "True", "ReleaseReady").await?;
    bed.kubectl_apply(&release(
        "bad",
        "thief",
        "{chartGitPath: parts, releaseName: good, values: {number: 9}}",
    ))
    .await?;
    let message = setup.wait_ready("bad", "thief", "False", "InvalidSpec").await?;
    ensure!(message.contains("belongs to FluxHelmRelease good"), "{message}");
    bed.kubectl(&["delete", "fhr", "thief", "-n", "bad"]).await?;
    setup.wait_history("bad", "good", &["1 deployed parts-0.1.0 Install complete"]).await?;

    // An upgrade that the API server refuses leaves the last good revision's objects.
    bed.kubectl(&[
        "patch",
        "fhr",
        "good",
        "-n",
        "bad",
        "--type=merge",
        "-p",
        r#"{"spec":{"chartGitPath":"invalid"}}"#,
    ])
    .await?;
    let message = setup.wait_ready("bad", "good", "False", "UpgradeFailed").await?;
    ensure!(message.contains("Service bad/invalid"), "{message}");
    ensure!(
        setup.exists(&["configmap", "good-a", "-n", "bad"]).await?,
        "the last good revision's object is gone"
    );
    bed.kubectl(&[
        "patch",
        "fhr",
        "good",
        "-n",
        "bad",
        "--type=merge",
        "-p",
        r#"{"spec":{"chartGitPath":"parts"}}"#,
    ])
    .await?;
    setup.wait_ready("bad", "good", "True", "ReleaseReady").await?;
    let history = setup.history("bad", "good").await?;
    ensure!(
        history.last().is_some_and(|last| last == "3 deployed parts-0.1.0 Upgrade complete"),
        "{history:?}"
    );
    Ok(())
}

async fn grpc_tells_the_same(setup: &Setup) -> anyhow::Result<()> {
    let address = setup.operator_grpc.to_string();
    let call = async |method: &str, body: &str| {
        let method = format!("windlass.release.v1.ReleaseService/{method}");
        let text = setup.bed.grpcurl(&["-plaintext", "-d", body, &address, &method]).await?;
        anyhow::Ok(serde_json::from_str::<Value>(&text)?)
    };
    let all = call("ListReleases", r#"{"namespace": "dev"}"#).await?;
    let names: Vec<_> =
        all["releases"].as_array().into_iter().flatten().map(|release| &release["releaseName"]).collect();
    ensure!(names == ["parts", "dev-web"], "{all}");
    let one = call("GetRelease", r#"{"namespace": "dev", "name": "parts"}"#).await?;
    ensure!(one["values"]["number"] == 2 && one["history"][0]["action"] == "upgrade", "{one}");
    let history = call("GetHistory", r#"{"namespace": "dev", "name": "parts"}"#).await?;
    ensure!(history["revisions"][0]["description"] == "Upgrade complete", "{history}");
    let looked = call("Reconcile", r#"{"namespace": "dev", "name": "parts"}"#).await?;
    ensure!(looked["release"]["revision"] == 2, "{looked}");
    Ok(())
}

async fn only_a_deliberate_deletion_purges(setup: &Setup) -> anyhow::Result<()> {
    let bed = &setup.bed;
    bed.kubectl(&["delete", "fhr", "good", "-n", "bad"]).await?;
    setup.wait_gone(&["configmap", "good-a", "-n", "bad"]).await?;
    ensure!(
        setup.exists(&["configmap", "good-kept", "-n", "bad"]).await?,
        "resource-policy keep was not respected"
    );
    ensure!(setup.history("bad", "good").await?.is_empty(), "records are left");

    // Somebody else's release: its name alone gives no right to it. As it is asked for, it is adopted, and goes with its object.
    let web = setup.worktree.path().join("charts/web").display().to_string();
    bed.helm(&["install", "foreign", &web, "-n", "bad", "--set", "replicaCount=0"]).await?;
    let installed = setup.history("bad", "foreign").await?;
    bed.kubectl_apply(&release("bad", "adopts", "{chartGitPath: broken, releaseName: foreign}")).await?;
    setup.wait_ready("bad", "adopts", "False", "RenderFailed").await?;
    bed.kubectl(&["delete", "fhr", "adopts", "-n", "bad"]).await?;
    ensure!(setup.history("bad", "foreign").await? == installed, "a release was purged for its name");
    let asked = "{chartGitPath: web, releaseName: foreign, values: {replicaCount: 0}}";
    bed.kubectl_apply(&release("bad", "adopts", asked)).await?;
    setup.wait_ready("bad", "adopts", "True", "ReleaseReady").await?;
    ensure!(setup.history("bad", "foreign").await? == installed, "a release that is as asked was changed");
    bed.kubectl(&["delete", "fhr", "adopts", "-n", "bad"]).await?;
    ensure!(setup.history("bad", "foreign").await?.is_empty(), "an adopted release was left behind");

    bed.kubectl(&["create", "namespace", "leaving"]).await?;
    bed.kubectl_apply(&release("leaving", "l", "{chartGitPath: parts, releaseName: leaving}")).await?;
    setup.wait_ready("leaving", "l", "True", "ReleaseReady").await?;
    bed.kubectl(&["delete", "namespace", "leaving", "--timeout=60s"]).await?;
    ensure!(setup.exists(&["clusterrole", "leaving"]).await?, "the deletion of a namespace purged a release");

    let before = (setup.history("dev", "dev-web").await?, setup.history("dev", "parts").await?);
    bed.kubectl(&["delete", "crd", "fluxhelmreleases.helm.integrations.flux.weave.works", "--timeout=60s"])
        .await?;
    ensure!(
        before == (setup.history("dev", "dev-web").await?, setup.history("dev", "parts").await?),
        "records changed"
    );
    for object in [["deployment", "dev-web"], ["configmap", "parts-a"]] {
        ensure!(
            setup.exists(&[&object[..], &["-n", "dev"]].concat()).await?,
            "{object:?} is gone with the CRD"
        );
    }
    // Installed again, the objects take their releases up where they are.
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/crds").display().to_string();
    bed.kubectl(&["apply", "--server-side", "-f", &crds]).await?;
    let object = release("dev", "web", "{chartGitPath: web, values: {replicaCount: 2}}");
    eventually(SOON, "the definition to be served", async || bed.kubectl_apply(&object).await).await?;
    setup.wait_ready("dev", "web", "True", "ReleaseReady").await?;
    ensure!(setup.history("dev", "dev-web").await? == before.0, "taking a release up changed it");
    Ok(())
}

/// Killed at each step and started again, the operator ends where it would have ended anyway: the same objects, one revision per
/// change, none pending, none failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_changes_nothing_in_the_end() -> anyhow::Result<()> {
    let mut setup = Setup::start().await?;
    setup.bed.kubectl(&["create", "namespace", "dev"]).await?;
    let installs = [
        "release.after-finalizer",
        "release.after-crd",
        "record.before-create",
        "release.after-claim",
        "release.after-hook-start",
        "release.after-hook",
        "apply.object",
    ];
    for (index, point) in installs.iter().enumerate() {
        let name = format!("k{index}");
        let object = release("dev", &name, &format!("{{chartGitPath: parts, releaseName: {name}}}"));
        killed_at(&mut setup, point, &object).await?;
        setup.wait_ready("dev", &name, "True", "ReleaseReady").await?;
        setup.wait_history("dev", &name, &["1 deployed parts-0.1.0 Install complete"]).await?;
        if *point == "release.after-finalizer" {
            // So that the next point is reached: the definition stays, as Helm leaves it.
            setup.bed.kubectl(&["delete", "crd", "things.example.org"]).await?;
        }
    }
    let upgrades = [
        "record.after-create",
        "release.after-pre-hooks",
        "apply.object=2",
        "release.after-apply",
        "apply.delete",
        "release.after-prune",
        "release.after-post-hooks",
        "release.after-supersede",
        "record.before-update=3",
        "record.after-update=3",
        "release.after-deployed",
    ];
    for (index, point) in upgrades.iter().enumerate() {
        let (n, revision) = (index + 10, index + 2);
        // Every other revision has the Service, so that there is something to delete.
        let second = index % 2 == 1;
        let spec =
            format!("{{chartGitPath: parts, releaseName: k0, values: {{number: {n}, second: {second}}}}}");
        killed_at(&mut setup, point, &release("dev", "k0", &spec))
            .await
            .with_context(|| (*point).to_owned())?;
        setup.wait_ready("dev", "k0", "True", "ReleaseReady").await?;
        let history = setup.history("dev", "k0").await?;
        let states: BTreeSet<_> = history.iter().filter_map(|line| line.split(' ').nth(1)).collect();
        ensure!(states == BTreeSet::from(["deployed", "superseded"]), "{point}: {history:?}");
        let last = format!("{revision} deployed parts-0.1.0 Upgrade complete");
        ensure!(history.last() == Some(&last), "{point}: {history:?}");
        ensure!(setup.exists(&["service", "k0-b", "-n", "dev"]).await? == second, "{point}: the Service");
        let map = setup.json(&["get", "configmap", "k0-a", "-n", "dev"]).await?;
        ensure!(map["data"]["number"] == n.to_string().as_str(), "{point}: {map}");
    }
    for (index, point) in
        ["purge.after-mark", "purge.after-objects", "purge.record", "purge.before-finalizer"]
            .iter()
            .enumerate()
    {
        let name = format!("k{}", index + 1);
        setup.operator.terminate(SOON).await?;
        setup.bed.kubectl(&["delete", "fhr", &name, "-n", "dev", "--wait=false"]).await?;
        restart_killed(&mut setup, point).await?;
        setup.wait_gone(&["fhr", &name, "-n", "dev"]).await.with_context(|| (*point).to_owned())?;
        ensure!(setup.history("dev", &name).await?.is_empty(), "{point}: records are left");
        ensure!(!setup.exists(&["clusterrole", &name]).await?, "{point}: objects are left");
    }
    killed_while_a_failure_is_taken_back(&mut setup).await?;
    killed_while_taking_over_from_helm_3(&mut setup).await?;
    setup.bed.stop().await
}

async fn killed_while_a_failure_is_taken_back(setup: &mut Setup) -> anyhow::Result<()> {
    for (name, point) in [("r0", "rollback.before-claim"), ("r1", "rollback.after-claim")] {
        let object = |port: u16| {
            let spec = format!(
                "{{chartGitPath: parts, releaseName: {name}, values: {{port: {port}}}, upgrade: {{remediation: rollback, retries: 0}}}}"
            );
            release("dev", name, &spec)
        };
        setup.bed.kubectl_apply(&object(80)).await?;
        setup.wait_ready("dev", name, "True", "ReleaseReady").await?;
        killed_at(setup, point, &object(0)).await?;
        setup.wait_ready("dev", name, "False", "Stalled").await?;
        let history = setup.history("dev", name).await?;
        let begins = ["1 superseded", "2 failed", "3 deployed"];
        let as_told =
            history.len() == 3 && history.iter().zip(begins).all(|(line, begin)| line.starts_with(begin));
        ensure!(as_told, "{point}: {history:?}");
        let service = setup.json(&["get", "service", &format!("{name}-b"), "-n", "dev"]).await?;
        ensure!(service["spec"]["ports"][0]["port"] == 80, "{point}: {service}");
    }
    Ok(())
}

/// What helm 3 wrote is handed to the release's field manager before it is applied.
async fn killed_while_taking_over_from_helm_3(setup: &mut Setup) -> anyhow::Result<()> {
    let chart = setup.worktree.path().join("charts/parts").display().to_string();
    let install = ["install", "h0", &chart, "-n", "dev", "--no-hooks", "--skip-crds"];
    setup.bed.tool("helm3")?.args(install).run().await?;
    let object =
        release("dev", "h0", "{chartGitPath: parts, releaseName: h0, values: {number: 2, second: false}}");
    killed_at(setup, "apply.after-take-over", &object).await?;
    setup.wait_ready("dev", "h0", "True", "ReleaseReady").await?;
    setup
        .wait_history(
            "dev",
            "h0",
            &["1 superseded parts-0.1.0 Install complete", "2 deployed parts-0.1.0 Upgrade complete"],
        )
        .await?;
    let map = setup.json(&["get", "configmap", "h0-a", "-n", "dev", "--show-managed-fields"]).await?;
    let managers: Vec<_> = map["metadata"]["managedFields"].as_array().into_iter().flatten().collect();
    let all_applied =
        managers.iter().all(|owner| owner["manager"] == "helm" && owner["operation"] == "Apply");
    ensure!(map["data"]["number"] == "2" && all_applied, "{map}");
    ensure!(
        !setup.exists(&["service", "h0-b", "-n", "dev"]).await?,
        "the Service that left the values is left"
    );
    Ok(())
}

/// Applies an object, lets the operator die at the point, and starts it again.
async fn killed_at(setup: &mut Setup, point: &str, object: &str) -> anyhow::Result<()> {
    setup.operator.terminate(SOON).await?;
    setup.bed.kubectl_apply(object).await?;
    restart_killed(setup, point).await
}

async fn restart_killed(setup: &mut Setup, point: &str) -> anyhow::Result<()> {
    setup.operator.set_env("WINDLASS_FAILPOINTS", Some(point));
    setup.operator.start().await?;
    setup.operator.wait_exit(SOON).await.with_context(|| format!("the point {point} was not reached"))?;
    setup.operator.set_env("WINDLASS_FAILPOINTS", None);
    setup.operator.start().await?;
    setup.operator.wait_ready(SOON).await
}
