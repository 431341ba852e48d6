//! `Diff`: what a release would become. Renders and compares; changes nothing.

use std::sync::Arc;

use api::release::v1::{
    DiffRequest, DiffResponse, ObjectChange, ObjectRef, RevisionPair, diff_response, object_change,
};
use crds::{FluxHelmRelease, FluxHelmReleaseSpec};
use helm_engine::Rendered;
use helm_release::Hook;
use kube::core::DeserializeGuard;
use serde_json::Value;
use tokio::sync::Semaphore;
use tonic::Status;

use super::{Releases, convert, read, status};
use crate::diff::{self, Change, DiffError, ManifestDiff};
use crate::reconcile::act::{self, ActError, Actor, NewRevision, Operation};
use crate::reconcile::decide::{Decision, Reason, decide};
use crate::reconcile::observe::{self, ObserveError, Observed, facts};
use crate::reconcile::validate::{self, Object};
use crate::released::Released;

/// Diffs at the same time.
pub(super) const AT_ONCE: usize = 4;

pub(super) async fn diff(releases: &Releases, request: DiffRequest) -> Result<DiffResponse, Status> {
    let permit: Result<_, _> = Semaphore::try_acquire(&releases.diffs);
    let _permit =
        permit.map_err(|_| Status::resource_exhausted("too many diffs are under way; call again"))?;
    match request.between {
        Some(_) if request.spec.is_some() || !request.source_revision.is_empty() => {
            Err(Status::invalid_argument("the field between is given with spec or source_revision"))
        }
        Some(pair) => between(releases, &request.namespace, &request.name, pair).await,
        None => wanted(releases, request).await,
    }
}

async fn between(
    releases: &Releases,
    namespace: &str,
    name: &str,
    pair: RevisionPair,
) -> Result<DiffResponse, Status> {
    let object = releases.find_decoded(namespace, name)?;
    let to = read::record(releases, &object, pair.to).await?.release;
    let from = match pair.from {
        0 if to.revision <= 1 => return Err(read::no_revision(&object, 0)),
        0 => to.revision - 1,
        from => from,
    };
    let from = read::record(releases, &object, from).await?.release;
    let before = Side::recorded(&from.manifest, &from.hooks);
    let compared = compare(before, Side::recorded(&to.manifest, &to.hooks), &to.namespace).await?;
    Ok(DiffResponse {
        from_revision: from.revision,
        to_revision: to.revision,
        from_chart: from.chart_label(),
        to_chart: to.chart_label(),
        ..response(compared)
    })
}

async fn wanted(releases: &Releases, request: DiffRequest) -> Result<DiffResponse, Status> {
    let context = &*releases.context;
    let object = asked(releases, &request)?;
    let (key, decoded) = match &object.0 {
        Ok(decoded) => ((request.namespace, request.name), decoded),
        Err(invalid) => return Err(Status::failed_precondition(invalid.error.clone())),
    };
    let subject = validate::subject(&object).map_err(|error| match request.spec {
        Some(_) => Status::invalid_argument(service_kit::chain(&error)),
        None => Status::failed_precondition(service_kit::chain(&error)),
    })?;
    let records =
        context.store.records(&subject.namespace, subject.release.as_str()).await.map_err(status)?;
    let stored = match records.history.last() {
        Some(last) => context
            .store
            .get(&subject.namespace, subject.release.as_str(), last.revision)
            .await
            .map_err(status)?,
        None => None,
    };
    let source = Some(request.source_revision.as_str()).filter(|revision| !revision.is_empty());
    let wanted = observe::wanted_at(context, &subject, source, false).await.map_err(unobserved)?;
    let newest = stored.as_ref().map(|stored| Arc::new(Released::from(stored)));
    let from = newest.clone();
    let observed = Observed { records, newest, stored, wanted: Some(wanted) };
    let status = decoded.status.clone().unwrap_or_default();
    let decision = decide(&facts(&observed, &subject, context, &status, None, jiff::Timestamp::now()));
    let (action, reason) = told(&decision, subject.options.is_suspended);
    let revision = observed.records.history.next_revision();
    let operation = match observed.records.history.deployed() {
        Some(_) => Operation::Upgrade,
        None => Operation::Install,
    };
    let Some(wanted) = &observed.wanted else { return Err(Status::internal("nothing is asked for")) };
    let actor = Actor::new(context, &subject);
    let new = NewRevision { revision, operation, abandoned: None };
    let rendered = act::render(&actor, &subject, wanted, &new).await.map_err(|error| match error {
        error @ ActError::Apply(_) => Status::unavailable(service_kit::chain(&error)),
        error => Status::failed_precondition(service_kit::chain(&error)),
    })?;
    let before = from.as_ref().map(|from| Side::recorded(&from.manifest, &from.hooks)).unwrap_or_default();
    let compared = compare(before, Side::rendered(&rendered), &subject.namespace).await?;
    let metadata = &wanted.source.chart.chart().metadata;
    tracing::debug!(object = ?key, "compared");
    Ok(DiffResponse {
        action: action.into(),
        reason,
        from_revision: from.as_ref().map_or(0, |from| from.revision),
        from_chart: from.map(|from| from.chart_label.clone()).unwrap_or_default(),
        to_chart: format!("{}-{}", metadata.name, metadata.version),
        source_revision: wanted.source.revision.clone(),
        ..response(compared)
    })
}

/// The object with the spec that is asked for.
fn asked(releases: &Releases, request: &DiffRequest) -> Result<Object, Status> {
    let found = releases.find(&request.namespace, &request.name);
    let Some(spec) = &request.spec else { return found.map(|object| (*object).clone()) };
    let spec = Value::Object(convert::map(spec.clone()));
    let spec: FluxHelmReleaseSpec = serde_json::from_value(spec).map_err(|error| {
        Status::invalid_argument(format!("the field spec is no spec of a FluxHelmRelease: {error}"))
    })?;
    let known = found.ok().and_then(|object| object.0.as_ref().ok().cloned());
    let object = match known {
        Some(known) => FluxHelmRelease { spec, ..known },
        None => {
            let mut object = FluxHelmRelease::new(&request.name, spec);
            object.metadata.namespace = Some(request.namespace.clone());
            object
        }
    };
    Ok(DeserializeGuard(Ok(object)))
}

fn unobserved(error: ObserveError) -> Status {
    let text = service_kit::chain(&error);
    match error {
        ObserveError::Source(crate::source::SourceError::NotFound { .. }) => Status::not_found(text),
        ObserveError::Source(source) if source.is_transient() => Status::unavailable(text),
        ObserveError::Store(error) => status(error),
        ObserveError::ValuesUnreadable(_) => Status::unavailable(text),
        _ => Status::failed_precondition(text),
    }
}

/// What the decision comes to, and why.
fn told(decision: &Decision, is_suspended: bool) -> (diff_response::Action, String) {
    use diff_response::Action;
    let because = |reason: &Reason| match reason {
        Reason::NotInstalled => "there is no release yet",
        Reason::Chart => "the chart differs",
        Reason::Values => "the values differ",
        Reason::ChartAndValues => "chart and values differ",
        Reason::Options => "the post-renderers or the common metadata differ",
        Reason::NotDeployed => "the newest revision is not deployed",
        Reason::Asked | Reason::Retry => "the same inputs failed before",
        Reason::Undo => "somebody else changed the release",
    };
    let (action, reason) = match decision {
        Decision::Install { reason, .. } => (Action::Install, because(reason)),
        Decision::Upgrade { reason, .. } => (Action::Upgrade, because(reason)),
        Decision::Backoff { .. } => {
            (Action::Upgrade, "the same inputs failed before, and are tried again later")
        }
        Decision::Stalled { .. } => (Action::Nothing, "the same inputs failed as often as they are tried"),
        Decision::Leave { .. } => (Action::Nothing, "somebody else changed the release, and it is left so"),
        Decision::Wait { .. } => (Action::Nothing, "somebody else is at work on the release"),
        Decision::Resume { .. } | Decision::Cancel { .. } => (Action::Upgrade, "a revision is being made"),
        Decision::Rollback { .. } | Decision::Uninstall => {
            (Action::Upgrade, "a failed revision is taken back")
        }
        Decision::Tidy { .. } | Decision::Test { .. } | Decision::Nothing => {
            (Action::Nothing, "the release is as asked for")
        }
    };
    match is_suspended {
        true => (Action::Nothing, format!("the object is suspended; otherwise: {reason}")),
        false => (action, reason.to_owned()),
    }
}

/// What one side consists of.
#[derive(Default)]
struct Side {
    manifest: String,
    /// Each a manifest.
    hooks: Vec<String>,
}

impl Side {
    /// Of a revision's record.
    fn recorded(manifest: &str, hooks: &[Hook]) -> Self {
        let hooks = hooks.iter().map(|hook| part(&hook.path, &hook.manifest)).collect();
        Self { manifest: manifest.to_owned(), hooks }
    }

    fn rendered(rendered: &Rendered) -> Self {
        let hooks = rendered.hooks.iter().map(|hook| part(&hook.path, &hook.manifest)).collect();
        Self { manifest: rendered.manifest(), hooks }
    }
}

/// A part of a manifest, as Helm writes one.
fn part(path: &str, text: &str) -> String {
    format!("---\n# Source: {path}\n{text}\n")
}

/// How the objects differ, and how the hooks do.
struct Compared {
    objects: ManifestDiff,
    hooks: ManifestDiff,
}

/// Compares on a thread where it may take its time.
async fn compare(before: Side, after: Side, namespace: &str) -> Result<Compared, Status> {
    let namespace = namespace.to_owned();
    let compared = tokio::task::spawn_blocking(move || {
        let objects = diff::manifests(&before.manifest, &after.manifest, &namespace)?;
        Ok(Compared { objects, hooks: diff::hooks(&before.hooks, &after.hooks, &namespace)? })
    });
    let compared: Result<_, DiffError> =
        compared.await.map_err(|error| Status::internal(error.to_string()))?;
    compared.map_err(|error| Status::failed_precondition(service_kit::chain(&error)))
}

fn response(compared: Compared) -> DiffResponse {
    let Compared { objects, hooks } = compared;
    let truncated = objects.truncated || hooks.truncated;
    let hooks = hooks.objects.into_iter().map(|hook| ObjectChange { hook: true, ..change(hook) });
    let objects = objects.objects.into_iter().map(change).chain(hooks).collect();
    DiffResponse { objects, truncated, ..DiffResponse::default() }
}

fn change(object: diff::ObjectChange) -> ObjectChange {
    let change = match object.change {
        Change::Added => object_change::Change::Added,
        Change::Removed => object_change::Change::Removed,
        Change::Changed => object_change::Change::Changed,
        Change::Unchanged => object_change::Change::Unchanged,
    };
    ObjectChange {
        object: Some(ObjectRef {
            api_version: object.identity.api_version,
            kind: object.identity.kind,
            namespace: object.identity.namespace.unwrap_or_default(),
            name: object.identity.name,
        }),
        change: change.into(),
        diff: object.text,
        fields: object.fields,
        truncated: object.truncated,
        hook: false,
    }
}
