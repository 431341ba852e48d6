//! Go's side: `oracle/cmd/template -serve`, which tells the form of messages.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use go_template::MissingKey;
use serde_json::{Value as Json, json};

use crate::cases::Case;
use crate::ours::Outcome;

pub(crate) struct Go {
    program: PathBuf,
    sprig: bool,
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Go {
    pub(crate) fn start(program: &Path, sprig: bool) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .arg("-serve")
            // Dates are printed in the local zone.
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Go { program: program.to_owned(), sprig, child, input, output })
    }

    /// Hands over a batch; [`Go::receive`] has to follow.
    pub(crate) fn send(&mut self, cases: &[&Case]) -> anyhow::Result<()> {
        let batch: Vec<Json> = cases.iter().map(|case| request(case, self.sprig)).collect();
        let message = serde_json::to_vec(&batch)?;
        self.input.write_all(&u32::try_from(message.len())?.to_be_bytes())?;
        self.input.write_all(&message)?;
        Ok(self.input.flush()?)
    }

    /// What became of the batch.
    pub(crate) fn receive(&mut self) -> anyhow::Result<Vec<Outcome>> {
        let mut size = [0; 4];
        self.output.read_exact(&mut size)?;
        let mut message = vec![0; u32::from_be_bytes(size) as usize];
        self.output.read_exact(&mut message)?;
        let answers: Vec<Json> = serde_json::from_slice(&message)?;
        answers.iter().map(outcome).collect()
    }

    /// One case; `None` if it takes too long or too much memory, which ends the program: then there is a new one.
    pub(crate) fn run(&mut self, case: &Case) -> anyhow::Result<Option<Outcome>> {
        match self.send(&[case]).and_then(|()| self.receive()) {
            Ok(mut outcomes) => Ok(outcomes.pop()),
            Err(_) => {
                self.restart()?;
                Ok(None)
            }
        }
    }

    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        let fresh = Go::start(&self.program, self.sprig)?;
        drop(std::mem::replace(self, fresh));
        Ok(())
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(case: &Case, sprig: bool) -> Json {
    json!({
        "template": STANDARD.encode(&case.text),
        "data": &case.data,
        "missingkey": option(case.missing_key),
        "sprig": sprig,
    })
}

/// The option's name in case files and in Go.
pub(crate) fn option(missing_key: MissingKey) -> &'static str {
    match missing_key {
        MissingKey::Default => "default",
        MissingKey::Zero => "zero",
        MissingKey::Error => "error",
    }
}

fn outcome(answer: &Json) -> anyhow::Result<Outcome> {
    let bytes = |name: &str| answer[name].as_str().map(|text| STANDARD.decode(text)).transpose();
    Ok(Outcome {
        output: bytes("output")?.unwrap_or_default(),
        error: bytes("error")?,
        panic: bytes("panic")?,
    })
}
