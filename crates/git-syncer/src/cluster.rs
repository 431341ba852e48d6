//! The cluster, as git-syncer writes to it: server-side apply that leaves alone what is already as git says.
//!
//! An object is compared by a dry-run of the very apply that would follow, so defaulting, admission and fields of other
//! managers are judged by the API server itself. Only an object that would change gets the annotations of the new revision.

use std::time::Duration;

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube_apply::{Applier, ApplyError, ApplyOptions, Change, ObjectRef};
use serde_json::{Map, Value};

/// Field manager of everything that git-syncer applies.
pub const FIELD_MANAGER: &str = "windlass.dev/git-syncer";
/// Annotation with the revision that last changed the object.
pub const REVISION_ANNOTATION: &str = "windlass.dev/revision";
/// Annotation with the W3C traceparent of the pass that last changed the object.
pub const TRACEPARENT_ANNOTATION: &str = "windlass.dev/traceparent";
/// Flux's annotation by which a person takes a live object out of the sync.
const IGNORE_ANNOTATIONS: [&str; 2] = ["flux.weave.works/ignore", "fluxcd.io/ignore"];
/// Limit for the dry-run.
const DRY_RUN_LIMIT: Duration = Duration::from_secs(30);

/// What a pass writes on objects that it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// The revision, `branch@sha1:<hex>`.
    pub revision: String,
    /// The pass's trace; `None` outside of any.
    pub traceparent: Option<String>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It did not exist before.
    Created,
    /// It was changed.
    Configured,
    /// It was as git says, and was not touched.
    Unchanged,
    /// The live object carries an `ignore` annotation.
    Ignored,
}

/// Applies objects. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    applier: Applier,
    default_namespace: String,
}

impl Cluster {
    /// A cluster behind `applier`; objects without a namespace go to `default_namespace`.
    pub fn new(applier: Applier, default_namespace: String) -> Self {
        Cluster { applier, default_namespace }
    }

    /// Makes the live object what `document` says, touching it only if that changes something. A CustomResourceDefinition is
    /// waited for until it is established, so that objects of its kind can follow.
    ///
    /// # Errors
    /// Any [`ApplyError`]; it names the object.
    pub async fn settle(
        &self,
        object: &ObjectRef,
        document: &Value,
        marks: &Marks,
    ) -> Result<Settled, ApplyError> {
        let live = self.applier.get(object, &self.default_namespace).await?;
        let before = live.as_ref().and_then(|live| live.metadata.resource_version.clone());
        if let Some(live) = &live {
            if is_ignored(live) {
                return Ok(Settled::Ignored);
            }
            if is_ours(live) && !self.would_change(object, document, live).await? {
                self.after(object, document).await?;
                return Ok(Settled::Unchanged);
            }
        }
        let marked = with_annotations(document, &marks_of(marks));
        let how = ApplyOptions::new(FIELD_MANAGER).force(true);
        let applied =
            self.applier.apply_over(&marked, before.as_deref(), &self.default_namespace, &how).await?;
        service_kit::failpoint!("apply.after-object");
        self.after(object, document).await?;
        Ok(match applied.change {
            Change::Created => Settled::Created,
            Change::Configured => Settled::Configured,
            Change::Unchanged => Settled::Unchanged,
        })
    }

    /// The object with the namespace that it has in the cluster; as it is when its kind is not known.
    pub async fn place(&self, object: &ObjectRef) -> ObjectRef {
        self.applier.locate(object, &self.default_namespace).await.unwrap_or_else(|_| object.clone())
    }

    async fn after(&self, object: &ObjectRef, document: &Value) -> Result<(), ApplyError> {
        if object.kind == "CustomResourceDefinition" && object.group() == "apiextensions.k8s.io" {
            self.applier.wait_established(&object.name).await?;
            self.applier.discovery().learn(document).await;
        }
        Ok(())
    }

    /// Whether applying the document would change more than the annotations that tell of the last change.
    async fn would_change(
        &self,
        object: &ObjectRef,
        document: &Value,
        live: &DynamicObject,
    ) -> Result<bool, ApplyError> {
        let mut document = with_annotations(document, &marks_on(live));
        let resolved = self.applier.discovery().resolve(object).await?;
        let client = self.applier.client().clone();
        let api: Api<DynamicObject> = match &live.metadata.namespace {
            Some(namespace) => {
                document["metadata"]["namespace"] = Value::String(namespace.clone());
                Api::namespaced_with(client, namespace, &resolved.resource)
            }
            None => {
                if let Some(metadata) = document["metadata"].as_object_mut() {
                    metadata.remove("namespace");
                }
                Api::all_with(client, &resolved.resource)
            }
        };
        if let Some(metadata) = document["metadata"].as_object_mut() {
            SERVER_WRITTEN.iter().for_each(|field| drop(metadata.remove(*field)));
        }
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            force: true,
            dry_run: true,
            ..PatchParams::default()
        };
        let patch = Patch::Apply(&document);
        let request = api.patch(&object.name, &params, &patch);
        let would_be = match tokio::time::timeout(DRY_RUN_LIMIT, request).await {
            // An admission webhook with side effects refuses every dry-run; then applying is the only way to know.
            Ok(Err(kube::Error::Api(status))) if status.message.contains("does not support dry run") => {
                return Ok(true);
            }
            Ok(answer) => answer.map_err(|error| ApplyError::from_kube(object, error))?,
            Err(elapsed) => {
                return Err(ApplyError::Unavailable {
                    object: object.to_string(),
                    source: Box::new(elapsed),
                });
            }
        };
        Ok(content(live) != content(&would_be))
    }
}

/// Metadata that only the API server writes.
const SERVER_WRITTEN: [&str; 6] =
    ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"];

/// The object without what changes by itself with every write.
fn content(object: &DynamicObject) -> (Value, Value) {
    let mut metadata = serde_json::to_value(&object.metadata).unwrap_or_default();
    if let Some(metadata) = metadata.as_object_mut() {
        SERVER_WRITTEN.iter().for_each(|field| drop(metadata.remove(*field)));
    }
    (metadata, object.data.clone())
}

/// Whether git-syncer has applied this object before; if not, applying also takes ownership of fields that are already right.
fn is_ours(live: &DynamicObject) -> bool {
    let fields = live.metadata.managed_fields.as_deref().unwrap_or_default();
    fields.iter().any(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply")
    })
}

fn is_ignored(live: &DynamicObject) -> bool {
    let annotations = live.metadata.annotations.as_ref();
    let value = |key: &&str| annotations.and_then(|annotations| annotations.get(*key)).map(String::as_str);
    IGNORE_ANNOTATIONS.iter().any(|key| matches!(value(key), Some("true")))
}

fn marks_of(marks: &Marks) -> Map<String, Value> {
    let mut annotations = Map::new();
    annotations.insert(REVISION_ANNOTATION.to_owned(), Value::String(marks.revision.clone()));
    if let Some(traceparent) = &marks.traceparent {
        annotations.insert(TRACEPARENT_ANNOTATION.to_owned(), Value::String(traceparent.clone()));
    }
    annotations
}

/// The marks that an earlier pass left on the live object.
fn marks_on(live: &DynamicObject) -> Map<String, Value> {
    let annotations = live.metadata.annotations.iter().flatten();
    annotations
        .filter(|(key, _)| matches!(key.as_str(), REVISION_ANNOTATION | TRACEPARENT_ANNOTATION))
        .map(|(key, value)| (key.clone(), Value::String(value.clone())))
        .collect()
}

/// The document with these annotations besides its own.
fn with_annotations(document: &Value, annotations: &Map<String, Value>) -> Value {
    let mut document = document.clone();
    if annotations.is_empty() {
        return document;
    }
    let Some(object) = document.as_object_mut() else { return document };
    let metadata = object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let Some(metadata) = metadata.as_object_mut() else { return document };
    let own = metadata.entry("annotations").or_insert(Value::Null);
    if own.is_null() {
        *own = Value::Object(Map::new());
    }
    if let Some(own) = own.as_object_mut() {
        own.extend(annotations.clone());
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn marks_are_added_beside_a_documents_own_annotations() {
        let marks = marks_of(&Marks { revision: "main@sha1:00".into(), traceparent: None });
        for (own, expected) in [
            (json!({"name": "a"}), json!({REVISION_ANNOTATION: "main@sha1:00"})),
            (json!({"name": "a", "annotations": null}), json!({REVISION_ANNOTATION: "main@sha1:00"})),
            (json!({"annotations": {"x": "y"}}), json!({"x": "y", REVISION_ANNOTATION: "main@sha1:00"})),
        ] {
            let marked = with_annotations(&json!({"kind": "A", "metadata": own}), &marks);
            assert_eq!(marked["metadata"]["annotations"], expected);
        }
        assert_eq!(with_annotations(&json!({"metadata": {}}), &Map::new()), json!({"metadata": {}}));
    }

    #[test]
    fn what_every_write_changes_is_not_content() {
        let object = |version: &str, data: &str| {
            live(
                json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": data}, "metadata": {"name": "a",
                "resourceVersion": version, "generation": 3, "managedFields": [{"manager": version}]}}),
            )
        };
        assert_eq!(content(&object("1", "x")), content(&object("2", "x")));
        assert_ne!(content(&object("1", "x")), content(&object("1", "y")));
    }

    #[test]
    fn ownership_and_ignoring_are_read_from_the_live_object() {
        let managed = |manager: &str, operation: &str| {
            is_ours(&live(json!({"apiVersion": "v1", "kind": "A", "metadata": {"managedFields": [
                {"manager": manager, "operation": operation}]}})))
        };
        assert!(managed(FIELD_MANAGER, "Apply"));
        assert!(!managed(FIELD_MANAGER, "Update") && !managed("kubectl", "Apply"));
        let ignored = |value: &str| {
            is_ignored(&live(json!({"apiVersion": "v1", "kind": "A", "metadata": {"annotations": {
                "flux.weave.works/ignore": value}}})))
        };
        assert!(ignored("true") && !ignored("sync_only") && !ignored("false"));
    }
}
