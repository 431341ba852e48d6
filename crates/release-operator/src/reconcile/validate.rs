//! Step 2: a FluxHelmRelease as a [`Subject`] that cannot be wrong. Pure.

use crds::FluxHelmRelease;
use helm_release::{InvalidReleaseName, ReleaseName};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use serde_json::{Map, Value};

use crate::chart_path::{ChartPath, InvalidChartPath};
use crate::names::{FINALIZER, REVISION, TRACEPARENT};
use crate::store::Records;

/// A FluxHelmRelease as it comes from the cluster: one that cannot be decoded is still seen.
pub type Object = DeserializeGuard<FluxHelmRelease>;

/// Which FluxHelmRelease.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Its namespace, which is the release's too.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl Identity {
    /// The identity of any object with metadata from the API server.
    pub fn of(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
        }
    }
}

/// What a valid FluxHelmRelease asks for.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Which object.
    pub identity: Identity,
    /// `metadata.generation`.
    pub generation: i64,
    /// The Helm release's name.
    pub release: ReleaseName,
    /// The chart.
    pub chart: ChartPath,
    /// The user's values.
    pub values: Map<String, Value>,
    /// The git revision that the object's content comes from, as git-syncer annotated it.
    pub source_revision: Option<String>,
    /// The trace that led to the object's content.
    pub traceparent: Option<String>,
    /// Whether the finalizer is there.
    pub has_finalizer: bool,
}

/// Why a FluxHelmRelease cannot be worked on. Nothing is touched until it changes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidObject {
    /// The stored object does not have the shape of a FluxHelmRelease.
    #[error("the object cannot be read as a FluxHelmRelease: {0}; correct it in git")]
    Undecodable(String),
    /// No chart.
    #[error(
        "spec.chartGitPath is missing; give the chart's directory, relative to the charts path of the repository"
    )]
    NoChart,
    /// A chart path that is none.
    #[error("spec.chartGitPath {path:?} is no directory below the charts path")]
    ChartPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        source: InvalidChartPath,
    },
    /// A release name that Helm would refuse.
    #[error("{}", match derived {
        true => "spec.releaseName is not set, and $namespace-$name cannot be used instead; set spec.releaseName",
        false => "spec.releaseName cannot be used",
    })]
    ReleaseName {
        /// Whether it was made of namespace and name.
        derived: bool,
        /// What is wrong with it.
        #[source]
        source: InvalidReleaseName,
    },
    /// The release's name was changed after it was installed.
    #[error(
        "the release name was changed from {from} to {to} while {from} is installed; set spec.releaseName back to {from}, \
         or delete this object (which purges {from}) and create it anew"
    )]
    Renamed {
        /// The installed release.
        from: String,
        /// What the object asks for now.
        to: String,
    },
    /// Another object has the release.
    #[error(
        "release {release} in namespace {namespace} belongs to FluxHelmRelease {owner}, which is older; set another spec.releaseName"
    )]
    NameTaken {
        /// The release's name.
        release: String,
        /// The namespace.
        namespace: String,
        /// The older object.
        owner: String,
    },
}

/// Checks everything that the object alone can tell.
///
/// # Errors
/// [`InvalidObject`], the first fault found.
pub fn subject(object: &Object) -> Result<Subject, InvalidObject> {
    let object = object.0.as_ref().map_err(|error| InvalidObject::Undecodable(error.error.clone()))?;
    let identity = Identity::of(&object.metadata);
    let release = release_name(object)?;
    if let Some(installed) = installed_name(object)
        && installed != release.as_str()
    {
        return Err(InvalidObject::Renamed { from: installed.to_owned(), to: release.to_string() });
    }
    let path = object
        .spec
        .chart_git_path
        .as_deref()
        .filter(|path| !path.is_empty())
        .ok_or(InvalidObject::NoChart)?;
    let chart = ChartPath::parse(path)
        .map_err(|source| InvalidObject::ChartPath { path: path.to_owned(), source })?;
    let annotation = |name: &str| object.metadata.annotations.as_ref().and_then(|all| all.get(name)).cloned();
    Ok(Subject {
        identity,
        generation: object.metadata.generation.unwrap_or(0),
        release,
        chart,
        values: object.spec.values.clone().unwrap_or_default(),
        source_revision: annotation(REVISION).filter(|revision| !revision.is_empty()),
        traceparent: annotation(TRACEPARENT),
        has_finalizer: has_finalizer(&object.metadata),
    })
}

/// The name of the release that the object's spec asks for: `spec.releaseName`, else `$namespace-$name` (Flux Helm
/// Operator 0.2).
///
/// # Errors
/// [`InvalidObject::ReleaseName`].
pub fn release_name(object: &FluxHelmRelease) -> Result<ReleaseName, InvalidObject> {
    let identity = Identity::of(&object.metadata);
    let (name, derived) = match object.spec.release_name.as_deref() {
        Some(name) if !name.is_empty() => (name.to_owned(), false),
        _ => (format!("{}-{}", identity.namespace, identity.name), true),
    };
    ReleaseName::new(name).map_err(|source| InvalidObject::ReleaseName { derived, source })
}

/// The release that was installed for this object or adopted by it. Its status names no revision before that.
pub fn installed_name(object: &FluxHelmRelease) -> Option<&str> {
    let status = object.status.as_ref()?;
    status.release_revision?;
    status.release_name.as_deref()
}

/// The object's release: the one that it has, else the one that it asks for and that may be anybody's ([`owns`]); `None` when
/// neither name is one, so that nothing can be installed either.
pub fn release_of(object: &FluxHelmRelease) -> Option<ReleaseName> {
    let installed = installed_name(object).and_then(|name| ReleaseName::new(name).ok());
    installed.or_else(|| release_name(object).ok())
}

/// Whether the release is the object's own: made for it, by the claim on a record, or adopted by it, by its status. Only such a release
/// may be purged. One that merely has the name may be anybody's.
pub fn owns(object: &FluxHelmRelease, release: &ReleaseName, records: &Records) -> bool {
    let uid = object.metadata.uid.as_deref().unwrap_or_default();
    installed_name(object) == Some(release.as_str()) || records.are_of(uid)
}

/// Whether the finalizer is there.
pub fn has_finalizer(metadata: &ObjectMeta) -> bool {
    metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// Of all objects of the namespace, finds the one that `release` belongs to instead of `metadata`'s object: one that has it
/// already, by its status, before those that only ask for it, then the oldest (the smallest UID among those of the same
/// second).
///
/// # Errors
/// [`InvalidObject::NameTaken`].
pub fn claim<'a>(
    metadata: &ObjectMeta,
    release: &ReleaseName,
    all: impl IntoIterator<Item = &'a FluxHelmRelease>,
) -> Result<(), InvalidObject> {
    let age = |metadata: &ObjectMeta| {
        (metadata.creation_timestamp.as_ref().map(|time| time.0), metadata.uid.clone())
    };
    let rank =
        |object: &FluxHelmRelease| (installed_name(object) != Some(release.as_str()), age(&object.metadata));
    let (own, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(|object| object.metadata.namespace == metadata.namespace)
        .partition(|object| object.metadata.uid == metadata.uid);
    let own = own.first().map_or_else(|| (true, age(metadata)), |object| rank(object));
    let claims = others.into_iter().filter(|other| release_of(other).as_ref() == Some(release));
    match claims.filter(|other| rank(other) < own).min_by_key(|other| rank(other)) {
        None => Ok(()),
        Some(owner) => Err(InvalidObject::NameTaken {
            release: release.to_string(),
            namespace: metadata.namespace.clone().unwrap_or_default(),
            owner: owner.metadata.name.clone().unwrap_or_default(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, created: &str, spec: Value, status: Value) -> Object {
        serde_json::from_value(json!({
            "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
            "metadata": {"name": name, "namespace": "dev", "uid": name, "creationTimestamp": created},
            "spec": spec, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn what_an_object_asks_for_or_what_is_wrong_with_it() {
        let long = "a".repeat(54);
        let rows = [
            (json!({"chartGitPath": "podinfo", "releaseName": "a"}), json!({}), "a from podinfo"),
            (json!({"chartGitPath": "./team/podinfo/"}), json!({}), "dev-web from team/podinfo"),
            (
                json!({"releaseName": "a"}),
                json!({}),
                "spec.chartGitPath is missing; give the chart's directory, relative to the charts path of the repository",
            ),
            (
                json!({"chartGitPath": "../x"}),
                json!({}),
                "spec.chartGitPath \"../x\" is no directory below the charts path: it leaves the charts path by \"..\"",
            ),
            (
                json!({"chartGitPath": "podinfo", "releaseName": "A"}),
                json!({}),
                "spec.releaseName cannot be used: release name \"A\" is invalid: use lower-case letters, digits, '-' and '.', \
                 and begin and end with a letter or a digit",
            ),
            (
                json!({"chartGitPath": "podinfo", "releaseName": long}),
                json!({}),
                &format!(
                    "spec.releaseName cannot be used: release name \"{long}\" has 54 characters; Helm allows 53: set a shorter release name"
                ),
            ),
            (
                json!({"chartGitPath": "podinfo", "releaseName": "b"}),
                json!({"releaseName": "a", "releaseRevision": 1}),
                "the release name was changed from a to b while a is installed; set spec.releaseName back to a, \
                 or delete this object (which purges a) and create it anew",
            ),
            (
                json!({"chartGitPath": "podinfo", "releaseName": "b"}),
                json!({"releaseName": "a"}),
                "b from podinfo",
            ),
        ];
        for (spec, status, expected) in rows {
            let actual = match subject(&object("web", "2018-07-20T16:00:00Z", spec, status)) {
                Ok(subject) => format!("{} from {}", subject.release, subject.chart),
                Err(error) => service_kit::chain(&error),
            };
            assert_eq!(actual, expected);
        }
        let broken = object("web", "2018-07-20T16:00:00Z", json!({"values": "text"}), json!({}));
        assert!(matches!(subject(&broken), Err(InvalidObject::Undecodable(_))));
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
            let object = object("web", "2018-07-20T16:00:00Z", spec, status.clone()).0.unwrap();
            let helm = [("owner", "helm"), ("version", "1"), ("status", "deployed")];
            let labels = helm.into_iter().chain(claim.map(|claim| (crate::names::CLAIM_LABEL, claim)));
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let records: Records = std::iter::once(&labels).collect();
            assert_eq!(owns(&object, &release, &records), expected, "{status} {claim:?}");
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
        .into_iter()
        .map(|object| object.0.unwrap())
        .collect();
        let owner = |name: &str| {
            let object = all.iter().find(|object| object.metadata.name.as_deref() == Some(name)).unwrap();
            match claim(&object.metadata, &release_name(object).unwrap(), &all) {
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
