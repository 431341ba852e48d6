//! The whole run, and the tables it prints.

#![expect(clippy::print_stdout, reason = "telling a person is what this is for")]

use std::path::Path;

use super::cases::{CLASSES, Case, SUB_TEMPLATES};
use super::child::{Pair, Programs};
use super::figures::Figure;
use super::measure::{self, SAMPLES, Times, Work};

/// At least three times faster than Go per execution.
const EXECUTE_BOUND: f64 = 0.333;
/// At least twice faster than Go at parsing.
const PARSE_BOUND: f64 = 0.5;
/// At most a third of Go's growth of memory.
const MEMORY_BOUND: f64 = 0.333;
/// A sub-template among 100 takes at most so much more than one among 25: linear, and some room for noise.
const LINEAR_BOUND: f64 = 1.3;

/// Compares the engines and prints tables and figures; `go` is Go's program. Short figures are no error.
///
/// # Errors
/// When an engine fails, or when their outputs differ.
pub fn run(go: &Path) -> anyhow::Result<()> {
    let programs = Programs::new(go)?;
    let cases = CLASSES.map(Case::of_class).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let mut figures = Vec::new();
    execution(&programs, &cases, &mut figures)?;
    parsing(&programs, &cases, &mut figures)?;
    sub_templates(&programs, &mut figures)?;
    memory(&programs, &cases, &mut figures)?;
    println!();
    for figure in &figures {
        println!("{}", figure.line());
    }
    Ok(())
}

fn execution(programs: &Programs, cases: &[Case], figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    heading("Executing, microseconds of processor time: median (10 % to 90 % of samples)", "output, bytes");
    for case in cases {
        let (mut engines, output) = measure::start(programs, &case.name, &case.load())?;
        let times = measure::sample(&mut engines, Work::Execute, SAMPLES)?;
        row(&case.name, output, &times);
        figures.push(of_go(format!("{}-time", case.name), times.ratio(), EXECUTE_BOUND));
    }
    Ok(())
}

fn parsing(programs: &Programs, cases: &[Case], figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    heading("Parsing the templates of all classes, microseconds of processor time", "templates, bytes");
    let case = Case::all(cases);
    let times = measure::sample(&mut programs.start_both(&case.load())?, Work::Parse, SAMPLES)?;
    row(&case.name, case.template_bytes(), &times);
    figures.push(of_go("parse-time".to_owned(), times.ratio(), PARSE_BOUND));
    Ok(())
}

fn sub_templates(programs: &Programs, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    heading("Executing more and more sub-templates by tpl, microseconds of processor time", "output, bytes");
    let mut each = Vec::new();
    for count in SUB_TEMPLATES {
        let case = Case::of_sub_templates(count)?;
        let (mut engines, output) = measure::start(programs, &case.name, &case.load())?;
        let times = measure::sample(&mut engines, Work::Execute, SAMPLES)?;
        row(&case.name, output, &times);
        let one = |times: &Times| times.median() / count as f64;
        each.push(Pair { ours: one(&times.ours), go: one(&times.go) });
    }
    let (few, many) = (&each[0], &each[each.len() - 1]);
    let (ours, go) = (many.ours / few.ours, many.go / few.go);
    println!("  a sub-template among the most takes {ours:.2} of one among the fewest; Go's {go:.2}");
    figures.push(Figure {
        name: "tpl-growth".to_owned(),
        value: ours,
        unit: "of-25-sub-templates",
        bound: LINEAR_BOUND,
    });
    Ok(())
}

fn memory(programs: &Programs, cases: &[Case], figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    println!("\nPeak of resident memory after 50 executions, KiB: whole (grown over an empty template)");
    println!("  {:<14} {:>20} {:>20} {:>8}", "", "ours", "Go", "ours/Go");
    let empty = measure::peaks(programs, &Case::empty().load())?;
    println!("  {:<14} {:>20} {:>20}", "empty", empty.ours, empty.go);
    for case in cases {
        let peaks = measure::peaks(programs, &case.load())?;
        let grown = Pair { ours: peaks.ours - empty.ours, go: peaks.go - empty.go };
        let ratio = grown.ours / grown.go;
        let cell = |whole: f64, grown: f64| format!("{whole} ({grown})");
        let (ours, go) = (cell(peaks.ours, grown.ours), cell(peaks.go, grown.go));
        println!("  {:<14} {ours:>20} {go:>20} {ratio:>8.3}", case.name);
        figures.push(of_go(format!("{}-memory", case.name), ratio, MEMORY_BOUND));
    }
    Ok(())
}

pub(super) fn of_go(name: String, value: f64, bound: f64) -> Figure {
    Figure { name, value, unit: "of-go", bound }
}

pub(super) fn heading(title: &str, size: &str) {
    println!("\n{title}");
    println!("  {:<14} {size:>16} {:>26} {:>26} {:>8}", "", "ours", "Go", "ours/Go");
}

pub(super) fn row(name: &str, size: usize, times: &Pair<Times>) {
    let cell = |times: &Times| {
        format!("{:.1} ({:.1} to {:.1})", times.median(), times.quantile(0.1), times.quantile(0.9))
    };
    let (ours, go) = (cell(&times.ours), cell(&times.go));
    println!("  {name:<14} {size:>16} {ours:>26} {go:>26} {:>8.3}", times.ratio());
}
