//! Whether a live object has become what its spec asks for.
//!
//! The rules are those of kstatus, by which Helm 4 waits, and of Helm's own reader of Jobs: an object that is being deleted or whose
//! controller has not seen the present generation is not ready; the conditions `Reconciling` and `Stalled` are believed of any kind;
//! then comes the rule of the kind, or else its condition `Ready`. What says nothing of itself is ready as soon as it exists.
//!
//! On purpose other than in kstatus: a Pod that failed has failed and is not ready; a Pod that has ended has ended, although it is being
//! deleted; a paused Deployment holds up nobody, as in Helm's wait; and a status that does not have the usual form says nothing, rather
//! than making the object unknown for ever.

mod run;
mod status;
mod workload;

use jiff::Timestamp;
use serde_json::Value;

use self::status::{Condition, conditions, integer, string};
use crate::ObjectRef;

/// How far a live object has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is what its spec asks for.
    Ready,
    /// It is on its way; the text says what is missing.
    Progressing(String),
    /// It will not get there by itself; the text says why.
    Failed(String),
}

/// Whether objects of the kind have nothing to wait for, so that it is not worth reading them: they have no status, or one that no rule
/// looks at. Of a kind that is not known, the status can tell.
pub fn is_always_ready(object: &ObjectRef) -> bool {
    let kind = object.kind.as_str();
    match object.group() {
        "" => matches!(
            kind,
            "ConfigMap"
                | "Endpoints"
                | "Event"
                | "LimitRange"
                | "PersistentVolume"
                | "PodTemplate"
                | "ResourceQuota"
                | "Secret"
                | "ServiceAccount"
        ),
        "apps" => kind == "ControllerRevision",
        "autoscaling" => kind == "HorizontalPodAutoscaler",
        "batch" => kind == "CronJob",
        "networking.k8s.io" => matches!(kind, "Ingress" | "IngressClass" | "NetworkPolicy"),
        "admissionregistration.k8s.io" => {
            matches!(kind, "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration")
        }
        "storage.k8s.io" => matches!(kind, "CSIDriver" | "CSINode" | "StorageClass"),
        "scheduling.k8s.io" => kind == "PriorityClass",
        "coordination.k8s.io" | "discovery.k8s.io" | "node.k8s.io" | "rbac.authorization.k8s.io" => true,
        _ => false,
    }
}

/// Whether [`readiness`] can say something of the kind, so that it is worth reading the object.
pub fn has_readiness(object: &ObjectRef) -> bool {
    !is_always_ready(object)
}

/// Judges one live object, now.
pub fn readiness(live: &Value) -> Readiness {
    readiness_at(live, Timestamp::now())
}

/// Judges one live object as it is at a time: a Pod that cannot be scheduled gets a moment before it has failed.
pub fn readiness_at(live: &Value, now: Timestamp) -> Readiness {
    let api_version = string(live, "/apiVersion").unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = string(live, "/kind").unwrap_or_default();
    // How something ended stays true while it is being deleted, as by its `ttlSecondsAfterFinished`.
    let ended = match (group, kind) {
        ("batch", "Job") => Some(run::job(live)),
        ("", "Pod") => run::ended(live),
        _ => None,
    };
    if let Some(judged) = ended.or_else(|| of_any_kind(live)) {
        return judged;
    }
    match (group, kind) {
        ("apps" | "extensions", "Deployment") => workload::deployment(live),
        ("apps", "StatefulSet") => workload::stateful_set(live),
        ("apps" | "extensions", "DaemonSet") => workload::daemon_set(live),
        ("apps" | "extensions", "ReplicaSet") => workload::replica_set(live),
        ("", "Pod") => run::pod(live, now),
        ("", "PersistentVolumeClaim") => volume_claim(live),
        ("", "Service") => service(live),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(live),
        ("", "ConfigMap" | "Secret") | ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => {
            Readiness::Ready
        }
        _ => by_condition(live),
    }
}

/// What is believed of an object whatever its kind.
fn of_any_kind(live: &Value) -> Option<Readiness> {
    if string(live, "/metadata/deletionTimestamp").is_some_and(|time| !time.is_empty()) {
        return Some(Readiness::Progressing("it is being deleted".to_owned()));
    }
    if let (Some(generation), Some(observed)) =
        (integer(live, "/metadata/generation"), integer(live, "/status/observedGeneration"))
        && generation != observed
    {
        return Some(Readiness::Progressing("its controller has not yet seen the change".to_owned()));
    }
    conditions(live).filter(Condition::is_true).find_map(|condition| match condition.kind {
        "Reconciling" => Some(Readiness::Progressing(condition.told("it is being reconciled"))),
        "Stalled" => Some(Readiness::Failed(condition.told("its controller has given up"))),
        _ => None,
    })
}

/// By the condition that most kinds of resource definitions have.
fn by_condition(live: &Value) -> Readiness {
    conditions(live)
        .filter(|condition| condition.kind == "Ready")
        .find_map(|condition| match condition.status {
            "True" => Some(Readiness::Ready),
            "False" | "Unknown" => Some(Readiness::Progressing(condition.told("it is not Ready"))),
            _ => None,
        })
        .unwrap_or(Readiness::Ready)
}

fn volume_claim(live: &Value) -> Readiness {
    match string(live, "/status/phase") {
        Some("Bound") => Readiness::Ready,
        phase => Readiness::Progressing(format!("phase {} instead of Bound", phase.unwrap_or("none"))),
    }
}

fn service(live: &Value) -> Readiness {
    let has_address = string(live, "/spec/clusterIP").is_some_and(|address| !address.is_empty());
    match string(live, "/spec/type") {
        Some("LoadBalancer") if !has_address => Readiness::Progressing("it has no cluster IP".to_owned()),
        _ => Readiness::Ready,
    }
}

fn definition(live: &Value) -> Readiness {
    for condition in conditions(live) {
        match (condition.kind, condition.status) {
            ("NamesAccepted", "False") => {
                return Readiness::Failed(condition.told("its names are not accepted"));
            }
            ("Established", "False") if condition.reason != "Installing" => {
                return Readiness::Failed(condition.told("it is not established"));
            }
            ("Established", "True") => return Readiness::Ready,
            _ => {}
        }
    }
    Readiness::Progressing("it is not yet established".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_without_a_status_are_not_read() {
        let rows = [
            ("v1", "ConfigMap", true),
            ("v1", "Service", false),
            ("v1", "PersistentVolumeClaim", false),
            ("apps/v1", "Deployment", false),
            ("batch/v1", "CronJob", true),
            ("batch/v1", "Job", false),
            ("rbac.authorization.k8s.io/v1", "Role", true),
            ("example.org/v1", "ConfigMap", false),
            ("cert-manager.io/v1", "Certificate", false),
        ];
        for (api_version, kind, expected) in rows {
            let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
            let object = ObjectRef { api_version, kind, namespace: None, name: "a".to_owned() };
            assert_eq!(is_always_ready(&object), expected, "{object}");
            assert_eq!(has_readiness(&object), !expected, "{object}");
        }
    }
}
