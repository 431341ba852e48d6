//! Step 2: a FluxHelmRelease as a [`Subject`] that cannot be wrong. Pure.

mod claim;
mod options;

use crds::{FluxHelmRelease, RepositoryChart};
use helm_engine::post_render::PostRenderError;
use helm_release::{InvalidReleaseName, ReleaseName};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use serde_json::{Map, Value};

use super::values;
use crate::chart_path::{ChartPath, InvalidChartPath};
use crate::names::{REVISION, TRACEPARENT};

pub use claim::{Claim, claim, has_finalizer, installed, owns, release_name, release_namespace, release_of};
pub use options::{
    Dependency, Drift, Options, Remediation, Retries, RollbackOptions, TIMEOUT, TestOptions, duration,
};

/// A FluxHelmRelease as it comes from the cluster: one that cannot be decoded is still seen.
pub type Object = DeserializeGuard<FluxHelmRelease>;

/// Which FluxHelmRelease.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Its namespace.
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

/// Where a release's chart is.
#[derive(Debug, Clone, PartialEq)]
pub enum ChartRef {
    /// A directory of the config repository.
    Git(ChartPath),
    /// A chart of a chart repository, as the object states it.
    Repository(Box<RepositoryChart>),
}

impl ChartRef {
    /// The directory, if it is one.
    pub fn path(&self) -> Option<&ChartPath> {
        match self {
            Self::Git(path) => Some(path),
            Self::Repository(_) => None,
        }
    }
}

impl std::fmt::Display for ChartRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Git(path) => write!(f, "{path}"),
            Self::Repository(chart) => write!(f, "{} of {}", chart.name, chart.repository),
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
    /// The Helm release's namespace.
    pub namespace: String,
    /// The chart.
    pub chart: ChartRef,
    /// The object's own values.
    pub values: Map<String, Value>,
    /// Further values, which the own ones win over.
    pub values_from: Vec<values::Source>,
    /// Everything else.
    pub options: Options,
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
        "spec.chartGitPath is missing; give the chart's directory, relative to the charts path of the repository, or spec.chart"
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
    /// Any other field.
    #[error("{field}: {message}")]
    Field {
        /// The field, from `spec.` on.
        field: String,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// A post-renderer.
    #[error(transparent)]
    PostRender(PostRenderError),
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
    /// The release's name or namespace was changed after it was installed.
    #[error(
        "the release was changed from {from} to {to} while {from} is installed; set {field} back, \
         or delete this object (which purges {from}) and create it anew"
    )]
    Renamed {
        /// The field.
        field: &'static str,
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
    let release = release_name(object)?;
    let namespace = release_namespace(object).to_owned();
    if let Some((name, of)) = installed(object) {
        let renamed = |field, from: &str, to: &str| InvalidObject::Renamed {
            field,
            from: from.to_owned(),
            to: to.to_owned(),
        };
        if name != release.as_str() {
            return Err(renamed("spec.releaseName", name, release.as_str()));
        }
        if of != namespace {
            let full = |namespace: &str| format!("{namespace}/{name}");
            return Err(renamed("spec.targetNamespace", &full(of), &full(&namespace)));
        }
    }
    let annotation = |name: &str| object.metadata.annotations.as_ref().and_then(|all| all.get(name)).cloned();
    Ok(Subject {
        identity: Identity::of(&object.metadata),
        generation: object.metadata.generation.unwrap_or(0),
        release,
        namespace,
        chart: chart(object)?,
        values: object.spec.values.clone().unwrap_or_default(),
        values_from: values::sources(&object.spec)?,
        options: options::options(object)?,
        source_revision: annotation(REVISION).filter(|revision| !revision.is_empty()),
        traceparent: annotation(TRACEPARENT),
        has_finalizer: has_finalizer(&object.metadata),
    })
}

fn chart(object: &FluxHelmRelease) -> Result<ChartRef, InvalidObject> {
    let path = object.spec.chart_git_path.as_deref().filter(|path| !path.is_empty());
    match (path, &object.spec.chart) {
        (Some(_), Some(_)) => {
            let message = "spec.chartGitPath is given too; a release has one chart".to_owned();
            Err(InvalidObject::Field { field: "spec.chart".to_owned(), message })
        }
        (None, None) => Err(InvalidObject::NoChart),
        (None, Some(chart)) => Ok(ChartRef::Repository(Box::new(chart.clone()))),
        (Some(path), None) => ChartPath::parse(path)
            .map(ChartRef::Git)
            .map_err(|source| InvalidObject::ChartPath { path: path.to_owned(), source }),
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
                "spec.chartGitPath is missing; give the chart's directory, relative to the charts path of the repository, or spec.chart",
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
                "the release was changed from a to b while a is installed; set spec.releaseName back, \
                 or delete this object (which purges a) and create it anew",
            ),
            (
                json!({"chartGitPath": "podinfo", "releaseName": "b"}),
                json!({"releaseName": "a"}),
                "b from podinfo",
            ),
            (
                json!({"chartGitPath": "podinfo", "targetNamespace": "prod"}),
                json!({}),
                "dev-prod-web from podinfo",
            ),
            (json!({"chartGitPath": "podinfo", "targetNamespace": "dev"}), json!({}), "dev-web from podinfo"),
            (
                json!({"chartGitPath": "podinfo", "releaseName": "a", "targetNamespace": "prod"}),
                json!({"releaseName": "a", "releaseRevision": 1}),
                "the release was changed from dev/a to prod/a while dev/a is installed; set spec.targetNamespace back, \
                 or delete this object (which purges dev/a) and create it anew",
            ),
            (
                json!({"chart": {"repository": "https://example.org", "name": "podinfo"}}),
                json!({}),
                "dev-web from podinfo of https://example.org",
            ),
            (
                json!({"chartGitPath": "podinfo", "chart": {"repository": "https://example.org", "name": "podinfo"}}),
                json!({}),
                "spec.chart: spec.chartGitPath is given too; a release has one chart",
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
}
