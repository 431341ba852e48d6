//! Charts and values as Helm's record holds them, and whether a record holds those that are asked for. Pure.

use std::collections::BTreeMap;

use helm_chart::Chart;
use helm_engine::Rendered;
use helm_release::{ApplyMethod, ChartFile, Release, ReleaseChart, ReleaseName, Status, rendered};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::names::{
    CHART_DIGEST_LABEL, CLAIM_LABEL, GENERATION_LABEL, HOLDER_LABEL, OPTIONS_DIGEST_LABEL, ROLLBACK_LABEL,
    VALUES_DIGEST_LABEL,
};
use crate::records::InputLabels;

/// What a release is made of, by digests: what decides whether it is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// Where the chart is from: a git revision, or `<version>@<digest>` of a chart repository.
    pub source_revision: String,
    /// Digest of the chart's files.
    pub chart_digest: String,
    /// Digest of the values.
    pub values_digest: String,
    /// Digest of what else in the object changes the release; empty when nothing does.
    pub options_digest: String,
}

impl Inputs {
    /// Whether a release made of the other ones is the same.
    pub fn same_release(&self, other: &Self) -> bool {
        self.labels() == other.labels()
    }

    /// The digests as the labels of a record hold them.
    pub fn labels(&self) -> InputLabels {
        InputLabels {
            chart: short_digest(&self.chart_digest),
            values: short_digest(&self.values_digest),
            options: short_digest(&self.options_digest),
        }
    }
}

/// What a new revision is made of.
pub struct Revision<'a> {
    /// The release.
    pub name: &'a ReleaseName,
    /// Its namespace.
    pub namespace: &'a str,
    /// UID of the FluxHelmRelease.
    pub uid: &'a str,
    /// The object's generation.
    pub generation: i64,
    /// The number.
    pub revision: u32,
    /// `pending-install` or `pending-upgrade`.
    pub status: Status,
    /// The values asked for.
    pub values: &'a Map<String, Value>,
    /// The inputs' digests.
    pub inputs: &'a Inputs,
    /// The replica that makes it.
    pub holder: &'a str,
    /// When the first revision was deployed, if there is one.
    pub first_deployed: Option<helm_release::RecordTime>,
    /// Now.
    pub now: jiff::Timestamp,
}

/// The record of a revision about to be made, from what was rendered for it.
pub fn pending(revision: &Revision<'_>, rendered: Rendered) -> Release {
    let mut release = Release::new(revision.name.clone(), revision.namespace, revision.revision);
    let description = match revision.status {
        Status::PendingInstall => "Initial install underway",
        _ => "Preparing upgrade",
    };
    release.set_status(revision.status.clone(), description);
    release.info.first_deployed = revision.first_deployed.clone().or_else(|| Some(revision.now.into()));
    release.info.last_deployed = Some(revision.now.into());
    release.manifest = rendered.manifest();
    release.info.notes = rendered.notes;
    release.chart = Some(rendered::chart(&rendered.chart));
    release.config = revision.values.clone();
    release.hooks = rendered::hooks(&rendered.hooks);
    release.apply_method = ApplyMethod::ServerSide;
    label(&mut release, revision.uid, &revision.inputs.labels(), revision.holder);
    release.labels.insert(GENERATION_LABEL.to_owned(), revision.generation.to_string());
    release
}

/// Why a revision rolls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackCause {
    /// A failure is taken back.
    Remediation,
    /// A person asked for it.
    Person,
}

impl RollbackCause {
    fn label(self) -> &'static str {
        match self {
            Self::Remediation => "remediation",
            Self::Person => "person",
        }
    }
}

/// The record of a revision about to be made that is as an earlier one: its chart, values, manifest, hooks and notes (Helm's
/// `action.Rollback`).
pub fn rollback(
    target: &Release,
    revision: u32,
    cause: RollbackCause,
    uid: &str,
    holder: &str,
    now: jiff::Timestamp,
) -> Release {
    let mut release = target.clone();
    release.revision = revision;
    let description = format!("Rollback to {}", target.revision);
    release.set_status(Status::PendingRollback, description);
    release.info.rollback_revision = target.revision;
    release.info.last_deployed = Some(now.into());
    release.info.deleted = None;
    release.apply_method = ApplyMethod::ServerSide;
    for hook in &mut release.hooks {
        hook.last_run = helm_release::HookExecution::default();
    }
    let inputs = made_of(target).unwrap_or_default();
    label(&mut release, uid, &inputs, holder);
    release.labels.remove(GENERATION_LABEL);
    release.labels.insert(ROLLBACK_LABEL.to_owned(), cause.label().to_owned());
    release
}

/// Whether the record takes a failure back.
pub fn is_remediation(release: &Release) -> bool {
    release.labels.get(ROLLBACK_LABEL).is_some_and(|cause| cause == RollbackCause::Remediation.label())
}

fn label(release: &mut Release, uid: &str, inputs: &InputLabels, holder: &str) {
    let claim = format!("{uid}.{}", release.revision);
    let labels = [
        (CLAIM_LABEL, &claim),
        (CHART_DIGEST_LABEL, &inputs.chart),
        (VALUES_DIGEST_LABEL, &inputs.values),
        (OPTIONS_DIGEST_LABEL, &inputs.options),
    ];
    for (name, value) in labels {
        match value.is_empty() {
            true => drop(release.labels.remove(name)),
            false => drop(release.labels.insert(name.to_owned(), value.clone())),
        }
    }
    hold(release, holder);
}

/// Names the replica at work on the revision.
pub fn hold(release: &mut Release, holder: &str) {
    match holder.is_empty() {
        true => drop(release.labels.remove(HOLDER_LABEL)),
        false => drop(release.labels.insert(HOLDER_LABEL.to_owned(), holder.to_owned())),
    }
}

/// The digests of what a record was made of, if this service wrote it, or helm on top of such a record and of the same content (a
/// rollback).
pub fn made_of(release: &Release) -> Option<InputLabels> {
    let text = |name: &str| release.labels.get(name).cloned().unwrap_or_default();
    release.labels.contains_key(VALUES_DIGEST_LABEL).then(|| InputLabels {
        chart: text(CHART_DIGEST_LABEL),
        values: text(VALUES_DIGEST_LABEL),
        options: text(OPTIONS_DIGEST_LABEL),
    })
}

/// The revision that a record rolls back to; 0 if it is no rollback. Helm 3 tells it in the description only.
pub fn rolls_back_to(release: &Release) -> u32 {
    let told = || release.info.description.strip_prefix("Rollback to ")?.trim().parse().ok();
    match release.info.rollback_revision {
        0 => told().unwrap_or(0),
        revision => revision,
    }
}

/// Whether this service wrote the record, for whatever object.
pub fn is_written_here(release: &Release) -> bool {
    let claim = release.labels.get(CLAIM_LABEL).and_then(|claim| claim.rsplit_once('.'));
    claim.is_some_and(|(_, revision)| revision == release.revision.to_string())
}

/// Whether this service wrote the record for that object.
pub fn is_claimed_by(release: &Release, uid: &str) -> bool {
    release.labels.get(CLAIM_LABEL).is_some_and(|claim| *claim == format!("{uid}.{}", release.revision))
}

/// UID of the FluxHelmRelease that a record was made for, by the labels of its Secret: by this service, or by helm on top of such a
/// record, whose labels it inherits.
pub fn owner(labels: &BTreeMap<String, String>) -> Option<&str> {
    let (uid, _) = labels.get(CLAIM_LABEL)?.rsplit_once('.')?;
    Some(uid).filter(|uid| !uid.is_empty())
}

/// Whether the record was made of another chart. A record of this service tells by its digest; in others the chart itself
/// is compared, as far as Helm stores it (it leaves out the dependencies' files).
pub fn chart_differs(release: &Release, asked: &Chart, digest: &str) -> bool {
    if is_written_here(release) {
        return release.labels.get(CHART_DIGEST_LABEL) != Some(&short_digest(digest));
    }
    let Some(stored) = &release.chart else { return true };
    let asked = rendered::chart(asked);
    let files = |files: &[ChartFile]| {
        let mut files: Vec<_> = files.iter().map(|file| (file.name.clone(), file.data.clone())).collect();
        files.sort();
        files
    };
    let values = |chart: &ReleaseChart| Value::Object(chart.values.clone().unwrap_or_default());
    // A record's values have the dependencies' imports in them.
    let imports = asked.metadata.extra.contains_key("dependencies");
    stored.metadata.name != asked.metadata.name
        || stored.metadata.version != asked.metadata.version
        || stored.metadata.app_version != asked.metadata.app_version
        || files(&stored.templates) != files(&asked.templates)
        || files(&stored.files) != files(&asked.files)
        || (!imports && !same(&values(stored), &values(&asked)))
}

/// Whether the record was made with other values.
pub fn values_differ(release: &Release, asked: &Map<String, Value>) -> bool {
    !same(&Value::Object(release.config.clone()), &Value::Object(asked.clone()))
}

/// Whether what else the object says changes the release. Of a record of others it is not known, and taken for nothing.
pub fn options_differ(release: &Release, digest: &str) -> bool {
    release.labels.get(OPTIONS_DIGEST_LABEL).map_or("", String::as_str) != short_digest(digest)
}

/// `sha256:<hex>` of a manifest, for a person to compare.
pub fn manifest_digest(release: &Release) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(&release.manifest)))
}

/// `sha256:<hex>` of values. Equal for values that are equal as JSON, where 1 and 1.0 are one number and the order of names does not
/// count.
pub fn values_digest(values: &Map<String, Value>) -> String {
    let mut text = String::new();
    write_canonically(&Value::Object(values.clone()), &mut text);
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

fn write_canonically(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().map(|float| format!("{float:?}"));
            text.push_str(&float.unwrap_or_else(|| number.to_string()));
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonically(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            text.push('{');
            for (name, value) in sorted {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonically(value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn short_digest(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.chars().filter(char::is_ascii_alphanumeric).take(40).collect()
}

/// Equal as JSON, where 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use helm_chart::{Limits, Mode, SourceFile};
    use serde_json::json;

    use super::*;

    fn chart_of(files: &[(&str, &str)]) -> Chart {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: (*path).into(),
            mode: Mode::File,
            bytes: text.as_bytes().into(),
        };
        Chart::load(files.iter().map(file), &Limits::default()).unwrap()
    }

    const CHART: [(&str, &str); 4] = [
        ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\nappVersion: \"1.0\"\nkeywords: [a]\n"),
        ("values.yaml", "port: 80\n"),
        ("templates/a.yaml", "a: 1\n"),
        ("README.md", "text\n"),
    ];

    fn release(chart_files: &[(&str, &str)], labels: &[(&str, &str)]) -> Release {
        let mut release = Release::new(ReleaseName::new("web").unwrap(), "dev", 2);
        release.chart = Some(rendered::chart(&chart_of(chart_files)));
        release.labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        release
    }

    #[test]
    fn a_record_of_ours_tells_by_its_digest_and_others_by_their_chart() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let short = "ab".repeat(20);
        let asked = chart_of(&CHART);
        let mut changed = CHART;
        changed[2].1 = "a: 2\n";
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let rows: [(Pairs<'_>, Pairs<'_>, bool); 6] = [
            (&CHART, &[(CLAIM_LABEL, "uid.2"), (CHART_DIGEST_LABEL, &short)], false),
            (&CHART, &[(CLAIM_LABEL, "uid.2"), (CHART_DIGEST_LABEL, "cd")], true),
            // A rollback by helm carries the labels of the revision that it went back to.
            (&CHART, &[(CLAIM_LABEL, "uid.1"), (CHART_DIGEST_LABEL, "cd")], false),
            (&changed, &[(CLAIM_LABEL, "uid.1"), (CHART_DIGEST_LABEL, &short)], true),
            (&CHART, &[], false),
            (&changed, &[], true),
        ];
        for (files, labels, expected) in rows {
            assert_eq!(chart_differs(&release(files, labels), &asked, &digest), expected, "{labels:?}");
        }
    }

    #[test]
    fn values_are_compared_as_numbers_and_not_as_texts() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let mut release = release(&CHART, &[]);
        release.config = map(json!({"a": [1, {"b": 2.0}], "c": null}));
        assert!(!values_differ(&release, &map(json!({"c": null, "a": [1.0, {"b": 2}]}))));
        assert!(values_differ(&release, &map(json!({"a": [1, {"b": 2.0}]}))));
        assert!(values_differ(&release, &map(json!({"a": [1, {"b": "2"}], "c": null}))));
    }
}
