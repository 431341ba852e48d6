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

/// How often each program is run to see what it prints differently each time.
const SAMPLES: usize = 4;

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
        let run = |program| process::template(program, case.arguments(), &self.home, self.deadline);
        let (helm, ours) = (run(&self.helm)?, run(&self.ours)?);
        let outcome = |class, difference| Ok(Outcome { class, difference, helm, ours });
        let class = match (helm.succeeded(), ours.succeeded()) {
            (true, true) => Class::Equal,
            (false, false) => Class::BothFailAlike,
            (true, false) => return outcome(Class::OnlyWeFail, None),
            (false, true) => return outcome(Class::OnlyHelmFails, None),
        };
        if let Some(difference) = code_difference(&helm, &ours) {
            return outcome(Class::Different, Some(difference));
        }
        let (first_helm, first_ours) = (texts(&helm), texts(&ours));
        if first_helm == first_ours {
            return outcome(class, None);
        }
        let (mut all_helm, mut all_ours) = (vec![first_helm], vec![first_ours]);
        for _ in 1..SAMPLES {
            // What shows the time shows another one.
            std::thread::sleep(Duration::from_millis(1100));
            all_helm.push(texts(&run(&self.helm)?));
            all_ours.push(texts(&run(&self.ours)?));
        }
        let part = |samples: &[[String; 2]], part: usize| -> Vec<String> {
            samples.iter().map(|texts| texts[part].clone()).collect()
        };
        let differs = |number| mask::difference(&part(&all_helm, number), &part(&all_ours, number));
        match differs(0).or_else(|| differs(1)) {
            None if class == Class::Equal => outcome(Class::EqualMasked, None),
            None => outcome(class, None),
            difference => outcome(Class::Different, difference),
        }
    }
}

/// Standard output and what is compared of standard error.
fn texts(output: &Output) -> [String; 2] {
    [String::from_utf8_lossy(&output.stdout).into_owned(), stderr::comparable(&output.stderr)]
}

fn code_difference(helm: &Output, ours: &Output) -> Option<Difference> {
    let text = |code: Option<i32>| {
        code.map_or("ended by the time-out or the bound".to_owned(), |code| format!("exit code {code}"))
    };
    (helm.code != ours.code).then(|| Difference { line: 0, helm: text(helm.code), ours: text(ours.code) })
}
