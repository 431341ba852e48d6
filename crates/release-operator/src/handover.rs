//! When a replica begins with an object that has become its own, and when it stops. Pure.
//!
//! Each replica computes the owners by itself, from members and objects that it has seen a moment earlier or later than the others. What two
//! of them think at one instant can therefore differ, but not for long: a member that has not heard of its group for
//! [`HANDOVER`] may not write (`service_kit::membership`). So whoever waits that long has outlived what others may have thought.
//!
//! | the object was | the new owner begins |
//! |---|---|
//! | another live member's | after [`HANDOVER`], or at once when that member goes; applies again [`WRITE_TIMEOUT`] after that, like a lost member's |
//! | a member's that left, after its work had drained | at once |
//! | a member's whose Lease ended | at once, and applies again [`WRITE_TIMEOUT`] after that end: what was in flight may still land |
//! | nobody's: it is new | at once |
//! | a lost member's, whose process comes back | as it is; applies again [`WRITE_TIMEOUT`] later: what that was about to send when it was stopped |
//! | ours, before we lost our Lease and joined again | as the others have had it since; applied again like a lost member's |
//!
//! "At once" is for the member that the object prefers. Of members that know of each other only one is that, whatever else they think. One
//! that the object comes to because others are full waits for [`HANDOVER`]: with another object or member more, another is full. So does a
//! member that has just joined: the others may not know it yet, and it may not know who of them is alive.
//!
//! Invariant: two replicas that obey [`Shards::may_work`] and `Standing::check` do not work on one object at a time, as long as they see what
//! happens within a second or two. When the group changes several times within [`HANDOVER`] and one of them sees it later than that, they
//! may; then the records of the release decide, as between any two writers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use service_kit::membership::{Departure, LEASE_DURATION, MemberId, Members, SAFETY_MARGIN, VIEW_DURATION};

use crate::context::Key;
use crate::shard::{Assignment, LoadFactor, assign};

/// How long a live member may take to see that an object is no longer its own: a renewal's interval and what the watch may be late.
pub const HANDOVER: Duration = VIEW_DURATION;

/// How long a write may be under way: after this time the API server gives it up (`guard`). Shorter than a Lease.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(LEASE_DURATION.as_secs() - SAFETY_MARGIN.as_secs());

/// How long after a handover a member that had an object may still be found to have been cut off while it worked on it.
const CUT_OFF: Duration = Duration::from_secs(HANDOVER.as_secs() + 2 * LEASE_DURATION.as_secs());

/// When work begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It may begin.
    Now,
    /// It may begin then.
    At(Instant),
    /// Not before we know who of the others is alive ([`Members::settled`]). An update tells.
    Settled,
}

/// Whether what is applied has to be applied again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reapply {
    /// Nobody else's write can come after ours.
    No,
    /// A write that a lost member had sent may land until then; whatever was applied before is applied again.
    At(Instant),
}

/// What an update changed. What was lost is to be dealt with first: when this process has lost its Lease, an object can be in both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Objects that are ours from now on, and those of which it has changed when to begin or whether to apply again. In their order.
    pub gained: Vec<(Key, When, Reapply)>,
    /// Objects that are ours no longer: work on them ends before its next write. In their order.
    pub lost: Vec<Key>,
}

/// What is due; see [`Shards::due`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Objects that may be worked on from now on.
    pub begin: Vec<Key>,
    /// Objects to be applied again, whatever was applied before.
    pub reapply: Vec<Key>,
}

/// The objects that are ours.
#[derive(Debug, Clone)]
pub struct Shards {
    load_factor: LoadFactor,
    /// Who we are; `None` while we are no member.
    own: Option<MemberId>,
    /// When we joined.
    joined: Option<Instant>,
    /// When the others know that we are there, and we know who of them is: nothing is begun before. `None` until it is known.
    earliest: Option<Instant>,
    /// The owners, as of the last update.
    assignment: Assignment,
    /// The owners when we lost our Lease, until we have joined again.
    formerly: Option<Assignment>,
    unsettled: HashMap<Key, Unsettled>,
    /// Which lost member had an object of ours, in case its process comes back.
    taken: HashMap<Key, MemberId>,
}

/// An object of ours that is not settled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unsettled {
    /// The live member that had it, as long as it matters what becomes of that.
    from: Option<MemberId>,
    since: Instant,
    /// How long that member may take to notice.
    until: Instant,
    /// Whether it has been told that work may begin.
    begun: bool,
    reapply: Option<Instant>,
    /// What was told last.
    told: Option<(When, Reapply)>,
}

/// Who had what before an update.
struct Before {
    /// As of our last update; for one who has just joined, as the others have it.
    had: Assignment,
    /// As of our last update as another member.
    formerly: Option<Assignment>,
}

/// What became of a member that had an object.
enum Fate {
    Live,
    Left,
    Ended(Instant),
}

/// What an update sees.
struct View<'a> {
    members: &'a Members,
    /// Whether we knew who was alive, so that who went, went just now.
    knew: bool,
    now: Instant,
}

impl View<'_> {
    fn fate(&self, member: &MemberId) -> Fate {
        match self.members.left.get(member) {
            _ if self.members.live.contains(member) => Fate::Live,
            Some(Departure::Left { .. }) => Fate::Left,
            Some(Departure::Expired { ended }) => Fate::Ended(*ended),
            // Forgotten, because too much has happened at once.
            None => Fate::Ended(self.now),
        }
    }
}

impl Shards {
    /// No objects, before the first update.
    #[must_use]
    pub fn new(load_factor: LoadFactor) -> Self {
        Self {
            load_factor,
            own: None,
            joined: None,
            earliest: None,
            assignment: Assignment::default(),
            formerly: None,
            unsettled: HashMap::new(),
            taken: HashMap::new(),
        }
    }

    /// Takes in who is there and which objects there are: all of them, once they have been listed. To be called whenever either changes.
    pub fn update<'k>(
        &mut self,
        members: &Members,
        keys: impl IntoIterator<Item = &'k Key>,
        now: Instant,
    ) -> Changes {
        let keys: Vec<&Key> = keys.into_iter().collect();
        let own = members.live.contains(&members.own).then(|| members.own.clone());
        let former = std::mem::replace(&mut self.own, own.clone());
        let held = former.iter().flat_map(|former| self.assignment.owned_by(former));
        let mut lost: Vec<Key> = held.cloned().collect();
        let same = own.is_some() && own == former;
        if !same {
            self.unsettled.clear();
            self.taken.clear();
        }
        if former.is_some() && !same {
            self.formerly = Some(std::mem::take(&mut self.assignment));
        }
        let after = assign(keys.iter().copied(), &members.live, self.load_factor);
        let last = std::mem::replace(&mut self.assignment, after);
        let Some(own) = own else { return Changes { gained: Vec::new(), lost } };
        let before = if same {
            lost.retain(|key| !self.assignment.owns(&own, key));
            lost.iter().for_each(|key| drop(self.taken.remove(key)));
            self.come_back(&last, members, now);
            Before { had: last, formerly: None }
        } else {
            // Who has just joined takes what the others had without it.
            (self.joined, self.earliest) = (Some(now), None);
            let others = members.live.iter().filter(|member| **member != own).cloned().collect();
            let had = assign(keys.iter().copied(), &others, self.load_factor);
            Before { had, formerly: self.formerly.take() }
        };
        let alone = members.live.len() == 1;
        let view = View { members, knew: alone || self.earliest.is_some(), now };
        if alone {
            // There is nobody who would have to know.
            self.earliest = self.earliest.min(Some(now)).or(Some(now));
        } else if members.settled && self.earliest.is_none() {
            self.earliest = self.joined.map(|joined| now.max(joined + HANDOVER));
        }
        Changes { gained: self.settle(&own, same, &before, &view), lost }
    }

    /// Who we are, as of the last update; `None` while we are no member. Work is begun as that member, and no other:
    /// `Standing::tenure` may know of a loss, and of another membership, a moment earlier.
    #[must_use]
    pub fn own(&self) -> Option<&MemberId> {
        self.own.as_ref()
    }

    /// Whether the object is ours and may be worked on. To be asked before each write, like `Standing::check`.
    #[must_use]
    pub fn may_work(&self, key: &Key, now: Instant) -> bool {
        let begun = |state: &Unsettled| state.begins(self.earliest).is_some_and(|begins| begins <= now);
        self.owns(key) && self.unsettled.get(key).is_none_or(begun)
    }

    /// Whether the object is ours, though it may not be time to begin.
    #[must_use]
    pub fn owns(&self, key: &Key) -> bool {
        self.own.as_ref().is_some_and(|own| self.assignment.owns(own, key))
    }

    /// Whose the object is. `None` when nobody is there, or the object is not known.
    #[must_use]
    pub fn owner(&self, key: &Key) -> Option<&MemberId> {
        self.assignment.owner(key)
    }

    /// What has become due since the last call.
    pub fn due(&mut self, now: Instant) -> Due {
        let (mut due, earliest) = (Due::default(), self.earliest);
        self.unsettled.retain(|key, state| {
            if state.begin(earliest, now) {
                due.begin.push(key.clone());
            }
            if state.begun && state.reapply.is_some_and(|reapply| reapply <= now) {
                state.reapply = None;
                due.reapply.push(key.clone());
            }
            if state.begun {
                state.told = Some((When::Now, state.reapply.map_or(Reapply::No, Reapply::At)));
            }
            !state.is_settled(now)
        });
        due.begin.sort_unstable();
        due.reapply.sort_unstable();
        due
    }

    /// When [`Self::due`] has something next; `None` when nothing is waited for.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.unsettled.values().filter_map(|state| state.next(self.earliest)).min()
    }

    /// A process that was stopped, and lost its Lease by that, sends what it was about to send when it goes on, and joins again. What was its
    /// own is applied again when that must have landed.
    fn come_back(&mut self, last: &Assignment, members: &Members, now: Instant) {
        let new = members.live.iter().filter(|member| !last.has_member(member));
        let new: Vec<&str> = new.map(MemberId::identity).collect();
        let back = |from: &MemberId| new.contains(&from.identity());
        let (taken, kept) = std::mem::take(&mut self.taken).into_iter().partition(|(_, from)| back(from));
        self.taken = kept;
        let taken: HashMap<Key, MemberId> = taken;
        for key in taken.into_keys() {
            let state = self.unsettled.entry(key).or_insert_with(|| Unsettled::begun(now));
            state.reapply = state.reapply.max(Some(now + WRITE_TIMEOUT));
        }
    }

    /// Works out when to begin with what is ours. Returns what is new or has changed.
    fn settle(
        &mut self,
        own: &MemberId,
        same: bool,
        before: &Before,
        view: &View<'_>,
    ) -> Vec<(Key, When, Reapply)> {
        let mut gained = Vec::new();
        let mut unsettled = std::mem::take(&mut self.unsettled);
        for key in self.assignment.owned_by(own) {
            let kept = same && before.had.owns(own, key);
            let preferred = self.assignment.is_preferred(key);
            let known = unsettled.remove(key);
            let had = match (&known, kept) {
                (Some(state), true) => state.from.as_ref(),
                _ => before.had.owner(key),
            };
            if let Some(lost) = had.filter(|had| matches!(view.fate(had), Fate::Ended(_))) {
                self.taken.insert(key.clone(), lost.clone());
            }
            let mut state = match (known, kept) {
                (None, true) => continue,
                (Some(mut state), true) => {
                    state.follow(view, preferred);
                    state
                }
                (_, false) => Unsettled::new(before, key, view, preferred),
            };
            if let Some((when, reapply)) = state.tell(self.earliest, view.now) {
                gained.push((key.clone(), when, reapply));
            }
            if !state.is_settled(view.now) {
                self.unsettled.insert(key.clone(), state);
            }
        }
        gained
    }
}

impl Unsettled {
    /// An object that has been worked on for long.
    fn begun(now: Instant) -> Self {
        Self { from: None, since: now, until: now, begun: true, reapply: None, told: None }
    }

    fn new(before: &Before, key: &Key, view: &View<'_>, preferred: bool) -> Self {
        let had = before.had.owner(key);
        let fate = had.map(|member| view.fate(member));
        let from = had.filter(|_| matches!(fate, Some(Fate::Live))).cloned();
        let at_once = preferred && from.is_none() && view.knew;
        let until = if at_once { view.now } else { view.now + HANDOVER };
        // It may have begun a write just before it saw that.
        let reapply = from.is_some().then(|| view.now + HANDOVER + WRITE_TIMEOUT);
        let mut state = Self { from, since: view.now, until, begun: false, reapply, told: None };
        // Ourselves before we joined again, should we have had it.
        let formerly = before.formerly.as_ref().and_then(|formerly| formerly.owner(key));
        let formerly = formerly.map(|member| view.fate(member));
        for fate in [fate, formerly].into_iter().flatten() {
            state.apply_again_after(&fate, view.now);
        }
        state
    }

    /// Takes in what became of the member that had it.
    fn follow(&mut self, view: &View<'_>, preferred: bool) {
        let Some(from) = &self.from else { return };
        let fate = view.fate(from);
        if matches!(fate, Fate::Live) {
            return;
        }
        self.from = None;
        self.apply_again_after(&fate, view.now);
        if preferred && view.knew {
            self.until = self.until.min(view.now);
        }
    }

    /// A write of a member whose Lease ended may land until [`WRITE_TIMEOUT`] after that.
    fn apply_again_after(&mut self, fate: &Fate, now: Instant) {
        if let Fate::Ended(ended) = fate {
            let landed = Some(*ended + WRITE_TIMEOUT).filter(|landed| *landed > now);
            self.reapply = self.reapply.max(landed);
        }
    }

    /// When work may begin, if that is known.
    fn begins(&self, earliest: Option<Instant>) -> Option<Instant> {
        earliest.map(|earliest| earliest.max(self.until))
    }

    /// Begins when it is time. True when it has just begun.
    fn begin(&mut self, earliest: Option<Instant>, now: Instant) -> bool {
        let begun = self.begun;
        self.begun |= self.begins(earliest).is_some_and(|begins| begins <= now);
        self.begun && !begun
    }

    /// What there is to tell; `None` when that has been told.
    fn tell(&mut self, earliest: Option<Instant>, now: Instant) -> Option<(When, Reapply)> {
        self.begin(earliest, now);
        let when = match self.begins(earliest) {
            _ if self.begun => When::Now,
            Some(begins) => When::At(begins),
            None => When::Settled,
        };
        let news = (when, self.reapply.map_or(Reapply::No, Reapply::At));
        (self.told.replace(news) != Some(news)).then_some(news)
    }

    fn next(&self, earliest: Option<Instant>) -> Option<Instant> {
        if self.begun { self.reapply } else { self.begins(earliest) }
    }

    fn is_settled(&self, now: Instant) -> bool {
        self.begun && self.reapply.is_none() && (self.from.is_none() || now >= self.since + CUT_OFF)
    }
}

#[cfg(test)]
mod tests;
