//! Whether the objects of a deployed release have become what it asks for. One cheap look; nobody waits here.

use futures::{StreamExt as _, stream};
use kube::api::DynamicObject;
use kube_apply::{Applier, ApplyError, ObjectRef, Readiness, has_readiness, readiness};

use super::act::AT_ONCE;
use super::report::{PROGRESSING, Verdict};
use crate::objects::{ManifestFault, Object, parse};
use crate::released::Released;

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The record's manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestFault),
    /// A live object.
    #[error(transparent)]
    Read(#[from] ApplyError),
}

/// One object, as it is live, and how far it has come.
pub struct Look {
    /// As the release has it.
    pub object: Object,
    /// As it is, if it is.
    pub live: Option<DynamicObject>,
    /// How far it has come.
    pub readiness: Readiness,
}

impl Look {
    /// An object as it was read, or as an apply answered.
    pub fn at(object: Object, live: Option<DynamicObject>, namespace: &str) -> Self {
        let readiness = match &live {
            Some(live) => readiness(&serde_json::to_value(live).unwrap_or_default()),
            None => Readiness::Failed("it was deleted; change the release, or restore it".to_owned()),
        };
        let object = object.placed(live.as_ref(), namespace);
        Self { object, live, readiness }
    }

    /// Whether what an apply answered tells as much as a read right after it: what becomes of the object later wakes a look, or there is
    /// nothing that it would have to become.
    pub fn is_lasting(&self) -> bool {
        let identity = &self.object.identity;
        let is_service = identity.group().is_empty() && identity.kind == "Service";
        is_watched(identity) || (is_service && self.readiness == Readiness::Ready)
    }
}

/// Looks at every object once that has anything to become.
///
/// # Errors
/// [`ApplyError`] of the first that cannot be read.
pub async fn looks(applier: &Applier, namespace: &str, objects: &[Object]) -> Result<Vec<Look>, ApplyError> {
    let objects: Vec<_> = objects.iter().filter(|object| has_readiness(&object.identity)).cloned().collect();
    let looks = objects.into_iter().map(|object| async move {
        let live = match applier.get(&object.identity, namespace).await {
            // The definition of the kind is gone, and all its objects with it.
            Err(ApplyError::UnknownKind { .. }) => None,
            other => other?,
        };
        Ok(Look::at(object, live, namespace))
    });
    let looks: Vec<Result<Look, ApplyError>> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    looks.into_iter().collect()
}

/// Whether changes of objects of the kind wake the look (`controller::watches`).
fn is_watched(object: &ObjectRef) -> bool {
    let kind = object.kind.as_str();
    match object.group() {
        "apps" => matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet"),
        "batch" => kind == "Job",
        _ => false,
    }
}

/// Whether all that is not ready yet is of kinds whose changes wake the look.
pub fn are_watched(looks: &[Look]) -> bool {
    looks.iter().all(|look| look.readiness == Readiness::Ready || is_watched(&look.object.identity))
}

/// Those that are ready and of which nothing tells when they change: they need not be read at every look.
pub fn at_rest(looks: &[Look]) -> Vec<ObjectRef> {
    let is_at_rest = |look: &&Look| look.readiness == Readiness::Ready && !is_watched(&look.object.identity);
    looks.iter().filter(is_at_rest).map(|look| look.object.identity.clone()).collect()
}

/// What many looks come to, in words; empty where there is nothing to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// What will not become ready by itself.
    pub failed: String,
    /// What is on its way.
    pub progressing: String,
}

impl Summary {
    /// Of looks.
    pub fn of(looks: &[Look]) -> Self {
        let told = looks.iter().map(|look| (look.object.identity.to_string(), &look.readiness));
        Self::told(told)
    }

    fn told<'a>(looks: impl Iterator<Item = (String, &'a Readiness)>) -> Self {
        let mut summary = Self::default();
        for (object, readiness) in looks {
            let (text, why) = match readiness {
                Readiness::Ready => continue,
                Readiness::Failed(why) => (&mut summary.failed, why),
                Readiness::Progressing(why) => (&mut summary.progressing, why),
            };
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(&format!("{object}: {why}"));
        }
        summary
    }
}

/// Looks at the release, but not at objects that are known to be at rest.
///
/// # Errors
/// [`HealthError`].
pub async fn health(
    applier: &Applier,
    released: &Released,
    at_rest: &[ObjectRef],
) -> Result<Vec<Look>, HealthError> {
    let namespace = released.namespace.as_str();
    let is_same = |at_rest: &ObjectRef, object: &ObjectRef| {
        let placed = object.namespace.as_deref().unwrap_or(namespace);
        at_rest.namespace.as_deref() == Some(placed)
            && (&at_rest.api_version, &at_rest.kind, &at_rest.name)
                == (&object.api_version, &object.kind, &object.name)
    };
    let mut objects = parse(&released.manifest)?;
    objects.retain(|object| !at_rest.iter().any(|at_rest| is_same(at_rest, &object.identity)));
    Ok(looks(applier, namespace, &objects).await?)
}

/// What the looks say of the release.
pub fn told(looks: &[Look], released: &Released) -> Verdict {
    verdict(&Summary::of(looks), &released.chart_label, released.revision)
}

/// Failed beats progressing beats ready. Pure.
fn verdict(summary: &Summary, chart: &str, revision: u32) -> Verdict {
    let Summary { failed, progressing } = summary;
    let deployed = format!("{chart} is deployed as revision {revision}");
    match (failed.is_empty(), progressing.is_empty()) {
        (false, _) => Verdict::new(Some(false), "WorkloadFailed", format!("{deployed}, but {failed}")),
        (true, false) => {
            Verdict::new(Some(false), PROGRESSING, format!("{deployed}; waiting for {progressing}"))
        }
        (true, true) => Verdict::new(Some(true), "ReleaseReady", format!("{deployed} and ready")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_answer_of_an_apply_is_as_good_as_a_read_where_a_change_wakes() {
        // kind, what is live beside its identity, whether the answer lasts, whether it is at rest
        let check = |api_version: &str, kind: &str, rest: Value, is_lasting: bool, is_at_rest: bool| {
            let metadata = json!({"name": "a", "namespace": "dev", "generation": 2});
            let mut live = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
            live.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            let object = Object { identity: ObjectRef::of(&live).unwrap(), document: live.clone() };
            let look = Look::at(object, Some(serde_json::from_value(live).unwrap()), "dev");
            assert_eq!(
                (look.is_lasting(), at_rest(&[look]).len() == 1),
                (is_lasting, is_at_rest),
                "{kind} {rest}"
            );
        };
        check("apps/v1", "Deployment", json!({"spec": {}, "status": {"observedGeneration": 1}}), true, false);
        check(
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 0}, "status": {"observedGeneration": 2}}),
            true,
            false,
        );
        check("v1", "Service", json!({"spec": {"type": "ClusterIP"}}), true, true);
        check("v1", "Service", json!({"spec": {"type": "LoadBalancer"}}), false, false);
        check(
            "a.io/v1",
            "Widget",
            json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
            false,
            true,
        );
        check("v1", "Pod", json!({"status": {"phase": "Pending"}}), false, false);
    }

    #[test]
    fn the_worst_is_told() {
        let look = |name: &str, judged| (format!("Deployment dev/{name}"), judged);
        let progressing = || look("a", Readiness::Progressing("0 of 1".into()));
        let failed = || look("b", Readiness::Failed("the pod failed".into()));
        let ready = || look("c", Readiness::Ready);
        let told = |looks: &[(String, Readiness)]| {
            let summary = Summary::told(looks.iter().map(|(object, judged)| (object.clone(), judged)));
            verdict(&summary, "web-0.1.0", 2).message
        };
        assert_eq!(told(&[ready()]), "web-0.1.0 is deployed as revision 2 and ready");
        assert_eq!(told(&[]), "web-0.1.0 is deployed as revision 2 and ready");
        assert_eq!(
            told(&[ready(), progressing()]),
            "web-0.1.0 is deployed as revision 2; waiting for Deployment dev/a: 0 of 1"
        );
        assert_eq!(
            told(&[failed(), progressing()]),
            "web-0.1.0 is deployed as revision 2, but Deployment dev/b: the pod failed"
        );
    }
}
