//! Whether the objects of a deployed release are well, and still what it says.
//!
//! What an object's readiness is judged by is compared at the same time; all other objects are read once per interval. Where the live
//! object alone does not show that all is as stated, a dry-run of the very apply that would correct it tells.

use std::time::Duration;

use crds::DriftMode;
use futures::{StreamExt as _, stream};
use kube::api::DynamicObject;
use kube_apply::drift::{Stated, differences, ignored, states, with_live};
use kube_apply::{ApplyError, ApplyOptions};

use super::Next;
use super::act::{self, AT_ONCE, ActError, Actor};
use super::health::{self, HealthError, Look};
use super::report::{PROGRESSING, Verdict};
use super::validate::{Drift, Subject};
use crate::names::HELM_MANAGER;
use crate::objects::{Object, in_namespace_of, owned, parse};
use crate::released::Released;

/// How soon a release that is becoming ready is looked at again without being woken by its workloads.
const AWAIT_READY: Duration = Duration::from_secs(10);
/// How soon a correction is looked at.
const SOON: Duration = Duration::from_secs(1);
/// Objects that a message names.
const NAMED: usize = 5;

/// What a look at the objects came to.
pub(super) struct Health {
    /// Condition `Ready`.
    pub(super) ready: Verdict,
    /// Condition `DriftDetected`, if it was looked for; the inner `None` when there is none.
    pub(super) drift: Option<Option<Verdict>>,
    /// When to look again.
    pub(super) next: Next,
}

/// One object that is not what the release says.
#[derive(Debug)]
struct Drifted {
    object: Object,
    /// In words.
    how: String,
}

/// Looks at the objects, and corrects them if that is asked for. `applied` are those with readiness as applies of this look answered.
pub(super) async fn health(
    actor: &Actor<'_>,
    subject: &Subject,
    released: &Released,
    applied: Option<Vec<Look>>,
) -> Health {
    let looked = async {
        let looks = match applied {
            Some(looks) => looks,
            None => looks(actor, released).await?,
        };
        looked(actor, subject, released, looks).await
    };
    match looked.await {
        Ok(health) => health,
        Err(error) => {
            let ready = Verdict::new(None, "ReadinessUnknown", service_kit::chain(&error));
            Health { ready, drift: None, next: Next::Retry }
        }
    }
}

/// Reads what has readiness; what nothing tells of, and was ready, only now and then.
async fn looks(actor: &Actor<'_>, released: &Released) -> Result<Vec<Look>, HealthError> {
    let memory = &actor.context.memory;
    let at_rest = memory.at_rest(&actor.key, actor.context.settings.resync / 2);
    let looks = health::health(&actor.applier, released, &at_rest).await?;
    let read = looks.iter().filter_map(|look| look.live.as_ref());
    read.for_each(|live| memory.sees(&actor.key, &live.metadata));
    if at_rest.is_empty() {
        memory.rest(&actor.key, health::at_rest(&looks));
    }
    Ok(looks)
}

async fn looked(
    actor: &Actor<'_>,
    subject: &Subject,
    released: &Released,
    looks: Vec<Look>,
) -> Result<Health, HealthError> {
    let ready = health::told(&looks, released);
    let next = match ready.reason {
        PROGRESSING => Next::After(AWAIT_READY),
        _ => Next::Resync,
    };
    let drift = &subject.options.drift;
    let memory = &actor.context.memory;
    if drift.mode == DriftMode::Off {
        return Ok(Health { ready, drift: Some(None), next });
    }
    let is_due = memory.is_drift_due(&actor.key, actor.context.settings.resync);
    let found = match is_due {
        true => drifted(actor, drift, parse(&released.manifest)?, looks).await?,
        false => drifted(actor, drift, Vec::new(), looks).await?,
    };
    if is_due {
        memory.drift_checked(&actor.key);
    }
    if found.is_empty() {
        return Ok(Health { ready, drift: is_due.then_some(None), next });
    }
    let message = told(&found);
    tracing::warn!(release = %actor.release, "drift: {message}");
    if drift.mode == DriftMode::Warn {
        let verdict =
            Verdict::new(Some(true), "Drifted", format!("changed by somebody else, and left so: {message}"));
        return Ok(Health { ready, drift: Some(Some(verdict)), next });
    }
    Ok(match act::apply_again(actor, found.into_iter().map(|found| found.object).collect()).await {
        Ok(()) => {
            let verdict = Verdict::new(
                Some(false),
                "DriftCorrected",
                format!("changed by somebody else, and put right: {message}"),
            );
            Health { ready, drift: Some(Some(verdict)), next: Next::After(SOON) }
        }
        Err(error) => uncorrected(&error, &message),
    })
}

fn uncorrected(error: &ActError, message: &str) -> Health {
    let text = format!(
        "changed by somebody else ({message}), and it cannot be put right: {}",
        service_kit::chain(error)
    );
    let ready = Verdict::new(Some(false), "DriftNotCorrected", text.clone());
    Health {
        ready,
        drift: Some(Some(Verdict::new(Some(true), "DriftNotCorrected", text))),
        next: Next::Retry,
    }
}

/// The objects that differ: of all those given, and of those that were looked at anyway.
async fn drifted(
    actor: &Actor<'_>,
    drift: &Drift,
    all: Vec<Object>,
    looks: Vec<Look>,
) -> Result<Vec<Drifted>, ApplyError> {
    let is_looked_at =
        |object: &Object| looks.iter().any(|look| look.object.identity.same_object(&object.identity));
    let unread = all
        .into_iter()
        .filter(|object| !is_looked_at(object))
        .map(|object| (object, None))
        .collect::<Vec<_>>();
    let read = looks.into_iter().map(|look| (look.object, Some(look.live)));
    let checks = read.chain(unread).map(|(object, live)| check(actor, drift, object, live));
    let checked: Vec<Result<Option<Drifted>, ApplyError>> =
        stream::iter(checks).buffered(AT_ONCE).collect().await;
    checked.into_iter().filter_map(Result::transpose).collect()
}

async fn check(
    actor: &Actor<'_>,
    drift: &Drift,
    object: Object,
    live: Option<Option<DynamicObject>>,
) -> Result<Option<Drifted>, ApplyError> {
    let namespace = actor.namespace.as_str();
    let ignore = drift.ignored_of(&object.document, namespace);
    if ignore.iter().any(|pointer| pointer.tokens().is_empty()) {
        return Ok(None);
    }
    let live = match live {
        Some(live) => live,
        None => match actor.applier.get(&object.identity, namespace).await {
            // The definition of the kind is gone, and all its objects with it.
            Err(ApplyError::UnknownKind { .. }) => None,
            other => other?,
        },
    };
    let object = object.placed(live.as_ref(), namespace);
    let Some(live) = live else {
        let how = format!("{} was deleted", object.identity);
        return Ok(Some(Drifted { object, how }));
    };
    let live = serde_json::to_value(live).unwrap_or_default();
    let document = in_namespace_of(owned(&object.document, actor.name(), namespace), &live);
    let document = if ignore.is_empty() { document } else { with_live(&document, &live, &ignore) };
    if states(&document, &live, HELM_MANAGER) == Stated::Equal {
        return Ok(None);
    }
    let how = ApplyOptions::new(HELM_MANAGER).force(true);
    let wanted = actor.applier.dry_run(&document, namespace, &how).await?;
    let wanted = serde_json::to_value(wanted).unwrap_or_default();
    let found = differences(&live, &wanted, |pointer| ignored(pointer, &ignore));
    if found.is_empty() {
        return Ok(None);
    }
    let how = format!("{}: {found}", object.identity);
    Ok(Some(Drifted { object: Object { document, ..object }, how }))
}

fn told(found: &[Drifted]) -> String {
    let named: Vec<_> = found.iter().take(NAMED).map(|found| found.how.as_str()).collect();
    let more = found.len().saturating_sub(NAMED);
    match more {
        0 => named.join("; "),
        more => format!("{}; and {more} more objects", named.join("; ")),
    }
}
