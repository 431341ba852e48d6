//! The chart that `helm create` makes, and the example repository's charts: rendered by the real helm and by ours, equal bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use helm_chart::{Chart, Limits, Mode, SourceFile, Values};
use helm_engine::{Capabilities, Host, KubeVersion, LoadedChart, Operation, ReleaseOptions};
use integration_tests::{tools, windlass};

/// What users change in a chart that `helm create` made.
const SCAFFOLD_VALUES: [&str; 3] = [
    "{}",
    "serviceAccount: {create: false}\nreplicaCount: 3\nnameOverride: other\nimage: {tag: v1}\npodLabels: {a: b}\n",
    r#"
ingress:
  enabled: true
  className: nginx
  annotations: {a: b}
  tls: [{secretName: tls, hosts: [a.example.com]}]
httpRoute: {enabled: true, annotations: {a: "1"}}
autoscaling: {enabled: true, targetMemoryUtilizationPercentage: 70}
resources: {limits: {cpu: 100m, memory: 128Mi}}
service: {type: NodePort, port: 8080}
volumes: [{name: a, secret: {secretName: b, optional: false}}]
volumeMounts: [{name: a, mountPath: /a, readOnly: true}]
nodeSelector: {disk: ssd}
tolerations: [{key: k, operator: Exists}]
affinity: {podAntiAffinity: {}}
podAnnotations: {checksum: "12"}
podSecurityContext: {fsGroup: 2000}
securityContext: {capabilities: {drop: [ALL]}, runAsUser: 1000}
imagePullSecrets: [{name: regcred}]
livenessProbe: null
"#,
];

/// The values of the article's releases.
const ARTICLE_VALUES: [(&str, &str); 4] = [
    ("podinfo", "image: stefanprodan/podinfo:dev-kb9lm91e\nreplicaCount: 1\n"),
    (
        "podinfo",
        "image: stefanprodan/podinfo:stg-9ij63o4c\nreplicaCount: 2\n\
         hpa: {enabled: true, maxReplicas: 10, cpu: 50, memory: 128Mi}\n",
    ),
    ("podinfo", "ingress: {enabled: true, className: nginx, hosts: [a.example.com, b.example.com]}\n"),
    (
        "openfaas",
        "gateway: {image: openfaas/gateway:0.8.5}\noperator: {image: openfaas/openfaas-operator:0.8.0}\n\
         queueWorker: {image: openfaas/queue-worker:0.4.4-rc1}\nprometheus: {image: prom/prometheus:v2.3.1}\n\
         alertmanager: {image: prom/alertmanager:v0.15.0}\nnats: {image: nats-streaming:0.6.0}\n",
    ),
];

#[test]
fn the_scaffold_renders_as_the_real_helm_renders_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    helm(folder.path(), &["create", "scaffold"])?;
    for values in SCAFFOLD_VALUES {
        compare(&folder.path().join("scaffold"), values)?;
    }
    Ok(())
}

#[test]
fn the_article_s_charts_render_as_the_real_helm_renders_them() -> anyhow::Result<()> {
    let charts = windlass::project().join("examples/gitops-helm/charts");
    for (chart, values) in ARTICLE_VALUES {
        compare(&charts.join(chart), values)?;
    }
    Ok(())
}

fn compare(chart: &Path, values: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, values)?;
    let (chart_path, file) = (chart.display().to_string(), file.display().to_string());
    let flags = ["--namespace", "stg", "--values", &file, "--kube-version", "v1.36.0"];
    let theirs = helm(folder.path(), &[&["template", "podinfo-rc", &chart_path][..], &flags].concat())?;
    let ours = render(chart, values)?;
    let first = ours.lines().zip(theirs.lines()).position(|(ours, theirs)| ours != theirs);
    let context = |text: &str| text.lines().nth(first.unwrap_or_default()).unwrap_or_default().to_owned();
    ensure!(
        ours == theirs,
        "{chart_path} with\n{values}\ndiffers from line {first:?}:\n  ours {:?}\n  helm {:?}",
        context(&ours),
        context(&theirs)
    );
    Ok(())
}

fn render(chart: &Path, values: &str) -> anyhow::Result<String> {
    let mut source = Vec::new();
    read(chart, chart, &mut source)?;
    let chart = LoadedChart::new(Chart::load(source, &Limits::default())?);
    let release = ReleaseOptions {
        name: "podinfo-rc".into(),
        namespace: "stg".into(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities = Capabilities::new(KubeVersion::parse("v1.36.0")?, vec!["v1".into()]);
    let rendered = chart.render(&Values::from_yaml(values)?, &release, &capabilities, &Host::default())?;
    Ok(rendered.to_template_output())
}

fn read(root: &Path, folder: &Path, source: &mut Vec<SourceFile>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            read(root, &path, source)?;
        } else {
            let name = path.strip_prefix(root)?.to_str().context("a path is not UTF-8")?.to_owned();
            source.push(SourceFile { path: name, mode: Mode::File, bytes: std::fs::read(&path)?.into() });
        }
    }
    Ok(())
}

fn helm(folder: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(tools::path("helm")?)
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env("KUBECONFIG", "/dev/null")
        .output()?;
    ensure!(output.status.success(), "helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
