//! `bench-releases`: what release-operator costs beside the bare writes and beside helm, on real servers. See docs/performance.md.
//!
//! `bench-releases floor` is what it starts itself as: the client that only writes.

mod burst;
mod cluster;
mod driver;
mod figures;
mod floor;
mod helm;
mod memory;
mod ours;
mod processes;
mod report;
mod requests;
mod run;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser as _, ValueEnum};

/// Compares release-operator with a client that only writes, and with helm.
#[derive(clap::Parser)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,

    /// How many releases are installed and upgraded at once; one run for each number.
    #[arg(long, value_delimiter = ',', default_value = "100,500,1000")]
    sizes: Vec<NonZeroUsize>,

    /// Leaves out the other parts, and what is compared with them.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,

    /// Measures nothing but release-operator's memory, of 50 releases, with each number of CustomResourceDefinitions in the cluster.
    #[arg(long, value_delimiter = ',')]
    crds: Vec<usize>,

    /// Seconds between installs and upgrades in which nothing happens, and release-operator's requests are counted all the same.
    #[arg(long, default_value_t = 65)]
    quiet: u64,

    /// How many releases helm installs and upgrades.
    #[arg(long, default_value = "50")]
    helm_releases: NonZeroUsize,
}

#[derive(clap::Subcommand)]
enum Role {
    /// Writes what a release consists of for each FluxHelmRelease, and nothing else.
    Floor(floor::Args),
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The client that only writes.
    Floor,
    /// release-operator.
    Ours,
    /// helm.
    Helm,
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::fault(&error);
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            outcome = begin(args) => outcome,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        }
    })
}

async fn begin(args: Args) -> anyhow::Result<()> {
    let Args { role, sizes, only, crds, quiet, helm_releases } = args;
    match (role, crds.as_slice()) {
        (Some(Role::Floor(args)), _) => floor::run(args).await,
        (None, []) => {
            let sizes = sizes.iter().map(|size| size.get()).collect();
            let quiet = Duration::from_secs(quiet);
            run::run(&run::Plan { sizes, only, quiet, helm_releases: helm_releases.get() }).await
        }
        (None, crds) => memory::run(crds).await,
    }
}
