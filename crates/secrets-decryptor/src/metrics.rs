//! Counters, under the names that dashboards and alerts for the original know.
//!
//! No label names an object: who may scrape need not know which Secrets exist (GHSA-mx74-8fcw-qjrm).

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// What the reconciler counts.
pub(crate) struct Metrics {
    requests: IntCounter,
    errors: IntCounterVec,
}

impl Metrics {
    /// Registers the counters.
    ///
    /// # Errors
    /// A name is taken.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounter::new(
            "sealed_secrets_controller_unseal_requests_total",
            "SealedSecrets worked on, the same one each time anew.",
        )?;
        let errors = IntCounterVec::new(
            Opts::new(
                "sealed_secrets_controller_unseal_errors_total",
                "SealedSecrets that could not be brought in step, by the reason in their condition Synced.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(errors.clone()))?;
        Ok(Self { requests, errors })
    }

    /// One SealedSecret was worked on; `failure` is the condition's reason if it failed.
    pub(crate) fn worked_on(&self, failure: Option<&'static str>) {
        self.requests.inc();
        if let Some(reason) = failure {
            self.errors.with_label_values(&[reason]).inc();
        }
    }
}
