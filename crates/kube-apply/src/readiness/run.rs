//! Kinds that run to an end, or may.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Readiness;
use super::status::{Condition, conditions, string};

/// How long a Pod may wait for a node before it counts as one for which there is none.
const SCHEDULING: SignedDuration = SignedDuration::from_secs(15);

/// Ready when it has completed, as for `helm --wait-for-jobs`.
pub(super) fn job(live: &Value) -> Readiness {
    let ended = conditions(live).filter(Condition::is_true).find_map(|condition| match condition.kind {
        "Complete" => Some(Readiness::Ready),
        "Failed" => Some(Readiness::Failed(condition.told("the job failed"))),
        _ => None,
    });
    ended.unwrap_or_else(|| Readiness::Progressing("the job has not completed".to_owned()))
}

/// How a Pod ended; `None` while it has not.
pub(super) fn ended(live: &Value) -> Option<Readiness> {
    match string(live, "/status/phase")? {
        "Succeeded" => Some(Readiness::Ready),
        "Failed" => Some(Readiness::Failed(match string(live, "/status/message") {
            Some(why) if !why.is_empty() => format!("the pod failed: {why}"),
            _ => "the pod failed".to_owned(),
        })),
        _ => None,
    }
}

/// A Pod that has not ended: ready when it says so.
pub(super) fn pod(live: &Value, now: Timestamp) -> Readiness {
    match string(live, "/status/phase").unwrap_or_default() {
        "Running" => running(live),
        "Pending" => pending(live, now),
        "" => Readiness::Progressing("it has not yet been seen by a scheduler".to_owned()),
        other => Readiness::Progressing(format!("phase {other}")),
    }
}

fn running(live: &Value) -> Readiness {
    if conditions(live).any(|condition| condition.kind == "Ready" && condition.is_true()) {
        return Readiness::Ready;
    }
    let containers = live.pointer("/status/containerStatuses").and_then(Value::as_array);
    let crashing = containers.into_iter().flatten().filter_map(|container| {
        let reason = string(container, "/state/waiting/reason");
        string(container, "/name").filter(|_| reason == Some("CrashLoopBackOff"))
    });
    let crashing: Vec<_> = crashing.collect();
    match crashing.is_empty() {
        true => Readiness::Progressing("it runs but is not ready".to_owned()),
        false => {
            Readiness::Failed(format!("these containers crash again and again: {}", crashing.join(", ")))
        }
    }
}

fn pending(live: &Value, now: Timestamp) -> Readiness {
    let unscheduled = conditions(live)
        .find(|condition| condition.kind == "PodScheduled" && condition.status == "False")
        .filter(|condition| condition.reason == "Unschedulable");
    let Some(unscheduled) = unscheduled else { return Readiness::Progressing("it is pending".to_owned()) };
    let why = unscheduled.told("no node takes it");
    let created = string(live, "/metadata/creationTimestamp").and_then(|time| time.parse::<Timestamp>().ok());
    match created.is_some_and(|created| now.duration_since(created) < SCHEDULING) {
        true => Readiness::Progressing(why),
        false => Readiness::Failed(why),
    }
}
