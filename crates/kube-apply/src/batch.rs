//! Applying many objects, each with its own result.

use futures::{StreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use serde_json::Value;

use crate::identity::describe;
use crate::order::{is_crd, phases};
use crate::{Applied, Applier, ApplyError, ApplyOptions, ObjectRef};

/// What became of one document of a batch.
#[derive(Debug)]
pub struct ObjectResult {
    /// Its position in the batch.
    pub index: usize,
    /// Its identity, placed in its namespace as far as that is known; what could be read of it when it is malformed.
    pub object: String,
    /// The applied object, or why not.
    pub outcome: Result<Applied, ApplyError>,
}

impl Applier {
    /// Applies documents in the order of [`phases`], those of a phase at the same time (within
    /// [`crate::Settings::concurrency`]). After a phase with CustomResourceDefinitions it waits until each is established.
    ///
    /// Returns one result per document, in the order given; an error of one never stops another.
    pub async fn apply_all(
        &self,
        documents: &[Value],
        default_namespace: &str,
        how: &ApplyOptions,
    ) -> Vec<ObjectResult> {
        let mut results = Vec::with_capacity(documents.len());
        let (mut indices, mut identities) = (Vec::new(), Vec::new());
        for (index, document) in documents.iter().enumerate() {
            match ObjectRef::of(document) {
                Ok(identity) => {
                    indices.push(index);
                    identities.push(identity);
                }
                Err(error) => {
                    results.push(ObjectResult { index, object: describe(document), outcome: Err(error) });
                }
            }
        }
        for phase in phases(&identities) {
            let work = phase.into_iter().map(|at| {
                let (index, identity) = (indices[at], &identities[at]);
                self.apply_one(index, &documents[index], identity, default_namespace, how)
            });
            let done: Vec<_> =
                stream::iter(work).buffer_unordered(self.settings().concurrency).collect().await;
            results.extend(done);
        }
        results.sort_by_key(|result| result.index);
        results
    }

    async fn apply_one(
        &self,
        index: usize,
        document: &Value,
        identity: &ObjectRef,
        default_namespace: &str,
        how: &ApplyOptions,
    ) -> ObjectResult {
        let mut outcome = self.apply(document, default_namespace, how).await;
        if outcome.is_ok() && is_crd(identity) {
            outcome = match self.wait_established(&identity.name).await {
                Ok(()) => {
                    self.discovery().learn(document).await;
                    outcome
                }
                Err(error) => Err(error),
            };
        }
        let namespace = outcome.as_ref().ok().and_then(|applied| applied.live.metadata.namespace.clone());
        let mut identity = identity.clone();
        identity.namespace = namespace.or(identity.namespace);
        ObjectResult { index, object: identity.to_string(), outcome }
    }

    /// Waits, by watch and with the process's own rights, until a CustomResourceDefinition is established.
    ///
    /// # Errors
    /// [`ApplyError::Unavailable`] after [`crate::Settings::established_timeout`], or when the watch fails.
    pub async fn wait_established(&self, name: &str) -> Result<(), ApplyError> {
        let object = format!("CustomResourceDefinition {name}");
        let api: Api<CustomResourceDefinition> = Api::all(self.own_client().clone());
        let limit = self.settings().established_timeout;
        match tokio::time::timeout(limit, await_condition(api, name, is_crd_established())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(ApplyError::Unavailable { object, source: Box::new(error) }),
            Err(_) => Err(ApplyError::timed_out(object, limit)),
        }
    }
}
