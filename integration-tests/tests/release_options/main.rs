//! What an object can say of its release, each on real servers: where values come from, in which order and with whose rights, what happens
//! when something fails, and what is done about changes by others. The operator looks at nothing by time (its interval is an hour), so
//! whatever happens was woken.

mod charts;

use std::time::Duration;

use anyhow::{Context, ensure};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _, future};
use integration_tests::{ReleaseBed, Signal, Testbed, eventually};
use serde_json::{Value, json};

use charts::FILES;

const SOON: Duration = Duration::from_secs(90);
const NAMESPACE: &str = "dev";

struct World(ReleaseBed);

impl World {
    /// Applies an object of that name; its release has the same.
    async fn apply(&self, name: &str, spec: Value) -> anyhow::Result<()> {
        let mut spec = spec;
        let fields = spec.as_object_mut().context("a spec is a map")?;
        if fields.remove("noReleaseName").is_none() {
            fields.insert("releaseName".to_owned(), json!(name));
        }
        if !fields.contains_key("chart") {
            fields.entry("chartGitPath").or_insert_with(|| json!("app"));
        }
        let object = json!({
            "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec});
        self.0.bed.kubectl_apply(&object.to_string()).await.map(drop)
    }

    async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.0.bed.kubectl(&[arguments, &["-n", NAMESPACE]].concat()).await
    }

    /// Waits until a condition has a status and a reason for the object as it is; its message.
    async fn told(&self, name: &str, kind: &str, status: &str, reason: &str) -> anyhow::Result<String> {
        eventually(SOON, &format!("{name} to be {kind}={status} {reason}"), async || {
            let object = self.0.json(&["get", "fhr", name, "-n", NAMESPACE]).await?;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let found = conditions.iter().find(|condition| condition["type"] == kind);
            let found = found.with_context(|| format!("no condition {kind} in {}", object["status"]))?;
            ensure!(
                found["status"] == status && found["reason"] == reason,
                "{}",
                object["status"]["conditions"]
            );
            ensure!(
                object["status"]["observedGeneration"] == object["metadata"]["generation"],
                "not seen yet"
            );
            Ok(found["message"].as_str().unwrap_or_default().to_owned())
        })
        .await
    }

    async fn ready(&self, name: &str) -> anyhow::Result<String> {
        self.told(name, "Ready", "True", "ReleaseReady").await
    }

    /// Waits until the records of a release are these: `1 superseded, 2 deployed`.
    async fn records(&self, namespace: &str, release: &str, expected: &str) -> anyhow::Result<()> {
        eventually(SOON, &format!("{release} to have the records {expected}"), async || {
            let records = self.0.records(namespace).await?;
            let records = records.into_iter().filter(|(name, ..)| name == release);
            let words: Vec<_> = records.map(|(_, revision, status)| format!("{revision} {status}")).collect();
            ensure!(words.join(", ") == expected, "they are {words:?}");
            Ok(())
        })
        .await
    }

    async fn data(&self, namespace: &str, name: &str) -> anyhow::Result<Value> {
        Ok(self.0.json(&["get", "configmap", name, "-n", namespace]).await?["data"].clone())
    }

    async fn exists(&self, kind: &str, name: &str) -> anyhow::Result<bool> {
        Ok(!self.kubectl(&["get", kind, name, "--ignore-not-found", "-o", "name"]).await?.is_empty())
    }
}

async fn values_come_from_everywhere(world: &World) -> anyhow::Result<()> {
    let secret = ["create", "secret", "generic", "password", "--from-literal=key=p,w={x}"];
    world.kubectl(&secret).await?;
    world
        .apply(
            "values",
            json!({
                "valuesFrom": [
                    {"chartFileRef": {"path": "more.yaml"}},
                    {"configMapKeyRef": {"name": "later"}},
                    {"secretKeyRef": {"name": "password", "key": "key"}, "targetPath": "secret"},
                    {"secretKeyRef": {"name": "nobody", "optional": true}}],
                "values": {"bad": false}}),
        )
        .await?;
    let message = world.told("values", "Ready", "False", "ValuesUnusable").await?;
    ensure!(
        message.contains("spec.valuesFrom[1]: there is no key \"values.yaml\" of ConfigMap later"),
        "{message}"
    );
    let map = |text: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later", "namespace": NAMESPACE},
            "data": {"values.yaml": format!("text: {text}\n")}})
    };
    world.0.bed.kubectl_apply(&map("first").to_string()).await?;
    world.ready("values").await?;
    let expected = json!({"text": "first", "secret": "p,w={x}", "file": "of the chart"});
    ensure!(world.data(NAMESPACE, "values").await? == expected, "{}", world.data(NAMESPACE, "values").await?);
    world.0.bed.kubectl_apply(&map("second").to_string()).await?;
    world.records(NAMESPACE, "values", "1 superseded, 2 deployed").await?;
    ensure!(world.data(NAMESPACE, "values").await?["text"] == "second");
    let shown = world.0.call("GetRelease", &json!({"namespace": NAMESPACE, "name": "values"})).await?;
    ensure!(!shown.to_string().contains("p,w={x}"), "a secret value is shown: {shown}");
    Ok(())
}

async fn a_release_may_live_elsewhere(world: &World) -> anyhow::Result<()> {
    world.0.bed.kubectl(&["create", "namespace", "elsewhere"]).await?;
    world.apply("target", json!({"targetNamespace": "elsewhere", "noReleaseName": true})).await?;
    world.ready("target").await?;
    world.records("elsewhere", "dev-elsewhere-target", "1 deployed").await?;
    ensure!(world.data("elsewhere", "dev-elsewhere-target").await?["text"] == "chart");
    world.kubectl(&["delete", "fhr", "target", "--timeout=60s"]).await?;
    world.records("elsewhere", "dev-elsewhere-target", "").await
}

async fn dependencies_come_first(world: &World) -> anyhow::Result<()> {
    let on = json!([{"name": "before"}, {"apiVersion": "v1", "kind": "ConfigMap", "name": "gate"}]);
    world.apply("after", json!({"dependsOn": on})).await?;
    let message = world.told("after", "Ready", "False", "DependencyNotReady").await?;
    ensure!(
        message
            .contains("FluxHelmRelease dev/before: it does not exist; ConfigMap dev/gate: it does not exist"),
        "{message}"
    );
    ensure!(!world.exists("configmap", "after").await?);
    world.kubectl(&["create", "configmap", "gate"]).await?;
    world.apply("before", json!({"values": {"bad": true}})).await?;
    world.told("before", "Ready", "False", "Progressing").await?;
    world.records(NAMESPACE, "after", "").await?;
    world.apply("before", json!({})).await?;
    world.ready("after").await.map(drop)
}

async fn what_is_suspended_is_left_alone(world: &World) -> anyhow::Result<()> {
    world.apply("suspended", json!({})).await?;
    world.ready("suspended").await?;
    world.apply("suspended", json!({"suspend": true, "values": {"text": "new"}})).await?;
    eventually(SOON, "the suspension to be seen", async || {
        let object = world.0.json(&["get", "fhr", "suspended", "-n", NAMESPACE]).await?;
        ensure!(
            object["status"]["observedGeneration"] == object["metadata"]["generation"],
            "{}",
            object["status"]
        );
        Ok(())
    })
    .await?;
    world.records(NAMESPACE, "suspended", "1 deployed").await?;
    world.apply("suspended", json!({"values": {"text": "new"}})).await?;
    world.records(NAMESPACE, "suspended", "1 superseded, 2 deployed").await
}

async fn what_does_not_become_ready_fails_and_is_tried_again(world: &World) -> anyhow::Result<()> {
    world.apply("waits", json!({"wait": true, "timeout": "3s", "values": {"bad": true}})).await?;
    let message = world.told("waits", "Ready", "False", "InstallFailed").await?;
    ensure!(message.contains("Deployment dev/waits") && message.contains("is tried again at"), "{message}");
    world.told("waits", "Reconciling", "True", "InstallFailed").await?;
    world.apply("waits", json!({"wait": true, "timeout": "60s"})).await?;
    world.ready("waits").await?;
    // While a revision waits, another one is asked for.
    world.apply("waits", json!({"wait": true, "timeout": "10m", "values": {"bad": true}})).await?;
    world.told("waits", "Ready", "False", "Progressing").await?;
    world.apply("waits", json!({"wait": true, "timeout": "60s", "values": {"text": "new"}})).await?;
    world.ready("waits").await?;
    let history = world.0.bed.helm(&["history", "waits", "-n", NAMESPACE]).await?;
    ensure!(history.contains("was given up: something else is asked for"), "{history}");
    Ok(())
}

async fn a_failed_upgrade_is_taken_back(world: &World) -> anyhow::Result<()> {
    let policy = json!({"remediation": "rollback", "retries": 0});
    world.apply("back", json!({"upgrade": policy})).await?;
    world.ready("back").await?;
    world
        .apply(
            "back",
            json!({"upgrade": policy, "timeout": "3s", "rollback": {"timeout": "1m"}, "values": {"bad": true, "text": "new"}}),
        )
        .await?;
    let message = world.told("back", "Ready", "False", "Stalled").await?;
    let status = world.0.json(&["get", "fhr", "back", "-n", NAMESPACE]).await?["status"].clone();
    ensure!(
        message.contains("Deployment dev/back") && message.contains("windlass retry release back -n dev"),
        "{message} {status} {}",
        world.0.operator().service().log()
    );
    world.told("back", "Remediated", "True", "RollbackSucceeded").await?;
    world.told("back", "Released", "False", "UpgradeFailed").await?;
    world.told("back", "Stalled", "True", "Stalled").await?;
    world.records(NAMESPACE, "back", "1 superseded, 2 failed, 3 deployed").await?;
    ensure!(world.data(NAMESPACE, "back").await?["text"] == "chart");
    let status = world.0.json(&["get", "fhr", "back", "-n", NAMESPACE]).await?["status"].clone();
    let actions: Vec<_> =
        status["history"].as_array().into_iter().flatten().map(|shot| &shot["action"]).collect();
    ensure!(actions == ["rollback", "upgrade", "install"], "{status}");
    world.apply("back", json!({"upgrade": policy, "values": {"text": "newer"}})).await?;
    world.ready("back").await?;
    world.records(NAMESPACE, "back", "1 superseded, 2 failed, 3 superseded, 4 deployed").await
}

async fn a_failed_install_is_taken_away(world: &World) -> anyhow::Result<()> {
    let policy = json!({"remediation": "uninstall", "retries": 0});
    world
        .apply("away", json!({"install": policy, "wait": true, "timeout": "3s", "values": {"bad": true}}))
        .await?;
    world.told("away", "Ready", "False", "Stalled").await?;
    world.told("away", "Remediated", "True", "UninstallSucceeded").await?;
    world.records(NAMESPACE, "away", "").await?;
    ensure!(!world.exists("configmap", "away").await?, "an object is left");
    world.apply("away", json!({"install": policy, "wait": true})).await?;
    world.ready("away").await?;
    world.records(NAMESPACE, "away", "1 deployed").await
}

async fn tests_are_run(world: &World) -> anyhow::Result<()> {
    world.apply("tested", json!({"test": {"enable": true}})).await?;
    world.ready("tested").await?;
    world.told("tested", "TestSuccess", "True", "TestSucceeded").await?;
    world.apply("untested", json!({"test": {"enable": true}, "values": {"badTest": true}})).await?;
    let message = world.told("untested", "Ready", "False", "TestFailed").await?;
    ensure!(message.contains("test untested-test of revision 1 failed"), "{message}");
    world.told("untested", "TestSuccess", "False", "TestFailed").await?;
    let status = world.0.json(&["get", "fhr", "untested", "-n", NAMESPACE]).await?["status"].clone();
    ensure!(
        status["history"][0]["tests"] == json!([{"name": "untested-test", "phase": "Failed"}]),
        "{status}"
    );
    world
        .apply(
            "lenient",
            json!({"test": {"enable": true, "ignoreFailures": true}, "values": {"badTest": true}}),
        )
        .await?;
    world.ready("lenient").await?;
    world.told("lenient", "TestSuccess", "False", "TestFailed").await.map(drop)
}

async fn hooks_run_and_fail_by_name(world: &World) -> anyhow::Result<()> {
    world.apply("hooked", json!({"values": {"badHook": false}})).await?;
    world.ready("hooked").await?;
    ensure!(world.exists("job", "hooked-before").await?);
    let spec = |disable: bool| json!({"disableHooks": disable, "values": {"badHook": true, "text": "new"}});
    world.apply("hooked", spec(false)).await?;
    let message = world.told("hooked", "Ready", "False", "UpgradeFailed").await?;
    ensure!(message.contains("the pre-upgrade hook Job hooked-before failed"), "{message}");
    ensure!(
        world.data(NAMESPACE, "hooked").await?["text"] == "chart",
        "the hook failed, and objects were changed"
    );
    world.apply("hooked", spec(true)).await?;
    world.ready("hooked").await?;
    ensure!(world.data(NAMESPACE, "hooked").await?["text"] == "new");
    Ok(())
}

async fn a_service_account_gives_the_rights(world: &World) -> anyhow::Result<()> {
    world.kubectl(&["create", "serviceaccount", "tenant"]).await?;
    world.apply("tenant", json!({"serviceAccountName": "tenant"})).await?;
    let message = world.told("tenant", "Ready", "False", "InstallFailed").await?;
    ensure!(message.contains("dev/tenant may not"), "{message}");
    let role = ["create", "rolebinding", "tenant", "--clusterrole=admin", "--serviceaccount=dev:tenant"];
    world.kubectl(&role).await?;
    world.0.call("Reconcile", &json!({"namespace": NAMESPACE, "name": "tenant"})).await?;
    world.ready("tenant").await.map(drop)
}

async fn changes_by_others_are_seen(world: &World) -> anyhow::Result<()> {
    world.apply("warned", json!({})).await?;
    world.apply("corrected", json!({"driftDetection": {"mode": "correct"}})).await?;
    let rule = json!({"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}});
    world.apply("ignored", json!({"driftDetection": {"mode": "correct", "ignore": [rule]}})).await?;
    let all = ["warned", "corrected", "ignored"];
    for name in all {
        world.ready(name).await?;
    }
    for name in all {
        world.kubectl(&["scale", "deployment", name, "--replicas=2"]).await?;
    }
    let message = world.told("warned", "DriftDetected", "True", "Drifted").await?;
    ensure!(message.contains("Deployment dev/warned: /spec/replicas is 2 instead of 1"), "{message}");
    world.told("corrected", "DriftDetected", "False", "DriftCorrected").await?;
    let replicas = async |name: &str| {
        anyhow::Ok(
            world.0.json(&["get", "deployment", name, "-n", NAMESPACE]).await?["spec"]["replicas"].clone(),
        )
    };
    ensure!(replicas("warned").await? == 2 && replicas("corrected").await? == 1);
    world.kubectl(&["delete", "deployment", "corrected"]).await?;
    eventually(SOON, "the deleted Deployment to be back", async || {
        ensure!(world.exists("deployment", "corrected").await?, "it is not");
        Ok(())
    })
    .await?;
    world.ready("corrected").await?;
    world.ready("ignored").await?;
    ensure!(replicas("ignored").await? == 2, "what is ignored was corrected");
    // Nothing of this is a revision.
    for name in all {
        world.records(NAMESPACE, name, "1 deployed").await?;
    }
    Ok(())
}

async fn objects_are_changed_after_rendering(world: &World) -> anyhow::Result<()> {
    let strategic = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: patched}\nspec: {template: {spec: {containers: [{name: a, env: [{name: A, value: b}]}]}}}\n";
    let patches = json!([
        {"patch": strategic},
        {"patch": "- {op: replace, path: /data/text, value: patched}\n", "target": {"kind": "ConfigMap"}}]);
    let images = json!([{"name": "example.org/a", "newTag": "2"}]);
    let spec = json!({
        "commonMetadata": {"labels": {"team": "a"}, "annotations": {"example.org/note": "b"}},
        "postRenderers": [{"kustomize": {"patches": patches, "images": images}}]});
    world.apply("patched", spec).await?;
    world.ready("patched").await?;
    let map = world.0.json(&["get", "configmap", "patched", "-n", NAMESPACE]).await?;
    ensure!(map["data"]["text"] == "patched" && map["metadata"]["labels"]["team"] == "a", "{map}");
    ensure!(map["metadata"]["annotations"]["example.org/note"] == "b", "{map}");
    let deployment = world.0.json(&["get", "deployment", "patched", "-n", NAMESPACE]).await?;
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    ensure!(container["image"] == "example.org/a:2" && container["env"][0]["value"] == "b", "{container}");
    world.apply("patched", json!({"commonMetadata": {"labels": {"team": "c"}}})).await?;
    world.records(NAMESPACE, "patched", "1 superseded, 2 deployed").await
}

async fn an_orphan_stays(world: &World) -> anyhow::Result<()> {
    world.apply("orphan", json!({"deletionPolicy": "orphan"})).await?;
    world.ready("orphan").await?;
    world.kubectl(&["delete", "fhr", "orphan", "--timeout=60s"]).await?;
    world.records(NAMESPACE, "orphan", "1 deployed").await?;
    ensure!(world.exists("configmap", "orphan").await?);
    // And is taken over by the next object of the name.
    world.apply("orphan", json!({})).await?;
    world.ready("orphan").await?;
    world.records(NAMESPACE, "orphan", "1 deployed").await
}

async fn a_history_has_its_limit(world: &World) -> anyhow::Result<()> {
    for text in ["a", "b", "c"] {
        world.apply("short", json!({"maxHistory": 2, "values": {"text": text}})).await?;
        world.ready("short").await?;
    }
    world.records(NAMESPACE, "short", "2 superseded, 3 deployed").await
}

async fn charts_come_from_a_registry(world: &World) -> anyhow::Result<()> {
    let bed = &world.0.bed;
    let folder = bed.folder().join("packages").display().to_string();
    let chart = world.0.path("charts/app").display().to_string();
    let repository = format!("oci://{}/charts", bed.registry().address());
    let publish = async |version: &str| {
        bed.helm(&["package", &chart, "--version", version, "-d", &folder]).await?;
        let archive = format!("{folder}/app-{version}.tgz");
        bed.helm(&["push", &archive, &repository, "--plain-http"]).await
    };
    publish("0.2.0").await?;
    publish("1.0.0").await?;
    let spec = json!({"chart": {"repository": repository, "name": "app", "version": "^0.2"}});
    world.apply("registry", spec).await?;
    world.ready("registry").await?;
    let version = ["get", "fhr", "registry", "-o", "jsonpath={.status.history[0].chartVersion}"];
    ensure!(world.kubectl(&version).await? == "0.2.0");
    publish("0.2.1").await?;
    world.0.call("Reconcile", &json!({"namespace": NAMESPACE, "name": "registry"})).await?;
    world.records(NAMESPACE, "registry", "1 superseded, 2 deployed").await?;
    world.ready("registry").await?;
    ensure!(world.kubectl(&version).await? == "0.2.1");
    let absent = json!({"chart": {"repository": repository, "name": "app", "version": "^7"}});
    world.apply("absent", absent).await?;
    let message = world.told("absent", "Ready", "False", "ChartUnusable").await?;
    ensure!(message.contains("no version fits \"^7\"") && message.contains("1.0.0"), "{message}");
    // A registry that is gone takes no release with it.
    let registry = bed.servers().find(|server| server.name() == "docker-registry");
    let registry = registry.context("there is no registry")?;
    registry.signal(Signal::Kill)?;
    registry.wait().await?;
    world.0.call("Reconcile", &json!({"namespace": NAMESPACE, "name": "registry"})).await?;
    let message = world.told("registry", "Ready", "True", "ReleaseReady").await?;
    ensure!(message.contains("version 0.2.1, which it gave before, is used meanwhile"), "{message}");
    Ok(())
}

async fn definitions_are_skipped_on_request(world: &World) -> anyhow::Result<()> {
    world.apply("skips", json!({"chartGitPath": "crd", "skipCRDs": true})).await?;
    world.ready("skips").await?;
    ensure!(!world.exists("crd", "skipped.example.org").await?);
    world.apply("skips", json!({"chartGitPath": "crd", "values": {"a": 1}})).await?;
    world.records(NAMESPACE, "skips", "1 superseded, 2 deployed").await?;
    ensure!(world.exists("crd", "skipped.example.org").await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_has_its_say() -> anyhow::Result<()> {
    let bed =
        ReleaseBed::start(Testbed::builder().workloads().registry(), &FILES, &["--charts-sync-interval=1h"])
            .await?;
    bed.bed.kubectl(&["create", "namespace", NAMESPACE]).await?;
    let world = World(bed);
    let world = &world;
    let faults: Vec<String> = [
        told("values", values_come_from_everywhere(world)).boxed_local(),
        told("targetNamespace", a_release_may_live_elsewhere(world)).boxed_local(),
        told("dependsOn", dependencies_come_first(world)).boxed_local(),
        told("suspend", what_is_suspended_is_left_alone(world)).boxed_local(),
        told("wait", what_does_not_become_ready_fails_and_is_tried_again(world)).boxed_local(),
        told("rollback", a_failed_upgrade_is_taken_back(world)).boxed_local(),
        told("uninstall", a_failed_install_is_taken_away(world)).boxed_local(),
        told("test", tests_are_run(world)).boxed_local(),
        told("hooks", hooks_run_and_fail_by_name(world)).boxed_local(),
        told("serviceAccountName", a_service_account_gives_the_rights(world)).boxed_local(),
        told("drift", changes_by_others_are_seen(world)).boxed_local(),
        told("postRenderers", objects_are_changed_after_rendering(world)).boxed_local(),
        told("deletionPolicy", an_orphan_stays(world)).boxed_local(),
        told("maxHistory", a_history_has_its_limit(world)).boxed_local(),
        told("chart", charts_come_from_a_registry(world)).boxed_local(),
        told("skipCRDs", definitions_are_skipped_on_request(world)).boxed_local(),
    ]
    .into_iter()
    .collect::<FuturesUnordered<_>>()
    .filter_map(future::ready)
    .collect()
    .await;
    ensure!(faults.is_empty(), "{}", faults.join("\n\n"));
    Ok(())
}

async fn told(what: &str, part: impl Future<Output = anyhow::Result<()>>) -> Option<String> {
    part.await.err().map(|error| format!("{what}: {error:#}"))
}
