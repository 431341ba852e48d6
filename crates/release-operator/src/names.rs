//! The names that this service writes into the cluster.

/// Holds a FluxHelmRelease back until its Helm release is purged.
pub const FINALIZER: &str = "windlass.dev/release";
/// Field manager of what this service writes outside of charts.
pub const FIELD_MANAGER: &str = "windlass.dev/release-operator";
/// Field manager of a release's objects: the one that helm 4 uses, so that a person's `helm upgrade` meets no conflict.
pub const HELM_MANAGER: &str = "helm";
/// Set by git-syncer: the trace that led to the object's present content.
pub const TRACEPARENT: &str = "windlass.dev/traceparent";
/// Set by git-syncer: the git revision of the object's present content.
pub const REVISION: &str = "windlass.dev/revision";
/// Label on a release's Secret: `<uid of the FluxHelmRelease>.<revision>` as written by this service. A record that helm
/// makes on top of ours inherits its labels but has another revision, so only our own records match.
pub const CLAIM_LABEL: &str = "windlass.dev/claim";
/// Label on a release's Secret: the first 40 hexadecimal digits of the digest of the chart's files. The record itself
/// leaves out the files of the chart's dependencies.
pub const CHART_DIGEST_LABEL: &str = "windlass.dev/chart-digest";

/// Label on a release's Secret: the first 40 hexadecimal digits of the digest of the user's values.
pub const VALUES_DIGEST_LABEL: &str = "windlass.dev/values-digest";
/// Label on a release's Secret: the first 40 hexadecimal digits of the digest of what else in the object changes the release; absent
/// when nothing does.
pub const OPTIONS_DIGEST_LABEL: &str = "windlass.dev/options-digest";
/// Label on a release's Secret: the generation of the FluxHelmRelease that the revision was made for.
pub const GENERATION_LABEL: &str = "windlass.dev/generation";
/// Label on a release's Secret that rolls back: whether a failure was taken back, or a person asked for it.
pub const ROLLBACK_LABEL: &str = "windlass.dev/rollback";
/// Label on a release's Secret whose release this service is taking away, and not a person's helm.
pub const PURGE_LABEL: &str = "windlass.dev/purge";
/// Label on a release's Secret: which replica of this service is at work on the revision.
pub const HOLDER_LABEL: &str = "windlass.dev/holder";

/// Helm's ownership label, and its value.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "Helm");
/// Helm's ownership annotation for the release's name.
pub const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// Helm's ownership annotation for the release's namespace.
pub const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// Helm's annotation for objects that no uninstall or upgrade deletes; its value is `keep`.
pub const RESOURCE_POLICY: &str = "helm.sh/resource-policy";
