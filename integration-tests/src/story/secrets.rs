//! The step about secrets: seal with the real kubeseal, push, and find the Secret in the cluster.

use anyhow::{Context as _, ensure};

use super::Narrator;
use super::stage::{PATIENCE, Stage};
use crate::wait::eventually;

pub(super) async fn sealed_secret(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    // `kubeseal --fetch-cert` goes through the API server's service proxy, which refuses loopback; on a loopback testbed the
    // certificate comes straight from where that proxy would have led.
    let url = format!("http://{}/v1/cert.pem", stage.windlass().addresses.sealing_http);
    let certificate = stage.bed.program("/usr/bin/curl").args(["-sSf", &url]).run().await?;
    stage.worktree().write("pub-cert.pem", format!("{certificate}\n"))?;
    let cluster = stage.cluster();
    let secret = cluster
        .kubectl(&[
            "-n",
            "dev",
            "create",
            "secret",
            "generic",
            "basic-auth",
            "--from-literal=user=admin",
            "--from-literal=password=admin",
            "--dry-run=client",
            "-o",
            "json",
        ])
        .await?;
    let file = stage.worktree().path().join("pub-cert.pem");
    let sealed = cluster.kubeseal(&["--format=yaml", "--cert", &file.display().to_string()], &secret).await?;
    ensure!(!sealed.contains("YWRtaW4"), "the sealed secret shows its content");
    narrator.shows(&shortened(&sealed));
    stage.worktree().write("releases/dev/basic-auth.yaml", sealed)?;
    stage.worktree().commit_and_push("Add basic auth credentials to dev namespace").await?;
    unsealed(stage).await
}

/// Waits for the Secret that the article seals, with exactly its content.
pub(super) async fn unsealed(stage: &Stage) -> anyhow::Result<()> {
    eventually(PATIENCE, "the Secret basic-auth in dev", async || {
        let json =
            stage.cluster().kubectl(&["-n", "dev", "get", "secret", "basic-auth", "-o", "json"]).await?;
        let secret: serde_json::Value = serde_json::from_str(&json).context("kubectl printed no JSON")?;
        // base64 of `admin`
        let expected = serde_json::json!({ "user": "YWRtaW4=", "password": "YWRtaW4=" });
        ensure!(secret["data"] == expected, "its keys or values are not those that were sealed");
        ensure!(
            secret["metadata"]["ownerReferences"][0]["kind"] == "SealedSecret",
            "it is not owned by its SealedSecret"
        );
        Ok::<_, anyhow::Error>(())
    })
    .await
}

/// The lines of a manifest, each cut to what a person reads.
fn shortened(yaml: &str) -> String {
    yaml.lines()
        .map(|line| match line.char_indices().nth(72) {
            Some((end, _)) => format!("{}…\n", &line[..end]),
            None => format!("{line}\n"),
        })
        .collect()
}
