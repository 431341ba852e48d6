//! What the run has found.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::cases::Case;
use crate::explain::Verdict;
use crate::go::option;
use crate::ours::Outcome;

pub(crate) struct Report {
    file: File,
    outputs: u64,
    errors: u64,
    explained: BTreeMap<&'static str, u64>,
    pub(crate) differing: u64,
    pub(crate) over_budget: u64,
    seen: HashSet<String>,
}

impl Report {
    pub(crate) fn new(path: &Path) -> anyhow::Result<Self> {
        Ok(Report {
            file: File::create(path)?,
            outputs: 0,
            errors: 0,
            explained: BTreeMap::new(),
            differing: 0,
            over_budget: 0,
            seen: HashSet::new(),
        })
    }

    /// Counts a case; whether it differs.
    pub(crate) fn count(&mut self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::SameOutput => self.outputs += 1,
            Verdict::SameError => self.errors += 1,
            Verdict::Explained(rule) => *self.explained.entry(rule).or_default() += 1,
            Verdict::Differs => {
                self.differing += 1;
                return true;
            }
        }
        false
    }

    /// A case that was counted as differing is one that Go itself answers in several ways.
    pub(crate) fn order_of_maps(&mut self) {
        self.differing -= 1;
        *self.explained.entry("order of maps").or_default() += 1;
    }

    /// Whether no case has differed in this way yet.
    pub(crate) fn is_new(&mut self, ours: &Outcome, go: &Outcome) -> bool {
        self.seen.insert(signature(ours, go))
    }

    #[expect(clippy::print_stdout, reason = "the program's result")]
    pub(crate) fn print(&self, taken: Duration) {
        let explained: u64 = self.explained.values().sum();
        let cases = self.outputs + self.errors + explained + self.differing;
        let rate = cases as f64 / taken.as_secs_f64();
        println!(
            "{:.0} s: {cases} cases ({rate:.0}/s): {} outputs equal, {} errors equal, {explained} explained, \
             {} differing in {} ways; {} more left out, being over our budget",
            taken.as_secs_f64(),
            self.outputs,
            self.errors,
            self.differing,
            self.seen.len(),
            self.over_budget,
        );
        for (rule, count) in &self.explained {
            println!("  {count:8} {rule}");
        }
    }

    /// Adds a case to the file.
    pub(crate) fn write(&mut self, case: &Case, ours: &Outcome, go: &Outcome) -> anyhow::Result<()> {
        let lines = format!("# ours {}\n# Go   {}\n", shown(ours), shown(go));
        Ok(self.file.write_all((lines + &as_case(case)).as_bytes())?)
    }

    /// A case that we ran within our budget and Go, which has none, could not. It is kept for a person to look at.
    pub(crate) fn too_long(&mut self, case: &Case) -> anyhow::Result<()> {
        *self.explained.entry("Go needs too long").or_default() += 1;
        Ok(self.file.write_all(("# Go needs too long\n".to_owned() + &as_case(case)).as_bytes())?)
    }
}

fn as_case(case: &Case) -> String {
    let from = if case.name.is_empty() { String::new() } else { format!("# made of {}\n", case.name) };
    let head = format!("{from}data {}\nmissingkey {}\n", case.data, option(case.missing_key));
    match std::str::from_utf8(&case.text) {
        Ok(text) if !text.contains('\n') => format!("{head}> {text}\n"),
        _ => {
            let escaped: String = case
                .text
                .iter()
                .map(|byte| match byte {
                    b' '..=b'~' if *byte != b'%' => char::from(*byte).to_string(),
                    byte => format!("%{byte:02X}"),
                })
                .collect();
            format!("{head}%> {escaped}\n")
        }
    }
}

fn shown(outcome: &Outcome) -> String {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| bytes.escape_ascii().to_string());
    let mut shown = format!("\"{}\"", outcome.output.escape_ascii());
    if let Some(error) = text(&outcome.error) {
        shown += &format!(" error {error}");
    }
    if let Some(panic) = text(&outcome.panic) {
        shown += &format!(" PANIC {panic}");
    }
    shown
}

/// The way in which a case differs: both errors without what depends on the case.
pub(crate) fn signature(ours: &Outcome, go: &Outcome) -> String {
    format!("{} / {}", skeleton(ours), skeleton(go))
}

fn skeleton(outcome: &Outcome) -> String {
    let Some(error) = outcome.error.as_ref().or(outcome.panic.as_ref()) else { return "output".to_owned() };
    let error = String::from_utf8_lossy(error);
    // What is quoted, in brackets or a number differs from case to case.
    let mut out = String::new();
    let mut end = None;
    for c in error.chars() {
        match end {
            Some(close) if c == close => end = None,
            Some(_) => {}
            None => match c {
                '"' => end = Some('"'),
                '<' => end = Some('>'),
                c if c.is_ascii_digit() => {}
                c => out.push(c),
            },
        }
    }
    out
}
