//! The owner's side: starts the keeper and asks it to start processes.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use anyhow::{Context, anyhow, bail};
use tokio::sync::{oneshot, watch};

use super::process::{Exit, Process};
use super::protocol::{Event, Request, Signal, Spawn};
use crate::unix_user::UnixUser;

/// A process to start.
pub(crate) struct ProcessSpec {
    /// Its name in messages.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: PathBuf,
    pub(crate) user: Option<UnixUser>,
    pub(crate) stdin: Option<PathBuf>,
    /// Where standard output goes; to `log` when absent.
    pub(crate) stdout: Option<PathBuf>,
    pub(crate) log: PathBuf,
    /// How to end it when the testbed ends.
    pub(crate) stop: Signal,
    /// Ends it with SIGKILL when its [`Process`] is dropped.
    pub(crate) kill_on_drop: bool,
}

/// The owner's end of the keeper. Dropping it ends every process and removes the folder, and returns
/// when that is done.
pub(crate) struct Keeper {
    inner: Arc<Inner>,
    folder: PathBuf,
}

struct Inner {
    next_id: AtomicU64,
    stdin: Mutex<Option<ChildStdin>>,
    child: Mutex<Option<Child>>,
    table: Arc<Table>,
}

/// What is known of each process that has not ended.
#[derive(Default)]
struct Table(Mutex<HashMap<u64, Entry>>);

struct Entry {
    started: Option<oneshot::Sender<anyhow::Result<u32>>>,
    exit: watch::Sender<Option<Exit>>,
}

/// A way to the keeper that does not keep it alive.
#[derive(Clone)]
pub(crate) struct KeeperHandle(Weak<Inner>);

impl KeeperHandle {
    pub(super) fn send(&self, request: &Request) -> anyhow::Result<()> {
        self.0.upgrade().context("the testbed has ended")?.send(request)
    }
}

impl Keeper {
    /// Starts the keeper, which makes the testbed's folder.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let program = crate::tools::service("testbed-keeper")
            .context("the testbed's supervisor is missing: run `cargo build -p integration-tests --bins`")?;
        let mut command = Command::new(&program);
        // A group of its own: Ctrl-C in the terminal must reach the owner, not the one who cleans up.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let stdin = child.stdin.take().context("the keeper has no standard input")?;
        let mut stdout = BufReader::new(child.stdout.take().context("the keeper has no standard output")?);
        let table = Arc::new(Table::default());
        let inner = Arc::new(Inner {
            next_id: AtomicU64::new(1),
            stdin: Mutex::new(Some(stdin)),
            child: Mutex::new(Some(child)),
            table: table.clone(),
        });
        let mut line = String::new();
        stdout.read_line(&mut line).context("cannot read from testbed-keeper")?;
        let Ok(Event::Ready { folder }) = serde_json::from_str(&line) else {
            bail!("testbed-keeper did not start: it said {line:?}");
        };
        // A thread and not a task: the testbed may outlive the runtime it was started in.
        std::thread::spawn(move || table.follow(stdout));
        Ok(Self { inner, folder })
    }

    /// The folder of the testbed.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a process and returns when it runs.
    pub(crate) async fn spawn(&self, spec: ProcessSpec) -> anyhow::Result<Process> {
        let id = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        let (started, spawned) = oneshot::channel();
        let (sender, exit) = watch::channel(None);
        self.inner.table.lock().insert(id, Entry { started: Some(started), exit: sender });
        let ProcessSpec { name, program, args, env, cwd, user, stdin, stdout, log, stop, kill_on_drop } =
            spec;
        let user = user.map(|user| (user.uid, user.gid));
        let stdout = stdout.unwrap_or_else(|| log.clone());
        let stderr = log.clone();
        self.inner.send(&Request::Spawn(Spawn {
            id,
            program,
            args,
            env,
            cwd,
            user,
            stdin,
            stdout,
            stderr,
            stop,
        }))?;
        let keeper = KeeperHandle(Arc::downgrade(&self.inner));
        // Made before the answer is awaited: a caller that gives up here still ends the process.
        let mut process = Process { id, pid: 0, name, log, exit, keeper, kill_on_drop };
        process.pid = spawned.await.context("testbed-keeper has ended")??;
        Ok(process)
    }
}

impl Table {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Entry>> {
        self.0.lock().expect("no code panics while it holds this lock")
    }

    /// Takes in the keeper's events until it ends; then whoever waits learns of it by the dropped senders.
    fn follow(&self, stdout: BufReader<ChildStdout>) {
        for line in stdout.lines() {
            let Ok(line) = line else { break };
            let Ok(event) = serde_json::from_str(&line) else { break };
            self.take(event);
        }
        self.lock().clear();
    }

    fn take(&self, event: Event) {
        let mut entries = self.lock();
        match event {
            Event::Ready { .. } => {}
            Event::Spawned { id, pid } => {
                if let Some(started) = entries.get_mut(&id).and_then(|entry| entry.started.take()) {
                    let _ = started.send(Ok(pid));
                }
            }
            Event::Failed { id, error } => {
                if let Some(started) = entries.remove(&id).and_then(|entry| entry.started) {
                    let _ = started.send(Err(anyhow!(error)));
                }
            }
            Event::Exited { id, code, signal } => {
                let exit = code.map(Exit::Code).or(signal.map(Exit::Signal)).unwrap_or(Exit::Code(-1));
                if let Some(entry) = entries.remove(&id) {
                    entry.exit.send_replace(Some(exit));
                }
            }
        }
    }
}

impl Inner {
    fn send(&self, request: &Request) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(request).context("cannot write the request")?;
        line.push('\n');
        let mut stdin = self.stdin.lock().expect("no code panics while it holds this lock");
        let stdin = stdin.as_mut().context("the testbed has ended")?;
        stdin.write_all(line.as_bytes()).context("testbed-keeper has ended")
    }

    /// Closes the pipe and waits for the keeper, which bounds its own time.
    fn stop(&self) -> anyhow::Result<()> {
        drop(self.stdin.lock().expect("no code panics while it holds this lock").take());
        let child = self.child.lock().expect("no code panics while it holds this lock").take();
        let Some(mut child) = child else { return Ok(()) };
        let status = child.wait().context("cannot wait for testbed-keeper")?;
        if !status.success() {
            bail!("testbed-keeper could not clean up: {status}; it wrote the reason to standard error");
        }
        Ok(())
    }
}

impl Keeper {
    /// As dropping it, with the error if something could not be cleaned up. A second call does nothing.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        self.inner.stop()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The keeper has written what went wrong to standard error.
        let _ = self.inner.stop();
    }
}
