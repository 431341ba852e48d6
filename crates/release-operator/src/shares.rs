//! This replica's share of the objects, kept up to date, and the right to work on one of them.
//!
//! Invariant: a [`Work`] permits a write only when the Lease that it was begun under surely holds, and the object is ours by a division that
//! has taken in everything that is known of the group.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use service_kit::Readiness;
use service_kit::membership::{LeaseLost, MemberId, Members, Permit, Standing, Tenure};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Key};
use crate::handover::{Changes, Shards, When};
use crate::shard::LoadFactor;

/// The least time between two divisions for nothing but objects that came or went, of which a thousand may come at once.
const APART: Duration = Duration::from_millis(50);

/// Why a write is not begun, or not waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The Lease.
    #[error(transparent)]
    Lease(#[from] LeaseLost),
    /// The object.
    #[error("FluxHelmRelease {namespace}/{name} is another replica's by now, which goes on with it")]
    Elsewhere {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// Who works on what.
pub struct Shares {
    state: Mutex<State>,
    members: watch::Receiver<Members>,
    standing: Standing,
    /// Told after each division.
    divided: Notify,
}

struct State {
    shards: Shards,
    /// The group of the last division.
    of: Option<(MemberId, BTreeSet<MemberId>)>,
}

/// The right to work on an object, for one look.
#[derive(Clone)]
pub struct Work {
    shares: Arc<Shares>,
    key: Key,
    tenure: Tenure,
}

impl Shares {
    /// Nothing, before the first division by [`divide`].
    pub fn new(members: watch::Receiver<Members>, standing: Standing) -> Self {
        let shards = Shards::new(LoadFactor::DEFAULT);
        Self { state: Mutex::new(State { shards, of: None }), members, standing, divided: Notify::new() }
    }

    /// The right to work on the object now; nothing if it is not ours, or not yet. It is woken when it is.
    pub fn begin(self: &Arc<Self>, key: &Key) -> Option<Work> {
        let tenure = self.standing.tenure().ok()?;
        let state = self.lock();
        let may = state.shards.own() == Some(tenure.member()) && state.shards.may_work(key, Instant::now());
        may.then(|| Work { shares: self.clone(), key: key.clone(), tenure })
    }

    /// Who we are; `None` while we are no member.
    pub fn own(&self) -> Option<MemberId> {
        self.lock().shards.own().cloned()
    }

    /// Whose the object is; `None` when it is not known, or nobody is there.
    pub fn owner(&self, key: &Key) -> Option<MemberId> {
        self.lock().shards.owner(key).cloned()
    }

    /// Whether the object is ours, though it may not be time to begin.
    pub fn owns(&self, key: &Key) -> bool {
        self.lock().shards.owns(key)
    }

    /// The URL at which a member is reached, if it tells one.
    pub fn address(&self, member: &MemberId) -> Option<Arc<str>> {
        self.members.borrow().addresses.get(member).cloned()
    }

    /// Divides the objects among the group as it is known now.
    pub(crate) fn update(&self, keys: &[Key]) -> Changes {
        let members = self.members.borrow().clone();
        let changes = {
            let mut state = self.lock();
            let changes = state.shards.update(&members, keys, Instant::now());
            state.of = Some((members.own, members.live));
            changes
        };
        self.divided.notify_waiters();
        changes
    }

    /// Whether the last division was that of the group as it is known now.
    fn is_current(&self) -> bool {
        let state = self.lock();
        let members = self.members.borrow();
        state.of.as_ref().is_some_and(|(own, live)| *own == members.own && *live == members.live)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    /// The member that works.
    pub fn member(&self) -> &MemberId {
        self.tenure.member()
    }

    /// Asks for one write, or for going on with it. What the group has become since the last division is taken in first.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn permit(&self) -> Result<Permit, Refused> {
        loop {
            let mut divided = std::pin::pin!(self.shares.divided.notified());
            divided.as_mut().enable();
            if self.shares.is_current() {
                break;
            }
            divided.await;
        }
        let permit = self.tenure.check()?;
        match self.shares.lock().shards.may_work(&self.key, Instant::now()) {
            true => Ok(permit),
            false => {
                let (namespace, name) = self.key.clone();
                Err(Refused::Elsewhere { namespace, name })
            }
        }
    }

    /// Whether the object is still that of the member that works, though it may not write just now.
    pub fn is_ours(&self) -> bool {
        let state = self.shares.lock();
        state.shards.own() == Some(self.member()) && state.shards.owns(&self.key)
    }

    /// Whether the work may go on, as far as is known.
    pub fn holds(&self) -> bool {
        self.tenure.check().is_ok() && self.shares.lock().shards.may_work(&self.key, Instant::now())
    }
}

/// Divides the objects whenever the group or the objects change, and wakes the looks at those that become ours. Ends with `shutdown` only in
/// that it wakes nobody any more: what is in flight needs to know what is ours until its end.
pub async fn divide(
    context: &Context,
    wake: mpsc::Sender<Key>,
    readiness: &Readiness,
    shutdown: CancellationToken,
) {
    let shares = &context.shares;
    let mut members = shares.members.clone();
    let mut known = context.catalog.known();
    loop {
        members.mark_unchanged();
        let is_listed = known.borrow_and_update().is_some();
        let mut due = Vec::new();
        if is_listed {
            let changes = shares.update(&context.catalog.keys());
            if shares.own().is_some() {
                readiness.reached("membership");
            }
            // An object can be in both, when this process has become another member.
            for key in &changes.lost {
                context.memory.forget(key);
            }
            let begins = |(key, when, _)| matches!(when, When::Now).then_some(key);
            due.extend(changes.gained.into_iter().filter_map(begins));
        }
        due.extend(due_now(context));
        for key in due {
            tokio::select! {
                () = shutdown.cancelled() => break,
                sent = wake.send(key) => drop(sent),
            }
        }
        let next = shares.lock().shards.next_due();
        tokio::select! {
            changed = members.changed() => if changed.is_err() { return },
            _ = objects_changed(&mut known) => {}
            () = asleep(next) => {}
        }
    }
}

/// What has become due by time: objects that may be begun, and those that are to be applied again.
fn due_now(context: &Context) -> Vec<Key> {
    let due = context.shares.lock().shards.due(Instant::now());
    for key in &due.reapply {
        context.memory.applies_again(key);
    }
    due.begin.into_iter().chain(due.reapply).collect()
}

async fn objects_changed(known: &mut watch::Receiver<Option<u64>>) {
    if known.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(APART).await;
}

async fn asleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
