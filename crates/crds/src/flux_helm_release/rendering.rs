//! What is done to a chart's objects after rendering, and what counts as drift of them afterwards.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How live objects that differ from the release are treated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftDetection {
    /// `warn` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DriftMode")]
    pub mode: Option<DriftMode>,

    /// Fields that may differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub ignore: Vec<IgnoreRule>,
}

/// What is done about drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriftMode {
    /// It is not looked for.
    Off,
    /// It is shown, by the condition `DriftDetected` and an Event.
    Warn,
    /// It is shown and undone; so is what a person's helm did to the release.
    Correct,
}

/// Fields that may differ in some or all objects of the release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreRule {
    /// JSON pointers (RFC 6901) of the fields: `/spec/replicas`. What is below a field is ignored with it; the empty pointer
    /// ignores the whole object.
    #[schemars(length(min = 1, max = 100), inner(length(max = 1024)))]
    pub paths: Vec<String>,

    /// The objects; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Selector")]
    pub target: Option<Selector>,
}

/// Chooses objects. Whatever is given must fit. `group`, `version`, `kind`, `name` and `namespace` are regular expressions that must
/// match in full; the two others are label selectors as `kubectl -l` takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// API group; `^$` is the core group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 253))]
    pub group: Option<String>,

    /// API version without its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 253))]
    pub version: Option<String>,

    /// Kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 253))]
    pub kind: Option<String>,

    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 253))]
    pub name: Option<String>,

    /// Namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 253))]
    pub namespace: Option<String>,

    /// Labels: `app=web,tier!=cache`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 1024))]
    pub label_selector: Option<String>,

    /// Annotations, in the same notation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 1024))]
    pub annotation_selector: Option<String>,
}

/// Labels and annotations that every object of the release gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Changes the rendered objects before they are applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostRenderer {
    /// In kustomize's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Kustomize")]
    pub kustomize: Option<Kustomize>,
}

/// Patches and images, as in a `kustomization.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kustomize {
    /// Patches, applied in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub patches: Vec<Patch>,

    /// Images to be replaced wherever a pod template names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub images: Vec<Image>,
}

/// A patch: a strategic merge patch (a partial object) or a JSON patch (RFC 6902, a list of operations), in YAML or JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// The patch.
    #[schemars(length(min = 1, max = 65536))]
    pub patch: String,

    /// The objects. A strategic merge patch without it names its object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Selector")]
    pub target: Option<Selector>,
}

/// Replaces an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The image as the chart names it, without tag and digest.
    #[schemars(length(min = 1, max = 512))]
    pub name: String,

    /// Its new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 512))]
    pub new_name: Option<String>,

    /// Its new tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 128))]
    pub new_tag: Option<String>,

    /// Its new digest (`sha256:…`), in place of a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 256))]
    pub digest: Option<String>,
}
