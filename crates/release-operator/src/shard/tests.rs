use std::time::Instant;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::*;

fn member(number: usize) -> MemberId {
    format!("windlass-release-operator-7c5f-{number:010x}").parse().unwrap()
}

fn members(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<MemberId> {
    numbers.into_iter().map(member).collect()
}

fn keys(count: usize, seed: u64) -> Vec<Key> {
    (0..count).map(|number| (format!("team-{}", number % 7), format!("app-{seed}-{number}"))).collect()
}

fn moved(keys: &[Key], before: &Assignment, after: &Assignment) -> usize {
    keys.iter().filter(|key| before.owner(key) != after.owner(key)).count()
}

#[test]
fn the_capacity_is_the_mean_times_the_factor_rounded_up() {
    let check = |percent: u32, keys: usize, members: usize, expected: usize| {
        let factor = LoadFactor::percent(percent).unwrap();
        assert_eq!(factor.capacity(keys, members), expected, "{percent} % of {keys} on {members}");
    };
    check(125, 0, 3, 0);
    check(125, 1, 3, 1);
    check(125, 3, 3, 2);
    check(125, 10, 3, 5);
    check(125, 12, 3, 5);
    check(125, 100_000, 10, 12_500);
    check(100, 10, 3, 4);
    check(100, 9, 3, 3);
    check(125, 7, 0, 9);
    assert_eq!(LoadFactor::percent(99), None);
    assert_eq!(LoadFactor::percent(125), Some(LoadFactor::DEFAULT));
}

#[test]
fn every_key_has_one_owner_within_the_capacity_whatever_the_order() {
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..300 {
        let (count, size) = (random.random_range(0..200), random.random_range(1..=8));
        let factor = LoadFactor::percent([100, 110, 125, 200][round % 4]).unwrap();
        let mut keys = keys(count, round as u64);
        let members = members((0..size).map(|_| random.random_range(0..1000)));
        let assignment = assign(&keys, &members, factor);
        let capacity = factor.capacity(count, members.len());
        let loads: Vec<usize> = members.iter().map(|member| assignment.owned_by(member).count()).collect();
        assert_eq!(loads.iter().sum::<usize>(), count, "every key has one owner: {loads:?}");
        assert!(loads.iter().all(|load| *load <= capacity), "{loads:?} with {capacity}");
        for key in &keys {
            let owner = assignment.owner(key).unwrap();
            assert!(assignment.owns(owner, key) && members.contains(owner));
        }
        // Another order, and some of them twice.
        keys.shuffle(&mut random);
        let twice = keys.iter().chain(keys.iter().take(count / 3));
        assert_eq!(assign(twice, &members, factor), assignment);
    }
}

/// What makes the matching stable, and so the only one: no key and no member would both rather have each other.
#[test]
fn no_key_is_turned_away_by_a_member_that_likes_it_better_than_what_it_has() {
    let mut random = StdRng::seed_from_u64(2);
    for round in 0..60 {
        let (count, size) = (random.random_range(1..60), random.random_range(2..=6));
        let (keys, members) = (keys(count, round), members(0..size));
        let assignment = assign(&keys, &members, LoadFactor::percent(100).unwrap());
        let capacity = LoadFactor::percent(100).unwrap().capacity(count, size);
        let score =
            |key: &Key, member: &MemberId| mixed(digest(&[&key.0, &key.1]) ^ digest(&[member.as_str()]));
        for key in &keys {
            let owner = assignment.owner(key).unwrap();
            let best = members.iter().max_by_key(|member| score(key, member)).unwrap();
            assert_eq!(assignment.is_preferred(key), owner == best);
            for other in members.iter().filter(|other| score(key, other) > score(key, owner)) {
                let held: Vec<u64> = assignment.owned_by(other).map(|held| score(held, other)).collect();
                assert_eq!(held.len(), capacity, "{other} has room and {key:?} prefers it");
                assert!(held.iter().all(|held| *held > score(key, other)), "{other} prefers {key:?}");
            }
        }
    }
}

#[test]
fn few_keys_move_when_a_member_joins_or_leaves() {
    let mut worst: f64 = 0.0;
    for (count, size) in [(30, 2), (100, 3), (1000, 2), (1000, 5), (1000, 9), (20_000, 4)] {
        for round in 0..20 {
            let keys = keys(count, round);
            let offset = 100 * round as usize;
            let (few, many) = (members(offset..offset + size), members(offset..offset + size + 1));
            let before = assign(&keys, &few, LoadFactor::DEFAULT);
            let after = assign(&keys, &many, LoadFactor::DEFAULT);
            let moved = moved(&keys, &before, &after);
            // The newcomer's share, which has its bound too, and what the bounds of the others push about.
            let share = LoadFactor::DEFAULT.capacity(count, size + 1);
            let slack = count / 20 + 2;
            assert!(moved <= share + slack, "{moved} of {count} moved between {size} and one more");
            // Only few of them between two who both stay.
            let newcomer = member(offset + size);
            let pushed = moved - after.owned_by(&newcomer).count();
            assert!(pushed <= slack, "{pushed} of {count} were pushed about");
            worst = worst.max(moved as f64 * (size + 1) as f64 / count as f64);
        }
    }
    assert!(worst > 0.8, "the newcomer takes its share: {worst}");
}

#[test]
fn few_keys_move_when_a_key_comes_or_goes() {
    let mut most = 0;
    for round in 0..200 {
        let keys = keys(40, round);
        let members = members(0..3);
        let before = assign(&keys[..39], &members, LoadFactor::DEFAULT);
        let after = assign(&keys, &members, LoadFactor::DEFAULT);
        most = most.max(moved(&keys[..39], &before, &after));
    }
    assert!(most <= 3, "{most} moved");
}

#[test]
fn loads_are_even() {
    let keys = keys(10_000, 0);
    let members = members(0..10);
    let assignment = assign(&keys, &members, LoadFactor::DEFAULT);
    for member in &members {
        let load = assignment.owned_by(member).count();
        assert!((850..=1150).contains(&load), "{load}");
    }
}

/// Replicas of different versions work side by side during an update: what the hash says must not change. The expected owners are
/// computed from its definition by another program.
#[test]
fn the_hash_never_changes() {
    let check = |namespace: &str, name: &str, owner: usize| {
        let key = (namespace.to_owned(), name.to_owned());
        let assignment = assign([&key], &members(0..4), LoadFactor::DEFAULT);
        assert_eq!(assignment.owner(&key), Some(&member(owner)), "{namespace}/{name}");
    };
    check("dev", "podinfo", 3);
    check("dev", "redis", 2);
    check("prod", "podinfo", 0);
    check("prod", "redis", 1);
    check("a", "bc", 2);
    check("ab", "c", 3);
}

#[test]
fn nobody_owns_what_is_not_there() {
    let key = ("dev".to_owned(), "podinfo".to_owned());
    let other = ("dev".to_owned(), "redis".to_owned());
    let alone = assign([&key], &members([1]), LoadFactor::DEFAULT);
    assert!(alone.owns(&member(1), &key) && !alone.owns(&member(2), &key) && alone.is_preferred(&key));
    assert_eq!((alone.owner(&other), alone.owns(&member(1), &other)), (None, false));
    assert_eq!(alone.owned_by(&member(2)).count(), 0);
    let nobody = assign([&key], &members([]), LoadFactor::DEFAULT);
    assert_eq!((nobody.owner(&key), nobody.is_preferred(&key)), (None, false));
    assert_eq!(assign([], &members([1]), LoadFactor::DEFAULT).owned_by(&member(1)).count(), 0);
}

#[test]
fn time_grows_with_the_keys() {
    let members = members(0..10);
    let time = |count: usize| {
        let keys = keys(count, 0);
        // The best of a few: other tests run at the same time.
        let times = (0..3).map(|_| {
            let began = Instant::now();
            assert_eq!(assign(&keys, &members, LoadFactor::DEFAULT).owners.len(), keys.len());
            began.elapsed()
        });
        times.min().unwrap()
    };
    let (few, many) = (time(5_000), time(100_000));
    assert!(many < few * 100, "20 times the keys: {few:?}, {many:?}");
}
