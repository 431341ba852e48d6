use super::*;
use crate::membership::LEASE_DURATION;

/// What happens. Our own Lease is that of `me`, and its stamp is its version.
#[derive(Clone, Copy)]
enum Step {
    /// A listing of these members with these versions.
    List(&'static [(&'static str, u64)]),
    /// A listing begins.
    Listing,
    /// It has a member in this version.
    Listed(&'static str, u64),
    /// It is over.
    Done,
    /// We send a renewal.
    Send(u64),
    /// A Lease was written.
    Write(&'static str, u64),
    /// A Lease was given up.
    Release(&'static str, u64),
    /// A Lease was marked as lost.
    Mark(&'static str, u64),
    /// A Lease was deleted as it was in this version.
    Delete(&'static str, u64),
    /// We are another member; our Lease ended then.
    Become(&'static str, u64),
}
use Step::*;

/// What is expected of those who went.
#[derive(Clone, Copy)]
enum Went {
    Left(u64),
    Expired(u64),
}

struct World {
    view: View,
    epoch: Instant,
}

fn id(name: &str) -> MemberId {
    name.parse().unwrap()
}

fn lease(name: &str, version: u64) -> Seen {
    // One member says of itself that its Lease holds longer.
    let duration = if name == "slow" { Duration::from_secs(20) } else { LEASE_DURATION };
    Seen {
        member: id(name),
        uid: format!("uid-{name}"),
        version: version.to_string(),
        stamp: i64::try_from(version).ok(),
        duration,
        released: false,
        lost: false,
        address: None,
    }
}

impl World {
    fn after(steps: &[(u64, Step)]) -> Self {
        let mut world = Self { view: View::new(id("me")), epoch: Instant::now() };
        for (at, step) in steps {
            world.step(world.time(*at), *step);
        }
        world
    }

    fn time(&self, millis: u64) -> Instant {
        self.epoch + Duration::from_millis(millis)
    }

    fn step(&mut self, now: Instant, step: Step) {
        let epoch = self.epoch;
        let view = &mut self.view;
        match step {
            List(leases) => {
                view.listing();
                leases.iter().for_each(|(name, version)| view.listed(lease(name, *version), now));
                view.listing_done(now);
            }
            Listing => view.listing(),
            Listed(name, version) => view.listed(lease(name, version), now),
            Done => view.listing_done(now),
            Send(stamp) => view.sends(i64::try_from(stamp).unwrap(), now),
            Write(name, version) => view.changed(lease(name, version), now),
            Release(name, version) => view.changed(Seen { released: true, ..lease(name, version) }, now),
            Mark(name, version) => view.changed(Seen { lost: true, ..lease(name, version) }, now),
            Delete(name, version) => view.deleted(lease(name, version), now),
            Become(name, ended) => {
                view.become_member(id(name), Some(epoch + Duration::from_millis(ended)));
            }
        }
    }
}

#[test]
fn members_are_those_whose_lease_was_seen_to_change_in_time() {
    let check = |steps: &[(u64, Step)], live: &[&str], left: &[(&str, Went)]| {
        let world = World::after(steps);
        let members = world.view.members(true);
        let line = steps.len();
        assert_eq!(members.live, live.iter().map(|name| id(name)).collect(), "{line} steps");
        let departure = |went: Went| match went {
            Went::Left(at) => Departure::Left { at: world.time(at) },
            Went::Expired(ended) => Departure::Expired { ended: world.time(ended) },
        };
        let left = left.iter().map(|(name, went)| (id(name), departure(*went))).collect();
        assert_eq!(members.left, left, "{line} steps");
    };
    const ALL: &[(&str, u64)] = &[("a", 1), ("b", 1)];

    // Nothing is known before the listing is complete, and we are there when our own Lease has come back.
    check(&[], &[], &[]);
    check(&[(0, Listing), (0, Listed("a", 1))], &[], &[]);
    check(&[(0, List(ALL))], &["a", "b"], &[]);
    check(&[(0, List(ALL)), (10, Send(1))], &["a", "b"], &[]);
    check(&[(0, List(ALL)), (10, Send(1)), (20, Write("me", 1))], &["a", "b", "me"], &[]);
    check(&[(0, List(ALL)), (10, Send(1)), (20, Write("me", 7))], &["a", "b"], &[]);

    // A Lease ends its duration after its last change, when a renewal of ours that was sent after that has come back.
    let until = |sent: u64, back: u64| {
        [(0, List(ALL)), (5000, Write("b", 2)), (sent, Send(2)), (back, Write("me", 2))]
    };
    check(&until(9_999, 30_000), &["a", "b", "me"], &[]);
    check(&until(10_000, 10_000), &["b", "me"], &[("a", Went::Expired(10_000))]);
    check(&until(14_999, 15_000), &["b", "me"], &[("a", Went::Expired(10_000))]);
    check(&until(15_000, 15_000), &["me"], &[("a", Went::Expired(10_000)), ("b", Went::Expired(15_000))]);
    // The same version again is no change.
    check(
        &[(0, List(ALL)), (5000, List(ALL)), (10_000, Send(2)), (10_000, Write("me", 2))],
        &["me"],
        &[("a", Went::Expired(10_000)), ("b", Went::Expired(10_000))],
    );
    // A watch that is late makes nobody look lost: what comes with our renewal came before it.
    check(
        &[
            (0, List(ALL)),
            (60_000, Send(2)),
            (90_000, Write("a", 2)),
            (90_000, Write("b", 2)),
            (90_000, Write("me", 2)),
        ],
        &["a", "b", "me"],
        &[],
    );
    // A listing counts when it is complete.
    let relist = [
        (0, List(ALL)),
        (10_000, Send(2)),
        (10_100, Listing),
        (10_200, Listed("me", 2)),
        (10_300, Listed("a", 2)),
    ];
    check(&relist, &["a", "b", "me"], &[]);
    let relisted = [&relist[..], &[(10_400, Listed("b", 1)), (10_500, Done)]].concat();
    check(&relisted, &["a", "me"], &[("b", Went::Expired(10_000))]);
    // A Lease may say itself how long it holds.
    let slow = |sent: u64| [(0, List(&[("slow", 1)])), (sent, Send(2)), (sent, Write("me", 2))];
    check(&slow(19_999), &["me", "slow"], &[]);
    check(&slow(20_000), &["me"], &[("slow", Went::Expired(20_000))]);

    // Given up on purpose: at once.
    check(&[(0, List(ALL)), (700, Release("a", 2))], &["b"], &[("a", Went::Left(700))]);
    check(
        &[(0, List(ALL)), (700, Release("a", 2)), (800, Delete("a", 2))],
        &["b"],
        &[("a", Went::Left(700))],
    );
    // Others have seen it run out.
    check(&[(0, List(ALL)), (700, Mark("a", 2))], &["b"], &[("a", Went::Expired(700))]);
    check(
        &[(0, List(ALL)), (700, Mark("a", 2)), (800, Release("a", 3))],
        &["b"],
        &[("a", Went::Expired(700))],
    );
    // Deleted by somebody, or gone while nobody looked: it counts until its end.
    let deleted = [
        (0, List(ALL)),
        (700, Write("b", 2)),
        (800, Delete("a", 2)),
        (9_999, Send(2)),
        (9_999, Write("me", 2)),
        (10_000, Send(3)),
        (10_000, Write("me", 3)),
    ];
    check(&deleted[..5], &["a", "b", "me"], &[]);
    check(&deleted, &["b", "me"], &[("a", Went::Expired(10_000))]);
    let gone = [(0, List(ALL)), (800, List(&[("b", 2)])), (10_000, Send(2)), (10_001, Write("me", 2))];
    check(&gone[..2], &["a", "b"], &[]);
    check(&gone, &["b", "me"], &[("a", Went::Expired(10_000))]);

    // Who was lost once stays so.
    let lost = until(10_000, 10_000);
    let expired = [("a", Went::Expired(10_000))];
    check(&[&lost[..], &[(10_100, Write("a", 2))]].concat(), &["b", "me"], &expired);
    check(&[&lost[..], &[(10_100, Release("a", 2))]].concat(), &["b", "me"], &expired);
    check(
        &[&lost[..], &[(10_100, Delete("a", 1)), (10_200, Write("a", 3))]].concat(),
        &["b", "me"],
        &expired,
    );
    // So do we: what we were is lost at once, and we are somebody new.
    let joined = [(0, List(ALL)), (10, Send(1)), (20, Write("me", 1)), (900, Become("new", 800))];
    let former = [("me", Went::Expired(800))];
    check(&joined, &[], &former);
    let listed = [&joined[..], &[(950, List(&[("a", 1), ("b", 1), ("me", 5)]))]].concat();
    check(&listed, &["a", "b"], &former);
    let again = [&listed[..], &[(1000, Send(6)), (1010, Write("new", 6))]].concat();
    check(&again, &["a", "b", "new"], &former);
}

#[test]
fn members_are_settled_when_each_was_seen_to_be_alive() {
    let check = |steps: &[(u64, Step)], settled: bool| {
        assert_eq!(World::after(steps).view.members(true).settled, settled, "{} steps", steps.len());
    };
    let join = [(0, Send(1)), (10, Write("me", 1))];
    check(&join, false);
    check(&[(0, List(&[])), join[0], join[1]], true);
    let two = [(0, List(&[("a", 1), ("b", 1)])), join[0], join[1], (20, Write("a", 2)), (30, Write("b", 2))];
    check(&two[..3], false);
    check(&two[..4], false);
    check(&two, true);
    // Those who come later are seen to come.
    check(&[&two[..], &[(40, Write("c", 1))]].concat(), true);
    // A listing says nothing of who is alive now.
    check(&[&two[..4], &[(30, List(&[("a", 3), ("b", 3), ("me", 1)]))]].concat(), false);
    check(&[&two[..], &[(40, List(&[("a", 3), ("b", 3), ("me", 1)]))]].concat(), true);
    // One of them was lost before we came.
    let lost = [(10_000, Send(2)), (10_010, Write("me", 2))];
    check(&[&two[..4], &lost].concat(), true);
    check(&[&two[..4], &[(40, Release("b", 2))]].concat(), true);
    // After the loss of our Lease we know as little as at the start.
    let again = [&two[..], &[(50, Become("new", 40)), (60, List(&[("a", 3), ("b", 3)]))]].concat();
    check(&again, false);
    check(&[&again[..], &[(70, Write("a", 4)), (80, Write("b", 4))]].concat(), true);
}

#[test]
fn a_view_is_as_old_as_the_renewal_that_came_back_last() {
    let check = |steps: &[(u64, Step)], as_of: Option<u64>, owed: Option<u64>| {
        let world = World::after(steps);
        assert_eq!(world.view.as_of(), as_of.map(|at| world.time(at)), "{} steps", steps.len());
        // All that was sent by now has been answered.
        let owes = world.view.owed_since(world.time(1_000_000));
        assert_eq!(owes, owed.map(|at| world.time(at)), "{} steps", steps.len());
    };
    check(&[(0, List(&[]))], None, None);
    check(&[(0, List(&[])), (10, Send(1))], None, Some(10));
    check(&[(0, List(&[])), (10, Send(1)), (20, Write("me", 1))], Some(10), None);
    check(&[(0, List(&[])), (10, Send(1)), (15, Send(2)), (20, Write("me", 1))], Some(10), Some(15));
    check(&[(0, List(&[])), (10, Send(1)), (15, Send(2)), (20, Write("me", 2))], Some(15), None);
    // One that comes back out of its turn takes nothing away.
    check(
        &[(0, List(&[])), (10, Send(1)), (15, Send(2)), (20, Write("me", 2)), (21, Write("me", 1))],
        Some(15),
        None,
    );
    // While it is being listed, a part of the group is not known.
    check(&[(0, List(&[])), (10, Send(1)), (20, Write("me", 1)), (30, Listing)], None, None);
    check(&[(0, List(&[])), (10, Send(1)), (20, Write("me", 1)), (30, Listing), (40, Done)], Some(10), None);
    // The stamps of who we were say nothing of who we are.
    check(&[(0, List(&[])), (10, Send(1)), (20, Write("me", 1)), (30, Become("new", 25))], None, None);
    check(
        &[
            (0, List(&[])),
            (10, Send(1)),
            (20, Write("me", 1)),
            (30, Become("new", 25)),
            (40, List(&[("me", 1)])),
        ],
        None,
        None,
    );
}

#[test]
fn our_own_lease_can_be_taken_from_us() {
    let check = |steps: &[(u64, Step)], gone: bool| {
        let joined = [(0, List(&[])), (10, Send(1)), (20, Write("me", 1))];
        assert_eq!(World::after(&[&joined[..], steps].concat()).view.own_gone(), gone);
    };
    check(&[], false);
    check(&[(30, Write("me", 2))], false);
    check(&[(30, List(&[("me", 2)]))], false);
    check(&[(30, Delete("me", 1))], true);
    check(&[(30, List(&[]))], true);
    check(&[(30, Release("me", 2))], true);
    check(&[(30, Mark("me", 2))], true);
    check(&[(30, Delete("me", 1)), (40, Become("new", 30))], false);
}

#[test]
fn the_first_of_the_live_tidies_up_after_the_lost() {
    let minutes = |minutes: u64| minutes * 60_000;
    let check = |steps: &[(u64, Step)], at: u64, expected: &[(&str, &str, u64)]| {
        let world = World::after(steps);
        let untidy = world.view.untidy(world.time(at)).into_iter();
        let untidy: Vec<_> = untidy
            .map(|untidy| match untidy {
                Untidy::Mark { member, version } => ("mark", member.to_string(), version),
                Untidy::Delete { member, version, .. } => ("delete", member.to_string(), version),
            })
            .collect();
        let expected =
            expected.iter().map(|(what, name, version)| (*what, (*name).to_owned(), version.to_string()));
        assert_eq!(untidy, expected.collect::<Vec<_>>(), "at {at}");
    };
    let lost = [
        (0, List(&[("a", 1), ("b", 1)])),
        (5000, Write("b", 2)),
        (10_000, Send(2)),
        (10_000, Write("me", 2)),
    ];
    // "b" lives and comes before "me".
    check(&lost, 10_000, &[]);
    check(&lost, minutes(20), &[]);
    let first = [&lost[..], &[(20_000, Release("b", 3)), (20_000, Delete("b", 3))]].concat();
    check(&first, 20_000, &[("mark", "a", 1)]);
    // As it was seen last, so that one that is being written is not touched.
    let written = [&first[..], &[(30_000, Write("a", 2))]].concat();
    check(&written, minutes(1), &[("mark", "a", 2)]);
    let marked = [&first[..], &[(20_010, Mark("a", 2))]].concat();
    check(&marked, 20_010, &[]);
    // Lost for long.
    check(&marked, minutes(10) + 9_999, &[]);
    check(&marked, minutes(10) + 10_000, &[("delete", "a", 2)]);
    check(&first, minutes(10) + 10_000, &[("delete", "a", 1)]);
    // Given up, but its holder was killed before it was deleted.
    let given_up = [(0, List(&[("z", 1)])), (0, Send(1)), (0, Write("me", 1)), (5, Release("z", 2))];
    check(&given_up, minutes(10), &[]);
    check(&given_up, minutes(10) + 5, &[("delete", "z", 2)]);
}

#[test]
fn the_lost_are_forgotten_but_not_before_their_leases() {
    let gone = [
        (0, List(&[("a", 1), ("b", 1)])),
        (10, Release("a", 2)),
        (20, Delete("a", 2)),
        (30, Release("b", 2)),
    ];
    let mut world = World::after(&gone);
    let left = |world: &World| world.view.members(true).left.into_keys().collect::<Vec<_>>();
    let later = world.time(0) + REMEMBERED + Duration::from_millis(25);
    world.step(later - Duration::from_millis(20), Write("c", 1));
    assert_eq!(left(&world), [id("a"), id("b")]);
    world.step(later, Write("c", 2));
    assert_eq!(left(&world), [id("b")]);
    world.step(later + REMEMBERED, Write("b", 3));
    assert_eq!(left(&world), [id("b")]);
    world.step(later + REMEMBERED, Delete("b", 3));
    assert_eq!(left(&world), []);
    // However many they are.
    for number in 0..1000 {
        let member = id(&format!("n{number}"));
        world.view.changed(Seen { member, released: true, ..lease("x", 1) }, later);
    }
    world.step(later, List(&[]));
    assert_eq!(left(&world).len(), LEFT);
}
