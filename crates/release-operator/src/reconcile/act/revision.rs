//! Making the next revision: render, check, claim; what follows is [`super::complete`]'s.

use helm_engine::{ReleaseOptions, Rendered};
use helm_release::Status;
use tracing::Instrument as _;

use super::complete::{abandon, complete, earlier_revisions};
use super::{ActError, Actor, Operation, Progress, crds, objects};
use crate::engine::operation;
use crate::objects::parse;
use crate::reconcile::observe::{Observed, Wanted};
use crate::reconcile::validate::Subject;
use crate::record::{self, RollbackCause};

/// A revision to be made.
pub struct NewRevision {
    /// Its number.
    pub revision: u32,
    /// Install or upgrade.
    pub operation: Operation,
    /// Somebody else's dead revision, to be marked as failed.
    pub abandoned: Option<u32>,
}

/// Makes a revision: renders, checks, claims and completes it.
///
/// # Errors
/// [`ActError`]. After a transient one the claimed revision stays pending and is completed later; otherwise it is marked as failed.
pub async fn make(
    actor: &Actor<'_>,
    subject: &Subject,
    observed: Observed,
    wanted: &Wanted,
    new: &NewRevision,
) -> Result<Progress, ActError> {
    let context = actor.context;
    // Before rendering, as Helm does: templates ask which kinds there are.
    crds::establish(actor, subject, wanted).await?;
    let rendered = render(actor, subject, wanted, new).await?;
    let present = parse(&rendered.manifest())?;
    let first_deployed =
        observed.newest.as_ref().and_then(|newest| newest.first_deployed).map(helm_release::RecordTime::from);
    let earlier = earlier_revisions(actor, &observed.records.history, new.revision, observed.stored).await?;
    let checked = objects::check(actor, present, &earlier).await?;
    let now = jiff::Timestamp::now();
    if let Some(revision) = new.abandoned {
        abandon(actor, revision, now).await?;
    }
    let status = match new.operation {
        Operation::Install => Status::PendingInstall,
        _ => Status::PendingUpgrade,
    };
    let holder = context.holder();
    let revision = record::Revision {
        name: &actor.release,
        namespace: &actor.namespace,
        uid: &actor.uid,
        generation: subject.generation,
        revision: new.revision,
        status,
        values: &wanted.values,
        inputs: &wanted.inputs,
        holder: &holder,
        first_deployed,
        now,
    };
    let record = record::pending(&revision, rendered);
    service_kit::failpoint!("release.before-claim");
    let claim =
        context.store.create(record, now).instrument(tracing::info_span!("claim", revision = new.revision));
    let stored = claim.await?;
    service_kit::failpoint!("release.after-claim");
    complete(actor, stored, Some(checked), earlier).await
}

/// Makes a revision that is as an earlier one.
///
/// # Errors
/// As [`make`]; [`ActError::NoRevision`] when the earlier one is not there.
pub async fn rollback(
    actor: &Actor<'_>,
    observed: Observed,
    revision: u32,
    to: u32,
    cause: RollbackCause,
) -> Result<Progress, ActError> {
    let context = actor.context;
    let Some(target) = context.store.get(&actor.namespace, actor.name(), to).await? else {
        return Err(ActError::NoRevision { release: actor.release.to_string(), revision: to });
    };
    let now = jiff::Timestamp::now();
    let record = record::rollback(&target.release, revision, cause, &actor.uid, &context.holder(), now);
    let present = parse(&record.manifest)?;
    let earlier = earlier_revisions(actor, &observed.records.history, revision, observed.stored).await?;
    let checked = objects::check(actor, present, &earlier).await?;
    service_kit::failpoint!("rollback.before-claim");
    let stored = context.store.create(record, now).await?;
    service_kit::failpoint!("rollback.after-claim");
    complete(actor, stored, Some(checked), earlier).await
}

/// Renders the chart as the revision would have it; changes nothing.
///
/// # Errors
/// [`ActError::Engine`], and [`ActError::Apply`] when the cluster cannot be asked what it serves.
pub async fn render(
    actor: &Actor<'_>,
    subject: &Subject,
    wanted: &Wanted,
    new: &NewRevision,
) -> Result<Rendered, ActError> {
    let context = actor.context;
    let capabilities = context.cluster.capabilities().await?;
    let options = ReleaseOptions {
        name: actor.release.to_string(),
        namespace: actor.namespace.clone(),
        revision: new.revision,
        operation: operation(new.operation == Operation::Install),
    };
    let span = tracing::info_span!("render", chart = %subject.chart, revision = new.revision);
    let chart = wanted.source.chart.clone();
    let rendered = context
        .engine
        .render(
            &actor.applier,
            chart,
            &wanted.values,
            options,
            capabilities,
            subject.options.post_render.clone(),
        )
        .instrument(span)
        .await?;
    for warning in &rendered.warnings {
        tracing::warn!(release = %actor.release, "{warning}");
    }
    Ok(rendered)
}
