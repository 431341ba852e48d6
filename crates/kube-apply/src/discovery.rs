//! What kinds the API server serves: read once, shared by all, read again when a kind is unknown.

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
}

/// The discovery cache. One per process; clones share it.
#[derive(Clone)]
pub struct Discovery {
    client: kube::Client,
    timeout: Duration,
    reading: Arc<RwLock<Option<Reading>>>,
}

impl Discovery {
    pub(crate) fn new(client: kube::Client, timeout: Duration) -> Self {
        Self { client, timeout, reading: Arc::default() }
    }

    /// The current reading; taken now if there is none.
    ///
    /// # Errors
    /// [`ApplyError::Unavailable`] when the API server does not answer.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, ApplyError> {
        self.snapshot_since(None).await
    }

    /// Finds how the object's kind is addressed; an unknown kind causes a new reading.
    ///
    /// # Errors
    /// [`ApplyError::UnknownKind`] and [`ApplyError::Unavailable`].
    pub async fn resolve(&self, object: &ObjectRef) -> Result<Resolved, ApplyError> {
        if let Some(found) = self.snapshot().await?.find(object) {
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
            snapshot.insert(Resolved { resource, namespaced });
        }
        reading.snapshot = Arc::new(snapshot);
    }

    /// A reading no older than `since` (any reading when `None`). Callers that wait together share one request.
    async fn snapshot_since(&self, since: Option<Instant>) -> Result<Arc<Snapshot>, ApplyError> {
        let fresh = |reading: &Option<Reading>| match reading {
            Some(reading) if since.is_none_or(|since| reading.taken >= since) => {
                Some(reading.snapshot.clone())
            }
            _ => None,
        };
        if let Some(snapshot) = fresh(&*self.reading.read().await) {
            return Ok(snapshot);
        }
        let mut reading = self.reading.write().await;
        if let Some(snapshot) = fresh(&reading) {
            return Ok(snapshot);
        }
        let snapshot = Arc::new(self.read().await?);
        *reading = Some(Reading { taken: Instant::now(), snapshot: snapshot.clone() });
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
