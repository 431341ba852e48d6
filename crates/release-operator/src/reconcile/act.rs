//! Step 4: does what was decided. Every stage can be cut off at any line and run again.
//!
//! The record of the next revision is written first, as `pending-…`, with everything in it that is applied afterwards. So the
//! revision can be completed from its record alone, by whoever finds it, with the same result.

mod hooks;
mod objects;
mod purge;

use helm_engine::ReleaseOptions;
use helm_release::{History, HookEvent, Status};
use kube::core::ObjectMeta;
use kube_apply::{ApplyError, ApplyOptions};
use tracing::Instrument as _;

pub use purge::purge;

use crate::context::Context;
use crate::engine::{Engine, EngineError, operation};
use crate::names::HELM_MANAGER;
use crate::objects::{ManifestFault, Object, parse, parse_file};
use crate::reconcile::observe::Observed;
use crate::reconcile::validate::Subject;
use crate::record;
use crate::source::ChartSource;
use crate::store::{StoreError, Stored};

/// Why a revision could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// Rendering.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What was rendered.
    #[error(transparent)]
    Manifest(#[from] ManifestFault),
    /// A record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An object that exists is not the release's. Helm's words.
    #[error("{object} exists and cannot be imported into the current release: {fault}")]
    NotOwned {
        /// `ConfigMap "a" in namespace "dev"`.
        object: String,
        /// What is missing.
        fault: String,
    },
    /// Fields of an object belong to somebody else.
    #[error(
        "{object}: the chart sets {fields}, which {managers} owns; leave the field to one of them: take it out of the chart's values, \
         or end the other's ownership"
    )]
    FieldOwned {
        /// The object.
        object: String,
        /// The fields.
        fields: String,
        /// Their managers.
        managers: String,
    },
    /// A hook failed.
    #[error("the {event} hook {hook} failed: {message}")]
    Hook {
        /// The event.
        event: HookEvent,
        /// The hook's object.
        hook: String,
        /// Why.
        message: String,
    },
}

impl ActError {
    /// Whether trying again can help although nothing changes.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Engine(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            Self::Apply(error) => error.is_transient(),
            Self::Manifest(_) | Self::NotOwned { .. } | Self::FieldOwned { .. } | Self::Hook { .. } => false,
        }
    }

    /// One word for the condition.
    pub fn reason(&self, is_install: bool) -> &'static str {
        match self {
            Self::Engine(_) | Self::Manifest(_) => "RenderFailed",
            _ if is_install => "InstallFailed",
            _ => "UpgradeFailed",
        }
    }
}

/// A revision to be made.
pub struct NewRevision {
    /// Its number.
    pub revision: u32,
    /// Install or upgrade.
    pub is_install: bool,
    /// Somebody else's dead revision, to be marked as failed.
    pub abandoned: Option<u32>,
}

/// Puts the finalizer on the object, before it has a release: without it, the object's deletion would leave the release behind.
///
/// # Errors
/// [`ActError::Apply`]; a change of the object since it was read is transient.
pub async fn hold(context: &Context, subject: &mut Subject, metadata: &ObjectMeta) -> Result<(), ActError> {
    if subject.has_finalizer {
        return Ok(());
    }
    let finalizers = metadata.finalizers.clone().unwrap_or_default();
    let version = metadata.resource_version.as_deref();
    context.cluster.set_finalizer(&subject.identity, version, &finalizers, true).await?;
    subject.has_finalizer = true;
    service_kit::failpoint!("release.after-finalizer");
    Ok(())
}

/// Makes a revision: renders, checks, claims and completes it.
///
/// # Errors
/// [`ActError`]. After a transient one the claimed revision stays pending and is completed later; otherwise it is marked as failed.
pub async fn make(
    context: &Context,
    subject: &Subject,
    observed: Observed,
    source: &ChartSource,
    new: &NewRevision,
) -> Result<Stored, ActError> {
    let namespace = subject.identity.namespace.as_str();
    create_crds(context, subject, source).await?;
    let rendered = render(context, subject, source, new).await?;
    let objects = parse(&rendered.manifest())?;
    let earlier =
        objects::earlier(context, namespace, &subject.release, &observed.history, new.revision).await?;
    let checked = objects::check(context, namespace, subject.release.as_str(), objects, &earlier).await?;
    let now = jiff::Timestamp::now();
    if let Some(revision) = new.abandoned {
        abandon(context, subject, revision, now).await?;
    }
    let first_deployed =
        observed.newest.as_ref().and_then(|newest| newest.release.info.first_deployed.clone());
    let record = record::pending(
        &record::Revision {
            name: &subject.release,
            namespace,
            uid: &subject.identity.uid,
            revision: new.revision,
            status: if new.is_install { Status::PendingInstall } else { Status::PendingUpgrade },
            values: &subject.values,
            chart_digest: &source.digest,
            first_deployed,
            now,
        },
        rendered,
    );
    service_kit::failpoint!("release.before-claim");
    let claim =
        context.store.create(record, now).instrument(tracing::info_span!("claim", revision = new.revision));
    let stored = claim.await?;
    service_kit::failpoint!("release.after-claim");
    complete_checked(context, subject, stored, checked, earlier).await
}

/// Completes our own revision that was cut off, from its record.
///
/// # Errors
/// As [`make`].
pub async fn resume(
    context: &Context,
    subject: &Subject,
    observed: Observed,
) -> Result<Option<Stored>, ActError> {
    let Some(stored) = observed.newest else { return Ok(None) };
    let namespace = subject.identity.namespace.as_str();
    let prepared = async {
        let objects = parse(&stored.release.manifest)?;
        let revision = stored.release.revision;
        let earlier =
            objects::earlier(context, namespace, &subject.release, &observed.history, revision).await?;
        let checked = objects::check(context, namespace, subject.release.as_str(), objects, &earlier).await?;
        Ok((checked, earlier))
    };
    match prepared.await {
        Ok((checked, earlier)) => {
            complete_checked(context, subject, stored, checked, earlier).await.map(Some)
        }
        Err(error) => Err(failed(context, subject, stored, error).await),
    }
}

/// Marks revisions as superseded that are still marked as deployed.
///
/// # Errors
/// [`StoreError`].
pub async fn supersede(context: &Context, subject: &Subject, revisions: &[u32]) -> Result<(), StoreError> {
    let namespace = subject.identity.namespace.as_str();
    for &revision in revisions {
        let Some(mut old) = context.store.get(namespace, subject.release.as_str(), revision).await? else {
            continue;
        };
        old.release.info.status = Status::Superseded;
        context.store.update(&mut old, jiff::Timestamp::now()).await?;
        service_kit::failpoint!("release.after-supersede");
    }
    Ok(())
}

async fn complete_checked(
    context: &Context,
    subject: &Subject,
    mut stored: Stored,
    checked: Vec<objects::Checked>,
    earlier: Vec<Vec<Object>>,
) -> Result<Stored, ActError> {
    let outcome = match complete(context, subject, &mut stored, checked, earlier).await {
        Ok(()) => Ok(stored),
        Err(error) => Err(failed(context, subject, stored, error).await),
    };
    // A transient fault leaves the revision pending: it has not ended yet.
    if outcome.as_ref().err().is_none_or(|error| !error.is_transient())
        && let Err(error) = prune_records(context, subject).await
    {
        // The revision is what it is; the next one prunes again.
        tracing::warn!(release = %subject.release, "old records are left: {}", service_kit::chain(&error));
    }
    outcome
}

/// Deletes the oldest records beyond the limit, now that a revision has ended. (Helm prunes before it creates the next revision, and so
/// shortens the history although nothing may come of it.)
async fn prune_records(context: &Context, subject: &Subject) -> Result<(), StoreError> {
    let namespace = subject.identity.namespace.as_str();
    let history = context.store.history(namespace, subject.release.as_str()).await?;
    for old in prunable(&history, context.settings.max_history) {
        context.store.delete(namespace, &subject.release, old).await?;
        service_kit::failpoint!("release.after-prune-record");
    }
    Ok(())
}

/// The revisions to delete so that `max_history` are left; 0 means no limit. The newest stays, and so does the deployed one, or the
/// newest that was deployed once. Pure.
fn prunable(history: &History, max_history: u32) -> Vec<u32> {
    let (Some(last), 1..) = (history.last(), max_history) else { return Vec::new() };
    let mut prunable = history.prune_before_create(max_history.saturating_add(1));
    prunable.retain(|&revision| revision != last.revision);
    prunable
}

/// Hooks, objects, what is left over, hooks, and the record's end, in Helm's order.
async fn complete(
    context: &Context,
    subject: &Subject,
    stored: &mut Stored,
    checked: Vec<objects::Checked>,
    earlier: Vec<Vec<Object>>,
) -> Result<(), ActError> {
    let namespace = subject.identity.namespace.as_str();
    let is_install = stored.release.info.status == Status::PendingInstall;
    let (pre, post) = match is_install {
        true => (HookEvent::PreInstall, HookEvent::PostInstall),
        false => (HookEvent::PreUpgrade, HookEvent::PostUpgrade),
    };
    hooks::run(context, stored, &pre).await?;
    service_kit::failpoint!("release.after-pre-hooks");
    let span = tracing::info_span!("apply", objects = checked.len());
    let present: Vec<_> = checked.iter().map(|checked| checked.object.clone()).collect();
    objects::apply(context, namespace, subject.release.as_str(), checked).instrument(span).await?;
    service_kit::failpoint!("release.after-apply");
    let left = crate::objects::left_over(earlier, &present);
    objects::delete(context, namespace, subject.release.as_str(), left)
        .instrument(tracing::info_span!("prune"))
        .await?;
    service_kit::failpoint!("release.after-prune");
    hooks::run(context, stored, &post).await?;
    service_kit::failpoint!("release.after-post-hooks");
    let end = async {
        let history = context.store.history(namespace, subject.release.as_str()).await?;
        supersede(context, subject, &history.superseded_by(stored.release.revision)).await?;
        let description = if is_install { "Install complete" } else { "Upgrade complete" };
        stored.release.set_status(Status::Deployed, description);
        context.store.update(stored, jiff::Timestamp::now()).await
    };
    end.instrument(tracing::info_span!("record")).await?;
    service_kit::failpoint!("release.after-deployed");
    Ok(())
}

/// Marks the revision as failed, in Helm's words, unless trying again can help.
async fn failed(context: &Context, subject: &Subject, mut stored: Stored, error: ActError) -> ActError {
    if error.is_transient() {
        return error;
    }
    let what = if stored.release.info.status == Status::PendingInstall { "Release" } else { "Upgrade" };
    let text = service_kit::chain(&error);
    stored
        .release
        .set_status(Status::Failed, format!("{what} {:?} failed: {text}", subject.release.as_str()));
    match context.store.update(&mut stored, jiff::Timestamp::now()).await {
        Ok(()) => error,
        // It stays pending, so that the next look completes it and comes here again.
        Err(store) => {
            tracing::warn!("a failed revision could not be marked: {text}");
            store.into()
        }
    }
}

async fn abandon(
    context: &Context,
    subject: &Subject,
    revision: u32,
    now: jiff::Timestamp,
) -> Result<(), StoreError> {
    let namespace = subject.identity.namespace.as_str();
    let Some(mut old) = context.store.get(namespace, subject.release.as_str(), revision).await? else {
        return Ok(());
    };
    let status = old.release.info.status.clone();
    old.release.set_status(Status::Failed, format!("Abandoned: it was {status} and nobody completed it"));
    context.store.update(&mut old, now).await
}

async fn render(
    context: &Context,
    subject: &Subject,
    source: &ChartSource,
    new: &NewRevision,
) -> Result<helm_engine::Rendered, ActError> {
    let capabilities = context.cluster.capabilities().await?;
    let options = ReleaseOptions {
        name: subject.release.to_string(),
        namespace: subject.identity.namespace.clone(),
        revision: new.revision,
        operation: operation(new.is_install),
    };
    let span = tracing::info_span!("render", chart = %subject.chart, revision = new.revision);
    let chart = source.chart.clone();
    let rendered =
        context.engine.render(chart, &subject.values, options, capabilities).instrument(span).await?;
    for warning in &rendered.warnings {
        tracing::warn!(release = %subject.release, "{warning}");
    }
    Ok(rendered)
}

/// Creates the chart's CustomResourceDefinitions that are not there. One that is there is left alone, as Helm does.
async fn create_crds(context: &Context, subject: &Subject, source: &ChartSource) -> Result<(), ActError> {
    for crd in Engine::crds(&source.chart, &subject.values)? {
        let text = String::from_utf8_lossy(&crd.file.data).into_owned();
        for object in parse_file(&crd.path, &text)? {
            if context.applier.get(&object.identity, &subject.identity.namespace).await?.is_some() {
                continue;
            }
            let how = ApplyOptions::new(HELM_MANAGER);
            let documents = [object.document];
            let results = context.applier.apply_all(&documents, &subject.identity.namespace, &how).await;
            for result in results {
                result.outcome?;
            }
            service_kit::failpoint!("release.after-crd");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use helm_release::history::Entry;

    use super::*;

    #[test]
    fn the_oldest_records_beyond_the_limit_go() {
        let check = |text: &str, most: u32, expected: &[u32]| {
            let entry = |word: &str| {
                let (revision, status) = word.split_once(':').unwrap();
                Entry { revision: revision.parse().unwrap(), status: Status::from(status) }
            };
            let history: History = text.split_whitespace().map(entry).collect();
            assert_eq!(prunable(&history, most), expected, "{text} {most}");
        };
        check("", 1, &[]);
        check("1:deployed", 1, &[]);
        check("1:superseded 2:superseded 3:deployed", 0, &[]);
        check("1:superseded 2:superseded 3:deployed", 3, &[]);
        check("1:superseded 2:superseded 3:deployed", 2, &[1]);
        check("1:superseded 2:superseded 3:deployed", 1, &[1, 2]);
        check("1:superseded 2:deployed 3:failed", 1, &[1]);
        check("1:deployed 2:failed 3:failed 4:failed", 2, &[2, 3]);
        check("1:superseded 2:failed 3:failed", 1, &[2]);
        check("1:failed 2:failed", u32::MAX, &[]);
    }
}
