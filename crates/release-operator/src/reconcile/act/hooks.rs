//! Hooks: objects that run at a moment of a release's life.
//!
//! A hook that has succeeded is noted in the record at once, so that a revision which is completed after a kill does not run it a second
//! time. One that was cut off is deleted and run again, which Helm's users know hooks must bear.

use helm_release::{Hook, HookDeletePolicy, HookEvent, HookPhase};
use kube::api::DynamicObject;
use kube_apply::{ApplyError, ApplyOptions, ObjectRef, Readiness, readiness};
use serde_json::Value;
use tracing::Instrument as _;

use super::ActError;
use crate::context::Context;
use crate::names::HELM_MANAGER;
use crate::objects::{Object, parse_file};
use crate::store::Stored;

/// Runs the hooks of an event that have not succeeded yet, by weight and name, one after the other.
pub(super) async fn run(context: &Context, stored: &mut Stored, event: &HookEvent) -> Result<(), ActError> {
    let order = in_order(&stored.release.hooks, event);
    if order.is_empty() {
        return Ok(());
    }
    let span = tracing::info_span!("hooks", event = event.as_str());
    async {
        for &index in &order {
            if !has_succeeded(&stored.release.hooks[index], stored) {
                run_one(context, stored, index, event).await?;
            }
        }
        for &index in order.iter().rev() {
            let hook = stored.release.hooks[index].clone();
            delete_by_policy(context, &stored.release.namespace, &hook, &HookDeletePolicy::HookSucceeded)
                .await?;
        }
        Ok(())
    }
    .instrument(span)
    .await
}

async fn run_one(
    context: &Context,
    stored: &mut Stored,
    index: usize,
    event: &HookEvent,
) -> Result<(), ActError> {
    let namespace = stored.release.namespace.clone();
    let hook = stored.release.hooks[index].clone();
    delete_by_policy(context, &namespace, &hook, &HookDeletePolicy::BeforeHookCreation).await?;
    stored.release.hooks[index].last_run.started_at = Some(jiff::Timestamp::now().into());
    stored.release.hooks[index].last_run.phase = HookPhase::Running;
    let fault = |message: String| ActError::Hook {
        event: event.clone(),
        hook: format!("{} {}", hook.kind, hook.name),
        message,
    };
    let mut outcome = Ok(());
    for object in parse_file(&hook.path, &hook.manifest)? {
        outcome = match run_object(context, &namespace, &object).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(message)) => Err(fault(message)),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => Err(fault(error.to_string())),
        };
        service_kit::failpoint!("release.after-hook");
        if outcome.is_err() {
            break;
        }
    }
    let run = &mut stored.release.hooks[index].last_run;
    run.completed_at = Some(jiff::Timestamp::now().into());
    run.phase = if outcome.is_ok() { HookPhase::Succeeded } else { HookPhase::Failed };
    context.store.update(stored, jiff::Timestamp::now()).await?;
    if outcome.is_err() {
        delete_by_policy(context, &namespace, &hook, &HookDeletePolicy::HookFailed).await?;
    }
    outcome
}

/// Creates a hook's object and waits for its end. The inner error says how it failed.
async fn run_object(
    context: &Context,
    namespace: &str,
    object: &Object,
) -> Result<Result<(), String>, ApplyError> {
    let how = ApplyOptions::new(HELM_MANAGER).force(true);
    context.applier.apply(&object.document, namespace, &how).await?;
    if !runs_to_an_end(&object.identity) {
        return Ok(Ok(()));
    }
    let limit = context.settings.hook_timeout;
    let ended = |live: Option<&DynamicObject>| live.is_none_or(|live| end(live).is_some());
    match context.applier.wait_until(&object.identity, namespace, limit, ended).await {
        Ok(Some(live)) => Ok(end(&live).unwrap_or(Ok(()))),
        Ok(None) => Ok(Err("it was deleted while it ran".to_owned())),
        Err(ApplyError::Unavailable { .. }) => {
            // Whether the time is over or the watch broke, the live object tells.
            match context.applier.get(&object.identity, namespace).await? {
                Some(live) => {
                    Ok(end(&live)
                        .unwrap_or_else(|| Err(format!("it did not end within {} s", limit.as_secs()))))
                }
                None => Ok(Err("it was deleted while it ran".to_owned())),
            }
        }
        Err(error) => Err(error),
    }
}

/// Kinds that Helm waits for; all others are done when they are created.
fn runs_to_an_end(object: &ObjectRef) -> bool {
    matches!((object.group(), object.kind.as_str()), ("batch", "Job") | ("", "Pod"))
}

/// How a Job or Pod ended; `None` while it runs.
fn end(live: &DynamicObject) -> Option<Result<(), String>> {
    let live = serde_json::to_value(live).unwrap_or_default();
    let is_pod = live.get("kind").and_then(Value::as_str) == Some("Pod");
    if is_pod && live.pointer("/status/phase").and_then(Value::as_str) != Some("Succeeded") {
        return match readiness(&live) {
            Readiness::Failed(message) => Some(Err(message)),
            _ => None,
        };
    }
    match readiness(&live) {
        Readiness::Ready => Some(Ok(())),
        Readiness::Progressing(_) => None,
        Readiness::Failed(message) => Some(Err(message)),
    }
}

async fn delete_by_policy(
    context: &Context,
    namespace: &str,
    hook: &Hook,
    policy: &HookDeletePolicy,
) -> Result<(), ActError> {
    // Deleting a definition would delete all its objects; Helm never does.
    if !hook.deletes(policy) || hook.kind == "CustomResourceDefinition" {
        return Ok(());
    }
    let limit = context.settings.hook_timeout;
    for object in parse_file(&hook.path, &hook.manifest)? {
        if context.applier.delete(&object.identity, None, namespace).await?
            == kube_apply::DeleteOutcome::Deleted
        {
            context.applier.wait_until(&object.identity, namespace, limit, |live| live.is_none()).await?;
        }
    }
    Ok(())
}

/// It succeeded in this revision, and not in one whose record a person copied.
fn has_succeeded(hook: &Hook, stored: &Stored) -> bool {
    let begun = stored.release.info.last_deployed.as_ref().map(|time| time.timestamp());
    let ended = hook.last_run.completed_at.as_ref().map(|time| time.timestamp());
    hook.last_run.phase == HookPhase::Succeeded && ended >= begun
}

/// Positions of the event's hooks by weight and then name; kinds stay in the order of installing.
fn in_order(hooks: &[Hook], event: &HookEvent) -> Vec<usize> {
    let mut order: Vec<_> = (0..hooks.len()).filter(|&index| hooks[index].runs_at(event)).collect();
    order.sort_by(|&a, &b| (hooks[a].weight, &hooks[a].name).cmp(&(hooks[b].weight, &hooks[b].name)));
    order
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hooks_run_by_weight_and_name() {
        let hook = |name: &str, weight: i64, event: &str| -> Hook {
            serde_json::from_value(json!({"name": name, "weight": weight, "events": [event]})).unwrap()
        };
        let hooks = [
            hook("b", 0, "pre-install"),
            hook("a", 0, "pre-install"),
            hook("c", -1, "pre-install"),
            hook("d", -9, "test"),
        ];
        assert_eq!(in_order(&hooks, &HookEvent::PreInstall), [2, 1, 0]);
        assert!(in_order(&hooks, &HookEvent::PostInstall).is_empty());
    }

    #[test]
    fn a_pod_that_is_ready_has_not_ended() {
        let pod = |status: Value| {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "status": status});
            end(&serde_json::from_value(pod).unwrap())
        };
        assert_eq!(
            pod(json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})),
            None
        );
        assert_eq!(pod(json!({"phase": "Succeeded"})), Some(Ok(())));
        assert_eq!(pod(json!({"phase": "Failed"})), Some(Err("the pod failed".to_owned())));
    }
}
