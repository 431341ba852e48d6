//! Bringing a claimed revision to its end: hooks, objects, what is left over, readiness, hooks, the record's end, in Helm's order.

use std::time::Duration;

use helm_release::{History, Status};
use tracing::Instrument as _;

use super::{ActError, Actor, Operation, Progress, UNWATCHED, WATCHED, Waiting, hooks, objects};
use crate::objects::{Object, left_over, parse};
use crate::reconcile::health::{self, Look};
use crate::store::{StoreError, Stored};

/// Completes our own revision that was cut off or that waits, from its record.
///
/// # Errors
/// As [`super::make`].
pub async fn resume(actor: &Actor<'_>, history: &History, stored: Stored) -> Result<Progress, ActError> {
    let revision = stored.release.revision;
    if actor.context.memory.is_waiting(&actor.key, revision) {
        return complete(actor, stored, None, Vec::new()).await;
    }
    let prepared = async {
        let present = parse(&stored.release.manifest)?;
        let earlier = earlier_revisions(actor, history, revision, None).await?;
        let checked = objects::check(actor, present, &earlier).await?;
        Ok((checked, earlier))
    };
    match prepared.await {
        Ok((checked, earlier)) => complete(actor, stored, Some(checked), earlier).await,
        Err(error) => Err(failed(actor, stored, error).await),
    }
}

/// Gives our own revision up that waits, because something else is asked for by now.
///
/// # Errors
/// [`StoreError`].
pub async fn cancel(actor: &Actor<'_>, mut stored: Stored) -> Result<(), StoreError> {
    let what = Operation::of(&stored.release.info.status);
    let description = format!("{} {:?} was given up: something else is asked for", words(what), actor.name());
    stored.release.set_status(Status::Failed, description);
    actor.context.store.update(&mut stored, jiff::Timestamp::now()).await?;
    actor.context.memory.ended(&actor.key);
    Ok(())
}

/// Marks revisions as superseded that are still marked as deployed.
///
/// # Errors
/// [`StoreError`].
pub async fn supersede(
    actor: &Actor<'_>,
    revisions: &[u32],
    known: Option<Stored>,
) -> Result<(), StoreError> {
    let mut known = known;
    for &revision in revisions {
        let have = known.take_if(|known| known.release.revision == revision);
        let read = match have {
            Some(stored) => Some(stored),
            None => actor.context.store.get(&actor.namespace, actor.name(), revision).await?,
        };
        let Some(mut old) = read else { continue };
        if old.release.info.status == Status::Deployed {
            old.release.info.status = Status::Superseded;
            actor.context.store.update(&mut old, jiff::Timestamp::now()).await?;
        }
        service_kit::failpoint!("release.after-supersede");
    }
    Ok(())
}

/// What earlier revisions had.
pub(super) struct Earlier {
    pub(super) objects: Vec<Object>,
    /// The record, of the one that was deployed.
    pub(super) stored: Option<Stored>,
}

/// The revisions that `revision` takes the place of, oldest first: the newest one that was deployed, and the failed ones after it, which
/// may have created objects of their own.
pub(super) async fn earlier_revisions(
    actor: &Actor<'_>,
    history: &History,
    revision: u32,
    known: Option<Stored>,
) -> Result<Vec<Earlier>, ActError> {
    let mut known = known;
    let before: Vec<_> = history.entries().iter().filter(|entry| entry.revision < revision).collect();
    let was_deployed = |status: &Status| matches!(status, Status::Deployed | Status::Superseded);
    let base = before.iter().rposition(|entry| was_deployed(&entry.status)).unwrap_or(0);
    let mut earlier = Vec::new();
    for entry in &before[base..] {
        let have = known.take_if(|known| known.release.revision == entry.revision);
        let stored = match have {
            Some(stored) => Some(stored),
            None => actor.context.store.get(&actor.namespace, actor.name(), entry.revision).await?,
        };
        let Some(stored) = stored else { continue };
        match parse(&stored.release.manifest) {
            Ok(objects) => earlier.push(Earlier { objects, stored: Some(stored) }),
            // Nothing can be derived from it, and it must not stop what comes after it.
            Err(error) => {
                tracing::warn!(release = %actor.release, revision = entry.revision, "{}", service_kit::chain(&error));
            }
        }
    }
    Ok(earlier)
}

/// Goes on with a revision; `checked` are its objects when they are still to be applied.
pub(super) async fn complete(
    actor: &Actor<'_>,
    mut stored: Stored,
    checked: Option<Vec<objects::Checked>>,
    earlier: Vec<Earlier>,
) -> Result<Progress, ActError> {
    let mut looks = None;
    let outcome = match stages(actor, &mut stored, checked, earlier, &mut looks).await {
        Ok(Some(waiting)) => return Ok(Progress::Waiting(Box::new(stored), waiting)),
        Ok(None) => Ok(Progress::Deployed(Box::new(stored), looks)),
        Err(error) => Err(failed(actor, stored, error).await),
    };
    // A transient fault leaves the revision pending: it has not ended yet.
    if outcome.as_ref().err().is_none_or(|error| !error.is_transient())
        && let Err(error) = prune_records(actor).await
    {
        // The revision is what it is; the next one prunes again.
        tracing::warn!(release = %actor.release, "old records are left: {}", service_kit::chain(&error));
    }
    outcome
}

async fn stages(
    actor: &Actor<'_>,
    stored: &mut Stored,
    checked: Option<Vec<objects::Checked>>,
    earlier: Vec<Earlier>,
    looks: &mut Option<Vec<Look>>,
) -> Result<Option<Waiting>, ActError> {
    let operation = Operation::of(&stored.release.info.status);
    let (pre, post) = operation.hooks();
    let before = match checked {
        Some(checked) => {
            if actor.hooks
                && let Some(waiting) = hooks::run(actor, stored, &pre).await?
            {
                return Ok(Some(waiting));
            }
            service_kit::failpoint!("release.after-pre-hooks");
            let (before, applied) = apply_all(actor, checked, earlier).await?;
            *looks = applied;
            before
        }
        None => None,
    };
    // What waits is given up when something else is asked for; what was cut off at any other line is completed.
    if actor.wait {
        if let Some(waiting) = readiness(actor, stored).await? {
            actor.context.memory.waits(&actor.key, stored.release.revision);
            return Ok(Some(waiting));
        }
        // They have come further since.
        *looks = None;
    }
    if actor.hooks
        && let Some(waiting) = hooks::run(actor, stored, &post).await?
    {
        actor.context.memory.waits(&actor.key, stored.release.revision);
        return Ok(Some(waiting));
    }
    service_kit::failpoint!("release.after-post-hooks");
    // What it waited for has come.
    actor.context.memory.ended(&actor.key);
    end(actor, stored, operation, before).instrument(tracing::info_span!("record")).await?;
    service_kit::failpoint!("release.after-deployed");
    Ok(None)
}

/// Applies the objects and deletes what is left over; the record of the revision that was deployed before, and what the applies answered,
/// if that lasts.
async fn apply_all(
    actor: &Actor<'_>,
    checked: Vec<objects::Checked>,
    mut earlier: Vec<Earlier>,
) -> Result<(Option<Stored>, Option<Vec<Look>>), ActError> {
    let span = tracing::info_span!("apply", objects = checked.len());
    let present: Vec<_> = checked.iter().map(|checked| checked.object.clone()).collect();
    let looks = objects::apply(actor, checked).instrument(span).await?;
    service_kit::failpoint!("release.after-apply");
    let is_deployed = |earlier: &&mut Earlier| {
        earlier.stored.as_ref().is_some_and(|stored| stored.release.info.status == Status::Deployed)
    };
    let before = earlier.iter_mut().rev().find(is_deployed).and_then(|earlier| earlier.stored.take());
    let left = left_over(earlier.into_iter().map(|earlier| earlier.objects).collect(), &present);
    objects::delete(actor, left).instrument(tracing::info_span!("prune")).await?;
    service_kit::failpoint!("release.after-prune");
    actor.context.memory.drift_checked(&actor.key);
    actor.context.memory.rest(&actor.key, health::at_rest(&looks));
    Ok((before, Some(looks).filter(|looks| looks.iter().all(Look::is_lasting))))
}

/// Whether the objects are ready; what is missing, unless they will never be or the time is over.
async fn readiness(actor: &Actor<'_>, stored: &Stored) -> Result<Option<Waiting>, ActError> {
    let objects = parse(&stored.release.manifest)?;
    let looks = health::looks(&actor.applier, &actor.namespace, &objects).await?;
    let summary = health::Summary::of(&looks);
    if !summary.failed.is_empty() {
        return Err(ActError::NotReady(summary.failed));
    }
    if summary.progressing.is_empty() {
        return Ok(None);
    }
    match time_left(actor, stored) {
        Some(left) => {
            let message = format!("waiting for {}", summary.progressing);
            let poll = if health::are_watched(&looks) { WATCHED } else { UNWATCHED };
            Ok(Some(Waiting { message, object: None, left, poll }))
        }
        None => {
            let limit = actor.timeout.as_secs();
            Err(ActError::NotReady(format!("{} (after {limit} s)", summary.progressing)))
        }
    }
}

/// What is left of the operation's time.
fn time_left(actor: &Actor<'_>, stored: &Stored) -> Option<Duration> {
    let begun = stored.release.info.last_deployed.as_ref()?.timestamp();
    let age = jiff::Timestamp::now().duration_since(begun).try_into().unwrap_or(Duration::ZERO);
    actor.timeout.checked_sub(age).filter(|left| !left.is_zero())
}

async fn end(
    actor: &Actor<'_>,
    stored: &mut Stored,
    operation: Operation,
    before: Option<Stored>,
) -> Result<(), ActError> {
    let store = &actor.context.store;
    let history = store.known_records(&actor.namespace, actor.name()).await?.history;
    supersede(actor, &history.superseded_by(stored.release.revision), before).await?;
    let description = match operation {
        Operation::Install => "Install complete".to_owned(),
        Operation::Upgrade => "Upgrade complete".to_owned(),
        // Helm keeps its words for a rollback from the beginning on.
        Operation::Rollback => stored.release.info.description.clone(),
    };
    stored.release.set_status(Status::Deployed, description);
    crate::record::hold(&mut stored.release, "");
    store.update(stored, jiff::Timestamp::now()).await.map_err(Into::into)
}

/// Deletes the oldest records beyond the limit, now that a revision has ended. (Helm prunes before it creates the next revision, and so
/// shortens the history although nothing may come of it.)
async fn prune_records(actor: &Actor<'_>) -> Result<(), StoreError> {
    let store = &actor.context.store;
    let history = store.known_records(&actor.namespace, actor.name()).await?.history;
    for old in prunable(&history, actor.max_history) {
        store.delete(&actor.namespace, &actor.release, old).await?;
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

/// Marks the revision as failed, in Helm's words, unless trying again can help and there is time for it.
async fn failed(actor: &Actor<'_>, mut stored: Stored, error: ActError) -> ActError {
    let error = match (error.is_transient(), time_left(actor, &stored)) {
        (true, Some(_)) => return error,
        (true, None) => ActError::TimedOut { limit: actor.timeout, source: Box::new(error) },
        (false, _) => error,
    };
    let what = words(Operation::of(&stored.release.info.status));
    let text = crate::cluster::shortened(service_kit::chain(&error), MESSAGE);
    stored.release.set_status(Status::Failed, format!("{what} {:?} failed: {text}", actor.name()));
    crate::record::hold(&mut stored.release, "");
    match actor.context.store.update(&mut stored, jiff::Timestamp::now()).await {
        Ok(()) => {
            actor.context.memory.ended(&actor.key);
            error
        }
        // It stays pending, so that the next look completes it and comes here again.
        Err(store) => {
            tracing::warn!("a failed revision could not be marked: {text}");
            store.into()
        }
    }
}

/// Of an error in a record's description.
const MESSAGE: usize = 16 * 1024;

fn words(operation: Operation) -> &'static str {
    match operation {
        Operation::Install => "Release",
        Operation::Upgrade => "Upgrade",
        Operation::Rollback => "Rollback",
    }
}

/// Marks a dead operation of somebody else as failed.
pub(super) async fn abandon(
    actor: &Actor<'_>,
    revision: u32,
    now: jiff::Timestamp,
) -> Result<(), StoreError> {
    let store = &actor.context.store;
    let Some(mut old) = store.get(&actor.namespace, actor.name(), revision).await? else {
        return Ok(());
    };
    let status = old.release.info.status.clone();
    old.release.set_status(Status::Failed, format!("Abandoned: it was {status} and nobody completed it"));
    store.update(&mut old, now).await
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
