//! Running a chart's tests, which are hooks of the event `test` (Helm's `action.ReleaseTesting`).

use helm_release::{Hook, HookEvent, HookExecution, HookPhase};

use super::{ActError, Actor, Waiting, hooks};
use crate::reconcile::validate::TestOptions;
use crate::store::Stored;

/// Runs the tests that were begun or are due; with `anew` those of these names (or all) from the beginning. What is waited for, or
/// `None` when all have ended well.
///
/// Tests that are to be run have the phase `Unknown` until they begin, so that whoever goes on knows which.
///
/// # Errors
/// [`ActError::Hook`] names the test that failed; its result is in the record.
pub async fn test(
    actor: &Actor<'_>,
    stored: &mut Stored,
    options: &TestOptions,
    anew: Option<&[String]>,
) -> Result<Option<Waiting>, ActError> {
    let is_test = |hook: &Hook| hook.runs_at(&HookEvent::Test) && options.includes(&hook.name);
    for hook in stored.release.hooks.iter_mut().filter(|hook| is_test(hook)) {
        let is_asked = anew.is_some_and(|names| names.is_empty() || names.contains(&hook.name));
        let is_due = anew.is_none() && options.is_enabled && hook.last_run.phase == HookPhase::Unset;
        if (is_asked && hook.last_run.phase != HookPhase::Running) || is_due {
            hook.last_run = HookExecution { phase: HookPhase::Unknown, ..HookExecution::default() };
        }
    }
    let is_begun =
        |hook: &Hook| is_test(hook) && matches!(hook.last_run.phase, HookPhase::Unknown | HookPhase::Running);
    let chosen: Vec<_> =
        stored.release.hooks.iter().filter(|hook| is_begun(hook)).map(|hook| hook.name.clone()).collect();
    hooks::run_those(actor, stored, &HookEvent::Test, |hook| chosen.contains(&hook.name)).await
}
