//! The task that keeps our Lease and follows the others: drives [`Own`] and [`View`] by the watch, the answers and the clock.

use std::collections::VecDeque;
use std::future::pending;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout_at};

use super::lease::{Event, LeaseError, Leases};
use super::own::{Ask, Loss, Own, Turn, Why};
use super::standing::Standing;
use super::view::{Untidy, View};
use super::{LEAVE, Leave, LeaveError, MemberId, Members};
use crate::run::BoxError;
use crate::telemetry::chain;

/// The pauses before a watch that broke is made again: the first, which doubles with each failure, and the longest.
const WATCH_AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(4)];
/// How long the watch may owe us a renewal that the API server has confirmed; then it is made again.
const WATCH_LATE: Duration = Duration::from_secs(3);
/// How long the watch may take to list the group.
const LISTING: Duration = Duration::from_secs(10);
/// The pause before another attempt to give up the Lease.
const LEAVE_AGAIN: Duration = Duration::from_millis(300);
/// The pause before lost members are looked for again, when some were found.
const TIDY_AGAIN: Duration = Duration::from_secs(2);
/// Leases that wait to be dealt with; what is more is left to those who find what is lost.
const CHORES: usize = 64;

/// What is done with other Leases than our own, when there is time. What fails is found again, here or by another member.
#[derive(Debug)]
enum Chore {
    /// The Lease of a member that this process tried to be and never was: nobody has to wait for its end.
    Release(MemberId),
    /// The Lease of a member that this process was.
    Disown(MemberId),
    /// The Lease of another that is lost.
    Tidy(Untidy),
}

/// The watch, made again when it breaks.
struct Feed {
    leases: Leases,
    stream: Option<BoxStream<'static, Result<Event, watcher::Error>>>,
    again: Instant,
    /// How often it broke since it last brought something.
    broken: u32,
}

impl Feed {
    /// The next event. Can be dropped and called again.
    async fn next(&mut self) -> Option<Result<Event, watcher::Error>> {
        if self.stream.is_none() {
            sleep_until(self.again.into()).await;
        }
        self.stream.get_or_insert_with(|| self.leases.watch()).next().await
    }

    /// Makes it again after a pause. Returns how often in a row.
    fn restart(&mut self, now: Instant) -> u32 {
        let [first, longest] = WATCH_AGAIN;
        self.stream = None;
        self.again = now + first.saturating_mul(2u32.saturating_pow(self.broken)).min(longest);
        self.broken = self.broken.saturating_add(1);
        self.broken
    }
}

/// Keeps this process's membership. Made by [`super::Membership::join`].
pub struct Keeper {
    leases: Leases,
    own: Own,
    view: View,
    standing: Standing,
    members: watch::Sender<Members>,
    leaves: mpsc::Receiver<Leave>,
    feed: Feed,
    request: Option<BoxFuture<'static, Result<String, LeaseError>>>,
    chores: VecDeque<Chore>,
    chore: Option<BoxFuture<'static, Result<(), LeaseError>>>,
    tidy_again: Instant,
    /// Requests that failed in a row, so that only the first is told loudly.
    failures: u32,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(
        leases: Leases,
        identity: &str,
        standing: Standing,
        leaves: mpsc::Receiver<Leave>,
    ) -> (Self, watch::Receiver<Members>) {
        let now = Instant::now();
        let own = Own::new(identity, now);
        let view = View::new(own.member().clone());
        let (members, receiver) = watch::channel(view.members(false));
        let keeper = Self {
            feed: Feed { leases: leases.clone(), stream: None, again: now, broken: 0 },
            leases,
            own,
            view,
            standing,
            members,
            leaves,
            request: None,
            chores: VecDeque::new(),
            chore: None,
            tidy_again: now,
            failures: 0,
        };
        (keeper, receiver)
    }

    /// Joins, and keeps the Lease until [`super::Membership::leave`] is called or the `Membership` dropped.
    ///
    /// # Errors
    /// None that ends it: what fails is tried again, and [`Standing::check`] says meanwhile that nothing may be written.
    pub async fn run(mut self) -> Result<(), BoxError> {
        loop {
            let wake = self.wake();
            tokio::select! {
                event = self.feed.next() => self.observe(event, Instant::now()),
                answer = running(&mut self.request) => {
                    self.request = None;
                    self.answered(answer, Instant::now());
                }
                done = running(&mut self.chore) => {
                    self.chore = None;
                    if let Err(error) = done {
                        tracing::debug!("a Lease that is of no use any more stays for now: {}", chain(&error));
                    }
                }
                leave = self.leaves.recv() => {
                    if let Some(answer) = leave {
                        // Nobody may have waited for it.
                        let _ = answer.send(self.leave().await);
                    }
                    return Ok(());
                }
                () = asleep(wake) => {}
            }
            self.proceed(Instant::now());
        }
    }

    /// Takes in what the watch brings.
    fn observe(&mut self, event: Option<Result<Event, watcher::Error>>, now: Instant) {
        match event {
            Some(Ok(Event::Listing)) => self.view.listing(),
            Some(Ok(Event::Listed(seen))) => self.view.listed(seen, now),
            Some(Ok(Event::ListingDone)) => {
                self.view.listing_done(now);
                self.bury(now);
            }
            Some(Ok(Event::Changed(seen))) => {
                self.feed.broken = 0;
                self.view.changed(seen, now);
            }
            Some(Ok(Event::Deleted(seen))) => self.view.deleted(seen, now),
            Some(Ok(Event::Foreign)) => {
                tracing::debug!("a Lease with the label of {} is no member's", self.leases.describe());
            }
            Some(Err(error)) => {
                let (group, why) = (self.leases.describe(), chain(&error));
                match self.feed.restart(now) {
                    1 => tracing::warn!("the watch of the Leases of {group} broke and is made again: {why}"),
                    times => tracing::debug!(times, "the watch of the Leases of {group} broke again: {why}"),
                }
            }
            None => drop(self.feed.restart(now)),
        }
    }

    /// A process that was killed and started again has left a Lease behind that nobody need wait for.
    fn bury(&mut self, now: Instant) {
        for former in self.view.bury(self.own.identity(), now) {
            tracing::info!(%former, "an earlier process of this pod did not give up its Lease; it is dead");
            if self.chores.len() < CHORES {
                self.chores.push_back(Chore::Disown(former));
            }
        }
    }

    fn answered(&mut self, answer: Result<String, LeaseError>, now: Instant) {
        match self.own.answer(answer, now) {
            None => self.failures = 0,
            Some(Turn::Joined(tenure)) => {
                self.failures = 0;
                tracing::info!(member = %tenure.member(), "joined {}", self.leases.describe());
                self.standing.set(Some(tenure));
            }
            Some(Turn::Again(error)) => {
                self.failures = self.failures.saturating_add(1);
                let (group, why) = (self.leases.describe(), chain(&error));
                match self.failures {
                    1 => tracing::warn!("the Lease in {group} is not written and this is tried again: {why}"),
                    failures => tracing::debug!(failures, "the Lease in {group} is not written: {why}"),
                }
            }
            Some(Turn::Lost(loss)) => self.lost(loss, now),
        }
    }

    fn lost(&mut self, loss: Loss, now: Instant) {
        let Loss { former, ended, why } = loss;
        tracing::warn!(member = %former, next = %self.own.member(), "the Lease is lost: {why}; joining again");
        self.request = None;
        self.view.become_member(self.own.member().clone(), ended);
        self.feed.broken = 0;
        self.feed.restart(now);
        let chore = match why {
            Why::Exists => Chore::Release(former),
            Why::Expired | Why::Unseen => Chore::Disown(former),
            Why::Deleted => return,
        };
        if self.chores.len() < CHORES {
            self.chores.push_back(chore);
        }
    }

    /// Does what is due, after whatever woke us.
    fn proceed(&mut self, now: Instant) {
        let as_of = self.view.as_of();
        if let Some(as_of) = as_of {
            self.own.heard(as_of);
        }
        if let Some(loss) = self.own.lapse(&self.view, now) {
            self.lost(loss, now);
        }
        let current = self.view.members(self.own.tenure().is_some());
        self.members.send_if_modified(|members| {
            let changed = *members != current;
            if members.live != current.live {
                tracing::info!(own = %current.own, live = ?current.live, "the members of {}", self.leases.describe());
            }
            *members = current;
            changed
        });
        // Only now that those who decide by it can know: what the view has brought may have taken work from us.
        if let (Some(as_of), Some(tenure)) = (self.view.as_of(), self.own.tenure()) {
            tenure.seen(as_of);
        }
        if self.late(now) {
            tracing::warn!("the watch of the Leases of {} is late and is made again", self.leases.describe());
            self.feed.restart(now);
        }
        self.send(now);
        self.work_off(now);
    }

    /// Whether the watch owes us something for too long.
    fn late(&self, now: Instant) -> bool {
        self.owed_until().is_some_and(|until| until <= now)
    }

    /// When the watch is late with a listing or a renewal of ours; `None` when it owes nothing.
    fn owed_until(&self) -> Option<Instant> {
        // While it is being made again it cannot bring anything.
        let began = self.feed.stream.is_some().then_some(self.feed.again)?;
        if self.view.is_listing() {
            return Some(began + LISTING);
        }
        let sent = self.view.owed_since(self.own.answered()?)?;
        Some(sent.max(began) + WATCH_LATE)
    }

    fn send(&mut self, now: Instant) {
        let Some(ask) = self.own.ask(&self.view, now, Timestamp::now().as_microsecond()) else { return };
        let (leases, member) = (self.leases.clone(), self.own.member().clone());
        match ask {
            Ask::Create { stamp } => {
                self.view.sends(stamp, now);
                self.request = Some(Box::pin(async move { leases.create(&member, stamp).await }));
            }
            Ask::Renew { uid, stamp } => {
                self.view.sends(stamp, now);
                self.request =
                    Some(Box::pin(async move { leases.renew(&member, &uid, stamp).await.map(|()| uid) }));
            }
        }
    }

    /// Deals with Leases that are of no use any more, one after the other, while we have one ourselves.
    fn work_off(&mut self, now: Instant) {
        if self.chore.is_some() || self.own.tenure().is_none() {
            return;
        }
        if self.chores.is_empty() && now >= self.tidy_again {
            self.chores.extend(self.view.untidy(now).into_iter().map(Chore::Tidy));
            if !self.chores.is_empty() {
                self.tidy_again = now + TIDY_AGAIN;
            }
        }
        let Some(chore) = self.chores.pop_front() else { return };
        let (leases, own) = (self.leases.clone(), self.own.member().clone());
        self.chore = Some(Box::pin(async move {
            match chore {
                Chore::Release(member) => leases.release(&member).await,
                Chore::Disown(member) => leases.disown(&member, &own).await,
                Chore::Tidy(Untidy::Mark { member, version }) => {
                    leases.mark_lost(&member, &version, &own).await
                }
                Chore::Tidy(Untidy::Delete { member, uid, version }) => {
                    leases.delete(&member, Some((uid, version))).await
                }
            }
        }));
    }

    /// When to look again though nothing happens.
    fn wake(&self) -> Option<Instant> {
        self.own.wake(&self.view).into_iter().chain(self.owed_until()).min()
    }

    /// Gives up the Lease.
    async fn leave(&mut self) -> Result<(), LeaveError> {
        let member = self.own.member().clone();
        if let Some(tenure) = self.own.tenure() {
            tenure.end();
        }
        let left = self.view.members(false);
        self.members.send_if_modified(|members| std::mem::replace(members, left.clone()) != left);
        let end = Instant::now() + LEAVE;
        // What is being created has to be there before it can be given up.
        if let (None, Some(request)) = (self.own.tenure(), self.request.take()) {
            let _ = timeout_at(end.into(), request).await;
        }
        loop {
            let error: BoxError = match timeout_at(end.into(), self.leases.release(&member)).await {
                Ok(Ok(())) => {
                    tracing::info!(%member, "left {}", self.leases.describe());
                    return Ok(());
                }
                Ok(Err(error)) => error.into(),
                Err(late) => late.into(),
            };
            if Instant::now() + LEAVE_AGAIN >= end {
                return Err(LeaveError::Lease(member, error));
            }
            sleep(LEAVE_AGAIN).await;
        }
    }
}

/// The future in the slot; for ever when there is none. The slot is emptied by whoever takes the answer.
async fn running<T>(slot: &mut Option<BoxFuture<'static, T>>) -> T {
    match slot {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn asleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until.into()).await,
        None => pending().await,
    }
}
