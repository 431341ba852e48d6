//! The newest revisions of a release, as the status shows them.

use crds::{Snapshot, TestResult};
use helm_release::{HookEvent, HookPhase};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Done, Report};
use crate::records::{RecordLabels, Records};
use crate::released::Released;

/// Revisions that the status shows.
const SHOWN: usize = 5;

/// The snapshots, newest first: the newest revision in full, of the others what was known of them before, with their present status.
pub(super) fn snapshots(before: &[Snapshot], records: &Records, uid: &str, report: &Report) -> Vec<Snapshot> {
    let of = |labels: &RecordLabels| {
        let known = before.iter().find(|snapshot| snapshot.revision == i64::from(labels.revision));
        let mut snapshot = match &report.released {
            Some(released) if released.revision == labels.revision => {
                full(released, labels, uid, report, known)
            }
            _ => known.cloned().unwrap_or_else(|| brief(labels, uid)),
        };
        snapshot.status = labels.status.to_string();
        snapshot
    };
    records.labels().iter().rev().take(SHOWN).map(of).collect()
}

/// What the labels alone tell.
fn brief(labels: &RecordLabels, uid: &str) -> Snapshot {
    let action = if labels.was_made_for(uid) { "upgrade" } else { "helm" };
    Snapshot { revision: i64::from(labels.revision), action: action.to_owned(), ..Snapshot::default() }
}

fn full(
    released: &Released,
    labels: &RecordLabels,
    uid: &str,
    report: &Report,
    known: Option<&Snapshot>,
) -> Snapshot {
    let is_same =
        |known: &&Snapshot| known.manifest_digest.as_deref() == Some(released.manifest_digest.as_str());
    let known = known.filter(is_same);
    let inputs = report.deployed_from.as_ref().or(report.attempt.as_ref().map(|attempt| &attempt.inputs));
    // The full digest of the revision's own inputs, as the labels hold its beginning.
    let inputs = inputs.filter(|inputs| labels.inputs.as_ref() == Some(&inputs.labels()));
    let stated = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let action = match report.done {
        Some(Done::Installed) => "install".to_owned(),
        Some(Done::Upgraded) => "upgrade".to_owned(),
        Some(Done::RolledBack) => "rollback".to_owned(),
        _ => known.map_or_else(|| action(released, labels, uid), |known| known.action.clone()),
    };
    let time = |time: Option<jiff::Timestamp>| {
        time.and_then(|time| jiff::Timestamp::from_second(time.as_second()).ok()).map(Time)
    };
    Snapshot {
        revision: i64::from(released.revision),
        status: String::new(),
        action,
        chart_name: released.chart_name.clone(),
        chart_version: released.chart_version.clone(),
        app_version: stated(&released.app_version),
        chart_digest: inputs
            .and_then(|inputs| stated(&inputs.chart_digest))
            .or_else(|| known.and_then(|known| known.chart_digest.clone())),
        values_digest: stated(&released.values_digest),
        manifest_digest: stated(&released.manifest_digest),
        source_revision: known
            .and_then(|known| known.source_revision.clone())
            .or_else(|| inputs.and_then(|inputs| stated(&inputs.source_revision))),
        first_deployed: time(released.first_deployed),
        last_deployed: time(released.last_deployed),
        tests: tests(released),
    }
}

fn action(released: &Released, labels: &RecordLabels, uid: &str) -> String {
    let is_install = ["Install", "Initial install", "Release \""];
    match (labels.was_made_for(uid), released.rolls_back_to) {
        (false, _) => "helm",
        (true, 0) if is_install.iter().any(|begin| released.description.starts_with(begin)) => "install",
        (true, 0) => "upgrade",
        (true, _) => "rollback",
    }
    .to_owned()
}

fn tests(released: &Released) -> Vec<TestResult> {
    let tests = released.hooks.iter().filter(|hook| hook.runs_at(&HookEvent::Test));
    let ran = tests.filter(|hook| hook.last_run.phase != HookPhase::Unset);
    ran.map(|hook| TestResult { name: hook.name.clone(), phase: hook.last_run.phase.to_string() }).collect()
}

#[cfg(test)]
mod tests_of_history {
    use super::*;

    #[test]
    fn the_newest_revisions_are_shown_with_their_present_status() {
        let label = |text: &str| {
            let (revision, status) = text.split_once(':').unwrap();
            let labels = [("owner", "helm"), ("version", revision), ("status", status)];
            RecordLabels::of(&labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), 1)
                .unwrap()
        };
        let words = "1:superseded 2:superseded 3:superseded 4:failed 5:superseded 6:deployed";
        let records: Records = words.split(' ').map(label).collect();
        let known = Snapshot {
            revision: 5,
            status: "deployed".into(),
            chart_name: "web".into(),
            ..Snapshot::default()
        };
        let shown = snapshots(&[known], &records, "uid", &Report::default());
        let shown: Vec<_> = shown
            .iter()
            .map(|snapshot| {
                format!(
                    "{} {} {} {}",
                    snapshot.revision, snapshot.status, snapshot.action, snapshot.chart_name
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "6 deployed helm ",
                "5 superseded  web",
                "4 failed helm ",
                "3 superseded helm ",
                "2 superseded helm "
            ]
        );
    }
}
