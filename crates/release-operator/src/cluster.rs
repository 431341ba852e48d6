//! The adapter to the API server for everything but a release's objects and records: the FluxHelmRelease itself (finalizer,
//! status, Events), what must be read live before a purge, and the cluster's capabilities.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crds::{FluxHelmRelease, FluxHelmReleaseStatus};
use helm_engine::{Capabilities, KubeVersion};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ObjectReference, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{CustomResourceExt as _, PartialObjectMeta};
use kube::discovery::ApiResource;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, Resource as _};
use kube_apply::{Applier, ApplyError, Snapshot};
use serde_json::json;
use tokio::sync::Mutex;

use crate::names::{FIELD_MANAGER, FINALIZER};
use crate::reconcile::validate::Identity;
use crate::reconcile::values::Place;

const TIMEOUT: Duration = Duration::from_secs(30);
/// The cluster's version is read again after this long; an upgrade of the control plane takes longer.
const VERSION_AGE: Duration = Duration::from_secs(5 * 60);

/// All fields of the status.
const STATUS_FIELDS: [&str; 11] = [
    "observedGeneration",
    "conditions",
    "releaseName",
    "releaseNamespace",
    "releaseStatus",
    "releaseRevision",
    "sourceRevision",
    "chartDigest",
    "valuesDigest",
    "lastAttempt",
    "history",
];

/// Whether something that holds a FluxHelmRelease is going away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is there to stay.
    Present,
    /// It is being deleted, or is gone.
    Leaving,
}

/// A list of the cluster's kinds, and what templates are told of it.
type KnownKinds = (Arc<Snapshot>, Arc<Capabilities>);

/// Works with FluxHelmRelease objects and reads the cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    applier: Applier,
    recorder: Recorder,
    version: Arc<Mutex<Option<(Instant, KubeVersion)>>>,
    capabilities: Arc<Mutex<Option<KnownKinds>>>,
}

impl Cluster {
    /// Over a client and the process's applier.
    pub fn new(client: Client, applier: Applier) -> Self {
        let recorder = Recorder::new(
            client.clone(),
            Reporter::from(FIELD_MANAGER.rsplit('/').next().unwrap_or_default()),
        );
        Self { client, applier, recorder, version: Arc::default(), capabilities: Arc::default() }
    }

    /// Puts our finalizer on the object, or takes it off. `resource_version` and `finalizers` are the object's, so that a change by
    /// somebody else in between is noticed.
    ///
    /// # Errors
    /// [`ApplyError`]; a change in between is transient. An object that is gone needs no finalizer taken off.
    pub async fn set_finalizer(
        &self,
        object: &Identity,
        resource_version: Option<&str>,
        finalizers: &[String],
        present: bool,
    ) -> Result<(), ApplyError> {
        let mut finalizers: Vec<_> = finalizers.iter().filter(|name| *name != FINALIZER).cloned().collect();
        if present {
            finalizers.push(FINALIZER.to_owned());
        }
        // The UID keeps a new object of the same name out of this.
        let metadata =
            json!({"uid": object.uid, "resourceVersion": resource_version, "finalizers": finalizers});
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let (name, api) = (self.describe(object), self.api(object));
        match bounded(&name, api.patch_metadata(&object.name, &params(), &patch)).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if !present && status.is_not_found() => Ok(()),
            Err(error) => Err(ApplyError::from_kube(name, error)),
        }
    }

    /// Sets or takes back `spec.suspend`. The object's resource version since.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub async fn set_suspended(&self, object: &Identity, suspended: bool) -> Result<u64, ApplyError> {
        let suspend = suspended.then_some(true);
        let patch = Patch::Merge(json!({"metadata": {"uid": object.uid}, "spec": {"suspend": suspend}}));
        let (name, api) = (self.describe(object), self.api(object));
        let written = bounded(&name, api.patch(&object.name, &params(), &patch)).await?;
        let written = written.map_err(|error| ApplyError::from_kube(name, error))?;
        Ok(written.metadata.resource_version.and_then(|version| version.parse().ok()).unwrap_or(0))
    }

    /// Replaces the object's status; an object that is gone has none. The object's resource version since.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub async fn set_status(
        &self,
        object: &Identity,
        status: &FluxHelmReleaseStatus,
    ) -> Result<Option<u64>, ApplyError> {
        // A merge keeps what it does not name: fields without a value must be named to go away.
        let mut fields = serde_json::Map::new();
        for name in STATUS_FIELDS {
            fields.insert(name.to_owned(), serde_json::Value::Null);
        }
        if let Ok(serde_json::Value::Object(status)) = serde_json::to_value(status) {
            fields.extend(status);
        }
        if let Some(serde_json::Value::Object(attempt)) = fields.get_mut("lastAttempt") {
            for name in ["sourceRevision", "chartDigest", "valuesDigest", "optionsDigest", "time"] {
                attempt.entry(name).or_insert(serde_json::Value::Null);
            }
        }
        let patch = Patch::Merge(json!({"metadata": {"uid": object.uid}, "status": fields}));
        let (name, api) = (self.describe(object), self.api(object));
        match bounded(&name, api.patch_status(&object.name, &params(), &patch)).await? {
            Ok(live) => Ok(live.metadata.resource_version.and_then(|version| version.parse().ok())),
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(None),
            Err(error) => Err(ApplyError::from_kube(name, error)),
        }
    }

    /// The text of a ConfigMap's or Secret's key; `None` when there is no such object or key.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub async fn values_text(&self, namespace: &str, place: &Place) -> Result<Option<Vec<u8>>, ApplyError> {
        match place {
            Place::ConfigMap { name, key } => {
                let what = format!("ConfigMap {namespace}/{name}");
                let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
                let read = bounded(&what, api.get_opt(name)).await?;
                let map = read.map_err(|error| ApplyError::from_kube(what, error))?.unwrap_or_default();
                let text = map.data.unwrap_or_default().remove(key).map(String::into_bytes);
                let bytes = || map.binary_data.unwrap_or_default().remove(key).map(|bytes| bytes.0);
                Ok(text.or_else(bytes))
            }
            Place::Secret { name, key } => {
                let data = self.secret(namespace, name).await?;
                Ok(data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0))
            }
            Place::ChartFile { .. } => Ok(None),
        }
    }

    /// The data of a Secret; `None` when there is none.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub async fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, ByteString>>, ApplyError> {
        let what = format!("Secret {namespace}/{name}");
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let read = bounded(&what, api.get_opt(name)).await?;
        let secret = read.map_err(|error| ApplyError::from_kube(what, error))?;
        Ok(secret.map(|secret| secret.data.unwrap_or_default()))
    }

    /// Publishes a Kubernetes Event about the object. Events are a courtesy: a failure is logged and changes nothing.
    pub async fn publish(&self, object: &Identity, warning: bool, reason: &str, note: String) {
        let reference = ObjectReference {
            api_version: Some(FluxHelmRelease::api_version(&()).into_owned()),
            kind: Some(FluxHelmRelease::kind(&()).into_owned()),
            namespace: Some(object.namespace.clone()),
            name: Some(object.name.clone()),
            uid: Some(object.uid.clone()),
            ..ObjectReference::default()
        };
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(shortened(note, 1000)),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let published = tokio::time::timeout(TIMEOUT, self.recorder.publish(&event, &reference)).await;
        match published {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, reason, "an Event could not be published"),
            Err(_) => tracing::warn!(reason, "an Event could not be published in time"),
        }
    }

    /// Whether the CRD of FluxHelmRelease is there to stay, read now.
    ///
    /// # Errors
    /// [`ApplyError`] when it cannot be read; an error is never taken for an answer.
    pub async fn crd(&self) -> Result<Presence, ApplyError> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        self.presence(api, FluxHelmRelease::crd_name()).await
    }

    /// Whether the namespace is there to stay, read now.
    ///
    /// # Errors
    /// As [`Self::crd`].
    pub async fn namespace(&self, name: &str) -> Result<Presence, ApplyError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        self.presence(api, name).await
    }

    /// The cluster's version and API versions, for templates. Cached; the API versions are those after the last change, or at most a
    /// minute old, so that a chart sees the CustomResourceDefinitions that others installed.
    ///
    /// # Errors
    /// [`ApplyError::Unavailable`].
    pub async fn capabilities(&self) -> Result<Arc<Capabilities>, ApplyError> {
        let snapshot = self.applier.discovery().snapshot().await?;
        let version = self.version().await?;
        let mut known = self.capabilities.lock().await;
        if let Some((of, capabilities)) = known.as_ref()
            && Arc::ptr_eq(of, &snapshot)
            && capabilities.kube_version == version
        {
            return Ok(capabilities.clone());
        }
        // With many kinds it is a long list, of which all renders can have the same.
        let api_versions = snapshot.api_versions().iter().cloned().collect();
        let capabilities = Arc::new(Capabilities::new(version, api_versions));
        *known = Some((snapshot, capabilities.clone()));
        Ok(capabilities)
    }

    async fn version(&self) -> Result<KubeVersion, ApplyError> {
        const WHAT: &str = "the cluster's version";
        let mut cached = self.version.lock().await;
        if let Some((read, version)) = cached.as_ref()
            && read.elapsed() < VERSION_AGE
        {
            return Ok(version.clone());
        }
        let answer = bounded(WHAT, self.client.apiserver_version()).await?;
        let answer = answer.map_err(|error| ApplyError::from_kube(WHAT, error))?;
        let version = KubeVersion::parse(&answer.git_version)
            .map_err(|error| ApplyError::Invalid { object: WHAT.to_owned(), message: error.to_string() })?;
        *cached = Some((Instant::now(), version.clone()));
        Ok(version)
    }

    async fn presence<K>(&self, api: Api<K>, name: &str) -> Result<Presence, ApplyError>
    where
        K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        let what = format!("{} {name}", K::kind(&()));
        let read: Result<Option<PartialObjectMeta<K>>, _> =
            bounded(&what, api.get_metadata_opt(name)).await?;
        match read {
            Ok(Some(live)) if live.metadata.deletion_timestamp.is_none() => Ok(Presence::Present),
            Ok(_) => Ok(Presence::Leaving),
            Err(error) => Err(ApplyError::from_kube(what, error)),
        }
    }

    fn describe(&self, object: &Identity) -> String {
        format!("FluxHelmRelease {}/{}", object.namespace, object.name)
    }

    /// Untyped, so that an object which cannot be decoded still gets its status.
    fn api(&self, object: &Identity) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<FluxHelmRelease>(&());
        Api::namespaced_with(self.client.clone(), &object.namespace, &resource)
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

async fn bounded<T>(
    what: &str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Result<T, kube::Error>, ApplyError> {
    tokio::time::timeout(TIMEOUT, request).await.map_err(|_| ApplyError::Unavailable {
        object: what.to_owned(),
        source: "no answer within 30 s".into(),
    })
}

/// Cuts a text at a character's edge.
pub fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        let mut end = most.saturating_sub('…'.len_utf8());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}
