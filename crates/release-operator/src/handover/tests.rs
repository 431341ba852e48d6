use std::collections::{BTreeMap, BTreeSet};

use super::*;

mod simulation;

/// What happens at a time, and what is expected of it. Times are milliseconds from the beginning.
enum Step {
    /// An update, with those who are live and those who went. The changes are those of the one object that the case is about.
    Update(&'static [&'static str], &'static [(&'static str, Departed)], Option<Gained>, Held),
    /// Whether it may be worked on.
    May(bool),
    /// What is due: whether to begin, whether to apply again.
    Due(bool, bool),
    /// When something is due next.
    Next(Option<u64>),
    /// Whether all members are known to be alive, from now on.
    Known(bool),
}
use Step::*;

#[derive(Clone, Copy)]
enum Departed {
    Gone(u64),
    Ended(u64),
}
use Departed::*;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Lost,
    Kept,
}
use Held::*;

/// When to begin (`None`: now) and when to apply again.
type Gained = (Option<u64>, Option<u64>);
const NOW: Option<Gained> = Some((None, None));
/// When the members are known.
const KNOWN: Option<u64> = Some(u64::MAX);

fn id(name: &str) -> MemberId {
    name.parse().unwrap()
}

fn set(names: &[&str]) -> BTreeSet<MemberId> {
    names.iter().map(|name| id(name)).collect()
}

/// An object that prefers members in this order. With `than`, each of these likes it less than that other object.
fn object(order: &[&str], less_than: Option<&Key>) -> Key {
    let fits = |key: &Key| {
        let prefers = (0..order.len())
            .all(|at| assign([key], &set(&order[at..]), LoadFactor::DEFAULT).owns(&id(order[at]), key));
        // With room for one, a member keeps what it likes better.
        let liked_less = less_than.is_none_or(|other| {
            let last = order[order.len() - 1];
            let mut members = order[..order.len() - 1].iter();
            key != other
                && members.all(|member| {
                    let pair = assign([key, other], &set(&[member, last]), LoadFactor::percent(100).unwrap());
                    pair.owns(&id(member), other)
                })
        });
        prefers && liked_less
    };
    let mut candidates = (0..).map(|number| ("dev".to_owned(), format!("app-{number}")));
    candidates.find(fits).unwrap()
}

struct World {
    shards: Shards,
    epoch: Instant,
    keys: Vec<Key>,
    about: Key,
    settled: bool,
}

impl World {
    fn new(factor: LoadFactor, keys: &[Key], about: &Key) -> Self {
        let (shards, epoch) = (Shards::new(factor), Instant::now());
        Self { shards, epoch, keys: keys.to_vec(), about: about.clone(), settled: true }
    }

    fn time(&self, millis: u64) -> Instant {
        self.epoch + Duration::from_millis(millis)
    }

    /// `me` is the first of the live whose name begins so.
    fn members(&self, live: &[&str], left: &[(&str, Departed)]) -> Members {
        let own = live.iter().find(|name| name.starts_with("me")).copied().unwrap_or("me-lost");
        let departure = |departed: Departed| match departed {
            Gone(at) => Departure::Left { at: self.time(at) },
            Ended(ended) => Departure::Expired { ended: self.time(ended) },
        };
        Members {
            own: id(own),
            live: set(live),
            addresses: BTreeMap::new(),
            left: left.iter().map(|(name, departed)| (id(name), departure(*departed))).collect(),
            settled: self.settled,
        }
    }

    fn step(&mut self, line: usize, at: u64, step: Step) {
        let now = self.time(at);
        match step {
            Update(live, left, expected, lost) => {
                let members = self.members(live, left);
                let changes = self.shards.update(&members, &self.keys, now);
                let gained = changes.gained.into_iter().find(|(key, _, _)| *key == self.about);
                let expected = expected.map(|(begins, reapply)| {
                    let begins = match begins {
                        None => When::Now,
                        KNOWN => When::Settled,
                        Some(at) => When::At(self.time(at)),
                    };
                    (self.about.clone(), begins, reapply.map_or(Reapply::No, |at| Reapply::At(self.time(at))))
                });
                assert_eq!(gained, expected, "step {line}");
                assert_eq!(changes.lost.contains(&self.about), lost == Lost, "step {line}");
            }
            May(may) => assert_eq!(self.shards.may_work(&self.about, now), may, "step {line}"),
            Due(begin, reapply) => {
                let due = self.shards.due(now);
                let has = |keys: &[Key]| keys.contains(&self.about);
                assert_eq!((has(&due.begin), has(&due.reapply)), (begin, reapply), "step {line}");
            }
            Next(expected) => {
                let expected = expected.map(|at| self.time(at));
                assert_eq!(self.shards.next_due(), expected, "step {line}");
            }
            Known(settled) => self.settled = settled,
        }
    }
}

/// Plays a case about the last of the objects, on members of so much room.
fn check(factor: LoadFactor, keys: &[Key], steps: Vec<(u64, Step)>) {
    let mut world = World::new(factor, keys, keys.last().unwrap());
    for (line, (at, step)) in steps.into_iter().enumerate() {
        world.step(line, at, step);
    }
}

/// A case about an object that prefers the members in this order, each of which has room.
fn alone(order: &[&str], steps: Vec<(u64, Step)>) {
    check(LoadFactor::DEFAULT, &[object(order, None)], steps);
}

fn tight() -> LoadFactor {
    LoadFactor::percent(100).unwrap()
}

#[test]
fn who_is_alone_begins_at_once() {
    alone(
        &["me", "a"],
        vec![(0, Update(&["me"], &[], NOW, Kept)), (0, May(true)), (0, Next(None)), (9, Due(false, false))],
    );
    // Nobody begins before being a member.
    alone(
        &["me", "a"],
        vec![
            (0, May(false)),
            (0, Update(&[], &[], None, Kept)),
            (1, Update(&["a"], &[], None, Kept)),
            (1, May(false)),
        ],
    );
}

#[test]
fn a_new_member_waits_until_the_others_have_seen_it() {
    alone(
        &["me", "a"],
        vec![
            (0, Update(&["a", "me"], &[], Some((Some(4000), Some(12_000))), Kept)),
            (0, Next(Some(4000))),
            (3999, May(false)),
            (3999, Due(false, false)),
            // Nothing new.
            (3999, Update(&["a", "me"], &[], None, Kept)),
            (4000, May(true)),
            (4000, Due(true, false)),
            (4001, Due(false, false)),
            // What the other had begun before it saw us may land until then.
            (4001, Next(Some(12_000))),
            (12_000, Due(false, true)),
            (12_001, Next(None)),
        ],
    );
    // Not when the others do not matter.
    alone(&["a", "me"], vec![(0, Update(&["a", "me"], &[], None, Kept)), (9000, May(false))]);
    // Those who had it go while it waits.
    let then = |step: Step, reapply: Option<u64>| {
        alone(
            &["me", "a"],
            vec![
                (0, Update(&["a", "me"], &[], Some((Some(4000), Some(12_000))), Kept)),
                (900, step),
                (900, May(true)),
                (900, Next(reapply)),
                (4000, Due(false, false)),
            ],
        );
    };
    then(Update(&["me"], &[("a", Gone(900))], Some((None, Some(12_000))), Kept), Some(12_000));
    // (With others there it goes on waiting for them: they may not know it yet.)
    alone(
        &["me", "a", "b"],
        vec![
            (0, Update(&["a", "b", "me"], &[], Some((Some(4000), Some(12_000))), Kept)),
            (900, Update(&["b", "me"], &[("a", Gone(900))], None, Kept)),
            (3999, May(false)),
            (4000, Due(true, false)),
        ],
    );
    alone(
        &["a", "me", "b"],
        vec![
            (0, Update(&["a", "b", "me"], &[], None, Kept)),
            (900, Update(&["b", "me"], &[("a", Gone(900))], Some((Some(4000), None)), Kept)),
            (4000, Due(true, false)),
        ],
    );
    then(Update(&["me"], &[("a", Ended(800))], Some((None, Some(12_000))), Kept), Some(12_000));
}

#[test]
fn what_a_member_had_that_went_is_taken_over_at_once() {
    let had = || {
        vec![(0, Update(&["a", "me"], &[], None, Kept)), (9000, Update(&["a", "b", "me"], &[], None, Kept))]
    };
    let then = |steps: Vec<(u64, Step)>| alone(&["a", "me", "b"], had().into_iter().chain(steps).collect());
    // It left after its work had drained.
    then(vec![
        (20_000, Update(&["b", "me"], &[("a", Gone(19_999))], NOW, Kept)),
        (20_000, May(true)),
        (20_000, Next(None)),
    ]);
    // It was lost: what was in flight may land until the requests' time limit.
    then(vec![
        (20_000, Update(&["b", "me"], &[("a", Ended(18_000))], Some((None, Some(26_000))), Kept)),
        (20_000, May(true)),
        (20_000, Next(Some(26_000))),
        (25_999, Due(false, false)),
        (26_000, Due(false, true)),
        (26_001, Due(false, false)),
        (26_001, Next(None)),
    ]);
    // So long ago that all has landed.
    then(vec![(50_000, Update(&["b", "me"], &[("a", Ended(20_000))], NOW, Kept)), (50_000, Next(None))]);
    // It is not known what became of it.
    then(vec![(20_000, Update(&["b", "me"], &[], Some((None, Some(28_000))), Kept))]);
    // It is gone again before it was applied again.
    then(vec![
        (20_000, Update(&["b", "me"], &[("a", Ended(18_000))], Some((None, Some(26_000))), Kept)),
        (21_000, Update(&["a", "b", "me"], &[], None, Lost)),
        (21_000, May(false)),
        (26_000, Due(false, false)),
    ]);
}

#[test]
fn a_stopped_process_that_goes_on_may_still_write() {
    let lost: &[_] = &[("a-1", Ended(18_000))];
    alone(
        &["a-1", "me", "a-2", "b"],
        vec![
            (0, Update(&["a-1", "me"], &[], None, Kept)),
            (9000, Update(&["a-1", "b", "me"], &[], None, Kept)),
            (20_000, Update(&["b", "me"], lost, Some((None, Some(26_000))), Kept)),
            (26_000, Due(false, true)),
            (60_000, Update(&["a-2", "b", "me"], lost, Some((None, Some(68_000))), Kept)),
            (60_000, May(true)),
            (68_000, Due(false, true)),
            (68_001, Next(None)),
            // Once.
            (69_000, Update(&["b", "me"], lost, None, Kept)),
            (70_000, Update(&["a-2", "b", "me"], lost, None, Kept)),
        ],
    );
}

#[test]
fn what_is_new_is_begun_by_the_member_that_it_prefers() {
    let ours = object(&["me", "a"], None);
    let mut world = World::new(LoadFactor::DEFAULT, &[], &ours);
    world.step(0, 0, Update(&["a", "me"], &[], None, Kept));
    world.keys.push(ours);
    world.step(1, 9000, Update(&["a", "me"], &[], NOW, Kept));
    world.keys.clear();
    world.step(2, 9001, Update(&["a", "me"], &[], None, Lost));
    world.step(3, 9001, May(false));
    // One that comes to us because another is full waits: with one object more or less, the other is not.
    let first = object(&["a", "me"], None);
    let second = object(&["a", "me"], Some(&first));
    let mut world = World::new(tight(), &[], &second);
    world.step(0, 0, Update(&["a", "me"], &[], None, Kept));
    world.keys = vec![first, second];
    world.step(1, 9000, Update(&["a", "me"], &[], Some((Some(13_000), None)), Kept));
    world.step(2, 12_999, May(false));
    world.step(3, 13_000, Due(true, false));
}

#[test]
fn what_a_live_member_had_is_begun_when_it_has_noticed() {
    let first = object(&["a", "me"], None);
    let second = object(&["a", "me"], Some(&first));
    let pushed = |steps: Vec<(u64, Step)>| {
        let mut world = World::new(tight(), std::slice::from_ref(&second), &second);
        world.step(0, 0, Update(&["a", "me"], &[], None, Kept));
        // The other object comes and takes the room.
        world.keys = vec![first.clone(), second.clone()];
        world.step(1, 10_000, Update(&["a", "me"], &[], Some((Some(14_000), Some(22_000))), Kept));
        for (line, (at, step)) in steps.into_iter().enumerate() {
            world.step(line + 2, at, step);
        }
    };
    let begun = || vec![(13_999, May(false)), (14_000, Due(true, false)), (14_000, May(true))];
    let then = |steps: Vec<(u64, Step)>| pushed(begun().into_iter().chain(steps).collect());
    then(vec![(14_000, Next(Some(22_000))), (22_000, Due(false, true)), (22_001, Next(None))]);
    // It turns out later that the member had been cut off, and may have been so while it worked on it.
    then(vec![
        (22_000, Update(&["me"], &[("a", Ended(21_000))], Some((None, Some(29_000))), Kept)),
        (29_000, Due(false, true)),
    ]);
    // It left, and had drained.
    then(vec![
        (22_000, Due(false, true)),
        (22_000, Update(&["me"], &[("a", Gone(22_000))], None, Kept)),
        (22_000, Next(None)),
    ]);
    // It was lost so much later that it must have noticed.
    then(vec![(34_000, Due(false, true)), (34_001, Update(&["me"], &[("a", Ended(34_000))], None, Kept))]);
    // While it waits: who is preferred begins at once when the one that had it goes.
    pushed(vec![
        (11_000, Update(&["me"], &[("a", Gone(11_000))], Some((None, Some(22_000))), Kept)),
        (11_000, May(true)),
    ]);
}

#[test]
fn a_new_member_begins_nothing_before_it_knows_who_is_alive() {
    // Known in time.
    alone(
        &["me", "a"],
        vec![
            (0, Known(false)),
            (0, Update(&["a", "me"], &[], Some((KNOWN, Some(12_000))), Kept)),
            (0, Next(None)),
            (1900, Known(true)),
            (1900, Update(&["a", "me"], &[], Some((Some(4000), Some(12_000))), Kept)),
            (3999, May(false)),
            (4000, Due(true, false)),
            // It does not matter later.
            (5000, Known(false)),
            (5000, Update(&["a", "me"], &[], None, Kept)),
            (5000, May(true)),
        ],
    );
    // One of them had been lost before: that takes its Lease's duration to see, and the others have seen it earlier.
    alone(
        &["a", "me", "b"],
        vec![
            (0, Known(false)),
            (0, Update(&["a", "b", "me"], &[], None, Kept)),
            (9000, May(false)),
            (10_000, Known(true)),
            (10_000, Update(&["b", "me"], &[("a", Ended(10_000))], Some((Some(14_000), Some(18_000))), Kept)),
            (13_999, May(false)),
            (14_000, Due(true, false)),
        ],
    );
    // Nobody is left to know.
    alone(
        &["me", "a"],
        vec![
            (0, Known(false)),
            (0, Update(&["a", "me"], &[], Some((KNOWN, Some(12_000))), Kept)),
            (4000, May(false)),
            (10_000, Known(true)),
            (10_000, Update(&["me"], &[("a", Ended(10_000))], Some((None, Some(18_000))), Kept)),
        ],
    );
}

#[test]
fn what_others_take_is_lost_at_once() {
    alone(
        &["a", "me"],
        vec![
            (0, Update(&["me"], &[], NOW, Kept)),
            (10_000, May(true)),
            (10_000, Update(&["a", "me"], &[], None, Lost)),
            (10_000, May(false)),
            (10_000, Update(&["a", "me"], &[], None, Kept)),
        ],
    );
}

#[test]
fn who_lost_its_lease_joins_as_another() {
    // Alone: at once, and again when what it had sent must have landed.
    alone(
        &["me", "me2"],
        vec![
            (0, Update(&["me"], &[], NOW, Kept)),
            (10_000, Update(&[], &[("me", Ended(9000))], None, Lost)),
            (10_000, May(false)),
            (11_000, Update(&["me2"], &[("me", Ended(9000))], Some((None, Some(17_000))), Kept)),
            (11_000, May(true)),
            (17_000, Due(false, true)),
        ],
    );
    // Without an update in between.
    alone(
        &["me", "me2"],
        vec![
            (0, Update(&["me"], &[], NOW, Kept)),
            (11_000, Update(&["me2"], &[("me", Ended(9000))], Some((None, Some(17_000))), Lost)),
            (11_000, May(true)),
        ],
    );
    // With others: they have taken it over, and have to notice.
    for coalesced in [true, false] {
        let mut steps = vec![
            (0, Update(&["a", "me"], &[], Some((Some(4000), Some(12_000))), Kept)),
            (4000, Due(true, false)),
            (10_000, Update(&["a"], &[("me", Ended(9000))], None, Lost)),
            (10_000, May(false)),
            (11_000, Update(&["a", "me2"], &[("me", Ended(9000))], Some((Some(15_000), Some(23_000))), Kept)),
            (15_000, Due(true, false)),
            (23_000, Due(false, true)),
        ];
        if coalesced {
            steps.remove(3);
            steps.remove(2);
            let both =
                Update(&["a", "me2"], &[("me", Ended(9000))], Some((Some(15_000), Some(23_000))), Lost);
            steps[2] = (11_000, both);
        }
        alone(&["me", "me2", "a"], steps);
    }
}
