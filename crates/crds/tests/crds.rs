//! The printed definitions are the ones in `deploy/crds/`, and the types read what the originals' tools write.

use std::path::Path;

use crds::{FluxHelmRelease, SealedSecret, crd_files};
use kube::core::DeserializeGuard;
use serde_json::{Value, json};

#[test]
fn deployed_definitions_are_printed_from_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    for file in crd_files() {
        let deployed = std::fs::read_to_string(folder.join(file.name)).unwrap_or_default();
        assert!(
            deployed == file.to_yaml().expect("definition as YAML"),
            "deploy/crds/{} differs from the Rust types: run `cargo run -p crds --bin print-crds deploy/crds`",
            file.name
        );
    }
}

/// The parts of the schemas that the originals' users and tools rely on.
#[test]
fn schemas_keep_the_originals_names() {
    let crds = crd_files().map(|file| serde_json::to_value(file.crd).expect("definition as JSON"));
    let check = |crd: usize, pointer: &str, expected: Value| {
        assert_eq!(crds[crd].pointer(pointer), Some(&expected), "{pointer}");
    };
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    check(0, "/metadata/name", json!("fluxhelmreleases.helm.integrations.flux.weave.works"));
    check(0, "/spec/names/shortNames", json!(["fhr"]));
    check(0, "/spec/scope", json!("Namespaced"));
    check(0, "/spec/versions/0/subresources/status", json!({}));
    check(0, &format!("{spec}/properties/values/x-kubernetes-preserve-unknown-fields"), json!(true));
    check(0, &format!("{spec}/properties/releaseName/maxLength"), json!(53));
    check(
        0,
        &format!("{spec}/x-kubernetes-validations/0/rule"),
        json!("(has(self.chartGitPath) && self.chartGitPath != '') || has(self.chart)"),
    );
    check(1, "/metadata/name", json!("sealedsecrets.bitnami.com"));
    check(1, "/spec/versions/0/subresources/status", json!({}));
    check(1, &format!("{spec}/properties/encryptedData/additionalProperties/type"), json!("string"));
    check(1, &format!("{spec}/properties/template/x-kubernetes-preserve-unknown-fields"), json!(true));
}

#[test]
fn an_object_from_kubeseal_is_read() {
    let sealed: SealedSecret = serde_json::from_value(json!({
        "kind": "SealedSecret",
        "apiVersion": "bitnami.com/v1alpha1",
        "metadata": {"name": "basic-auth", "namespace": "dev", "creationTimestamp": null},
        "spec": {
            "template": {
                "metadata": {"name": "basic-auth", "namespace": "dev", "creationTimestamp": null},
                "type": "Opaque"
            },
            "encryptedData": {"password": "AgAR5nzh", "user": "AgAQDO58"}
        }
    }))
    .expect("kubeseal's object");
    let template = sealed.spec.template.expect("template");
    assert_eq!(template.type_.as_deref(), Some("Opaque"));
    assert_eq!(template.metadata.expect("metadata").namespace.as_deref(), Some("dev"));
    assert_eq!(sealed.spec.encrypted_data["user"], "AgAQDO58");
}

#[test]
fn one_undecodable_object_leaves_the_others_readable() {
    let object = |name: &str, spec: Value| {
        json!({
            "apiVersion": "helm.integrations.flux.weave.works/v1alpha2",
            "kind": "FluxHelmRelease",
            "metadata": {"name": name, "namespace": "dev"},
            "spec": spec,
        })
    };
    let list = json!([
        object("no-chart", json!({"values": null})),
        object("bad", json!({"chartGitPath": 5})),
        object("good", json!({"chartGitPath": "podinfo", "values": {"a": {"b": [1]}}})),
    ]);
    let read: Vec<DeserializeGuard<FluxHelmRelease>> = serde_json::from_value(list).expect("the list");
    let outcomes: Vec<_> = read
        .into_iter()
        .map(|guard| match guard.0 {
            Ok(release) => format!("{:?}", release.spec.chart_git_path),
            Err(invalid) => format!("{} invalid", invalid.metadata.name.unwrap_or_default()),
        })
        .collect();
    assert_eq!(outcomes, ["None", "bad invalid", r#"Some("podinfo")"#]);
}
