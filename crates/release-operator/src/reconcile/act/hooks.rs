//! Hooks: objects that run at a moment of a release's life.
//!
//! A hook that has succeeded is noted in the record at once, so that a revision which is completed after a kill does not run it a second
//! time. One that runs is noted too, so that whoever goes on waits for that very run. One that was cut off before that is deleted and run
//! again, which Helm's users know hooks must bear.

use std::time::Duration;

use helm_release::{Hook, HookDeletePolicy, HookEvent, HookPhase};
use kube::api::DynamicObject;
use kube_apply::{ApplyOptions, DeleteOutcome, ObjectRef, Readiness, readiness};
use serde_json::Value;
use tracing::Instrument as _;

use super::{ActError, Actor, UNWATCHED, WATCHED, Waiting};
use crate::names::HELM_MANAGER;
use crate::objects::{Object, parse_file};
use crate::store::Stored;

/// Runs the hooks of an event that have not succeeded yet, by weight and name, one after the other, until one must be waited for. `None`
/// when all have.
pub(super) async fn run(
    actor: &Actor<'_>,
    stored: &mut Stored,
    event: &HookEvent,
) -> Result<Option<Waiting>, ActError> {
    run_those(actor, stored, event, |_| true).await
}

/// As [`run`], for those hooks that `includes` takes.
pub(super) async fn run_those(
    actor: &Actor<'_>,
    stored: &mut Stored,
    event: &HookEvent,
    includes: impl Fn(&Hook) -> bool,
) -> Result<Option<Waiting>, ActError> {
    let mut order = in_order(&stored.release.hooks, event);
    order.retain(|&index| includes(&stored.release.hooks[index]));
    if order.is_empty() {
        return Ok(None);
    }
    let span = tracing::info_span!("hooks", event = event.as_str());
    async {
        for &index in &order {
            if has_succeeded(&stored.release.hooks[index], stored) {
                continue;
            }
            if let Some(waiting) = run_one(actor, stored, index, event).await? {
                return Ok(Some(waiting));
            }
        }
        for &index in order.iter().rev() {
            let hook = stored.release.hooks[index].clone();
            delete_by_policy(actor, &hook, &HookDeletePolicy::HookSucceeded).await?;
        }
        Ok(None)
    }
    .instrument(span)
    .await
}

/// What the objects of one hook came to.
enum Run {
    Ended(Result<(), String>),
    Running(ObjectRef),
}

async fn run_one(
    actor: &Actor<'_>,
    stored: &mut Stored,
    index: usize,
    event: &HookEvent,
) -> Result<Option<Waiting>, ActError> {
    let hook = &mut stored.release.hooks[index];
    if hook.delete_policies.is_empty() {
        // Helm records the default when it runs a hook.
        hook.delete_policies.push(HookDeletePolicy::BeforeHookCreation);
    }
    let hook = hook.clone();
    let objects = parse_file(&hook.path, &hook.manifest)?;
    let is_running = is_of_this_run(&hook, stored) && hook.last_run.phase == HookPhase::Running;
    let run = if is_running {
        look(actor, &objects).await?
    } else {
        if let Some(object) = delete_by_policy(actor, &hook, &HookDeletePolicy::BeforeHookCreation).await? {
            let message = format!("waiting for {object} of the last {event} hook to go");
            let (left, poll) = (actor.timeout, UNWATCHED);
            return Ok(Some(Waiting { message, object: Some(object), left, poll }));
        }
        start(actor, stored, index, &objects).await?
    };
    let run = match (run, time_left(actor, &stored.release.hooks[index])) {
        (Run::Running(object), Some(left)) => {
            let message = format!("waiting for {object}, a {event} hook, to end");
            return Ok(Some(Waiting { message, object: Some(object), left, poll: WATCHED }));
        }
        (Run::Running(_), None) => Err(format!("it did not end within {} s", actor.timeout.as_secs())),
        (Run::Ended(outcome), _) => outcome,
    };
    service_kit::failpoint!("release.after-hook");
    let last_run = &mut stored.release.hooks[index].last_run;
    last_run.completed_at = Some(jiff::Timestamp::now().into());
    last_run.phase = if run.is_ok() { HookPhase::Succeeded } else { HookPhase::Failed };
    actor.context.store.update(stored, jiff::Timestamp::now()).await?;
    match run {
        Ok(()) => Ok(None),
        Err(message) => {
            delete_by_policy(actor, &hook, &HookDeletePolicy::HookFailed).await?;
            let hook = format!("{} {}", hook.kind, hook.name);
            Err(ActError::Hook { event: event.clone(), hook, message })
        }
    }
}

/// Creates a hook's objects. Those that run to an end are noted as running, before anybody waits for them.
async fn start(
    actor: &Actor<'_>,
    stored: &mut Stored,
    index: usize,
    objects: &[Object],
) -> Result<Run, ActError> {
    let last_run = &mut stored.release.hooks[index].last_run;
    last_run.started_at = Some(jiff::Timestamp::now().into());
    last_run.completed_at = None;
    last_run.phase = HookPhase::Running;
    let how = ApplyOptions::new(HELM_MANAGER).force(true);
    let mut running = None;
    for object in objects {
        let applied = match actor.applier.apply(&object.document, &actor.namespace, &how).await {
            Ok(applied) => applied,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => return Ok(Run::Ended(Err(service_kit::chain(&error)))),
        };
        if !runs_to_an_end(&object.identity) {
            continue;
        }
        match end(&applied.live) {
            Some(Ok(())) => {}
            Some(Err(message)) => return Ok(Run::Ended(Err(message))),
            None => running = running.or_else(|| Some(object.identity.clone())),
        }
    }
    let Some(running) = running else { return Ok(Run::Ended(Ok(()))) };
    service_kit::failpoint!("release.after-hook-start");
    actor.context.store.update(stored, jiff::Timestamp::now()).await?;
    Ok(Run::Running(running))
}

/// How far the objects of a running hook have come.
async fn look(actor: &Actor<'_>, objects: &[Object]) -> Result<Run, ActError> {
    for object in objects.iter().filter(|object| runs_to_an_end(&object.identity)) {
        match actor.applier.get(&object.identity, &actor.namespace).await? {
            None => return Ok(Run::Ended(Err("it was deleted while it ran".to_owned()))),
            Some(live) => match end(&live) {
                Some(Ok(())) => {}
                Some(Err(message)) => return Ok(Run::Ended(Err(message))),
                None => return Ok(Run::Running(object.identity.clone())),
            },
        }
    }
    Ok(Run::Ended(Ok(())))
}

/// What is left of the time of a hook's run.
fn time_left(actor: &Actor<'_>, hook: &Hook) -> Option<Duration> {
    let begun = hook.last_run.started_at.as_ref()?.timestamp();
    let age = jiff::Timestamp::now().duration_since(begun).try_into().unwrap_or(Duration::ZERO);
    actor.timeout.checked_sub(age).filter(|left| !left.is_zero())
}

/// Kinds that Helm waits for; all others are done when they are created.
fn runs_to_an_end(object: &ObjectRef) -> bool {
    matches!((object.group(), object.kind.as_str()), ("batch", "Job") | ("", "Pod"))
}

/// Whether a Job or Pod has ended.
pub fn has_ended(live: &DynamicObject) -> bool {
    end(live).is_some()
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

/// Deletes the hook's objects if the policy says so; one that is not gone yet.
async fn delete_by_policy(
    actor: &Actor<'_>,
    hook: &Hook,
    policy: &HookDeletePolicy,
) -> Result<Option<ObjectRef>, ActError> {
    // Deleting a definition would delete all its objects; Helm never does.
    if !hook.deletes(policy) || hook.kind == "CustomResourceDefinition" {
        return Ok(None);
    }
    let mut left = None;
    for object in parse_file(&hook.path, &hook.manifest)? {
        let deleted = actor.applier.delete(&object.identity, None, &actor.namespace).await?;
        if deleted == DeleteOutcome::Deleted
            && actor.applier.get(&object.identity, &actor.namespace).await?.is_some()
        {
            left = Some(object.identity);
        }
    }
    Ok(left)
}

/// It succeeded in this revision, and not in one whose record a person copied.
fn has_succeeded(hook: &Hook, stored: &Stored) -> bool {
    hook.last_run.phase == HookPhase::Succeeded && is_of_this_run(hook, stored)
}

/// It was run since the operation on this revision was begun.
fn is_of_this_run(hook: &Hook, stored: &Stored) -> bool {
    let begun = stored.release.info.last_deployed.as_ref().map(|time| time.timestamp());
    let started = hook.last_run.started_at.as_ref().map(|time| time.timestamp());
    started.is_some() && started >= begun
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
