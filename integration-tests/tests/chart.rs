//! `helm/windlass`: the real helm lints it and installs it, no object is refused, and the real binaries accept every
//! argument that it renders.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

use integration_tests::{Testbed, windlass};
use serde_json::Value;

const SETTINGS: &str = "git.url=ssh://git@git.invalid/gitops-helm,secretsDecryptor.namespace=adm";

#[tokio::test(flavor = "multi_thread")]
async fn the_chart_installs_and_the_binaries_accept_its_arguments() {
    let bed = Testbed::builder().workloads().start().await.unwrap();
    let chart = windlass::project().join("helm/windlass").display().to_string();
    bed.helm(&["lint", "--strict", &chart, "--set", SETTINGS]).await.unwrap();
    bed.kubectl(&["create", "namespace", "adm"]).await.unwrap();
    let every_option = "registry.mirrors.docker\\.io=http://mirror.invalid:5000,git.path={releases,namespaces},\
                        tls.enabled=true,telemetry.otlpEndpoint=http://collector.invalid:4317,log.format=json";
    let several = "releaseOperator.replicas=3,postgres.url=postgres://user:password@db.invalid:5432/windlass";
    for (more, replicas) in [(every_option, 1), (several, 3)] {
        bed.helm(&[
            "upgrade",
            "--install",
            "windlass",
            &chart,
            "--namespace=flux",
            "--create-namespace",
            "--set",
            SETTINGS,
            "--set",
            more,
        ])
        .await
        .unwrap();
        let deployments =
            bed.kubectl(&["get", "deployments", "--all-namespaces", "-o", "json"]).await.unwrap();
        let deployments: Value = serde_json::from_str(&deployments).unwrap();
        let deployments = deployments["items"].as_array().unwrap();
        assert_eq!(deployments.iter().map(check).count(), 4, "a Deployment per service");
        let operator = deployments
            .iter()
            .find(|object| object["metadata"]["name"] == "windlass-release-operator")
            .unwrap();
        assert_eq!(operator["spec"]["replicas"], replicas);
    }
    let hooks = bed.helm(&["get", "hooks", "windlass", "--namespace=flux"]).await.unwrap();
    let job = serde_yaml::Deserializer::from_str(&hooks)
        .map(|document| <Value as serde::Deserialize>::deserialize(document).unwrap())
        .find(|object| object["kind"] == "Job")
        .unwrap();
    check(&job);
}

/// Runs the binary that the object's container would run, with the same arguments and environment and `--check-config`.
fn check(object: &Value) {
    let template = &object["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    let image = container["image"].as_str().unwrap();
    let (service, _) = image.rsplit_once('/').unwrap().1.split_once(':').unwrap();
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("flux");
    let variables: Vec<_> = container["env"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|variable| (variable["name"].as_str().unwrap(), value(variable, namespace)))
        .collect();
    // As the kubelet expands them.
    let expand = |arg: &Value| {
        let expand = |arg: String, (name, value): &(&str, String)| arg.replace(&format!("$({name})"), value);
        variables.iter().fold(arg.as_str().unwrap().to_owned(), expand)
    };
    let mut command = Command::new(integration_tests::tools::service(service).unwrap());
    command.args(container["args"].as_array().unwrap().iter().map(expand)).arg("--check-config").env_clear();
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{service} refuses the chart's arguments: {said}");
}

/// What a variable would be in a pod.
fn value(variable: &Value, namespace: &str) -> String {
    match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
        None => variable["value"].as_str().unwrap().to_owned(),
        Some("metadata.namespace") => namespace.to_owned(),
        Some("metadata.name") => "windlass-release-operator-5d9c6f7b8-x2vqk".to_owned(),
        Some("status.podIP") => "10.1.2.3".to_owned(),
        Some(other) => panic!("what is {other} of a pod?"),
    }
}
