//! git-syncer against a real API server and a real SSH git server, with exactly the rights it needs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use integration_tests::windlass::project;
use integration_tests::{Access, Exit, GitRepository, ImagePush, Service, Testbed, Worktree, eventually};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(60);

/// The rights of git-syncer: its own Secret, and applying whatever the repository states. It deletes nothing.
const RIGHTS: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: git-syncer, namespace: NAMESPACE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: git-syncer, namespace: NAMESPACE}
rules:
- {apiGroups: [''], resources: [secrets], verbs: [create]}
- {apiGroups: [''], resources: [secrets], resourceNames: [windlass-git-deploy], verbs: [get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: git-syncer, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: git-syncer}
subjects: [{kind: ServiceAccount, name: git-syncer, namespace: NAMESPACE}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: git-syncer-NAMESPACE}
rules:
- {apiGroups: ['*'], resources: ['*'], verbs: [get, create, patch]}
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [list, watch]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [roles, clusterroles], verbs: [bind, escalate]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: git-syncer-NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: git-syncer-NAMESPACE}
subjects: [{kind: ServiceAccount, name: git-syncer, namespace: NAMESPACE}]
";

/// A git-syncer with a repository of its own.
struct Stage<'a> {
    bed: &'a Testbed,
    repository: GitRepository,
    service: Service,
    grpc: SocketAddr,
    namespace: &'static str,
}

impl<'a> Stage<'a> {
    async fn start(bed: &'a Testbed, namespace: &'static str, more: &[String]) -> anyhow::Result<Self> {
        let repository = bed.git_server().create(namespace).await?;
        bed.kubectl(&["create", "namespace", namespace]).await?;
        bed.kubectl_apply(&RIGHTS.replace("NAMESPACE", namespace)).await?;
        let kubeconfig = bed.service_account_kubeconfig(namespace, "git-syncer").await?;
        let known_hosts = bed.folder().join(format!("known-hosts-{namespace}"));
        std::fs::copy(bed.git_server().known_hosts_file(), &known_hosts)?;
        let address = || anyhow::Ok(SocketAddr::new(bed.address(), bed.free_port()?));
        let (grpc, http) = (address()?, address()?);
        let service = bed
            .service("git-syncer")
            .args([
                format!("--git-url={}", repository.url()),
                "--git-branch=main".into(),
                "--git-poll-interval=500ms".into(),
                "--sync-interval=2s".into(),
                format!("--known-hosts-file={}", known_hosts.display()),
                format!("--state-dir={}", bed.folder().join(format!("state-{namespace}")).display()),
                format!("--kubeconfig={}", kubeconfig.display()),
                format!("--namespace={namespace}"),
                format!("--listen={grpc}"),
                format!("--http-listen={http}"),
            ])
            .args(more)
            .http(http)
            .start()
            .await?;
        service.wait_ready(SOON).await?;
        Ok(Stage { bed, repository, service, grpc, namespace })
    }

    /// As [`Self::start`], with the deploy key added and the files pushed.
    async fn with(
        bed: &'a Testbed,
        namespace: &'static str,
        files: &[(&str, &str)],
    ) -> anyhow::Result<(Self, Worktree)> {
        let stage = Self::start(bed, namespace, &[]).await?;
        stage.repository.add_deploy_key(&stage.public_key().await?, Access::ReadWrite)?;
        let developer = stage.repository.clone_as_developer().await?;
        stage.push(&developer, files).await?;
        Ok((stage, developer))
    }

    /// The article's own pipeline over the service's log.
    async fn public_key(&self) -> anyhow::Result<String> {
        self.service.wait_for_log("identity.pub", SOON).await?;
        let pipeline = ["-c", "grep identity.pub | cut -d '\"' -f2"];
        self.bed.program("sh").args(pipeline).stdin(self.service.log()).run().await
    }

    async fn push(&self, developer: &Worktree, files: &[(&str, &str)]) -> anyhow::Result<String> {
        for (path, content) in files {
            developer.write(path, content)?;
        }
        let commit = developer.commit("a person's change").await?;
        developer.git(&["push", "--quiet", "origin", "HEAD:main"]).await?;
        Ok(format!("main@sha1:{commit}"))
    }

    async fn call(&self, method: &str, request: Value) -> anyhow::Result<Value> {
        let (address, request) = (self.grpc.to_string(), request.to_string());
        let answer = self.bed.grpcurl(&["-plaintext", "-d", &request, &address, method]).await?;
        serde_json::from_str(&answer).with_context(|| format!("{method} answered {answer}"))
    }

    async fn sync(&self) -> anyhow::Result<Value> {
        self.call("windlass.sync.v1.SyncService/Sync", serde_json::json!({})).await
    }

    async fn status(&self) -> anyhow::Result<Value> {
        self.call("windlass.sync.v1.SyncService/GetStatus", serde_json::json!({})).await
    }

    async fn remote_becomes(&self, code: &str) -> anyhow::Result<String> {
        eventually(SOON, &format!("the remote to be {code}"), async || {
            let status = self.status().await?;
            ensure!(status["remote"]["code"] == code, "{}", status["remote"]);
            Ok(status["remote"]["message"].as_str().unwrap_or_default().to_owned())
        })
        .await
    }

    async fn get(&self, object: &[&str]) -> anyhow::Result<Value> {
        let args = [&["get", "-o", "json"], object].concat();
        Ok(serde_json::from_str(&self.bed.kubectl(&args).await?)?)
    }

    async fn ends_well(&mut self) -> anyhow::Result<()> {
        let exit = self.service.terminate(SOON).await?;
        ensure!(matches!(exit, Exit::Code(0)), "{} ended with {exit}", self.namespace);
        Ok(())
    }
}

fn namespace(name: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_applied_from_the_first_start_on() -> anyhow::Result<()> {
    let bed = Testbed::builder().control_plane().git().start().await?;
    from_key_to_namespaces(&bed).await.context("from key to namespaces")?;
    bad_input_stops_nothing_else(&bed).await.context("bad input")?;
    only_what_changed_is_touched(&bed).await.context("changes and drift")?;
    sources_are_served(&bed).await.context("sources")?;
    bed.stop().await
}

async fn from_key_to_namespaces(bed: &Testbed) -> anyhow::Result<()> {
    let mut stage = Stage::start(bed, "keys", &[]).await?;
    let key = stage.public_key().await?;
    ensure!(key.starts_with("ssh-ed25519 ") && key.lines().count() == 1, "the pipeline printed {key:?}");
    let secret = ["secret", "windlass-git-deploy", "-n", "keys"];
    let stored = bed
        .kubectl(
            &[&["get"], &secret[..], &["-o", "go-template={{index .data \"identity.pub\" | base64decode}}"]]
                .concat(),
        )
        .await?;
    ensure!(stored.trim() == key, "{stored} is not {key}");

    let denied = stage.remote_becomes("CODE_DENIED").await?;
    ensure!(denied.contains("deploy key with write access") && denied.contains(&key), "{denied}");
    let refused = stage.sync().await.err().context("the remote was reached")?.to_string();
    ensure!(refused.contains("Unavailable") && refused.contains(&key), "{refused}");

    stage.repository.add_deploy_key(&key, Access::ReadWrite)?;
    let empty = stage.remote_becomes("CODE_BRANCH_MISSING").await?;
    ensure!(empty.contains("push a first commit to the branch `main`"), "{empty}");

    let developer = stage.repository.clone_as_developer().await?;
    let files = [
        ("namespaces/keys-dev.yaml", &*namespace("keys-dev")),
        ("namespaces/keys-stg.yaml", &*namespace("keys-stg")),
    ];
    let revision = stage.push(&developer, &files).await?;
    let synced = stage.sync().await?;
    ensure!(synced["revision"] == revision.as_str(), "{synced}");
    for name in ["keys-dev", "keys-stg"] {
        let object = stage.get(&["namespace", name]).await?;
        ensure!(object["metadata"]["annotations"]["windlass.dev/revision"] == revision.as_str(), "{object}");
    }

    // The same key after a restart, from the Secret.
    stage.service.kill().await?;
    stage.service.start().await?;
    eventually(SOON, "the key to be logged again", async || {
        let keys = stage.public_key().await?;
        ensure!(keys.lines().collect::<Vec<_>>() == [key.as_str(), key.as_str()], "{keys}");
        Ok(())
    })
    .await?;
    // A server that shows another host key than the one that is known.
    let known_hosts = bed.folder().join("known-hosts-keys");
    let other = bed.git_server().generate_key("another server").await?;
    let right = std::fs::read_to_string(&known_hosts)?;
    std::fs::write(
        &known_hosts,
        format!("[127.0.0.1]:{} {}\n", bed.git_server().port(), other.public_key()),
    )?;
    let unknown = stage.remote_becomes("CODE_HOST_KEY_UNKNOWN").await?;
    ensure!(unknown.contains("--known-hosts-file"), "{unknown}");
    std::fs::write(&known_hosts, right)?;
    stage.remote_becomes("CODE_READY").await?;
    // A key that lost its access.
    stage.repository.remove_deploy_key(&key)?;
    stage.remote_becomes("CODE_DENIED").await?;
    stage.ends_well().await
}

const WIDGETS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

async fn bad_input_stops_nothing_else(bed: &Testbed) -> anyhow::Result<()> {
    let map = |name: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: bad-dev}}\n")
    };
    let (mut stage, developer) = Stage::with(
        bed,
        "bad",
        &[
            ("a/broken.yaml", "apiVersion: v1\nkind: [ConfigMap\n"),
            ("a/unknown.yaml", "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: a, namespace: bad-dev}\n"),
            ("a/widget.yaml", "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: a, namespace: bad-dev}\nspec: {size: 1}\n"),
            ("b/map.yaml", &map("good")),
            ("b/twice.yaml", &format!("{}---\n{}", map("twice"), map("twice"))),
            ("b/invalid.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_Valid, namespace: bad-dev}\n"),
            ("c/namespace.yaml", &namespace("bad-dev")),
            ("c/widgets.yaml", WIDGETS),
            ("charts/app/Chart.yaml", "name: app\nversion: 0.1.0\n"),
            ("charts/app/templates/x.yaml", "{{ .Values.no.manifest }}\n"),
        ],
    )
    .await?;
    let synced = stage.sync().await?;
    stage.get(&["configmap", "good", "-n", "bad-dev"]).await?;
    stage.get(&["widgets.example.org", "a", "-n", "bad-dev"]).await.context("a kind of the same revision")?;
    ensure!(stage.get(&["configmap", "twice", "-n", "bad-dev"]).await.is_err(), "it was applied");

    let errors = synced["fileErrors"].as_array().context("no file errors")?;
    let paths: Vec<_> = errors.iter().filter_map(|error| error["path"].as_str()).collect();
    ensure!(paths == ["a/broken.yaml", "b/twice.yaml", "b/twice.yaml"], "{errors:#?}");
    ensure!(errors[1]["message"].as_str().unwrap_or_default().contains("stated twice"), "{errors:#?}");
    let failed = synced["failed"].as_array().context("no failed objects")?;
    let failed: Vec<_> = failed.iter().filter_map(|object| object["message"].as_str()).collect();
    ensure!(failed.len() == 2, "{failed:#?}");
    ensure!(
        failed.iter().any(|text| text.contains("a/unknown.yaml") && text.contains("knows no kind Gadget")),
        "{failed:#?}"
    );
    ensure!(
        failed.iter().any(|text| text.contains("b/invalid.yaml") && text.contains("Not_Valid")),
        "{failed:#?}"
    );

    // What failed is tried again without a new commit: here the kind arrives by hand.
    let gadgets =
        WIDGETS.replace("example.org", "example.com").replace("widget", "gadget").replace("Widget", "Gadget");
    bed.kubectl_apply(&gadgets).await?;
    eventually(SOON, "the gadget to be applied", async || {
        stage.get(&["gadgets.example.com", "a", "-n", "bad-dev"]).await
    })
    .await?;
    // And a repaired file is no error any more.
    stage
        .push(
            &developer,
            &[
                ("a/broken.yaml", &map("repaired")),
                ("b/twice.yaml", &map("twice")),
                ("b/invalid.yaml", &map("valid")),
            ],
        )
        .await?;
    let synced = stage.sync().await?;
    ensure!(synced.get("fileErrors").is_none() && synced.get("failed").is_none(), "{synced}");
    stage.get(&["configmap", "repaired", "-n", "bad-dev"]).await?;
    stage.ends_well().await
}

async fn only_what_changed_is_touched(bed: &Testbed) -> anyhow::Result<()> {
    let map = |name: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: drift}}\ndata: {{a: \"{value}\"}}\n"
        )
    };
    let (mut stage, developer) =
        Stage::with(bed, "drift", &[("same.yaml", &map("same", "1")), ("other.yaml", &map("other", "1"))])
            .await?;
    stage.sync().await?;
    let same = stage.get(&["configmap", "same", "-n", "drift"]).await?;
    let first = stage.get(&["configmap", "other", "-n", "drift"]).await?;

    let revision = stage.push(&developer, &[("other.yaml", &map("other", "2"))]).await?;
    stage.sync().await?;
    let second = stage.get(&["configmap", "other", "-n", "drift"]).await?;
    ensure!(
        second["data"]["a"] == "2"
            && second["metadata"]["annotations"]["windlass.dev/revision"] == revision.as_str()
    );
    ensure!(
        second["metadata"]["annotations"]["windlass.dev/traceparent"]
            != first["metadata"]["annotations"]["windlass.dev/traceparent"]
    );

    // A restart compares everything, and still touches nothing.
    stage.service.kill().await?;
    stage.service.start().await?;
    stage.service.wait_ready(SOON).await?;
    stage.sync().await?;
    ensure!(
        stage.get(&["configmap", "same", "-n", "drift"]).await? == same,
        "an unchanged object was touched"
    );
    ensure!(
        stage.get(&["configmap", "other", "-n", "drift"]).await? == second,
        "an unchanged object was touched"
    );

    // A field that git states comes back; one that it leaves out stays.
    bed.kubectl(&[
        "patch",
        "configmap",
        "same",
        "-n",
        "drift",
        "--type=merge",
        "-p",
        r#"{"data":{"a":"by hand","b":"kept"}}"#,
    ])
    .await?;
    eventually(SOON, "the drift to be corrected", async || {
        let now = stage.get(&["configmap", "same", "-n", "drift"]).await?;
        ensure!(now["data"] == serde_json::json!({"a": "1", "b": "kept"}), "{}", now["data"]);
        Ok(())
    })
    .await?;
    bed.kubectl(&["delete", "configmap", "other", "-n", "drift"]).await?;
    eventually(SOON, "the object to be made again", async || {
        stage.get(&["configmap", "other", "-n", "drift"]).await
    })
    .await?;

    // What leaves the repository stays in the cluster.
    developer.git(&["rm", "--quiet", "other.yaml"]).await?;
    stage.push(&developer, &[]).await?;
    stage.sync().await?;
    stage.get(&["configmap", "other", "-n", "drift"]).await.context("git-syncer deletes nothing")?;
    stage.ends_well().await
}

async fn sources_are_served(bed: &Testbed) -> anyhow::Result<()> {
    let (mut stage, developer) = Stage::with(
        bed,
        "sources",
        &[("charts/app/Chart.yaml", "name: app\nversion: 0.1.0\n"), ("charts/app/values.yaml", "a: 1\n")],
    )
    .await?;
    stage.sync().await?;
    let fetch = async |path: &str| {
        let (address, request) =
            (stage.grpc.to_string(), format!("{{\"path\":\"{path}\",\"underChartsPath\":true}}"));
        bed.grpcurl(&["-plaintext", "-d", &request, &address, "windlass.source.v1.SourceService/Fetch"]).await
    };
    let first = fetch("app").await?;
    ensure!(
        first.contains("\"fileCount\": 2") && first.contains("sha256:") && first.contains("\"last\": true"),
        "{first}"
    );
    let climbing = fetch("../releases").await.err().context("it climbed out")?.to_string();
    ensure!(climbing.contains("InvalidArgument"), "{climbing}");
    let absent = fetch("absent").await.err().context("it was found")?.to_string();
    ensure!(absent.contains("NotFound"), "{absent}");

    let revision = stage.push(&developer, &[("charts/app/values.yaml", "a: 2\n")]).await?;
    stage.sync().await?;
    let second = fetch("app").await?;
    ensure!(second.contains(&revision), "{second}");
    let digest = |text: &str| text.split('"').find(|part| part.starts_with("sha256:")).map(str::to_owned);
    ensure!(digest(&first).is_some() && digest(&first) != digest(&second), "{second}");
    stage.ends_well().await
}

const RELEASE: &str = "\
# Automated by the pattern below.
apiVersion: helm.integrations.flux.weave.works/v1alpha2
kind: FluxHelmRelease
metadata:
  name: podinfo-dev
  namespace: images
  annotations:
    flux.weave.works/automated: \"true\"
    flux.weave.works/tag.chart-image: glob:dev-*
spec:
  chartGitPath: podinfo
  values:
    image: 'stefanprodan/podinfo:dev-1'   # moved by automation
    replicaCount: 1
";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_image_becomes_one_commit_and_is_applied_in_one_trace() -> anyhow::Result<()> {
    let bed = Testbed::builder().control_plane().git().postgres().registry().otlp().start().await?;
    bed.kubectl(&["apply", "--server-side", "-f", &project().join("deploy/crds").display().to_string()])
        .await?;
    let (_scanner, url) = image_scanner(&bed).await?;
    let mut stage = Stage::start(&bed, "images", &[format!("--image-scanner-url={url}")]).await?;
    stage.repository.add_deploy_key(&stage.public_key().await?, Access::ReadWrite)?;
    let developer = stage.repository.clone_as_developer().await?;
    push_image(&bed, "dev-1", 1).await?;
    stage.push(&developer, &[("releases/dev/podinfo.yaml", RELEASE)]).await?;
    stage.sync().await?;

    for (number, tag) in [(2, "dev-2"), (3, "dev-3")] {
        push_image(&bed, "stg-9", 9).await?;
        push_image(&bed, tag, number).await?;
        let image = format!("stefanprodan/podinfo:{tag}");
        let live = eventually(SOON, &format!("{image} to be applied"), async || {
            let live = stage.get(&["fluxhelmreleases", "podinfo-dev", "-n", "images"]).await?;
            ensure!(live["spec"]["values"]["image"] == image.as_str(), "{}", live["spec"]["values"]);
            Ok(live)
        })
        .await?;
        let file = stage.repository.git(&["show", "main:releases/dev/podinfo.yaml"]).await?;
        ensure!(file == RELEASE.replace("dev-1", tag).trim_end(), "{file}");
        let head = stage.repository.git(&["log", "-1", "--format=%an <%ae>%n%B", "main"]).await?;
        ensure!(
            head.starts_with(&format!("Windlass <windlass@localhost>\nAuto-release {image}\n\n")),
            "{head}"
        );

        let trailer = head.lines().find_map(|line| line.strip_prefix("Traceparent: ")).context("no trace")?;
        let trace = trailer.split('-').nth(1).context("no trace id")?.to_owned();
        let annotation =
            live["metadata"]["annotations"]["windlass.dev/traceparent"].as_str().unwrap_or_default();
        ensure!(annotation.contains(&trace), "{annotation} is not of the trace {trace}");
        eventually(SOON, "the trace from the scan to the apply", async || {
            let services = bed.otlp().services_of(&trace);
            ensure!(
                ["git-syncer", "image-scanner"].iter().all(|name| services.contains(*name)),
                "{services:?}"
            );
            let names: Vec<_> = bed.otlp().trace(&trace).into_iter().map(|span| span.name).collect();
            ensure!(
                ["automation.commit", "sync.pass"].iter().all(|name| names.iter().any(|is| is == name)),
                "{names:?}"
            );
            Ok(())
        })
        .await?;
    }
    stage.repository.git(&["fsck", "--strict", "--no-dangling"]).await?;
    let subjects = stage.repository.git(&["log", "--format=%s", "main"]).await?;
    let expected =
        "Auto-release stefanprodan/podinfo:dev-3\nAuto-release stefanprodan/podinfo:dev-2\na person's change";
    ensure!(subjects == expected, "{subjects}");
    let changes = stage.call("windlass.sync.v1.SyncService/ListChanges", serde_json::json!({})).await?;
    ensure!(changes["changes"][1]["images"][0]["from"] == "stefanprodan/podinfo:dev-1", "{changes}");
    ensure!(changes["changes"][0]["images"][0]["container"] == "chart-image", "{changes}");
    let workloads = stage.call("windlass.sync.v1.SyncService/ListWorkloads", serde_json::json!({})).await?;
    let container = &workloads["workloads"][0]["containers"][0];
    ensure!(
        container["tagPattern"] == "glob:dev-*" && container["image"] == "stefanprodan/podinfo:dev-3",
        "{workloads}"
    );
    stage.ends_well().await?;
    bed.stop().await
}

async fn push_image(bed: &Testbed, tag: &str, hour: u32) -> anyhow::Result<()> {
    let created = format!("2018-07-20T{hour:02}:00:00Z").parse()?;
    bed.registry().push(&ImagePush::new("stefanprodan/podinfo", tag, created)).await.map(drop)
}

async fn image_scanner(bed: &Testbed) -> anyhow::Result<(Service, String)> {
    let address = || anyhow::Ok(SocketAddr::new(bed.address(), bed.free_port()?));
    let (grpc, http) = (address()?, address()?);
    let database = bed.folder().join("scanner-database-url");
    std::fs::write(&database, bed.postgres_url("scanner").await?)?;
    let scanner = bed
        .service("image-scanner")
        .args([
            format!("--database-url-file={}", database.display()),
            format!("--registry-mirror=docker.io={}", bed.registry().url()),
            "--registry-require-mirror".into(),
            "--scan-interval=500ms".into(),
            format!("--listen={grpc}"),
            format!("--http-listen={http}"),
        ])
        .http(http)
        .start()
        .await?;
    scanner.wait_ready(SOON).await?;
    Ok((scanner, format!("http://{grpc}")))
}

/// git-syncer's points, but those of its first start.
const POINTS: [&str; 12] = [
    "sync.before-fetch",
    "git.inside-fetch",
    "sync.after-fetch",
    "sync.after-observe",
    "sync.before-apply",
    "apply.after-object",
    "sync.inside-apply",
    "sync.after-apply",
    "sync.after-report",
    "automation.before-push",
    "git.inside-push",
    "automation.after-push",
];

/// Needs binaries with the feature `failpoints`.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_it_makes_one_commit_per_tag_and_applies_it() -> anyhow::Result<()> {
    let bed = Testbed::builder().control_plane().git().postgres().registry().start().await?;
    bed.kubectl(&["apply", "--server-side", "-f", &project().join("deploy/crds").display().to_string()])
        .await?;
    let (_scanner, url) = image_scanner(&bed).await?;
    let mut stage = Stage::start(&bed, "images", &[format!("--image-scanner-url={url}")]).await?;
    stage.repository.add_deploy_key(&stage.public_key().await?, Access::ReadWrite)?;
    let developer = stage.repository.clone_as_developer().await?;
    push_image(&bed, "dev-1", 1).await?;
    stage.push(&developer, &[("releases/dev/podinfo.yaml", RELEASE)]).await?;
    stage.sync().await?;
    for (round, point) in POINTS.iter().enumerate() {
        killed_once(&mut stage, &developer, round + 2, point)
            .await
            .with_context(|| format!("killed at {point}"))?;
    }
    stage.repository.git(&["fsck", "--strict", "--no-dangling"]).await?;
    stage.ends_well().await?;
    bed.stop().await
}

async fn killed_once(
    stage: &mut Stage<'_>,
    developer: &Worktree,
    number: usize,
    point: &str,
) -> anyhow::Result<()> {
    stage.service.kill().await?;
    stage.service.set_env("WINDLASS_FAILPOINTS", Some(point));
    developer.git(&["pull", "--quiet", "--rebase", "origin", "main"]).await?;
    let map = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{number}, namespace: images}}\n");
    stage.push(developer, &[(&format!("m{number}.yaml"), &map)]).await?;
    push_image(stage.bed, &format!("dev-{number}"), u32::try_from(number)?).await?;
    stage.service.start().await?;
    stage.service.wait_exit(SOON).await?;

    stage.service.set_env("WINDLASS_FAILPOINTS", None);
    stage.service.start().await?;
    let image = format!("stefanprodan/podinfo:dev-{number}");
    eventually(SOON, &format!("{image} to be applied"), async || {
        let live = stage.get(&["fluxhelmreleases", "podinfo-dev", "-n", "images"]).await?;
        ensure!(live["spec"]["values"]["image"] == image.as_str(), "{}", live["spec"]["values"]);
        stage.get(&["configmap", &format!("m{number}"), "-n", "images"]).await
    })
    .await?;
    let log = stage.repository.git(&["log", "--format=%s", "main"]).await?;
    let by_automation: Vec<_> = log.lines().filter(|line| line.starts_with("Auto-release ")).collect();
    let expected: Vec<_> =
        (2..=number).rev().map(|tag| format!("Auto-release stefanprodan/podinfo:dev-{tag}")).collect();
    ensure!(by_automation == expected, "{by_automation:#?}");
    Ok(())
}
