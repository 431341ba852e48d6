//! Random texts and values through go-yaml and Go's libraries, side by side.
//!
//! ```sh
//! cargo run --release -p beside-go --bin fuzz-yaml -- [seconds] [seed]
//! ```
//!
//! Texts are mutations of go-yaml's case files and of what a small grammar makes. Each answer is compared: the JSON of
//! a YAML text or the error, the YAML a value prints as, its JSON and TOML. Where Go contradicts itself from one run to
//! the next (its maps have no order), any answer is right. Ends with 1 if there was a difference.

#![expect(clippy::print_stderr, reason = "telling a person is what this is for")]

mod generate;
mod go;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use go_yaml::{Value, json, json::Style};

use generate::{Corpus, Random};
use go::{Answer, Go, Request};

const BATCH: usize = 400;

/// How often Go is asked again before a difference counts.
const ATTEMPTS: usize = 200;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let seconds: u64 = args.next().map_or(Ok(60), |text| text.parse())?;
    let seed: u64 = args.next().map_or(Ok(1), |text| text.parse())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = Corpus::read(&root.join("../../crates/go-yaml/tests/cases"))?;
    let mut go = Go::start(&built(&root.join("../oracle"))?)?;
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        let requests: Vec<Request> = (0..BATCH).map(|_| corpus.request(&mut random)).collect();
        let answers = go.ask(&requests)?;
        for (request, want) in requests.iter().zip(answers) {
            tally.inputs += 1;
            tally.errors += usize::from(want.first().is_some_and(Result::is_err));
            if differs(request, &ours(request), &want) && !go_contradicts_itself(&mut go, request)? {
                let small = shrink(&mut go, request)?;
                tally.difference(&small, &mut go)?;
            }
        }
    }
    tally.report(seed)
}

/// Builds the Go program.
fn built(oracle: &Path) -> anyhow::Result<PathBuf> {
    let program = std::env::temp_dir().join(format!("windlass-fuzz-yaml-{}", std::process::id()));
    let status = std::process::Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg("./cmd/yaml")
        .current_dir(oracle)
        .status()
        .context("go is needed to build the other side")?;
    anyhow::ensure!(status.success(), "the Go program does not build");
    Ok(program)
}

fn text<E: std::fmt::Display>(result: Result<String, E>) -> Answer {
    result.map_err(|error| error.to_string())
}

/// What this workspace answers.
fn ours(request: &Request) -> Vec<Answer> {
    match request {
        Request::Yaml(bytes) => match go_yaml::from_slice(bytes) {
            Err(error) => vec![Err(error.to_string()), Err(error.to_string())],
            Ok(value) => {
                vec![text(json::to_string(&value, Style::Compact)), text(go_yaml::to_string(&value))]
            }
        },
        Request::Value(text_of) => match json::from_str(text_of).map(Value::with_float_numbers) {
            Err(error) => vec![Err(error.to_string()); 4],
            Ok(value) => vec![
                text(go_yaml::to_string(&value)),
                text(json::to_string(&value, Style::Compact)),
                text(json::to_string(&value, Style::Pretty)),
                text(go_yaml::toml::to_string(&value)),
            ],
        },
        Request::Json(text_of) => {
            let value = json::from_str(text_of).map(Value::with_float_numbers);
            vec![match value {
                Err(error) => Err(error.to_string()),
                Ok(value) => text(json::to_string(&value, Style::Compact)),
            }]
        }
    }
}

/// Of a text that is not UTF-8 and has another fault, either may be told, depending on how far go-yaml's buffer reaches.
fn differs(request: &Request, ours: &[Answer], theirs: &[Answer]) -> bool {
    let broken = std::str::from_utf8(request.bytes()).is_err();
    ours.iter().zip(theirs).any(|(got, want)| match (got, want) {
        // Go escapes what stood for broken UTF-8, but not the same character in its own right; we have one for both.
        (Ok(got), Ok(want)) => *got != want.replace("\\ufffd", "\u{FFFD}"),
        (Err(got), Err(want)) => got != want && !broken,
        _ => true,
    })
}

/// True if Go gives several answers, or at times ours.
fn go_contradicts_itself(go: &mut Go, request: &Request) -> anyhow::Result<bool> {
    let again = go.ask(&vec![request.clone(); ATTEMPTS])?;
    let mine = ours(request);
    Ok(again.windows(2).any(|pair| pair[0] != pair[1])
        || again.iter().any(|want| !differs(request, &mine, want)))
}

/// Leaves out parts as long as a difference remains.
fn shrink(go: &mut Go, request: &Request) -> anyhow::Result<Request> {
    let mut best = request.clone();
    let mut step = best.bytes().len() / 2;
    while step > 0 {
        let mut at = 0;
        while at + step <= best.bytes().len() {
            let mut bytes = best.bytes().to_vec();
            bytes.drain(at..at + step);
            let Some(candidate) = best.with_bytes(bytes) else {
                at += 1;
                continue;
            };
            let want = go.ask(std::slice::from_ref(&candidate))?.remove(0);
            let stays =
                differs(&candidate, &ours(&candidate), &want) && !go_contradicts_itself(go, &candidate)?;
            if stays { best = candidate } else { at += step.max(1) }
        }
        step /= 2;
    }
    Ok(best)
}

#[derive(Default)]
struct Tally {
    inputs: usize,
    errors: usize,
    differences: usize,
    seen: HashMap<String, usize>,
}

impl Tally {
    /// Prints the first few of each kind.
    fn difference(&mut self, request: &Request, go: &mut Go) -> anyhow::Result<()> {
        let got = ours(request);
        let want = go.ask(std::slice::from_ref(request))?.remove(0);
        self.differences += 1;
        let kind: String = format!("{:?}{:?}", got.first(), want.first().map(|w| w.as_ref().err()))
            .chars()
            .filter(|c| c.is_alphabetic() || *c == ' ')
            .take(60)
            .collect();
        let count = self.seen.entry(kind).or_default();
        *count += 1;
        if *count <= 3 {
            eprintln!("--- {} {:?}", request.name(), String::from_utf8_lossy(request.bytes()));
            for (got, want) in got.iter().zip(&want) {
                if differs(request, std::slice::from_ref(got), std::slice::from_ref(want)) {
                    eprintln!("   got {got:?}\n  want {want:?}");
                }
            }
        }
        Ok(())
    }

    fn report(self, seed: u64) -> anyhow::Result<()> {
        eprintln!(
            "seed {seed}: {} inputs, {} of them errors in Go, {} differences",
            self.inputs, self.errors, self.differences
        );
        anyhow::ensure!(self.differences == 0, "{} differences", self.differences);
        Ok(())
    }
}
