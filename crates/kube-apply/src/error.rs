//! What can go wrong with one object, sorted by what a person or a retry can do about it.

use kube::core::Status;
use kube::runtime::{wait, watcher};

use crate::Impersonated;

/// Why an object could not be read, applied or deleted. Every message names the object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The document lacks what every object needs.
    #[error("{object}: the field {field} {problem}")]
    Malformed {
        /// What is known of the object.
        object: String,
        /// The path of the field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The API server serves no such kind (now). It may later: the CRD can still arrive.
    #[error(
        "{object}: the cluster knows no kind {kind} in {api_version}; is its CustomResourceDefinition missing?"
    )]
    UnknownKind {
        /// The object.
        object: String,
        /// The kind asked for.
        kind: String,
        /// The API version asked for.
        api_version: String,
    },
    /// The namespace does not exist (yet), or is being deleted.
    #[error("{object}: {message}")]
    NamespaceAbsent {
        /// The object.
        object: String,
        /// The API server's words.
        message: String,
    },
    /// The caller's account may not do this, or a quota or admission rule refuses it.
    #[error("{object}: not allowed: {message}")]
    Forbidden {
        /// The object.
        object: String,
        /// The API server's words.
        message: String,
    },
    /// The service account that the applier acts as ([`crate::Applier::acting_as`]) has no right to this.
    #[error("ServiceAccount {account} may not {verb} {object}: {message}")]
    AccountForbidden {
        /// The account.
        account: Impersonated,
        /// What it may not do, in the words of RBAC.
        verb: String,
        /// The object.
        object: String,
        /// The API server's words.
        message: String,
    },
    /// Another field manager owns fields that the document states, and the apply was not forced.
    #[error("{object}: owned by {}: {}", managers.join(", "), fields.join(", "))]
    Conflict {
        /// The object.
        object: String,
        /// The other managers.
        managers: Vec<String>,
        /// The fields in dispute.
        fields: Vec<String>,
    },
    /// The API server refuses the document's content.
    #[error("{object}: {message}")]
    Invalid {
        /// The object.
        object: String,
        /// The API server's words.
        message: String,
    },
    /// The API server did not answer, or not now.
    #[error("{object}: the API server cannot be reached or does not answer at present")]
    Unavailable {
        /// The object.
        object: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ApplyError {
    /// Whether trying the same again can succeed although the document stays as it is.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::UnknownKind { .. } | Self::NamespaceAbsent { .. } | Self::Unavailable { .. } => true,
            Self::Malformed { .. }
            | Self::Forbidden { .. }
            | Self::AccountForbidden { .. }
            | Self::Conflict { .. }
            | Self::Invalid { .. } => false,
        }
    }

    /// A request that took longer than it may.
    pub(crate) fn timed_out(object: impl ToString, limit: std::time::Duration) -> Self {
        let source = format!("no answer within {} s", limit.as_secs_f32()).into();
        Self::Unavailable { object: object.to_string(), source }
    }

    /// Sorts an error of the Kubernetes client.
    pub fn from_kube(object: impl ToString, error: kube::Error) -> Self {
        Self::of_request(object, error, None)
    }

    /// As [`ApplyError::from_kube`], for a request that was sent with the rights of `account`.
    pub(crate) fn of_request(
        object: impl ToString,
        error: kube::Error,
        account: Option<&Impersonated>,
    ) -> Self {
        match error {
            kube::Error::Api(status) => Self::from_status(object.to_string(), *status, account),
            other => Self::Unavailable { object: object.to_string(), source: Box::new(other) },
        }
    }

    /// Sorts what ended a watch.
    pub(crate) fn from_wait(
        object: impl ToString,
        error: wait::Error,
        account: Option<&Impersonated>,
    ) -> Self {
        let wait::Error::ProbeFailed(error) = error;
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => Self::of_request(object, error, account),
            watcher::Error::WatchError(status) => Self::from_status(object.to_string(), *status, account),
            other => Self::Unavailable { object: object.to_string(), source: Box::new(other) },
        }
    }

    fn from_status(object: String, status: Status, account: Option<&Impersonated>) -> Self {
        let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
        let caused_by = |reason: &str| causes.iter().any(|cause| cause.reason == reason);
        if caused_by("FieldManagerConflict") {
            let mut managers: Vec<_> = causes.iter().filter_map(|cause| quoted(&cause.message)).collect();
            managers.sort();
            managers.dedup();
            let fields = causes.iter().map(|cause| cause.field.clone()).collect();
            return Self::Conflict { object, managers, fields };
        }
        let namespace_missing = status.is_not_found()
            && status.details.as_ref().is_some_and(|details| details.kind == "namespaces");
        if namespace_missing || caused_by("NamespaceTerminating") {
            return Self::NamespaceAbsent { object, message: status.message };
        }
        if status.is_forbidden() {
            // The API server names whom it refuses: the account or, when it may not be acted as, the process.
            if let Some(account) = account
                && let Some(verb) = refused(&status.message, &account.user())
            {
                let account = account.clone();
                return Self::AccountForbidden { account, verb, object, message: status.message };
            }
            return Self::Forbidden { object, message: status.message };
        }
        // A field that the schema does not know is answered with code 500 by server-side apply.
        let untyped = status.message.contains("failed to create typed patch object");
        if untyped || matches!(status.code, 400 | 405 | 413 | 415 | 422) {
            return Self::Invalid { object, message: status.message };
        }
        Self::Unavailable { object, source: Box::new(status) }
    }
}

/// What a user is refused: `… User "a" cannot patch resource "deployments" …` → `patch`; `apply` where the message names the user and
/// no verb, as for a Role that grants more than the user has. `None` when another is refused, or by a quota or an admission rule.
fn refused(message: &str, user: &str) -> Option<String> {
    let (_, rest) = message.split_once(&format!("ser \"{user}\""))?;
    let verb = rest.strip_prefix(" cannot ").and_then(|rest| rest.split_whitespace().next());
    Some(verb.unwrap_or("apply").to_owned())
}

/// `conflict with "helm" using apps/v1` → `helm`.
fn quoted(message: &str) -> Option<String> {
    message.split('"').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(status: serde_json::Value, expected: &str, transient: bool) {
        check_acting(status, None, expected, transient);
    }

    fn check_acting(status: serde_json::Value, account: Option<&str>, expected: &str, transient: bool) {
        let account = account.map(|name| Impersonated::service_account("dev", name).unwrap());
        let status: Status = serde_json::from_value(status).unwrap();
        let error = ApplyError::from_status("Deployment dev/a".into(), status, account.as_ref());
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.is_transient(), transient, "{expected}");
    }

    #[test]
    fn answers_of_the_api_server_are_sorted() {
        check(
            json!({"code": 409, "reason": "Conflict", "message": "Apply failed with 1 conflict", "details": {"causes": [
                {"reason": "FieldManagerConflict", "field": ".spec.replicas", "message": "conflict with \"kubectl\" using apps/v1"}]}}),
            "Deployment dev/a: owned by kubectl: .spec.replicas",
            false,
        );
        check(
            json!({"code": 404, "reason": "NotFound", "message": "namespaces \"dev\" not found", "details": {"kind": "namespaces", "name": "dev"}}),
            "Deployment dev/a: namespaces \"dev\" not found",
            true,
        );
        check(
            json!({"code": 403, "reason": "Forbidden", "message": "namespace dev is being terminated", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}),
            "Deployment dev/a: namespace dev is being terminated",
            true,
        );
        check(
            json!({"code": 403, "reason": "Forbidden", "message": "cannot patch"}),
            "Deployment dev/a: not allowed: cannot patch",
            false,
        );
        check(
            json!({"code": 500, "message": "failed to create typed patch object (…): .spec.foo: field not declared in schema"}),
            "Deployment dev/a: failed to create typed patch object (…): .spec.foo: field not declared in schema",
            false,
        );
        check(
            json!({"code": 422, "reason": "Invalid", "message": "is invalid"}),
            "Deployment dev/a: is invalid",
            false,
        );
        let unavailable = "Deployment dev/a: the API server cannot be reached or does not answer at present";
        check(json!({"code": 429, "reason": "TooManyRequests", "message": "later"}), unavailable, true);
        check(
            json!({"code": 500, "reason": "InternalError", "message": "failed calling webhook"}),
            unavailable,
            true,
        );
    }

    #[test]
    fn a_refused_account_is_named_and_nobody_else() {
        let forbidden = |message: &str| json!({"code": 403, "reason": "Forbidden", "message": message});
        let cannot = |user: &str, verb: &str| {
            format!(
                "deployments.apps \"a\" is forbidden: User \"{user}\" cannot {verb} resource \"deployments\""
            )
        };
        let check = |account, message: &str, expected: &str| {
            check_acting(forbidden(message), account, &format!("{expected}: {message}"), false);
        };
        let flux = "system:serviceaccount:dev:flux";
        for verb in ["patch", "create", "get"] {
            let expected = format!("ServiceAccount dev/flux may not {verb} Deployment dev/a");
            check(Some("flux"), &cannot(flux, verb), &expected);
        }
        check(
            Some("flux"),
            &format!(
                "user \"{flux}\" (groups=[]) is attempting to grant RBAC permissions not currently held"
            ),
            "ServiceAccount dev/flux may not apply Deployment dev/a",
        );
        let not_allowed = "Deployment dev/a: not allowed";
        check(None, &cannot(flux, "patch"), not_allowed);
        check(Some("flux2"), &cannot(flux, "impersonate"), not_allowed);
        check(Some("flux"), "exceeded quota: pods", not_allowed);
    }
}
