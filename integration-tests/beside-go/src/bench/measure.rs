//! Samples of time and of memory.

use anyhow::ensure;

use super::child::{Engine, Pair, Process, Programs};
use super::protocol::Request;

/// Samples of each engine, as a rule.
pub(super) const SAMPLES: usize = 200;

/// A sample is of as many runs as take at least so long: much more than the clock of processor time is rough.
const SAMPLE_NANOSECONDS: u64 = 4_000_000;

/// Fresh processes of each engine for a peak of memory, which differs from one to the next.
const PROCESSES: usize = 5;

/// How often a process does its work before its peak is asked for: a process that serves renders all day.
const RUNS: u32 = 50;

/// What is measured.
#[derive(Clone, Copy)]
pub(super) enum Work {
    /// Executing parsed templates.
    Execute,
    /// Parsing.
    Parse,
}

impl Work {
    fn request(self, times: u32) -> Request {
        match self {
            Work::Execute => Request::Execute { times },
            Work::Parse => Request::Parse { times },
        }
    }
}

/// Processor time of one run, in microseconds.
pub(super) struct Times {
    sorted: Vec<f64>,
}

impl Times {
    /// Of these samples.
    pub(super) fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self { sorted: samples }
    }

    /// The sample in the middle.
    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The sample that this share of samples is below.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let last = self.sorted.len() - 1;
        self.sorted[(share * last as f64).round() as usize]
    }
}

impl Pair<Times> {
    /// Ours to Go's.
    pub(super) fn ratio(&self) -> f64 {
        self.ours.median() / self.go.median()
    }
}

/// Starts both engines with what `load` says, and checks that they give the same output. Answers them and the output's length.
pub(super) fn start(
    programs: &Programs,
    name: &str,
    load: &Request,
) -> anyhow::Result<(Pair<Process>, usize)> {
    let Pair { mut ours, mut go } = programs.start_both(load)?;
    let (our_output, go_output) = (ours.ask(&Request::Output)?.output, go.ask(&Request::Output)?.output);
    ensure_same(name, our_output.as_bytes(), go_output.as_bytes())?;
    Ok((Pair { ours, go }, our_output.len()))
}

/// Fails unless both outputs are the same.
pub(super) fn ensure_same(name: &str, ours: &[u8], go: &[u8]) -> anyhow::Result<()> {
    let same = ours.iter().zip(go).take_while(|(a, b)| a == b).count();
    ensure!(
        ours == go,
        "{name}: the outputs differ from byte {same} on:\nours: {:?}\nGo:   {:?}",
        excerpt(ours, same),
        excerpt(go, same)
    );
    Ok(())
}

fn excerpt(text: &[u8], from: usize) -> String {
    let bytes = &text[from.saturating_sub(20)..];
    String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned()
}

/// Samples of both engines, taken in turn; who is first changes each time.
pub(super) fn sample(engines: &mut Pair<Process>, work: Work, samples: usize) -> anyhow::Result<Pair<Times>> {
    let (our_runs, go_runs) = (runs(&mut engines.ours, work)?, runs(&mut engines.go, work)?);
    let (mut ours, mut go) = (Vec::with_capacity(samples), Vec::with_capacity(samples));
    for turn in 0..samples {
        if turn % 2 == 0 {
            ours.push(time(&mut engines.ours, work, our_runs)?);
            go.push(time(&mut engines.go, work, go_runs)?);
        } else {
            go.push(time(&mut engines.go, work, go_runs)?);
            ours.push(time(&mut engines.ours, work, our_runs)?);
        }
    }
    Ok(Pair { ours: Times::new(ours), go: Times::new(go) })
}

/// How many runs a sample takes; the runs until it is known warm the engine up.
fn runs(engine: &mut Process, work: Work) -> anyhow::Result<u32> {
    let mut runs = 1;
    loop {
        let taken = engine.ask(&work.request(runs))?.nanoseconds;
        if taken >= SAMPLE_NANOSECONDS {
            return Ok(runs);
        }
        runs *= 2;
    }
}

fn time(engine: &mut Process, work: Work, runs: u32) -> anyhow::Result<f64> {
    Ok(engine.ask(&work.request(runs))?.nanoseconds as f64 / 1000.0 / f64::from(runs))
}

/// The peak of resident memory of fresh processes that execute again and again what `load` says, in KiB: the one in the middle.
pub(super) fn peaks(programs: &Programs, load: &Request) -> anyhow::Result<Pair<f64>> {
    Ok(Pair { ours: peak(programs, Engine::Ours, load)?, go: peak(programs, Engine::Go, load)? })
}

fn peak(programs: &Programs, engine: Engine, load: &Request) -> anyhow::Result<f64> {
    let mut peaks = Vec::with_capacity(PROCESSES);
    for _ in 0..PROCESSES {
        let mut process = programs.start(engine, load)?;
        process.ask(&Request::Execute { times: RUNS })?;
        peaks.push(process.ask(&Request::Peak)?.kib as f64);
    }
    peaks.sort_by(f64::total_cmp);
    Ok(peaks[PROCESSES / 2])
}
