//! CustomResourceDefinitions below a chart's `crds/`.

use ::crds::CrdPolicy;
use kube_apply::ApplyOptions;

use super::{ActError, Actor};
use crate::engine::Engine;
use crate::names::HELM_MANAGER;
use crate::objects::parse_file;
use crate::reconcile::observe::Wanted;
use crate::reconcile::validate::Subject;

/// Brings the chart's definitions into the cluster as the object's policy says, and waits until they are served. None is ever deleted.
pub(super) async fn establish(actor: &Actor<'_>, subject: &Subject, wanted: &Wanted) -> Result<(), ActError> {
    let policy = subject.options.crds;
    if policy == CrdPolicy::Skip {
        return Ok(());
    }
    for crd in Engine::crds(&wanted.source.chart, &wanted.values)? {
        let text = String::from_utf8_lossy(&crd.file.data).into_owned();
        for object in parse_file(&crd.path, &text)? {
            let is_there = actor.applier.get(&object.identity, &actor.namespace).await?.is_some();
            if is_there && policy == CrdPolicy::Create {
                continue;
            }
            let how = ApplyOptions::new(HELM_MANAGER).force(is_there);
            let results = actor.applier.apply_all(&[object.document], &actor.namespace, &how).await;
            for result in results {
                result.outcome?;
            }
            service_kit::failpoint!("release.after-crd");
        }
    }
    Ok(())
}
