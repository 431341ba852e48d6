//! The API server of a unit test: each request is answered by a function of its method and its path with query.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::Value;

/// A client of that API server.
pub(crate) fn client(answer: impl Fn(&str, &str) -> (u16, Value) + Send + Sync + 'static) -> Client {
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let (code, body) = answer(request.method().as_str(), &path);
        let body = Body::from(body.to_string().into_bytes());
        ready(Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap()))
    });
    Client::new(service, "default")
}
