//! `FluxHelmRelease` and `SealedSecret` as Kubernetes types.
//!
//! Role: the only place where the two custom resources are spelled out. The types are what services read and write
//! at their edge; the schema in `deploy/crds/` is printed from them by the `print-crds` program, and a test fails
//! when the two differ.
//!
//! Invariants:
//! - API groups, versions, names and fields are the originals' (Flux Helm Operator 0.2, sealed-secrets), so that
//!   repositories and tools written for those work unchanged.
//! - What the API server can refuse with a clear message, the schema refuses. What was stored before the schema knew
//!   better must not stop a watch: every spec field is optional or defaulted in Rust, and services watch
//!   [`kube::core::DeserializeGuard<T>`](kube::core::DeserializeGuard), which yields an undecodable object with its
//!   metadata and its error instead of failing the whole list.
//! - Nothing here decides anything: no defaults beyond the wire's, no validation beyond the schema.

mod flux_helm_release;
mod print;
mod sealed_secret;

pub use flux_helm_release::{
    ChartFileReference, CommonMetadata, CrdPolicy, DeletionPolicy, Dependency, DriftDetection, DriftMode,
    FluxHelmRelease, FluxHelmReleaseSpec, FluxHelmReleaseStatus, IgnoreRule, Image, InstallOptions,
    InstallRemediation, KeyReference, Kustomize, LastAttempt, LocalReference, Patch, PostRenderer,
    RepositoryChart, RollbackOptions, Selector, Snapshot, TestFilter, TestOptions, TestResult,
    UpgradeOptions, UpgradeRemediation, ValuesSource,
};
pub use print::{CrdFile, crd_files};
pub use sealed_secret::{
    SealedSecret, SealedSecretCondition, SealedSecretSpec, SealedSecretStatus, SecretTemplate,
    SecretTemplateMetadata,
};
