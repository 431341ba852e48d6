//! The HTTP port: `/metrics` for Prometheus, `/livez` and `/readyz` for Kubernetes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::Encoder as _;

/// What a service is still waiting for. Ready when there is nothing left, and not before something was said.
///
/// ```
/// use service_kit::Readiness;
/// let readiness = Readiness::default();
/// assert!(!readiness.is_ready());
/// readiness.waiting("database", "the connection is being made");
/// readiness.reached("database");
/// assert!(readiness.is_ready());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    parts: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

impl Readiness {
    /// Something is not there yet, or no longer; `why` is a sentence for the person who looks at `/readyz`.
    pub fn waiting(&self, part: &'static str, why: impl Into<String>) {
        self.lock().insert(part, Some(why.into()));
    }

    /// It is there.
    pub fn reached(&self, part: &'static str) {
        self.lock().insert(part, None);
    }

    /// Whether everything is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let parts = self.lock();
        !parts.is_empty() && parts.values().all(Option::is_none)
    }

    fn report(&self) -> String {
        let parts = self.lock();
        let line = |(part, why): (&&str, &Option<String>)| match why {
            None => format!("[+] {part}\n"),
            Some(why) => format!("[-] {part}: {why}\n"),
        };
        if parts.is_empty() { "[-] starting\n".to_owned() } else { parts.iter().map(line).collect() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Option<String>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn router(readiness: Readiness, metrics: prometheus::Registry) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(render).with_state(metrics))
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let code = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, readiness.report())
}

async fn render(State(metrics): State<prometheus::Registry>) -> impl IntoResponse {
    let encoder = prometheus::TextEncoder::new();
    let mut body = Vec::new();
    match encoder.encode(&metrics.gather(), &mut body) {
        Ok(()) => ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
