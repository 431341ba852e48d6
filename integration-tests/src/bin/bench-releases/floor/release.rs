//! A release's objects and records, made of what helm rendered once.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use crds::FluxHelmReleaseStatus;
use helm_chart::{Chart, Limits, Mode, SourceFile};
use helm_release::secret::{self, DATA_KEY, SECRET_TYPE, Stamp};
use helm_release::{ReleaseChart, ReleaseName, Status, rendered};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::core::{ApiResource, GroupVersionKind, ObjectMeta, TypeMeta};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::cluster::chart_files;

/// Stands for the release's name in what helm rendered.
pub(crate) const PLACEHOLDER: &str = "name-of-the-release";

/// What all releases have in common.
pub(super) struct Templates {
    chart: ReleaseChart,
    /// Of each revision, as helm rendered it.
    manifests: Vec<String>,
    /// Of each revision, the kinds and documents; those as JSON.
    objects: Vec<Vec<(ApiResource, String)>>,
}

impl Templates {
    /// Of the chart in a folder, and of files with what helm rendered of it for each revision.
    pub(super) fn load(chart: &Path, manifests: &[PathBuf]) -> anyhow::Result<Self> {
        let file = |(path, text): (String, String)| SourceFile {
            path,
            mode: Mode::File,
            bytes: text.into_bytes().into(),
        };
        let chart = Chart::load(chart_files(chart)?.into_iter().map(file), &Limits::default())?;
        let manifests = manifests.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
        let objects = manifests.iter().map(|manifest| parse(manifest)).collect::<anyhow::Result<_>>()?;
        Ok(Self { chart: rendered::chart(&chart), manifests, objects })
    }

    /// A revision of a release.
    pub(super) fn release(
        &self,
        name: &str,
        namespace: &str,
        revision: u32,
        values: Map<String, Value>,
    ) -> anyhow::Result<Release> {
        let before = revision.checked_sub(1).context("a revision 0")?;
        let record = |revision: u32| {
            let manifest =
                self.manifests.get(revision as usize - 1).context("a revision that helm did not render")?;
            let mut record = helm_release::Release::new(ReleaseName::new(name)?, namespace, revision);
            let now = jiff::Timestamp::now();
            record.info.first_deployed = Some(now.into());
            record.info.last_deployed = Some(now.into());
            record.chart = Some(self.chart.clone());
            record.config = values.clone();
            record.manifest = manifest.replace(PLACEHOLDER, name);
            anyhow::Ok(record)
        };
        let earlier = if before > 0 { Some(record(before)?) } else { None };
        Ok(Release { name: name.to_owned(), record: record(revision)?, earlier })
    }

    /// The objects of a revision, in helm's order.
    pub(super) fn objects(&self, release: &Release) -> anyhow::Result<Vec<(&ApiResource, Value)>> {
        let objects = &self.objects[release.record.revision as usize - 1];
        let named = objects.iter().map(|(resource, text)| {
            anyhow::Ok((resource, serde_json::from_str(&text.replace(PLACEHOLDER, &release.name))?))
        });
        named.collect()
    }
}

/// The documents of a manifest with what helm adds to those that it applies.
fn parse(manifest: &str) -> anyhow::Result<Vec<(ApiResource, String)>> {
    let mut objects = Vec::new();
    for document in serde_yaml::Deserializer::from_str(manifest) {
        let mut document = Value::deserialize(document)?;
        document["metadata"]["annotations"] = json!({
            "meta.helm.sh/release-name": PLACEHOLDER,
            "meta.helm.sh/release-namespace": crate::cluster::NAMESPACE,
        });
        let types: TypeMeta = serde_json::from_value(document.clone())?;
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
        objects.push((resource, document.to_string()));
    }
    ensure!(!objects.is_empty(), "helm rendered nothing");
    Ok(objects)
}

/// One revision of a release.
pub(super) struct Release {
    pub(super) name: String,
    record: helm_release::Release,
    earlier: Option<helm_release::Release>,
}

impl Release {
    /// The Secret that claims the revision.
    pub(super) fn pending(&self) -> anyhow::Result<Secret> {
        let (status, description) = match self.earlier {
            None => (Status::PendingInstall, "Initial install underway"),
            Some(_) => (Status::PendingUpgrade, "Preparing upgrade"),
        };
        encode(&self.record, status, description, Stamp::Created)
    }

    /// The Secret of a revision that is complete.
    pub(super) fn deployed(&self) -> anyhow::Result<Secret> {
        encode(&self.record, Status::Deployed, self.description(), Stamp::Modified)
    }

    /// The Secret of the revision before.
    pub(super) fn superseded(&self) -> anyhow::Result<Option<Secret>> {
        let superseded = |earlier| encode(earlier, Status::Superseded, "Install complete", Stamp::Modified);
        self.earlier.as_ref().map(superseded).transpose()
    }

    fn description(&self) -> &'static str {
        if self.earlier.is_none() { "Install complete" } else { "Upgrade complete" }
    }

    /// What the FluxHelmRelease says when all is done.
    pub(super) fn status(&self, generation: Option<i64>) -> FluxHelmReleaseStatus {
        let condition = |kind: &str, reason: &str| Condition {
            type_: kind.to_owned(),
            status: "True".to_owned(),
            reason: reason.to_owned(),
            message: format!("{}: revision {}", self.description(), self.record.revision),
            observed_generation: generation,
            last_transition_time: Time(jiff::Timestamp::now()),
        };
        FluxHelmReleaseStatus {
            observed_generation: generation,
            conditions: vec![condition("Ready", "ReleaseReady"), condition("Released", "Released")],
            release_name: Some(self.name.clone()),
            release_status: Some(Status::Deployed.to_string()),
            release_revision: Some(i64::from(self.record.revision)),
            ..FluxHelmReleaseStatus::default()
        }
    }
}

fn encode(
    record: &helm_release::Release,
    status: Status,
    description: &str,
    stamp: fn(i64) -> Stamp,
) -> anyhow::Result<Secret> {
    let mut record = record.clone();
    record.set_status(status, description);
    let encoded = secret::to_secret(&record, stamp(jiff::Timestamp::now().as_second()))?;
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(encoded.name),
            namespace: Some(encoded.namespace),
            labels: Some(encoded.labels),
            ..ObjectMeta::default()
        },
        type_: Some(SECRET_TYPE.to_owned()),
        string_data: Some([(DATA_KEY.to_owned(), encoded.release)].into()),
        ..Secret::default()
    })
}
