//! The charts in `charts/` rendered by the program and by the real helm 4.3.1 (`regenerate.sh`): equal output, equal errors,
//! equal exit codes.
//!
//! A case is a file `cases/CHART/CASE.values.yaml` with the user's values; a first line `# helm: FLAGS` adds flags of
//! `helm template`. Beside it lies helm's output (`.out`) or its error (`.err`).

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use windlass::Process;

/// Ends a line whose value is another one each time: only what stands before the first colon is compared.
const RANDOM: &str = " # random";

#[test]
fn every_case_is_as_the_real_helm_has_it() {
    let mut differences = Vec::new();
    let mut count = 0;
    let charts = entries(Path::new("tests/cases"));
    for values in charts.iter().flat_map(|chart| entries(chart)) {
        if values.to_string_lossy().ends_with(".values.yaml") {
            count += 1;
            if let Err(difference) = check(&values) {
                differences.push(format!("{}: {difference}", values.display()));
            }
        }
    }
    assert!(charts.len() >= 85 && count >= 250, "only {count} cases of {} charts were found", charts.len());
    let number = differences.len();
    assert!(differences.is_empty(), "{number} of {count} cases differ:\n{}", differences.join("\n"));
}

/// Runs one case and compares.
fn check(values: &Path) -> Result<(), String> {
    let chart = Path::new("tests/charts").join(values.parent().unwrap().file_name().unwrap());
    let text = std::fs::read_to_string(values).unwrap();
    let flags = text.lines().next().and_then(|line| line.strip_prefix("# helm: ")).unwrap_or_default();
    let fixed = ["--namespace", "space", "--kube-version", "v1.36.0", "--values"];
    let arguments = ["template", "demo", chart.to_str().unwrap()].into_iter().chain(fixed);
    let arguments = arguments.chain([values.to_str().unwrap()]).chain(flags.split_whitespace());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut process = Process { variable: Rc::new(|_: &str| None), stdin: &mut std::io::empty() };
    let code = windlass::run_in(arguments, &mut process, &mut out, &mut err);
    let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());

    let expected = |extension: &str| {
        let path = values.to_string_lossy().replace(".values.yaml", extension);
        std::fs::read_to_string(path).ok()
    };
    match (expected(".out"), expected(".err")) {
        (Some(output), None) if code == ExitCode::SUCCESS => same(&without_random(&out), &output),
        (Some(_), None) => Err(format!("fails, and helm does not: {err}")),
        (None, Some(_)) if code == ExitCode::SUCCESS => Err("renders, and helm does not".to_owned()),
        (None, Some(error)) => {
            let ours: String = err.split_inclusive('\n').filter(|line| !line.starts_with("level=")).collect();
            same(&comparable_error(&ours), &comparable_error(&error))
        }
        _ => Err("has neither one .out nor one .err".to_owned()),
    }
}

/// As `regenerate.sh` leaves out what is random.
fn without_random(output: &str) -> String {
    let line = |line: &str| match line.strip_suffix(RANDOM).and_then(|line| line.split_once(": ")) {
        Some((key, _)) => format!("{key}:{RANDOM}"),
        None => line.to_owned(),
    };
    output.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Of a schema's errors the headings and, below each, the set of the JSON pointers: the validators have words, an order and
/// groups of their own.
fn comparable_error(error: &str) -> String {
    if !error.starts_with("Error: values don't meet the specifications of the schema(s)") {
        return error.to_owned();
    }
    let mut comparable = String::new();
    let mut pointers = BTreeSet::new();
    for line in error.lines().chain([""]) {
        match line.trim_start().strip_prefix("- at '") {
            Some(fault) => {
                pointers.insert(
                    fault.split_once("': ").map_or(fault.trim_end_matches('\''), |(pointer, _)| pointer),
                );
            }
            None => {
                pointers.iter().for_each(|pointer| comparable.push_str(&format!("- at '{pointer}'\n")));
                pointers.clear();
                comparable.push_str(line.trim_end());
                comparable.push('\n');
            }
        }
    }
    comparable.trim_end().to_owned()
}

/// The first line that differs, if one does.
fn same(ours: &str, helm: &str) -> Result<(), String> {
    if ours == helm {
        return Ok(());
    }
    let mut lines = ours.split('\n').zip(helm.split('\n')).enumerate();
    Err(match lines.find(|(_, (ours, helm))| ours != helm) {
        Some((line, (ours, helm))) => format!("line {}:\n    ours {ours:?}\n    helm {helm:?}", line + 1),
        None => format!("{} bytes, helm's has {}", ours.len(), helm.len()),
    })
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
