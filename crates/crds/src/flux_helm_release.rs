//! `FluxHelmRelease`: one Helm release, described in git.

mod lifecycle;
mod rendering;
mod source;
mod status;

use kube::CustomResource;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use lifecycle::{
    CrdPolicy, DeletionPolicy, Dependency, InstallOptions, InstallRemediation, RollbackOptions, TestFilter,
    TestOptions, UpgradeOptions, UpgradeRemediation,
};
pub use rendering::{
    CommonMetadata, DriftDetection, DriftMode, IgnoreRule, Image, Kustomize, Patch, PostRenderer, Selector,
};
pub use source::{ChartFileReference, KeyReference, LocalReference, RepositoryChart, ValuesSource};
pub use status::{FluxHelmReleaseStatus, LastAttempt, Snapshot, TestResult};

/// What to release: a chart from the config repository, and the values to give it.
///
/// A spec without a chart is refused by the API server with a message that says what to write (a CEL rule on
/// `spec`). The Rust fields stay optional all the same, because objects stored before the rule existed are still
/// served: a reader must report them in their status and go on with the others. What the article's `FluxHelmRelease` has is
/// `chartGitPath`, `releaseName` and `values`; everything else is optional.
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
    printcolumn = r#"{"name": "Chart", "type": "string", "jsonPath": ".status.history[0].chartVersion", "description": "Version of the chart in the newest revision."}"#,
    printcolumn = r#"{"name": "Revision", "type": "integer", "jsonPath": ".status.releaseRevision", "description": "Revision of the Helm release, as helm history counts them."}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status", "description": "Whether the release is what the spec and the chart in git say."}"#,
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].message", "description": "What happened last, and what to do if it failed."}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp", "description": "Time since the object was created."}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = RecursiveTransform(without_default))]
#[schemars(description = "What to release: a chart from the config repository or a chart repository, and the values to give it.", extend("x-kubernetes-validations" = [
    {
        "rule": "(has(self.chartGitPath) && self.chartGitPath != '') || has(self.chart)",
        "message": "spec.chartGitPath is missing: give the chart's directory, relative to the charts path of the repository, or spec.chart with a chart of a chart repository",
        "reason": "FieldValueRequired"
    },
    {
        "rule": "!(has(self.chartGitPath) && self.chartGitPath != '' && has(self.chart))",
        "message": "spec.chartGitPath and spec.chart are both given: a release has one chart"
    },
    {
        "rule": "!(has(self.skipCRDs) && self.skipCRDs && has(self.crds) && self.crds != 'Skip')",
        "message": "spec.skipCRDs and spec.crds contradict each other: give one of them"
    },
    {
        "rule": "!(has(self.rollback) && has(self.rollback.enable) && self.rollback.enable && has(self.upgrade) && has(self.upgrade.remediation) && self.upgrade.remediation != 'rollback')",
        "message": "spec.rollback.enable and spec.upgrade.remediation contradict each other: give one of them"
    }
]))]
pub struct FluxHelmReleaseSpec {
    /// Directory of the chart, relative to the charts path of the config repository (`charts` unless configured
    /// otherwise). Required, unless `chart` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 512))]
    pub chart_git_path: Option<String>,

    /// A chart of a chart repository, in place of `chartGitPath`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RepositoryChart")]
    pub chart: Option<RepositoryChart>,

    /// Name of the Helm release, at most 53 characters (Helm's limit). Defaults to `$namespace-$name` of this object, and to
    /// `$namespace-$targetNamespace-$name` with another target namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "String",
        length(max = 53),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub release_name: Option<String>,

    /// Namespace of the Helm release, its records and those of its objects that name none. Defaults to this object's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "String",
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub target_namespace: Option<String>,

    /// Values that override the chart's own `values.yaml`: any YAML mapping. They win over `valueFileSecrets` and `valuesFrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form_object")]
    pub values: Option<Map<String, Value>>,

    /// Secrets of this namespace with values in their key `values.yaml`; later ones win. The same as `valuesFrom` before all of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub value_file_secrets: Vec<LocalReference>,

    /// Further values; later ones win. A change of a ConfigMap or Secret is followed at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub values_from: Vec<ValuesSource>,

    /// Objects that must be ready before the release is installed or upgraded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub depends_on: Vec<Dependency>,

    /// Whether the release is left alone. Deleting the object still does what `deletionPolicy` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,

    /// The longest that an install or upgrade may take with its hooks and its wait, as a Go duration (`5m`); five minutes without
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "duration")]
    pub timeout: Option<String>,

    /// Whether an install or upgrade succeeds only when its objects are ready (`helm --wait`, Jobs too). Without it they are watched all
    /// the same and shown by the condition `Ready`. On with `upgrade.remediation` and `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub wait: Option<bool>,

    /// Failed installs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "InstallOptions")]
    pub install: Option<InstallOptions>,

    /// Failed upgrades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UpgradeOptions")]
    pub upgrade: Option<UpgradeOptions>,

    /// Rollbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RollbackOptions")]
    pub rollback: Option<RollbackOptions>,

    /// The chart's tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TestOptions")]
    pub test: Option<TestOptions>,

    /// Revisions kept in the history, 0 for all; the operator's own limit without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(max = 1000))]
    pub max_history: Option<u32>,

    /// The same as `crds: Skip`.
    #[serde(default, rename = "skipCRDs", skip_serializing_if = "std::ops::Not::not")]
    pub skip_crds: bool,

    /// What becomes of the CustomResourceDefinitions below the chart's `crds/`; `Create` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "CrdPolicy")]
    pub crds: Option<CrdPolicy>,

    /// Whether the chart's hooks are left out, tests excepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disable_hooks: bool,

    /// ServiceAccount of this namespace with whose rights the release's objects are read, applied and deleted; release-operator's own
    /// without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 253))]
    pub service_account_name: Option<String>,

    /// Live objects that differ from the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DriftDetection")]
    pub drift_detection: Option<DriftDetection>,

    /// Labels and annotations for all objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "CommonMetadata")]
    pub common_metadata: Option<CommonMetadata>,

    /// Changes to the rendered objects, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub post_renderers: Vec<PostRenderer>,

    /// What becomes of the release when this object is deleted; `purge` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DeletionPolicy")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// A mapping of anything: the API server stores it as it is written.
fn free_form_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// What is left out stays left out: the API server writes no defaults into objects that git states.
fn without_default(schema: &mut Schema) {
    schema.remove("default");
}

/// A duration in Go's notation, as Helm's flags take it.
fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 32,
        "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$",
    })
}
