//! Three release-operators that divide the releases among themselves: real processes on real servers, ended, killed, frozen and started again
//! while releases change.
//!
//! After each step every release is as its object asks for: its newest revision is deployed, its live objects are that revision's, and no
//! change has made two revisions. `make replica-test ROUNDS=100` has a longer random part; `MEMBERSHIP_SEED` repeats its choices (the
//! moments are the machine's).

#![expect(clippy::print_stdout, reason = "seed, shares and times are shown")]

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use crds::FluxHelmRelease;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use helm_release::Status;
use integration_tests::history::{Histories, History, Revision};
use integration_tests::replica::{State, members};
use integration_tests::{ReleaseBed, Testbed, eventually, variable};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, Patch, PatchParams};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(120);
const NAMESPACE: &str = "dev";
const RELEASES: usize = 45;
const REPLICAS: usize = 3;
/// How many releases a replica has: no more than 1.25 times its share, and so no fewer than the others leave to it.
const SHARE: RangeInclusive<usize> = {
    let most = (RELEASES * 5).div_ceil(REPLICAS * 4);
    RELEASES - most * (REPLICAS - 1)..=most
};
/// From the death of a replica to the first work of others on its releases. Its Lease ends in 10 s.
const TAKEOVER: Duration = Duration::from_secs(15);
/// From a replica's being asked to end to the first work of others on each of its releases. Some wait for 4 s, which go to another because
/// their next is full; a Lease would hold for longer.
const HANDOVER: Duration = Duration::from_secs(8);
/// So long a replica stands still: longer than its Lease holds, and until the others have surely found that out.
const FROZEN: Duration = Duration::from_secs(16);
/// Rounds of the random part in `make test`.
const ROUNDS: u32 = 8;
/// The longest that a round lasts: with a few of them a Lease ends.
const ROUND: Duration = Duration::from_secs(5);

const TEMPLATE: &str = r#"
{{- range $i := until 3 }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ $.Release.Name }}-{{ $i }}"}
data: {number: "{{ $.Values.number }}"}
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-only-{{ .Values.number }}"}
data: {number: "{{ .Values.number }}"}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: "{{ .Release.Name }}-test"
  annotations: {helm.sh/hook: test, helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded"}
"#;

const FILES: [(&str, &str); 3] = [
    ("charts/small/Chart.yaml", "apiVersion: v2\nname: small\nversion: 0.1.0\n"),
    ("charts/small/values.yaml", "number: 0\n"),
    ("charts/small/templates/objects.yaml", TEMPLATE),
];

/// Which changes have made a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// Each one: nothing was changed again before it was released.
    Each,
    /// The last one of each release, and of the others those that were seen in time.
    Last,
}

struct World {
    bed: ReleaseBed,
    client: kube::Client,
    history: History,
    /// The numbers that each release was to have, one after another.
    asked: BTreeMap<String, Vec<u64>>,
    /// The number given last: none is given twice.
    count: u64,
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        let servers = Testbed::builder().control_plane();
        let mut bed =
            ReleaseBed::start(servers, &FILES, &["--charts-sync-interval=1h", "--max-history=0"]).await?;
        bed.bed.kubectl(&["create", "namespace", NAMESPACE]).await?;
        while bed.operators.len() < REPLICAS {
            bed.add_operator().await?;
        }
        let client = bed.bed.kube_client()?;
        let history = History::follow(client.clone(), NAMESPACE);
        let asked = (0..RELEASES).map(|number| (format!("r{number}"), Vec::new())).collect();
        let world = Self { bed, client, history, asked, count: 0 };
        world.complete().await?;
        Ok(world)
    }

    fn all(&self) -> Vec<String> {
        self.asked.keys().cloned().collect()
    }

    /// Gives each of the releases a new number.
    async fn change(&mut self, names: &[String]) -> anyhow::Result<()> {
        let mut objects = Vec::new();
        for name in names {
            self.count += 1;
            self.asked.get_mut(name).context("no such release")?.push(self.count);
            objects.push((
                name,
                json!({
                "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
                "metadata": {"name": name},
                "spec": {"chartGitPath": "small", "releaseName": name, "values": {"number": self.count}}}),
            ));
        }
        let api: Api<FluxHelmRelease> = Api::namespaced(self.client.clone(), NAMESPACE);
        let apply = async |(name, object): (&String, Value)| {
            api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.map(drop)
        };
        stream::iter(objects).map(apply).buffer_unordered(8).try_collect::<()>().await?;
        Ok(())
    }

    /// Gives every release a new number, and waits until it has it.
    async fn changed(&mut self) -> anyhow::Result<()> {
        self.change(&self.all()).await?;
        self.settled(Made::Each).await
    }

    /// Waits until every release is as asked for.
    async fn settled(&self, made: Made) -> anyhow::Result<()> {
        eventually(SOON, "every release to be as asked for", async || {
            let histories = self.history.now();
            for (name, asked) in &self.asked {
                let revisions = histories.get(name).with_context(|| format!("{name} has no record"))?;
                is_as_asked(revisions, asked, made).with_context(|| name.clone())?;
            }
            self.live_objects_are_the_newest_revisions(&histories).await
        })
        .await
    }

    async fn live_objects_are_the_newest_revisions(&self, histories: &Histories) -> anyhow::Result<()> {
        let mut expected = BTreeMap::new();
        for (_, newest) in histories.values().filter_map(BTreeMap::last_key_value) {
            for document in serde_yaml::Deserializer::from_str(&newest.record.manifest) {
                let object: ConfigMap = serde::Deserialize::deserialize(document)?;
                expected.insert(object.metadata.name, object.data);
            }
        }
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        let live = api.list(&ListParams::default().labels("app.kubernetes.io/managed-by=Helm")).await?;
        let live: BTreeMap<_, _> =
            live.items.into_iter().map(|object| (object.metadata.name, object.data)).collect();
        let odd = expected.iter().chain(&live).filter(|(name, _)| expected.get(*name) != live.get(*name));
        let odd: Vec<_> = odd.map(|(name, _)| (name, expected.get(name), live.get(name))).collect();
        ensure!(odd.is_empty(), "objects are not as expected (name, expected, live): {odd:?}");
        Ok(())
    }

    /// Waits until every replica that is to run is a member, and nobody else.
    async fn complete(&self) -> anyhow::Result<()> {
        eventually(SOON, "the replicas to be the members", async || {
            let members = members(&self.client).await?;
            let running = self.bed.operators.iter().filter(|replica| replica.state() == State::Running);
            let each_is = running.clone().all(|replica| members.iter().any(|member| replica.was(member)));
            ensure!(each_is && members.len() == running.count(), "the members are {members:?}");
            Ok(())
        })
        .await
    }

    /// Of each release which replica made its newest revision.
    fn owners(&self) -> anyhow::Result<BTreeMap<String, usize>> {
        let histories = self.history.now();
        let newest = histories.iter().filter_map(|(name, all)| Some((name, all.last_key_value()?.1)));
        let owner = |(name, newest): (&String, &Revision)| {
            let owner = self.bed.operators.iter().position(|replica| replica.was(newest.holder()));
            let owner = owner.with_context(|| format!("{name} is held by {:?}", newest.holder()))?;
            Ok((name.clone(), owner))
        };
        newest.map(owner).collect()
    }

    /// The releases of a replica, and those of the others.
    fn share(&self, replica: usize) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let (theirs, others): (Vec<_>, Vec<_>) =
            self.owners()?.into_iter().partition(|(_, owner)| *owner == replica);
        let names = |owned: Vec<(String, usize)>| owned.into_iter().map(|(name, _)| name).collect();
        Ok((names(theirs), names(others)))
    }

    /// After which time work on the newest revision of the first and of the last of the releases was seen to begin.
    fn begun(&self, names: &[String], since: Instant) -> anyhow::Result<(Duration, Duration)> {
        let histories = self.history.now();
        let newest = names.iter().filter_map(|name| histories.get(name)?.last_key_value());
        let times: Vec<_> = newest.map(|(_, revision)| revision.first_seen - since).collect();
        let first = times.iter().min().context("no release")?;
        let last = times.iter().max().context("no release")?;
        Ok((*first, *last))
    }

    /// How many of the releases have their newest revision made, and how many have it under way.
    fn made(&self, names: &[String]) -> (usize, usize) {
        let histories = self.history.now();
        let newest = names.iter().filter(|name| histories[*name].len() == self.asked[*name].len());
        let newest = newest.filter_map(|name| Some(histories[name].last_key_value()?.1));
        let (pending, made): (Vec<_>, Vec<_>) =
            newest.partition(|newest| newest.record.info.status.is_pending());
        (made.len(), pending.len())
    }

    /// Every replica works, and none on more than it should.
    async fn divide(&mut self) -> anyhow::Result<()> {
        self.changed().await.context("install")?;
        // Who installed a release knew of fewer.
        self.changed().await.context("upgrade")?;
        let mut shares = [0; REPLICAS];
        for owner in self.owners()?.into_values() {
            shares[owner] += 1;
        }
        println!("shares of {RELEASES}: {shares:?}");
        ensure!(shares.iter().all(|share| SHARE.contains(share)), "{shares:?} are not within {SHARE:?}");
        Ok(())
    }

    /// What is asked of any replica is done by the release's owner.
    async fn ask_anywhere(&mut self) -> anyhow::Result<()> {
        let owners = self.owners()?;
        for asked in 0..REPLICAS {
            for owner in (0..REPLICAS).filter(|owner| *owner != asked) {
                let mut theirs = owners.iter().filter(|(_, its_owner)| **its_owner == owner);
                let (name, _) = theirs.nth(asked).context("a replica has no release")?;
                self.ask(asked, name)
                    .await
                    .with_context(|| format!("{name} of replica {owner} at {asked}"))?;
            }
        }
        self.settled(Made::Each).await?;
        ensure!(self.owners()? == owners, "another replica did what it was asked: {:?}", self.owners()?);
        Ok(())
    }

    async fn ask(&mut self, replica: usize, name: &String) -> anyhow::Result<()> {
        let mut revision = self.asked[name].len();
        for method in ["Suspend", "Resume", "Reconcile", "Retry", "Rollback"] {
            match method {
                "Resume" => {
                    self.change(std::slice::from_ref(name)).await?;
                    revision += 1;
                }
                "Rollback" => {
                    let numbers = self.asked.get_mut(name).context("no such release")?;
                    numbers.push(numbers[numbers.len() - 2]);
                    revision += 1;
                }
                _ => {}
            }
            let answer = self.call(replica, method, name).await?;
            let release = &answer["release"];
            ensure!(
                release["revision"] == revision && release["status"] == "deployed",
                "{method}: {answer} and not revision {revision}"
            );
        }
        let tested = self.call(replica, "Test", name).await?;
        let results = tested["results"].as_array().map(Vec::len);
        ensure!(tested["succeeded"] == true && results == Some(1), "Test: {tested}");
        Ok(())
    }

    async fn call(&self, replica: usize, method: &str, name: &str) -> anyhow::Result<Value> {
        let request = json!({"namespace": NAMESPACE, "name": name});
        self.bed.call_at(&self.bed.operators[replica], method, &request).await
    }

    /// Who ends in order hands over at once.
    async fn end(&mut self, replica: usize) -> anyhow::Result<()> {
        self.changed().await?;
        let (share, _) = self.share(replica)?;
        let asked = Instant::now();
        self.bed.operators[replica].terminate().await?;
        let ended = asked.elapsed();
        self.change(&share).await?;
        self.settled(Made::Each).await?;
        let (first, last) = self.begun(&share, asked)?;
        println!(
            "ended after {ended:?}; {} releases were handed over after {first:?} to {last:?}",
            share.len()
        );
        ensure!(last <= HANDOVER, "it took {last:?}");
        self.bed.operators[replica].run().await?;
        self.complete().await
    }

    /// The share of one that dies is taken over when its Lease has run out.
    async fn kill(&mut self, replica: usize) -> anyhow::Result<()> {
        self.changed().await?;
        let (share, others) = self.share(replica)?;
        let killed = Instant::now();
        self.bed.operators[replica].kill().await?;
        self.change(&self.all()).await?;
        self.settled(Made::Each).await?;
        let (first, last) = self.begun(&share, killed)?;
        // How long the survivors took for what was theirs: with all three on one machine, what is taken over waits behind it.
        let (_, busy) = self.begun(&others, killed)?;
        println!(
            "{} releases were taken over after {first:?} to {last:?}; others took {busy:?}",
            share.len()
        );
        ensure!(first <= TAKEOVER && last <= TAKEOVER + busy, "it took {first:?} to {last:?}");
        self.bed.operators[replica].run().await?;
        self.complete().await
    }

    /// One that stood still while others took its work over does nothing of it any more.
    async fn freeze(&mut self, replica: usize) -> anyhow::Result<()> {
        self.changed().await?;
        let (share, _) = self.share(replica)?;
        self.change(&self.all()).await?;
        eventually(SOON, "the replica to be at work", async || {
            let (made, under_way) = self.made(&share);
            ensure!(made + under_way > 0, "it has not begun");
            Ok(())
        })
        .await?;
        self.bed.operators[replica].freeze().await?;
        let frozen = Instant::now();
        let (made, under_way) = self.made(&share);
        println!("stood still with {under_way} of its {} releases under way, {made} made", share.len());
        self.settled(Made::Each).await.context("taken over")?;
        self.changed().await.context("changed meanwhile")?;
        ensure!(self.share(replica)?.0.is_empty(), "it works although it stands still");
        // The time that has to pass; there is nothing else to wait for.
        tokio::time::sleep(FROZEN.saturating_sub(frozen.elapsed())).await;
        self.change(&self.all()).await?;
        self.bed.operators[replica].run().await?;
        self.settled(Made::Each).await.context("after it went on")?;
        self.complete().await?;
        self.changed().await
    }

    /// Ends, kills, freezes and starts replicas at random while releases change.
    async fn disturb(&mut self, rounds: u32, random: &mut StdRng) -> anyhow::Result<()> {
        for round in 1..=rounds {
            let runs = |world: &Self| {
                world.bed.operators.iter().filter(|replica| replica.state() == State::Running).count()
            };
            let alone = runs(self) == 1;
            let replica = random.random_range(0..REPLICAS);
            let operator = &mut self.bed.operators[replica];
            let deed = match (operator.state(), random.random_range(0..5)) {
                (State::Running, _) if alone => "nothing",
                (State::Running, 0) => "terminate",
                (State::Running, 1 | 2) => "kill",
                (State::Running, _) => "freeze",
                (State::Frozen, 0) => "kill",
                (State::Frozen | State::Ended, _) => "run",
            };
            println!("round {round}: {deed} {replica}");
            match deed {
                "terminate" => operator.terminate().await?,
                "kill" => operator.kill().await?,
                "freeze" => operator.freeze().await?,
                "run" => operator.run().await?,
                _ => {}
            }
            let some = random.random_range(1..=RELEASES);
            let all = self.all();
            self.change(&all.choose_multiple(random, some).cloned().collect::<Vec<_>>()).await?;
            tokio::time::sleep(random.random_range(Duration::ZERO..ROUND)).await;
        }
        for replica in &mut self.bed.operators {
            replica.run().await?;
        }
        self.settled(Made::Last).await?;
        self.complete().await?;
        // What was changed again before it was seen has made no revision.
        let histories = self.history.now();
        for (name, asked) in &mut self.asked {
            *asked = histories[name].values().filter_map(number).collect();
        }
        Ok(())
    }
}

/// The number that a revision was made with.
fn number(revision: &Revision) -> Option<u64> {
    revision.record.config.get("number").and_then(Value::as_u64)
}

/// Whether the newest of the revisions is what was asked for last, deployed, and the ones before are superseded.
fn is_as_asked(revisions: &BTreeMap<u32, Revision>, asked: &[u64], made: Made) -> anyhow::Result<()> {
    let told = |(count, revision): (&u32, &Revision)| {
        format!("{count} {} {}", revision.record.info.status, number(revision).unwrap_or_default())
    };
    let told: Vec<_> = revisions.iter().map(told).collect();
    let mut left = asked.iter();
    for (expected, (count, revision)) in (1..).zip(revisions) {
        let value = number(revision);
        let status = if expected == revisions.len() { Status::Deployed } else { Status::Superseded };
        let is_asked = match made {
            Made::Each => left.next().copied() == value,
            Made::Last => left.any(|asked| Some(*asked) == value),
        };
        ensure!(
            usize::try_from(*count) == Ok(expected) && revision.record.info.status == status && is_asked,
            "revision {count} is not as expected of {asked:?}: {told:?}"
        );
    }
    ensure!(left.next().is_none(), "not everything of {asked:?} was made: {told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_divide_the_releases_and_take_over_from_each_other() -> anyhow::Result<()> {
    let rounds = variable("MEMBERSHIP_ROUNDS")?.unwrap_or(ROUNDS);
    let seed: u64 = variable("MEMBERSHIP_SEED")?.unwrap_or_else(rand::random);
    println!("MEMBERSHIP_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::start().await.context("start")?;
    let outcome = play(&mut world, rounds, &mut random).await;
    if outcome.is_err() {
        for replica in &world.bed.operators {
            println!("--- {}\n{}", replica.identity, replica.service().log());
        }
    }
    outcome.with_context(|| format!("seed {seed}"))?;
    world.bed.bed.stop().await
}

async fn play(world: &mut World, rounds: u32, random: &mut StdRng) -> anyhow::Result<()> {
    let mut replicas: Vec<usize> = (0..REPLICAS).collect();
    rand::seq::SliceRandom::shuffle(&mut *replicas, random);
    step("the releases are divided", world.divide()).await?;
    step("each replica does what it is asked", world.ask_anywhere()).await?;
    step("one ends in order", world.end(replicas[0])).await?;
    step("one is killed", world.kill(replicas[1])).await?;
    step("random rounds", world.disturb(rounds, random)).await?;
    // Takes long enough for what the rounds may have left behind to come to light.
    step("one stands still", world.freeze(replicas[2])).await
}

async fn step(name: &str, played: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let begun = Instant::now();
    let outcome = played.await.with_context(|| name.to_owned());
    println!("{:5.1} s  {name}", begun.elapsed().as_secs_f64());
    outcome
}
