//! `make conformance`: whole runs of `windlass template` and of the real `helm template` over many charts, side by side.
//!
//! Equal are standard output and exit code byte for byte, and the text on standard error. Of values that do not fit a
//! schema, the validators word each fault in their own way: headings and the set of JSON pointers are compared. What
//! helm itself prints differently each time (passwords, certificates, the time, maps without an order) is masked on
//! both sides: [`mask`].
//!
//! Ends with 1 if anything differs or only ours fails.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "telling a person is what this is for")]

mod cases;
mod compare;
mod mask;
mod process;
mod report;
mod stderr;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use clap::Parser;

use cases::Case;
use compare::Programs;
use report::{Checked, Report};

/// Renders charts with helm and with windlass, and compares.
#[derive(Parser)]
struct Args {
    /// The real helm.
    #[arg(long)]
    helm: PathBuf,
    /// Our windlass.
    #[arg(long)]
    windlass: PathBuf,
    /// A folder of charts; without it, the charts of the crates helm-engine and windlass.
    #[arg(long)]
    charts: Option<PathBuf>,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// A folder for the outputs of the cases that are not equal. What it holds is removed.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// How many cases run at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Seconds that one process may take.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let all = match &args.charts {
        Some(folder) => cases::in_folder(folder)?,
        None => {
            let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
            let mut all = cases::of_crate(&crates.join("helm-engine"))?;
            all.extend(cases::of_crate(&crates.join("windlass"))?);
            all
        }
    };
    let cases: Vec<Case> = all.into_iter().filter(|case| case.name().contains(&args.only)).collect();
    anyhow::ensure!(!cases.is_empty(), "there is no such case");
    let home = Home::new()?;
    let programs = Programs::new(&args.helm, &args.windlass, &home.0, args.seconds)?;
    let mut report = Report::new(args.keep.as_deref())?;
    run(&programs, cases, args.jobs.max(1), &mut report)?;
    report.finish()
}

/// Runs the cases, `jobs` at a time.
fn run(programs: &Programs, cases: Vec<Case>, jobs: usize, report: &mut Report) -> anyhow::Result<()> {
    let total = cases.len();
    let queue = Mutex::new(VecDeque::from(cases));
    let (sender, results) = std::sync::mpsc::sync_channel::<anyhow::Result<Checked>>(jobs);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (queue, sender) = (&queue, sender.clone());
            scope.spawn(move || {
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                while let Some(case) = next() {
                    let checked = programs.check(&case).with_context(|| case.name().to_owned());
                    if sender.send(checked.map(|outcome| Checked { case, outcome })).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (count, checked) in results.into_iter().enumerate() {
            report.add(checked?)?;
            if (count + 1) % 200 == 0 {
                eprintln!("{} of {total} cases", count + 1);
            }
        }
        Ok(())
    })
}

/// An empty folder as the processes' home, removed at the end.
struct Home(PathBuf);

impl Home {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("windlass-conformance-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Home(path))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
