//! Our own Lease: when to create and renew it, and when it is lost. Pure.
//!
//! Joining → holding → (lost) → joining as another member. What a member was never comes back: after a loss the name is new.

use std::time::{Duration, Instant};

use super::lease::LeaseError;
use super::standing::Tenure;
use super::view::View;
use super::{LEASE_DURATION, MemberId, RENEW_INTERVAL};

/// The pause after a renewal that failed.
const RENEW_AGAIN: Duration = Duration::from_millis(500);
/// The pause after an attempt to join that failed.
const JOIN_AGAIN: Duration = Duration::from_secs(1);
/// The least time between two renewals.
const APART: Duration = Duration::from_millis(500);

/// A request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// Create the Lease.
    Create { stamp: i64 },
    /// Renew the Lease of this UID.
    Renew { uid: String, stamp: i64 },
}

/// What followed from an answer or from time.
#[derive(Debug)]
pub(super) enum Turn {
    /// The Lease is held from now on.
    Joined(Tenure),
    /// The request failed and is made again.
    Again(LeaseError),
    /// This process is another member from now on.
    Lost(Loss),
}

/// A member that this process was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) former: MemberId,
    /// When its Lease ended; `None` when it never worked under that name.
    pub(super) ended: Option<Instant>,
    pub(super) why: Why,
}

/// How a Lease is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Why {
    #[error("it could not be renewed in time")]
    Expired,
    #[error("somebody deleted it or took it away")]
    Deleted,
    #[error("the watch has not brought any news of the group")]
    Unseen,
    #[error("a Lease of its name is there already, from an attempt that was not answered")]
    Exists,
}

#[derive(Debug)]
enum State {
    Joining,
    Holding {
        uid: String,
        tenure: Tenure,
        /// When the last renewal was sent, answered or not.
        sent: Instant,
        /// When the last renewal was sent that was answered.
        answered: Instant,
        /// Up to when the group is known.
        heard: Instant,
    },
}

/// Our own Lease.
#[derive(Debug)]
pub(super) struct Own {
    identity: String,
    member: MemberId,
    state: State,
    /// When the request in flight was sent.
    asked: Option<Instant>,
    /// No request before.
    again: Instant,
    /// The last stamp, by our wall clock in microseconds; no two are alike.
    stamp: i64,
}

impl Own {
    pub(super) fn new(identity: &str, now: Instant) -> Self {
        Self {
            identity: identity.to_owned(),
            member: MemberId::fresh(identity),
            state: State::Joining,
            asked: None,
            again: now,
            stamp: 0,
        }
    }

    /// The name of the process's pod.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Who we are, or try to be.
    pub(super) fn member(&self) -> &MemberId {
        &self.member
    }

    /// The present membership.
    pub(super) fn tenure(&self) -> Option<&Tenure> {
        match &self.state {
            State::Joining => None,
            State::Holding { tenure, .. } => Some(tenure),
        }
    }

    /// When the last renewal was sent that was answered.
    pub(super) fn answered(&self) -> Option<Instant> {
        match &self.state {
            State::Joining => None,
            State::Holding { answered, .. } => Some(*answered),
        }
    }

    /// The view is complete up to `as_of`.
    pub(super) fn heard(&mut self, as_of: Instant) {
        if let State::Holding { heard, .. } = &mut self.state {
            *heard = as_of.max(*heard);
        }
    }

    /// The request to be sent now, if any. Whoever sends it gives its answer to [`Self::answer`]. `wall` is our clock in microseconds.
    pub(super) fn ask(&mut self, view: &View, now: Instant, wall: i64) -> Option<Ask> {
        if self.due(view).is_none_or(|due| due > now) {
            return None;
        }
        self.stamp = wall.max(self.stamp + 1);
        self.asked = Some(now);
        let stamp = self.stamp;
        Some(match &mut self.state {
            State::Joining => Ask::Create { stamp },
            State::Holding { uid, sent, .. } => {
                *sent = now;
                Ask::Renew { uid: uid.clone(), stamp }
            }
        })
    }

    /// The answer to the request in flight: the UID of the Lease.
    pub(super) fn answer(&mut self, answer: Result<String, LeaseError>, now: Instant) -> Option<Turn> {
        let asked = self.asked.take()?;
        match (answer, &mut self.state) {
            (Ok(uid), State::Joining) => {
                let tenure = Tenure::new(self.member.clone(), asked);
                self.state = State::Holding {
                    uid,
                    tenure: tenure.clone(),
                    sent: asked,
                    answered: asked,
                    heard: asked,
                };
                Some(Turn::Joined(tenure))
            }
            (Ok(_), State::Holding { tenure, answered, .. }) => {
                *answered = asked;
                let in_time = tenure.renewed(asked, now);
                (!in_time).then(|| Turn::Lost(self.lose(Why::Expired, now)))
            }
            (Err(LeaseError::Exists), State::Joining) => Some(Turn::Lost(self.lose(Why::Exists, now))),
            (Err(LeaseError::Gone), State::Holding { .. }) => Some(Turn::Lost(self.lose(Why::Deleted, now))),
            (Err(error), State::Joining) => {
                self.again = now + JOIN_AGAIN;
                Some(Turn::Again(error))
            }
            (Err(error), State::Holding { .. }) => {
                self.again = now + RENEW_AGAIN;
                Some(Turn::Again(error))
            }
        }
    }

    /// Looks whether the Lease has been lost by time, or by what the view shows.
    pub(super) fn lapse(&mut self, view: &View, now: Instant) -> Option<Loss> {
        let State::Holding { tenure, heard, .. } = &self.state else { return None };
        let why = match () {
            () if view.own_gone() => Why::Deleted,
            () if tenure.lease_until().is_none_or(|until| now >= until) => Why::Expired,
            () if now >= *heard + LEASE_DURATION => Why::Unseen,
            () => return None,
        };
        Some(self.lose(why, now))
    }

    /// When to look again though nothing happens.
    pub(super) fn wake(&self, view: &View) -> Option<Instant> {
        let State::Holding { tenure, heard, .. } = &self.state else { return self.due(view) };
        let lost = tenure.lease_until().into_iter().chain([*heard + LEASE_DURATION]);
        lost.chain(self.due(view)).min()
    }

    /// When the next request is to be sent; `None` while one is in flight, or before the group is known.
    fn due(&self, view: &View) -> Option<Instant> {
        if self.asked.is_some() || !view.complete() {
            return None;
        }
        let due = match &self.state {
            State::Joining => self.again,
            State::Holding { sent, .. } => {
                let regular = *sent + RENEW_INTERVAL;
                // Earlier, if that settles whether another member is lost.
                let early = view.next_end().filter(|end| end > sent).map(|end| end.max(*sent + APART));
                early.map_or(regular, |early| early.min(regular))
            }
        };
        Some(due.max(self.again))
    }

    fn lose(&mut self, why: Why, now: Instant) -> Loss {
        let ended = match &self.state {
            State::Joining => None,
            State::Holding { tenure, .. } => {
                // Nothing was sent after the end of the Lease, nor after now.
                let until = tenure.lease_until().map_or(now, |until| until.min(now));
                tenure.end();
                Some(until)
            }
        };
        let former = std::mem::replace(&mut self.member, MemberId::fresh(&self.identity));
        (self.state, self.asked, self.again) = (State::Joining, None, now);
        Loss { former, ended, why }
    }
}

#[cfg(test)]
mod tests;
