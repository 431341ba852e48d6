//! A process that the keeper runs, seen by its owner.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::sync::watch;

use super::owner::KeeperHandle;
use super::protocol::{Request, Signal};

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it (9 is SIGKILL).
    Signal(i32),
}

impl Exit {
    /// True for exit code 0.
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A running (or ended) process of the testbed.
pub struct Process {
    pub(super) id: u64,
    pub(super) pid: u32,
    pub(super) name: String,
    pub(super) log: PathBuf,
    pub(super) exit: watch::Receiver<Option<Exit>>,
    pub(super) keeper: KeeperHandle,
    pub(super) kill_on_drop: bool,
}

impl Process {
    /// The name of the server or program.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file that holds what the process wrote to standard error, and to standard output unless
    /// that was asked for apart.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// How it ended; `None` while it runs.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits until the process has ended. No deadline of its own.
    ///
    /// # Errors
    /// The keeper is gone.
    pub async fn wait(&self) -> anyhow::Result<Exit> {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        let ended = ended.with_context(|| format!("the testbed ended while {} ran", self.name))?;
        ended.with_context(|| format!("{} has no exit status", self.name))
    }

    /// Sends a signal to the process and its group; nothing happens when it has ended.
    ///
    /// # Errors
    /// The testbed is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.keeper.send(&Request::Signal { id: self.id, signal })
    }

    /// The last `lines` lines of the log, for error messages.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.kill_on_drop && self.exit().is_none() {
            // When the testbed is gone, so is the process.
            let _ = self.signal(Signal::Kill);
        }
    }
}
