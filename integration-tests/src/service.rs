//! The project's own services as processes of the testbed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::bed::Testbed;
use crate::host::Host;
use crate::keeper::{Exit, Process, ProcessSpec, Signal};
use crate::tools;
use crate::wait::eventually;

const FREEZE: Duration = Duration::from_secs(10);

/// A service about to be started; see [`Testbed::service`].
#[must_use = "nothing starts before `start`"]
pub struct ServiceBuilder<'a> {
    bed: &'a Testbed,
    name: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    http: Option<SocketAddr>,
}

impl<'a> ServiceBuilder<'a> {
    pub(crate) fn new(bed: &'a Testbed, name: &str) -> Self {
        let mut env = bed.host.environment();
        if let Some(otlp) = &bed.otlp {
            env.insert("OTEL_EXPORTER_OTLP_ENDPOINT".into(), otlp.endpoint());
            // A test asks for a trace right after what it traced; the default gathers spans for 5 s.
            env.insert("OTEL_BSP_SCHEDULE_DELAY".into(), "200".into());
        }
        Self { bed, name: name.to_owned(), args: Vec::new(), env, http: None }
    }

    /// Adds arguments.
    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable, such as `WINDLASS_FAILPOINTS`.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// The kubeconfig the service works with: its own ServiceAccount's, never the admin's by default.
    pub fn kubeconfig(self, path: &Path) -> Self {
        self.env("WINDLASS_KUBECONFIG", path.display().to_string())
    }

    /// Where the service was told to serve `/livez`, `/readyz` and `/metrics`; [`Service::wait_ready`] asks there.
    pub fn http(mut self, address: SocketAddr) -> Self {
        self.http = Some(address);
        self
    }

    /// Starts the process; it may not be ready yet. It is killed when the [`Service`] is dropped.
    ///
    /// # Errors
    /// The binary is missing or cannot be executed.
    pub async fn start(self) -> anyhow::Result<Service> {
        let Self { bed, name, args, env, http } = self;
        let binary = tools::service(&name).with_context(|| format!("run `cargo build -p {name}`"))?;
        let log = bed.host.log_path(&bed.host.unique(&name));
        let mut service =
            Service { host: bed.host.clone(), name, binary, args, env, http, log, process: None };
        service.start().await?;
        Ok(service)
    }
}

/// A service process, which can be killed and started again with the same arguments and ports.
pub struct Service {
    host: Arc<Host>,
    name: String,
    binary: PathBuf,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    http: Option<SocketAddr>,
    log: PathBuf,
    process: Option<Process>,
}

impl Service {
    /// Starts it again after it has ended; its log goes on in the same file.
    ///
    /// # Errors
    /// It still runs, or cannot be executed.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        if let Some(process) = &self.process {
            ensure!(process.exit().is_some(), "{} still runs", self.name);
        }
        let spec = ProcessSpec {
            name: self.name.clone(),
            program: self.binary.clone(),
            args: self.args.clone(),
            env: self.env.clone(),
            cwd: self.host.folder().to_owned(),
            user: None,
            stdin: None,
            stdout: None,
            log: self.log.clone(),
            stop: Signal::Term,
            kill_on_drop: true,
        };
        self.process = Some(self.host.spawn(spec).await?);
        Ok(())
    }

    /// Sets (or with `None` removes) an environment variable for the next start, such as `WINDLASS_FAILPOINTS`.
    pub fn set_env(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.env.insert(name.to_owned(), value.to_owned()),
            None => self.env.remove(name),
        };
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Everything it has logged, over all its starts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits for a line of the log that contains `text`, and returns that line.
    ///
    /// # Errors
    /// The service has ended without it, or the deadline came: the message has the end of the log.
    pub async fn wait_for_log(&self, text: &str, deadline: Duration) -> anyhow::Result<String> {
        let what = format!("{} to log {text:?}", self.name);
        let found = eventually(deadline, &what, async || {
            // Asked before the log is read: what it wrote before its end counts.
            let exit = self.process().exit();
            let log = self.log();
            match (log.lines().find(|line| line.contains(text)), exit) {
                (Some(line), _) => Ok(Ok(line.to_owned())),
                (None, Some(exit)) => Ok(Err(exit)),
                (None, None) => Err(format!("the end of its log:\n{}", self.process().log_tail(15))),
            }
        });
        found.await?.map_err(|exit| self.ended(exit))
    }

    /// Waits until its `/readyz` answers 200.
    ///
    /// # Errors
    /// The service has ended, or the deadline came: the message has the end of the log.
    pub async fn wait_ready(&self, deadline: Duration) -> anyhow::Result<()> {
        let http =
            self.http.with_context(|| format!("{} was started without ServiceBuilder::http", self.name))?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("http://{http}/readyz");
        let what = format!("{} to be ready", self.name);
        let ready = eventually(deadline, &what, async || {
            if let Some(exit) = self.process().exit() {
                return Ok(Err(exit));
            }
            let state = match client.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(Ok(())),
                Ok(answer) => format!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
                Err(error) => format!("{:#}", anyhow::Error::from(error)),
            };
            Err(format!("{state}; the end of its log:\n{}", self.process().log_tail(15)))
        });
        ready.await?.map_err(|exit| self.ended(exit))
    }

    /// Kills it (SIGKILL) and waits for its end.
    ///
    /// # Errors
    /// The testbed has ended.
    pub async fn kill(&mut self) -> anyhow::Result<Exit> {
        self.process().signal(Signal::Kill)?;
        self.process().wait().await
    }

    /// Asks it to end (SIGTERM), waits for that and returns how it ended.
    ///
    /// # Errors
    /// It did not end within the deadline; it still runs then.
    pub async fn terminate(&mut self, deadline: Duration) -> anyhow::Result<Exit> {
        self.process().signal(Signal::Term)?;
        self.wait_exit(deadline).await
    }

    /// Stops it where it stands (SIGSTOP), and returns when it does: until [`Self::thaw`] nothing of it runs.
    ///
    /// # Errors
    /// It does not run.
    pub async fn freeze(&self) -> anyhow::Result<()> {
        self.process().signal(Signal::Stop)?;
        let path = format!("/proc/{}/stat", self.pid());
        eventually(FREEZE, &format!("{} to stand still", self.name), async || {
            let text = std::fs::read_to_string(&path)?;
            // The state stands behind the name, which is in parentheses.
            let state = text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
            ensure!(state == Some('T'), "its state is {state:?}");
            Ok(())
        })
        .await
    }

    /// Lets it run on (SIGCONT).
    ///
    /// # Errors
    /// The testbed has ended.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.process().signal(Signal::Cont)
    }

    /// How it has ended; `None` while it runs.
    pub fn exited(&self) -> Option<Exit> {
        self.process().exit()
    }

    /// Waits for its end, such as one that a failpoint brings about.
    ///
    /// # Errors
    /// It did not end within the deadline: the message has the end of the log.
    pub async fn wait_exit(&self, deadline: Duration) -> anyhow::Result<Exit> {
        match tokio::time::timeout(deadline, self.process().wait()).await {
            Ok(exit) => exit,
            Err(_) => {
                let tail = self.process().log_tail(15);
                bail!(
                    "{} did not end in {:.1} s; the end of its log:\n{tail}",
                    self.name,
                    deadline.as_secs_f64()
                )
            }
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("`ServiceBuilder::start` hands out none that was not started")
    }

    fn ended(&self, exit: Exit) -> anyhow::Error {
        anyhow::anyhow!(
            "{} ended with {exit}; the end of its log:\n{}",
            self.name,
            self.process().log_tail(25)
        )
    }
}
