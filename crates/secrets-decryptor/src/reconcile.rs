//! One SealedSecret: observe → validate → unseal → decide → act → report, one file per step.
//!
//! Role: brings the Secret in step with its SealedSecret. Level-triggered: it takes no input but the object, and every
//! step may be run again.
//!
//! Invariants:
//! - `validate` and `decide` are pure; only `observe`, `act` and `report` talk to the API server.
//! - What fails for good (bad spec, no key, a foreign Secret) is reported and left until the object, the keys or the
//!   Secret change; what may pass is retried with a growing delay.
//! - An object that cannot even be decoded gets a status like any other.

pub(crate) mod act;
mod decide;
mod observe;
mod report;
pub(crate) mod validate;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crds::SealedSecret;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::events::Recorder;
use kube::{Client, Resource as _};
use service_kit::{chain, failpoint, trace_context};
use thiserror::Error;
use tracing::Instrument as _;

use crate::keys::Keys;
use crate::metrics::Metrics;
use act::ActError;
use decide::{Decision, Refusal};
use observe::ObserveError;
use report::{Report, ReportError};
use sealing::UnsealError;
use validate::Fault;

/// A delay grows from here …
const RETRY_MIN: Duration = Duration::from_millis(500);
/// … by doubling up to here.
const RETRY_MAX: Duration = Duration::from_secs(120);

/// An object as the watch delivers it: decoded, or with its metadata and what is wrong with it.
pub(crate) type Watched = DeserializeGuard<SealedSecret>;

/// What the reconciler works with.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) keys: Keys,
    pub(crate) recorder: Recorder,
    metrics: Metrics,
    /// How often each object has failed in a row. Entries go when the object succeeds, fails for good or is deleted.
    attempts: Mutex<HashMap<(String, String), u32>>,
}

impl Context {
    pub(crate) fn new(client: Client, keys: Keys, recorder: Recorder, metrics: Metrics) -> Self {
        Self { client, keys, recorder, metrics, attempts: Mutex::default() }
    }

    fn failed_again(&self, object: &Watched) -> u32 {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = attempts.entry(key(object)).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// The object of this namespace and name is gone or has nothing left to try.
    pub(crate) fn forget(&self, key: &(String, String)) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn key(object: &Watched) -> (String, String) {
    (object.meta().namespace.clone().unwrap_or_default(), object.meta().name.clone().unwrap_or_default())
}

/// Why the Secret is not in step.
#[derive(Debug, Error)]
enum Failure {
    /// The object does not have the form of a SealedSecret.
    #[error("this object cannot be read: {0}")]
    Undecodable(String),
    /// The spec asks for something that cannot be done.
    #[error("{}", validate::list(.0))]
    Invalid(Vec<Fault>),
    /// Items do not open.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// The existing Secret may not be written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The existing Secret could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The Secret could not be written.
    #[error(transparent)]
    Act(#[from] ActError),
}

impl Failure {
    /// The condition's reason.
    fn reason(&self) -> &'static str {
        match self {
            Self::Undecodable(_) => "Undecodable",
            Self::Invalid(_) => "InvalidSpec",
            Self::Unseal(_) => "UnsealFailed",
            Self::Refused(refusal) => refusal.reason(),
            Self::Observe(_) => "ReadFailed",
            Self::Act(_) => "WriteFailed",
        }
    }

    /// Whether the same input may succeed later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Undecodable(_) | Self::Invalid(_) | Self::Unseal(_) | Self::Refused(_) => false,
            Self::Observe(_) => true,
            Self::Act(error) => error.may_pass(),
        }
    }
}

/// Why an object is tried again.
#[derive(Debug, Error)]
pub(crate) enum ReconcileError {
    /// A step failed that may pass; its status has been written.
    #[error("{0}")]
    Retry(String),
    /// The status could not be written.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// Brings one Secret in step with its SealedSecret, and says so in the status.
///
/// # Errors
/// What is to be tried again; [`retry`] says when.
pub(crate) async fn reconcile(object: Arc<Watched>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    let (namespace, name) = key(&object);
    let span = tracing::info_span!("unseal", namespace, name);
    let annotations = object.meta().annotations.as_ref();
    if let Some(parent) = annotations.and_then(|annotations| annotations.get("windlass.dev/traceparent")) {
        trace_context::continue_from(&span, parent);
    }
    steps(&object, &context).instrument(span).await
}

async fn steps(object: &Watched, context: &Context) -> Result<Action, ReconcileError> {
    if object.meta().deletion_timestamp.is_some() {
        // The Secret goes with its owner; that is the garbage collector's work.
        context.forget(&key(object));
        return Ok(Action::await_change());
    }
    let outcome = match &object.0 {
        Ok(sealed_secret) => bring_in_step(sealed_secret, context).await,
        Err(invalid) => Err(Failure::Undecodable(invalid.error.clone())),
    };
    context.metrics.worked_on(outcome.as_ref().err().map(Failure::reason));
    if let Err(Failure::Act(error)) = &outcome
        && error.is_conflict()
    {
        // Somebody wrote the Secret in between: nothing is wrong, and the next look decides anew.
        return Err(ReconcileError::Retry(chain(error)));
    }
    failpoint!("unseal.before-report");
    let report = match &outcome {
        Ok(items) => Report::synced(*items),
        Err(failure) => Report::failed(failure.reason(), chain(failure)),
    };
    report::write(object, &report, context).await?;
    failpoint!("unseal.after-report");
    match outcome {
        Err(failure) if failure.may_pass() => Err(ReconcileError::Retry(chain(&failure))),
        _ => {
            context.forget(&key(object));
            Ok(Action::await_change())
        }
    }
}

/// The steps up to the write; gives the number of items in the Secret.
async fn bring_in_step(sealed_secret: &SealedSecret, context: &Context) -> Result<usize, Failure> {
    let sealed = validate::validate(sealed_secret).map_err(Failure::Invalid)?;
    let existing = observe::secret(&context.client, &sealed).await?;
    failpoint!("unseal.after-observe");
    let keys = context.keys.borrow().clone().unwrap_or_default();
    let sealed = Arc::new(sealed);
    let unsealed = act::unseal(keys, Arc::clone(&sealed)).await??;
    failpoint!("unseal.after-unseal");
    let seen = sealed_secret.status.as_ref().and_then(|status| status.observed_generation)
        == sealed_secret.metadata.generation;
    let values = unsealed.values.iter().map(|(key, value)| (key.as_str(), value.expose())).collect();
    match decide::decide(&sealed, &values, existing.as_ref(), seen) {
        Decision::InStep => {}
        Decision::Refuse(refusal) => return Err(refusal.into()),
        Decision::Apply(plan) => {
            failpoint!("unseal.before-apply");
            act::apply(&context.client, &sealed, &values, existing.as_ref(), &plan).await?;
            failpoint!("unseal.after-apply");
            tracing::info!(items = values.len(), keys = unsealed.keys.len(), "the Secret was written");
        }
    }
    Ok(values.len())
}

/// When an object that failed is tried again.
pub(crate) fn retry(object: Arc<Watched>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let delay = delay(context.failed_again(&object));
    let (namespace, name) = key(&object);
    tracing::warn!(namespace, name, retry_in = ?delay, "{}", chain(error));
    Action::requeue(delay)
}

/// Doubles from [`RETRY_MIN`] to [`RETRY_MAX`].
fn delay(failures: u32) -> Duration {
    RETRY_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_are_bounded() {
        let check = |failures: u32, millis: u64| assert_eq!(delay(failures), Duration::from_millis(millis));
        check(0, 500);
        check(1, 500);
        check(2, 1000);
        check(5, 8000);
        check(9, 120_000);
        check(u32::MAX, 120_000);
    }
}
