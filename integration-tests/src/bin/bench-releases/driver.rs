//! Creates and changes FluxHelmReleases all at once, and tells when all of them are ready.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crds::FluxHelmRelease;
use futures::{StreamExt as _, TryStreamExt as _, pin_mut, stream};
use integration_tests::{Service, Testbed};
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::cluster::{ACCOUNT, NAMESPACE};

/// Requests at the same time.
const AT_ONCE: usize = 20;
/// How long a burst may take: so long, and so long for each release.
const LIMIT: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(1));
/// Releases that an error names.
const NAMED: usize = 5;

/// The value that is given at install, and the one that all releases get by their upgrade.
pub(crate) const CPU: [u32; 2] = [1, 2];
/// Its place in the values.
pub(crate) const CPU_PATH: &str = "limits.cpu";

/// So many releases in the namespace [`NAMESPACE`].
pub(crate) struct Driver {
    api: Api<FluxHelmRelease>,
    names: Vec<String>,
}

impl Driver {
    /// Of that many; none is there yet.
    ///
    /// # Errors
    /// No client can be made.
    pub(crate) fn new(bed: &Testbed, releases: usize) -> anyhow::Result<Self> {
        let names = (0..releases).map(|number| format!("release-{number:04}")).collect();
        Ok(Self { api: Api::namespaced(bed.kube_client()?, NAMESPACE), names })
    }

    /// Creates all, and answers the time from the first request until the last release was seen ready.
    ///
    /// # Errors
    /// `worker` ended, or did not get all of them ready in time: the message tells which, and what they say.
    pub(crate) async fn install(&self, worker: &Service) -> anyhow::Result<Duration> {
        let create = stream::iter(&self.names).map(|name| async move {
            let object: FluxHelmRelease = serde_json::from_value(object(name))?;
            let created = self.api.create(&PostParams::default(), &object).await;
            created.map(drop).with_context(|| format!("cannot create {name}"))
        });
        self.burst(1, worker, create.buffer_unordered(AT_ONCE).try_collect()).await
    }

    /// Changes one value of all, and answers the time from the first request until the last release was seen ready.
    ///
    /// # Errors
    /// As [`Self::install`].
    pub(crate) async fn upgrade(&self, worker: &Service) -> anyhow::Result<Duration> {
        let change = stream::iter(&self.names).map(|name| async move {
            let patch = Patch::Merge(json!({"spec": {"values": values(CPU[1])}}));
            let patched = self.api.patch(name, &PatchParams::default(), &patch).await;
            patched.map(drop).with_context(|| format!("cannot change {name}"))
        });
        self.burst(2, worker, change.buffer_unordered(AT_ONCE).try_collect()).await
    }

    async fn burst(
        &self,
        generation: i64,
        worker: &Service,
        requests: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<Duration> {
        let mut waiting: BTreeMap<String, String> =
            self.names.iter().map(|name| (name.clone(), "not seen".to_owned())).collect();
        let events = watcher(self.api.clone(), watcher::Config::default()).default_backoff();
        pin_mut!(events);
        // The watch stands before the clock starts.
        loop {
            match events.try_next().await?.context("the watch ended")? {
                watcher::Event::InitDone => break,
                watcher::Event::InitApply(object) => see(&mut waiting, &object, generation),
                _ => {}
            }
        }
        let began = Instant::now();
        let follow = async {
            while !waiting.is_empty() {
                // A watch that breaks is made again by the stream.
                if let Some(Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) =
                    events.next().await
                {
                    see(&mut waiting, &object, generation);
                }
            }
            Ok(began.elapsed())
        };
        let limit = LIMIT.0 + LIMIT.1 * u32::try_from(self.names.len())?;
        let done = async { tokio::try_join!(requests, follow).map(|(_, took)| took) };
        tokio::select! {
            done = done => return done,
            exit = worker.wait_exit(limit) => if let Ok(exit) = exit {
                bail!("it ended with {exit} while releases were worked on; its last words:\n{}", last_words(worker));
            },
        }
        bail!("{}; its last words:\n{}", told(&waiting, limit), last_words(worker))
    }
}

/// A FluxHelmRelease of the benchmark's chart.
fn object(name: &str) -> Value {
    json!({
        "apiVersion": "helm.integrations.flux.weave.works/v1alpha2",
        "kind": "FluxHelmRelease",
        "metadata": {"name": name},
        "spec": {
            "chartGitPath": "bench",
            "releaseName": name,
            "serviceAccountName": ACCOUNT,
            "driftDetection": {"mode": "warn"},
            "values": values(CPU[0]),
        },
    })
}

fn values(cpu: u32) -> Value {
    json!({"limits": {"cpu": cpu}})
}

/// Notes what an object says; one that is ready is waited for no more.
fn see(waiting: &mut BTreeMap<String, String>, object: &FluxHelmRelease, generation: i64) {
    let name = object.name_any();
    match readiness(object, generation) {
        Ok(()) => {
            waiting.remove(&name);
        }
        Err(why) => {
            if let Some(state) = waiting.get_mut(&name) {
                *state = why;
            }
        }
    }
}

/// Whether the status speaks of this generation, or a later one, and says that the release is ready; else what it says.
fn readiness(object: &FluxHelmRelease, generation: i64) -> Result<(), String> {
    let current = object.metadata.generation.unwrap_or(0);
    let Some(status) = &object.status else { return Err("it has no status".to_owned()) };
    let Some(ready) = status.conditions.iter().find(|condition| condition.type_ == "Ready") else {
        return Err("it has no condition Ready".to_owned());
    };
    let speaks_of = status.observed_generation.unwrap_or(0);
    let is_current =
        speaks_of == current && ready.observed_generation.is_none_or(|observed| observed == current);
    match (current >= generation, is_current, ready.status.as_str()) {
        (true, true, "True") => Ok(()),
        (false, ..) => Err("it is not changed yet".to_owned()),
        (true, false, _) => {
            Err(format!("its status is of generation {speaks_of}, not {current}: {}", ready.message))
        }
        (true, true, status) => Err(format!("Ready is {status}, {}: {}", ready.reason, ready.message)),
    }
}

fn told(waiting: &BTreeMap<String, String>, limit: Duration) -> String {
    let named: Vec<_> = waiting.iter().take(NAMED).map(|(name, state)| format!("{name} ({state})")).collect();
    let more = waiting.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "after {} s {} releases are not ready: {}{more}",
        limit.as_secs(),
        waiting.len(),
        named.join(", ")
    )
}

fn last_words(worker: &Service) -> String {
    let log = worker.log();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_current_true_is_ready() {
        let check = |generation: i64, observed: i64, ready: Option<(&str, i64)>, expected: &str| {
            let mut value = object("a");
            value["metadata"]["generation"] = json!(generation);
            let condition = |(status, observed): (&str, i64)| {
                json!({"type": "Ready", "status": status, "reason": "R", "message": "words",
                    "observedGeneration": observed, "lastTransitionTime": "2020-01-01T00:00:00Z"})
            };
            let conditions: Vec<_> = ready.map(condition).into_iter().collect();
            value["status"] = json!({"observedGeneration": observed, "conditions": conditions});
            let object = serde_json::from_value(value).unwrap();
            let actual = readiness(&object, 2).err().unwrap_or_default();
            assert_eq!(actual, expected, "{generation} {observed} {ready:?}");
        };
        check(2, 2, Some(("True", 2)), "");
        check(3, 3, Some(("True", 3)), "");
        check(1, 1, Some(("True", 1)), "it is not changed yet");
        check(2, 1, Some(("True", 1)), "its status is of generation 1, not 2: words");
        check(2, 2, Some(("True", 1)), "its status is of generation 2, not 2: words");
        check(2, 2, Some(("False", 2)), "Ready is False, R: words");
        check(2, 2, None, "it has no condition Ready");
    }

    #[test]
    fn the_error_names_some_and_counts_the_rest() {
        let waiting = (0..7).map(|n| (format!("r{n}"), "slow".to_owned())).collect();
        assert_eq!(
            told(&waiting, Duration::from_secs(9)),
            "after 9 s 7 releases are not ready: r0 (slow), r1 (slow), r2 (slow), r3 (slow), r4 (slow) and 2 more"
        );
    }
}
