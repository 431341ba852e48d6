//! What many releases at once took.

use std::time::Duration;

use integration_tests::Testbed;

use crate::processes;
use crate::requests::Requests;

/// Releases that were all installed, or all upgraded, at once.
pub(crate) struct Burst {
    /// From the first request for one until the last was seen ready.
    pub(crate) wall: Duration,
    /// Processor time of each process that took part.
    pub(crate) cpu: Vec<(&'static str, Duration)>,
    /// What the one that works on releases asked of the API server.
    pub(crate) requests: Requests,
}

/// Both of one number of releases.
pub(crate) struct Part {
    /// How many releases.
    pub(crate) releases: usize,
    /// The first one.
    pub(crate) install: Burst,
    /// The one after it.
    pub(crate) upgrade: Burst,
    /// The most memory that the process which works on releases had, in bytes.
    pub(crate) peak: u64,
}

/// The processes that take part, and what they had taken at some time.
pub(crate) struct Meter {
    processes: Vec<(&'static str, u32)>,
    before: Vec<Duration>,
}

/// Under this name is whoever works on releases.
pub(crate) const WORKER: &str = "worker";

impl Meter {
    /// From now on.
    ///
    /// # Errors
    /// A process has ended.
    pub(crate) fn start(bed: &Testbed, worker: u32) -> anyhow::Result<Self> {
        let mut processes = vec![(WORKER, worker), ("this program", std::process::id())];
        for name in ["kube-apiserver", "etcd", "kube-controller-manager"] {
            processes.push((name, processes::server(bed, name)?));
        }
        let before = taken(&processes)?;
        Ok(Self { processes, before })
    }

    /// What each has taken since the last time.
    ///
    /// # Errors
    /// A process has ended.
    pub(crate) fn read(&mut self) -> anyhow::Result<Vec<(&'static str, Duration)>> {
        let now = taken(&self.processes)?;
        let names = self.processes.iter().map(|(name, _)| *name);
        let since = names
            .zip(now.iter().zip(&self.before).map(|(now, before)| now.saturating_sub(*before)))
            .collect();
        self.before = now;
        Ok(since)
    }
}

fn taken(processes: &[(&'static str, u32)]) -> anyhow::Result<Vec<Duration>> {
    processes.iter().map(|(_, pid)| processes::cpu(*pid)).collect()
}
