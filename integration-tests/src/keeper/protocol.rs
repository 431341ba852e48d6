//! What the owner and the keeper say to each other: one JSON object a line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A signal the keeper can send to a process group, or that a process ended by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// SIGKILL: nothing can catch it.
    Kill,
    /// SIGTERM: the polite request to end.
    Term,
    /// SIGINT, as Ctrl-C sends it.
    Int,
    /// SIGQUIT: PostgreSQL's immediate shutdown.
    Quit,
    /// SIGSTOP: the process stands still until [`Signal::Cont`].
    Stop,
    /// SIGCONT.
    Cont,
}

/// Owner → keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Start a process.
    Spawn(Spawn),
    /// Send a signal to the group of a process; nothing happens when that has ended.
    Signal {
        /// The process.
        id: u64,
        /// The signal.
        signal: Signal,
    },
}

/// A process to start, in a process group of its own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spawn {
    /// The owner's number for the process, used by all later messages about it.
    pub(crate) id: u64,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: PathBuf,
    /// User and group to run as; only root can ask for it.
    pub(crate) user: Option<(u32, u32)>,
    /// The file to read standard input from; /dev/null when absent.
    pub(crate) stdin: Option<PathBuf>,
    /// Standard output is appended to this file.
    pub(crate) stdout: PathBuf,
    /// Standard error is appended to this file.
    pub(crate) stderr: PathBuf,
    /// The signal that ends the process when the testbed ends.
    pub(crate) stop: Signal,
}

/// Keeper → owner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// The first message: the folder exists and the keeper removes it at the end.
    Ready {
        /// The temporary folder of the testbed.
        folder: PathBuf,
    },
    /// A process runs.
    Spawned { id: u64, pid: u32 },
    /// A process could not be started.
    Failed { id: u64, error: String },
    /// A process has ended: with an exit code, or by a signal.
    Exited { id: u64, code: Option<i32>, signal: Option<i32> },
}
