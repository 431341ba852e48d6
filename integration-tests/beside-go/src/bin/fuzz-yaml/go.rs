//! The Go program behind a pipe.

use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;

/// A text, or an error's text.
pub(crate) type Answer = Result<String, String>;

/// What both sides are asked.
#[derive(Clone)]
pub(crate) enum Request {
    /// Read YAML: its JSON, and that printed as YAML.
    Yaml(Vec<u8>),
    /// Print a value, given as JSON: YAML, JSON, indented JSON, TOML.
    Value(String),
    /// Read JSON: its compact form.
    Json(String),
}

impl Request {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Request::Yaml(_) => "YAML",
            Request::Value(_) => "value",
            Request::Json(_) => "JSON",
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Request::Yaml(bytes) => bytes,
            Request::Value(text) | Request::Json(text) => text.as_bytes(),
        }
    }

    /// The same request with another text, if it may have that.
    pub(crate) fn with_bytes(&self, bytes: Vec<u8>) -> Option<Request> {
        match self {
            Request::Yaml(_) => Some(Request::Yaml(bytes)),
            Request::Value(_) => String::from_utf8(bytes).ok().map(Request::Value),
            Request::Json(_) => String::from_utf8(bytes).ok().map(Request::Json),
        }
    }

    fn kind(&self) -> (u8, usize) {
        match self {
            Request::Yaml(_) => (b'y', 2),
            Request::Value(_) => (b'v', 4),
            Request::Json(_) => (b'j', 1),
        }
    }
}

/// The running program. It ends when its input does.
pub(crate) struct Go {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Go {
    pub(crate) fn start(program: &Path) -> anyhow::Result<Self> {
        let mut child =
            Command::new(program).arg("-serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        std::fs::remove_file(program).ok();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Go { child, input, output })
    }

    /// Every request's answers, in order.
    pub(crate) fn ask(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Vec<Answer>>> {
        let mut message = Vec::new();
        for request in requests {
            message.push(request.kind().0);
            message.extend((request.bytes().len() as u32).to_le_bytes());
            message.extend(request.bytes());
        }
        let input = self.input.as_mut().context("no input")?;
        let output = &mut self.output;
        // Both pipes are narrow: what is written must not wait for what is read.
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || input.write_all(&message).and_then(|()| input.flush()));
            let answers = requests
                .iter()
                .map(|request| (0..request.kind().1).map(|_| part(output)).collect())
                .collect::<anyhow::Result<_>>();
            writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
            answers
        })
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        self.input = None;
        self.child.wait().ok();
    }
}

fn part(output: &mut impl Read) -> anyhow::Result<Answer> {
    let mut head = [0; 5];
    output.read_exact(&mut head).context("the Go program ended")?;
    let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let mut text = vec![0; len as usize];
    output.read_exact(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(if head[0] == 0 { Ok(text) } else { Err(text) })
}
