//! Acting as a service account: the requests of an [`crate::Applier`] sent with the rights of another than the process.
//!
//! The API server takes `Impersonate-User` from whoever may `impersonate` the named `serviceaccounts`, and fills in the groups
//! of the account by itself. A client of its own for each account adds the header and hands the request on to the process's
//! client, so that connections, credentials and metrics are shared. Such a client owns one small task, which ends with its
//! last clone; so it is made once for each account, not once for each look, and few are kept.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::{HeaderName, HeaderValue, Request};
use kube::Client;
use kube::client::Body;

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
/// Clients kept ready, each for another account; the one that was not asked for longest makes room.
const KEPT: usize = 64;
/// The longest name of a namespace, by RFC 1123.
const LABEL: usize = 63;
/// The longest name of a service account.
const SUBDOMAIN: usize = 253;

/// A service account whose rights are used instead of the process's own. Prints as `dev/flux`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Impersonated {
    namespace: String,
    name: String,
}

/// Why a text names no service account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} must be lower case letters, digits, `-`{}, at most {limit} characters", if *dots { " and `.`" } else { "" })]
pub struct NoAccount {
    what: &'static str,
    text: String,
    dots: bool,
    limit: usize,
}

impl Impersonated {
    /// The service account `name` of a namespace. Whether it exists is not asked: one that does not has the rights that are given to
    /// all accounts of the namespace.
    ///
    /// # Errors
    /// When one of the names could not be that of an object, so that nothing but the two names gets into the user's name.
    pub fn service_account(namespace: &str, name: &str) -> Result<Self, NoAccount> {
        let check = |what, text: &str, dots: bool, limit| {
            let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let allowed = |byte: u8| inner(byte) || byte == b'-' || (dots && byte == b'.');
            let ends = [text.bytes().next(), text.bytes().next_back()];
            let good = text.len() <= limit
                && ends.iter().all(|end| end.is_some_and(inner))
                && text.bytes().all(allowed);
            good.then(|| text.to_owned()).ok_or_else(|| NoAccount {
                what,
                text: text.chars().take(limit).collect(),
                dots,
                limit,
            })
        };
        Ok(Self {
            namespace: check("the namespace of a service account", namespace, false, LABEL)?,
            name: check("the name of a service account", name, true, SUBDOMAIN)?,
        })
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user's name that the API server knows it by: `system:serviceaccount:<namespace>:<name>`.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

impl fmt::Display for Impersonated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The process's client, and those made of it for service accounts.
pub(crate) struct Clients {
    own: Client,
    /// The one that was asked for last comes last.
    acting: Mutex<Vec<(Impersonated, Client)>>,
}

impl Clients {
    pub(crate) fn new(own: Client) -> Self {
        Self { own, acting: Mutex::default() }
    }

    /// With the process's rights.
    pub(crate) fn own(&self) -> &Client {
        &self.own
    }

    /// With the account's rights.
    pub(crate) fn acting_as(&self, account: &Impersonated) -> Client {
        let mut acting = self.acting.lock().unwrap_or_else(PoisonError::into_inner);
        let known = acting.iter().position(|(known, _)| known == account);
        let entry = match known {
            Some(at) => acting.remove(at),
            None => (account.clone(), impersonating(&self.own, account)),
        };
        let client = entry.1.clone();
        if acting.len() >= KEPT {
            acting.remove(0);
        }
        acting.push(entry);
        client
    }
}

fn impersonating(own: &Client, account: &Impersonated) -> Client {
    let user = HeaderValue::try_from(account.user()).expect("the names of a service account are ASCII");
    let inner = own.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert(IMPERSONATE_USER, user.clone());
        let inner = inner.clone();
        async move { inner.send(request).await }
    });
    Client::new(service, own.default_namespace())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;
    use std::sync::Arc;

    use http::Response;
    use serde_json::{Value, json};

    use super::*;
    use crate::{Applier, ApplyOptions, ObjectRef, Settings};

    /// `path user`, one for each request; `-` with the process's own rights.
    type Seen = Arc<Mutex<Vec<String>>>;

    /// An API server that knows one kind, has no objects, and lets `dev/reader` write nothing.
    fn answer(method: &str, path: &str, user: &str) -> (u16, Value) {
        let kind = json!({"resource": "configmaps", "responseKind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "scope": "Namespaced", "singularResource": "configmap", "verbs": ["get"]});
        let group = |items: Value| json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items});
        let status = |code: u16, reason: &str, message: String, name: &str| {
            let details = json!({"kind": "configmaps", "name": name});
            (
                code,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                "message": message, "details": details}),
            )
        };
        match (method, path) {
            (_, "/apis") => (200, group(json!([]))),
            (_, "/api") => (
                200,
                group(
                    json!([{"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": [kind]}]}]),
                ),
            ),
            ("PATCH", _) if user == "system:serviceaccount:dev:reader" => {
                let message = format!(
                    "configmaps \"a\" is forbidden: User \"{user}\" cannot patch resource \"configmaps\" in API group \"\" in the namespace \"dev\""
                );
                status(403, "Forbidden", message, "a")
            }
            ("PATCH", _) => {
                (200, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}))
            }
            _ => status(404, "NotFound", "configmaps \"a\" not found".to_owned(), "a"),
        }
    }

    fn applier() -> (Applier, Seen) {
        let seen = Seen::default();
        let log = seen.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let user = request.headers().get(IMPERSONATE_USER).map_or("-", |user| user.to_str().unwrap());
            let (method, path) = (request.method().as_str(), request.uri().path());
            log.lock().unwrap().push(format!("{method} {path} {user}"));
            let (code, body) = answer(method, path, user);
            let body = Body::from(body.to_string().into_bytes());
            ready(Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap()))
        });
        (Applier::new(Client::new(service, "default"), Settings::default()), seen)
    }

    #[tokio::test]
    async fn requests_carry_the_account_and_discovery_does_not() {
        let (own, seen) = applier();
        let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        let object = ObjectRef::of(&document).unwrap();
        let account = |name: &str| Some(Impersonated::service_account("dev", name).unwrap());
        let flux = own.acting_as(account("flux"));
        let reader = flux.acting_as(account("reader"));
        flux.get(&object, "dev").await.unwrap();
        flux.apply_over(&document, None, "dev", &ApplyOptions::new("helm")).await.unwrap();
        reader.get(&object, "dev").await.unwrap();
        own.get(&object, "dev").await.unwrap();
        flux.acting_as(None).get(&object, "dev").await.unwrap();
        let path = "/api/v1/namespaces/dev/configmaps/a";
        assert_eq!(
            *seen.lock().unwrap(),
            [
                "GET /apis -".to_owned(),
                "GET /api -".to_owned(),
                format!("GET {path} system:serviceaccount:dev:flux"),
                format!("PATCH {path} system:serviceaccount:dev:flux"),
                format!("GET {path} system:serviceaccount:dev:reader"),
                format!("GET {path} -"),
                format!("GET {path} -"),
            ]
        );
        let refused = reader.apply_over(&document, None, "dev", &ApplyOptions::new("helm")).await;
        let told = refused.unwrap_err().to_string();
        assert!(told.starts_with("ServiceAccount dev/reader may not patch ConfigMap dev/a: "), "{told}");
    }

    #[tokio::test]
    async fn an_account_has_one_client_and_few_are_kept() {
        let (applier, _) = applier();
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let account =
            |number: usize| Impersonated::service_account("dev", &format!("flux-{number}")).unwrap();
        for _ in 0..1000 {
            drop(applier.acting_as(Some(account(0))));
        }
        assert_eq!(tasks() - before, 1);
        for number in 0..1000 {
            drop(applier.acting_as(Some(account(number))));
        }
        // Those that were let go end when they are next scheduled.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks() - before, KEPT);
    }

    #[test]
    fn only_names_of_objects_name_an_account() {
        let long = "a".repeat(64);
        let rows = [
            ("dev", "flux", true),
            ("dev", "flux.v2-a", true),
            ("dev", "", false),
            ("", "flux", false),
            ("dev", "a:b", false),
            ("dev.a", "flux", false),
            ("dev", "-a", false),
            ("dev", "Flux", false),
            ("dev", "a\nb", false),
            (long.as_str(), "flux", false),
        ];
        for (namespace, name, good) in rows {
            assert_eq!(Impersonated::service_account(namespace, name).is_ok(), good, "{namespace}/{name}");
        }
        assert_eq!(
            Impersonated::service_account("dev", "a:b").unwrap_err().to_string(),
            "the name of a service account \"a:b\" must be lower case letters, digits, `-` and `.`, at most 253 characters"
        );
    }
}
