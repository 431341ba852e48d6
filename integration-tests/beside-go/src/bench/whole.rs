//! Whole processes: what one run of a program costs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use super::child::Pair;
use super::measure::{Times, ensure_same};

/// What a process took.
#[derive(Serialize, Deserialize)]
pub(super) struct Cost {
    /// Processor time, user and system, of all its threads.
    microseconds: u64,
    /// The most memory that was resident.
    kib: u64,
}

/// `once PROGRAM ARGUMENTS…`: runs the program, and prints its cost as one line of JSON.
///
/// A process of its own for each run, because the kernel adds up the time of a process's children and keeps only the
/// largest peak; a small one, because a child's peak counts from the program that started it.
///
/// # Errors
/// When the program cannot be run or fails.
#[expect(clippy::print_stdout, reason = "the answer to the process that started this one")]
pub fn once(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().context("usage: once PROGRAM ARGUMENTS")?;
    let status =
        Command::new(&program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "{} ended with {status}", program.display());
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let (user, system) = (usage.user_time(), usage.system_time());
    let seconds = u64::try_from(user.tv_sec() + system.tv_sec())?;
    let microseconds = seconds * 1_000_000 + u64::try_from(user.tv_usec() + system.tv_usec())?;
    println!("{}", serde_json::to_string(&Cost { microseconds, kib: usage.max_rss().try_into()? })?);
    Ok(())
}

/// `windlass` and `helm`, run on one chart.
pub(super) struct Programs {
    programs: Pair<PathBuf>,
    launcher: PathBuf,
    arguments: Vec<OsString>,
}

/// The costs of many runs.
pub(super) struct Costs {
    /// Milliseconds of processor time.
    pub(super) times: Times,
    /// KiB.
    pub(super) peaks: Times,
}

impl Programs {
    pub(super) fn new(windlass: &Path, helm: &Path, chart: &Path) -> anyhow::Result<Self> {
        let words = ["template", "demo"].into_iter().map(OsString::from);
        let arguments =
            words.chain([chart.into()]).chain(["--namespace", "space"].map(OsString::from)).collect();
        Ok(Self {
            programs: Pair { ours: windlass.to_owned(), go: helm.to_owned() },
            launcher: std::env::current_exe().context("cannot tell the path of this program")?,
            arguments,
        })
    }

    /// Fails unless both print the same. Answers the output's length.
    pub(super) fn ensure_same(&self, name: &str) -> anyhow::Result<usize> {
        let output = |program: &Path| -> anyhow::Result<Vec<u8>> {
            let output = quiet(program).args(&self.arguments).output()?;
            let error = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{name}: {} failed: {error}", program.display());
            Ok(output.stdout)
        };
        let (ours, helm) = (output(&self.programs.ours)?, output(&self.programs.go)?);
        ensure_same(name, &ours, &helm)?;
        Ok(ours.len())
    }

    /// Runs both in turn so many times; who is first changes each time.
    pub(super) fn costs(&self, runs: usize) -> anyhow::Result<Pair<Costs>> {
        let (mut ours, mut helm) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
        for turn in 0..runs {
            if turn % 2 == 0 {
                ours.push(self.cost(&self.programs.ours)?);
                helm.push(self.cost(&self.programs.go)?);
            } else {
                helm.push(self.cost(&self.programs.go)?);
                ours.push(self.cost(&self.programs.ours)?);
            }
        }
        Ok(Pair { ours: Costs::of(&ours), go: Costs::of(&helm) })
    }

    fn cost(&self, program: &Path) -> anyhow::Result<Cost> {
        let output = quiet(&self.launcher)
            .arg("once")
            .arg(program)
            .args(&self.arguments)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start this program again")?;
        ensure!(output.status.success(), "{} could not be measured", program.display());
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

impl Costs {
    fn of(costs: &[Cost]) -> Self {
        let times = costs.iter().map(|cost| cost.microseconds as f64 / 1000.0).collect();
        Self {
            times: Times::new(times),
            peaks: Times::new(costs.iter().map(|cost| cost.kib as f64).collect()),
        }
    }
}

/// The program without any of the user's settings.
fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("KUBECONFIG", "/dev/null");
    command.stdin(Stdio::null());
    command
}
