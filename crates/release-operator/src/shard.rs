//! Which replica works on which object: rendezvous hashing with bounded loads. Pure.
//!
//! Every replica computes the same from the same objects and members, so that none has to ask. Of each pair of object and member the hash
//! is a score, and each object prefers the members in the order of their scores (highest random weight, Thaler and Ravishankar 1998): who
//! joins or leaves moves only what it takes or had. A member takes no more than its capacity (the mean load times the load factor, after
//! Mirrokni, Thorup and Zadimoghaddam 2016); of those who come it keeps those with the highest scores, and the others go on to the next member
//! of their preference. That is the stable matching of objects and members, of which there is just one, whatever the order they come in.
//!
//! Invariants:
//! - equal objects and members give equal assignments: on every replica, at every version (the hash is SHA-256, not the standard library's);
//! - an object has one owner as soon as there is a member, and no member has more than its capacity.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use service_kit::membership::MemberId;
use sha2::{Digest as _, Sha256};

use crate::context::Key;

/// How far above the mean a member's load may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadFactor {
    percent: u32,
}

impl LoadFactor {
    /// 1.25: no replica works on more than a quarter above its share.
    pub const DEFAULT: Self = Self { percent: 125 };

    /// The factor in percent. `None` below 100: not everything would be owned.
    #[must_use]
    pub const fn percent(percent: u32) -> Option<Self> {
        if percent < 100 { None } else { Some(Self { percent }) }
    }

    /// ceil(factor × keys / members): the most that one member takes.
    #[must_use]
    pub fn capacity(self, keys: usize, members: usize) -> usize {
        let (keys, members) = (keys as u128, members.max(1) as u128);
        let capacity = (keys * u128::from(self.percent)).div_ceil(members * 100);
        usize::try_from(capacity).unwrap_or(usize::MAX)
    }
}

/// Who works on what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Sorted.
    keys: Vec<Key>,
    /// Of each key. Empty when there is no member.
    owners: Vec<Owner>,
    /// Sorted.
    members: Vec<MemberId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    /// Which of the members.
    member: usize,
    /// Whether it is the member that the key prefers to all others.
    preferred: bool,
}

impl Assignment {
    /// Who works on the object. `None` for one that was not assigned.
    #[must_use]
    pub fn owner(&self, key: &Key) -> Option<&MemberId> {
        self.find(key).map(|owner| &self.members[owner.member])
    }

    /// Whether the objects were divided among this member too.
    #[must_use]
    pub fn has_member(&self, member: &MemberId) -> bool {
        self.members.binary_search(member).is_ok()
    }

    /// Whether it is this member that works on the object.
    #[must_use]
    pub fn owns(&self, member: &MemberId, key: &Key) -> bool {
        self.owner(key) == Some(member)
    }

    /// Whether the object's owner is the one that it prefers to all other members, and not one that it came to because others were full.
    /// Of members that know of each other at most one is ever that, whoever else each of them knows, and whichever objects.
    #[must_use]
    pub fn is_preferred(&self, key: &Key) -> bool {
        self.find(key).is_some_and(|owner| owner.preferred)
    }

    /// The objects of a member, in their order.
    pub fn owned_by<'a>(&'a self, member: &MemberId) -> impl Iterator<Item = &'a Key> + use<'a> {
        let member = self.members.binary_search(member).ok();
        let all = self.keys.iter().zip(&self.owners);
        all.filter(move |(_, owner)| Some(owner.member) == member).map(|(key, _)| key)
    }

    fn find(&self, key: &Key) -> Option<Owner> {
        self.owners.get(self.keys.binary_search(key).ok()?).copied()
    }
}

/// Divides the objects among the members.
///
/// Costs one hash per key and one multiplication or two per pair: 100 000 keys on 10 members take less than a second even in a debug build.
#[must_use]
pub fn assign<'k>(
    keys: impl IntoIterator<Item = &'k Key>,
    members: &BTreeSet<MemberId>,
    load_factor: LoadFactor,
) -> Assignment {
    let mut keys: Vec<&Key> = keys.into_iter().collect();
    keys.sort_unstable();
    keys.dedup();
    let owners = if members.is_empty() {
        Vec::new()
    } else {
        let digest = |(namespace, name): &Key| digest(&[namespace, name]);
        let keys: Vec<u64> = keys.iter().map(|key| digest(key)).collect();
        let members: Vec<u64> = members.iter().map(|member| self::digest(&[member.as_str()])).collect();
        let capacity = load_factor.capacity(keys.len(), members.len());
        matching(&keys, &members, capacity)
    };
    Assignment {
        keys: keys.into_iter().cloned().collect(),
        owners,
        members: members.iter().cloned().collect(),
    }
}

/// How much a key and a member want each other, the same in both directions. The member's place in the order decides between equals.
type Score = (u64, usize);

/// The stable matching, by deferred acceptance: each key goes to the member that it likes best of those who have not turned it away, and a
/// member that has too many turns away the one that it likes least.
fn matching(keys: &[u64], members: &[u64], capacity: usize) -> Vec<Owner> {
    let score = |key: usize, member: usize| mixed(keys[key] ^ members[member]);
    let best = |key: usize| -> Score {
        let scores = (0..members.len()).map(|member| (score(key, member), member));
        scores.max().unwrap_or_default()
    };
    // Few keys are ever turned away; only these have their preferences written down, best first.
    let mut preferences: HashMap<usize, std::vec::IntoIter<Score>> = HashMap::new();
    let following = |key: usize| {
        let mut scores: Vec<Score> = (0..members.len()).map(|member| (score(key, member), member)).collect();
        scores.sort_unstable_by_key(|score| Reverse(*score));
        let mut scores = scores.into_iter();
        // It has been to the best.
        scores.next();
        scores
    };
    let mut held: Vec<BinaryHeap<Reverse<(u64, usize)>>> = vec![BinaryHeap::new(); members.len()];
    let mut owners = vec![Owner { member: 0, preferred: false }; keys.len()];
    for new in 0..keys.len() {
        let (mut key, mut wish) = (new, best(new));
        owners[key].preferred = true;
        loop {
            let (score, member) = wish;
            owners[key].member = member;
            held[member].push(Reverse((score, key)));
            if held[member].len() <= capacity {
                break;
            }
            let Some(Reverse((_, turned_away))) = held[member].pop() else { break };
            key = turned_away;
            owners[key].preferred = false;
            let rest = preferences.entry(key).or_insert_with(|| following(key));
            // All members together have room for all keys, so that none is turned away by all.
            let Some(next) = rest.next() else { break };
            wish = next;
        }
    }
    owners
}

/// 64 bits of the SHA-256 of the parts, none of which holds a 0.
fn digest(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash: [u8; 32] = hash.finalize().into();
    hash.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// A permutation in which each bit of the result depends on each bit of `word` (the finaliser of SplitMix64).
fn mixed(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests;
