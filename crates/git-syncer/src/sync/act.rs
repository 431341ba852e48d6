//! Act: carries the steps out against the cluster, in phases, each object with its own result.

use futures::{StreamExt as _, stream};
use kube_apply::{ApplyError, ObjectRef, phases};

use super::decide::Step;
use crate::cluster::{Cluster, Marks, Settled};
use crate::manifests::ManifestObject;
use crate::state::{ObjectOutcome, Outcome};

/// Objects under way at once; the applier bounds its requests besides.
const AT_ONCE: usize = 16;

/// Settles what is to be settled: definitions and namespaces first, and what needs them after. Returns the results in the order
/// in which they were applied.
///
/// Safe to be killed at any point: whatever was done is found unchanged by the next pass.
pub async fn act(
    cluster: &Cluster,
    objects: &[ManifestObject],
    steps: &[Step],
    marks: &Marks,
) -> Vec<(usize, ObjectOutcome)> {
    let identities: Vec<ObjectRef> = objects.iter().map(|object| object.object.clone()).collect();
    let mut results = Vec::with_capacity(objects.len());
    for phase in phases(&identities) {
        let work = phase.into_iter().map(|index| {
            let (object, step) = (&objects[index], &steps[index]);
            async move { (index, carry_out(cluster, object, step, marks).await) }
        });
        results.extend(stream::iter(work).buffered(AT_ONCE).collect::<Vec<_>>().await);
        service_kit::failpoint!("sync.inside-apply");
    }
    results
}

async fn carry_out(cluster: &Cluster, object: &ManifestObject, step: &Step, marks: &Marks) -> ObjectOutcome {
    let outcome = match step {
        Step::Known(outcome) => outcome.clone(),
        Step::Settle => match cluster.settle(&object.object, &object.content, marks).await {
            Ok(Settled::Created) => Outcome::Created,
            Ok(Settled::Configured) => Outcome::Configured,
            Ok(Settled::Unchanged) => Outcome::Unchanged,
            Ok(Settled::Ignored) => Outcome::Skipped,
            Err(error) => Outcome::Failed(format!("{}: {}", object.path, explain(&object.object, &error))),
        },
    };
    ObjectOutcome { object: cluster.place(&object.object).await, path: object.path.clone(), outcome }
}

/// What is wrong, for people. The API server and its admission webhooks quote what they refuse, and a Secret must not be
/// quoted: of a Secret only the kind of refusal is told.
fn explain(object: &ObjectRef, error: &ApplyError) -> String {
    if object.kind != "Secret" {
        return service_kit::chain(error);
    }
    let refusal = match error {
        // Both say only what this process knows.
        ApplyError::Malformed { .. } | ApplyError::UnknownKind { .. } => return service_kit::chain(error),
        ApplyError::NamespaceAbsent { .. } => "its namespace does not exist, or is being deleted",
        ApplyError::Forbidden { .. } => {
            "it is not allowed: by git-syncer's rights, by a quota or by an admission rule; \
             `kubectl apply --dry-run=server` with this file shows which"
        }
        ApplyError::Conflict { .. } => "other field managers own fields that the file states",
        ApplyError::Invalid { .. } => {
            "the API server refuses its content; values under `data` must be base64, under `stringData` text"
        }
        ApplyError::Unavailable { .. } => "the API server cannot be reached or does not answer at present",
        _ => "it could not be applied",
    };
    format!("{object}: {refusal} (the API server's words are left out: they could quote a value)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_of_a_secret_is_never_quoted() {
        let (object, message) = (|| "a".to_owned(), || "got 'hunter2'".to_owned());
        let errors = [
            (ApplyError::Invalid { object: object(), message: message() }, "refuses its content"),
            (ApplyError::Forbidden { object: object(), message: message() }, "not allowed"),
            (
                ApplyError::NamespaceAbsent { object: object(), message: message() },
                "namespace does not exist",
            ),
            (
                ApplyError::Conflict { object: object(), managers: vec![message()], fields: vec![message()] },
                "other field managers",
            ),
            (ApplyError::Unavailable { object: object(), source: message().into() }, "does not answer"),
        ];
        for (error, refusal) in &errors {
            let text = |kind: &str| {
                let (api_version, name) = ("v1".to_owned(), "a".to_owned());
                explain(&ObjectRef { api_version, kind: kind.into(), namespace: None, name }, error)
            };
            let secret = text("Secret");
            assert!(secret.contains(refusal) && !secret.contains("hunter2"), "{secret}");
            assert!(text("ConfigMap").contains("hunter2"), "{}", text("ConfigMap"));
        }
    }
}
