//! Upgrades, helm beside us, bad input, RPCs and deletions.

use std::path::Path;

use anyhow::{Context as _, ensure};
use integration_tests::eventually;
use serde_json::json;

use crate::setup::{SOON, Setup, namespace, release};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_lives_as_git_says() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    upgrades_follow_values_and_chart(&setup).await.context("upgrades")?;
    helm_works_on_it_and_git_wins(&setup).await.context("helm")?;
    bad_input_is_named_and_stops_nothing(&setup).await.context("bad input")?;
    grpc_tells_the_same(&setup).await.context("gRPC")?;
    only_a_deliberate_deletion_purges(&setup).await.context("deletion")?;
    setup.0.bed.stop().await
}

async fn upgrades_follow_values_and_chart(setup: &Setup) -> anyhow::Result<()> {
    let tree = &setup.0.worktree;
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
    let values = setup.0.bed.helm(&["get", "values", "dev-web", "-n", "dev", "-o", "json"]).await?;
    ensure!(values.trim() == r#"{"replicaCount":2}"#, "{values}");
    let parts = ["1 superseded parts-0.1.0 Install complete", "2 deployed parts-0.1.0 Upgrade complete"];
    setup.wait_history("dev", "parts", &parts).await?;
    ensure!(!setup.exists(&["service", "parts-b", "-n", "dev"]).await?, "what left the chart is deleted");
    let map = setup.0.json(&["get", "configmap", "parts-a", "-n", "dev", "--show-managed-fields"]).await?;
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
    eventually(SOON, "Events of what was done", async || {
        let reasons = ["get", "events", "-n", "dev", "-o", "jsonpath={.items[*].reason}"];
        let events = setup.0.bed.kubectl(&reasons).await?;
        ensure!(events.contains("Installed") && events.contains("Upgraded"), "{events}");
        Ok(())
    })
    .await?;
    setup.wait_history("dev", "parts", &parts).await
}

async fn helm_works_on_it_and_git_wins(setup: &Setup) -> anyhow::Result<()> {
    let list = setup.0.bed.helm(&["list", "-n", "dev", "-o", "json"]).await?;
    ensure!(list.contains(r#""name":"dev-web""#) && list.contains(r#""status":"deployed""#), "{list}");
    let notes = setup.0.bed.helm(&["get", "notes", "dev-web", "-n", "dev"]).await?;
    ensure!(notes.contains("Get the application URL"), "{notes}");
    setup.0.bed.helm(&["rollback", "dev-web", "1", "-n", "dev"]).await?;
    // It is shown, and left so until the object says otherwise.
    let shown = setup.wait_ready("dev", "web", "False", "RolledBackByHelm").await?;
    ensure!(
        shown.contains("rolled the release back to revision 1 by 4") && shown.contains("windlass retry"),
        "{shown}"
    );
    let undo = r#"{"spec": {"driftDetection": {"mode": "correct"}}}"#;
    setup.0.bed.kubectl(&["patch", "fhr", "web", "-n", "dev", "--type=merge", "-p", undo]).await?;
    let end = [
        "1 superseded web-0.1.0 Install complete",
        "2 superseded web-0.1.0 Upgrade complete",
        "3 superseded web-0.1.1 Upgrade complete",
        "4 superseded web-0.1.0 Rollback to 1",
        "5 deployed web-0.1.1 Upgrade complete",
    ];
    setup.wait_history("dev", "dev-web", &end).await?;
    setup.wait_ready("dev", "web", "True", "ReleaseReady").await?;
    let live = setup.0.json(&["get", "deployment", "dev-web", "-n", "dev"]).await?;
    ensure!(live["spec"]["replicas"] == 2, "{}", live["spec"]);
    let test = setup.0.bed.helm(&["test", "dev-web", "-n", "dev", "--timeout", "60s"]).await?;
    ensure!(test.contains("Succeeded"), "{test}");
    setup.0.bed.helm(&["uninstall", "dev-web", "-n", "dev"]).await?;
    // Deleted by hand only: git still says that it is to be there.
    setup.wait_history("dev", "dev-web", &["1 deployed web-0.1.1 Install complete"]).await
}

async fn bad_input_is_named_and_stops_nothing(setup: &Setup) -> anyhow::Result<()> {
    let bed = &setup.0.bed;
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
    let map = setup.0.json(&["get", "configmap", "taken-a", "-n", "bad"]).await?;
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
    let parts = json!({"namespace": "dev", "name": "parts"});
    let all = setup.0.call("ListReleases", &json!({"namespace": "dev"})).await?;
    let names: Vec<_> =
        all["releases"].as_array().into_iter().flatten().map(|release| &release["releaseName"]).collect();
    ensure!(names == ["parts", "dev-web"], "{all}");
    let one = setup.0.call("GetRelease", &parts).await?;
    ensure!(one["values"]["number"] == 2 && one["history"][0]["action"] == "upgrade", "{one}");
    let history = setup.0.call("GetHistory", &parts).await?;
    ensure!(history["revisions"][0]["description"] == "Upgrade complete", "{history}");
    let looked = setup.0.call("Reconcile", &parts).await?;
    ensure!(looked["release"]["revision"] == 2, "{looked}");
    Ok(())
}

async fn only_a_deliberate_deletion_purges(setup: &Setup) -> anyhow::Result<()> {
    let bed = &setup.0.bed;
    bed.kubectl(&["delete", "fhr", "good", "-n", "bad"]).await?;
    setup.wait_gone(&["configmap", "good-a", "-n", "bad"]).await?;
    ensure!(
        setup.exists(&["configmap", "good-kept", "-n", "bad"]).await?,
        "resource-policy keep was not respected"
    );
    ensure!(setup.history("bad", "good").await?.is_empty(), "records are left");

    // Somebody else's release: its name alone gives no right to it. As it is asked for, it is adopted, and goes with its object.
    let web = setup.0.worktree.path().join("charts/web").display().to_string();
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
