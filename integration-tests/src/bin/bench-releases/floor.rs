//! The floor: a client that writes for each FluxHelmRelease what a release consists of, and does nothing else.
//!
//! It reads nothing but two watches, renders nothing (helm has done that before) and checks nothing. What is left is what no operator
//! can do without: the record of a new revision, the objects, the record again, the word that it is deployed, and the status. So many
//! workers do that at the same time; none of them waits for a Deployment.

mod release;
mod started;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail, ensure};
use crds::FluxHelmRelease;
use futures::{TryStreamExt as _, pin_mut};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::requests::{Name, Requests};
use release::{Release, Templates};
pub(crate) use started::measure;

const MANAGER: &str = "floor";

/// What it is to do.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The account it works with.
    #[arg(long)]
    kubeconfig: PathBuf,

    /// The namespace of the releases.
    #[arg(long)]
    namespace: String,

    /// How many there will be.
    #[arg(long)]
    releases: usize,

    /// Releases worked on at the same time.
    #[arg(long)]
    workers: usize,

    /// The chart, for the records.
    #[arg(long)]
    chart: PathBuf,

    /// What helm renders of the chart for a release that is named by the placeholder, before and after the upgrade.
    #[arg(long, num_args = 2)]
    manifests: Vec<PathBuf>,
}

/// What it logs when it follows the releases.
pub(crate) const WATCHES: &str = "floor watches";

/// What it logs when all releases have this revision; the requests so far follow.
pub(crate) fn done(revision: u32) -> String {
    format!("floor done {revision} ")
}

/// The requests in a line that begins with [`done`].
///
/// # Errors
/// It is another line.
pub(crate) fn requests(line: &str, revision: u32) -> anyhow::Result<Requests> {
    let rest = line.strip_prefix(&done(revision)).with_context(|| format!("{line:?} tells no requests"))?;
    let counts: Vec<(Name, u64)> = serde_json::from_str(rest)?;
    Ok(Requests(counts.into_iter().collect()))
}

/// Writes until it is ended.
///
/// # Errors
/// Whatever goes wrong ends it: a release that is not written makes the floor no floor.
#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(&args.kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let (observed, deployments) = watch::channel(HashMap::new());
    let floor = Arc::new(Floor {
        templates: Templates::load(&args.chart, &args.manifests)?,
        secrets: Api::namespaced(client.clone(), &args.namespace),
        releases: Api::namespaced(client.clone(), &args.namespace),
        client: client.clone(),
        namespace: args.namespace.clone(),
        deployments,
        workers: Semaphore::new(args.workers),
        counts: Mutex::default(),
    });
    let mut tasks = JoinSet::new();
    let follow = follow(Api::namespaced(client, &args.namespace), observed);
    pin_mut!(follow);
    let events = watcher(floor.releases.clone(), watcher::Config::default());
    pin_mut!(events);
    let (mut begun, mut ended) = (HashMap::new(), BTreeMap::new());
    loop {
        tokio::select! {
            event = events.try_next() => match event?.context("the watch of releases ended")? {
                watcher::Event::InitDone => println!("{WATCHES}"),
                watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                    let generation = object.metadata.generation.unwrap_or(0);
                    let before = begun.insert(object.name_any(), generation);
                    if before.is_none_or(|before| before < generation) {
                        ensure!(tasks.len() < 2 * args.releases, "more releases than were announced");
                        tasks.spawn(floor.clone().deploy(object));
                    }
                }
                watcher::Event::Init | watcher::Event::Delete(_) => {}
            },
            Some(task) = tasks.join_next() => {
                let revision = task??;
                let count = ended.entry(revision).or_insert(0);
                *count += 1;
                if *count == args.releases {
                    println!("{}{}", done(revision), floor.counted()?);
                }
            }
            ended = &mut follow => {
                ended?;
                bail!("the watch of Deployments ended");
            }
        }
    }
}

/// Keeps up which generation of each Deployment its controller has dealt with.
async fn follow(api: Api<Deployment>, observed: watch::Sender<HashMap<String, i64>>) -> anyhow::Result<()> {
    let events = watcher(api, watcher::Config::default()).applied_objects();
    pin_mut!(events);
    while let Some(deployment) = events.try_next().await? {
        let generation =
            deployment.status.as_ref().and_then(|status| status.observed_generation).unwrap_or(0);
        observed.send_modify(|observed| {
            observed.insert(deployment.name_any(), generation);
        });
    }
    Ok(())
}

struct Floor {
    templates: Templates,
    client: Client,
    namespace: String,
    secrets: Api<Secret>,
    releases: Api<FluxHelmRelease>,
    deployments: watch::Receiver<HashMap<String, i64>>,
    workers: Semaphore,
    counts: Mutex<BTreeMap<Name, u64>>,
}

impl Floor {
    /// Makes the revision of the object's generation, and answers its number.
    async fn deploy(self: Arc<Self>, object: FluxHelmRelease) -> anyhow::Result<u32> {
        let revision = u32::try_from(object.metadata.generation.context("an object without a generation")?)?;
        let name = object.name_any();
        let release = self.templates.release(
            &name,
            &self.namespace,
            revision,
            object.spec.values.unwrap_or_default(),
        )?;
        let generation = {
            let _worker = self.workers.acquire().await?;
            self.write(&release).await.with_context(|| format!("cannot write {name}"))?
        };
        let mut deployments = self.deployments.clone();
        let is_dealt_with =
            |observed: &HashMap<String, i64>| observed.get(&name).is_some_and(|seen| *seen >= generation);
        deployments.wait_for(is_dealt_with).await?;
        let _worker = self.workers.acquire().await?;
        let status = release.status(object.metadata.generation);
        let (params, patch) = (PatchParams::default(), Patch::Merge(json!({"status": status})));
        self.ask("patch", "fluxhelmreleases/status", self.releases.patch_status(&name, &params, &patch))
            .await?;
        Ok(revision)
    }

    /// All but the status; answers the generation of the Deployment.
    async fn write(&self, release: &Release) -> anyhow::Result<i64> {
        let create = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        self.ask("create", "secrets", self.secrets.create(&create, &release.pending()?)).await?;
        let mut generation = 0;
        let apply = PatchParams::apply(MANAGER);
        for (resource, document) in self.templates.objects(release)? {
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), &self.namespace, resource);
            let document = Patch::Apply(&document);
            let applied =
                self.ask("apply", &resource.plural, api.patch(&release.name, &apply, &document)).await?;
            if resource.kind == "Deployment" {
                generation = applied.metadata.generation.context("a Deployment without a generation")?;
            }
        }
        let ended = [release.superseded()?, Some(release.deployed()?)];
        for secret in ended.into_iter().flatten() {
            let name = secret.name_any();
            self.ask("update", "secrets", self.secrets.replace(&name, &create, &secret)).await?;
        }
        Ok(generation)
    }

    /// Counts a request and waits for its answer.
    async fn ask<T>(
        &self,
        verb: &str,
        resource: &str,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> anyhow::Result<T> {
        {
            let mut counts = self.counts.lock().expect("no code panics while it holds this lock");
            *counts.entry((verb.to_owned(), resource.to_owned())).or_insert(0) += 1;
        }
        request.await.with_context(|| format!("cannot {verb} {resource}"))
    }

    fn counted(&self) -> anyhow::Result<String> {
        let counts = self.counts.lock().expect("no code panics while it holds this lock");
        Ok(serde_json::to_string(&counts.iter().collect::<Vec<_>>())?)
    }
}
