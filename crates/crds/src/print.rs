//! The two resources as YAML files, as they stand in `deploy/crds/`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{FluxHelmRelease, SealedSecret};

/// A CustomResourceDefinition and the file that it is kept in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrdFile {
    /// Name of the file in `deploy/crds/`.
    pub name: &'static str,
    /// The definition that the file holds.
    pub crd: CustomResourceDefinition,
}

impl CrdFile {
    /// The file's bytes: one YAML document.
    ///
    /// # Errors
    /// Those of the YAML writer; a definition made from the Rust types has none.
    pub fn to_yaml(&self) -> Result<String, serde_yaml::Error> {
        serde_yaml::to_string(&self.crd)
    }
}

/// The definitions that Windlass needs in a cluster, each with its file name.
#[must_use]
pub fn crd_files() -> [CrdFile; 2] {
    [
        CrdFile { name: "fluxhelmreleases.yaml", crd: FluxHelmRelease::crd() },
        CrdFile { name: "sealedsecrets.yaml", crd: SealedSecret::crd() },
    ]
}
