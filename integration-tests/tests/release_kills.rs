//! release-operator killed by SIGKILL at random moments while it installs, upgrades, goes back and purges. `make kill-test RUNS=200` does
//! many runs; `KILL_SEED` repeats the choices of one of them (the moments are the machine's).
//!
//! After each run every release is as its object asks for, has one revision per change, none of them pending or failed, and those that
//! nobody changed are as they were. Both helms read all records.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use integration_tests::{ReleaseBed, Testbed, eventually, variable};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "dev";
/// Runs in `make test`.
const RUNS: u32 = 15;
/// Releases changed in one run.
const CHANGES: usize = 3;
/// The most releases at a time; with them all there, nothing is installed.
const MOST: usize = 6;
/// With so few releases, none is deleted.
const FEWEST: usize = 2;
/// A kill comes within this time after the change, or after the start: about as long as the changes of a run take.
const WITHIN: Duration = Duration::from_millis(400);
/// Objects that each revision has, so that there is something to be interrupted.
const OBJECTS: u64 = 12;

const TEMPLATE: &str = r#"
{{- range $i := until 12 }}
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
"#;

const HOOK: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-before
  annotations: {helm.sh/hook: "pre-install,pre-upgrade,pre-delete", helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded"}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-after
  annotations: {helm.sh/hook: "post-install,post-upgrade,post-delete", helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded"}
"#;

const FILES: [(&str, &str); 4] = [
    ("charts/many/Chart.yaml", "apiVersion: v2\nname: many\nversion: 0.1.0\n"),
    ("charts/many/values.yaml", "number: 0\n"),
    ("charts/many/templates/objects.yaml", TEMPLATE),
    ("charts/many/templates/hooks.yaml", HOOK),
];

/// What a release is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    /// The value.
    number: u64,
    /// The revision that it takes.
    revision: u32,
    /// The number before, to go back to.
    before: u64,
}

enum Step<'a> {
    Install,
    Upgrade(&'a String),
    /// To the values of the revision before.
    Back(&'a String),
    Delete(&'a String),
}

struct World {
    bed: ReleaseBed,
    client: kube::Client,
    releases: BTreeMap<String, Asked>,
    random: StdRng,
    /// Names given so far, and numbers: none is used twice.
    count: u64,
    /// Kills that left a revision pending or a purge half done.
    cut_off: u32,
    kills: u32,
}

impl World {
    /// Makes up the changes of a run: the objects to apply, and those to delete.
    fn changes(&mut self) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut applied, mut deleted) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..CHANGES {
            self.count += 1;
            let free: Vec<_> =
                self.releases.keys().filter(|name| !applied.contains(*name)).cloned().collect();
            let step = match (free.choose(&mut self.random), self.random.random_range(0..4)) {
                (None, _) => Step::Install,
                (Some(name), 1) => Step::Upgrade(name),
                (Some(name), 2) => Step::Back(name),
                (Some(name), 3) if self.releases.len() > FEWEST => Step::Delete(name),
                _ if self.releases.len() < MOST => Step::Install,
                (Some(name), _) => Step::Upgrade(name),
            };
            let name = match step {
                Step::Install => {
                    let name = format!("k{}", self.count);
                    let asked = Asked { number: self.count, revision: 1, before: 0 };
                    self.releases.insert(name.clone(), asked);
                    name
                }
                Step::Delete(name) => {
                    self.releases.remove(name);
                    deleted.insert(name.clone());
                    continue;
                }
                Step::Upgrade(name) | Step::Back(name) => {
                    let asked = self.releases.get_mut(name).expect("it is picked among them");
                    let number = if matches!(step, Step::Back(_)) { asked.before } else { self.count };
                    *asked = Asked { number, revision: asked.revision + 1, before: asked.number };
                    name.clone()
                }
            };
            applied.insert(name);
        }
        (applied, deleted)
    }

    fn objects(&self) -> Api<DynamicObject> {
        let kind = ApiResource {
            group: "helm.integrations.flux.weave.works".to_owned(),
            version: "v1alpha2".to_owned(),
            api_version: "helm.integrations.flux.weave.works/v1alpha2".to_owned(),
            kind: "FluxHelmRelease".to_owned(),
            plural: "fluxhelmreleases".to_owned(),
        };
        Api::namespaced_with(self.client.clone(), NAMESPACE, &kind)
    }

    async fn change(&self, applied: &BTreeSet<String>, deleted: &BTreeSet<String>) -> anyhow::Result<()> {
        let api = self.objects();
        for name in applied {
            let object = json!({
                "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
                "metadata": {"name": name},
                "spec": {"chartGitPath": "many", "releaseName": name, "values": {"number": self.releases[name].number}}});
            api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await?;
        }
        for name in deleted {
            api.delete(name, &DeleteParams::default()).await?;
        }
        Ok(())
    }

    /// Changes objects and kills the operator once or more often meanwhile.
    async fn run(&mut self) -> anyhow::Result<BTreeSet<String>> {
        let (applied, deleted) = self.changes();
        let kills = self.random.random_range(1..=3);
        let mut moment = || self.random.random_range(Duration::ZERO..WITHIN);
        let moments: Vec<_> = (0..kills).map(|_| moment()).collect();
        for (index, moment) in moments.into_iter().enumerate() {
            if index == 0 {
                self.change(&applied, &deleted).await?;
            } else {
                self.bed.operator_mut().run().await?;
            }
            tokio::time::sleep(moment).await;
            self.bed.operator_mut().kill().await?;
            self.kills += 1;
            let pending = |(_, _, status): &(String, u32, String)| {
                status.starts_with("pending-") || status == "uninstalling"
            };
            self.cut_off += u32::from(self.bed.records(NAMESPACE).await?.iter().any(pending));
        }
        self.bed.operator_mut().run().await?;
        Ok(applied)
    }

    /// Waits until everything is as asked for, and checks that nothing else was done.
    async fn settled(&self) -> anyhow::Result<()> {
        eventually(SOON, "every release to be as asked for", async || {
            let objects = self.objects().list(&ListParams::default()).await?;
            let names: BTreeSet<_> =
                objects.items.iter().filter_map(|object| object.metadata.name.clone()).collect();
            ensure!(names == self.releases.keys().cloned().collect(), "the objects are {names:?}");
            for object in &objects.items {
                let seen = object.data["status"]["observedGeneration"].as_i64();
                ensure!(
                    seen == object.metadata.generation,
                    "{:?}: {}",
                    object.metadata.name,
                    object.data["status"]
                );
            }
            self.records_are_as_asked().await?;
            self.live_objects_are_as_asked().await
        })
        .await
    }

    /// One revision per change, the newest deployed and the others superseded.
    async fn records_are_as_asked(&self) -> anyhow::Result<()> {
        let records: BTreeSet<_> = self.bed.records(NAMESPACE).await?.into_iter().collect();
        let of = |(name, asked): (&String, &Asked)| {
            let (name, newest) = (name.clone(), asked.revision);
            let status = move |revision| if revision == newest { "deployed" } else { "superseded" };
            // As many as the operator keeps.
            let oldest = newest.saturating_sub(9).max(1);
            (oldest..=newest).map(move |revision| (name.clone(), revision, status(revision).to_owned()))
        };
        let expected: BTreeSet<_> = self.releases.iter().flat_map(of).collect();
        let (more, less) = (&records - &expected, &expected - &records);
        ensure!(more.is_empty() && less.is_empty(), "unexpected records: {more:?}; missing: {less:?}");
        Ok(())
    }

    async fn live_objects_are_as_asked(&self) -> anyhow::Result<()> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        let live = api.list(&ListParams::default().labels("app.kubernetes.io/managed-by=Helm")).await?;
        let entry = |map: ConfigMap| {
            let number = map.data.and_then(|data| data.get("number").cloned()).unwrap_or_default();
            (map.metadata.name.unwrap_or_default(), number)
        };
        let live: BTreeSet<_> = live.items.into_iter().map(entry).collect();
        let of = |(name, asked): (&String, &Asked)| {
            let number = asked.number.to_string();
            let names =
                (0..OBJECTS).map(|index| format!("{name}-{index}")).chain([format!("{name}-only-{number}")]);
            names.map(move |name| (name, number.clone())).collect::<Vec<_>>()
        };
        let expected: BTreeSet<_> = self.releases.iter().flat_map(of).collect();
        let (more, less) = (&live - &expected, &expected - &live);
        ensure!(more.is_empty() && less.is_empty(), "unexpected objects: {more:?}; missing: {less:?}");
        Ok(())
    }

    /// Resource versions of the records and live objects of releases; they tell whether anything touched them.
    async fn versions(&self, releases: &BTreeSet<String>) -> anyhow::Result<BTreeMap<String, String>> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        let secrets = secrets.list_metadata(&ListParams::default().labels("owner=helm")).await?;
        let maps = maps.list_metadata(&ListParams::default()).await?;
        let secrets = secrets.items.into_iter().map(|secret| secret.metadata);
        let all = secrets.chain(maps.items.into_iter().map(|map| map.metadata));
        let is_of = |name: &str, release: &str| {
            name.starts_with(&format!("{release}-")) || name.contains(&format!(".{release}.v"))
        };
        let versions = all.filter_map(|metadata| Some((metadata.name?, metadata.resource_version?)));
        Ok(versions.filter(|(name, _)| releases.iter().any(|release| is_of(name, release))).collect())
    }

    async fn helms_read_it(&self) -> anyhow::Result<()> {
        for tool in ["helm", "helm3"] {
            for (name, asked) in &self.releases {
                let text = self
                    .bed
                    .bed
                    .tool(tool)?
                    .args(["history", name, "-n", NAMESPACE, "-o", "json"])
                    .run()
                    .await?;
                let history: Vec<Value> = serde_json::from_str(&text)?;
                let last = history.last().with_context(|| format!("{tool} knows no {name}"))?;
                ensure!(
                    last["revision"] == asked.revision && last["status"] == "deployed",
                    "{tool} of {name}: {last}"
                );
                let values = self
                    .bed
                    .bed
                    .tool(tool)?
                    .args(["get", "values", name, "-n", NAMESPACE, "-o", "json"])
                    .run()
                    .await?;
                ensure!(
                    serde_json::from_str::<Value>(&values)? == json!({"number": asked.number}),
                    "{tool} of {name}: {values}"
                );
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_every_release_is_as_asked() -> anyhow::Result<()> {
    let runs = variable("KILL_RUNS")?.unwrap_or(RUNS);
    let seed: u64 = variable("KILL_SEED")?.unwrap_or_else(rand::random);
    println!("KILL_SEED={seed}");
    let bed = ReleaseBed::start(Testbed::builder().control_plane(), &FILES, &[]).await?;
    bed.bed.kubectl(&["create", "namespace", NAMESPACE]).await?;
    let client = bed.bed.kube_client()?;
    let random = StdRng::seed_from_u64(seed);
    let mut world = World { bed, client, releases: BTreeMap::new(), random, count: 0, cut_off: 0, kills: 0 };
    for run in 1..=runs {
        let before = world.releases.clone();
        let all: BTreeSet<_> = before.keys().cloned().collect();
        let versions = world.versions(&all).await?;
        let changed = world.run().await?;
        world.settled().await.with_context(|| format!("run {run} of seed {seed}: {changed:?}"))?;
        let left: BTreeSet<_> = world
            .releases
            .keys()
            .filter(|name| before.contains_key(*name) && !changed.contains(*name))
            .cloned()
            .collect();
        let now = world.versions(&left).await?;
        let moved: Vec<_> =
            now.iter().filter(|(name, version)| versions.get(*name) != Some(version)).collect();
        ensure!(moved.is_empty(), "run {run} of seed {seed} changed what nobody asked it to: {moved:?}");
    }
    world.helms_read_it().await?;
    println!("{runs} runs, {} kills, {} of them in the middle of a change", world.kills, world.cut_off);
    ensure!(world.cut_off > 0, "no kill hit a change: nothing was tested");
    world.bed.bed.stop().await
}
