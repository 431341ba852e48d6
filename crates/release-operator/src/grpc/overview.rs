//! A FluxHelmRelease as the wire tells of it, from the object alone: its spec and its status, no release record. Pure.

use std::borrow::Cow;

use api::release::v1::{Condition, Readiness, Release, RepositoryChart};
use crds::FluxHelmRelease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use prost_types::Timestamp;

use crate::reconcile::validate::{Object, release_name};

/// One object, whether it can be decoded or not.
pub(super) fn of(object: &Object) -> Release {
    match &object.0 {
        Ok(object) => release(object),
        Err(invalid) => undecodable(&invalid.metadata, &invalid.error),
    }
}

/// One object.
pub(super) fn release(object: &FluxHelmRelease) -> Release {
    let (metadata, spec) = (&object.metadata, &object.spec);
    let status = object.status.clone().unwrap_or_default();
    let newest = status.history.first();
    let namespace = metadata.namespace.clone().unwrap_or_default();
    let target = spec.target_namespace.clone().filter(|target| !target.is_empty());
    Release {
        release_namespace: status.release_namespace.or(target).unwrap_or_else(|| namespace.clone()),
        namespace,
        name: metadata.name.clone().unwrap_or_default(),
        release_name: helm_name(object).into_owned(),
        chart_git_path: spec.chart_git_path.clone().unwrap_or_default(),
        chart: newest
            .map(|newest| format!("{}-{}", newest.chart_name, newest.chart_version))
            .unwrap_or_default(),
        revision: status.release_revision.and_then(|revision| revision.try_into().ok()).unwrap_or(0),
        conditions: status.conditions.iter().map(condition).collect(),
        observed: metadata.generation.is_some() && status.observed_generation == metadata.generation,
        repository_chart: spec.chart.as_ref().map(|chart| RepositoryChart {
            repository: chart.repository.clone(),
            name: chart.name.clone(),
            version: chart.version.clone().unwrap_or_default(),
        }),
        readiness: readiness(object).into(),
        suspended: spec.suspend,
        deleting: metadata.deletion_timestamp.is_some(),
        app_version: newest.and_then(|newest| newest.app_version.clone()).unwrap_or_default(),
        source_revision: status.source_revision.unwrap_or_default(),
        chart_digest: status.chart_digest.unwrap_or_default(),
        values_digest: status.values_digest.unwrap_or_default(),
        last_deployed: newest.and_then(|newest| newest.last_deployed.as_ref()).map(wire_time),
        changed_at: changed(object).map(timestamp),
        failures: status.last_attempt.map_or(0, |last| u32::try_from(last.failures).unwrap_or(0)),
        created_at: metadata.creation_timestamp.as_ref().map(wire_time),
        status: status.release_status.unwrap_or_default(),
    }
}

/// An object of which only the metadata can be read.
pub(super) fn undecodable(metadata: &ObjectMeta, error: &str) -> Release {
    let namespace = metadata.namespace.clone().unwrap_or_default();
    Release {
        release_namespace: namespace.clone(),
        namespace,
        name: metadata.name.clone().unwrap_or_default(),
        conditions: vec![Condition {
            r#type: "Ready".to_owned(),
            status: "False".to_owned(),
            reason: "InvalidSpec".to_owned(),
            message: format!("the object cannot be read as a FluxHelmRelease: {error}"),
            last_transition_time: None,
        }],
        readiness: Readiness::NotReady.into(),
        deleting: metadata.deletion_timestamp.is_some(),
        changed_at: metadata.creation_timestamp.as_ref().map(wire_time),
        created_at: metadata.creation_timestamp.as_ref().map(wire_time),
        ..Release::default()
    }
}

/// The Helm release's name: the one that is installed, else the one that is asked for.
fn helm_name(object: &FluxHelmRelease) -> Cow<'_, str> {
    let installed = object.status.as_ref().and_then(|status| status.release_name.as_deref());
    match installed {
        Some(name) => Cow::Borrowed(name),
        None => release_name(object).map(|name| Cow::Owned(name.to_string())).unwrap_or_default(),
    }
}

/// The condition `Ready` in short.
pub(super) fn readiness(object: &FluxHelmRelease) -> Readiness {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    match ready.map(|ready| ready.status.as_str()) {
        Some("True") => Readiness::Ready,
        Some("False") => Readiness::NotReady,
        _ => Readiness::Unknown,
    }
}

/// When the release last changed, in whatever way.
pub(super) fn changed(object: &FluxHelmRelease) -> Option<jiff::Timestamp> {
    let status = object.status.as_ref();
    let deployed = status.and_then(|status| status.history.first()?.last_deployed.as_ref());
    let tried = status.and_then(|status| status.last_attempt.as_ref()?.time.as_ref());
    let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let told = conditions.iter().map(|condition| &condition.last_transition_time);
    let created = object.metadata.creation_timestamp.as_ref();
    let all = deployed.into_iter().chain(tried).chain(told).chain(created);
    all.map(|time| time.0).max()
}

fn condition(condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition) -> Condition {
    Condition {
        r#type: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        last_transition_time: Some(wire_time(&condition.last_transition_time)),
    }
}

fn wire_time(time: &Time) -> Timestamp {
    timestamp(time.0)
}

pub(super) fn timestamp(time: jiff::Timestamp) -> Timestamp {
    Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(spec: Value, status: Value) -> Object {
        serde_json::from_value(json!({
            "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
            "metadata": {"name": "web", "namespace": "dev", "generation": 3, "creationTimestamp": "2018-07-20T16:00:00Z"},
            "spec": spec, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn everything_is_told_by_the_object_alone() {
        let condition = |kind: &str, status: &str, at: &str| json!({"type": kind, "status": status, "reason": "R", "message": "m", "lastTransitionTime": at});
        let shown = of(&object(
            json!({"chart": {"repository": "https://r", "name": "podinfo", "version": "^1"}, "suspend": true,
                "targetNamespace": "other"}),
            json!({
                "observedGeneration": 3, "releaseName": "web", "releaseStatus": "deployed", "releaseRevision": 2,
                "sourceRevision": "1.2.0@sha256:a", "chartDigest": "sha256:b", "valuesDigest": "sha256:c",
                "conditions": [condition("Released", "True", "2018-07-20T16:00:05Z"), condition("Ready", "True", "2018-07-20T16:00:09Z")],
                "lastAttempt": {"failures": 4, "time": "2018-07-20T16:00:07Z"},
                "history": [
                    {"revision": 2, "chartName": "podinfo", "chartVersion": "1.2.0", "appVersion": "1.2",
                        "lastDeployed": "2018-07-20T16:00:06Z"},
                    {"revision": 1, "chartName": "podinfo", "chartVersion": "1.1.0"},
                ],
            }),
        ));
        let texts = [
            (shown.release_name.as_str(), "web"),
            (&shown.release_namespace, "other"),
            (&shown.chart, "podinfo-1.2.0"),
            (&shown.app_version, "1.2"),
            (&shown.status, "deployed"),
            (&shown.source_revision, "1.2.0@sha256:a"),
            (&shown.chart_digest, "sha256:b"),
            (&shown.values_digest, "sha256:c"),
            (&shown.repository_chart.as_ref().unwrap().version, "^1"),
        ];
        for (actual, expected) in texts {
            assert_eq!(actual, expected);
        }
        assert_eq!((shown.revision, shown.failures, shown.conditions.len()), (2, 4, 2));
        assert_eq!((shown.suspended, shown.deleting, shown.observed), (true, false, true));
        assert_eq!(shown.readiness(), Readiness::Ready);
        assert_eq!(shown.changed_at.unwrap().to_string(), "2018-07-20T16:00:09Z");
        assert_eq!(shown.last_deployed.unwrap().to_string(), "2018-07-20T16:00:06Z");
    }

    #[test]
    fn what_is_not_known_yet_is_empty() {
        let shown = of(&object(json!({"chartGitPath": "podinfo"}), Value::Null));
        assert_eq!((shown.release_name.as_str(), shown.release_namespace.as_str()), ("dev-web", "dev"));
        assert_eq!((shown.chart.as_str(), shown.revision, shown.observed), ("", 0, false));
        assert_eq!((shown.readiness(), shown.repository_chart), (Readiness::Unknown, None));
        assert_eq!(shown.changed_at.unwrap().to_string(), "2018-07-20T16:00:00Z");
        let broken = of(&object(json!({"values": "text"}), Value::Null));
        assert_eq!((broken.name.as_str(), broken.readiness()), ("web", Readiness::NotReady));
        assert_eq!(broken.conditions[0].reason, "InvalidSpec");
    }
}
