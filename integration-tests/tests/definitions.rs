//! The CustomResourceDefinitions in a real API server: what it takes, and what it says about what it does not take.

use std::time::Duration;

use anyhow::ensure;
use integration_tests::{Testbed, eventually, windlass::project};

/// The FluxHelmRelease of the article, as it stands there.
const ARTICLE: &str = r#"
apiVersion: helm.integrations.flux.weave.works/v1alpha2
kind: FluxHelmRelease
metadata:
  name: podinfo-dev
  namespace: default
  labels:
    chart: podinfo
  annotations:
    flux.weave.works/automated: "true"
    flux.weave.works/tag.chart-image: glob:dev-*
spec:
  chartGitPath: podinfo
  releaseName: podinfo-dev
  values:
    image: stefanprodan/podinfo:dev-kb9lm91e
    replicaCount: 1
    hpa: {enabled: true, cpu: 50}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_takes_the_articles_objects_and_explains_bad_ones() -> anyhow::Result<()> {
    let bed = Testbed::builder().control_plane().start().await?;
    let folder = project().join("deploy/crds").display().to_string();
    bed.kubectl(&["apply", "--server-side", "-f", &folder]).await?;
    bed.kubectl(&["wait", "--for=condition=established", "--timeout=30s", "crd", "--all"]).await?;

    // Discovery follows a moment after the definition is established.
    eventually(Duration::from_secs(30), "the article's release to be taken", async || {
        bed.kubectl_apply(ARTICLE).await
    })
    .await?;
    let values = bed.kubectl(&["get", "fhr", "podinfo-dev", "-o", "jsonpath={.spec.values}"]).await?;
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&values)?,
        serde_json::json!({
            "image": "stefanprodan/podinfo:dev-kb9lm91e", "replicaCount": 1, "hpa": {"enabled": true, "cpu": 50},
        }),
    );
    bed.kubectl_apply(
        &ARTICLE.replace("  labels:\n    chart: podinfo\n", "").replace("name: podinfo-dev", "name: bare"),
    )
    .await?;

    let refused = async |change: &str, into: &str, expected: &str| {
        let yaml =
            ARTICLE.replace("name: podinfo-dev\n  namespace", "name: bad\n  namespace").replace(change, into);
        let output = bed.tool("kubectl")?.args(["apply", "-f", "-"]).stdin(yaml).output().await?;
        ensure!(!output.exit.success() && output.stderr.contains(expected), "{into:?}: {}", output.stderr);
        anyhow::Ok(())
    };
    refused("  chartGitPath: podinfo\n", "", "spec.chartGitPath is missing: give the chart's directory")
        .await?;
    refused("chartGitPath: podinfo", "chartGitPath: ''", "spec.chartGitPath is missing").await?;
    refused("chartGitPath: podinfo", "chartGitPath: null", "spec.chartGitPath is missing").await?;
    refused("chartGitPath: podinfo", "chartGitPath: 5", "spec.chartGitPath").await?;
    refused("releaseName: podinfo-dev", &format!("releaseName: {}", "a".repeat(54)), "spec.releaseName")
        .await?;
    refused("releaseName: podinfo-dev", "releaseName: Podinfo", "spec.releaseName").await?;
    let columns = bed.kubectl(&["get", "fluxhelmreleases"]).await?;
    assert_eq!(columns.lines().count(), 3, "{columns}");
    assert!(columns.starts_with("NAME") && columns.contains("REVISION"), "{columns}");
    bed.stop().await
}
