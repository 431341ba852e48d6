//! Random templates and data, run by our engine and by Go's in one run: outputs and error texts must be equal.
//!
//! Cases are made by the grammar or by changing the crates' committed cases, in batches that Go runs while we run the
//! next. What differs is made smaller and written in the form of case files.

mod data;
mod explain;
mod go;
mod grammar;
mod literal;
mod mutate;
mod ours;
mod random;
mod report;
mod shrink;
mod signatures;

#[path = "../../../../../crates/go-template/tests/support/cases.rs"]
mod cases;
#[expect(clippy::unwrap_used, reason = "the program stops where a case is not what it takes it for")]
#[path = "../../../../../crates/go-template/tests/support/host.rs"]
mod host;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser as _;
use go_template::MissingKey;

use self::cases::Case;
use self::go::Go;
use self::ours::{Engine, Outcome};
use self::random::Random;
use self::report::Report;

/// Compares our template engine with Go's on random templates.
#[derive(clap::Parser)]
struct Arguments {
    /// Go's side: the program built from oracle/cmd/template
    #[arg(long)]
    oracle: PathBuf,
    /// How long to run
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where to begin; the same seed gives the same cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// With Sprig's functions
    #[arg(long)]
    sprig: bool,
    /// Where to write the cases that differ
    #[arg(long, default_value = "fuzz-template.cases")]
    out: PathBuf,
}

const BATCH: usize = 256;

/// How often Go is asked once more about a case that differs.
const GO_AGAIN: usize = 10;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    std::panic::set_hook(Box::new(|_| {}));
    let run = move || Fuzzer::new(arguments)?.run();
    let thread = std::thread::Builder::new().stack_size(ours::STACK).spawn(run)?;
    thread.join().map_err(|_| anyhow::anyhow!("the fuzzer panicked"))?
}

struct Fuzzer {
    arguments: Arguments,
    random: Random,
    corpus: Vec<Case>,
    engine: Engine,
    go: Go,
    report: Report,
}

/// Cases that our side has run.
type Batch = Vec<(Case, Outcome)>;

impl Fuzzer {
    fn new(arguments: Arguments) -> anyhow::Result<Self> {
        let mut corpus = mutate::corpus("go-template")?;
        if arguments.sprig {
            corpus.extend(mutate::corpus("sprig")?);
        }
        Ok(Fuzzer {
            random: Random::new(arguments.seed),
            corpus,
            engine: Engine::new(arguments.sprig),
            go: Go::start(&arguments.oracle, arguments.sprig)?,
            report: Report::new(&arguments.out)?,
            arguments,
        })
    }

    fn run(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let end = began + Duration::from_secs(self.arguments.seconds);
        let mut told = began;
        let mut before = self.batch();
        while Instant::now() < end {
            let sent: Vec<&Case> = before.iter().map(|(case, _)| case).collect();
            let sent = self.go.send(&sent);
            let next = self.batch();
            match sent.and_then(|()| self.go.receive()) {
                Ok(theirs) => self.compare(&before, &theirs)?,
                Err(_) => self.one_by_one(&before)?,
            }
            before = next;
            if told.elapsed() > Duration::from_secs(60) {
                told = Instant::now();
                self.report.print(began.elapsed());
            }
        }
        self.report.print(began.elapsed());
        anyhow::ensure!(self.report.differing == 0, "{} cases differ", self.report.differing);
        Ok(())
    }

    /// Makes cases and runs them on our side.
    fn batch(&mut self) -> Batch {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let case = self.case();
            match self.engine.run(&case) {
                Some(outcome) => batch.push((case, outcome)),
                None => self.report.over_budget += 1,
            }
        }
        batch
    }

    fn case(&mut self) -> Case {
        let random = &mut self.random;
        if random.chance(25) {
            return mutate::mutate(random, &self.corpus, self.arguments.sprig);
        }
        let data = data::data(random);
        let mut text = grammar::template(random, &data, self.arguments.sprig).into_bytes();
        if random.chance(5) {
            mutate::bytes(random, &mut text);
        }
        let missing_key = *random.pick(&[MissingKey::Default, MissingKey::Zero, MissingKey::Error]);
        Case { name: String::new(), text, data: data.json, missing_key }
    }

    fn compare(&mut self, batch: &[(Case, Outcome)], theirs: &[Outcome]) -> anyhow::Result<()> {
        anyhow::ensure!(batch.len() == theirs.len(), "Go answered {} of {} cases", theirs.len(), batch.len());
        for ((case, ours), go) in batch.iter().zip(theirs) {
            if self.report.count(explain::judge(case, ours, go)) {
                self.differs(case, ours, go)?;
            }
        }
        Ok(())
    }

    /// A batch of which one case ended Go's program.
    fn one_by_one(&mut self, batch: &[(Case, Outcome)]) -> anyhow::Result<()> {
        self.go.restart().context("Go's side has ended")?;
        for (case, ours) in batch {
            match self.go.run(case)? {
                Some(go) => self.compare(&[(case.clone(), ours.clone())], &[go])?,
                None => self.report.too_long(case)?,
            }
        }
        Ok(())
    }

    fn differs(&mut self, case: &Case, ours: &Outcome, go: &Outcome) -> anyhow::Result<()> {
        // Go walks some maps in another order each time, and stops at another fault.
        for _ in 0..GO_AGAIN {
            if let Some(again) = self.go.run(case)?
                && !matches!(explain::judge(case, ours, &again), explain::Verdict::Differs)
            {
                self.report.order_of_maps();
                return Ok(());
            }
        }
        if !self.report.is_new(ours, go) {
            return Ok(());
        }
        let kind = report::signature(ours, go);
        let (engine, theirs) = (&self.engine, &mut self.go);
        let smaller = shrink::shrink(case, 3000, |candidate| {
            let Some(ours) = engine.run(candidate) else { return Ok(false) };
            let Some(go) = theirs.run(candidate)? else { return Ok(false) };
            let differs = matches!(explain::judge(candidate, &ours, &go), explain::Verdict::Differs);
            Ok(differs && report::signature(&ours, &go) == kind)
        })?;
        let ours = self.engine.run(&smaller).unwrap_or_else(|| ours.clone());
        let go = self.go.run(&smaller)?.unwrap_or_else(|| go.clone());
        self.report.write(&smaller, &ours, &go)
    }
}
