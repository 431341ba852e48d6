//! Everything in a spec beside chart, name and values, as types that cannot be wrong. Pure.

use std::sync::Arc;
use std::time::Duration;

use crds::{
    CrdPolicy, DeletionPolicy, DriftMode, FluxHelmRelease, FluxHelmReleaseSpec, InstallRemediation,
    PostRenderer, UpgradeRemediation,
};
use helm_engine::post_render::{
    CommonMetadata, ImageSpec, KustomizeSpec, PatchSpec, PostRender, Selector, SelectorSpec,
};
use kube_apply::drift::{Pointer, PointerError};
use kube_apply::{Impersonated, ObjectRef};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::InvalidObject;

/// Helm's own default for an operation.
pub const TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// The longest that an operation may take.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Retries of what failed, where the object does not say.
const RETRIES: u32 = 5;
/// API version and kind of a dependency that names none.
const FLUX_HELM_RELEASE: (&str, &str) = ("helm.integrations.flux.weave.works/v1alpha2", "FluxHelmRelease");

/// How often the same inputs are tried again after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retries {
    /// For ever, with growing delays.
    Always,
    /// So often.
    AtMost(u32),
}

impl Retries {
    /// Whether this many failures are one more than there are retries.
    pub fn are_exhausted(self, failures: u32) -> bool {
        matches!(self, Self::AtMost(most) if failures > most)
    }
}

/// What is done with a failed revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remediation {
    /// It stays.
    None,
    /// The last good revision is brought back.
    Rollback,
    /// The release is uninstalled with its history.
    Uninstall,
}

/// How a rollback is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackOptions {
    /// Whether rollback hooks run.
    pub hooks: bool,
    /// The longest that it may take.
    pub timeout: Duration,
    /// Whether it ends only when its objects are ready.
    pub wait: bool,
}

/// The chart's tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOptions {
    /// Whether they run after each install and upgrade.
    pub is_enabled: bool,
    /// Whether a failed test leaves the release ready.
    pub may_fail: bool,
    /// The longest that a test may take.
    pub timeout: Duration,
    only: Vec<String>,
    without: Vec<String>,
}

impl TestOptions {
    /// Whether the test of that name runs. Filters as in Helm's `--filter`: those to leave out win.
    pub fn includes(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|other| other == name);
        !named(&self.without) && (self.only.is_empty() || named(&self.only))
    }
}

/// What is done about what others do to the release.
#[derive(Debug, Clone)]
pub struct Drift {
    /// The mode.
    pub mode: DriftMode,
    rules: Vec<IgnoreRule>,
}

/// Fields that may differ, of some objects.
#[derive(Debug, Clone)]
struct IgnoreRule {
    target: Option<Selector>,
    fields: Vec<Pointer>,
}

impl Drift {
    /// The fields of an object that may differ.
    pub fn ignored_of(&self, document: &Value, namespace: &str) -> Vec<Pointer> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let object = go_yaml::Value::from(document.clone());
        let fits =
            |rule: &&IgnoreRule| rule.target.as_ref().is_none_or(|target| target.matches(&object, namespace));
        self.rules.iter().filter(fits).flat_map(|rule| &rule.fields).cloned().collect()
    }
}

/// Another object that must be ready first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Which, its namespace included.
    pub object: ObjectRef,
}

/// Everything in a spec beside chart, name and values.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether the release is left alone.
    pub is_suspended: bool,
    /// The longest that an operation, or one hook of it, may take.
    pub timeout: Duration,
    /// Whether an operation ends only when its objects are ready.
    pub wait: bool,
    /// Revisions kept; the operator's limit without it.
    pub max_history: Option<u32>,
    /// What becomes of CustomResourceDefinitions below `crds/`.
    pub crds: CrdPolicy,
    /// Whether hooks run.
    pub hooks: bool,
    /// Retries of a failed install.
    pub install_retries: Retries,
    /// What is done with a failed install.
    pub failed_install: Remediation,
    /// Retries of a failed upgrade.
    pub upgrade_retries: Retries,
    /// What is done with a failed upgrade.
    pub failed_upgrade: Remediation,
    /// Rollbacks.
    pub rollback: RollbackOptions,
    /// Tests.
    pub test: TestOptions,
    /// Drift.
    pub drift: Drift,
    /// With whose rights objects are worked on.
    pub service_account: Option<Impersonated>,
    /// Whether the release outlives the object.
    pub is_orphaned: bool,
    /// What must be ready first.
    pub depends_on: Vec<Dependency>,
    /// Changes to the rendered objects.
    pub post_render: Arc<PostRender>,
    /// `sha256:<hex>` of all that changes the objects beside chart and values; empty when nothing does.
    pub digest: String,
}

/// Reads the options of a spec.
///
/// # Errors
/// [`InvalidObject::Field`], the first fault found.
pub(super) fn options(object: &FluxHelmRelease) -> Result<Options, InvalidObject> {
    let spec = &object.spec;
    let timeout = duration("spec.timeout", spec.timeout.as_deref())?.unwrap_or(TIMEOUT);
    let upgrade = spec.upgrade.clone().unwrap_or_default();
    let install = spec.install.clone().unwrap_or_default();
    let takes_back = spec.rollback.as_ref().is_some_and(|rollback| rollback.enable);
    let failed_upgrade = match upgrade.remediation {
        None | Some(UpgradeRemediation::Rollback) if takes_back => Remediation::Rollback,
        Some(UpgradeRemediation::Rollback) => Remediation::Rollback,
        Some(UpgradeRemediation::Uninstall) => Remediation::Uninstall,
        None | Some(UpgradeRemediation::None) => Remediation::None,
    };
    let failed_install = match install.remediation {
        Some(InstallRemediation::Uninstall) => Remediation::Uninstall,
        None | Some(InstallRemediation::None) => Remediation::None,
    };
    let test = test(spec, timeout)?;
    // As the Flux Helm Operator: a failure that is noticed by nobody cannot be taken back.
    let wait = spec.wait.unwrap_or(failed_upgrade != Remediation::None || test.is_enabled);
    Ok(Options {
        is_suspended: spec.suspend,
        timeout,
        wait,
        max_history: spec.max_history,
        crds: match (spec.skip_crds, spec.crds) {
            (true, _) => CrdPolicy::Skip,
            (false, policy) => policy.unwrap_or(CrdPolicy::Create),
        },
        hooks: !spec.disable_hooks,
        install_retries: retries(install.retries),
        failed_install,
        upgrade_retries: retries(upgrade.retries),
        failed_upgrade,
        rollback: rollback(spec, timeout, wait)?,
        test,
        drift: drift(spec)?,
        service_account: service_account(object)?,
        is_orphaned: spec.deletion_policy == Some(DeletionPolicy::Orphan),
        depends_on: depends_on(object)?,
        post_render: Arc::new(post_render(spec)?),
        digest: digest(spec),
    })
}

fn retries(retries: Option<i32>) -> Retries {
    match retries {
        None => Retries::AtMost(RETRIES),
        Some(number) => u32::try_from(number).map_or(Retries::Always, Retries::AtMost),
    }
}

fn rollback(
    spec: &FluxHelmReleaseSpec,
    timeout: Duration,
    wait: bool,
) -> Result<RollbackOptions, InvalidObject> {
    let rollback = spec.rollback.clone().unwrap_or_default();
    Ok(RollbackOptions {
        hooks: !rollback.disable_hooks && !spec.disable_hooks,
        timeout: duration("spec.rollback.timeout", rollback.timeout.as_deref())?.unwrap_or(timeout),
        wait: rollback.wait.unwrap_or(wait),
    })
}

fn test(spec: &FluxHelmReleaseSpec, timeout: Duration) -> Result<TestOptions, InvalidObject> {
    let test = spec.test.clone().unwrap_or_default();
    let (without, only): (Vec<_>, Vec<_>) = test.filters.into_iter().partition(|filter| filter.exclude);
    let names = |filters: Vec<crds::TestFilter>| filters.into_iter().map(|filter| filter.name).collect();
    Ok(TestOptions {
        is_enabled: test.enable,
        may_fail: test.ignore_failures,
        timeout: duration("spec.test.timeout", test.timeout.as_deref())?.unwrap_or(timeout),
        only: names(only),
        without: names(without),
    })
}

fn drift(spec: &FluxHelmReleaseSpec) -> Result<Drift, InvalidObject> {
    let drift = spec.drift_detection.clone().unwrap_or_default();
    let rule = |(index, stated): (usize, &crds::IgnoreRule)| {
        let field = |name: &str| format!("spec.driftDetection.ignore[{index}].{name}");
        let pointer = |text: &String| {
            text.parse().map_err(|error: PointerError| InvalidObject::Field {
                field: field("paths"),
                message: error.to_string(),
            })
        };
        let target = stated.target.as_ref().map(|target| selector(&field("target"), target)).transpose()?;
        Ok(IgnoreRule { target, fields: stated.paths.iter().map(pointer).collect::<Result<_, _>>()? })
    };
    let rules = drift.ignore.iter().enumerate().map(rule).collect::<Result<_, _>>()?;
    Ok(Drift { mode: drift.mode.unwrap_or(DriftMode::Warn), rules })
}

/// Reads a selector of objects.
fn selector(field: &str, stated: &crds::Selector) -> Result<Selector, InvalidObject> {
    Selector::parse(&selector_spec(stated)).map_err(|error| InvalidObject::Field {
        field: field.to_owned(),
        message: service_kit::chain(&error),
    })
}

fn selector_spec(stated: &crds::Selector) -> SelectorSpec {
    SelectorSpec {
        group: text(&stated.group),
        version: text(&stated.version),
        kind: text(&stated.kind),
        name: text(&stated.name),
        namespace: text(&stated.namespace),
        label_selector: text(&stated.label_selector),
        annotation_selector: text(&stated.annotation_selector),
    }
}

fn text(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

fn post_render(spec: &FluxHelmReleaseSpec) -> Result<PostRender, InvalidObject> {
    let patch = |patch: &crds::Patch| PatchSpec {
        patch: patch.patch.clone(),
        target: patch.target.as_ref().map(selector_spec),
    };
    let image = |image: &crds::Image| ImageSpec {
        name: image.name.clone(),
        new_name: text(&image.new_name),
        new_tag: text(&image.new_tag),
        digest: text(&image.digest),
    };
    let renderer = |renderer: &PostRenderer| {
        let kustomize = renderer.kustomize.clone().unwrap_or_default();
        KustomizeSpec {
            patches: kustomize.patches.iter().map(patch).collect(),
            images: kustomize.images.iter().map(image).collect(),
        }
    };
    let renderers: Vec<_> = spec.post_renderers.iter().map(renderer).collect();
    let common = spec.common_metadata.clone().unwrap_or_default();
    let common = CommonMetadata { labels: common.labels, annotations: common.annotations };
    PostRender::parse(&renderers, common).map_err(InvalidObject::PostRender)
}

fn service_account(object: &FluxHelmRelease) -> Result<Option<Impersonated>, InvalidObject> {
    let Some(name) = object.spec.service_account_name.as_deref().filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let account = Impersonated::service_account(namespace, name);
    account.map(Some).map_err(|error| InvalidObject::Field {
        field: "spec.serviceAccountName".to_owned(),
        message: error.to_string(),
    })
}

fn depends_on(object: &FluxHelmRelease) -> Result<Vec<Dependency>, InvalidObject> {
    let own = (object.metadata.namespace.as_deref().unwrap_or_default(), object.metadata.name.as_deref());
    let one = |(index, stated): (usize, &crds::Dependency)| {
        let fault = |message: &str| InvalidObject::Field {
            field: format!("spec.dependsOn[{index}]"),
            message: message.to_owned(),
        };
        let (api_version, kind) = match (&stated.api_version, &stated.kind) {
            (None, None) => (FLUX_HELM_RELEASE.0.to_owned(), FLUX_HELM_RELEASE.1.to_owned()),
            (Some(api_version), Some(kind)) => (api_version.clone(), kind.clone()),
            _ => return Err(fault("give both apiVersion and kind, or neither for a FluxHelmRelease")),
        };
        if stated.name.is_empty() {
            return Err(fault("the name is missing"));
        }
        let namespace = stated.namespace.clone().unwrap_or_else(|| own.0.to_owned());
        if kind == FLUX_HELM_RELEASE.1 && namespace == own.0 && Some(stated.name.as_str()) == own.1 {
            return Err(fault("the object depends on itself"));
        }
        Ok(Dependency {
            object: ObjectRef { api_version, kind, namespace: Some(namespace), name: stated.name.clone() },
        })
    };
    object.spec.depends_on.iter().enumerate().map(one).collect()
}

fn digest(spec: &FluxHelmReleaseSpec) -> String {
    if spec.post_renderers.is_empty() && spec.common_metadata.is_none() {
        return String::new();
    }
    let text = json!([spec.post_renderers, spec.common_metadata]).to_string();
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// Reads a duration in Go's notation (`1h30m`, `1.5s`); the units are those that the CRD takes.
///
/// # Errors
/// [`InvalidObject::Field`] for anything else, for nothing at all, and for more than a day.
pub fn duration(field: &str, text: Option<&str>) -> Result<Option<Duration>, InvalidObject> {
    let Some(text) = text else { return Ok(None) };
    let fault = || InvalidObject::Field {
        field: field.to_owned(),
        message: format!(
            "{text:?} is no duration between 1ms and 24h; write it with its unit, as in 30s, 5m or 1h30m"
        ),
    };
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(fault)?;
        let number: f64 = rest[..end].parse().ok().filter(|number: &f64| *number >= 0.0).ok_or_else(fault)?;
        rest = &rest[end..];
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(fault()),
        };
        rest = &rest[end..];
        let part = Duration::try_from_secs_f64(number * unit).map_err(|_| fault())?;
        total = total.checked_add(part).filter(|total| *total <= LONGEST).ok_or_else(fault)?;
    }
    if total.is_zero() { Err(fault()) } else { Ok(Some(total)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let check = |text: &str, expected: Option<u64>| {
            let millis = duration("spec.timeout", Some(text)).ok().flatten().map(|read| read.as_millis());
            assert_eq!(millis, expected.map(u128::from), "{text:?}");
        };
        check("5m", Some(300_000));
        check("1h30m", Some(5_400_000));
        check("1.5s", Some(1500));
        check("250ms", Some(250));
        check("24h", Some(86_400_000));
        for wrong in ["", "5", "m", "5d", "-5m", "5 m", "25h", "0s", "1e9h", "NaNs", "infs", "5m3", "µs"] {
            check(wrong, None);
        }
        let error = duration("spec.timeout", Some("5")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "spec.timeout: \"5\" is no duration between 1ms and 24h; write it with its unit, as in 30s, 5m or 1h30m"
        );
    }

    #[test]
    fn retries_count_what_comes_after_the_first_try() {
        assert!(!Retries::AtMost(1).are_exhausted(1) && Retries::AtMost(1).are_exhausted(2));
        assert!(Retries::AtMost(0).are_exhausted(1));
        assert!(!Retries::Always.are_exhausted(u32::MAX));
        assert_eq!(retries(Some(-1)), Retries::Always);
        assert_eq!(retries(None), Retries::AtMost(RETRIES));
    }

    #[test]
    fn what_is_not_said_follows_from_what_is() {
        let of = |spec: serde_json::Value| {
            let object: FluxHelmRelease = serde_json::from_value(json!({
                "apiVersion": FLUX_HELM_RELEASE.0, "kind": FLUX_HELM_RELEASE.1,
                "metadata": {"name": "web", "namespace": "dev"}, "spec": spec,
            }))
            .unwrap();
            options(&object)
        };
        let plain = of(json!({})).unwrap();
        assert_eq!((plain.timeout, plain.wait, plain.drift.mode), (TIMEOUT, false, DriftMode::Warn));
        assert_eq!(
            (plain.crds, plain.hooks, plain.failed_upgrade),
            (CrdPolicy::Create, true, Remediation::None)
        );
        assert!(plain.digest.is_empty());
        for spec in [
            json!({"rollback": {"enable": true}}),
            json!({"upgrade": {"remediation": "rollback"}}),
            json!({"test": {"enable": true}}),
        ] {
            assert!(of(spec.clone()).unwrap().wait, "{spec}");
        }
        assert!(!of(json!({"rollback": {"enable": true}, "wait": false})).unwrap().wait);
        let rollback = of(json!({"timeout": "1m", "rollback": {"enable": true}})).unwrap().rollback;
        assert_eq!(rollback, RollbackOptions { hooks: true, timeout: Duration::from_secs(60), wait: true });
        assert_eq!(of(json!({"skipCRDs": true})).unwrap().crds, CrdPolicy::Skip);
        let tests =
            of(json!({"test": {"filters": [{"name": "a"}, {"name": "b", "exclude": true}]}})).unwrap().test;
        assert!(tests.includes("a") && !tests.includes("b") && !tests.includes("c"));
        assert_ne!(of(json!({"commonMetadata": {"labels": {"a": "b"}}})).unwrap().digest, "");
        let error = |spec: serde_json::Value| of(spec).unwrap_err().to_string();
        assert_eq!(
            error(json!({"dependsOn": [{"name": "web"}]})),
            "spec.dependsOn[0]: the object depends on itself"
        );
        let other =
            of(json!({"dependsOn": [{"name": "db", "kind": "Postgres", "apiVersion": "a.io/v1"}]})).unwrap();
        assert_eq!(other.depends_on[0].object.to_string(), "Postgres dev/db");
    }
}
