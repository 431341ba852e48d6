//! What must be ready before a release is installed or upgraded.

use kube_apply::{ApplyError, Readiness, readiness};
use serde_json::Value;

use super::act::Actor;
use super::own_reference;
use super::validate::Subject;

/// What is not ready yet of what the object depends on, in words; `None` when all is. Other kinds than FluxHelmRelease are read with the
/// rights that the object asks for, so that nobody learns of what they may not see.
pub async fn missing(actor: &Actor<'_>, subject: &Subject) -> Option<String> {
    let mut missing = Vec::new();
    for dependency in &subject.options.depends_on {
        let object = &dependency.object;
        let is_release = object.same_object(&own_reference(&(
            object.namespace.clone().unwrap_or_default(),
            object.name.clone(),
        )));
        let applier = if is_release { &actor.context.applier } else { &actor.applier };
        let read = applier.get(object, &subject.identity.namespace).await;
        let live = read.map(|live| live.and_then(|live| serde_json::to_value(live).ok()));
        if let Some(why) = fault(&live) {
            missing.push(format!("{object}: {why}"));
        }
    }
    (!missing.is_empty()).then(|| format!("waiting for what it depends on: {}", missing.join("; ")))
}

fn fault(live: &Result<Option<Value>, ApplyError>) -> Option<String> {
    match live {
        Ok(Some(live)) => match readiness(live) {
            // A controller that has not told anything yet is not ready, whatever the kind's rules say.
            Readiness::Ready if is_untold(live) => Some("it has no condition Ready yet".to_owned()),
            Readiness::Ready => None,
            Readiness::Progressing(why) | Readiness::Failed(why) => Some(why),
        },
        Ok(None) => Some("it does not exist".to_owned()),
        Err(error) => Some(service_kit::chain(error)),
    }
}

/// A FluxHelmRelease that nobody has looked at yet.
fn is_untold(live: &Value) -> bool {
    let is_release = live.get("kind").and_then(Value::as_str) == Some("FluxHelmRelease");
    let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
    let is_told = |condition: &Value| condition.get("type").and_then(Value::as_str) == Some("Ready");
    is_release && !conditions.is_some_and(|conditions| conditions.iter().any(is_told))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_ready_is_named() {
        let release = |status: Value| {
            json!({"apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
                "metadata": {"name": "db", "namespace": "dev", "generation": 2}, "status": status})
        };
        let condition = |status: &str| json!([{"type": "Ready", "status": status, "message": "it failed"}]);
        let check = |live: Option<Value>, expected: Option<&str>| {
            assert_eq!(fault(&Ok(live.clone())).as_deref(), expected, "{live:?}");
        };
        check(None, Some("it does not exist"));
        check(Some(release(json!({}))), Some("it has no condition Ready yet"));
        check(Some(release(json!({"observedGeneration": 2, "conditions": condition("True")}))), None);
        check(Some(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})), None);
        for status in [
            json!({"observedGeneration": 2, "conditions": condition("False")}),
            json!({"observedGeneration": 1, "conditions": condition("True")}),
        ] {
            assert!(fault(&Ok(Some(release(status.clone())))).is_some(), "{status}");
        }
    }
}
