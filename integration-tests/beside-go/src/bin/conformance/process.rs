//! One run of a program.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cases::Case;

/// The most bytes that a program may print on either of its outputs.
const MOST_OUTPUT: u64 = 256 << 20;

/// What a program printed, and how it ended.
pub(crate) struct Output {
    /// None if it was ended: it took too long or printed too much.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) took: Duration,
}

impl Output {
    pub(crate) fn succeeded(&self) -> bool {
        self.code == Some(0)
    }
}

/// Runs `program template` with the case's arguments, without any of the user's settings.
pub(crate) fn template(
    program: &Path,
    case: &Case,
    home: &Path,
    deadline: Duration,
) -> anyhow::Result<Output> {
    let start = Instant::now();
    let mut child = Command::new(program)
        .arg("template")
        .args(case.arguments())
        .current_dir(case.folder())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("KUBECONFIG", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let pid = Pid::from_raw(child.id().try_into().context("a process id fits")?);
    let stdout = child.stdout.take().context("standard output was asked for")?;
    let stderr = child.stderr.take().context("standard error was asked for")?;
    let (ended, watched) = channel::<()>();
    let (stdout, stderr, late) = std::thread::scope(|scope| {
        // Until it is waited for below, its process id is nobody else's.
        let watch = scope.spawn(move || {
            let late = watched.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout);
            if late {
                kill(pid, Signal::SIGKILL).ok();
            }
            late
        });
        let other = scope.spawn(move || read(stderr));
        let stdout = read(stdout);
        let stderr = other.join();
        drop(ended);
        (stdout, stderr, watch.join())
    });
    let gone = || anyhow::anyhow!("a thread panicked");
    let (stdout, stderr) = (stdout?, stderr.map_err(|_| gone())??);
    let status = child.wait()?;
    let whole = [&stdout, &stderr].iter().all(|text| (text.len() as u64) < MOST_OUTPUT);
    let code = status.code().filter(|_| whole && !late.unwrap_or(true));
    Ok(Output { code, stdout, stderr, took: start.elapsed() })
}

/// Reads up to the bound; then the pipe closes, and the program with it.
fn read(pipe: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.take(MOST_OUTPUT).read_to_end(&mut bytes)?;
    Ok(bytes)
}
