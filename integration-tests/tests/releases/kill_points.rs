//! A kill at each named step, and what the next process makes of what is left.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};

use crate::setup::{SOON, Setup, release};

/// Killed at each step and started again, the operator ends where it would have ended anyway: the same objects, one revision per
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_changes_nothing_in_the_end() -> anyhow::Result<()> {
    let mut setup = Setup::start().await?;
    setup.0.bed.kubectl(&["create", "namespace", "dev"]).await?;
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
            setup.0.bed.kubectl(&["delete", "crd", "things.example.org"]).await?;
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
        let map = setup.0.json(&["get", "configmap", "k0-a", "-n", "dev"]).await?;
        ensure!(map["data"]["number"] == n.to_string().as_str(), "{point}: {map}");
    }
    for (index, point) in
        ["purge.after-mark", "purge.after-objects", "purge.record", "purge.before-finalizer"]
            .iter()
            .enumerate()
    {
        let name = format!("k{}", index + 1);
        setup.0.operator_mut().terminate().await?;
        setup.0.bed.kubectl(&["delete", "fhr", &name, "-n", "dev", "--wait=false"]).await?;
        restart_killed(&mut setup, point).await?;
        setup.wait_gone(&["fhr", &name, "-n", "dev"]).await.with_context(|| (*point).to_owned())?;
        ensure!(setup.history("dev", &name).await?.is_empty(), "{point}: records are left");
        ensure!(!setup.exists(&["clusterrole", &name]).await?, "{point}: objects are left");
    }
    killed_while_a_failure_is_taken_back(&mut setup).await?;
    killed_while_taking_over_from_helm_3(&mut setup).await?;
    setup.0.bed.stop().await
}

async fn killed_while_a_failure_is_taken_back(setup: &mut Setup) -> anyhow::Result<()> {
    for (name, point) in [("r0", "rollback.before-claim"), ("r1", "rollback.after-claim")] {
        let object = |port: u16| {
            let spec = format!(
                "{{chartGitPath: parts, releaseName: {name}, values: {{port: {port}}}, upgrade: {{remediation: rollback, retries: 0}}}}"
            );
            release("dev", name, &spec)
        };
        setup.0.bed.kubectl_apply(&object(80)).await?;
        setup.wait_ready("dev", name, "True", "ReleaseReady").await?;
        killed_at(setup, point, &object(0)).await?;
        setup.wait_ready("dev", name, "False", "Stalled").await?;
        let history = setup.history("dev", name).await?;
        let begins = ["1 superseded", "2 failed", "3 deployed"];
        let as_told =
            history.len() == 3 && history.iter().zip(begins).all(|(line, begin)| line.starts_with(begin));
        ensure!(as_told, "{point}: {history:?}");
        let service = setup.0.json(&["get", "service", &format!("{name}-b"), "-n", "dev"]).await?;
        ensure!(service["spec"]["ports"][0]["port"] == 80, "{point}: {service}");
    }
    Ok(())
}

/// What helm 3 wrote is handed to the release's field manager before it is applied.
async fn killed_while_taking_over_from_helm_3(setup: &mut Setup) -> anyhow::Result<()> {
    let chart = setup.0.worktree.path().join("charts/parts").display().to_string();
    let install = ["install", "h0", &chart, "-n", "dev", "--no-hooks", "--skip-crds"];
    setup.0.bed.tool("helm3")?.args(install).run().await?;
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
    let map = setup.0.json(&["get", "configmap", "h0-a", "-n", "dev", "--show-managed-fields"]).await?;
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
    setup.0.operator_mut().terminate().await?;
    setup.0.bed.kubectl_apply(object).await?;
    restart_killed(setup, point).await
}

async fn restart_killed(setup: &mut Setup, point: &str) -> anyhow::Result<()> {
    let operator = setup.0.operator_mut();
    operator.arm(Some(point));
    operator.run().await?;
    operator.wait_exit(SOON).await.with_context(|| format!("the point {point} was not reached"))?;
    operator.arm(None);
    operator.run().await?;
    operator.service().wait_ready(SOON).await
}
