//! Whether the objects of a deployed release have become what it asks for. One cheap look; nobody waits here.

use futures::{StreamExt as _, stream};
use kube::api::DynamicObject;
use kube_apply::{Applier, ApplyError, Readiness, has_readiness, readiness};

use super::act::AT_ONCE;
use super::report::Verdict;
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
        let judged = match &live {
            Some(live) => readiness(&serde_json::to_value(live).unwrap_or_default()),
            None => Readiness::Failed("it was deleted; change the release, or restore it".to_owned()),
        };
        let object = object.placed(live.as_ref(), namespace);
        Ok(Look { object, live, readiness: judged })
    });
    let looks: Vec<Result<Look, ApplyError>> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    looks.into_iter().collect()
}

/// Whether all that is not ready yet is of kinds whose changes wake the look (`controller::watches`).
pub fn are_watched(looks: &[Look]) -> bool {
    let is_watched = |look: &Look| {
        let kind = look.object.identity.kind.as_str();
        match look.object.identity.group() {
            "apps" => matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet"),
            "batch" => kind == "Job",
            _ => false,
        }
    };
    looks.iter().all(|look| look.readiness == Readiness::Ready || is_watched(look))
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

/// Looks at the release.
///
/// # Errors
/// [`HealthError`].
pub async fn health(applier: &Applier, released: &Released) -> Result<(Verdict, Vec<Look>), HealthError> {
    let objects = parse(&released.manifest)?;
    let looks = looks(applier, &released.namespace, &objects).await?;
    Ok((verdict(&Summary::of(&looks), &released.chart_label, released.revision), looks))
}

/// Failed beats progressing beats ready. Pure.
fn verdict(summary: &Summary, chart: &str, revision: u32) -> Verdict {
    let Summary { failed, progressing } = summary;
    let deployed = format!("{chart} is deployed as revision {revision}");
    match (failed.is_empty(), progressing.is_empty()) {
        (false, _) => Verdict::new(Some(false), "WorkloadFailed", format!("{deployed}, but {failed}")),
        (true, false) => {
            Verdict::new(Some(false), "Progressing", format!("{deployed}; waiting for {progressing}"))
        }
        (true, true) => Verdict::new(Some(true), "ReleaseReady", format!("{deployed} and ready")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
