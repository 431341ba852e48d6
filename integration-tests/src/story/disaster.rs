//! The cluster is lost; a new one comes back from git and from the backup of one key.

use anyhow::{Context as _, ensure};

use super::stage::Stage;
use super::{Narrator, secrets};
use crate::bed::Testbed;
use crate::keeper::Signal;
use crate::windlass::SEALING_NAMESPACE;

/// What a backup must not carry into another cluster.
const STRIP: &str =
    "del(.metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.managedFields)";

pub(super) async fn recovery(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    let key = ["get", "secret", "-n", SEALING_NAMESPACE, "sealed-secrets-key", "-o", "json"];
    let secret = stage.cluster().kubectl(&key).await?;
    let backup = stage.bed.program("/usr/bin/jq").args([STRIP]).stdin(secret).run().await?;

    stage.lose_windlass();
    let plane = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];
    for server in stage.bed.servers().filter(|server| plane.contains(&server.name())) {
        server.signal(Signal::Kill)?;
        server.wait().await?;
    }
    narrator.shows("the cluster is gone, with everything that was in it");
    stage.rescue = Some(Testbed::builder().workloads().start().await?);
    stage.install(narrator).await?;
    stage.deploy_key(narrator).await?;

    // As the article restores it: replace the newly-created Secret, restart the controller.
    let cluster = stage.cluster();
    cluster.tool("kubectl")?.args(["replace", "-f", "-"]).stdin(backup).run().await?;
    let decryptor = &mut stage.windlass().secrets_decryptor;
    decryptor.kill().await.context("secrets-decryptor cannot be killed")?;
    decryptor.start().await?;

    stage.released("stg", "podinfo-rc", 1).await?;
    stage.released("hotfix", "podinfo-hotfix", 1).await?;
    stage.released("openfaas", "openfaas", 1).await?;
    let image = stage.image_in("releases/stg/podinfo.yaml")?;
    stage.rolled_out("stg", "podinfo-rc", &image).await?;
    secrets::unsealed(stage).await?;
    let gone = stage.cluster().kubectl(&["-n", "dev", "get", "fluxhelmreleases", "-o", "name"]).await?;
    ensure!(gone.is_empty(), "{gone} came back though git no longer has it");
    Ok(())
}
