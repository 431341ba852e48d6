//! The HTTP paths that the stock kubeseal calls through the API server's service proxy.
//!
//! | path | answer |
//! |---|---|
//! | `GET /v1/cert.pem` | the newest certificate; 503 while there is none |
//! | `POST /v1/verify` | 200 when the SealedSecret of the body opens here, 409 when not |
//! | `POST /v1/rotate` | the same SealedSecret as JSON, sealed again with the newest key; 409 when it does not open |
//! | `GET /healthz` | `ok` while the process is alive |
//!
//! Differences to the original, each on purpose: a body that is no SealedSecret is 400 where the original says 500
//! (kubeseal treats all but 409 alike); bodies are bounded (413); `rotate` is limited as `verify` is (429); a wrong
//! method is 405.
//!
//! Invariants: there is no caller identity here, so nothing on this port reveals a value, renders a template or widens
//! a scope: what `rotate` returns opens exactly where what it was given opens.

mod document;
mod limit;
mod rotate;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use service_kit::{BoxError, chain};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::keys::{KeySet, Keys};
use crate::verify::{self, VerifyError};
use document::Document;
use limit::Limit;

/// Longest body in bytes: what the API server takes for one object (etcd's default limit).
const BODY_MAX: usize = 3 << 19;

/// Time within which a request must be answered, as in the original.
const DEADLINE: Duration = Duration::from_secs(120);

#[derive(Clone)]
struct Shared {
    keys: Keys,
    limit: Arc<Limit>,
}

/// Serves until `shutdown` and until the requests in flight are answered.
///
/// # Errors
/// Of the listener.
pub(crate) async fn serve(
    listener: TcpListener,
    keys: Keys,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    tracing::info!(address = %listener.local_addr()?, "serving kubeseal's HTTP API");
    axum::serve(listener, router(keys)).with_graceful_shutdown(shutdown.cancelled_owned()).await?;
    Ok(())
}

fn router(keys: Keys) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/v1/cert.pem", get(certificate))
        .route("/v1/verify", post(verify))
        .route("/v1/rotate", post(rotate))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Shared { keys, limit: Arc::new(Limit::default()) })
}

async fn certificate(State(shared): State<Shared>) -> Response {
    let keys = shared.keys.borrow().clone().unwrap_or_default();
    match keys.keyring.current() {
        Some(key) => ([(header::CONTENT_TYPE, "application/x-pem-file")], key.certificate().pem().to_owned())
            .into_response(),
        None => refuse(StatusCode::SERVICE_UNAVAILABLE, "there is no sealing key yet"),
    }
}

async fn verify(State(shared): State<Shared>, body: Bytes) -> Response {
    bounded(&shared, async |keys| {
        let document = Document::parse(&body).map_err(bad_request)?;
        verify::open(keys, &document.object).await.map_err(not_opened)?;
        Ok(StatusCode::OK.into_response())
    })
    .await
}

async fn rotate(State(shared): State<Shared>, body: Bytes) -> Response {
    bounded(&shared, async |keys| {
        let document = Document::parse(&body).map_err(bad_request)?;
        let (sealed, unsealed) =
            verify::open(Arc::clone(&keys), &document.object).await.map_err(not_opened)?;
        let rotated = rotate::rotate(&keys, &sealed, &unsealed, document.json)
            .map_err(|error| refuse(StatusCode::INTERNAL_SERVER_ERROR, &chain(&error)))?;
        Ok(Json(rotated).into_response())
    })
    .await
}

/// Runs what costs RSA operations: within the limit, within the deadline, with the keys of the moment.
async fn bounded(
    shared: &Shared,
    work: impl AsyncFnOnce(Arc<KeySet>) -> Result<Response, Response>,
) -> Response {
    let Some(_turn) = shared.limit.turn() else {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "too many requests; try again in a second");
    };
    let Some(keys) = shared.keys.borrow().clone() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the sealing keys have not been loaded yet");
    };
    match tokio::time::timeout(DEADLINE, work(keys)).await {
        Ok(Ok(answer) | Err(answer)) => answer,
        Err(_) => refuse(StatusCode::GATEWAY_TIMEOUT, "not done in time"),
    }
}

fn bad_request(error: document::DocumentError) -> Response {
    refuse(StatusCode::BAD_REQUEST, &chain(&error))
}

fn not_opened(error: VerifyError) -> Response {
    let code = match error {
        VerifyError::Invalid(_) => StatusCode::BAD_REQUEST,
        VerifyError::Unseal(_) => StatusCode::CONFLICT,
        VerifyError::Interrupted(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    refuse(code, &chain(&error))
}

fn refuse(code: StatusCode, message: &str) -> Response {
    (code, format!("{message}\n")).into_response()
}
