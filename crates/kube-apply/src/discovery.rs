//! What kinds the API server serves: read once, shared by all, read again when a kind is unknown, or for whoever asks what there is when
//! the reading is old.

mod follow;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kube::discovery::{ApiResource, Scope};
use serde_json::Value;
use tokio::sync::RwLock;
use tokio::time::Instant;

use crate::{ApplyError, ObjectRef};

/// A reading is not repeated sooner than this for kinds that it does not know, so that a repository full of unknown
/// kinds costs one reading, not one each.
const MIN_AGE: Duration = Duration::from_secs(2);
/// A list of all kinds is not older than this, unless it is known that nothing has changed ([`Discovery::follow`]): a
/// CustomResourceDefinition that somebody else installs or takes away shows within it.
const MAX_AGE: Duration = Duration::from_secs(60);
/// For how long a kind that was learned is put into readings which do not have it yet.
const LEARNED: Duration = Duration::from_secs(30);

/// How a kind is addressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Group, version, kind and plural.
    pub resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// One reading of the API server's discovery documents.
#[derive(Debug, Default)]
pub struct Snapshot {
    kinds: HashMap<(String, String, String), Resolved>,
    api_versions: BTreeSet<String>,
}

impl Snapshot {
    /// Every `group/version` and `group/version/Kind` that is served, in the form of Helm's
    /// `.Capabilities.APIVersions`; sorted.
    pub fn api_versions(&self) -> &BTreeSet<String> {
        &self.api_versions
    }

    fn find(&self, object: &ObjectRef) -> Option<&Resolved> {
        self.kinds.get(&(object.group().to_owned(), object.version().to_owned(), object.kind.clone()))
    }

    fn insert(&mut self, resolved: Resolved) {
        let ApiResource { group, version, api_version, kind, .. } = &resolved.resource;
        self.api_versions.insert(api_version.clone());
        self.api_versions.insert(format!("{api_version}/{kind}"));
        self.kinds.insert((group.clone(), version.clone(), kind.clone()), resolved);
    }
}

struct Reading {
    taken: Instant,
    snapshot: Arc<Snapshot>,
    learned: Vec<(Instant, Resolved)>,
}

impl Reading {
    /// What was read, and what was learned shortly before.
    fn new(taken: Instant, mut read: Snapshot, mut learned: Vec<(Instant, Resolved)>) -> Self {
        learned.retain(|(since, _)| taken.duration_since(*since) < LEARNED);
        for (_, resolved) in &learned {
            read.insert(resolved.clone());
        }
        Self { taken, snapshot: Arc::new(read), learned }
    }

    fn is_since(&self, since: Option<Instant>) -> bool {
        since.is_none_or(|since| self.taken >= since)
    }
}

/// The discovery cache. One per process; clones share it.
#[derive(Clone)]
pub struct Discovery {
    client: kube::Client,
    timeout: Duration,
    reading: Arc<RwLock<Option<Reading>>>,
    followed: follow::Followed,
}

impl Discovery {
    pub(crate) fn new(client: kube::Client, timeout: Duration) -> Self {
        Self { client, timeout, reading: Arc::default(), followed: follow::Followed::default() }
    }

    /// A reading that is at most a minute old, or that is known to be as if it were taken now; taken now if there is none.
    ///
    /// # Errors
    /// [`ApplyError::Unavailable`] when the API server does not answer.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, ApplyError> {
        self.snapshot_since(self.followed.since(Instant::now())).await
    }

    /// Finds how the object's kind is addressed; an unknown kind causes a new reading.
    ///
    /// # Errors
    /// [`ApplyError::UnknownKind`] and [`ApplyError::Unavailable`].
    pub async fn resolve(&self, object: &ObjectRef) -> Result<Resolved, ApplyError> {
        if let Some(found) = self.snapshot_since(None).await?.find(object) {
            return Ok(found.clone());
        }
        let enough = Instant::now().checked_sub(MIN_AGE);
        let fresh = self.snapshot_since(enough).await?;
        fresh.find(object).cloned().ok_or_else(|| ApplyError::UnknownKind {
            object: object.to_string(),
            kind: object.kind.clone(),
            api_version: object.api_version.clone(),
        })
    }

    /// Takes up the kinds of a CustomResourceDefinition that was just established: discovery documents follow a little later.
    pub async fn learn(&self, definition: &Value) {
        let text = |pointer: &str| {
            definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (group, kind, plural) =
            (text("/spec/group"), text("/spec/names/kind"), text("/spec/names/plural"));
        let namespaced = text("/spec/scope") != "Cluster";
        let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
        let mut reading = self.reading.write().await;
        let Some(reading) = reading.as_mut() else { return };
        let mut snapshot = Snapshot {
            kinds: reading.snapshot.kinds.clone(),
            api_versions: reading.snapshot.api_versions.clone(),
        };
        for version in versions.into_iter().flatten() {
            let served = version.get("served").and_then(Value::as_bool).unwrap_or(false);
            let Some(name) = version.get("name").and_then(Value::as_str).filter(|_| served) else { continue };
            let resource = ApiResource {
                group: group.clone(),
                version: name.to_owned(),
                api_version: format!("{group}/{name}"),
                kind: kind.clone(),
                plural: plural.clone(),
            };
            let resolved = Resolved { resource, namespaced };
            snapshot.insert(resolved.clone());
            reading.learned.push((Instant::now(), resolved));
        }
        reading.snapshot = Arc::new(snapshot);
    }

    /// A reading no older than `since` (any reading when `None`). Callers that wait together share one request.
    async fn snapshot_since(&self, since: Option<Instant>) -> Result<Arc<Snapshot>, ApplyError> {
        let fresh = |reading: &Option<Reading>| {
            reading.as_ref().filter(|reading| reading.is_since(since)).map(|reading| reading.snapshot.clone())
        };
        if let Some(snapshot) = fresh(&*self.reading.read().await) {
            return Ok(snapshot);
        }
        let mut reading = self.reading.write().await;
        if let Some(snapshot) = fresh(&reading) {
            return Ok(snapshot);
        }
        let (taken, read) = (Instant::now(), self.read().await?);
        let learned = reading.take().map(|before| before.learned).unwrap_or_default();
        let next = Reading::new(taken, read, learned);
        let snapshot = next.snapshot.clone();
        *reading = Some(next);
        Ok(snapshot)
    }

    async fn read(&self) -> Result<Snapshot, ApplyError> {
        const WHAT: &str = "discovery of the cluster's kinds";
        let run = async {
            match kube::Discovery::new(self.client.clone()).run_aggregated().await {
                Ok(discovery) => Ok(discovery),
                // Servers before 1.30 answer with the old documents, which take a request per group.
                Err(kube::Error::SerdeError(_)) => kube::Discovery::new(self.client.clone()).run().await,
                Err(error) => Err(error),
            }
        };
        let discovery = tokio::time::timeout(self.timeout, run)
            .await
            .map_err(|_| ApplyError::timed_out(WHAT, self.timeout))?
            .map_err(|error| ApplyError::Unavailable { object: WHAT.to_owned(), source: Box::new(error) })?;
        let mut snapshot = Snapshot::default();
        for group in discovery.groups() {
            for version in group.versions() {
                for (resource, capabilities) in group.versioned_resources(version) {
                    let namespaced = matches!(capabilities.scope, Scope::Namespaced);
                    snapshot.insert(Resolved { resource, namespaced });
                }
            }
        }
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A client that reaches nothing.
    fn discovery() -> Discovery {
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        Discovery::new(kube::Client::try_from(config).unwrap(), Duration::from_secs(5))
    }

    #[tokio::test]
    async fn an_old_reading_finds_kinds_but_lists_none() {
        let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        let config_map = ObjectRef::of(&config_map).unwrap();
        let check = async |age: Duration, lists: bool| {
            let discovery = discovery();
            let mut read = Snapshot::default();
            let resource = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
            read.insert(Resolved { resource, namespaced: true });
            *discovery.reading.write().await = Some(Reading::new(Instant::now() - age, read, Vec::new()));
            assert_eq!(discovery.snapshot().await.is_ok(), lists, "{age:?}");
            assert!(discovery.resolve(&config_map).await.is_ok(), "{age:?}");
        };
        check(Duration::ZERO, true).await;
        check(MAX_AGE - Duration::from_secs(10), true).await;
        check(MAX_AGE + Duration::from_secs(1), false).await;
    }

    #[tokio::test]
    async fn a_kind_that_was_learned_outlasts_a_reading_without_it() {
        let discovery = discovery();
        let begin = Instant::now();
        *discovery.reading.write().await = Some(Reading::new(begin, Snapshot::default(), Vec::new()));
        let crd = json!({"spec": {"group": "g.io", "scope": "Cluster", "names": {"kind": "A", "plural": "as"},
            "versions": [{"name": "v1", "served": true}, {"name": "v0", "served": false}]}});
        discovery.learn(&crd).await;
        let learned = discovery.reading.write().await.take().unwrap().learned;
        for (after, expected) in [(Duration::from_secs(1), 2), (LEARNED * 2, 0)] {
            let next = Reading::new(begin + after, Snapshot::default(), learned.clone());
            assert_eq!(next.snapshot.api_versions().len(), expected, "{after:?}");
        }
    }
}
