//! The keeper's side: starts processes as told, and cleans up when the owner is gone.
//!
//! The owner is gone when standard input ends, which the kernel brings about however the owner died.
//! The keeper adopts orphans (`PR_SET_CHILD_SUBREAPER`), so what a server forked away from its group
//! (a session of sshd) is found and ended as well.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rustix::process::{Pid, WaitOptions};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::protocol::{Event, Request, Signal, Spawn};

/// How long processes may take to obey their stop signal before SIGKILL.
const STOP_BOUND: Duration = Duration::from_secs(5);
/// How long everything may take to be gone after SIGKILL.
const KILL_BOUND: Duration = Duration::from_secs(20);

/// Runs the keeper until its owner is gone or it gets SIGTERM, SIGINT or SIGHUP, then ends every
/// process it started, with all their descendants, and removes the folder.
///
/// # Errors
/// The folder could not be made, or something could not be ended or removed.
pub fn supervise() -> anyhow::Result<()> {
    // Where the kernel has no subreapers, process groups still cover all but detached sessions.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let folder = tempfile::Builder::new()
        .prefix("windlass-testbed-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .tempdir()
        .context("cannot make the folder of the testbed")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stopped = runtime.block_on(async {
        let mut children = Children::default();
        serve(folder.path(), &mut children).await?;
        children.stop().await;
        anyhow::Ok(())
    });
    let ended = end_descendants();
    remove(&folder.keep())?;
    stopped.and(ended)
}

async fn serve(folder: &Path, children: &mut Children) -> anyhow::Result<()> {
    let mut requests = requests();
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tell(&Event::Ready { folder: folder.to_owned() });
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(Request::Spawn(spawn)) => children.spawn(spawn),
                Some(Request::Signal { id, signal }) => children.signal(id, signal),
                None => return Ok(()),
            },
            Some((id, status)) = children.exits.next(), if !children.exits.is_empty() => children.exited(id, status),
            _ = term.recv() => return Ok(()),
            _ = int.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
        }
    }
}

/// The owner's requests; the channel closes with standard input. A thread, because a read of standard
/// input cannot be abandoned when a signal ends the keeper first.
fn requests() -> mpsc::Receiver<Request> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            // The owner is the same build: a line cut short by its death is the only malformed one.
            let Ok(request) = serde_json::from_str(&line) else { return };
            if sender.blocking_send(request).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Sends an event. An owner that is gone cannot hear it; the end of standard input tells so.
fn tell(event: &Event) {
    let mut line = serde_json::to_string(event).expect("events are plain data");
    line.push('\n');
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
}

type ExitFuture = futures::future::BoxFuture<'static, (u64, std::io::Result<ExitStatus>)>;

/// The processes that run. A pid is forgotten in the same step that reaps it, so no signal can meet
/// another process that got the number.
#[derive(Default)]
struct Children {
    running: HashMap<u64, (Pid, Signal)>,
    exits: FuturesUnordered<ExitFuture>,
}

impl Children {
    fn spawn(&mut self, spawn: Spawn) {
        let (id, stop) = (spawn.id, spawn.stop);
        match start(spawn) {
            Ok((pid, exit)) => {
                self.running.insert(id, (pid, stop));
                self.exits.push(exit);
                tell(&Event::Spawned { id, pid: pid.as_raw_nonzero().get().cast_unsigned() });
            }
            Err(error) => tell(&Event::Failed { id, error: format!("{error:#}") }),
        }
    }

    fn signal(&self, id: u64, signal: Signal) {
        if let Some((pid, _)) = self.running.get(&id) {
            send(*pid, signal);
        }
    }

    fn exited(&mut self, id: u64, status: std::io::Result<ExitStatus>) {
        self.running.remove(&id);
        let (code, signal) = status.map_or((None, None), |status| (status.code(), status.signal()));
        tell(&Event::Exited { id, code, signal });
    }

    async fn stop(&mut self) {
        for (pid, stop) in self.running.values() {
            send(*pid, *stop);
        }
        if !self.drain(STOP_BOUND).await {
            for (pid, _) in self.running.values() {
                send(*pid, Signal::Kill);
            }
            self.drain(KILL_BOUND).await;
        }
    }

    /// Waits until every process has ended; false when the bound came first.
    async fn drain(&mut self, bound: Duration) -> bool {
        let all = async {
            while let Some((id, status)) = self.exits.next().await {
                self.exited(id, status);
            }
        };
        tokio::time::timeout(bound, all).await.is_ok()
    }
}

fn start(spawn: Spawn) -> anyhow::Result<(Pid, ExitFuture)> {
    let Spawn { id, program, args, env, cwd, user, stdin, stdout, stderr, stop: _ } = spawn;
    let stdin = match stdin {
        Some(path) => File::open(&path).with_context(|| format!("cannot open {}", path.display()))?.into(),
        None => Stdio::null(),
    };
    let mut command = Command::new(&program);
    command.args(args).env_clear().envs(env).current_dir(cwd).process_group(0);
    command.stdin(stdin).stdout(append(&stdout)?).stderr(append(&stderr)?);
    if let Some((uid, gid)) = user {
        command.gid(gid).uid(uid);
    }
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let pid =
        child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).context("the process has no pid")?;
    Ok((pid, Box::pin(async move { (id, child.wait().await) })))
}

fn append(path: &Path) -> anyhow::Result<Stdio> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    Ok(file.with_context(|| format!("cannot open {}", path.display()))?.into())
}

fn send(group: Pid, signal: Signal) {
    let signal = match signal {
        Signal::Kill => rustix::process::Signal::KILL,
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Int => rustix::process::Signal::INT,
        Signal::Quit => rustix::process::Signal::QUIT,
        Signal::Stop => rustix::process::Signal::STOP,
        Signal::Cont => rustix::process::Signal::CONT,
    };
    // It may have ended this instant: then there is nothing left to do.
    let _ = rustix::process::kill_process_group(group, signal);
}

/// Ends what is left below this process: orphans come to it one generation at a time.
fn end_descendants() -> anyhow::Result<()> {
    let end = Instant::now() + KILL_BOUND;
    loop {
        let children = own_children();
        if children.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            bail!("these processes did not end: {children:?}");
        }
        for pid in children {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            // SIGKILL is certain, so this wait is short; it also keeps the loop from spinning.
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

/// The pids whose parent this process is, from /proc/PID/stat (proc(5): the fourth field, after the
/// name in parentheses, which may itself hold blanks and parentheses).
fn own_children() -> Vec<Pid> {
    let own = std::process::id();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let child = |name: &str| {
        let pid = name.parse::<i32>().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()?;
        (parent == own).then(|| Pid::from_raw(pid)).flatten()
    };
    entries.filter_map(|entry| child(entry.file_name().to_str()?)).collect()
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
