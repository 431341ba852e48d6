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

/// What is wrong, for people. The API server quotes what it refuses, and a Secret must not be quoted.
fn explain(object: &ObjectRef, error: &ApplyError) -> String {
    match error {
        ApplyError::Invalid { .. } if object.kind == "Secret" => {
            format!(
                "{object}: the API server refuses its content (its words are left out, they could quote a value); \
                 values under `data` must be base64, under `stringData` text"
            )
        }
        other => service_kit::chain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_of_a_secret_is_never_quoted() {
        let error = ApplyError::Invalid { object: "a".into(), message: "got 'hunter2'".into() };
        let text = |kind: &str| {
            let (api_version, name) = ("v1".to_owned(), "a".to_owned());
            explain(&ObjectRef { api_version, kind: kind.into(), namespace: None, name }, &error)
        };
        assert!(!text("Secret").contains("hunter2"));
        assert!(text("ConfigMap").contains("hunter2"));
    }
}
