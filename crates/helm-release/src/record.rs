//! The record: what one revision of a release consists of.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::hook::{Hook, is_zero, null_as_default};
use crate::name::ReleaseName;
use crate::open_enum::open_enum;
use crate::status::Status;
use crate::time::{self, RecordTime};

open_enum! {
    /// How a revision's objects were applied.
    #[derive(Default)]
    ApplyMethod {
        /// Not stated; Helm reads it as client-side.
        #[default]
        Unset = "",
        /// Three-way merge by the client (Helm 3).
        ClientSide = "csa",
        /// Server-side apply.
        ServerSide = "ssa",
    }
}

impl ApplyMethod {
    fn is_unset(&self) -> bool {
        *self == Self::Unset
    }
}

/// One revision of a release, as Helm records it (`helm.sh/helm/v4/pkg/release/v1`).
///
/// `Debug` prints which revision it is and nothing of its values or manifest, which may hold secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The release's name. A record that Helm wrote is taken as it is, so this need not satisfy [`ReleaseName`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Status and times.
    #[serde(default)]
    pub info: Info,
    /// The chart that was released, its dependencies' files not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<ReleaseChart>,
    /// The user's values, which override the chart's.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// The rendered objects except hooks, as YAML documents, each below a `# Source:` line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// The rendered hooks.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    /// The revision, counted from 1.
    #[serde(default, rename = "version", skip_serializing_if = "is_zero")]
    pub revision: u32,
    /// The namespace that the release was installed into.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// How its objects were applied.
    #[serde(default, skip_serializing_if = "ApplyMethod::is_unset")]
    pub apply_method: ApplyMethod,
    /// The user's labels. They are the Secret's labels and no part of the JSON.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
    /// Fields that this crate does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Release {
    /// A revision with no content and status `unknown`.
    pub fn new(name: ReleaseName, namespace: impl Into<String>, revision: u32) -> Self {
        Self {
            name: name.as_str().to_owned(),
            info: Info::default(),
            chart: None,
            config: Map::new(),
            manifest: String::new(),
            hooks: Vec::new(),
            revision,
            namespace: namespace.into(),
            apply_method: ApplyMethod::ServerSide,
            labels: BTreeMap::new(),
            extra: Map::new(),
        }
    }

    /// Sets status and description together, as each step of an operation does.
    pub fn set_status(&mut self, status: Status, description: impl Into<String>) {
        self.info.status = status;
        self.info.description = description.into();
    }

    /// `name-version` of the chart, the way `helm list` and `helm history` show it; empty without a chart.
    pub fn chart_label(&self) -> String {
        match &self.chart {
            Some(chart) => format!("{}-{}", chart.metadata.name, chart.metadata.version),
            None => String::new(),
        }
    }
}

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Release")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("revision", &self.revision)
            .field("status", &self.info.status)
            .field("chart", &self.chart_label())
            .finish_non_exhaustive()
    }
}

/// Status and times of one revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// When the first revision of the release was deployed.
    #[serde(default, with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub first_deployed: Option<RecordTime>,
    /// When this revision was deployed.
    #[serde(default, with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub last_deployed: Option<RecordTime>,
    /// When the release was uninstalled.
    #[serde(default, with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub deleted: Option<RecordTime>,
    /// What happened last, in a few words: `Install complete`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The status.
    #[serde(default = "unset_status", skip_serializing_if = "is_unset")]
    pub status: Status,
    /// The revision that this one rolled back to; 0 if it is no rollback.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rollback_revision: u32,
    /// The rendered NOTES.txt.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// Fields that this crate does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

fn unset_status() -> Status {
    Status::from("")
}

fn is_unset(status: &Status) -> bool {
    status.as_str().is_empty()
}

impl Default for Info {
    fn default() -> Self {
        Self {
            first_deployed: None,
            last_deployed: None,
            deleted: None,
            description: String::new(),
            status: Status::Unknown,
            rollback_revision: 0,
            notes: String::new(),
            extra: Map::new(),
        }
    }
}

/// The chart inside a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseChart {
    /// Chart.yaml.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: ChartMetadata,
    /// Chart.lock.
    #[serde(default)]
    pub lock: Value,
    /// The files in `templates/`.
    #[serde(default, deserialize_with = "null_as_default", serialize_with = "empty_as_null")]
    pub templates: Vec<ChartFile>,
    /// The chart's own values, with those of its dependencies merged in.
    #[serde(default)]
    pub values: Option<Map<String, Value>>,
    /// values.schema.json.
    #[serde(default, with = "optional_base64")]
    pub schema: Option<Vec<u8>>,
    /// All other files.
    #[serde(default, deserialize_with = "null_as_default", serialize_with = "empty_as_null")]
    pub files: Vec<ChartFile>,
    /// Fields that this crate does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What the record says of Chart.yaml; the fields that nothing here asks for are in `extra`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChartMetadata {
    /// The chart's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The chart's version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The version of what the chart installs.
    #[serde(default, rename = "appVersion", skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    /// All other fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A file of the chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChartFile {
    /// Its path inside the chart.
    pub name: String,
    /// Its content.
    #[serde(with = "required_base64")]
    pub data: Vec<u8>,
    /// Fields that this crate does not know, the modification time among them.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Go writes a slice that nothing was appended to as `null`.
fn empty_as_null<S: Serializer>(files: &[ChartFile], serializer: S) -> Result<S::Ok, S::Error> {
    if files.is_empty() { serializer.serialize_none() } else { files.serialize(serializer) }
}

fn decode_base64<E: de::Error>(text: &str) -> Result<Vec<u8>, E> {
    STANDARD.decode(text).map_err(E::custom)
}

mod optional_base64 {
    use super::{Deserialize, Deserializer, STANDARD, Serializer, decode_base64};
    use base64::Engine as _;

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| decode_base64(&text)).transpose()
    }
}

mod required_base64 {
    use super::{Deserialize, Deserializer, STANDARD, Serializer, decode_base64};
    use base64::Engine as _;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            Some(text) => decode_base64(&text),
            None => Ok(Vec::new()),
        }
    }
}
