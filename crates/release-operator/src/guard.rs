//! The client that looks write with: every request that changes something needs a right to, and has to end before the right can.
//!
//! Which right that is, is said once around the whole of a look ([`working`]) or of what a person asked for ([`asked_by_person`]), so that no
//! write can be forgotten: what asks for none is refused. Before each write the right is asked for; it is asked for again when it would have ended while the
//! request is under way, and the API server is told to give up a write after [`WRITE_TIMEOUT`]. What a replica has sent before it lost an
//! object can thus land that much later at most, and whoever took the object over applies again after that (`handover`).

use http::{Method, Request, Response, Uri};
use kube::Client;
use kube::client::Body;
use service_kit::BoxError;
use tokio::time::timeout_at;

use crate::handover::WRITE_TIMEOUT;
use crate::shares::Work;

tokio::task_local! {
    static RIGHT: Right;
}

#[derive(Clone)]
enum Right {
    /// A look at an object.
    Work(Work),
    /// A person who changes an object's spec through us.
    Person,
}

/// Something was to be written outside of a look: a defect.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} was to be sent outside of a look at an object")]
struct Outside {
    method: Method,
    path: String,
}

/// Runs a look by its right.
pub async fn working<T>(work: Work, look: impl Future<Output = T>) -> T {
    RIGHT.scope(Right::Work(work), look).await
}

/// Runs what a person asked for that is no look.
pub async fn asked_by_person<T>(deed: impl Future<Output = T>) -> T {
    RIGHT.scope(Right::Person, deed).await
}

/// The right of the present look, if this is one.
pub fn work() -> Option<Work> {
    match RIGHT.try_with(Clone::clone) {
        Ok(Right::Work(work)) => Some(work),
        _ => None,
    }
}

/// A client over `client` that writes by right only.
pub fn guarded(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        // Polled by whoever waits for the answer, and so inside of the look.
        async move { send(&client, request).await }
    });
    Client::new(service, namespace)
}

async fn send(client: &Client, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
    if !changes_something(&request) {
        return client.send(request).await.map_err(Into::into);
    }
    let right = RIGHT
        .try_with(Clone::clone)
        .map_err(|_| Outside { method: request.method().clone(), path: request.uri().path().to_owned() })?;
    *request.uri_mut() = limited(request.uri());
    let Right::Work(work) = right else { return client.send(request).await.map_err(Into::into) };
    let mut until = work.permit().await?.until();
    let mut answer = std::pin::pin!(client.send(request));
    loop {
        match timeout_at(until.into(), &mut answer).await {
            Ok(answer) => return answer.map_err(Into::into),
            Err(_) => until = work.permit().await?.until(),
        }
    }
}

/// Whether the request writes. A dry run does not.
fn changes_something(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let is_dry = query.split('&').any(|pair| pair == "dryRun=All");
    !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) && !is_dry
}

/// With the time after which the API server gives the request up.
fn limited(uri: &Uri) -> Uri {
    let seconds = WRITE_TIMEOUT.as_secs();
    let query = match uri.query().filter(|query| !query.is_empty()) {
        Some(query) => format!("{query}&timeout={seconds}s"),
        None => format!("timeout={seconds}s"),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("{}?{query}", uri.path()).parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests;
