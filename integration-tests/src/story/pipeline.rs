//! The steps about images, charts and releases.

use anyhow::{Context as _, ensure};

use super::Narrator;
use super::stage::{PATIENCE, Stage};
use crate::registry::ImagePush;
use crate::wait::eventually;

const DEV: &str = "releases/dev/podinfo.yaml";

pub(super) async fn first_release(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    let (repository, podinfo) = stage.podinfo();
    let tag = stage.ci(&["-r", &repository, "-b", "dev"]).await?;
    narrator.shows(&format!("ci-mock.sh -r {repository} -b dev: {podinfo}:{tag}"));
    for part in ["charts", "hack", "namespaces", DEV] {
        stage.bring(part).await?;
    }
    let image = stage.image_in(DEV)?;
    stage.edit(DEV, &image, &format!("{podinfo}:{tag}"))?;
    stage.worktree().commit("The config repository").await?;
    stage.worktree().git(&["push", "--quiet", "-u", "origin", "master"]).await?;
    for namespace in ["dev", "stg", "adm", "openfaas"] {
        eventually(PATIENCE, &format!("the namespace {namespace}"), async || {
            stage.cluster().kubectl(&["get", "namespace", namespace, "-o", "name"]).await
        })
        .await?;
    }
    stage.released("dev", "podinfo-dev", 1).await?;
    stage.rolled_out("dev", "podinfo-dev", &format!("{podinfo}:{tag}")).await
}

pub(super) async fn image_update(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    let (repository, podinfo) = stage.podinfo();
    let tag = stage.ci(&["-r", &repository, "-b", "dev"]).await?;
    narrator.shows(&format!("ci-mock.sh -r {repository} -b dev: {podinfo}:{tag}"));
    let commit = stage.automation_commit(&format!("{podinfo}:{tag}")).await?;
    narrator.shows(&stage.worktree().git(&["show", "--stat", &commit]).await?);
    let changed = stage.worktree().git(&["show", "--format=", "--numstat", &commit]).await?;
    ensure!(
        changed.trim() == format!("1\t1\t{DEV}"),
        "the commit changes {changed:?}, not one line of {DEV}"
    );
    stage.image_commit = Some(commit);
    stage.released("dev", "podinfo-dev", 2).await?;
    stage.rolled_out("dev", "podinfo-dev", &format!("{podinfo}:{tag}")).await
}

pub(super) async fn chart_change(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    stage.edit("charts/podinfo/Chart.yaml", "version: 0.2.0", "version: 0.2.1")?;
    stage.edit("charts/podinfo/values.yaml", "logLevel: info", "logLevel: debug")?;
    let commit = stage.worktree().commit_and_push("podinfo 0.2.1: log more").await?;
    narrator.shows(&stage.worktree().git(&["show", "--stat", &commit]).await?);
    stage.released("dev", "podinfo-dev", 3).await
}

pub(super) async fn history(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    narrator.shows(&stage.cluster().helm(&["history", "podinfo-dev", "-n", "dev"]).await?);
    let records = stage.history("dev", "podinfo-dev").await?;
    let seen: Vec<String> = records
        .iter()
        .map(|record| {
            let field = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            format!("{} {} {} {}", record["revision"], field("status"), field("chart"), field("description"))
        })
        .collect();
    let expected = [
        "1 superseded podinfo-0.2.0 Install complete",
        "2 superseded podinfo-0.2.0 Upgrade complete",
        "3 deployed podinfo-0.2.1 Upgrade complete",
    ];
    ensure!(seen == expected, "helm history shows {seen:#?}");
    let values = stage.cluster().helm(&["get", "values", "podinfo-dev", "-n", "dev"]).await?;
    ensure!(values.contains("replicaCount: 1"), "helm get values shows {values}");
    Ok(())
}

pub(super) async fn promotion(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    let (repository, podinfo) = stage.podinfo();
    let tag = stage.ci(&["-r", &repository, "-b", "stg", "-v", "1.1.0-rc1"]).await?;
    narrator.shows(&format!("ci-mock.sh -r {repository} -b stg -v 1.1.0-rc1: {podinfo}:{tag}"));
    let file = "releases/stg/podinfo.yaml";
    stage.bring(file).await?;
    let image = stage.image_in(file)?;
    stage.edit(file, &image, &format!("{podinfo}:{tag}"))?;
    stage.worktree().commit_and_push("Promote podinfo to stg").await?;
    stage.released("stg", "podinfo-rc", 1).await?;
    stage.rolled_out("stg", "podinfo-rc", &format!("{podinfo}:{tag}")).await?;
    let scaler = stage
        .cluster()
        .kubectl(&["-n", "stg", "get", "hpa", "podinfo-rc", "-o", "jsonpath={.spec.maxReplicas}"])
        .await?;
    ensure!(scaler == "10", "the autoscaler of podinfo-rc goes up to {scaler:?}, not 10");
    Ok(())
}

pub(super) async fn hotfix(stage: &mut Stage, _: &mut dyn Narrator) -> anyhow::Result<()> {
    let (repository, podinfo) = stage.podinfo();
    let tag = stage.ci(&["-r", &repository, "-b", "hotfix"]).await?;
    let namespace = stage.worktree().read("namespaces/dev.yaml")?.replace("dev", "hotfix");
    stage.worktree().write("namespaces/hotfix.yaml", namespace)?;
    let image = stage.image_in(DEV)?;
    let release = stage.worktree().read(DEV)?;
    let release = release.replace(&image, &format!("{podinfo}:{tag}")).replace("dev", "hotfix");
    stage.worktree().write("releases/hotfix/podinfo.yaml", release)?;
    stage.worktree().commit_and_push("An environment for hotfixes").await?;
    stage.released("hotfix", "podinfo-hotfix", 1).await?;
    stage.rolled_out("hotfix", "podinfo-hotfix", &format!("{podinfo}:{tag}")).await
}

/// The images of the FAQ's openfaas release, as its file names them, and what is pushed beside three of them. The
/// registry has a newer tag for each that its policy does not select, too.
const FUNCTIONS: [(&str, &[&str]); 6] = [
    ("openfaas/gateway", &["0.8.5"]),
    ("openfaas/openfaas-operator", &["0.8.0"]),
    ("openfaas/queue-worker", &["0.4.4-rc1"]),
    ("prom/prometheus", &["v2.3.1", "v2.3.2", "v2.4.0"]),
    ("prom/alertmanager", &["v0.15.0", "v0.15.1", "v1.0.0"]),
    ("library/nats-streaming", &["0.6.0", "0.6.1", "edge"]),
];

pub(super) async fn many_containers(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    let built: jiff::Timestamp = "2018-07-20T12:00:00Z".parse().context("a constant")?;
    let push = async |newer: bool| {
        for (repository, tags) in FUNCTIONS {
            for (day, tag) in (0_i64..).zip(tags) {
                if newer == (day > 0) {
                    let created = built.checked_add(jiff::SignedDuration::from_hours(24 * day))?;
                    stage.bed.registry().push(&ImagePush::new(repository, tag, created)).await?;
                }
            }
        }
        anyhow::Ok(())
    };
    push(false).await?;
    let file = "releases/openfaas/openfaas.yaml";
    stage.bring(file).await?;
    stage.worktree().commit_and_push("OpenFaaS").await?;
    stage.released("openfaas", "openfaas", 1).await?;
    push(true).await?;
    let selected = ["prom/prometheus:v2.3.2", "prom/alertmanager:v0.15.1", "nats-streaming:0.6.1"];
    eventually(PATIENCE, "automation to move three images of openfaas", async || {
        let content = stage.repository().git(&["show", &format!("master:{file}")]).await?;
        for image in selected {
            ensure!(content.contains(image), "{file} does not hold {image} yet");
        }
        Ok::<_, anyhow::Error>(())
    })
    .await?;
    stage.worktree().pull().await?;
    narrator.shows(&stage.worktree().git(&["show", "--stat", "HEAD"]).await?);
    let content = stage.worktree().read(file)?;
    for image in
        ["openfaas/gateway:0.8.5", "openfaas/openfaas-operator:0.8.0", "openfaas/queue-worker:0.4.4-rc1"]
    {
        ensure!(content.contains(image), "{image} moved though nothing newer was pushed");
    }
    eventually(PATIENCE, "openfaas to run the three images", async || {
        let path = "jsonpath={.items[*].spec.template.spec.containers[*].image}";
        let images = stage.cluster().kubectl(&["-n", "openfaas", "get", "deployments", "-o", path]).await?;
        for image in selected {
            ensure!(images.split(' ').any(|runs| runs == image), "the images are {images}");
        }
        Ok::<_, anyhow::Error>(())
    })
    .await
}

pub(super) async fn delete(stage: &mut Stage, _: &mut dyn Narrator) -> anyhow::Result<()> {
    stage.worktree().git(&["rm", "--quiet", DEV]).await?;
    stage.worktree().commit_and_push("podinfo-dev is no longer needed").await?;
    // What is removed from git stays in the cluster until a person deletes it there.
    let head = stage.repository().head("master").await?;
    let address = stage.windlass().addresses.git_syncer.grpc.to_string();
    let sync = stage.bed.grpcurl(&["-plaintext", &address, "windlass.sync.v1.SyncService/Sync"]).await?;
    ensure!(sync.contains(&head), "Sync answers {sync}, which does not name {head}");
    stage.released("dev", "podinfo-dev", 3).await?;
    stage.cluster().kubectl(&["-n", "dev", "delete", "fluxhelmrelease/podinfo-dev", "--timeout=90s"]).await?;
    let gone = stage.cluster().tool("helm")?.args(["history", "podinfo-dev", "-n", "dev"]).output().await?;
    ensure!(!gone.exit.success() && gone.stderr.contains("not found"), "helm still knows podinfo-dev");
    eventually(PATIENCE, "the objects of podinfo-dev to be gone", async || {
        let left = stage
            .cluster()
            .kubectl(&["-n", "dev", "get", "deployments,services,secrets", "-o", "name"])
            .await?;
        ensure!(!left.contains("podinfo-dev"), "still there: {left}");
        Ok::<_, anyhow::Error>(())
    })
    .await
}
