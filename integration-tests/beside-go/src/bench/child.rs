//! An engine as a child process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};

use super::protocol::{Reply, Request};

/// The two engines that are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Engine {
    /// This program.
    Ours,
    /// Go's text/template.
    Go,
}

/// The same of both engines.
pub(super) struct Pair<T> {
    /// This engine's.
    pub(super) ours: T,
    /// Go's.
    pub(super) go: T,
}

/// How to start the engines.
pub(super) struct Programs {
    ours: PathBuf,
    go: PathBuf,
}

impl Programs {
    /// This program, and Go's at `go`.
    pub(super) fn new(go: &Path) -> anyhow::Result<Self> {
        let ours = std::env::current_exe().context("cannot tell the path of this program")?;
        Ok(Programs { ours, go: go.to_owned() })
    }

    /// A fresh process of each engine that has loaded what `load` says.
    pub(super) fn start_both(&self, load: &Request) -> anyhow::Result<Pair<Process>> {
        Ok(Pair { ours: self.start(Engine::Ours, load)?, go: self.start(Engine::Go, load)? })
    }

    /// A fresh process that has loaded what `load` says.
    pub(super) fn start(&self, engine: Engine, load: &Request) -> anyhow::Result<Process> {
        let mut command = match engine {
            Engine::Ours => {
                let mut command = Command::new(&self.ours);
                command.arg("serve");
                command
            }
            Engine::Go => Command::new(&self.go),
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let input = child.stdin.take().context("standard input was asked for")?;
        let output = BufReader::new(child.stdout.take().context("standard output was asked for")?);
        let mut process = Process { engine, child, input, output };
        process.ask(load)?;
        Ok(process)
    }
}

/// An engine that runs. It ends with this value.
pub(super) struct Process {
    engine: Engine,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// The answer to a request.
    pub(super) fn ask(&mut self, request: &Request) -> anyhow::Result<Reply> {
        let engine = self.engine;
        self.exchange(request).with_context(|| format!("the engine {engine:?} failed"))
    }

    fn exchange(&mut self, request: &Request) -> anyhow::Result<Reply> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.input.write_all(line.as_bytes())?;
        line.clear();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            bail!("it ended");
        }
        let reply: Reply = serde_json::from_str(&line)?;
        if !reply.error.is_empty() {
            bail!("{}", reply.error);
        }
        Ok(reply)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; in either case nothing of it is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
