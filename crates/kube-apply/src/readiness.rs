//! Whether a live object has become what its spec asks for.
//!
//! The rules are those of Helm's wait and of kstatus: an object counts only once its controller has seen the present
//! generation; kinds without a known rule are ready as soon as they exist.

use serde_json::Value;

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

/// Whether [`readiness`] has a rule for the kind, so that it is worth reading the object.
pub fn has_readiness(object: &ObjectRef) -> bool {
    match object.group() {
        "apps" => matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"),
        "batch" => object.kind == "Job",
        "" => matches!(object.kind.as_str(), "Pod" | "PersistentVolumeClaim"),
        "apiextensions.k8s.io" => object.kind == "CustomResourceDefinition",
        _ => false,
    }
}

/// Judges one live object. `replicas: 0` is ready at once.
pub fn readiness(live: &Value) -> Readiness {
    let group = live.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = group.split_once('/').map_or("", |(group, _)| group);
    let kind = live.get("kind").and_then(Value::as_str).unwrap_or_default();
    match (group, kind) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") if !observed(live) => {
            Readiness::Progressing("its controller has not yet seen the change".to_owned())
        }
        ("apps", "Deployment") => deployment(live),
        ("apps", "StatefulSet") => stateful_set(live),
        ("apps", "DaemonSet") => daemon_set(live),
        ("apps", "ReplicaSet") => counted(live, "readyReplicas", number(live, "/spec/replicas", 1)),
        ("batch", "Job") => job(live),
        ("", "Pod") => pod(live),
        ("", "PersistentVolumeClaim") => phase_is(live, "Bound"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => condition_is_true(live, "Established"),
        _ => Readiness::Ready,
    }
}

fn deployment(live: &Value) -> Readiness {
    if let Some(condition) = condition(live, "Progressing")
        && condition.get("reason").and_then(Value::as_str) == Some("ProgressDeadlineExceeded")
    {
        return Readiness::Failed(message(condition, "the progress deadline was exceeded"));
    }
    let wanted = number(live, "/spec/replicas", 1);
    match counted(live, "updatedReplicas", wanted) {
        Readiness::Ready => {}
        other => return other,
    }
    let old = number(live, "/status/replicas", 0) - number(live, "/status/updatedReplicas", 0);
    if old > 0 {
        return Readiness::Progressing(format!("{old} old replicas are still to be stopped"));
    }
    counted(live, "availableReplicas", wanted)
}

fn stateful_set(live: &Value) -> Readiness {
    let wanted = number(live, "/spec/replicas", 1);
    let on_delete = live.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete");
    let partition = number(live, "/spec/updateStrategy/rollingUpdate/partition", 0);
    if !on_delete {
        match counted(live, "updatedReplicas", (wanted - partition).max(0)) {
            Readiness::Ready => {}
            other => return other,
        }
    }
    counted(live, "readyReplicas", wanted)
}

fn daemon_set(live: &Value) -> Readiness {
    let wanted = number(live, "/status/desiredNumberScheduled", 0);
    let on_delete = live.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete");
    if !on_delete {
        match counted(live, "updatedNumberScheduled", wanted) {
            Readiness::Ready => {}
            other => return other,
        }
    }
    counted(live, "numberReady", wanted)
}

fn job(live: &Value) -> Readiness {
    if let Some(failed) = condition(live, "Failed").filter(|condition| is_true(condition)) {
        return Readiness::Failed(message(failed, "the job failed"));
    }
    match condition(live, "Complete").is_some_and(is_true) {
        true => Readiness::Ready,
        false => Readiness::Progressing("the job has not completed".to_owned()),
    }
}

fn pod(live: &Value) -> Readiness {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Succeeded") => Readiness::Ready,
        Some("Failed") => Readiness::Failed("the pod failed".to_owned()),
        _ => condition_is_true(live, "Ready"),
    }
}

fn observed(live: &Value) -> bool {
    number(live, "/status/observedGeneration", 0) >= number(live, "/metadata/generation", 0)
}

fn counted(live: &Value, field: &str, wanted: i64) -> Readiness {
    let is = number(live, &format!("/status/{field}"), 0);
    match is >= wanted {
        true => Readiness::Ready,
        false => Readiness::Progressing(format!("{field}: {is} of {wanted}")),
    }
}

fn phase_is(live: &Value, wanted: &str) -> Readiness {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some(phase) if phase == wanted => Readiness::Ready,
        other => Readiness::Progressing(format!("phase {} instead of {wanted}", other.unwrap_or("none"))),
    }
}

fn condition_is_true(live: &Value, kind: &str) -> Readiness {
    match condition(live, kind) {
        Some(condition) if is_true(condition) => Readiness::Ready,
        Some(condition) => Readiness::Progressing(message(condition, &format!("not {kind}"))),
        None => Readiness::Progressing(format!("not {kind}")),
    }
}

fn condition<'a>(live: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = live.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
}

fn is_true(condition: &Value) -> bool {
    condition.get("status").and_then(Value::as_str) == Some("True")
}

fn message(condition: &Value, otherwise: &str) -> String {
    let text = condition.get("message").and_then(Value::as_str).filter(|text| !text.is_empty());
    text.unwrap_or(otherwise).to_owned()
}

fn number(live: &Value, pointer: &str, default: i64) -> i64 {
    live.pointer(pointer).and_then(Value::as_i64).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_by_kind() {
        let apps = |kind: &str, spec: Value, status: Value| json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status});
        let progressing = |text: &str| Readiness::Progressing(text.to_owned());
        let rows = [
            (
                apps("Deployment", json!({}), json!({"observedGeneration": 1, "availableReplicas": 1})),
                progressing("its controller has not yet seen the change"),
            ),
            (apps("Deployment", json!({"replicas": 0}), json!({"observedGeneration": 2})), Readiness::Ready),
            (
                apps(
                    "Deployment",
                    json!({"replicas": 2}),
                    json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2}),
                ),
                progressing("1 old replicas are still to be stopped"),
            ),
            (
                apps(
                    "Deployment",
                    json!({"replicas": 2}),
                    json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}),
                ),
                progressing("availableReplicas: 1 of 2"),
            ),
            (
                apps(
                    "Deployment",
                    json!({}),
                    json!({"observedGeneration": 2, "conditions": [
                        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]}),
                ),
                Readiness::Failed("timed out".to_owned()),
            ),
            (
                apps(
                    "StatefulSet",
                    json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}),
                    json!({"observedGeneration": 2, "updatedReplicas": 1, "readyReplicas": 3}),
                ),
                Readiness::Ready,
            ),
            (
                apps(
                    "DaemonSet",
                    json!({}),
                    json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 1}),
                ),
                progressing("numberReady: 1 of 2"),
            ),
            (
                json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": [{"type": "Complete", "status": "True"}]}}),
                Readiness::Ready,
            ),
            (
                json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": [{"type": "Failed", "status": "True", "message": "back-off"}]}}),
                Readiness::Failed("back-off".to_owned()),
            ),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Pending"}}),
                progressing("not Ready"),
            ),
            (json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Succeeded"}}), Readiness::Ready),
            (
                json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}),
                progressing("phase Pending instead of Bound"),
            ),
            (json!({"apiVersion": "v1", "kind": "ConfigMap"}), Readiness::Ready),
            (json!({"apiVersion": "example.org/v1", "kind": "Deployment"}), Readiness::Ready),
        ];
        for (live, expected) in rows {
            assert_eq!(readiness(&live), expected, "{live}");
        }
    }
}
