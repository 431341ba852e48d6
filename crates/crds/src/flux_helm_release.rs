//! `FluxHelmRelease`: one Helm release, described in git.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What to release: a chart from the config repository, and the values to give it.
///
/// A spec without `chartGitPath` is refused by the API server with a message that says what to write (a CEL rule on
/// `spec`). The Rust field stays optional all the same, because objects stored before the rule existed are still
/// served: a reader must report them in their status and go on with the others.
///
/// ```
/// # fn main() -> Result<(), serde_json::Error> {
/// let release: crds::FluxHelmRelease = serde_json::from_value(serde_json::json!({
///     "apiVersion": "helm.integrations.flux.weave.works/v1alpha2",
///     "kind": "FluxHelmRelease",
///     "metadata": {"name": "podinfo-dev", "namespace": "dev", "labels": {"chart": "podinfo"}},
///     "spec": {"chartGitPath": "podinfo", "values": {"replicaCount": 1}},
/// }))?;
/// assert_eq!(release.spec.chart_git_path.as_deref(), Some("podinfo"));
/// assert_eq!(release.spec.release_name, None);
/// # Ok(())
/// # }
/// ```
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "helm.integrations.flux.weave.works",
    version = "v1alpha2",
    kind = "FluxHelmRelease",
    plural = "fluxhelmreleases",
    shortname = "fhr",
    namespaced,
    status = "FluxHelmReleaseStatus",
    derive = "PartialEq",
    doc = "A Helm release: a chart from the config repository and the values to give it.",
    printcolumn = r#"{"name": "Release", "type": "string", "jsonPath": ".status.releaseName", "description": "Name of the Helm release."}"#,
    printcolumn = r#"{"name": "Revision", "type": "integer", "jsonPath": ".status.releaseRevision", "description": "Revision of the Helm release, as helm history counts them."}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status", "description": "Whether the release is what the spec and the chart in git say."}"#,
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].message", "description": "What happened last, and what to do if it failed."}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp", "description": "Time since the object was created."}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "What to release: a chart from the config repository, and the values to give it.", extend("x-kubernetes-validations" = [{
    "rule": "has(self.chartGitPath) && self.chartGitPath != ''",
    "message": "spec.chartGitPath is missing: give the chart's directory, relative to the charts path of the repository",
    "reason": "FieldValueRequired"
}]))]
pub struct FluxHelmReleaseSpec {
    /// Directory of the chart, relative to the charts path of the config repository (`charts` unless configured
    /// otherwise). Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 512))]
    pub chart_git_path: Option<String>,

    /// Name of the Helm release, at most 53 characters (Helm's limit). Defaults to `$namespace-$name` of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "String",
        length(max = 53),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub release_name: Option<String>,

    /// Values that override the chart's own `values.yaml`: any YAML mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form_object")]
    pub values: Option<Map<String, Value>>,
}

/// What release-operator last saw and did.
///
/// Everything here can be derived again from the Helm release's own record and from git; nothing is decided by it
/// alone. Digests are written `sha256:<hex>`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "What release-operator last saw and did.")]
pub struct FluxHelmReleaseStatus {
    /// The `metadata.generation` that this status speaks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`: the release is what the spec and the chart in git say. `Released`: the last install or upgrade
    /// succeeded. Both carry a reason and a message that a person can act on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// Name of the Helm release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_name: Option<String>,

    /// Helm's own status of the release (`deployed`, `failed`, `pending-upgrade`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_status: Option<String>,

    /// Revision of the Helm release that is deployed, as `helm history` counts them, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_revision: Option<i64>,

    /// Git revision whose chart was last released, written `branch@sha1:<hex>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_revision: Option<String>,

    /// Digest of the chart's files that were last released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart_digest: Option<String>,

    /// Digest of the values that were last released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_digest: Option<String>,

    /// The last install or upgrade that was tried, whatever came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<LastAttempt>,
}

/// The input of the last install or upgrade, so that a failed one is not tried again before its input changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastAttempt {
    /// The `metadata.generation` that was tried.
    #[serde(default)]
    pub generation: i64,

    /// Git revision that the chart was taken from, written `branch@sha1:<hex>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_revision: Option<String>,

    /// Digest of the chart's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart_digest: Option<String>,

    /// Digest of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_digest: Option<String>,

    /// How often this input has failed in a row; 0 after a success.
    #[serde(default)]
    pub failures: i64,
}

/// A mapping of anything: the API server stores it as it is written.
fn free_form_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}
