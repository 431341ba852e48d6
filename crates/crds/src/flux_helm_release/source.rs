//! Where a release's chart and values come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A chart of a chart repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryChart {
    /// The repository: `https://…` or `http://…` (a chart repository with an `index.yaml`), or `oci://host/path` (a registry;
    /// the chart's name is appended).
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^(https?|oci)://.+$"))]
    pub repository: String,

    /// The chart's name in the repository.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The version, or a range of versions in Helm's syntax (`^1.2`, `>= 1.0 < 2.0`, `1.x`), of which the newest is taken. Without
    /// it the newest stable version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 256))]
    pub version: Option<String>,

    /// Secret of this namespace with the credentials: the keys `username` and `password`, or `.dockerconfigjson` for a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LocalReference")]
    pub secret_ref: Option<LocalReference>,

    /// How often the repository is asked for newer versions, as a Go duration (`5m`). Without it the operator's own interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::duration")]
    pub interval: Option<String>,
}

/// An object of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Where values come from: exactly one of a ConfigMap, a Secret and a file of the chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(has(self.configMapKeyRef) ? 1 : 0) + (has(self.secretKeyRef) ? 1 : 0) + (has(self.chartFileRef) ? 1 : 0) == 1",
    "message": "give exactly one of configMapKeyRef, secretKeyRef and chartFileRef"
}]))]
pub struct ValuesSource {
    /// A key of a ConfigMap of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KeyReference")]
    pub config_map_key_ref: Option<KeyReference>,

    /// A key of a Secret of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KeyReference")]
    pub secret_key_ref: Option<KeyReference>,

    /// A file of the chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ChartFileReference")]
    pub chart_file_ref: Option<ChartFileReference>,

    /// Where in the values the text goes, as it is, as with `helm --set-literal`: `ingress.hosts[0].password`. Without it the text is a
    /// YAML document of values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 512))]
    pub target_path: Option<String>,
}

/// A key of a ConfigMap or Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyReference {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The key; `values.yaml` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 253))]
    pub key: Option<String>,

    /// Whether an absent object or key is no fault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// A file of the chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartFileReference {
    /// Its path, relative to the chart's directory.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[^/]"))]
    pub path: String,

    /// Whether an absent file is no fault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}
