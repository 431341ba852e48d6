//! How a release is installed, upgraded, tested, taken back and deleted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object that must be ready before this release is installed or upgraded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "has(self.kind) == has(self.apiVersion)",
    "message": "give both apiVersion and kind, or neither for a FluxHelmRelease"
}]))]
pub struct Dependency {
    /// Its API version; that of FluxHelmRelease without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 253))]
    pub api_version: Option<String>,

    /// Its kind; FluxHelmRelease without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 63))]
    pub kind: Option<String>,

    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Its namespace; this object's without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// What happens when an install or an upgrade fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstallOptions {
    /// How often a failed install is tried again with the same inputs, with a growing delay between the tries; -1 for ever. 5
    /// without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32", range(min = -1, max = 1000))]
    pub retries: Option<i32>,

    /// What is done with what a failed install left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "InstallRemediation")]
    pub remediation: Option<InstallRemediation>,
}

/// What happens when an upgrade fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeOptions {
    /// How often a failed upgrade is tried again with the same inputs, with a growing delay between the tries; -1 for ever. 5
    /// without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32", range(min = -1, max = 1000))]
    pub retries: Option<i32>,

    /// What is done with what a failed upgrade left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UpgradeRemediation")]
    pub remediation: Option<UpgradeRemediation>,
}

/// What is done with what a failed install left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InstallRemediation {
    /// It is left for the next try, and for a person to look at.
    None,
    /// It is uninstalled.
    Uninstall,
}

/// What is done with what a failed upgrade left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpgradeRemediation {
    /// It is left for the next try, and for a person to look at.
    None,
    /// The last revision that was deployed is brought back.
    Rollback,
    /// The release is uninstalled and its history with it, for a new install.
    Uninstall,
}

/// How a release is rolled back, by `upgrade.remediation` or by a person's call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackOptions {
    /// The same as `upgrade.remediation: rollback`, in the words of the Flux Helm Operator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enable: bool,

    /// Whether the rollback hooks are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disable_hooks: bool,

    /// The longest that the rollback may take, as a Go duration; `spec.timeout` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::duration")]
    pub timeout: Option<String>,

    /// Whether the rollback ends only when its objects are ready; as `spec.wait` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub wait: Option<bool>,
}

/// Whether and how the chart's tests are run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestOptions {
    /// Whether they are run after each install and upgrade.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enable: bool,

    /// Whether a failed test leaves the release ready.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_failures: bool,

    /// The longest that all tests together may take, as a Go duration; `spec.timeout` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::duration")]
    pub timeout: Option<String>,

    /// The tests to run, or those to leave out; all without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub filters: Vec<TestFilter>,
}

/// Names a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestFilter {
    /// Name of the test hook's object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Whether this test is left out, instead of the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude: bool,
}

/// What becomes of the CustomResourceDefinitions below the chart's `crds/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CrdPolicy {
    /// They are left alone.
    Skip,
    /// Those that are absent are created.
    Create,
    /// Those that are absent are created, and those that are there are brought to what the chart says. None is ever deleted.
    CreateReplace,
}

/// What becomes of the release when its FluxHelmRelease is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeletionPolicy {
    /// It is uninstalled, with its history.
    Purge,
    /// It stays as it is, for helm or another FluxHelmRelease to take over.
    Orphan,
}
