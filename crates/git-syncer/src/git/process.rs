//! One exchange with the git server: the process (or HTTP client) behind a transport, its limit in time, and what its
//! standard error means.
//!
//! gix would start ssh itself; it is started here instead because that gives the exact error texts, and a process that can be
//! ended when the limit is reached.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gix_transport::client::blocking_io::Transport;
use gix_transport::client::blocking_io::connect::{Options, connect};
use gix_transport::client::git::ConnectMode;
use gix_transport::client::git::blocking_io::Connection;
use gix_transport::{Protocol, Service};

use super::error::{Cause, GitError};
use super::remote::Remote;

/// As much of a server's standard error as is kept.
const STDERR_LIMIT: u64 = 16 * 1024;
/// How long to wait for the last words of a process that has been ended.
const STDERR_GRACE: Duration = Duration::from_secs(1);

/// A transport whose kind (process or HTTP) does not matter any more.
pub(super) type AnyTransport = Box<dyn Transport + Send>;

/// Keeps the process of an exchange; dropping it ends the process.
pub(super) struct Exchange {
    child: Option<Arc<Mutex<Child>>>,
    stderr: Option<Receiver<String>>,
    timed_out: Arc<AtomicBool>,
    limit: Duration,
    url: String,
    host: String,
    /// Dropping it lets the watchdog go.
    _alive: Option<SyncSender<()>>,
}

/// Opens a transport to `service` of the remote. The exchange must outlive the transport's use.
pub(super) fn open(remote: &Remote, service: Service) -> Result<(AnyTransport, Exchange), GitError> {
    // A push is always protocol 1; a fetch asks for 2, so that the server lists only the refs that are asked for.
    let version = if matches!(service, Service::UploadPack) { Protocol::V2 } else { Protocol::V1 };
    let mut exchange = Exchange {
        child: None,
        stderr: None,
        timed_out: Arc::default(),
        limit: remote.timeout,
        url: remote.url.as_str().to_owned(),
        host: remote.url.host().to_owned(),
        _alive: None,
    };
    let Some((program, mut command)) = remote.command(service, version == Protocol::V2) else {
        let url = gix::url::parse(remote.url.as_str());
        let url = url.map_err(|error| exchange.protocol(error))?;
        let transport = connect(url, Options { version, ..Options::default() });
        return Ok((transport.map_err(|error| exchange.protocol(error))?, exchange));
    };
    // A group of its own, so that hooks and helpers of a local server end with it.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| GitError::Spawn { program, source })?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(GitError::Interrupted);
    };
    let child = Arc::new(Mutex::new(child));
    exchange.stderr = Some(collect_stderr(stderr));
    exchange._alive = Some(watch(Arc::clone(&child), Arc::clone(&exchange.timed_out), remote.timeout));
    exchange.child = Some(child);
    let no_host = None::<(String, Option<u16>)>;
    let connection = Connection::new(stdout, stdin, version, "", no_host, ConnectMode::Process, false)
        .custom_url(Some(remote.url.as_str().into()));
    Ok((Box::new(connection), exchange))
}

fn collect_stderr(stderr: std::process::ChildStderr) -> Receiver<String> {
    let (send, receive) = sync_channel(1);
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let mut stderr = stderr;
        // Read on past the limit, so that a talkative process never blocks on a full pipe.
        let _ = (&mut stderr).take(STDERR_LIMIT).read_to_end(&mut text);
        let _ = send.send(String::from_utf8_lossy(&text).into_owned());
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
    });
    receive
}

/// Ends the process when the limit is reached, unless the returned sender is dropped before.
fn watch(child: Arc<Mutex<Child>>, timed_out: Arc<AtomicBool>, limit: Duration) -> SyncSender<()> {
    let (alive, ended) = sync_channel::<()>(1);
    std::thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            timed_out.store(true, Ordering::SeqCst);
            end(&child);
        }
    });
    alive
}

/// Ends the process and its group, unless it has ended already: then its id may be another's by now.
fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    if let Ok(None) = child.try_wait() {
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(&child),
            rustix::process::Signal::KILL,
        );
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            end(child);
            let _ = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
        }
    }
}

impl Exchange {
    /// Ends the process and makes of a transport's error what it means.
    pub(super) fn explain(&mut self, source: impl Into<Cause>) -> GitError {
        // On its way out a refused process has closed its pipe a moment before it has said why: wait for its words first.
        let mut said = self.stderr.as_ref().and_then(|stderr| stderr.recv_timeout(STDERR_GRACE).ok());
        if let Some(child) = &self.child {
            end(child);
        }
        if said.is_none() {
            said = self.stderr.as_ref().and_then(|stderr| stderr.recv_timeout(STDERR_GRACE).ok());
        }
        if self.timed_out.load(Ordering::SeqCst) {
            return GitError::Timeout { limit: self.limit };
        }
        classify(&self.url, &self.host, &said.unwrap_or_default(), source.into())
    }

    fn protocol(&self, source: impl Into<Cause>) -> GitError {
        classify(&self.url, &self.host, "", source.into())
    }
}

/// What ssh's and git's messages mean. The texts are OpenSSH's and git's in the C locale, and those of the large hosts.
fn classify(url: &str, host: &str, stderr: &str, source: Cause) -> GitError {
    let detail = one_line(stderr);
    let (url, host) = (url.to_owned(), host.to_owned());
    let says = |texts: &[&str]| texts.iter().any(|text| stderr.contains(text));
    if says(&["marked as read only", "is read-only", "not allowed to push", "write access not granted"]) {
        return GitError::ReadOnly { detail };
    }
    if says(&["Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
        return GitError::HostKey { host, detail };
    }
    if says(&["Permission denied (", "Too many authentication failures", "Load key "]) {
        return GitError::Denied { detail };
    }
    if says(&[
        "Could not resolve hostname",
        "Connection refused",
        "Connection timed out",
        "No route to host",
        "Network is unreachable",
        "Connection closed by",
        "Connection reset by",
        "kex_exchange_identification",
        "connect to host",
    ]) {
        return GitError::Unreachable { host, detail };
    }
    if says(&["does not appear to be a git repository", "epository not found", "not a git repository"]) {
        return GitError::RepositoryMissing { url, detail };
    }
    match io_kind(&*source) {
        Some(std::io::ErrorKind::PermissionDenied) if stderr.is_empty() => {
            GitError::Denied { detail: one_line(&source.to_string()) }
        }
        Some(std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::TimedOut) => {
            GitError::Unreachable { host, detail: one_line(&source.to_string()) }
        }
        _ => GitError::Protocol { detail, source },
    }
}

/// The io error at the bottom of a chain of causes, if there is one.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

/// The last lines of a text in one line of bounded length, without control characters.
fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let start = lines.len().saturating_sub(4);
    let line: String = lines[start..].join("; ").chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(400) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_ssh_and_git_are_told_apart() {
        let check = |stderr: &str, expected: &str| {
            let source: Cause = Box::new(std::io::Error::other("end of file"));
            let error = classify("ssh://git@example.org/r", "example.org", stderr, source);
            let name = format!("{error:?}");
            assert_eq!(name.split([' ', '{', '(']).next().unwrap(), expected, "{stderr}");
        };
        check("git@example.org: Permission denied (publickey).\r\n", "Denied");
        check("Host key verification failed.\r\n", "HostKey");
        check("ssh: connect to host example.org port 22: Connection refused\r\n", "Unreachable");
        check("ssh: Could not resolve hostname example.org: Name or service not known\r\n", "Unreachable");
        check("fatal: '/srv/r' does not appear to be a git repository\n", "RepositoryMissing");
        check(
            "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n",
            "RepositoryMissing",
        );
        check("ERROR: The key you are authenticating with has been marked as read only.\n", "ReadOnly");
        check("fatal: something else\n", "Protocol");
    }

    #[test]
    fn details_are_one_bounded_line() {
        assert_eq!(one_line("a\r\n\n b\x07 \n"), "a; b");
        assert_eq!(one_line(&"x".repeat(1000)).chars().count(), 401);
    }
}
