//! What release-operator last saw and did.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use schemars::transform::RecursiveTransform;
use serde::{Deserialize, Serialize};

/// What release-operator last saw and did.
///
/// Everything here can be derived again from the Helm release's own records and from git, but for how often an input has failed;
/// losing that means that it is tried again. Digests are written `sha256:<hex>`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = RecursiveTransform(super::without_default))]
#[schemars(description = "What release-operator last saw and did.")]
pub struct FluxHelmReleaseStatus {
    /// The `metadata.generation` that this status speaks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`: the release is what the spec and the chart say, and so are its objects. `Reconciling`: it is on its way there.
    /// `Stalled`: it will not get there unless something changes. `Released`: the last install, upgrade or rollback succeeded.
    /// `TestSuccess`: the chart's tests passed. `Remediated`: a failed revision was taken back. `DriftDetected`: live objects or the release
    /// itself were changed by somebody else. All carry a reason and a message that a person can act on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// Name of the Helm release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_name: Option<String>,

    /// Namespace of the Helm release and its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_namespace: Option<String>,

    /// Helm's own status of the release (`deployed`, `failed`, `pending-upgrade`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_status: Option<String>,

    /// Newest revision of the Helm release, as `helm history` counts them, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_revision: Option<i64>,

    /// Where the chart that was last released is from: the git revision, written `branch@sha1:<hex>`, or `<version>@<digest>` of a chart
    /// repository.
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

    /// The newest revisions, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Snapshot>,
}

/// The input of the last install or upgrade, and how often it has failed in a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastAttempt {
    /// The `metadata.generation` that was tried.
    #[serde(default)]
    pub generation: i64,

    /// Where the chart was taken from, written as `status.sourceRevision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_revision: Option<String>,

    /// Digest of the chart's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart_digest: Option<String>,

    /// Digest of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_digest: Option<String>,

    /// Digest of everything in the spec that changes what is applied, beside chart and values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options_digest: Option<String>,

    /// How often this input has failed in a row; 0 after a success.
    #[serde(default)]
    pub failures: i64,

    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// One revision of the release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its number.
    #[serde(default)]
    pub revision: i64,

    /// Helm's status of it.
    #[serde(default)]
    pub status: String,

    /// How it came to be: `install`, `upgrade`, `rollback`, or `helm` when a person's helm made it.
    #[serde(default)]
    pub action: String,

    /// Name of the chart.
    #[serde(default)]
    pub chart_name: String,

    /// Version of the chart.
    #[serde(default)]
    pub chart_version: String,

    /// The chart's app version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,

    /// Digest of the chart's files; only of revisions that release-operator made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart_digest: Option<String>,

    /// Digest of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_digest: Option<String>,

    /// Digest of the rendered manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_digest: Option<String>,

    /// Where the chart is from, as in `status.sourceRevision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_revision: Option<String>,

    /// When the first revision of the release was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_deployed: Option<Time>,

    /// When this revision was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_deployed: Option<Time>,

    /// Results of the chart's tests, as far as they were run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<TestResult>,
}

/// Result of one test of a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// Name of the test hook's object.
    #[serde(default)]
    pub name: String,

    /// `Succeeded`, `Failed` or `Running`.
    #[serde(default)]
    pub phase: String,
}
