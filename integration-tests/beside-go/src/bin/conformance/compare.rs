//! One case through both programs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::cases::Case;
use crate::mask::{self, Difference};
use crate::process::{self, Output};
use crate::stderr;

/// How a case came out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Class {
    Equal,
    /// Equal but for what helm prints differently each time.
    EqualMasked,
    BothFailAlike,
    Different,
    OnlyWeFail,
    OnlyHelmFails,
}

/// The result of a case, with the first difference and the outputs.
pub(crate) struct Outcome {
    pub(crate) class: Class,
    pub(crate) difference: Option<Difference>,
    pub(crate) helm: Output,
    pub(crate) ours: Output,
}

/// Between two runs that are to show different times, if they show any.
const TICK: Duration = Duration::from_millis(1100);

/// Both programs.
pub(crate) struct Programs {
    helm: PathBuf,
    ours: PathBuf,
    home: PathBuf,
    deadline: Duration,
}

impl Programs {
    pub(crate) fn new(helm: &Path, ours: &Path, home: &Path, seconds: u64) -> anyhow::Result<Self> {
        let found =
            |path: &Path| path.canonicalize().with_context(|| format!("there is no {}", path.display()));
        let deadline = Duration::from_secs(seconds);
        Ok(Programs { helm: found(helm)?, ours: found(ours)?, home: home.to_owned(), deadline })
    }

    /// Runs a case; if the outputs differ, often enough to know what may.
    pub(crate) fn check(&self, case: &Case) -> anyhow::Result<Outcome> {
        let run = |program: &Path| process::template(program, case, &self.home, self.deadline);
        let (helm, ours) = (run(&self.helm)?, run(&self.ours)?);
        let (class, difference) = match (helm.succeeded(), ours.succeeded()) {
            (true, false) => (Class::OnlyWeFail, None),
            (false, true) => (Class::OnlyHelmFails, None),
            (both, _) => match code_difference(&helm, &ours) {
                None => self.compared(both, [texts(&helm), texts(&ours)], run)?,
                difference => (Class::Different, difference),
            },
        };
        Ok(Outcome { class, difference, helm, ours })
    }

    /// Compares texts of helm's and of ours, with those of further runs if they differ.
    fn compared(
        &self,
        succeeded: bool,
        [helm, ours]: [[String; 2]; 2],
        run: impl Fn(&Path) -> anyhow::Result<Output>,
    ) -> anyhow::Result<(Class, Option<Difference>)> {
        let alike = if succeeded { Class::Equal } else { Class::BothFailAlike };
        if helm == ours {
            return Ok((alike, None));
        }
        let (mut helm, mut ours) = (vec![helm], vec![ours]);
        let mut difference = None;
        for pause in [Duration::ZERO, TICK, TICK, TICK] {
            std::thread::sleep(pause);
            helm.push(texts(&run(&self.helm)?));
            ours.push(texts(&run(&self.ours)?));
            difference = (0..2).find_map(|part| {
                let found = mask::difference(&parts(&helm, part), &parts(&ours, part))?;
                Some(Difference { of: ["standard output", "standard error"][part], ..found })
            });
            if difference.is_none() {
                break;
            }
        }
        Ok(match difference {
            None if succeeded => (Class::EqualMasked, None),
            None => (alike, None),
            difference => (Class::Different, difference),
        })
    }
}

/// Standard output and what is compared of standard error.
fn texts(output: &Output) -> [String; 2] {
    [String::from_utf8_lossy(&output.stdout).into_owned(), stderr::comparable(&output.stderr)]
}

/// One of the two texts of each run.
fn parts(runs: &[[String; 2]], part: usize) -> Vec<String> {
    runs.iter().map(|texts| texts[part].clone()).collect()
}

fn code_difference(helm: &Output, ours: &Output) -> Option<Difference> {
    let text = |code: Option<i32>| {
        code.map_or("ended by the time-out or the bound".to_owned(), |code| code.to_string())
    };
    (helm.code != ours.code).then(|| Difference {
        of: "exit code",
        line: 0,
        helm: text(helm.code),
        ours: text(ours.code),
    })
}
