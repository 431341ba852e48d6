//! The newest revision of a release as far as looks need it: all of its record but the chart's files, the values and the notes.

use std::sync::Arc;

use helm_release::{Hook, Release, Status};

use crate::names::PURGE_LABEL;
use crate::record;
use crate::records::InputLabels;
use crate::store::Stored;

/// What is known of a revision without its record.
#[derive(Clone, PartialEq)]
pub struct Released {
    /// Version of the record's Secret.
    pub version: Option<String>,
    /// The release's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The revision.
    pub revision: u32,
    /// Helm's status.
    pub status: Status,
    /// Helm's words.
    pub description: String,
    /// `name-version` of the chart.
    pub chart_label: String,
    /// The chart's name.
    pub chart_name: String,
    /// The chart's version.
    pub chart_version: String,
    /// The chart's app version.
    pub app_version: String,
    /// The rendered objects.
    pub manifest: Arc<str>,
    /// The hooks, tests among them.
    pub hooks: Vec<Hook>,
    /// Digest of the manifest.
    pub manifest_digest: String,
    /// Digest of the values.
    pub values_digest: String,
    /// What it was made of, if this service wrote it.
    pub inputs: Option<InputLabels>,
    /// Whether this service wrote it, for whatever object.
    pub is_written_here: bool,
    /// The revision that it rolls back to, or 0.
    pub rolls_back_to: u32,
    /// Whether it does so because another one failed.
    pub is_remediation: bool,
    /// Whether this service is taking the release away.
    pub is_purged_here: bool,
    /// When the first revision was deployed.
    pub first_deployed: Option<jiff::Timestamp>,
    /// When this one was.
    pub last_deployed: Option<jiff::Timestamp>,
}

impl From<&Stored> for Released {
    fn from(stored: &Stored) -> Self {
        let version = stored.version().map(str::to_owned);
        Self { version, ..Self::of(&stored.release) }
    }
}

impl Released {
    fn of(release: &Release) -> Self {
        let metadata = release.chart.as_ref().map(|chart| chart.metadata.clone()).unwrap_or_default();
        let time = |time: &Option<helm_release::RecordTime>| time.as_ref().map(|time| time.timestamp());
        Self {
            version: None,
            name: release.name.clone(),
            namespace: release.namespace.clone(),
            revision: release.revision,
            status: release.info.status.clone(),
            description: release.info.description.clone(),
            chart_label: release.chart_label(),
            chart_name: metadata.name,
            chart_version: metadata.version,
            app_version: metadata.app_version,
            manifest: Arc::from(release.manifest.as_str()),
            hooks: release.hooks.clone(),
            manifest_digest: record::manifest_digest(release),
            values_digest: record::values_digest(&release.config),
            inputs: record::made_of(release),
            is_written_here: record::is_written_here(release),
            rolls_back_to: record::rolls_back_to(release),
            is_remediation: record::is_remediation(release),
            is_purged_here: release.labels.contains_key(PURGE_LABEL),
            first_deployed: time(&release.info.first_deployed),
            last_deployed: time(&release.info.last_deployed),
        }
    }
}
