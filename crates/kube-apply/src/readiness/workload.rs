//! Kinds that keep a number of pods running.

use serde_json::Value;

use super::Readiness;
use super::status::{conditions, count, integer, string};

/// What the Deployment controller takes for no deadline.
const NO_DEADLINE: i64 = i32::MAX as i64;

/// A rollout: as many new pods as are asked for, none of the old ones left, all available, and the controller's word for both. One that
/// is paused rolls nothing out, and nobody waits for it.
pub(super) fn deployment(live: &Value) -> Readiness {
    if live.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Readiness::Ready;
    }
    let deadline = integer(live, "/spec/progressDeadlineSeconds").unwrap_or(NO_DEADLINE);
    // Without a deadline the controller sets no condition.
    let (mut is_complete, mut is_available) = (deadline == NO_DEADLINE, false);
    for condition in conditions(live) {
        match condition.kind {
            "Progressing" if condition.reason == "ProgressDeadlineExceeded" => {
                return Readiness::Failed(condition.told("the progress deadline was exceeded"));
            }
            "Progressing" => {
                is_complete |= condition.is_true() && condition.reason == "NewReplicaSetAvailable";
            }
            "Available" => is_available |= condition.is_true(),
            _ => {}
        }
    }
    let wanted = wanted(live);
    let updated = count(live, "updatedReplicas");
    first([
        fewer("exist", count(live, "replicas"), wanted),
        fewer("are updated", updated, wanted),
        left_over(live, wanted),
        fewer("are available", count(live, "availableReplicas"), updated),
        fewer("are ready", count(live, "readyReplicas"), wanted),
        unless(is_complete, "its new ReplicaSet is not yet available"),
        unless(is_available, "it is not yet available"),
    ])
}

pub(super) fn replica_set(live: &Value) -> Readiness {
    if let Some(failure) =
        conditions(live).find(|condition| condition.kind == "ReplicaFailure" && condition.is_true())
    {
        return Readiness::Progressing(failure.told("its pods cannot be created"));
    }
    let wanted = wanted(live);
    first([
        fewer("have its labels", count(live, "fullyLabeledReplicas"), wanted),
        fewer("are available", count(live, "availableReplicas"), wanted),
        fewer("are ready", count(live, "readyReplicas"), wanted),
        left_over(live, wanted),
    ])
}

/// The controller sets no conditions. With the strategy `OnDelete` a person rolls out, and nobody waits.
pub(super) fn stateful_set(live: &Value) -> Readiness {
    if string(live, "/spec/updateStrategy/type") == Some("OnDelete") {
        return Readiness::Ready;
    }
    let wanted = wanted(live);
    let all = first([
        fewer("exist", count(live, "replicas"), wanted),
        fewer("are ready", count(live, "readyReplicas"), wanted),
        left_over(live, wanted),
    ]);
    if all != Readiness::Ready {
        return all;
    }
    match integer(live, "/spec/updateStrategy/rollingUpdate/partition").filter(|partition| *partition != -1) {
        Some(partition) => {
            first([fewer("are updated", count(live, "updatedReplicas"), wanted.saturating_sub(partition))])
        }
        None => first([
            fewer("have the current revision", count(live, "currentReplicas"), wanted),
            unless(
                string(live, "/status/currentRevision").unwrap_or_default()
                    == string(live, "/status/updateRevision").unwrap_or_default(),
                "its new revision is being rolled out",
            ),
        ]),
    }
}

pub(super) fn daemon_set(live: &Value) -> Readiness {
    let is_seen = integer(live, "/metadata/generation").is_some()
        && integer(live, "/status/observedGeneration").is_some();
    let Some(wanted) =
        integer(live, "/status/desiredNumberScheduled").filter(|wanted| is_seen && *wanted != -1)
    else {
        return Readiness::Progressing("its controller has not yet seen it".to_owned());
    };
    first([
        fewer("are scheduled", count(live, "currentNumberScheduled"), wanted),
        fewer("are updated", count(live, "updatedNumberScheduled"), wanted),
        fewer("are available", count(live, "numberAvailable"), wanted),
        fewer("are ready", count(live, "numberReady"), wanted),
    ])
}

/// The replicas that are asked for; 1 when nothing is said.
fn wanted(live: &Value) -> i64 {
    integer(live, "/spec/replicas").unwrap_or(1)
}

fn fewer(what: &str, are: i64, wanted: i64) -> Option<String> {
    (wanted > are).then(|| format!("{are} of {wanted} pods {what}"))
}

fn left_over(live: &Value, wanted: i64) -> Option<String> {
    let old = count(live, "replicas").saturating_sub(wanted);
    (old > 0).then(|| format!("{old} old pods are still to be stopped"))
}

fn unless(holds: bool, otherwise: &str) -> Option<String> {
    (!holds).then(|| otherwise.to_owned())
}

/// What is missing first.
fn first<const N: usize>(missing: [Option<String>; N]) -> Readiness {
    missing.into_iter().flatten().next().map_or(Readiness::Ready, Readiness::Progressing)
}
