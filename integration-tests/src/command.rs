//! Running a program to its end, under the keeper like everything else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::host::Host;
use crate::keeper::{Exit, ProcessSpec, Signal};

/// How long a program may run unless told otherwise. Longer than helm's own default wait.
const DEADLINE: Duration = Duration::from_secs(330);
/// The largest output taken in; more is an error and not memory.
const MAX_OUTPUT: u64 = 64 << 20;

/// A program about to be run; see [`Testbed::program`](crate::Testbed::program).
#[must_use = "nothing runs before `run` or `output`"]
pub struct Invocation<'a> {
    host: &'a Host,
    program: PathBuf,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: PathBuf,
    stdin: Option<Vec<u8>>,
    deadline: Duration,
}

/// What a program left: its end and its output.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, as text.
    pub stderr: String,
}

impl<'a> Invocation<'a> {
    pub(crate) fn new(host: &'a Host, program: impl Into<PathBuf>) -> Self {
        Self {
            host,
            program: program.into(),
            args: Vec::new(),
            env: host.environment(),
            cwd: host.folder().to_owned(),
            stdin: None,
            deadline: DEADLINE,
        }
    }

    /// Adds arguments.
    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// The folder to run in; the testbed's folder unless set.
    pub fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        self.cwd = folder.as_ref().to_owned();
        self
    }

    /// What the program reads from standard input; nothing unless set.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// How long the program may run; 330 s unless set.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs the program and returns its standard output, without the last newline.
    ///
    /// # Errors
    /// It cannot be started, does not end in time, or ends with another code than 0: the message has
    /// the command line and its standard error.
    pub async fn run(self) -> anyhow::Result<String> {
        let line = self.line();
        let output = self.output().await?;
        if !output.exit.success() {
            bail!("`{line}` ended with {}: {}", output.exit, output.stderr.trim_end());
        }
        let mut text =
            String::from_utf8(output.stdout).with_context(|| format!("`{line}` wrote no UTF-8"))?;
        text.truncate(text.trim_end_matches('\n').len());
        Ok(text)
    }

    /// Runs the program and returns whatever came of it; for programs that are expected to fail.
    ///
    /// # Errors
    /// It cannot be started, or does not end in time (and is ended then).
    pub async fn output(self) -> anyhow::Result<Output> {
        let line = self.line();
        let run = self.host.folder().join("run").join(self.host.unique("command"));
        let files = Files {
            stdin: run.with_extension("in"),
            stdout: run.with_extension("out"),
            stderr: run.with_extension("err"),
        };
        if let Some(input) = &self.stdin {
            std::fs::write(&files.stdin, input).context("cannot write the standard input")?;
        }
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let spec = ProcessSpec {
            name,
            program: self.program,
            args: self.args,
            env: self.env,
            cwd: self.cwd,
            user: None,
            stdin: self.stdin.is_some().then(|| files.stdin.clone()),
            stdout: Some(files.stdout.clone()),
            log: files.stderr.clone(),
            stop: Signal::Kill,
            kill_on_drop: true,
        };
        let process = self.host.spawn(spec).await.with_context(|| format!("cannot run `{line}`"))?;
        let exit = match tokio::time::timeout(self.deadline, process.wait()).await {
            Ok(exit) => exit?,
            Err(_) => {
                bail!("`{line}` ran for more than {} s: {}", self.deadline.as_secs(), process.log_tail(20))
            }
        };
        let stderr = String::from_utf8_lossy(&read(&files.stderr)?).into_owned();
        Ok(Output { exit, stdout: read(&files.stdout)?, stderr })
    }

    /// The command line as a person would type it, for messages.
    fn line(&self) -> String {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        std::iter::once(name).chain(self.args.iter().cloned()).collect::<Vec<_>>().join(" ")
    }
}

/// The files that carry a program's input and output; removed with this value.
struct Files {
    stdin: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in [&self.stdin, &self.stdout, &self.stderr] {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    if size > MAX_OUTPUT {
        bail!("a program wrote {size} bytes; {MAX_OUTPUT} is the most that is taken in");
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
