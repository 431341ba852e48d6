//! What is told of the results.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::cases::Case;
use crate::compare::{Class, Outcome};

/// A line longer than this is cut.
const LONGEST_LINE: usize = 400;

/// A case and its result.
pub(crate) struct Checked {
    pub(crate) case: Case,
    pub(crate) outcome: Outcome,
}

/// Collects the results.
pub(crate) struct Report {
    keep: Option<PathBuf>,
    charts: BTreeSet<String>,
    counts: BTreeMap<Class, usize>,
    helm: Duration,
    ours: Duration,
}

impl Report {
    pub(crate) fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(folder) = keep {
            if folder.exists() {
                std::fs::remove_dir_all(folder)
                    .with_context(|| format!("cannot empty {}", folder.display()))?;
            }
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(Report {
            keep: keep.map(Path::to_owned),
            charts: BTreeSet::new(),
            counts: BTreeMap::new(),
            helm: Duration::ZERO,
            ours: Duration::ZERO,
        })
    }

    /// Counts a result, and tells of it if it is not equal.
    pub(crate) fn add(&mut self, checked: Checked) -> anyhow::Result<()> {
        let Checked { case, outcome } = checked;
        *self.counts.entry(outcome.class).or_default() += 1;
        self.helm += outcome.helm.took;
        self.ours += outcome.ours.took;
        self.charts.insert(case.chart().to_owned());
        if matches!(outcome.class, Class::Equal | Class::EqualMasked) {
            return Ok(());
        }
        if outcome.class != Class::BothFailAlike {
            println!("{}: {}", name(outcome.class), case.name());
        }
        match (&outcome.difference, outcome.class) {
            (Some(difference), _) => {
                println!(
                    "  {}, line {}\n    helm {}\n    ours {}",
                    difference.of,
                    difference.line,
                    cut(&difference.helm),
                    cut(&difference.ours)
                );
            }
            (None, Class::OnlyWeFail) => println!("    ours {}", cut(&error(&outcome.ours.stderr))),
            (None, Class::OnlyHelmFails) => println!("    helm {}", cut(&error(&outcome.helm.stderr))),
            (None, _) => {}
        }
        self.keep_outputs(&case, &outcome)
    }

    fn keep_outputs(&self, case: &Case, outcome: &Outcome) -> anyhow::Result<()> {
        let Some(folder) = &self.keep else { return Ok(()) };
        let folder =
            folder.join(name(outcome.class).replace(' ', "-")).join(case.name().replace(['/', ' '], "_"));
        std::fs::create_dir_all(&folder)?;
        let arguments: Vec<String> =
            case.arguments().iter().map(|text| text.to_string_lossy().into_owned()).collect();
        for (file, bytes) in [
            ("arguments", arguments.join(" ").as_bytes()),
            ("helm.out", &outcome.helm.stdout),
            ("helm.err", &outcome.helm.stderr),
            ("ours.out", &outcome.ours.stdout),
            ("ours.err", &outcome.ours.stderr),
        ] {
            std::fs::write(folder.join(file), bytes)?;
        }
        Ok(())
    }

    /// Prints the counts. Fails if something differs or only ours fails.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let count = |class| self.counts.get(&class).copied().unwrap_or_default();
        let total: usize = self.counts.values().sum();
        println!("{total} cases of {} charts", self.charts.len());
        let (equal, masked) = (count(Class::Equal), count(Class::EqualMasked));
        println!(
            "{:6} equal, {masked} of them but for what helm prints differently each time",
            equal + masked
        );
        for class in [Class::BothFailAlike, Class::Different, Class::OnlyWeFail, Class::OnlyHelmFails] {
            println!("{:6} {}", count(class), name(class));
        }
        println!("helm took {:.1} s, windlass {:.1} s", self.helm.as_secs_f64(), self.ours.as_secs_f64());
        let bad = count(Class::Different) + count(Class::OnlyWeFail);
        anyhow::ensure!(bad == 0, "{bad} cases are not as helm has them");
        Ok(())
    }
}

fn name(class: Class) -> &'static str {
    match class {
        Class::Equal | Class::EqualMasked => "equal",
        Class::BothFailAlike => "both fail alike",
        Class::Different => "different",
        Class::OnlyWeFail => "only we fail",
        Class::OnlyHelmFails => "only helm fails",
    }
}

/// The error's first line, without what is logged before it.
fn error(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().find(|line| line.starts_with("Error: ")).or(text.lines().last());
    line.unwrap_or("(no text)").to_owned()
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}
