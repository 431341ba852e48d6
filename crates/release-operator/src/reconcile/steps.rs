//! Doing what was decided, and what the look came to.

mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use crds::FluxHelmReleaseStatus;
use kube::core::Resource as _;
use kube_apply::ObjectRef;

use super::act::{self, ActError, Actor, NewRevision, Operation, Progress, Purged, Waiting};
use super::decide::{Decision, Reason};
use super::observe::{Observed, attempts};
use super::report::{Attempt, Done, Kind, PROGRESSING, Report, Verdict};
use super::validate::{self, Object, Subject};
use super::{Next, dependencies, health};
use crate::context::{Context, Key};
use crate::memory::Ask;
use crate::record::{Inputs, RollbackCause};
use crate::records::Records;
use crate::released::Released;
use crate::store::Stored;

/// How soon what is waited for is looked at again without being woken.
const POLL: Duration = Duration::from_secs(10);
/// The soonest of these.
const SOON: Duration = Duration::from_secs(1);

/// What follows a step.
pub(super) enum Step {
    /// The look has ended.
    End(Box<Report>, Next),
    /// It is looked anew at what is there now.
    Again,
}

impl Step {
    fn end(report: Report, next: Next) -> Self {
        Self::End(Box::new(report), next)
    }
}

/// One look at one object.
pub(super) struct Look<'a> {
    context: &'a Context,
    object: &'a Object,
    /// What the object asks for.
    pub(super) subject: Subject,
    /// The status before the look.
    pub(super) status: FluxHelmReleaseStatus,
    /// What a person asked for, until it is done.
    pub(super) ask: Option<Ask>,
    key: Key,
    /// What was done so far.
    done: Option<Done>,
    attempt: Option<Attempt>,
    /// Why the last attempt failed.
    fault: Option<Verdict>,
    /// The records before the present step.
    records: Records,
    conditions: Vec<(Kind, Option<Verdict>)>,
    /// How far the objects of the revision that was made in this look have come, as its applies answered.
    applied: Option<(u32, Vec<health::Look>)>,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        context: &'a Context,
        object: &'a Object,
        subject: Subject,
        status: FluxHelmReleaseStatus,
        ask: Option<Ask>,
    ) -> Self {
        let key = subject.identity.key();
        Self {
            context,
            object,
            subject,
            status,
            ask,
            key,
            done: None,
            attempt: None,
            fault: None,
            records: Records::default(),
            conditions: Vec::new(),
            applied: None,
        }
    }

    /// The last step's report with what came of those before it.
    pub(super) fn told(&mut self, report: Report) -> Report {
        let mut conditions = std::mem::take(&mut self.conditions);
        conditions.extend(report.conditions);
        Report {
            conditions,
            done: report.done.or(self.done),
            attempt: report.attempt.or_else(|| self.attempt.take()),
            ..report
        }
    }

    pub(super) async fn step(&mut self, observed: Observed, decision: Decision) -> Step {
        let uid = &self.subject.identity.uid;
        self.records = observed.records.clone();
        let is_own = decision.adopts() || observed.records.are_of(uid) || self.is_installed();
        // Before the release is the object's, and again when somebody took the finalizer off.
        if is_own && let Err(error) = act::hold(self.context, &mut self.subject, self.object.meta()).await {
            if error.is_transient() {
                // Most often the object has changed since it was read, by our own finalizer at the look before. Nothing was begun.
                tracing::warn!(release = %self.subject.release, "the finalizer is not set yet: {}", service_kit::chain(&error));
                return Step::end(Report::default(), Next::Retry);
            }
            return self.failed(error, Operation::Upgrade, observed.wanted.map(|wanted| wanted.inputs)).await;
        }
        match decision {
            Decision::Install { revision, reason, abandoned } => {
                let new = NewRevision { revision, operation: Operation::Install, abandoned };
                self.make(observed, new, reason).await
            }
            Decision::Upgrade { revision, reason, abandoned } => {
                let new = NewRevision { revision, operation: Operation::Upgrade, abandoned };
                self.make(observed, new, reason).await
            }
            Decision::Rollback { revision, to, is_remediation } => {
                self.roll_back(observed, revision, to, is_remediation).await
            }
            Decision::Uninstall => self.uninstall(&observed).await,
            Decision::Resume { .. } => self.resume(observed).await,
            Decision::Cancel { revision } => self.cancel(observed, revision).await,
            Decision::Tidy { revisions } => {
                let actor = Actor::new(self.context, &self.subject);
                match act::supersede(&actor, &revisions, None).await {
                    Ok(()) => Step::Again,
                    Err(error) => self.failed(error.into(), Operation::Upgrade, None).await,
                }
            }
            Decision::Test { .. } => self.test(observed).await,
            Decision::Nothing => self.settled(observed).await,
            Decision::Leave { revision, rolled_back_to } => self.left(observed, revision, rolled_back_to),
            Decision::Backoff { left, .. } => self.backing_off(observed, left, is_own).await,
            Decision::Stalled { revision } => self.stalled(observed, revision, is_own).await,
            Decision::Wait { revision, left } => self.waits_for_others(observed, revision, left, is_own),
        }
    }

    async fn make(&mut self, observed: Observed, new: NewRevision, reason: Reason) -> Step {
        let Some(wanted) = observed.wanted else { return Step::Again };
        let observed = Observed { wanted: None, ..observed };
        let actor = Actor::new(self.context, &self.subject);
        if let Some(missing) = dependencies::missing(&actor, &self.subject).await {
            let ready = Verdict::new(Some(false), "DependencyNotReady", missing);
            let report = self.report(Report::reconciling(ready), observed.records, observed.newest, true);
            return Step::end(Report { observed: true, ..report }, Next::After(POLL));
        }
        let (operation, revision) = (new.operation, new.revision);
        tracing::info!(release = %self.subject.release, revision, ?reason, ?operation, "making a revision");
        // Tests are of what is deployed after that.
        self.ask = self.ask.take().filter(|ask| matches!(ask, Ask::Test(_)));
        let made = act::make(&actor, &self.subject, observed, &wanted, &new).await;
        self.ended(made, operation, Some(wanted.inputs)).await
    }

    async fn roll_back(&mut self, observed: Observed, revision: u32, to: u32, is_remediation: bool) -> Step {
        tracing::info!(release = %self.subject.release, revision, to, is_remediation, "rolling back");
        self.ask = None;
        let actor = Actor::for_rollback(self.context, &self.subject);
        let cause = if is_remediation { RollbackCause::Remediation } else { RollbackCause::Person };
        let made = act::rollback(&actor, observed, revision, to, cause).await;
        self.ended(made, Operation::Rollback, None).await
    }

    async fn resume(&mut self, observed: Observed) -> Step {
        let Observed { records, stored, wanted, .. } = observed;
        let Some(stored) = stored else { return Step::Again };
        let operation = Operation::of(&stored.release.info.status);
        tracing::debug!(release = %self.subject.release, revision = stored.release.revision, "going on with a revision");
        let made_of = crate::record::made_of(&stored.release);
        let actor = Actor::for_operation(self.context, &self.subject, operation);
        let made = act::resume(&actor, &records.history, stored).await;
        let asked = match wanted {
            Some(wanted) => Some(wanted.inputs),
            None => super::observe::inputs(self.context, &self.subject).await,
        };
        // What becomes of other inputs than those that are asked for by now says nothing about these.
        let asked = asked.filter(|asked| made_of.as_ref() == Some(&asked.labels()));
        self.ended(made, operation, asked).await
    }

    async fn cancel(&mut self, observed: Observed, revision: u32) -> Step {
        let Some(stored) = observed.stored else { return Step::Again };
        tracing::info!(release = %self.subject.release, revision, "giving a revision up that waits: something else is asked for");
        let actor = Actor::new(self.context, &self.subject);
        match act::cancel(&actor, stored).await {
            Ok(()) => Step::Again,
            Err(error) => self.failed(error.into(), Operation::Upgrade, None).await,
        }
    }

    /// What became of a revision.
    async fn ended(
        &mut self,
        made: Result<Progress, ActError>,
        operation: Operation,
        inputs: Option<Inputs>,
    ) -> Step {
        match made {
            Ok(Progress::Deployed(stored, applied)) => {
                self.applied = applied.map(|applied| (stored.release.revision, applied));
                self.deployed(&stored, operation, inputs);
                Step::Again
            }
            Ok(Progress::Waiting(stored, waiting)) => self.waiting(&stored, waiting),
            Err(error) => self.failed(error, operation, inputs).await,
        }
    }

    fn deployed(&mut self, stored: &Stored, operation: Operation, inputs: Option<Inputs>) {
        let released = Arc::new(Released::from(stored));
        let message = format!("{}: revision {}", released.description, released.revision);
        self.done = Some(match operation {
            Operation::Install => Done::Installed,
            Operation::Upgrade => Done::Upgraded,
            Operation::Rollback => Done::RolledBack,
        });
        if operation == Operation::Rollback && released.is_remediation {
            let remediated = Verdict::new(Some(true), "RollbackSucceeded", message);
            self.conditions.push((Kind::Remediated, Some(remediated)));
        } else {
            self.conditions.push((Kind::Released, Some(Verdict::new(Some(true), "Released", message))));
        }
        if operation != Operation::Rollback {
            self.conditions.push((Kind::Remediated, None));
            self.conditions.push((Kind::TestSuccess, None));
            self.conditions.push((Kind::DriftDetected, None));
            self.context.memory.reset_failures(&self.key);
            self.attempt = inputs.map(|inputs| Attempt { inputs, failures: 0 });
        }
        self.context.memory.released_is(&self.key, released);
    }

    fn waiting(&mut self, stored: &Stored, waiting: Waiting) -> Step {
        let released = Arc::new(Released::from(stored));
        let message = format!(
            "{} is being brought to revision {}: {}",
            released.chart_label, released.revision, waiting.message
        );
        let ready = Verdict::new(Some(false), PROGRESSING, message);
        let report = Report { released: Some(released), ..Report::reconciling(ready) };
        self.watch(&waiting);
        Step::end(Report { observed: true, ..report }, again(&waiting))
    }

    /// Wakes the next look when what is waited for has ended.
    fn watch(&self, waiting: &Waiting) {
        let Some(object) = waiting.object.clone() else { return };
        let actor = Actor::new(self.context, &self.subject);
        let (applier, namespace, limit) = (actor.applier, actor.namespace, waiting.left);
        self.context.waits.until(&self.key, async move {
            let end = |live: Option<&kube::api::DynamicObject>| live.is_none_or(act::has_ended);
            // A watch that breaks, or the end of the time, is as good a reason to look.
            drop(applier.wait_until(&object, &namespace, limit, end).await);
        });
    }

    async fn uninstall(&mut self, observed: &Observed) -> Step {
        let uid = &self.subject.identity.uid;
        if !observed.records.are_of(uid) {
            return Step::end(Report::default(), Next::Resync);
        }
        tracing::info!(release = %self.subject.release, "uninstalling what failed, for a new install");
        let actor = Actor::new(self.context, &self.subject);
        match act::purge(&actor).await {
            Ok(Purged::Waiting(waiting)) => {
                let ready = Verdict::new(Some(false), PROGRESSING, waiting.message.clone());
                self.watch(&waiting);
                Step::end(Report::reconciling(ready), again(&waiting))
            }
            Ok(Purged::Gone | Purged::Nothing) => {
                self.done = Some(Done::Uninstalled);
                let message = "the failed release was uninstalled";
                let remediated = Verdict::new(Some(true), "UninstallSucceeded", message);
                self.conditions.push((Kind::Remediated, Some(remediated)));
                Step::Again
            }
            Err(error) => {
                let message =
                    format!("the failed release is not uninstalled yet: {}", service_kit::chain(&error));
                tracing::warn!(release = %self.subject.release, "{message}");
                let remediated = Verdict::new(Some(false), "UninstallFailed", message.clone());
                let ready = Verdict::new(Some(false), "UninstallFailed", message);
                let report = Report::reconciling(ready).with(Kind::Remediated, Some(remediated));
                Step::end(report, Next::Retry)
            }
        }
    }

    async fn test(&mut self, observed: Observed) -> Step {
        let anew = match self.ask.take() {
            Some(Ask::Test(names)) => Some(names),
            Some(Ask::Retry) => Some(Vec::new()),
            _ => None,
        };
        let Observed { records, newest, stored, wanted } = observed;
        let actor =
            Actor { timeout: self.subject.options.test.timeout, ..Actor::new(self.context, &self.subject) };
        let revision = newest.as_ref().map_or(0, |newest| newest.revision);
        let read = match stored {
            Some(stored) => Ok(Some(stored)),
            None => self.context.store.get(&actor.namespace, actor.release.as_str(), revision).await,
        };
        let mut stored = match read {
            Ok(Some(stored)) => stored,
            Ok(None) => return Step::Again,
            Err(error) => return self.failed(error.into(), Operation::Upgrade, None).await,
        };
        let tested = act::test(&actor, &mut stored, &self.subject.options.test, anew.as_deref()).await;
        let released = Arc::new(Released::from(&stored));
        self.context.memory.released_is(&self.key, released.clone());
        match tested {
            Ok(None) => {
                let message = format!("the tests of revision {revision} passed");
                let verdict = Verdict::new(Some(true), "TestSucceeded", message);
                self.conditions.push((Kind::TestSuccess, Some(verdict)));
                Step::Again
            }
            Ok(Some(waiting)) => {
                let verdict = Verdict::new(None, "Testing", waiting.message.clone());
                let ready = Verdict::new(Some(false), PROGRESSING, waiting.message.clone());
                self.watch(&waiting);
                let report = self.report(Report::reconciling(ready), records, Some(released), true);
                let report = report.with(Kind::TestSuccess, Some(verdict));
                Step::end(Report { observed: true, ..report }, again(&waiting))
            }
            Err(error) if error.is_transient() => self.failed(error, Operation::Upgrade, None).await,
            Err(error) => {
                let message = format!("a test of revision {revision} failed: {}", service_kit::chain(&error));
                tracing::warn!(release = %self.subject.release, "{message}");
                let verdict = Verdict::new(Some(false), "TestFailed", message);
                if !self.subject.options.test.may_fail
                    && let Some(wanted) = wanted
                {
                    self.count_failure(wanted.inputs);
                    self.fault = Some(verdict.clone());
                }
                self.conditions.push((Kind::TestSuccess, Some(verdict)));
                Step::Again
            }
        }
    }

    /// An operation failed. What follows from that is decided anew, but for what may pass by itself.
    async fn failed(&mut self, error: ActError, operation: Operation, inputs: Option<Inputs>) -> Step {
        let message = service_kit::chain(&error);
        tracing::warn!(release = %self.subject.release, "{message}");
        let verdict = Verdict::new(Some(false), error.reason(operation), message);
        if error.is_transient() {
            let report = Report::reconciling(verdict);
            let (namespace, release) = (&self.subject.namespace, self.subject.release.as_str());
            // What became of the records, for the status; an unknown answer leaves it as it was.
            let records = self.context.store.index().records(namespace, release);
            let records = records.filter(|records| records.are_of(&self.subject.identity.uid));
            return Step::end(Report { records, ..report }, Next::Retry);
        }
        let kind = match operation {
            Operation::Rollback => Kind::Remediated,
            Operation::Install | Operation::Upgrade => Kind::Released,
        };
        self.conditions.push((kind, Some(verdict.clone())));
        if operation != Operation::Rollback
            && let Some(inputs) = inputs
        {
            self.count_failure(inputs);
        }
        self.fault = Some(verdict);
        Step::Again
    }

    fn count_failure(&mut self, inputs: Inputs) {
        let now = jiff::Timestamp::now();
        let generation = self.subject.generation;
        let told = attempts(&self.status, &inputs, generation, now).failures;
        let recorded = self.records.failed(&self.subject.identity.uid, &inputs.labels(), generation).count;
        let before = told.max(recorded);
        let failures = self.context.memory.failed(&self.key, &inputs, generation, before);
        self.attempt = Some(Attempt { inputs, failures });
    }

    fn report(
        &self,
        report: Report,
        records: Records,
        newest: Option<Arc<Released>>,
        is_own: bool,
    ) -> Report {
        // Somebody else's release that only has the name does not become the object's by a failure.
        match is_own {
            true => Report { records: Some(records), released: newest, ..report },
            false => report,
        }
    }

    /// Whether the object's status says that the release is its own.
    fn is_installed(&self) -> bool {
        let installed = self.object.0.as_ref().ok().and_then(validate::installed);
        installed == Some((self.subject.release.as_str(), self.subject.namespace.as_str()))
    }
}

/// When what waits is looked at again without being woken: at the end of its time at the latest.
fn again(waiting: &Waiting) -> Next {
    Next::After(waiting.left.min(waiting.poll).max(SOON))
}

/// Identity of the FluxHelmRelease, as others depend on it.
pub(crate) fn own_reference(key: &Key) -> ObjectRef {
    ObjectRef {
        api_version: "helm.integrations.flux.weave.works/v1alpha2".to_owned(),
        kind: "FluxHelmRelease".to_owned(),
        namespace: Some(key.0.clone()),
        name: key.1.clone(),
    }
}
