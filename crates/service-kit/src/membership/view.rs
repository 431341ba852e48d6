//! The Leases of the group as the watch tells, judged by the monotonic clock. Pure.
//!
//! A watch brings the changes of all Leases in the order in which they were made. So when it brings our own renewal, every change that was
//! made before that renewal has come too, and the view is complete up to the moment in which we sent it: [`View::as_of`]. A Lease that has not
//! changed for its duration by *that* moment has run out. A watch that is late or dead thus never makes a live member look lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lease::Seen;
use super::{Departure, MemberId, Members, REMEMBERED};

/// Own renewals that the watch has not brought back yet; the oldest are forgotten.
const SENT: usize = 32;
/// Lost members remembered; the oldest are forgotten.
const LEFT: usize = 256;
/// Leases of lost members dealt with at a time.
const UNTIDY: usize = 16;

/// A Lease.
#[derive(Debug)]
struct Entry {
    uid: String,
    version: String,
    /// When the last change was seen.
    changed: Instant,
    /// How long it holds after that.
    duration: Duration,
    /// Whether the watch has brought a change of it since we joined. What a listing has may be long over.
    fresh: bool,
    /// Whether the Lease is still there. One that somebody deleted counts until its end.
    stored: bool,
    /// Since when its member is lost.
    lost: Option<Instant>,
    /// Whether the Lease says that it is lost or given up.
    marked: bool,
    /// Where the member is reached.
    address: Option<Arc<str>>,
}

impl Entry {
    fn ends(&self) -> Instant {
        self.changed + self.duration
    }
}

/// What is to be done with the Lease of a lost member, if it is still as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Untidy {
    /// Tell those who come later.
    Mark { member: MemberId, version: String },
    /// Delete it: it has been lost for long.
    Delete { member: MemberId, uid: String, version: String },
}

/// All Leases of the group.
#[derive(Debug)]
pub(super) struct View {
    own: MemberId,
    entries: BTreeMap<MemberId, Entry>,
    left: BTreeMap<MemberId, Departure>,
    /// Whether the group has been listed.
    complete: bool,
    /// Those listed so far, while a listing is under way.
    listing: Option<BTreeSet<MemberId>>,
    /// Our own renewals by their stamp, oldest first, and when they were sent.
    sent: VecDeque<(i64, Instant)>,
    /// The newest of them that has come back, in a listing or by the watch; counts when no listing is under way.
    returned: Option<Instant>,
}

impl View {
    pub(super) fn new(own: MemberId) -> Self {
        Self {
            own,
            entries: BTreeMap::new(),
            left: BTreeMap::new(),
            complete: false,
            listing: None,
            sent: VecDeque::new(),
            returned: None,
        }
    }

    /// From now on this process is `member`. What it was is lost; its Lease, if it had one, ended at `ended`. The group has to be listed
    /// before it is joined again.
    pub(super) fn become_member(&mut self, member: MemberId, ended: Option<Instant>) {
        let former = std::mem::replace(&mut self.own, member);
        self.sent.clear();
        (self.returned, self.complete, self.listing) = (None, false, None);
        self.entries.values_mut().for_each(|entry| entry.fresh = false);
        if let Some(ended) = ended {
            if let Some(entry) = self.entries.get_mut(&former) {
                entry.lost = Some(ended);
            }
            self.left.insert(former, Departure::Expired { ended });
        }
    }

    /// Whether the group has been listed.
    pub(super) fn complete(&self) -> bool {
        self.complete
    }

    /// Our own Lease is about to be written with this stamp.
    pub(super) fn sends(&mut self, stamp: i64, now: Instant) {
        if self.sent.len() >= SENT {
            self.sent.pop_front();
        }
        self.sent.push_back((stamp, now));
    }

    /// A listing begins.
    pub(super) fn listing(&mut self) {
        self.listing = Some(BTreeSet::new());
    }

    /// Whether a listing is under way.
    pub(super) fn is_listing(&self) -> bool {
        self.listing.is_some()
    }

    /// A Lease was listed.
    pub(super) fn listed(&mut self, seen: Seen, now: Instant) {
        if let Some(listing) = &mut self.listing {
            listing.insert(seen.member.clone());
        }
        self.write(seen, now);
    }

    /// The listing is complete: what it does not have was deleted, nobody knows by whom.
    pub(super) fn listing_done(&mut self, now: Instant) {
        let Some(listing) = self.listing.take() else { return };
        self.complete = true;
        let gone: Vec<MemberId> =
            self.entries.keys().filter(|member| !listing.contains(*member)).cloned().collect();
        for member in gone {
            self.gone(&member);
        }
        self.judge(now);
    }

    /// A Lease was written.
    pub(super) fn changed(&mut self, seen: Seen, now: Instant) {
        let member = seen.member.clone();
        self.write(seen, now);
        if let Some(entry) = self.entries.get_mut(&member) {
            entry.fresh = true;
        }
    }

    fn write(&mut self, seen: Seen, now: Instant) {
        let Seen { member, uid, version, stamp, duration, released, lost: marked_lost, address } = seen;
        if member == self.own
            && let Some(at) = stamp.and_then(|stamp| self.sent.iter().position(|(sent, _)| *sent == stamp))
        {
            self.returned = self.returned.max(Some(self.sent[at].1));
            self.sent.drain(..=at);
        }
        // One that was lost once stays so, whatever is done with its Lease.
        let lost_before = self.left.contains_key(&member).then_some(now);
        let entry = self.entries.entry(member.clone()).or_insert_with(|| Entry {
            uid: uid.clone(),
            version: String::new(),
            changed: now,
            duration,
            fresh: false,
            stored: true,
            lost: lost_before,
            marked: false,
            address: None,
        });
        if entry.version != version {
            entry.changed = now;
        }
        (entry.uid, entry.version, entry.duration, entry.stored) = (uid, version, duration, true);
        entry.address = address;
        entry.marked = released || marked_lost;
        if entry.marked && entry.lost.is_none() {
            entry.lost = Some(now);
            // What was lost first and given up then, was lost.
            let departure =
                if marked_lost { Departure::Expired { ended: now } } else { Departure::Left { at: now } };
            self.left.insert(member, departure);
        }
        self.judge(now);
    }

    /// A Lease was deleted; `seen` is how it was last. That is no renewal: unless it had been given up, it counts until its end.
    pub(super) fn deleted(&mut self, seen: Seen, now: Instant) {
        let member = seen.member.clone();
        let changed = self.entries.get(&member).map(|entry| entry.changed);
        self.write(seen, now);
        if let (Some(entry), Some(changed)) = (self.entries.get_mut(&member), changed) {
            entry.changed = changed;
        }
        self.gone(&member);
        self.judge(now);
    }

    fn gone(&mut self, member: &MemberId) {
        let Some(entry) = self.entries.get_mut(member) else { return };
        entry.stored = false;
        if entry.lost.is_some() {
            self.entries.remove(member);
        }
    }

    /// Takes the live members of our own identity for lost: of one identity there is one process at a time, and that is this one. They did
    /// not give up their Leases, so what they had sent may still land. Returns them.
    pub(super) fn bury(&mut self, identity: &str, now: Instant) -> Vec<MemberId> {
        let is_dead = |(member, entry): &(&MemberId, &mut Entry)| {
            **member != self.own && entry.lost.is_none() && member.is_of(identity)
        };
        let mut dead = Vec::new();
        for (member, entry) in self.entries.iter_mut().filter(is_dead) {
            entry.lost = Some(now);
            self.left.insert(member.clone(), Departure::Expired { ended: now });
            dead.push(member.clone());
        }
        dead
    }

    /// Our own Lease was seen, and is there no longer.
    pub(super) fn own_gone(&self) -> bool {
        self.left.contains_key(&self.own) || self.entries.get(&self.own).is_some_and(|entry| !entry.stored)
    }

    /// Up to when the view is known to be complete; `None` before the first own renewal has come back.
    pub(super) fn as_of(&self) -> Option<Instant> {
        self.returned.filter(|_| self.complete && self.listing.is_none())
    }

    /// When our own Lease was sent that has been answered and not come back by the watch: since then the watch owes us something.
    pub(super) fn owed_since(&self, answered: Instant) -> Option<Instant> {
        self.sent.iter().map(|(_, sent)| *sent).find(|sent| *sent <= answered)
    }

    /// When a Lease ends that has not been seen to be renewed: a renewal of our own after that moment settles whether it was.
    pub(super) fn next_end(&self) -> Option<Instant> {
        let others =
            self.entries.iter().filter(|(member, entry)| **member != self.own && entry.lost.is_none());
        others.map(|(_, entry)| entry.ends()).min()
    }

    /// Takes those for lost whose Lease has run out, and forgets those who have been lost for long.
    fn judge(&mut self, now: Instant) {
        if let Some(as_of) = self.as_of() {
            for (member, entry) in &mut self.entries {
                let ended = entry.ends();
                if *member != self.own && entry.lost.is_none() && as_of >= ended {
                    entry.lost = Some(ended);
                    self.left.insert(member.clone(), Departure::Expired { ended });
                }
            }
        }
        self.entries.retain(|_, entry| entry.stored || entry.lost.is_none());
        let since = |departure: &Departure| match *departure {
            Departure::Left { at } => at,
            Departure::Expired { ended } => ended,
        };
        let stored = |member: &MemberId| self.entries.contains_key(member);
        // Whose Lease is still there is remembered with it, lest it come back to life.
        self.left.retain(|member, departure| since(departure) + REMEMBERED > now || stored(member));
        while self.left.len() > LEFT {
            let oldest = self.left.iter().min_by_key(|(_, departure)| since(departure));
            let Some(oldest) = oldest.map(|(member, _)| member.clone()) else { return };
            self.left.remove(&oldest);
        }
    }

    /// Who is there; we are when we hold our Lease and know the group.
    pub(super) fn members(&self, holding: bool) -> Members {
        let others =
            self.entries.iter().filter(|(member, entry)| **member != self.own && entry.lost.is_none());
        let mut members = Members {
            own: self.own.clone(),
            live: BTreeSet::new(),
            addresses: BTreeMap::new(),
            left: self.left.clone(),
            settled: self.complete && others.clone().all(|(_, entry)| entry.fresh),
        };
        if self.complete {
            for (member, entry) in others {
                members.live.insert(member.clone());
                members.addresses.extend(entry.address.clone().map(|address| (member.clone(), address)));
            }
        }
        if holding && self.as_of_ever() {
            members.live.insert(self.own.clone());
        }
        members
    }

    /// Whether our own Lease has ever come back. A listing that is under way later takes nothing from that.
    fn as_of_ever(&self) -> bool {
        self.complete && self.returned.is_some()
    }

    /// What is to be done with the Leases of lost members: by the first of the live members, who knows the others.
    pub(super) fn untidy(&self, now: Instant) -> Vec<Untidy> {
        let first = self.entries.iter().find(|(_, entry)| entry.lost.is_none()).map(|(member, _)| member);
        if first != Some(&self.own) {
            return Vec::new();
        }
        let untidy = |(member, entry): (&MemberId, &Entry)| {
            let lost = entry.lost.filter(|_| entry.stored)?;
            let (member, uid, version) = (member.clone(), entry.uid.clone(), entry.version.clone());
            match () {
                () if lost + REMEMBERED <= now => Some(Untidy::Delete { member, uid, version }),
                () if !entry.marked => Some(Untidy::Mark { member, version }),
                () => None,
            }
        };
        self.entries.iter().filter_map(untidy).take(UNTIDY).collect()
    }
}

#[cfg(test)]
mod tests;
