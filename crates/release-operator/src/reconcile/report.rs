//! Step 5: what a person and a program are told. The status is computed purely; it is written only when it says something new.

mod history;
mod notices;

use std::sync::Arc;

use crds::{FluxHelmReleaseStatus, LastAttempt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

pub use notices::{Notice, notices};

use crate::cluster::shortened;
use crate::record::Inputs;
use crate::records::Records;
use crate::released::Released;

/// The API server's limit on a condition's message is 32 KiB; half of that keeps an object with all conditions small.
const MESSAGE: usize = 16 * 1024;
/// The reason of a release that is on its way.
pub const PROGRESSING: &str = "Progressing";

/// One condition: whether, one word why, and a sentence a person can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `True`, `False` or (`None`) `Unknown`.
    pub holds: Option<bool>,
    /// One word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

impl Verdict {
    /// A verdict.
    pub fn new(holds: Option<bool>, reason: &'static str, message: impl Into<String>) -> Self {
        Self { holds, reason, message: shortened(message.into(), MESSAGE) }
    }
}

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The release is what is asked for, and so are its objects.
    Ready,
    /// It is on its way there (kstatus).
    Reconciling,
    /// It will not get there unless something changes (kstatus).
    Stalled,
    /// The last install, upgrade or rollback succeeded.
    Released,
    /// The chart's tests passed.
    TestSuccess,
    /// A failed revision was taken back.
    Remediated,
    /// Somebody else changed objects or the release.
    DriftDetected,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Released => "Released",
            Self::TestSuccess => "TestSuccess",
            Self::Remediated => "Remediated",
            Self::DriftDetected => "DriftDetected",
        }
    }
}

/// What was done to the release in this look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Installed.
    Installed,
    /// Upgraded.
    Upgraded,
    /// Rolled back.
    RolledBack,
    /// Uninstalled, to be installed anew.
    Uninstalled,
}

/// How an attempt at some inputs ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The inputs.
    pub inputs: Inputs,
    /// How often they failed in a row by now; 0 after a success.
    pub failures: u32,
}

/// What a look at an object came to.
#[derive(Clone, Default)]
pub struct Report {
    /// Conditions to be set, or (`None`) taken off; the others stay as they are.
    pub conditions: Vec<(Kind, Option<Verdict>)>,
    /// The newest record, if it is the object's own.
    pub released: Option<Arc<Released>>,
    /// All records, if the release is the object's own.
    pub records: Option<Records>,
    /// What the deployed revision was made of.
    pub deployed_from: Option<Inputs>,
    /// An attempt that was made now.
    pub attempt: Option<Attempt>,
    /// What was done.
    pub done: Option<Done>,
    /// Whether the object's generation was dealt with. A look that only waited has not.
    pub observed: bool,
}

impl Report {
    /// Nothing more is to be done, and this is whether all is well.
    pub fn settled(ready: Verdict) -> Self {
        let conditions = vec![(Kind::Ready, Some(ready)), (Kind::Reconciling, None), (Kind::Stalled, None)];
        Self { conditions, observed: true, ..Self::default() }
    }

    /// It is on its way, or will be tried again.
    pub fn reconciling(ready: Verdict) -> Self {
        let reconciling = Verdict { holds: Some(true), ..ready.clone() };
        let conditions =
            vec![(Kind::Ready, Some(ready)), (Kind::Reconciling, Some(reconciling)), (Kind::Stalled, None)];
        Self { conditions, ..Self::default() }
    }

    /// Nothing happens unless something changes.
    pub fn stalled(ready: Verdict) -> Self {
        let stalled = Verdict { holds: Some(true), ..ready.clone() };
        let conditions =
            vec![(Kind::Ready, Some(ready)), (Kind::Reconciling, None), (Kind::Stalled, Some(stalled))];
        Self { conditions, observed: true, ..Self::default() }
    }

    /// Whether it tells of a revision that was made and whose workloads are on their way.
    pub fn is_of_a_moment(&self) -> bool {
        let made = matches!(self.done, Some(Done::Installed | Done::Upgraded | Done::RolledBack));
        made && self.ready().is_some_and(|ready| ready.holds == Some(false) && ready.reason == PROGRESSING)
    }

    /// With what a later look at the same generation came to.
    #[must_use]
    pub fn followed_by(mut self, later: Self) -> Self {
        self.conditions.extend(later.conditions);
        Self {
            conditions: self.conditions,
            released: later.released.or(self.released),
            records: later.records.or(self.records),
            deployed_from: later.deployed_from.or(self.deployed_from),
            attempt: later.attempt.or(self.attempt),
            done: later.done.or(self.done),
            observed: later.observed || self.observed,
        }
    }

    /// With one more condition.
    #[must_use]
    pub fn with(mut self, kind: Kind, verdict: Option<Verdict>) -> Self {
        self.conditions.push((kind, verdict));
        self
    }

    /// Condition `Ready`, if it is told.
    pub fn ready(&self) -> Option<&Verdict> {
        self.told(Kind::Ready)
    }

    fn told(&self, kind: Kind) -> Option<&Verdict> {
        self.conditions.iter().rev().find(|(told, _)| *told == kind).and_then(|(_, verdict)| verdict.as_ref())
    }
}

/// The status after a look. Equal to `before` when nothing new is to be said.
pub fn status(
    before: &FluxHelmReleaseStatus,
    report: &Report,
    uid: &str,
    generation: i64,
    now: jiff::Timestamp,
) -> FluxHelmReleaseStatus {
    let mut status = before.clone();
    if report.observed {
        status.observed_generation = Some(generation);
    }
    if let Some(released) = &report.released {
        status.release_name = Some(released.name.clone());
        status.release_namespace = Some(released.namespace.clone());
        status.release_status = Some(released.status.to_string());
        status.release_revision = Some(i64::from(released.revision));
    }
    if let Some(inputs) = &report.deployed_from {
        status.source_revision = stated(&inputs.source_revision);
        status.chart_digest = stated(&inputs.chart_digest);
        status.values_digest = stated(&inputs.values_digest);
    }
    if let Some(Attempt { inputs, failures }) = &report.attempt {
        status.last_attempt = Some(LastAttempt {
            generation,
            source_revision: stated(&inputs.source_revision),
            chart_digest: stated(&inputs.chart_digest),
            values_digest: stated(&inputs.values_digest),
            options_digest: stated(&inputs.options_digest),
            failures: i64::from(*failures),
            time: Some(whole_seconds(now)),
        });
    }
    if let Some(records) = &report.records {
        status.history = history::snapshots(&before.history, records, uid, report);
    }
    for (kind, verdict) in &report.conditions {
        match verdict {
            Some(verdict) => set_condition(&mut status.conditions, kind.name(), verdict, generation, now),
            None => status.conditions.retain(|condition| condition.type_ != kind.name()),
        }
    }
    status
}

fn stated(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn set_condition(
    conditions: &mut Vec<Condition>,
    kind: &str,
    verdict: &Verdict,
    generation: i64,
    now: jiff::Timestamp,
) {
    let status = text(verdict.holds).to_owned();
    let old = conditions.iter().position(|condition| condition.type_ == kind);
    let since = match old.map(|at| &conditions[at]) {
        Some(old) if old.status == status => old.last_transition_time.clone(),
        _ => whole_seconds(now),
    };
    let condition = Condition {
        type_: kind.to_owned(),
        status,
        reason: verdict.reason.to_owned(),
        message: verdict.message.clone(),
        observed_generation: Some(generation),
        last_transition_time: since,
    };
    match old {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
}

/// The API server keeps whole seconds.
fn whole_seconds(time: jiff::Timestamp) -> Time {
    Time(jiff::Timestamp::from_second(time.as_second()).unwrap_or(time))
}

fn text(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(holds: bool, reason: &'static str, message: &str) -> Report {
        Report::settled(Verdict::new(Some(holds), reason, message))
    }

    fn status_of(
        before: &FluxHelmReleaseStatus,
        report: &Report,
        generation: i64,
        second: i64,
    ) -> FluxHelmReleaseStatus {
        status(before, report, "uid", generation, jiff::Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_status_that_says_nothing_new_is_equal() {
        let none = FluxHelmReleaseStatus::default();
        let first = status_of(&none, &report(false, "Progressing", "0 of 1"), 3, 10);
        assert_eq!(first.observed_generation, Some(3));
        assert_eq!(status_of(&first, &report(false, "Progressing", "0 of 1"), 3, 20), first);
        let second = status_of(&first, &report(false, "WorkloadFailed", "it failed"), 3, 30);
        assert_eq!(second.conditions[0].last_transition_time, first.conditions[0].last_transition_time);
        let third = status_of(&second, &report(true, "ReleaseReady", "all there"), 4, 40);
        assert_eq!(third.conditions.len(), 1);
        assert_eq!(third.conditions[0].last_transition_time.0.as_second(), 40);
        let waited = status_of(&third, &Report::default(), 5, 50);
        assert_eq!(waited, third);
    }

    #[test]
    fn what_is_abnormal_is_told_while_it_lasts() {
        let kinds = |status: &FluxHelmReleaseStatus| {
            let shown = |condition: &Condition| format!("{}={}", condition.type_, condition.status);
            status.conditions.iter().map(shown).collect::<Vec<_>>().join(" ")
        };
        let verdict = |holds| Verdict::new(Some(holds), "A", "b");
        let none = FluxHelmReleaseStatus::default();
        let moving = status_of(&none, &Report::reconciling(verdict(false)), 1, 1);
        assert_eq!(
            (kinds(&moving).as_str(), moving.observed_generation),
            ("Ready=False Reconciling=True", None)
        );
        let stuck = status_of(&moving, &Report::stalled(verdict(false)), 1, 2);
        assert_eq!(kinds(&stuck), "Ready=False Stalled=True");
        let drifted = Report::settled(verdict(true)).with(Kind::DriftDetected, Some(verdict(true)));
        let drifted = status_of(&stuck, &drifted, 1, 3);
        assert_eq!(kinds(&drifted), "Ready=True DriftDetected=True");
        let well = Report::settled(verdict(true)).with(Kind::DriftDetected, None);
        assert_eq!(kinds(&status_of(&drifted, &well, 1, 4)), "Ready=True");
    }

    #[test]
    fn what_was_kept_is_told_with_what_follows() {
        let inputs = Inputs { chart_digest: "sha256:a".into(), ..Inputs::default() };
        let made = Report { done: Some(Done::Installed), observed: true, ..Report::default() };
        let moving = Report::reconciling(Verdict::new(Some(false), PROGRESSING, "0 of 1"));
        let kept = Report {
            conditions: moving.conditions,
            attempt: Some(Attempt { inputs, failures: 0 }),
            ..made.clone()
        }
        .with(Kind::TestSuccess, None);
        assert!(kept.is_of_a_moment() && !made.is_of_a_moment());
        let ready = Report::settled(Verdict::new(Some(true), "ReleaseReady", "all there"));
        assert!(!Report { done: Some(Done::Installed), ..ready.clone() }.is_of_a_moment());
        let told = kept.followed_by(ready);
        assert_eq!((told.done, told.attempt.is_some()), (Some(Done::Installed), true));
        let status = status_of(&FluxHelmReleaseStatus::default(), &told, 1, 1);
        let shown: Vec<_> =
            status.conditions.iter().map(|shown| (shown.type_.as_str(), shown.reason.as_str())).collect();
        assert_eq!(shown, [("Ready", "ReleaseReady")]);
    }

    #[test]
    fn failures_in_a_row_are_kept() {
        let inputs = Inputs { chart_digest: "sha256:a".into(), ..Inputs::default() };
        let attempt = Report { attempt: Some(Attempt { inputs, failures: 2 }), ..Report::default() };
        let after = status_of(&FluxHelmReleaseStatus::default(), &attempt, 7, 9).last_attempt.unwrap();
        assert_eq!((after.failures, after.generation, after.time.unwrap().0.as_second()), (2, 7, 9));
    }
}
