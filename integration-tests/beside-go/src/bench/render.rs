//! Rendering of whole charts: the programs, and the engines inside them.

#![expect(clippy::print_stdout, reason = "telling a person is what this is for")]

use std::path::PathBuf;

use super::charts;
use super::child::{self, Pair};
use super::figures::Figure;
use super::measure::{self, Work};
use super::protocol::Request;
use super::run::{heading, of_go, row};
use super::whole::{Costs, Programs};

/// A chart and what is asked of it.
struct Class {
    name: &'static str,
    /// Runs of each program, and samples of each engine.
    runs: usize,
    /// At most this share of helm's processor time.
    time_bound: f64,
}

/// Of the kinds of podinfo, ingress-nginx, kube-prometheus-stack and airflow.
const CLASSES: [Class; 4] = [
    Class { name: "small", runs: 200, time_bound: 0.05 },
    Class { name: "medium", runs: 100, time_bound: 0.1 },
    Class { name: "monitoring", runs: 30, time_bound: 0.1 },
    Class { name: "workflow", runs: 30, time_bound: 0.1 },
];

/// At most a fifth of helm's memory.
const MEMORY_BOUND: f64 = 0.2;
/// At least three times faster than Helm's engine, for a loaded chart.
const ENGINE_BOUND: f64 = 0.333;

/// What is compared, and where.
pub struct Paths {
    /// The program `windlass`.
    pub windlass: PathBuf,
    /// The program `helm`.
    pub helm: PathBuf,
    /// Go's program with Helm's engine.
    pub go: PathBuf,
    /// Where the charts are written.
    pub charts: PathBuf,
}

/// Compares rendering and prints tables and figures. Short figures are no error.
///
/// # Errors
/// When a program fails, or when outputs differ.
pub fn render(paths: &Paths) -> anyhow::Result<()> {
    let folders = CLASSES.iter().map(|class| charts::write(class.name, &paths.charts));
    let folders = folders.collect::<anyhow::Result<Vec<_>>>()?;
    let mut figures = Vec::new();

    heading(
        "Whole processes, milliseconds of processor time: median (10 % to 90 % of runs)",
        "output, bytes",
    );
    let mut peaks = Vec::new();
    for (class, folder) in CLASSES.iter().zip(&folders) {
        let programs = Programs::new(&paths.windlass, &paths.helm, folder)?;
        let output = programs.ensure_same(class.name)?;
        let Pair { ours, go } = programs.costs(class.runs)?;
        let (Costs { times: our_times, peaks: ours }, Costs { times: go_times, peaks: go }) = (ours, go);
        let times = Pair { ours: our_times, go: go_times };
        row(class.name, output, &times);
        figures.push(of_go(format!("render-{}-time", class.name), times.ratio(), class.time_bound));
        peaks.push(Pair { ours, go });
    }

    heading("Whole processes, peak of resident memory in KiB", "runs");
    for (class, peaks) in CLASSES.iter().zip(&peaks) {
        row(class.name, class.runs, peaks);
        figures.push(of_go(format!("render-{}-memory", class.name), peaks.ratio(), MEMORY_BOUND));
    }

    heading("In process, a chart that is loaded, microseconds of processor time", "output, bytes");
    let engines = child::Programs::new(&paths.go)?;
    for (class, folder) in CLASSES.iter().zip(folders) {
        let (mut engines, output) = measure::start(&engines, class.name, &Request::Chart { folder })?;
        let times = measure::sample(&mut engines, Work::Execute, class.runs)?;
        row(class.name, output, &times);
        figures.push(of_go(format!("render-{}-in-process", class.name), times.ratio(), ENGINE_BOUND));
    }
    println!();
    figures.iter().map(Figure::line).for_each(|line| println!("{line}"));
    Ok(())
}
