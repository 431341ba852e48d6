//! Whose a release is: by name, by status, by the claims on its records. Pure.

use crds::FluxHelmRelease;
use helm_release::ReleaseName;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Identity, InvalidObject};
use crate::names::FINALIZER;
use crate::store::Records;

/// The namespace of the release that the object asks for: `spec.targetNamespace`, else its own.
pub fn release_namespace(object: &FluxHelmRelease) -> &str {
    let target = object.spec.target_namespace.as_deref().filter(|namespace| !namespace.is_empty());
    target.or(object.metadata.namespace.as_deref()).unwrap_or_default()
}

/// The name of the release that the object's spec asks for: `spec.releaseName`, else `$namespace-$name` (Flux Helm
/// Operator 0.2), with another target namespace `$namespace-$targetNamespace-$name` (1.0).
///
/// # Errors
/// [`InvalidObject::ReleaseName`].
pub fn release_name(object: &FluxHelmRelease) -> Result<ReleaseName, InvalidObject> {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let object_name = object.metadata.name.as_deref().unwrap_or_default();
    let target = release_namespace(object);
    let (name, derived) = match object.spec.release_name.as_deref() {
        Some(name) if !name.is_empty() => (name.to_owned(), false),
        _ if target != own => (format!("{own}-{target}-{object_name}"), true),
        _ => (format!("{own}-{object_name}"), true),
    };
    ReleaseName::new(name).map_err(|source| InvalidObject::ReleaseName { derived, source })
}

/// Name and namespace of the release that was installed for this object or adopted by it. Its status names no revision before that.
pub fn installed(object: &FluxHelmRelease) -> Option<(&str, &str)> {
    let status = object.status.as_ref()?;
    status.release_revision?;
    // Without it the status is of a time when there was no other than the object's own.
    let namespace = status.release_namespace.as_deref().or(object.metadata.namespace.as_deref());
    Some((status.release_name.as_deref()?, namespace.unwrap_or_default()))
}

/// Namespace and name of the object's release: the one that it has, else the one that it asks for and that may be anybody's
/// ([`owns`]); `None` when neither name is one, so that nothing can be installed either.
pub fn release_of(object: &FluxHelmRelease) -> Option<(String, ReleaseName)> {
    let has = installed(object)
        .and_then(|(name, namespace)| Some((namespace.to_owned(), ReleaseName::new(name).ok()?)));
    has.or_else(|| Some((release_namespace(object).to_owned(), release_name(object).ok()?)))
}

/// Whether the release is the object's own: made for it, by the claim on a record, or adopted by it, by its status. Only such a release
/// may be purged. One that merely has the name may be anybody's.
pub fn owns(object: &FluxHelmRelease, namespace: &str, release: &ReleaseName, records: &Records) -> bool {
    let uid = object.metadata.uid.as_deref().unwrap_or_default();
    installed(object) == Some((release.as_str(), namespace)) || records.are_of(uid)
}

/// Whether the finalizer is there.
pub fn has_finalizer(metadata: &ObjectMeta) -> bool {
    metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// How good an object's claim to a release is; the smallest has it: one that has it already, by its status, comes before those that only
/// ask for it, then the oldest (the smallest UID among those of the same second).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    asks_only: bool,
    created: Option<jiff::Timestamp>,
    uid: String,
    /// The object.
    object: (String, String),
}

impl Claim {
    /// The object's claim to the release that [`release_of`] gives.
    pub fn of(object: &FluxHelmRelease) -> Self {
        let identity = Identity::of(&object.metadata);
        let has = match (installed(object), release_of(object)) {
            (Some((name, namespace)), Some((of, release))) => name == release.as_str() && namespace == of,
            _ => false,
        };
        Self {
            asks_only: !has,
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            uid: identity.uid,
            object: (identity.namespace, identity.name),
        }
    }
}

/// Whether the object may have the release, given the claims of all objects to it.
///
/// # Errors
/// [`InvalidObject::NameTaken`].
pub fn claim<'a>(
    own: &Claim,
    namespace: &str,
    release: &ReleaseName,
    claims: impl IntoIterator<Item = &'a Claim>,
) -> Result<(), InvalidObject> {
    match claims.into_iter().filter(|other| other.uid != own.uid && *other < own).min() {
        None => Ok(()),
        Some(owner) => Err(InvalidObject::NameTaken {
            release: release.to_string(),
            namespace: namespace.to_owned(),
            owner: match owner.object.0 == own.object.0 {
                true => owner.object.1.clone(),
                false => format!("{}/{}", owner.object.0, owner.object.1),
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(name: &str, created: &str, spec: Value, status: Value) -> FluxHelmRelease {
        serde_json::from_value(json!({
            "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
            "metadata": {"name": name, "namespace": "dev", "uid": name, "creationTimestamp": created},
            "spec": spec, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn only_what_was_made_for_an_object_or_adopted_is_its_own() {
        // status, owners of the records, whether release `a` is the object's
        let adopted = || json!({"releaseName": "a", "releaseRevision": 2});
        let rows = [
            // Its name is asked for, and its render failed.
            (json!({}), None, false),
            (json!({"releaseName": "a"}), None, false),
            (json!({}), Some("somebody.1"), false),
            (json!({}), Some("web.1"), true),
            (adopted(), None, true),
            (adopted(), Some("somebody.1"), true),
            (json!({"releaseName": "b", "releaseRevision": 2}), Some("somebody.1"), false),
        ];
        let release = ReleaseName::new("a").unwrap();
        for (status, claim, expected) in rows {
            let spec = json!({"chartGitPath": "podinfo", "releaseName": "a"});
            let object = object("web", "2018-07-20T16:00:00Z", spec, status.clone());
            let helm = [("owner", "helm"), ("version", "1"), ("status", "deployed")];
            let labels = helm.into_iter().chain(claim.map(|claim| (crate::names::CLAIM_LABEL, claim)));
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let records: Records = crate::records::RecordLabels::of(&labels, 1).into_iter().collect();
            assert_eq!(owns(&object, "dev", &release, &records), expected, "{status} {claim:?}");
        }
    }

    #[test]
    fn the_oldest_object_has_the_release() {
        let spec = |release: &str| json!({"chartGitPath": "podinfo", "releaseName": release});
        let all: Vec<FluxHelmRelease> = [
            object("newest", "2018-07-20T16:00:02Z", spec("a"), json!({})),
            object("first", "2018-07-20T16:00:00Z", spec("a"), json!({})),
            object("second", "2018-07-20T16:00:00Z", spec("a"), json!({})),
            object("other", "2018-07-20T15:00:00Z", spec("b"), json!({})),
            object("asks", "2018-07-20T16:00:00Z", spec("c"), json!({})),
            object(
                "has",
                "2018-07-20T16:00:00Z",
                spec("c"),
                json!({"releaseName": "c", "releaseRevision": 1}),
            ),
        ]
        .into();
        let owner = |name: &str| {
            let object = all.iter().find(|object| object.metadata.name.as_deref() == Some(name)).unwrap();
            let (namespace, release) = release_of(object).unwrap();
            let claims: Vec<_> = all
                .iter()
                .filter(|other| release_of(other).as_ref() == Some(&(namespace.clone(), release.clone())))
                .map(Claim::of)
                .collect();
            match claim(&Claim::of(object), &namespace, &release, &claims) {
                Err(InvalidObject::NameTaken { owner, .. }) => Some(owner),
                other => other.map(|()| None).unwrap(),
            }
        };
        assert_eq!(owner("first"), None);
        assert_eq!(owner("second").as_deref(), Some("first"));
        assert_eq!(owner("newest").as_deref(), Some("first"));
        assert_eq!(owner("other"), None);
        assert_eq!(owner("has"), None, "whoever has it keeps it, however the UIDs fall");
        assert_eq!(owner("asks").as_deref(), Some("has"));
    }
}
