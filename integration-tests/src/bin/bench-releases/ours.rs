//! release-operator: fresh servers, git-syncer with the chart, and all releases at once.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use integration_tests::{ReleaseBed, eventually};

use crate::burst::{Burst, Meter, Part};
use crate::cluster::{self, chart_files};
use crate::driver::Driver;
use crate::processes;
use crate::requests::{Purpose, Requests};

/// Releases worked on at the same time, in each part that does so.
pub(crate) const WORKERS: usize = 10;
/// How often git-syncer fetches: its default.
const POLL: Duration = Duration::from_secs(30);
/// The longest wait until a burst has no more after-effects.
const REST: Duration = Duration::from_secs(60);
/// So long without a request is rest.
const SILENCE: Duration = Duration::from_millis(500);

/// What release-operator took.
pub(crate) struct Ours {
    /// Install and upgrade.
    pub(crate) part: Part,
    /// The time between them.
    pub(crate) quiet: Quiet,
}

/// What it took while nothing happened.
pub(crate) struct Quiet {
    /// How long that was.
    pub(crate) lasted: Duration,
    /// Processor time.
    pub(crate) cpu: Duration,
    /// Requests.
    pub(crate) requests: Requests,
}

impl Ours {
    /// Requests for discovery after the first burst: while nothing happened, and in the upgrades after it.
    pub(crate) fn steady_discovery(&self) -> u64 {
        self.quiet.requests.count(Purpose::Discovery) + self.part.upgrade.requests.count(Purpose::Discovery)
    }
}

/// Installs so many releases, lets them be for a while, and upgrades them, with so many CustomResourceDefinitions beside.
///
/// # Errors
/// Something did not become ready.
pub(crate) async fn measure(releases: usize, crds: usize, quiet: Duration) -> anyhow::Result<Ours> {
    let bed = cluster::start(crds).await?;
    let files = chart_files(&cluster::chart())?;
    let files: Vec<_> =
        files.into_iter().map(|(path, text)| (format!("charts/bench/{path}"), text)).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let workers = format!("--workers={WORKERS}");
    let bed = ReleaseBed::on(bed, &files, POLL, &[&workers]).await?;
    let driver = Driver::new(&bed.bed, releases)?;
    let mut before = rested(bed.operator().http).await?;
    let mut meter = Meter::start(&bed.bed, bed.operator().service().pid())?;

    let wall = driver.install(bed.operator().service()).await.context("release-operator, install")?;
    let requests = rested(bed.operator().http).await?;
    let install = Burst { wall, cpu: meter.read()?, requests: requests.since(&before) };
    before = requests;

    let quiet = self::quiet(&bed, quiet, &before).await?;
    before = Requests::of_service(bed.operator().http).await?;
    meter.read()?;

    let wall = driver.upgrade(bed.operator().service()).await.context("release-operator, upgrade")?;
    let requests = rested(bed.operator().http).await?;
    let upgrade = Burst { wall, cpu: meter.read()?, requests: requests.since(&before) };

    let part = Part { releases, install, upgrade, peak: processes::peak(bed.operator().service().pid())? };
    bed.bed.stop().await?;
    Ok(Ours { part, quiet })
}

async fn quiet(bed: &ReleaseBed, lasts: Duration, before: &Requests) -> anyhow::Result<Quiet> {
    let cpu = processes::cpu(bed.operator().service().pid())?;
    tokio::time::sleep(lasts).await;
    let requests = Requests::of_service(bed.operator().http).await?.since(before);
    Ok(Quiet { lasted: lasts, cpu: processes::cpu(bed.operator().service().pid())? - cpu, requests })
}

/// What it has counted when it asks for nothing more: what a burst leads to is part of it, such as Events and looks that its
/// own changes cause.
async fn rested(http: SocketAddr) -> anyhow::Result<Requests> {
    let mut last = Requests::default();
    eventually(REST, "release-operator to rest", async || {
        let now = Requests::of_service(http).await.map_err(|error| format!("{error:#}"))?;
        if now == last {
            return Ok(now);
        }
        last = now;
        tokio::time::sleep(SILENCE).await;
        Err("it goes on with requests".to_owned())
    })
    .await
}
