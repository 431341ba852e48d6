//! Servers that are ready to be measured: CRDs, the namespace, the rights in it, and then rest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _, pin_mut, stream};
use integration_tests::windlass::Windlass;
use integration_tests::{Testbed, eventually, wait};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::processes;

/// Where the releases are.
pub(crate) const NAMESPACE: &str = "bench";
/// With whose rights release-operator applies.
pub(crate) const ACCOUNT: &str = "releases";

const GROUPS: usize = 10;
const READY: Duration = Duration::from_secs(300);
/// What the API server may take of a core and still count as resting.
const REST: f64 = 0.15;
const LOOK: Duration = Duration::from_secs(2);

/// The chart that is released.
pub(crate) fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/bench-releases/chart")
}

/// Paths below the chart's folder, sorted, and what the files hold.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn chart_files(chart: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for folder in [chart.to_owned(), chart.join("templates")] {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_file() {
                let name =
                    path.strip_prefix(chart)?.to_str().context("a file's name is no UTF-8")?.to_owned();
                files.push((name, std::fs::read_to_string(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Fresh servers with Windlass' CRDs and rights, `crds` CustomResourceDefinitions beside, and an empty namespace, when they have come
/// to rest.
///
/// # Errors
/// A program is missing, or something did not become ready.
pub(crate) async fn start(crds: usize) -> anyhow::Result<Testbed> {
    let bed = Testbed::builder().controllers().git().start().await?;
    Windlass::prepare(&bed).await?;
    define(&bed, crds).await?;
    bed.kubectl(&["create", "namespace", NAMESPACE]).await?;
    bed.kubectl(&["create", "serviceaccount", ACCOUNT, "--namespace", NAMESPACE]).await?;
    let account = format!("--serviceaccount={NAMESPACE}:{ACCOUNT}");
    bed.kubectl(&[
        "create",
        "rolebinding",
        ACCOUNT,
        "--clusterrole=admin",
        &account,
        "--namespace",
        NAMESPACE,
    ])
    .await?;
    rest(&bed, crds).await?;
    Ok(bed)
}

/// Adds CustomResourceDefinitions and waits until all are established.
async fn define(bed: &Testbed, count: usize) -> anyhow::Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(bed.kube_client()?);
    let definitions = (0..count).map(definition).collect::<anyhow::Result<Vec<_>>>()?;
    let mut missing: BTreeSet<String> = definitions.iter().map(|definition| definition.name_any()).collect();
    let create = stream::iter(definitions).map(|definition| {
        let api = &api;
        async move { api.create(&Default::default(), &definition).await }
    });
    create
        .buffer_unordered(8)
        .try_for_each(|_| async { Ok(()) })
        .await
        .context("cannot add CustomResourceDefinitions")?;
    let established = async {
        let events = watcher(api.clone(), watcher::Config::default()).default_backoff().touched_objects();
        pin_mut!(events);
        while !missing.is_empty() {
            let definition = events.try_next().await?.context("the watch ended")?;
            if is_established(&definition) {
                missing.remove(&definition.name_any());
            }
        }
        Ok(())
    };
    wait::within(READY, "all CustomResourceDefinitions to be established", established).await
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
}

fn group(number: usize) -> String {
    format!("group-{}.bench.invalid", number % GROUPS)
}

/// A definition with a schema of the size that operators' have: 200 fields, described.
fn definition(number: usize) -> anyhow::Result<CustomResourceDefinition> {
    let field = |name: String| {
        let text =
            format!("How {name} is to be, in the words that a person reads who asks kubectl to explain it.");
        (name, json!({"type": "string", "maxLength": 253, "description": text}))
    };
    let section = |section: usize| {
        let fields: Value =
            (0..20).map(|n| field(format!("field{section}x{n}"))).collect::<serde_json::Map<_, _>>().into();
        (
            format!("section{section}"),
            json!({"type": "object", "description": "A part of it.", "properties": fields}),
        )
    };
    let sections: Value = (0..10).map(section).collect::<serde_json::Map<_, _>>().into();
    let (group, plural) = (group(number), format!("kind{number}s"));
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": format!("Kind{number}"), "plural": plural, "singular": format!("kind{number}")},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": sections},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    });
    Ok(serde_json::from_value(definition)?)
}

/// Waits until the garbage collector follows all kinds, which it learns of by a look every 30 s, and the API server has nothing to do.
async fn rest(bed: &Testbed, crds: usize) -> anyhow::Result<()> {
    eventually(READY, "the controllers to follow all kinds", async || {
        let metrics = bed.kubectl(&["get", "--raw", "/metrics"]).await?;
        let followed: BTreeSet<&str> = metrics.lines().filter_map(followed_kind).collect();
        ensure!(followed.len() >= crds, "they follow {} of {crds}", followed.len());
        Ok(())
    })
    .await?;
    let apiserver = processes::server(bed, "kube-apiserver")?;
    let end = Instant::now() + READY;
    loop {
        let (began, before) = (Instant::now(), processes::cpu(apiserver)?);
        tokio::time::sleep(LOOK).await;
        let share = (processes::cpu(apiserver)? - before).as_secs_f64() / began.elapsed().as_secs_f64();
        if share <= REST {
            return Ok(());
        }
        ensure!(Instant::now() < end, "kube-apiserver does not come to rest: it takes {share:.2} of a core");
    }
}

/// The plural of a kind of ours that somebody watches, by a line of the API server's metrics.
fn followed_kind(line: &str) -> Option<&str> {
    let labels = line.strip_prefix("apiserver_longrunning_requests{")?;
    if !labels.contains(".bench.invalid\"") || !labels.contains("verb=\"WATCH\"") {
        return None;
    }
    labels.split_once("resource=\"")?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_which_kind_is_followed() {
        let line = |group: &str, verb: &str| {
            format!(
                r#"apiserver_longrunning_requests{{component="apiserver",group="{group}",resource="kind7s",scope="cluster",subresource="",verb="{verb}",version="v1"}} 1"#
            )
        };
        assert_eq!(followed_kind(&line(&group(7), "WATCH")), Some("kind7s"));
        assert_eq!(followed_kind(&line(&group(7), "CONNECT")), None);
        assert_eq!(followed_kind(&line("apps", "WATCH")), None);
        assert_eq!(followed_kind("apiserver_request_total 1"), None);
    }
}
