//! Whether the workloads of a deployed release have become what it asks for. One cheap look; nobody waits here.

use futures::{StreamExt as _, stream};
use kube_apply::{ApplyError, Readiness, has_readiness, readiness};

use super::report::Verdict;
use crate::context::Context;
use crate::objects::{ManifestFault, parse};
use crate::store::Stored;

/// Requests at the same time.
const AT_ONCE: usize = 8;

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

/// Looks at every workload of the release once.
///
/// # Errors
/// [`HealthError`].
pub async fn health(context: &Context, stored: &Stored) -> Result<Verdict, HealthError> {
    let release = &stored.release;
    let objects = parse(&release.manifest)?;
    let workloads = objects.into_iter().filter(|object| has_readiness(&object.identity));
    let looks = workloads.map(|object| async move {
        let live = context.applier.get(&object.identity, &release.namespace).await?;
        let judged = match live {
            Some(live) => readiness(&serde_json::to_value(live).unwrap_or_default()),
            None => Readiness::Failed("it was deleted; change the release, or restore it".to_owned()),
        };
        Ok::<_, ApplyError>((object.identity.to_string(), judged))
    });
    let looks: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    let looks = looks.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(verdict(&looks, &release.chart_label(), release.revision))
}

/// Failed beats progressing beats ready. Pure.
fn verdict(looks: &[(String, Readiness)], chart: &str, revision: u32) -> Verdict {
    let text = |pick: fn(&Readiness) -> Option<&str>| {
        let parts =
            looks.iter().filter_map(|(object, judged)| pick(judged).map(|why| format!("{object}: {why}")));
        parts.collect::<Vec<_>>().join("; ")
    };
    let failed = text(|judged| match judged {
        Readiness::Failed(why) => Some(why),
        _ => None,
    });
    let progressing = text(|judged| match judged {
        Readiness::Progressing(why) => Some(why),
        _ => None,
    });
    match (failed.is_empty(), progressing.is_empty()) {
        (false, _) => Verdict::new(
            Some(false),
            "WorkloadFailed",
            format!("{chart} is deployed as revision {revision}, but {failed}"),
        ),
        (true, false) => Verdict::new(
            Some(false),
            "Progressing",
            format!("{chart} is deployed as revision {revision}; waiting for {progressing}"),
        ),
        (true, true) => Verdict::new(
            Some(true),
            "ReleaseReady",
            format!("{chart} is deployed as revision {revision} and ready"),
        ),
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
        let told = |looks: &[_]| verdict(looks, "web-0.1.0", 2).message;
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
