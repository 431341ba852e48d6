//! The floor, seen by the process that starts it.

use std::time::Duration;

use anyhow::Context as _;
use integration_tests::windlass::NAMESPACE as SERVICES;
use integration_tests::{Service, Testbed};

use super::release::PLACEHOLDER;
use super::{WATCHES, done, requests};
use crate::burst::{Burst, Meter, Part};
use crate::cluster::{self, NAMESPACE};
use crate::driver::{CPU, CPU_PATH, Driver};
use crate::ours::WORKERS;
use crate::processes;
use crate::requests::Requests;

const SOON: Duration = Duration::from_secs(60);

/// Has so many releases written on fresh servers, and then their upgrades.
///
/// # Errors
/// Something did not become ready.
pub(crate) async fn measure(releases: usize, crds: usize) -> anyhow::Result<Part> {
    let bed = cluster::start(crds).await?;
    let floor = start(&bed, releases).await?;
    floor.wait_for_log(WATCHES, SOON).await?;
    let driver = Driver::new(&bed, releases)?;
    let mut meter = Meter::start(&bed, floor.pid())?;

    let wall = driver.install(&floor).await.context("the floor, install")?;
    let installed = counted(&floor, 1).await?;
    let install = Burst { wall, cpu: meter.read()?, requests: installed.clone() };

    let wall = driver.upgrade(&floor).await.context("the floor, upgrade")?;
    let upgraded = counted(&floor, 2).await?;
    let upgrade = Burst { wall, cpu: meter.read()?, requests: upgraded.since(&installed) };

    let part = Part { releases, install, upgrade, peak: processes::peak(floor.pid())? };
    bed.stop().await?;
    Ok(part)
}

/// Starts it with release-operator's rights.
async fn start(bed: &Testbed, releases: usize) -> anyhow::Result<Service> {
    let kubeconfig = bed.service_account_kubeconfig(SERVICES, "windlass-release-operator").await?;
    let chart = cluster::chart().display().to_string();
    let mut args = vec![
        "floor".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--namespace={NAMESPACE}"),
        format!("--releases={releases}"),
        format!("--workers={WORKERS}"),
        format!("--chart={chart}"),
        "--manifests".to_owned(),
    ];
    for cpu in CPU {
        let set = format!("{CPU_PATH}={cpu}");
        let manifest =
            bed.helm(&["template", PLACEHOLDER, &chart, "--namespace", NAMESPACE, "--set", &set]).await?;
        let path = bed.folder().join(format!("manifest-{cpu}.yaml"));
        std::fs::write(&path, manifest + "\n")?;
        args.push(path.display().to_string());
    }
    bed.service("bench-releases").args(args).start().await
}

async fn counted(floor: &Service, revision: u32) -> anyhow::Result<Requests> {
    requests(&floor.wait_for_log(&done(revision), SOON).await?, revision)
}
