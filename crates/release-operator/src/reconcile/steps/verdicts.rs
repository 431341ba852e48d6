//! What a look says where nothing is done.

use std::sync::Arc;
use std::time::Duration;

use helm_release::history::Entry;
use helm_release::{Hook, HookEvent, HookPhase, Status};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{Look, POLL, SOON, Step};
use crate::objects::parse;
use crate::reconcile::act::{self, ActError, Actor};
use crate::reconcile::decide::{FOREIGN_OPERATION, retry_delay};
use crate::reconcile::observe::{self, Observed};
use crate::reconcile::report::{Attempt, Kind, PROGRESSING, Report, Verdict};
use crate::reconcile::{Next, drift, resync};
use crate::records::Records;
use crate::released::Released;

impl Look<'_> {
    /// The release is as asked for: what is left is whether its objects are.
    pub(super) async fn settled(&mut self, observed: Observed) -> Step {
        let Observed { records, newest, wanted, .. } = observed;
        let Some(released) = newest else { return Step::Again };
        let actor = Actor::new(self.context, &self.subject);
        if self.context.memory.is_to_apply_again(&self.key) {
            let again = self.apply_again(&actor, &released).await;
            if let Err(error) = again {
                return self.not_applied_again(&error, records, released);
            }
        }
        let applied = self.applied.take().filter(|(revision, _)| *revision == released.revision);
        let applied = applied.map(|(_, looks)| looks);
        let health = drift::health(&actor, &self.subject, &released, applied).await;
        let mut ready = health.ready;
        let failed_test = self.failed_test(&released);
        if let Some(failed) = &failed_test
            && ready.holds == Some(true)
        {
            ready = Verdict { holds: Some(false), ..failed.clone() };
        }
        if let Some(trouble) = wanted.as_ref().and_then(|wanted| wanted.source.trouble.as_deref()) {
            ready = Verdict::new(ready.holds, ready.reason, format!("{}; {trouble}", ready.message));
        }
        let report = match (ready.holds, ready.reason) {
            (Some(true), _) => Report::settled(ready),
            (_, PROGRESSING | "ReadinessUnknown" | "DriftNotCorrected") => {
                Report { observed: true, ..Report::reconciling(ready) }
            }
            _ => Report::stalled(ready),
        };
        let message = format!("{}: revision {}", released.description, released.revision);
        let report = self
            .report(report, records, Some(released), true)
            .with(Kind::Released, Some(Verdict::new(Some(true), "Released", message)));
        let report = match health.drift {
            Some(drift) => report.with(Kind::DriftDetected, drift),
            None => report,
        };
        let report = match failed_test {
            Some(_) => report,
            None => report.with(Kind::Remediated, None),
        };
        let next = match health.next {
            Next::Resync => Next::After(crate::backoff::jittered(resync(self.context, &self.subject.chart))),
            other => other,
        };
        Step::end(Report { deployed_from: wanted.map(|wanted| wanted.inputs), ..report }, next)
    }

    /// Applies what the deployed revision says once more: a write of another replica, sent before it lost the object, may have come after ours.
    async fn apply_again(&self, actor: &Actor<'_>, released: &Released) -> Result<(), ActError> {
        tracing::debug!(release = %actor.release, revision = released.revision, "applying once more, after another replica");
        act::apply_again(actor, parse(&released.manifest)?).await?;
        self.context.memory.applied_again(&self.key);
        Ok(())
    }

    fn not_applied_again(&self, error: &ActError, records: Records, released: Arc<Released>) -> Step {
        let message = format!(
            "revision {} was taken over from another replica, and cannot be applied once more: {}",
            released.revision,
            service_kit::chain(error)
        );
        tracing::warn!(release = %self.subject.release, "{message}");
        let ready = Verdict::new(Some(false), "NotAppliedAgain", message);
        let report = Report { observed: true, ..Report::reconciling(ready) };
        Step::end(self.report(report, records, Some(released), true), Next::Retry)
    }

    /// The verdict on tests that failed and may not.
    fn failed_test(&self, released: &Released) -> Option<Verdict> {
        let options = &self.subject.options.test;
        let failed = |hook: &&Hook| {
            hook.runs_at(&HookEvent::Test)
                && options.includes(&hook.name)
                && hook.last_run.phase == HookPhase::Failed
        };
        let failed =
            released.hooks.iter().find(failed).filter(|_| options.is_enabled && !options.may_fail)?;
        let message = format!(
            "test {} of revision {} failed; change the release, or run the tests again: {}",
            failed.name,
            released.revision,
            self.command("test")
        );
        Some(Verdict::new(Some(false), "TestFailed", message))
    }

    pub(super) fn left(&self, observed: Observed, revision: u32, rolled_back_to: u32) -> Step {
        let Observed { records, newest, .. } = observed;
        let is_ours = records.newest().is_some_and(|newest| newest.was_made_for(&self.subject.identity.uid));
        let (reason, what) = match (is_ours, rolled_back_to) {
            (true, to) => {
                ("RolledBack", format!("a person rolled the release back to revision {to} by {revision}"))
            }
            (false, 0) => (
                "ChangedByHelm",
                format!("helm made revision {revision}, with another chart or other values"),
            ),
            (false, to) => {
                ("RolledBackByHelm", format!("helm rolled the release back to revision {to} by {revision}"))
            }
        };
        let message = format!(
            "{what}, and it is left so until the object, its values or its chart change, spec.driftDetection.mode is correct, or: {}",
            self.command("retry")
        );
        let drift = Verdict::new(Some(true), reason, message.clone());
        let report = Report::stalled(Verdict::new(Some(false), reason, message))
            .with(Kind::DriftDetected, Some(drift));
        Step::end(self.report(report, records, newest, true), Next::Resync)
    }

    pub(super) async fn backing_off(&mut self, observed: Observed, left: Duration, is_own: bool) -> Step {
        let failures = self.failures(&observed);
        let fault = self.last_fault(&observed, failures).await;
        let at = self
            .last_attempt()
            .checked_add(jiff::SignedDuration::try_from(retry_delay(failures)).unwrap_or_default());
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        let message = format!(
            "{}; it failed {failures} times and is tried again at {at}, when the object, its values or its chart change, or by: {}",
            fault.message,
            self.command("retry")
        );
        let ready = Verdict::new(Some(false), fault.reason, message);
        let report = Report { observed: true, ..Report::reconciling(ready) };
        Step::end(self.report(report, observed.records, observed.newest, is_own), Next::After(left.max(SOON)))
    }

    pub(super) async fn stalled(&mut self, observed: Observed, revision: u32, is_own: bool) -> Step {
        let failures = self.failures(&observed);
        let fault = self.last_fault(&observed, failures).await;
        let of = if revision > 0 { format!("revision {revision}; ") } else { String::new() };
        let message = format!(
            "{} ({of}it failed {failures} times and is tried again when the object, its values or its chart change, or by: {})",
            fault.message,
            self.command("retry")
        );
        let ready = Verdict::new(Some(false), "Stalled", message);
        let report = Report::stalled(ready);
        Step::end(self.report(report, observed.records, observed.newest, is_own), Next::Resync)
    }

    pub(super) fn waits_for_others(
        &self,
        observed: Observed,
        revision: u32,
        left: Duration,
        is_own: bool,
    ) -> Step {
        // Without the time that is left, which would make every look a new message.
        let message = format!(
            "revision {revision} of release {} is being worked on by somebody else (helm); it is taken over when it has not ended {} min after it began",
            self.subject.release,
            FOREIGN_OPERATION.as_secs() / 60
        );
        let report = Report::reconciling(Verdict::new(Some(false), "OperationPending", message));
        Step::end(self.report(report, observed.records, observed.newest, is_own), Next::After(left.min(POLL)))
    }

    /// Why the asked inputs failed last: in this look, as the status says, or as the record does. In the last case, of a process that was
    /// killed before it could say so, the status is told.
    async fn last_fault(&mut self, observed: &Observed, failures: u32) -> Verdict {
        if let Some(fault) = &self.fault {
            return fault.clone();
        }
        let is_fault = |told: &&Condition| {
            ["Released", "TestSuccess"].contains(&told.type_.as_str()) && told.status == "False"
        };
        let told = self.status.conditions.iter().find(is_fault);
        if let Some(told) = told {
            let known = ["RenderFailed", "InstallFailed", "UpgradeFailed", "RollbackFailed", "TestFailed"];
            let reason = known.into_iter().find(|known| *known == told.reason).unwrap_or("UpgradeFailed");
            return Verdict::new(Some(false), reason, told.message.clone());
        }
        let inputs = observed.wanted.as_ref().map(|wanted| &wanted.inputs);
        let failed =
            inputs.map(|inputs| observe::failed(observed, &self.subject, inputs)).unwrap_or_default();
        let newest = observed.newest.as_deref();
        let description = match newest {
            Some(newest) if failed.newest == 0 || newest.revision == failed.newest => {
                newest.description.clone()
            }
            _ => self.description(failed.newest).await.unwrap_or_default(),
        };
        let was_deployed = |entry: &Entry| matches!(entry.status, Status::Deployed | Status::Superseded);
        let is_upgrade = observed.records.history.entries().iter().any(was_deployed);
        let reason = if is_upgrade { "UpgradeFailed" } else { "InstallFailed" };
        let fault = Verdict::new(Some(false), reason, description);
        if let Some(inputs) = inputs.filter(|_| failed.count > 0) {
            self.attempt = Some(Attempt { inputs: inputs.clone(), failures });
            self.conditions.push((Kind::Released, Some(fault.clone())));
        }
        fault
    }

    /// Helm's words on a revision. Nothing if it cannot be read: the fault is told all the same, by its number.
    async fn description(&self, revision: u32) -> Option<String> {
        let (namespace, release) = (&self.subject.namespace, self.subject.release.as_str());
        let stored = self.context.store.get(namespace, release, revision).await.ok().flatten();
        stored.map(|stored| stored.release.info.description)
    }

    fn failures(&self, observed: &Observed) -> u32 {
        let told = || {
            let last = self.status.last_attempt.as_ref()?;
            u32::try_from(last.failures).ok()
        };
        let wanted = observed.wanted.as_ref();
        let remembered = wanted.and_then(|wanted| {
            self.context.memory.failures(&self.key, &wanted.inputs, self.subject.generation)
        });
        let known = remembered.map(|(failures, _)| failures).or_else(told).unwrap_or(0);
        wanted
            .map_or(known, |wanted| known.max(observe::failed(observed, &self.subject, &wanted.inputs).count))
    }

    fn last_attempt(&self) -> jiff::Timestamp {
        let now = || {
            let now = jiff::Timestamp::now();
            jiff::Timestamp::from_second(now.as_second()).unwrap_or(now)
        };
        match (&self.attempt, &self.status.last_attempt) {
            (None, Some(last)) => last.time.as_ref().map_or_else(now, |time| time.0),
            _ => now(),
        }
    }

    /// The command by which a person does something to the release.
    fn command(&self, verb: &str) -> String {
        format!("windlass {verb} release {} -n {}", self.key.1, self.key.0)
    }
}
