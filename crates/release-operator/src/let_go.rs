//! Letting every release go before Windlass is uninstalled: the finalizers come off, and nothing is purged.
//!
//! Run by the chart's pre-delete hook as `release-operator --let-go`. The operator itself is stopped first, or it would put the
//! finalizers back. Every step can be repeated: a hook that is killed and run again ends in the same state.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;

use crate::names::FINALIZER;

/// How long the operator's pod has to end; longer than its own grace period.
const STOP: Duration = Duration::from_secs(120);
/// FluxHelmReleases read at a time.
const PAGE: u32 = 250;

/// A Deployment by name: `flux/windlass-release-operator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl FromStr for DeploymentRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("{text:?} is not NAMESPACE/NAME of a Deployment")),
        }
    }
}

impl fmt::Display for DeploymentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What keeps releases from being let go.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LetGoError {
    /// The operator's Deployment cannot be stopped.
    #[error("the Deployment {0} cannot be scaled to 0")]
    Scale(DeploymentRef, #[source] kube::Error),
    /// The operator's pod does not end.
    #[error("the Deployment {0} still has pods after {STOP:?}; delete them and run this again")]
    StillRunning(DeploymentRef),
    /// The objects cannot be listed.
    #[error("the FluxHelmReleases cannot be listed")]
    List(#[source] kube::Error),
    /// A finalizer cannot be taken off.
    #[error("the finalizer of FluxHelmRelease {0} cannot be taken off")]
    Patch(String, #[source] kube::Error),
}

/// Stops the operator, then takes the finalizer off every FluxHelmRelease. Returns how many were let go.
///
/// # Errors
/// What the API server refuses, or an operator that does not stop. Objects let go before that stay so.
pub async fn let_go(client: kube::Client, operator: Option<&DeploymentRef>) -> Result<usize, LetGoError> {
    if let Some(operator) = operator {
        stop(client.clone(), operator).await?;
    }
    let kind = GroupVersionKind::gvk("helm.integrations.flux.weave.works", "v1alpha2", "FluxHelmRelease");
    let resource = ApiResource::from_gvk(&kind);
    let all: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let mut let_go = 0;
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = match all.list(&page).await {
            Ok(list) => list,
            // Without the CRD there is nothing to let go.
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(let_go),
            Err(error) => return Err(LetGoError::List(error)),
        };
        for object in list.items {
            let_go += usize::from(drop_finalizer(&client, &resource, &object).await?);
        }
        match list.metadata.continue_ {
            Some(token) if !token.is_empty() => page = page.continue_token(&token),
            _ => return Ok(let_go),
        }
    }
}

async fn stop(client: kube::Client, operator: &DeploymentRef) -> Result<(), LetGoError> {
    let deployments: Api<Deployment> = Api::namespaced(client, &operator.namespace);
    let fault = |error| LetGoError::Scale(operator.clone(), error);
    let scale = Patch::Merge(json!({ "spec": { "replicas": 0 } }));
    match deployments.patch(&operator.name, &PatchParams::default(), &scale).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(fault(error)),
    }
    let gone = async {
        loop {
            let Some(deployment) = deployments.get_opt(&operator.name).await.map_err(fault)? else {
                return Ok(());
            };
            let status = deployment.status.unwrap_or_default();
            let seen = status.observed_generation >= deployment.metadata.generation;
            if seen && status.replicas.unwrap_or(0) == 0 {
                return Ok(());
            }
            // The role of the hook reads this one Deployment and may not watch.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(STOP, gone).await.unwrap_or_else(|_| Err(LetGoError::StillRunning(operator.clone())))
}

/// Takes our finalizer off and leaves those of others. True when it was there.
async fn drop_finalizer(
    client: &kube::Client,
    resource: &ApiResource,
    object: &DynamicObject,
) -> Result<bool, LetGoError> {
    let finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(false);
    }
    let (namespace, name) = (
        object.metadata.namespace.clone().unwrap_or_default(),
        object.metadata.name.clone().unwrap_or_default(),
    );
    let others: Vec<_> = finalizers.into_iter().filter(|finalizer| finalizer != FINALIZER).collect();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, resource);
    // The resourceVersion keeps a finalizer that somebody adds meanwhile from being lost.
    let patch =
        json!({ "metadata": { "finalizers": others, "resourceVersion": object.metadata.resource_version } });
    match api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(LetGoError::Patch(format!("{namespace}/{name}"), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::DeploymentRef;

    #[test]
    fn deployments_are_named_with_their_namespace() {
        let check = |text: &str, valid: bool| {
            assert_eq!(text.parse::<DeploymentRef>().is_ok(), valid, "{text}");
        };
        check("flux/windlass-release-operator", true);
        check("windlass-release-operator", false);
        check("/windlass", false);
        check("flux/", false);
        check("a/b/c", false);
    }
}
