//! helm itself: one release after the other, as a script would do it.

use std::time::{Duration, Instant};

use integration_tests::Testbed;

use crate::cluster::{self, NAMESPACE};
use crate::driver::{CPU, CPU_PATH};
use crate::processes;

/// What helm took.
pub(crate) struct Helm {
    /// Of all installs.
    pub(crate) install: Run,
    /// Of all upgrades.
    pub(crate) upgrade: Run,
}

/// One command for each release.
pub(crate) struct Run {
    /// Time for all.
    pub(crate) wall: Duration,
    /// Processor time that the API server took meanwhile.
    pub(crate) apiserver: Duration,
    /// How many releases.
    pub(crate) releases: usize,
}

impl Run {
    /// Seconds for one release.
    pub(crate) fn each(&self) -> f64 {
        self.wall.as_secs_f64() / self.releases as f64
    }
}

/// Installs so many releases with helm on fresh servers, and upgrades them.
///
/// # Errors
/// Something did not become ready, or helm failed.
pub(crate) async fn measure(releases: usize, crds: usize) -> anyhow::Result<Helm> {
    let bed = cluster::start(crds).await?;
    let install = run(&bed, releases, CPU[0]).await?;
    let upgrade = run(&bed, releases, CPU[1]).await?;
    bed.stop().await?;
    Ok(Helm { install, upgrade })
}

async fn run(bed: &Testbed, releases: usize, cpu: u32) -> anyhow::Result<Run> {
    let apiserver = processes::server(bed, "kube-apiserver")?;
    let (chart, set) = (cluster::chart().display().to_string(), format!("{CPU_PATH}={cpu}"));
    let (began, before) = (Instant::now(), processes::cpu(apiserver)?);
    for number in 0..releases {
        let name = format!("release-{number:04}");
        bed.helm(&["upgrade", "--install", &name, &chart, "--namespace", NAMESPACE, "--set", &set]).await?;
    }
    Ok(Run { wall: began.elapsed(), apiserver: processes::cpu(apiserver)? - before, releases })
}
