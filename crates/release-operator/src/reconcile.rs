//! One look at one FluxHelmRelease: observe → validate → decide → act → report.
//!
//! Level-triggered: a look takes nothing from what woke it, so any look may be lost or doubled. The controller never looks at one
//! object twice at the same time.

pub mod act;
pub mod decide;
pub mod health;
pub mod observe;
pub mod report;
pub mod validate;

mod delete;

use std::sync::Arc;
use std::time::Duration;

use crds::{FluxHelmRelease, FluxHelmReleaseStatus};
use kube::core::Resource as _;
use tracing::Instrument as _;

use crate::backoff::jittered;
use crate::context::{Context, Key};
use crate::record;
use crate::source::Cause;
use crate::store::{Records, Stored};

use act::NewRevision;
use decide::{Decision, decide};
use observe::{ObserveError, Observed, facts, observe};
use report::{Done, Inputs, Report, Verdict};
use validate::{Identity, InvalidObject, Object, Subject};

/// How long an object waits for git-syncer to finish the git revision that it comes from. Then its chart is taken as it is: the
/// revision may be one that git-syncer has forgotten.
const AWAIT_REVISION: Duration = Duration::from_secs(120);
/// How soon a release that is becoming ready is looked at again without being woken by its workloads.
const AWAIT_READY: Duration = Duration::from_secs(10);
/// A cut-off revision is completed and then looked at anew; no look does more than this many steps.
const STEPS: usize = 4;

/// When the object is looked at again, if nothing wakes it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// After the resync interval.
    Resync,
    /// After this time.
    After(Duration),
    /// After the back-off.
    Retry,
    /// Never: it is gone.
    Gone,
}

/// Looks at an object once, reports, and says when to look again.
pub async fn reconcile(object: Arc<Object>, context: Arc<Context>) -> Option<Duration> {
    let identity = Identity::of(object.meta());
    let key = identity.key();
    let asked = context.memory.take_asked(&key);
    let cause = cause(&object, &context, &key);
    let span = match &cause {
        Some(traceparent) => {
            let span =
                tracing::info_span!("reconcile", namespace = identity.namespace, object = identity.name);
            service_kit::trace_context::continue_from(&span, traceparent);
            span
        }
        // A look that nothing caused is no part of any trace.
        None => tracing::debug_span!("reconcile", namespace = identity.namespace, object = identity.name),
    };
    let look = async {
        let (report, next) = look(&object, &context, &key, !asked.is_empty()).await;
        trace_readiness(&context, &key, &report, cause);
        let told = if next == Next::Gone { true } else { tell(&object, &context, &identity, &report).await };
        wait(&context, &key, if told { next } else { Next::Retry })
    };
    let wait = look.instrument(span).await;
    // Those who asked are told by the end of their receivers.
    drop(asked);
    wait
}

/// Ends the trace that led here where the release is ready: in this look, or in a later one that finds it so.
fn trace_readiness(context: &Context, key: &Key, report: &Report, cause: Option<String>) {
    if let Some(traceparent) = cause.as_ref().filter(|_| report.observed) {
        context.memory.follows(key, traceparent);
    }
    let tell = |span: tracing::Span| span.in_scope(|| tracing::info!("the release is ready"));
    match report.ready.as_ref().map(|ready| (ready.holds, ready.reason)) {
        Some((Some(false), "Progressing")) => {
            if let Some(traceparent) = cause {
                context.memory.rolls_out(key, traceparent);
            }
        }
        Some((Some(true), _)) => {
            match (context.memory.rolled_out(key), cause.is_some() || report.done.is_some()) {
                (_, true) => tell(tracing::info_span!("ready")),
                (Some(traceparent), false) => {
                    let span = tracing::info_span!(parent: None, "ready");
                    service_kit::trace_context::continue_from(&span, &traceparent);
                    tell(span);
                }
                (None, false) => {}
            }
        }
        _ => {}
    }
}

fn wait(context: &Context, key: &Key, next: Next) -> Option<Duration> {
    if next != Next::Retry {
        context.memory.succeeded(key);
    }
    match next {
        Next::Resync => Some(jittered(context.settings.resync)),
        Next::After(delay) => Some(delay),
        Next::Retry => Some(context.memory.delay(key)),
        Next::Gone => {
            context.memory.forget(key);
            None
        }
    }
}

/// The trace that led here. A deletion has none: it bumps the generation, but the annotation speaks of the content before it.
fn cause(object: &Object, context: &Context, key: &Key) -> Option<String> {
    if object.meta().deletion_timestamp.is_some() {
        return None;
    }
    let status = object.0.as_ref().ok()?.status.clone().unwrap_or_default();
    let subject = validate::subject(object).ok()?;
    let causes = Causes {
        content: subject.traceparent.filter(|_| status.observed_generation != Some(subject.generation)),
        chart: context.charts.cause(&subject.chart),
        deployed: status.chart_digest,
    };
    causes.newest(|traceparent| context.memory.has_followed(key, traceparent))
}

/// What can have led to a look.
struct Causes {
    /// The trace of the object's content, if its generation was not dealt with.
    content: Option<String>,
    /// The chart's present digest and its trace.
    chart: Option<Cause>,
    /// Digest of the chart that is deployed.
    deployed: Option<String>,
}

impl Causes {
    /// The trace of the new content, else of the new chart, unless it was dealt with: a look that only checks again is part of no
    /// trace. Nor is a change by a person, which leaves the annotation of an earlier trace on the object.
    fn newest(self, has_followed: impl Fn(&str) -> bool) -> Option<String> {
        let chart = self.chart.filter(|chart| self.deployed.as_ref() != Some(&chart.digest));
        let traces = [self.content, chart.map(|chart| chart.traceparent)];
        traces.into_iter().flatten().find(|traceparent| !has_followed(traceparent))
    }
}

async fn look(object: &Object, context: &Context, key: &Key, forced: bool) -> (Report, Next) {
    if object.meta().deletion_timestamp.is_some() {
        return delete::delete(object, context).await;
    }
    let mut subject = match validated(object, context) {
        Ok(subject) => subject,
        Err(error) => {
            let message = service_kit::chain(&error);
            tracing::warn!(object = ?key, "{message}");
            let ready = Verdict::new(Some(false), "InvalidSpec", message);
            // Another object's deletion can free a name; nothing else than a change helps the rest.
            return (Report { ready: Some(ready), observed: true, ..Report::default() }, Next::Resync);
        }
    };
    let settled = is_settled(object, context, key, subject.generation);
    let mut done = None;
    for _ in 0..STEPS {
        let observed = match observe(context, &subject, settled).await {
            Ok(observed) => observed,
            Err(error) => return unobserved(error, context, key),
        };
        context.memory.arrived(key);
        let decision = decide(&facts(&observed, &subject, forced, jiff::Timestamp::now()));
        tracing::debug!(?decision, "decided");
        match step(context, object, &mut subject, observed, decision).await {
            Step::End(report, next) => return (Report { done: report.done.or(done), ..*report }, next),
            Step::Again(what) => done = what.or(done),
        }
    }
    (Report::default(), Next::After(Duration::from_secs(1)))
}

fn validated(object: &Object, context: &Context) -> Result<Subject, InvalidObject> {
    let subject = validate::subject(object)?;
    let all = context.objects.state();
    validate::claim(object.meta(), &subject.release, typed(&all))?;
    Ok(subject)
}

/// The objects that can be decoded.
pub(crate) fn typed(all: &[Arc<Object>]) -> impl Iterator<Item = &FluxHelmRelease> {
    all.iter().filter_map(|object| object.0.as_ref().ok())
}

/// Whether the object's git revision need not be waited for: its content was dealt with before, or it has waited long enough.
fn is_settled(object: &Object, context: &Context, key: &Key, generation: i64) -> bool {
    let status = object.0.as_ref().ok().and_then(|object| object.status.as_ref());
    let observed = status.is_some_and(|status| status.observed_generation == Some(generation));
    observed || context.memory.awaiting_since(key).is_some_and(|since| since.elapsed() >= AWAIT_REVISION)
}

fn unobserved(error: ObserveError, context: &Context, key: &Key) -> (Report, Next) {
    let message = service_kit::chain(&error);
    let (reason, next, observed) = match &error {
        ObserveError::NotApplied(_) => {
            context.memory.awaits(key);
            // The watch wakes those that wait; this is for when it is broken.
            return (Report::default(), Next::After(jittered(Duration::from_secs(1))));
        }
        ObserveError::Source(source) if source.is_transient() => ("SourceUnavailable", Next::Retry, false),
        ObserveError::Source(_) => ("ChartUnusable", Next::Resync, true),
        ObserveError::Store(store) if store.is_transient() => ("ClusterUnavailable", Next::Retry, false),
        ObserveError::Store(_) => ("RecordsUnusable", Next::Retry, true),
    };
    tracing::warn!(object = ?key, reason, "{message}");
    (Report { ready: Some(Verdict::new(Some(false), reason, message)), observed, ..Report::default() }, next)
}

enum Step {
    End(Box<Report>, Next),
    Again(Option<Done>),
}

impl Step {
    fn end(report: Report, next: Next) -> Self {
        Self::End(Box::new(report), next)
    }
}

/// Does one decision.
async fn step(
    context: &Context,
    object: &Object,
    subject: &mut Subject,
    observed: Observed,
    decision: Decision,
) -> Step {
    let inputs = observed.source.as_ref().map(|source| Inputs {
        source_revision: source.revision.clone(),
        chart_digest: source.digest.clone(),
        values_digest: record::values_digest(&subject.values),
    });
    let newest = observed.newest.clone();
    let is_own = decision.adopts() || observed.is_claimed || is_installed(object, subject);
    // Before the release is the object's, and again when somebody took the finalizer off.
    if is_own && let Err(error) = act::hold(context, subject, object.meta()).await {
        if error.is_transient() {
            // Most often the object has changed since it was read, by our own finalizer at the look before. Nothing was begun.
            tracing::warn!(release = %subject.release, "the finalizer is not set yet: {}", service_kit::chain(&error));
            return Step::end(Report::default(), Next::Retry);
        }
        let is_install = matches!(decision, Decision::Install { .. });
        return fault(context, object, subject, error, is_install, inputs).await;
    }
    let made = match decision {
        Decision::Install { revision, reason, abandoned } => {
            Some((NewRevision { revision, is_install: true, abandoned }, Some(reason)))
        }
        Decision::Upgrade { revision, reason, abandoned } => {
            Some((NewRevision { revision, is_install: false, abandoned }, Some(reason)))
        }
        _ => None,
    };
    if let (Some((new, reason)), Some(source)) = (made, observed.source.clone()) {
        let done = if new.is_install { Done::Installed } else { Done::Upgraded };
        tracing::info!(release = %subject.release, revision = new.revision, ?reason, "{}", if new.is_install { "installing" } else { "upgrading" });
        return match act::make(context, subject, observed, &source, &new).await {
            Ok(stored) => deployed(context, stored, inputs, Some(done)).await,
            Err(error) => fault(context, object, subject, error, new.is_install, inputs).await,
        };
    }
    match decision {
        Decision::Resume { revision } => {
            tracing::info!(release = %subject.release, revision, "completing a revision that was cut off");
            let is_install = newest
                .is_some_and(|newest| newest.release.info.status == helm_release::Status::PendingInstall);
            match act::resume(context, subject, observed).await {
                Ok(_) => Step::Again(Some(if is_install { Done::Installed } else { Done::Upgraded })),
                Err(error) => fault(context, object, subject, error, is_install, inputs).await,
            }
        }
        Decision::Tidy { revisions } => match act::supersede(context, subject, &revisions).await {
            Ok(()) => Step::Again(None),
            Err(error) => fault(context, object, subject, error.into(), false, inputs).await,
        },
        Decision::Wait { revision, left } => {
            // Without the time that is left, which would make every look a new message.
            let message = format!(
                "revision {revision} of release {} is being worked on by somebody else (helm); it is taken over when it has not ended {} min after it began",
                subject.release,
                decide::FOREIGN_OPERATION.as_secs() / 60
            );
            let ready = Some(Verdict::new(Some(false), "OperationPending", message));
            let record = newest.filter(|_| is_own).map(|newest| newest.release);
            Step::end(Report { ready, record, ..Report::default() }, Next::After(left.min(AWAIT_READY)))
        }
        Decision::Stalled { revision } => {
            let message =
                newest.as_ref().map(|newest| newest.release.info.description.clone()).unwrap_or_default();
            let message = format!(
                "{message} (revision {revision}; it is tried again when the object or its chart changes, or by Reconcile)"
            );
            let ready = Some(Verdict::new(Some(false), "Stalled", message.clone()));
            let released = Some(Verdict::new(Some(false), "Stalled", message));
            let record = newest.filter(|_| is_own).map(|newest| newest.release);
            Step::end(Report { ready, released, record, observed: true, ..Report::default() }, Next::Resync)
        }
        Decision::Nothing | Decision::Install { .. } | Decision::Upgrade { .. } => match newest {
            Some(newest) => deployed(context, newest, inputs, None).await,
            None => Step::Again(None),
        },
    }
}

/// Whether the object's status says that the release is its own.
fn is_installed(object: &Object, subject: &Subject) -> bool {
    let installed = object.0.as_ref().ok().and_then(validate::installed_name);
    installed == Some(subject.release.as_str())
}

/// The release is as asked for: what is left is whether its workloads are.
async fn deployed(context: &Context, stored: Stored, inputs: Option<Inputs>, done: Option<Done>) -> Step {
    let description = stored.release.info.description.clone();
    let released =
        Verdict::new(Some(true), "Released", format!("{description}: revision {}", stored.release.revision));
    let (ready, next) = match health::health(context, &stored).await {
        Ok(ready) if ready.reason == "Progressing" => (ready, Next::After(AWAIT_READY)),
        Ok(ready) => (ready, Next::Resync),
        Err(error) => (Verdict::new(None, "ReadinessUnknown", service_kit::chain(&error)), Next::Retry),
    };
    let report = Report {
        ready: Some(ready),
        released: Some(released),
        record: Some(stored.release),
        attempt: done.and_then(|_| inputs.clone()).map(|inputs| (inputs, false)),
        deployed_from: inputs,
        done,
        observed: true,
    };
    Step::end(report, next)
}

async fn fault(
    context: &Context,
    object: &Object,
    subject: &Subject,
    error: act::ActError,
    is_install: bool,
    inputs: Option<Inputs>,
) -> Step {
    let message = service_kit::chain(&error);
    tracing::warn!(release = %subject.release, "{message}");
    let transient = error.is_transient();
    let verdict = Verdict::new(Some(false), error.reason(is_install), message);
    // What became of the records, for the status; an unknown answer leaves it as it was.
    let namespace = &subject.identity.namespace;
    let records = context.store.records(namespace, subject.release.as_str()).await.ok();
    // Somebody else's release that only has the name does not become the object's by a failure.
    let own = |records: &Records| records.are_of(&subject.identity.uid) || is_installed(object, subject);
    let newest = records.filter(own).and_then(|records| records.history.last().map(|last| last.revision));
    let record = match newest {
        Some(revision) => {
            context.store.get(namespace, subject.release.as_str(), revision).await.ok().flatten()
        }
        None => None,
    };
    let report = Report {
        ready: Some(verdict.clone()),
        released: Some(verdict),
        record: record.map(|stored| stored.release),
        attempt: inputs.map(|inputs| (inputs, true)),
        observed: !transient,
        ..Report::default()
    };
    Step::end(report, if transient { Next::Retry } else { Next::Resync })
}

/// Writes the status if it says something new, and publishes what is worth an Event. False when the status could not be written.
async fn tell(object: &Object, context: &Context, identity: &Identity, report: &Report) -> bool {
    let before = match &object.0 {
        Ok(object) => object.status.clone().unwrap_or_default(),
        Err(_) => FluxHelmReleaseStatus::default(),
    };
    let generation = object.meta().generation.unwrap_or(0);
    let after = report::status(&before, report, generation, jiff::Timestamp::now());
    if after == before {
        return true;
    }
    let write = context.cluster.set_status(identity, &after);
    if let Err(error) = write.instrument(tracing::info_span!("report")).await {
        tracing::warn!("the status cannot be written: {}", service_kit::chain(&error));
        return false;
    }
    for notice in report::notices(&before, report) {
        context.cluster.publish(identity, notice.warning, notice.reason, notice.note).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_followed_until_it_was_dealt_with() {
        // trace of new content, chart's digest and trace, deployed digest, traces dealt with, the trace that is continued
        type Row<'a> =
            (Option<&'a str>, Option<(&'a str, &'a str)>, Option<&'a str>, &'a [&'a str], Option<&'a str>);
        let rows: [Row<'_>; 10] = [
            (Some("content"), None, None, &[], Some("content")),
            (Some("content"), Some(("2", "chart")), Some("1"), &[], Some("content")),
            // A person changed the object.
            (Some("content"), None, None, &["content"], None),
            (Some("content"), Some(("2", "chart")), Some("1"), &["content"], Some("chart")),
            (None, Some(("2", "chart")), Some("1"), &[], Some("chart")),
            (None, Some(("2", "chart")), None, &["older"], Some("chart")),
            // A resync of what is deployed, and of what failed.
            (None, Some(("1", "chart")), Some("1"), &[], None),
            (None, Some(("2", "chart")), Some("1"), &["chart"], None),
            (None, None, Some("1"), &[], None),
            (None, None, None, &[], None),
        ];
        for (content, chart, deployed, followed, expected) in rows {
            let cause = |(digest, traceparent): (&str, &str)| Cause {
                digest: digest.to_owned(),
                traceparent: traceparent.to_owned(),
            };
            let causes = Causes {
                content: content.map(str::to_owned),
                chart: chart.map(cause),
                deployed: deployed.map(str::to_owned),
            };
            let memory = crate::context::Memory::default();
            let key = ("dev".to_owned(), "web".to_owned());
            followed.iter().for_each(|traceparent| memory.follows(&key, traceparent));
            let actual = causes.newest(|traceparent| memory.has_followed(&key, traceparent));
            assert_eq!(actual.as_deref(), expected, "{content:?} {chart:?} {deployed:?} {followed:?}");
        }
    }
}
