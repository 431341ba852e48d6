//! Counts what a service asks of the API server: `windlass_kube_requests_total` by verb and resource.
//!
//! The API server's own metrics do not tell its callers apart. What a controller costs a cluster is mostly its requests, and a
//! growing count in a quiet cluster is the first sign of a loop.

use std::task::{Context, Poll};

use http::{Method, Request, header};
use prometheus::{IntCounterVec, Opts};
use tower::{Layer, Service};

/// The counter, and the layer that feeds it.
#[derive(Debug, Clone)]
pub(crate) struct KubeRequests(IntCounterVec);

impl KubeRequests {
    /// Registers the counter, which the registry must not have yet.
    pub(crate) fn register(registry: &prometheus::Registry) -> Result<Self, prometheus::Error> {
        let options = Opts::new(
            "windlass_kube_requests_total",
            "Requests to the Kubernetes API server, by verb and resource (resource/subresource).",
        );
        let counter = IntCounterVec::new(options, &["verb", "resource"])?;
        registry.register(Box::new(counter.clone()))?;
        Ok(Self(counter))
    }
}

impl<S> Layer<S> for KubeRequests {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Counting { inner, requests: self.clone() }
    }
}

/// Counts each request and passes it on.
#[derive(Debug, Clone)]
pub(crate) struct Counting<S> {
    inner: S,
    requests: KubeRequests,
}

impl<S, B> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let content = request.headers().get(header::CONTENT_TYPE).and_then(|content| content.to_str().ok());
        let (verb, resource) = described(
            request.method(),
            request.uri().path(),
            request.uri().query().unwrap_or_default(),
            content.unwrap_or_default(),
        );
        self.requests.0.with_label_values(&[verb, &resource]).inc();
        self.inner.call(request)
    }
}

/// Verb and resource of a request, in the words of RBAC; `apply` is told apart from other patches. What is no resource (`/version`,
/// `/apis`) is the resource `discovery`, and what is neither, the path itself cannot tell: `other`.
fn described(method: &Method, path: &str, query: &str, content: &str) -> (&'static str, String) {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let below = match parts.as_slice() {
        ["api", _version, rest @ ..] => rest,
        ["apis", _group, _version, rest @ ..] => rest,
        [] | ["api" | "apis" | "openapi" | "version", ..] => return ("get", "discovery".to_owned()),
        _ => return ("get", "other".to_owned()),
    };
    let below = match below {
        // Of the namespace itself `status` and `finalize` are subresources; all else lies in it.
        ["namespaces", _name, "status" | "finalize"] => below,
        ["namespaces", _name, rest @ ..] if !rest.is_empty() => rest,
        other => other,
    };
    let (resource, named) = match below {
        [] => return ("get", "discovery".to_owned()),
        [resource] => ((*resource).to_owned(), false),
        [resource, _name] => ((*resource).to_owned(), true),
        [resource, _name, subresource, ..] => (format!("{resource}/{subresource}"), true),
    };
    let watches = query.split('&').any(|part| part == "watch=true" || part == "watch=1");
    let verb = match *method {
        Method::GET if watches => "watch",
        Method::GET if named => "get",
        Method::GET => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH if content.starts_with("application/apply-patch") => "apply",
        Method::PATCH => "patch",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ => "other",
    };
    (verb, resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_verbs_and_resources_as_rbac_does() {
        let apply = "application/apply-patch+yaml";
        let merge = "application/merge-patch+json";
        let rows = [
            ("GET", "/api/v1/namespaces/dev/secrets/a", "", "", "get", "secrets"),
            ("GET", "/api/v1/namespaces/dev/secrets", "labelSelector=a", "", "list", "secrets"),
            ("GET", "/apis/apps/v1/deployments", "watch=true&resourceVersion=1", "", "watch", "deployments"),
            ("GET", "/api/v1/namespaces/dev", "", "", "get", "namespaces"),
            ("PUT", "/api/v1/namespaces/dev/finalize", "", "", "update", "namespaces/finalize"),
            ("GET", "/api/v1/namespaces", "", "", "list", "namespaces"),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/dev/deployments/a",
                "force=true",
                apply,
                "apply",
                "deployments",
            ),
            ("PATCH", "/apis/a.b/v1/namespaces/dev/as/a/status", "", merge, "patch", "as/status"),
            ("POST", "/api/v1/namespaces/dev/secrets", "", "", "create", "secrets"),
            ("PUT", "/api/v1/namespaces/dev/secrets/a", "", "", "update", "secrets"),
            ("DELETE", "/api/v1/namespaces/dev/secrets/a", "", "", "delete", "secrets"),
            ("DELETE", "/api/v1/namespaces/dev/secrets", "", "", "deletecollection", "secrets"),
            ("GET", "/apis", "", "", "get", "discovery"),
            ("GET", "/api", "", "", "get", "discovery"),
            ("GET", "/apis/apps/v1", "", "", "get", "discovery"),
            ("GET", "/version", "", "", "get", "discovery"),
            ("GET", "/livez", "", "", "get", "other"),
        ];
        for (method, path, query, content, verb, resource) in rows {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(
                described(&method, path, query, content),
                (verb, resource.to_owned()),
                "{method} {path}"
            );
        }
    }
}
