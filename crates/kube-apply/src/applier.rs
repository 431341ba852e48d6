//! Reading, applying and deleting single objects.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::acting::Clients;
use crate::{ApplyError, Discovery, Impersonated, ObjectRef, Resolved};

/// Waits between tries while the API server does not serve a kind that was just established.
const NOT_SERVED_YET: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Bounds on what an [`Applier`] asks of the API server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Requests in flight at once, over all clones.
    pub concurrency: usize,
    /// The longest that one request may take.
    pub timeout: Duration,
    /// The longest wait for a CustomResourceDefinition to be established.
    pub established_timeout: Duration,
}

impl Default for Settings {
    /// 16 requests at once, 30 s each, 30 s until a definition is established.
    fn default() -> Self {
        Self {
            concurrency: 16,
            timeout: Duration::from_secs(30),
            established_timeout: Duration::from_secs(30),
        }
    }
}

/// As whom, and how hard, to apply.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    field_manager: String,
    force: bool,
}

impl ApplyOptions {
    /// Applies as this field manager, yielding to other managers with [`ApplyError::Conflict`].
    pub fn new(field_manager: impl Into<String>) -> Self {
        Self { field_manager: field_manager.into(), force: false }
    }

    /// Whether to take over fields that others own.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }
}

/// What an apply did to the live object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// There was none.
    Created,
    /// It became another.
    Configured,
    /// It was so already: the resource version did not move.
    Unchanged,
}

/// An applied object.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What was done.
    pub change: Change,
    /// The live object as the API server answered.
    pub live: DynamicObject,
}

/// What a delete found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeleteOutcome {
    /// The API server accepted the deletion; finalizers and dependents may take longer.
    Deleted,
    /// There was nothing to delete.
    NotFound,
}

/// Applies, reads and deletes objects of any kind.
#[derive(Clone)]
pub struct Applier {
    client: kube::Client,
    account: Option<Impersonated>,
    clients: Arc<Clients>,
    discovery: Discovery,
    limit: Arc<Semaphore>,
    settings: Settings,
}

impl Applier {
    /// An applier with a discovery cache of its own. Clone it rather than making a second one.
    pub fn new(client: kube::Client, settings: Settings) -> Self {
        let discovery = Discovery::new(client.clone(), settings.timeout);
        let limit = Arc::new(Semaphore::new(settings.concurrency.max(1)));
        let clients = Arc::new(Clients::new(client.clone()));
        Self { client, account: None, clients, discovery, limit, settings }
    }

    /// The same applier with the rights of a service account, or (`None`) with the process's own; whatever this one acts as.
    ///
    /// It shares the discovery cache, the bound on concurrent requests and the connections. Discovery, and the wait for a definition to
    /// be established, stay with the process's own rights. What the account may not do is [`ApplyError::AccountForbidden`]; that the
    /// process may not act as the account is [`ApplyError::Forbidden`].
    ///
    /// Cheap enough for each look at a release. To be called inside a tokio runtime, which the first call for an account gives a task.
    #[must_use]
    pub fn acting_as(&self, account: Option<Impersonated>) -> Self {
        let client = match &account {
            Some(account) => self.clients.acting_as(account),
            None => self.clients.own().clone(),
        };
        Self { client, account, ..self.clone() }
    }

    /// The service account that it acts as; `None` with the process's own rights.
    pub fn account(&self) -> Option<&Impersonated> {
        self.account.as_ref()
    }

    /// The shared discovery cache.
    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// The client that this applier uses, with the rights of the account that it acts as.
    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    /// The client with the process's own rights.
    pub(crate) fn own_client(&self) -> &kube::Client {
        self.clients.own()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The identity with the namespace that the API server would use: none for kinds of the whole cluster,
    /// `default_namespace` where the manifest leaves it out.
    ///
    /// # Errors
    /// [`ApplyError::UnknownKind`] and [`ApplyError::Unavailable`].
    pub async fn locate(&self, object: &ObjectRef, default_namespace: &str) -> Result<ObjectRef, ApplyError> {
        let resolved = self.discovery.resolve(object).await?;
        Ok(placed(object, &resolved, default_namespace))
    }

    /// Reads the live object; `None` when there is none, or its namespace is absent.
    ///
    /// # Errors
    /// [`ApplyError::UnknownKind`], [`ApplyError::Forbidden`] and [`ApplyError::Unavailable`].
    pub async fn get(
        &self,
        object: &ObjectRef,
        default_namespace: &str,
    ) -> Result<Option<DynamicObject>, ApplyError> {
        let (object, api) = self.api(object, default_namespace).await?;
        self.bounded(&object, api.get_opt(&object.name)).await
    }

    /// Applies one document by server-side apply, after a look at the live object that tells "created", "configured" and
    /// "unchanged" apart. Fields that only the API server writes (`metadata.managedFields`, `resourceVersion`, `uid`,
    /// `generation`, `creationTimestamp`, `selfLink`) are left out of the request, so that exported manifests work.
    ///
    /// # Errors
    /// Any [`ApplyError`].
    pub async fn apply(
        &self,
        document: &Value,
        default_namespace: &str,
        how: &ApplyOptions,
    ) -> Result<Applied, ApplyError> {
        let (object, api) = self.api(&ObjectRef::of(document)?, default_namespace).await?;
        let before = self.bounded(&object, api.get_metadata_opt(&object.name)).await?;
        let before = before.and_then(|live| live.metadata.resource_version);
        self.patch(&object, &api, document, before.as_deref(), how).await
    }

    /// As [`Applier::apply`], for a caller that has just read the object: `before` is the live resource version, `None` when
    /// there was no object. Saves the look.
    ///
    /// # Errors
    /// Any [`ApplyError`].
    pub async fn apply_over(
        &self,
        document: &Value,
        before: Option<&str>,
        default_namespace: &str,
        how: &ApplyOptions,
    ) -> Result<Applied, ApplyError> {
        let (object, api) = self.api(&ObjectRef::of(document)?, default_namespace).await?;
        self.patch(&object, &api, document, before, how).await
    }

    /// What the live object would be after an apply, by a dry-run: admission, defaults and the fields of other managers have had their
    /// say, and nothing is stored. See [`crate::drift::differences`].
    ///
    /// # Errors
    /// Any [`ApplyError`]; the same as those of the apply.
    pub async fn dry_run(
        &self,
        document: &Value,
        default_namespace: &str,
        how: &ApplyOptions,
    ) -> Result<DynamicObject, ApplyError> {
        let (object, api) = self.api(&ObjectRef::of(document)?, default_namespace).await?;
        self.request(&object, &api, document, how, true).await
    }

    /// Writes `entries` over the `metadata.managedFields` of a live object that is still as it was read; see [`crate::taken_over`].
    /// Returns its new resource version.
    ///
    /// # Errors
    /// Any [`ApplyError`]; [`ApplyError::Unavailable`] when the object has changed since it was read.
    pub async fn set_managed_fields(
        &self,
        live: &DynamicObject,
        entries: &[ManagedFieldsEntry],
        object: &ObjectRef,
        default_namespace: &str,
    ) -> Result<Option<String>, ApplyError> {
        let (object, api) = self.api(object, default_namespace).await?;
        let metadata =
            json!({"managedFields": entries, "resourceVersion": live.metadata.resource_version.as_deref()});
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let params = PatchParams::default();
        let live = self.bounded(&object, api.patch_metadata(&object.name, &params, &patch)).await?;
        Ok(live.metadata.resource_version)
    }

    /// Deletes an object with background propagation. With `uid`, only that very object.
    ///
    /// # Errors
    /// [`ApplyError::Forbidden`], [`ApplyError::Conflict`] is never among them; a kind that is no longer served has no
    /// objects, and counts as not found.
    pub async fn delete(
        &self,
        object: &ObjectRef,
        uid: Option<&str>,
        default_namespace: &str,
    ) -> Result<DeleteOutcome, ApplyError> {
        let (object, api) = match self.api(object, default_namespace).await {
            Err(ApplyError::UnknownKind { .. }) => return Ok(DeleteOutcome::NotFound),
            other => other?,
        };
        let mut params = DeleteParams::background();
        if let Some(uid) = uid {
            let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
            params = params.preconditions(only);
        }
        let request = async {
            match api.delete(&object.name, &params).await {
                Ok(_) => Ok(DeleteOutcome::Deleted),
                // A conflict means that the name now belongs to another object than the one to be deleted.
                Err(kube::Error::Api(status))
                    if status.is_not_found() || (uid.is_some() && status.is_conflict()) =>
                {
                    Ok(DeleteOutcome::NotFound)
                }
                Err(error) => Err(error),
            }
        };
        self.bounded(&object, request).await
    }

    /// Lists the objects of a kind, in one namespace or (`None`) in all; at most `limit` of them.
    ///
    /// # Errors
    /// [`ApplyError::Invalid`] when there are more than `limit`; [`ApplyError::UnknownKind`], [`ApplyError::Forbidden`] and
    /// [`ApplyError::Unavailable`].
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DynamicObject>, ApplyError> {
        let all = ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: "(all)".to_owned(),
        };
        let resolved = self.discovery.resolve(&all).await?;
        let api: Api<DynamicObject> = match namespace.filter(|_| resolved.namespaced) {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resolved.resource),
            None => Api::all_with(self.client.clone(), &resolved.resource),
        };
        let list = self.bounded(&all, api.list(&ListParams::default().limit(limit))).await?;
        if list.metadata.continue_.is_some_and(|more| !more.is_empty()) {
            let message = format!("there are more than {limit} objects");
            return Err(ApplyError::Invalid { object: all.to_string(), message });
        }
        Ok(list.items)
    }

    /// Watches one object until `reached` says so of it (`None`: it is not there), for at most `limit`. Takes none of the
    /// requests of [`Settings::concurrency`] while it waits.
    ///
    /// Returns the object as it was then; `None` when it was not there.
    ///
    /// # Errors
    /// [`ApplyError::Unavailable`] when the time is over or the watch fails; [`ApplyError::Forbidden`] and
    /// [`ApplyError::AccountForbidden`] when it is not allowed to watch.
    pub async fn wait_until(
        &self,
        object: &ObjectRef,
        default_namespace: &str,
        limit: Duration,
        reached: impl Fn(Option<&DynamicObject>) -> bool,
    ) -> Result<Option<DynamicObject>, ApplyError> {
        let (object, api) = self.api(object, default_namespace).await?;
        match tokio::time::timeout(limit, await_condition(api, &object.name, reached)).await {
            Ok(Ok(live)) => Ok(live),
            Ok(Err(error)) => Err(ApplyError::from_wait(object, error, self.account.as_ref())),
            Err(_) => {
                let source = format!("it was not reached within {} s", limit.as_secs()).into();
                Err(ApplyError::Unavailable { object: object.to_string(), source })
            }
        }
    }

    async fn patch(
        &self,
        object: &ObjectRef,
        api: &Api<DynamicObject>,
        document: &Value,
        before: Option<&str>,
        how: &ApplyOptions,
    ) -> Result<Applied, ApplyError> {
        let live = self.request(object, api, document, how, false).await?;
        let change = match before {
            None => Change::Created,
            Some(version) if live.metadata.resource_version.as_deref() == Some(version) => Change::Unchanged,
            Some(_) => Change::Configured,
        };
        Ok(Applied { change, live })
    }

    async fn request(
        &self,
        object: &ObjectRef,
        api: &Api<DynamicObject>,
        document: &Value,
        how: &ApplyOptions,
        dry_run: bool,
    ) -> Result<DynamicObject, ApplyError> {
        let document = stated(document, object);
        let params = PatchParams {
            field_manager: Some(how.field_manager.clone()),
            force: how.force,
            dry_run,
            ..PatchParams::default()
        };
        let mut waits = NOT_SERVED_YET.iter();
        loop {
            let outcome =
                self.bounded_raw(object, api.patch(&object.name, &params, &Patch::Apply(&document))).await?;
            match outcome {
                Ok(live) => return Ok(live),
                Err(kube::Error::Api(status)) if not_served(&status) => match waits.next() {
                    Some(wait) => tokio::time::sleep(*wait).await,
                    None => {
                        return Err(ApplyError::UnknownKind {
                            object: object.to_string(),
                            kind: object.kind.clone(),
                            api_version: object.api_version.clone(),
                        });
                    }
                },
                Err(error) => return Err(self.sorted(object, error)),
            }
        }
    }

    async fn api(
        &self,
        object: &ObjectRef,
        default_namespace: &str,
    ) -> Result<(ObjectRef, Api<DynamicObject>), ApplyError> {
        let resolved = self.discovery.resolve(object).await?;
        let object = placed(object, &resolved, default_namespace);
        let api = match &object.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resolved.resource),
            None => Api::all_with(self.client.clone(), &resolved.resource),
        };
        Ok((object, api))
    }

    async fn bounded<T>(
        &self,
        object: &ObjectRef,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ApplyError> {
        self.bounded_raw(object, request).await?.map_err(|error| self.sorted(object, error))
    }

    fn sorted(&self, object: &ObjectRef, error: kube::Error) -> ApplyError {
        ApplyError::of_request(object, error, self.account.as_ref())
    }

    async fn bounded_raw<T>(
        &self,
        object: &ObjectRef,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<Result<T, kube::Error>, ApplyError> {
        let _permit = self.limit.acquire().await.expect("the semaphore is never closed");
        let limit = self.settings.timeout;
        tokio::time::timeout(limit, request).await.map_err(|_| ApplyError::timed_out(object, limit))
    }
}

/// A path that the API server does not serve: not-found, but of no object.
fn not_served(status: &kube::core::Status) -> bool {
    let of_an_object = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    status.is_not_found() && !of_an_object
}

fn placed(object: &ObjectRef, resolved: &Resolved, default_namespace: &str) -> ObjectRef {
    let mut object = object.clone();
    object.namespace =
        resolved.namespaced.then(|| object.namespace.unwrap_or_else(|| default_namespace.to_owned()));
    object
}

/// The document as it goes into the request: placed in its namespace, without what only the API server writes.
fn stated(document: &Value, object: &ObjectRef) -> Value {
    let mut document = document.clone();
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in
            ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"]
        {
            metadata.remove(field);
        }
        match &object.namespace {
            Some(namespace) => metadata.insert("namespace".to_owned(), Value::String(namespace.clone())),
            None => metadata.remove("namespace"),
        };
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_states_the_document_in_its_place() {
        let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}, "metadata": {
            "name": "a", "managedFields": [], "resourceVersion": "7", "creationTimestamp": null, "labels": {"a": "b"}}});
        let resource = kube::discovery::ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
        let identity = ObjectRef::of(&document).unwrap();
        for (namespaced, expected) in [
            (true, json!({"name": "a", "namespace": "dev", "labels": {"a": "b"}})),
            (false, json!({"name": "a", "labels": {"a": "b"}})),
        ] {
            let object = placed(&identity, &Resolved { resource: resource.clone(), namespaced }, "dev");
            assert_eq!(stated(&document, &object)["metadata"], expected);
        }
    }
}
