//! The flags of `template`: Helm's, less what needs a cluster, a registry or a plugin.

use helm_engine::Capabilities;

use super::TemplateError;
use crate::flags::{Flag, FlagError, Kind, Parsed};
use crate::kube_version;

pub(super) const FLAGS: &[Flag] = &[
    Flag::new(
        "show-only",
        Kind::Texts,
        "print only what these templates gave: paths below the chart, * and ? allowed",
    )
    .short('s'),
    Flag::new("output-dir", Kind::Text, "write files below this folder instead of standard output"),
    Flag::new(
        "release-name",
        Kind::Switch,
        "put the release's name between --output-dir and the files' paths",
    ),
    Flag::new("include-crds", Kind::Switch, "print the files below crds/ as well"),
    Flag::new("no-hooks", Kind::Switch, "leave out hooks"),
    Flag::new("skip-tests", Kind::Switch, "leave out hooks that are tests"),
    Flag::new("is-upgrade", Kind::Switch, "set .Release.IsUpgrade instead of .Release.IsInstall"),
    Flag::new("kube-version", Kind::Text, "Kubernetes version of .Capabilities.KubeVersion"),
    Flag::new(
        "api-versions",
        Kind::CommaTexts,
        "API versions of .Capabilities.APIVersions, besides those of Kubernetes",
    )
    .short('a'),
    Flag::new("skip-schema-validation", Kind::Switch, "do not check values against values.schema.json"),
    Flag::new("name-template", Kind::Text, "template of the release's name"),
    // As for Helm, the name is `release-name` without an argument, whatever this says.
    Flag::new("generate-name", Kind::Switch, "leave out NAME").short('g'),
    Flag::new("dry-run", Kind::OptionalText("unset"), "client, which is what is done anyway"),
    // What concerns the cluster has no effect without one.
    Flag::idle("create-namespace", Kind::Switch),
    Flag::idle("force-replace", Kind::Switch),
    Flag::idle("force", Kind::Switch).deprecated("use --force-replace instead"),
    Flag::idle("force-conflicts", Kind::Switch),
    Flag::idle("server-side", Kind::Switch),
    Flag::idle("replace", Kind::Switch),
    Flag::idle("timeout", Kind::Duration),
    Flag::idle("wait", Kind::Wait),
    Flag::idle("wait-for-jobs", Kind::Switch),
    Flag::idle("description", Kind::Text),
    Flag::idle("disable-openapi-validation", Kind::Switch),
    Flag::idle("rollback-on-failure", Kind::Switch),
    Flag::idle("atomic", Kind::Switch).deprecated("use --rollback-on-failure instead"),
    Flag::idle("skip-crds", Kind::Switch),
    Flag::idle("labels", Kind::Pairs).short('l'),
    Flag::idle("take-ownership", Kind::Switch),
    Flag::idle("render-subchart-notes", Kind::Switch).deprecated(NO_NOTES),
    Flag::idle("hide-notes", Kind::Switch).deprecated(NO_NOTES),
    // What concerns repositories has no effect on a chart on this machine.
    Flag::idle("version", Kind::Text),
    Flag::idle("devel", Kind::Switch),
    Flag::idle("keyring", Kind::Text),
    Flag::idle("username", Kind::Text),
    Flag::idle("password", Kind::Text),
    Flag::idle("cert-file", Kind::Text),
    Flag::idle("key-file", Kind::Text),
    Flag::idle("insecure-skip-tls-verify", Kind::Switch),
    Flag::idle("plain-http", Kind::Switch),
    Flag::idle("ca-file", Kind::Text),
    Flag::idle("pass-credentials", Kind::Switch),
    Flag::idle("post-renderer-args", Kind::Texts),
    // Refused.
    Flag::idle("validate", Kind::Switch).deprecated("use '--dry-run=server' instead"),
    Flag::idle("dependency-update", Kind::Switch),
    Flag::idle("verify", Kind::Switch),
    Flag::idle("repo", Kind::Text),
    Flag::idle("enable-dns", Kind::Switch),
    Flag::idle("post-renderer", Kind::Text),
];

const NO_NOTES: &str = "this flag has no effect for 'helm template' and will be removed in Helm 5";

/// Labels that Helm sets itself.
const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

/// Refuses flags that exclude each other.
pub(super) fn check(flags: &Parsed) -> Result<(), FlagError> {
    flags.exclusive(&["force-replace", "force-conflicts"])?;
    flags.exclusive(&["force", "force-conflicts"])?;
    flags.exclusive(&["validate", "dry-run"])
}

/// Refuses what needs a cluster, a registry or a plugin.
pub(super) fn refuse(flags: &Parsed) -> Result<(), TemplateError> {
    let why_not = [
        ("validate", flags.on("validate"), "no cluster is asked here; leave it out"),
        (
            "dependency-update",
            flags.on("dependency-update"),
            "dependencies are not downloaded here; run 'helm dependency update' first",
        ),
        ("verify", flags.on("verify"), "signatures are not checked here; run 'helm verify' first"),
        (
            "repo",
            !flags.text("repo").unwrap_or_default().is_empty(),
            "charts come from this machine only; download the chart first (helm pull) and name its folder or archive",
        ),
        ("enable-dns", flags.on("enable-dns"), "templates ask no name service here; leave it out"),
        (
            "post-renderer",
            !flags.text("post-renderer").unwrap_or_default().is_empty(),
            "plugins are not run here; pass the output on to it",
        ),
    ];
    match why_not.into_iter().find(|(_, refused, _)| *refused) {
        Some((flag, _, why)) => Err(TemplateError::NotHere { flag, why }),
        None => Ok(()),
    }
}

/// `.Capabilities`: the reference Helm's, with what the flags say.
pub(super) fn capabilities(flags: &Parsed) -> Result<Capabilities, TemplateError> {
    let mut capabilities = Capabilities::reference();
    if let Some(version) = kube_version::from_flag(flags)? {
        capabilities.kube_version = version;
    }
    capabilities.api_versions.extend_from_slice(flags.list("api-versions"));
    Ok(capabilities)
}

/// Whether `--labels` sets a label that is Helm's own.
pub(super) fn has_system_label(flags: &Parsed) -> bool {
    let names = flags.list("labels").iter().filter_map(|pair| pair.split_once('='));
    names.into_iter().any(|(name, _)| SYSTEM_LABELS.contains(&name))
}
