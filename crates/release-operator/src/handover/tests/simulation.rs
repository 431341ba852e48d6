//! Replicas that see the same things at different times, and come, leave, are killed and are stopped: no two of them ever work on one
//! object, and in the end each object is worked on.

use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{Rng as _, SeedableRng as _};
use service_kit::membership::{RENEW_INTERVAL, SAFETY_MARGIN};

use super::*;

/// Milliseconds.
type Time = u64;
const STEP: Time = 50;
const LEASE: Time = LEASE_DURATION.as_millis() as Time;

/// What all see, in the order in which it happened.
#[derive(Clone, Debug)]
enum Event {
    Joined(MemberId),
    Left(MemberId),
    /// Somebody says that it is lost.
    Lost(MemberId),
    Came(Key),
    Went(Key),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Process {
    Runs,
    Stopped,
    Dead,
}

struct Replica {
    member: MemberId,
    process: Process,
    shards: Shards,
    keys: BTreeSet<Key>,
    members: Members,
    /// How many of the events it has seen, and up to when it knows them.
    seen: usize,
    as_of: Time,
    /// How late it sees what happens.
    lag: Time,
    /// Since when it follows the others, and since when it is the member that it is.
    started: Time,
    joined: Time,
    /// Whom it has seen to be alive since.
    fresh: BTreeSet<MemberId>,
    /// When its last renewal was sent.
    renewed: Time,
}

struct World {
    epoch: Instant,
    now: Time,
    random: StdRng,
    events: Vec<(Time, Event)>,
    replicas: Vec<Replica>,
    /// Members whose Lease is not renewed any more, and when it was last.
    lost: Vec<(MemberId, Time)>,
    /// Those of them whose Lease says so.
    marked: BTreeSet<MemberId>,
    keys: BTreeSet<Key>,
    count: u64,
    max_lag: Time,
}

impl World {
    fn new(seed: u64, max_lag: Time) -> Self {
        Self {
            epoch: Instant::now(),
            now: 0,
            random: StdRng::seed_from_u64(seed),
            events: Vec::new(),
            replicas: Vec::new(),
            lost: Vec::new(),
            marked: BTreeSet::new(),
            keys: BTreeSet::new(),
            count: 0,
            max_lag,
        }
    }

    fn time(&self, at: Time) -> Instant {
        self.epoch + Duration::from_millis(at)
    }

    fn happens(&mut self, event: Event) {
        self.events.push((self.now, event));
    }

    fn name(&mut self) -> MemberId {
        self.count += 1;
        id(&format!("member-{}", self.count))
    }

    fn start(&mut self) {
        let member = self.name();
        self.happens(Event::Joined(member.clone()));
        let members = Members { live: BTreeSet::new(), settled: false, ..Members::alone(member.clone()) };
        self.replicas.push(Replica {
            member,
            process: Process::Runs,
            shards: Shards::new(LoadFactor::DEFAULT),
            keys: BTreeSet::new(),
            members,
            seen: 0,
            as_of: 0,
            lag: 0,
            started: self.now,
            joined: self.now,
            fresh: BTreeSet::new(),
            renewed: self.now,
        });
    }

    /// Something happens.
    fn disturb(&mut self) {
        let runs = |replica: &&mut Replica| replica.process == Process::Runs;
        let running = self.replicas.iter().filter(|replica| replica.process == Process::Runs).count();
        match self.random.random_range(0..10) {
            0 if self.replicas.len() < 5 => self.start(),
            1 if running > 1 => {
                let replica = self.replicas.iter_mut().filter(runs).choose(&mut self.random);
                let replica = replica.unwrap();
                replica.process = Process::Dead;
                let member = replica.member.clone();
                self.happens(Event::Left(member));
            }
            2 if running > 1 => {
                let replica = self.replicas.iter_mut().filter(runs).choose(&mut self.random).unwrap();
                replica.process = Process::Dead;
                self.lost.push((replica.member.clone(), replica.renewed));
            }
            3 if running > 1 => {
                let replica = self.replicas.iter_mut().filter(runs).choose(&mut self.random).unwrap();
                replica.process = Process::Stopped;
            }
            4 | 5 => self.go_on(),
            6 if self.keys.len() > 3 => {
                let key = self.keys.iter().choose(&mut self.random).unwrap().clone();
                self.keys.remove(&key);
                self.happens(Event::Went(key));
            }
            _ if self.keys.len() < 12 => {
                self.count += 1;
                let key = ("dev".to_owned(), format!("app-{}", self.count));
                self.keys.insert(key.clone());
                self.happens(Event::Came(key));
            }
            _ => {}
        }
        self.replicas.retain(|replica| replica.process != Process::Dead);
    }

    /// A stopped process goes on, and finds out whether its Lease still holds.
    fn go_on(&mut self) {
        let now = self.now;
        let Some(at) = self.replicas.iter().position(|replica| replica.process == Process::Stopped) else {
            return;
        };
        let held = LEASE - SAFETY_MARGIN.as_millis() as Time;
        self.replicas[at].process = Process::Runs;
        if now < self.replicas[at].renewed + held {
            return;
        }
        let (ended, name) = (self.time(self.replicas[at].renewed + held), self.name());
        let replica = &mut self.replicas[at];
        let former = std::mem::replace(&mut replica.member, name.clone());
        self.lost.push((former.clone(), replica.renewed));
        replica.members.live.remove(&former);
        replica.members.left.insert(former, Departure::Expired { ended });
        replica.members.own = name.clone();
        (replica.renewed, replica.joined) = (now, now);
        replica.fresh.clear();
        replica.shards.update(&replica.members, &replica.keys, self.epoch + Duration::from_millis(now));
        self.happens(Event::Joined(name));
        self.look(at);
    }

    /// One replica takes in what it sees by now, one thing after the other.
    fn look(&mut self, at: usize) {
        let (now, epoch) = (self.now, self.epoch);
        let instant = |at: Time| epoch + Duration::from_millis(at);
        let renewed: BTreeMap<MemberId, Time> = self
            .replicas
            .iter()
            .map(|replica| (replica.member.clone(), replica.renewed))
            .chain(self.lost.clone())
            .collect();
        let replica = &mut self.replicas[at];
        let until = now.saturating_sub(replica.lag);
        let mut changed = false;
        while let Some((_, event)) = self.events.get(replica.seen).filter(|(at, _)| *at <= until) {
            replica.seen += 1;
            match event.clone() {
                Event::Joined(member) => {
                    if !replica.members.left.contains_key(&member) {
                        replica.members.live.insert(member);
                    }
                }
                Event::Left(member) => {
                    replica.members.live.remove(&member);
                    replica.members.left.insert(member, Departure::Left { at: instant(now) });
                }
                Event::Lost(member) => {
                    if replica.members.live.remove(&member) {
                        let ended = instant(now);
                        replica.members.left.insert(member, Departure::Expired { ended });
                    }
                }
                Event::Came(key) => drop(replica.keys.insert(key)),
                Event::Went(key) => drop(replica.keys.remove(&key)),
            }
            changed = true;
            if replica.members.live.contains(&replica.member) {
                replica.shards.update(&replica.members, &replica.keys, instant(now));
            }
        }
        for (member, renewed) in &self.lost {
            // It saw the last renewal late, if not with its first look, and judges by what it knows by now.
            let ended = (renewed + replica.lag.min(500)).max(replica.started) + LEASE;
            if until >= ended && replica.members.live.remove(member) {
                replica.members.left.insert(member.clone(), Departure::Expired { ended: instant(ended) });
                replica.shards.update(&replica.members, &replica.keys, instant(now));
            }
        }
        // Who has renewed its Lease under its eyes.
        let seen = |at: &Time| (replica.joined..=until).contains(at);
        replica.fresh.extend(renewed.into_iter().filter(|(_, at)| seen(at)).map(|(member, _)| member));
        let settled = replica.members.live.iter().all(|member| replica.fresh.contains(member));
        changed |= std::mem::replace(&mut replica.members.settled, settled) != settled;
        if changed {
            replica.shards.update(&replica.members, &replica.keys, instant(now));
        }
        replica.as_of = until;
        if replica.members.live.first() == Some(&replica.member) {
            for (member, _) in &self.lost {
                if replica.members.left.contains_key(member) && self.marked.insert(member.clone()) {
                    self.events.push((now, Event::Lost(member.clone())));
                }
            }
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        for at in 0..self.replicas.len() {
            if self.replicas[at].process != Process::Runs {
                continue;
            }
            if self.random.random_range(0..20) == 0 {
                self.replicas[at].lag = self.random.random_range(0..=self.max_lag);
            }
            self.look(at);
            let replica = &mut self.replicas[at];
            if self.now >= replica.renewed + RENEW_INTERVAL.as_millis() as Time {
                replica.renewed = self.now;
            }
        }
    }

    /// Who works on the object.
    fn workers(&self, key: &Key) -> Vec<&MemberId> {
        let now = self.time(self.now);
        let heard = |replica: &&Replica| self.now < replica.as_of + HANDOVER.as_millis() as Time;
        let running = self.replicas.iter().filter(|replica| replica.process == Process::Runs);
        let working = running.filter(heard).filter(|replica| replica.shards.may_work(key, now));
        working.map(|replica| &replica.member).collect()
    }
}

#[test]
fn no_two_replicas_work_on_one_object() {
    for seed in 0..60 {
        let mut world = World::new(seed, 1500);
        for _ in 0..3 {
            world.start();
        }
        let mut worked = 0;
        while world.now < 120_000 {
            if world.random.random_range(0..25) == 0 {
                world.disturb();
            }
            world.step();
            for key in &world.keys {
                let workers = world.workers(key);
                assert!(workers.len() <= 1, "run {seed} at {}: {workers:?} work on {key:?}", world.now);
                worked += workers.len();
            }
        }
        assert!(worked > 1000, "run {seed}: hardly anything was done");
        // Then nothing happens any more.
        while world.replicas.iter().any(|replica| replica.process == Process::Stopped) {
            world.go_on();
        }
        let quiet = world.now + 30_000;
        while world.now < quiet {
            world.step();
        }
        for key in &world.keys {
            assert_eq!(world.workers(key).len(), 1, "run {seed}: nobody works on {key:?}");
        }
    }
}

/// What a lost replica had is worked on by others within 15 s of its loss.
#[test]
fn a_lost_share_is_taken_over_in_time() {
    for seed in 0..50 {
        let mut world = World::new(seed, 100);
        for _ in 0..3 {
            world.start();
        }
        for _ in 0..40 {
            world.count += 1;
            let key = ("dev".to_owned(), format!("app-{}", world.count));
            world.keys.insert(key.clone());
            world.happens(Event::Came(key));
        }
        while world.now < 20_000 {
            world.step();
        }
        let mut victim = world.replicas.remove(0);
        world.lost.push((std::mem::replace(&mut victim.member, id("x")), victim.renewed));
        let began = world.now;
        while world.keys.iter().any(|key| world.workers(key).is_empty()) {
            world.step();
            assert!(world.now <= began + 15_000, "run {seed}");
        }
    }
}
