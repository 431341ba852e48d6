//! What people do to releases without touching git: by the command line and by gRPC, against real servers.

use std::time::Duration;

use anyhow::{Context, ensure};
use api::release::v1::WatchRequest;
use api::release::v1::release_service_client::ReleaseServiceClient;
use integration_tests::{ReleaseBed, Testbed, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const TEMPLATE: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {text: {{ .Values.text | quote }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}}
stringData: {password: {{ .Values.password | quote }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-first, annotations: {helm.sh/hook: test}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-second, annotations: {helm.sh/hook: test}}
"#;

const FILES: [(&str, &str); 4] = [
    ("charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\nappVersion: \"7\"\n"),
    ("charts/app/values.yaml", "text: chart\npassword: hidden-in-the-chart\nother: 1\n"),
    ("charts/app/templates/a.yaml", TEMPLATE),
    ("charts/app/templates/NOTES.txt", "{{ .Release.Name }} says {{ .Values.text }}\n"),
];

fn object(name: &str, text: &str) -> String {
    json!({
        "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
        "metadata": {"name": name, "namespace": "dev"},
        "spec": {"chartGitPath": "app", "releaseName": name, "values": {"text": text, "password": "hidden-too"}}})
    .to_string()
}

struct World(ReleaseBed);

impl World {
    /// The command line, with its exit code, standard output and standard error.
    async fn windlass(&self, arguments: &[&str]) -> anyhow::Result<(bool, String, String)> {
        let url = format!("http://{}", self.0.operator().grpc);
        let all = [arguments, &["-n", "dev", "--release-operator", &url]].concat();
        let output =
            self.0.bed.program(integration_tests::tools::service("windlass")?).args(all).output().await?;
        Ok((output.exit.success(), String::from_utf8_lossy(&output.stdout).into_owned(), output.stderr))
    }

    /// What the command line prints; it must succeed.
    async fn prints(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let (success, stdout, stderr) = self.windlass(arguments).await?;
        ensure!(success, "windlass {arguments:?}: {stdout}{stderr}");
        Ok(stdout)
    }

    async fn records(&self, expected: &str) -> anyhow::Result<()> {
        eventually(SOON, &format!("the records to be {expected}"), async || {
            let records = self.0.records("dev").await?;
            let words: Vec<_> = records
                .iter()
                .map(|(name, revision, status)| format!("{name} {revision} {status}"))
                .collect();
            ensure!(words.join(", ") == expected, "they are {words:?}");
            Ok(())
        })
        .await
    }

    async fn ready(&self, name: &str) -> anyhow::Result<()> {
        self.0
            .bed
            .kubectl(&["wait", "fhr", name, "-n", "dev", "--for=condition=Ready", "--timeout=60s"])
            .await
            .map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_look_at_releases_and_work_on_them() -> anyhow::Result<()> {
    let bed =
        ReleaseBed::start(Testbed::builder().control_plane(), &FILES, &["--charts-sync-interval=1h"]).await?;
    bed.bed.kubectl(&["create", "namespace", "dev"]).await?;
    let world = World(bed);
    let mut watch = ReleaseServiceClient::connect(format!("http://{}", world.0.operator().grpc))
        .await?
        .watch(WatchRequest::default())
        .await?
        .into_inner();
    let first = watch.message().await?.context("no snapshot")?;
    ensure!(first.snapshot && first.snapshot_end && first.releases.is_empty(), "{first:?}");

    world.0.bed.kubectl_apply(&object("web", "first")).await?;
    world.ready("web").await?;
    world.0.bed.kubectl_apply(&object("web", "second")).await?;
    world.records("web 1 superseded, web 2 deployed").await?;
    world.ready("web").await?;

    looks(&world).await.context("looks")?;
    diffs(&world).await.context("diffs")?;
    deeds(&world).await.context("deeds")?;

    let mut seen = None;
    while let Some(message) = watch.message().await? {
        let web = message.releases.into_iter().find(|release| release.name == "web");
        if let Some(web) = web.filter(|web| web.revision >= 4) {
            seen = Some((web, message.resume_token));
            break;
        }
    }
    let (_, token) = seen.context("the watch ended")?;
    let mut resumed = ReleaseServiceClient::connect(format!("http://{}", world.0.operator().grpc))
        .await?
        .watch(WatchRequest { namespace: "dev".to_owned(), resume_token: token })
        .await?
        .into_inner();
    world.0.bed.kubectl(&["delete", "fhr", "web", "-n", "dev", "--timeout=60s"]).await?;
    let mut removed = false;
    while !removed {
        let message = resumed.message().await?.context("the watch ended")?;
        ensure!(!message.snapshot, "a known token begins with no snapshot");
        removed = message.removed.iter().any(|gone| gone.name == "web");
    }
    world.records("").await?;
    world.0.bed.stop().await
}

async fn looks(world: &World) -> anyhow::Result<()> {
    let list = world.prints(&["get", "releases"]).await?;
    ensure!(list.contains("web") && list.contains("app-0.1.0") && list.contains("True"), "{list}");
    let none = world.prints(&["get", "releases", "--ready=false"]).await?;
    ensure!(!none.contains("web"), "{none}");
    let values = world.prints(&["get", "values", "web", "-o", "json"]).await?;
    ensure!(values.contains("second") && !values.contains("hidden"), "{values}");
    let manifest = world.prints(&["get", "manifest", "web"]).await?;
    ensure!(manifest.contains("# Source: app/templates/a.yaml") && manifest.contains("second"), "{manifest}");
    ensure!(!manifest.contains("hidden"), "a Secret is shown: {manifest}");
    let notes = world.prints(&["get", "notes", "web"]).await?;
    ensure!(notes.contains("web says second"), "{notes}");
    let history = world.prints(&["get", "history", "web"]).await?;
    ensure!(history.contains("Install complete") && history.contains("Upgrade complete"), "{history}");
    let (success, _, stderr) = world.windlass(&["get", "release", "nobody"]).await?;
    ensure!(!success && stderr.contains("there is no FluxHelmRelease dev/nobody"), "{stderr}");
    let page = json!({"namespace": "dev", "name": "web", "pageSize": 1});
    let page = world.0.call("GetHistory", &page).await?;
    ensure!(
        page["revisions"][0]["revision"] == 2 && page["totalCount"] == 2 && page["nextPageToken"] == "2",
        "{page}"
    );
    let all = world
        .0
        .call("GetValues", &json!({"namespace": "dev", "name": "web", "revision": 1, "all": true}))
        .await?;
    ensure!(all["values"]["text"] == "first" && all["values"]["other"] == 1.0, "{all}");
    ensure!(!all.to_string().contains("hidden"), "{all}");
    Ok(())
}

async fn diffs(world: &World) -> anyhow::Result<()> {
    let same = world.0.call("Diff", &json!({"namespace": "dev", "name": "web"})).await?;
    ensure!(same["action"] == "ACTION_NOTHING" && same["reason"] == "the release is as asked for", "{same}");
    let hooks = same["objects"].as_array().into_iter().flatten().filter(|change| change["hook"] == true);
    let hooks: Vec<_> = hooks.map(|hook| (&hook["object"]["name"], &hook["change"])).collect();
    let unchanged = json!("CHANGE_UNCHANGED");
    ensure!(hooks == [(&json!("web-first"), &unchanged), (&json!("web-second"), &unchanged)], "{same}");
    let spec = json!({"chartGitPath": "app", "releaseName": "web", "values": {"text": "third", "password": "hidden-new"}});
    let other = world.0.call("Diff", &json!({"namespace": "dev", "name": "web", "spec": spec})).await?;
    ensure!(other["action"] == "ACTION_UPGRADE" && other["reason"] == "the values differ", "{other}");
    let changed = |kind: &str| -> Value {
        let objects = other["objects"].as_array().into_iter().flatten();
        objects.into_iter().find(|change| change["object"]["kind"] == kind).cloned().unwrap_or_default()
    };
    ensure!(changed("ConfigMap")["fields"] == json!(["/data/text"]), "{other}");
    ensure!(
        changed("Secret")["change"] == "CHANGE_CHANGED" && !other.to_string().contains("hidden"),
        "{other}"
    );
    let between = json!({"namespace": "dev", "name": "web", "between": {"from": 1, "to": 2}});
    let between = world.0.call("Diff", &between).await?;
    ensure!(between["fromRevision"] == 1 && between.to_string().contains("+  text: second"), "{between}");
    world.records("web 1 superseded, web 2 deployed").await
}

async fn deeds(world: &World) -> anyhow::Result<()> {
    let told = world.prints(&["rollback", "release", "web"]).await?;
    ensure!(told.contains('3'), "{told}");
    world.records("web 1 superseded, web 2 superseded, web 3 deployed").await?;
    let shown = world.0.json(&["get", "fhr", "web", "-n", "dev"]).await?;
    let ready =
        shown["status"]["conditions"].as_array().into_iter().flatten().find(|told| told["type"] == "Ready");
    ensure!(ready.is_some_and(|ready| ready["reason"] == "RolledBack"), "{shown}");
    world.prints(&["retry", "release", "web"]).await?;
    world.records("web 1 superseded, web 2 superseded, web 3 superseded, web 4 deployed").await?;

    let tested =
        world.0.call("Test", &json!({"namespace": "dev", "name": "web", "tests": ["web-second"]})).await?;
    ensure!(tested["succeeded"] == true && tested["results"].as_array().map(Vec::len) == Some(1), "{tested}");
    let tested = world.prints(&["test", "release", "web"]).await?;
    ensure!(tested.contains("web-first") && tested.contains("web-second"), "{tested}");
    let history = world.0.bed.helm(&["status", "web", "-n", "dev"]).await?;
    ensure!(history.contains("Succeeded"), "{history}");

    world.prints(&["suspend", "release", "web"]).await?;
    world
        .0
        .bed
        .kubectl(&[
            "patch",
            "fhr",
            "web",
            "-n",
            "dev",
            "--type=merge",
            "-p",
            r#"{"spec":{"values":{"text":"fifth"}}}"#,
        ])
        .await?;
    let (success, _, stderr) = world.windlass(&["retry", "release", "web"]).await?;
    ensure!(!success && stderr.contains("suspended"), "{stderr}");
    world.records("web 1 superseded, web 2 superseded, web 3 superseded, web 4 deployed").await?;
    world.prints(&["resume", "release", "web"]).await?;
    world
        .records("web 1 superseded, web 2 superseded, web 3 superseded, web 4 superseded, web 5 deployed")
        .await?;
    world.prints(&["reconcile", "release", "web"]).await?;
    let (success, _, stderr) = world.windlass(&["rollback", "release", "web", "9"]).await?;
    ensure!(!success && stderr.contains("has no revision 9"), "{stderr}");
    Ok(())
}
