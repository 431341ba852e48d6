//! One look at one FluxHelmRelease: observe → validate → decide → act → report.
//!
//! Level-triggered: a look takes nothing from what woke it, so any look may be lost or doubled. The controller never looks at one
//! object twice at the same time.

pub mod act;
pub mod decide;
pub mod dependencies;
pub mod health;
pub mod observe;
pub mod report;
pub mod validate;
pub mod values;

mod delete;
mod drift;
mod steps;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use crds::FluxHelmReleaseStatus;
use kube::core::Resource as _;
use kube::runtime::reflector::ObjectRef;
use tracing::Instrument as _;

use crate::backoff::jittered;
use crate::context::{Context, Key};
use crate::guard;
use crate::memory::Ask;
use crate::source::Cause;

use decide::decide;
use observe::{ObserveError, facts, observe};
use report::{PROGRESSING, Report, Verdict};
pub(crate) use steps::own_reference;
use steps::{Look, Step};
use tell::Telling;
use validate::{ChartRef, Identity, InvalidObject, Object, Subject};

/// How long an object waits for git-syncer to finish the git revision that it comes from. Then its chart is taken as it is: the
/// revision may be one that git-syncer has forgotten.
const AWAIT_REVISION: Duration = Duration::from_secs(120);
/// A cut-off revision is completed, a failed one is taken back, and then it is looked anew; no look does more than this many steps.
const STEPS: usize = 8;

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
        let ask = asked.iter().map(|(ask, _)| ask).find(|ask| **ask != Ask::Look).cloned();
        let (report, next) = look(&object, &context, &key, ask).await;
        if guard::work().is_some_and(|work| !work.holds()) {
            // What it came to is told by whoever goes on with it.
            tracing::info!("the object may not be worked on any more");
            return (None, false);
        }
        trace_readiness(&context, &key, &report, cause);
        let told = Telling { object: &object, context: &context, identity: &identity };
        let next = told.tell(report, next, asked.is_empty()).await;
        (wait(&context, &key, next), true)
    };
    let (wait, is_done) = look.instrument(span).await;
    // Those who asked are told; when nothing came of it, by the end of their receivers.
    for (_, done) in asked.into_iter().filter(|_| is_done) {
        // Who asked may have gone.
        let _ = done.send(());
    }
    wait
}

/// Ends the trace that led here where the release is ready: in this look, or in a later one that finds it so.
fn trace_readiness(context: &Context, key: &Key, report: &Report, cause: Option<String>) {
    if let Some(traceparent) = cause.as_ref().filter(|_| report.observed) {
        context.memory.follows(key, traceparent);
    }
    let tell = |span: tracing::Span| span.in_scope(|| tracing::info!("the release is ready"));
    match report.ready().map(|ready| (ready.holds, ready.reason)) {
        Some((Some(false), PROGRESSING)) => {
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
        chart: subject.chart.path().and_then(|path| context.charts.cause(path)),
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

async fn look(object: &Object, context: &Context, key: &Key, ask: Option<Ask>) -> (Report, Next) {
    if object.meta().deletion_timestamp.is_some() {
        return delete::delete(object, context).await;
    }
    let subject = match validated(object, context) {
        Ok(subject) => subject,
        Err(error) => {
            let message = service_kit::chain(&error);
            tracing::warn!(object = ?key, "{message}");
            // Another object's deletion can free a name; nothing else than a change helps the rest.
            return (Report::stalled(Verdict::new(Some(false), "InvalidSpec", message)), Next::Resync);
        }
    };
    let is_suspended = subject.options.is_suspended;
    // A person may go back to a revision, or test it, all the same.
    let is_left_alone =
        |ask: Option<&Ask>| is_suspended && !matches!(ask, Some(Ask::Rollback(_) | Ask::Test(_)));
    if is_left_alone(ask.as_ref()) {
        return (suspended(), Next::Resync);
    }
    if let Some(left) = context.store.index().settles_in(&subject.namespace, subject.release.as_str()) {
        return (Report::default(), Next::After(left));
    }
    if ask == Some(Ask::Retry) {
        context.memory.reset_failures(key);
    }
    let status = known_status(object, context, key);
    let settled = is_settled(&status, context, key, subject.generation);
    let mut look = Look::new(context, object, subject, status, ask);
    for _ in 0..STEPS {
        let observed = match observe(context, &look.subject, key, settled, look.ask == Some(Ask::Retry)).await
        {
            Ok(observed) => observed,
            Err(error) => {
                let (report, next) = unobserved(error, context, &look.subject);
                return (look.told(report), next);
            }
        };
        context.memory.arrived(key);
        let now = jiff::Timestamp::now();
        let decision =
            decide(&facts(&observed, &look.subject, context, &look.status, look.ask.as_ref(), now));
        tracing::debug!(?decision, "decided");
        match look.step(observed, decision).await {
            Step::End(report, next) => return (look.told(*report), next),
            Step::Again if is_left_alone(look.ask.as_ref()) => return (look.told(suspended()), Next::Resync),
            Step::Again => {}
        }
    }
    (look.told(Report::default()), Next::After(Duration::from_secs(1)))
}

/// The release is left as it is.
fn suspended() -> Report {
    Report { observed: true, ..Report::default() }.with(report::Kind::Reconciling, None)
}

fn validated(object: &Object, context: &Context) -> Result<Subject, InvalidObject> {
    let subject = validate::subject(object)?;
    if let Ok(decoded) = &object.0 {
        context.catalog.claim(decoded, &subject.namespace, &subject.release)?;
    }
    Ok(subject)
}

/// The object's status: as it was written last, when the watch has not told of that yet, else as the watch tells by now. What is written is
/// remembered until the store has it, so the order matters: the object at hand may be older than both.
fn known_status(object: &Object, context: &Context, key: &Key) -> FluxHelmReleaseStatus {
    let version = object.meta().resource_version.as_deref().and_then(|version| version.parse().ok());
    let written = version.and_then(|version| context.memory.status(key, version));
    let told = |object: &Object| object.0.as_ref().ok().and_then(|object| object.status.clone());
    written
        .or_else(|| {
            let stored = context.objects.get(&ObjectRef::new(&key.1).within(&key.0));
            told(stored.filter(|stored| stored.meta().uid == object.meta().uid).as_deref().unwrap_or(object))
        })
        .unwrap_or_default()
}

/// Whether the object's git revision need not be waited for: its content was dealt with before, or it has waited long enough.
fn is_settled(status: &FluxHelmReleaseStatus, context: &Context, key: &Key, generation: i64) -> bool {
    status.observed_generation == Some(generation)
        || context.memory.awaiting_since(key).is_some_and(|since| since.elapsed() >= AWAIT_REVISION)
}

fn unobserved(error: ObserveError, context: &Context, subject: &Subject) -> (Report, Next) {
    let key = &subject.identity.key();
    let message = service_kit::chain(&error);
    let (reason, next) = match &error {
        ObserveError::NotApplied(_) => {
            context.memory.awaits(key);
            // The watch wakes those that wait; this is for when it is broken.
            return (Report::default(), Next::After(jittered(Duration::from_secs(1))));
        }
        ObserveError::Source(source) if source.is_transient() => {
            // A server that says how long it wants to be left alone is.
            (
                "SourceUnavailable",
                source
                    .retry_after()
                    .map_or(Next::Retry, |after| Next::After(after + jittered(Duration::from_secs(1)))),
            )
        }
        // The chart may come, as soon as its repository is asked again.
        ObserveError::Source(_) => ("ChartUnusable", Next::After(jittered(resync(context, &subject.chart)))),
        ObserveError::Values(_) => ("ValuesUnusable", Next::Resync),
        ObserveError::ValuesUnreadable(_) => ("ValuesUnavailable", Next::Retry),
        ObserveError::Store(store) if store.is_transient() => ("ClusterUnavailable", Next::Retry),
        ObserveError::Store(_) => ("RecordsUnusable", Next::Retry),
    };
    tracing::warn!(object = ?key, reason, "{message}");
    let ready = Verdict::new(Some(false), reason, message);
    let report = match (next, reason) {
        (Next::Retry, "RecordsUnusable") => Report { observed: true, ..Report::reconciling(ready) },
        (_, "SourceUnavailable" | "ValuesUnavailable" | "ClusterUnavailable") => Report::reconciling(ready),
        _ => Report::stalled(ready),
    };
    (report, next)
}

/// How often a release is looked at although nothing happened: a chart of a repository as often as it is to be looked for.
fn resync(context: &Context, chart: &ChartRef) -> Duration {
    let interval = match chart {
        ChartRef::Git(_) => None,
        ChartRef::Repository(chart) => {
            validate::duration("spec.chart.interval", chart.interval.as_deref()).ok().flatten()
        }
    };
    interval.map_or(context.settings.resync, |interval| interval.min(context.settings.resync))
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
            let memory = crate::memory::Memory::default();
            let key = ("dev".to_owned(), "web".to_owned());
            followed.iter().for_each(|traceparent| memory.follows(&key, traceparent));
            let actual = causes.newest(|traceparent| memory.has_followed(&key, traceparent));
            assert_eq!(actual.as_deref(), expected, "{content:?} {chart:?} {deployed:?} {followed:?}");
        }
    }
}
