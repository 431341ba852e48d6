//! Step 5: what a person and a program are told. The status is computed purely; it is written only when it says something new.

mod history;

use std::sync::Arc;

use crds::{FluxHelmReleaseStatus, LastAttempt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::cluster::shortened;
use crate::record::Inputs;
use crate::records::Records;
use crate::released::Released;

/// The API server's limit on a condition's message is 32 KiB; half of that keeps an object with all conditions small.
const MESSAGE: usize = 16 * 1024;

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

/// A Kubernetes Event to publish.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it is a warning.
    pub warning: bool,
    /// One word.
    pub reason: &'static str,
    /// A sentence.
    pub note: String,
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

/// The Events that the look deserves: what was done, and a fault, a readiness, a drift or a test result that was not told before.
pub fn notices(before: &FluxHelmReleaseStatus, report: &Report) -> Vec<Notice> {
    let mut notices = Vec::new();
    if let Some(done) = report.done {
        notices.extend(deed(done, report.released.as_deref()));
    }
    let is_new = |kind: Kind, verdict: &Verdict| {
        let old = before.conditions.iter().find(|condition| condition.type_ == kind.name());
        let same = old.is_some_and(|old| old.status == text(verdict.holds) && old.reason == verdict.reason);
        // Of what is well one Event is enough.
        let is_well = (kind == Kind::DriftDetected) != (verdict.holds == Some(true));
        !(same && (is_well || old.is_some_and(|old| old.message == verdict.message)))
    };
    let mut tell = |verdict: &Verdict, warning| {
        let Verdict { reason, message, .. } = verdict;
        let is_told = notices.iter().any(|told: &Notice| told.note == *message);
        if !is_told {
            notices.push(Notice { warning, reason, note: message.clone() });
        }
    };
    for kind in [Kind::Remediated, Kind::TestSuccess, Kind::DriftDetected] {
        if let Some(verdict) = report.told(kind).filter(|verdict| is_new(kind, verdict)) {
            tell(verdict, (kind == Kind::DriftDetected) == (verdict.holds == Some(true)));
        }
    }
    if let Some(ready) =
        report.ready().filter(|ready| is_new(Kind::Ready, ready) && ready.reason != "Progressing")
    {
        tell(ready, ready.holds != Some(true));
    }
    notices
}

fn deed(done: Done, released: Option<&Released>) -> Option<Notice> {
    let (reason, what) = match done {
        Done::Installed => ("Installed", "installed"),
        Done::Upgraded => ("Upgraded", "upgraded"),
        Done::RolledBack => ("RolledBack", "rolled back"),
        Done::Uninstalled => {
            let note = "the failed release was uninstalled, with its history".to_owned();
            return Some(Notice { warning: true, reason: "Uninstalled", note });
        }
    };
    let Released { chart_label, revision, name, rolls_back_to, .. } = released?;
    let note = match done {
        Done::RolledBack => format!(
            "{what} release {name} to revision {rolls_back_to} ({chart_label}), as revision {revision}"
        ),
        _ => format!("{what} {chart_label} as revision {revision} of release {name}"),
    };
    Some(Notice { warning: false, reason, note })
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
    use helm_release::{Release, ReleaseName, Status};

    use super::*;
    use crate::store::Stored;

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
    fn events_tell_what_is_new() {
        let mut release = Release::new(ReleaseName::new("web").unwrap(), "dev", 2);
        release.info.status = Status::Deployed;
        let released = Arc::new(Released::from(&Stored::new(release)));
        let upgraded = Report {
            released: Some(released),
            done: Some(Done::Upgraded),
            ..report(false, "Progressing", "0 of 1")
        };
        let none = FluxHelmReleaseStatus::default();
        let reasons = |before: &FluxHelmReleaseStatus, report: &Report| -> Vec<_> {
            notices(before, report).into_iter().map(|notice| (notice.reason, notice.warning)).collect()
        };
        assert_eq!(reasons(&none, &upgraded), [("Upgraded", false)]);
        let before = status_of(&none, &upgraded, 1, 0);
        assert_eq!(before.release_revision, Some(2));
        let ready = report(true, "ReleaseReady", "all there");
        assert_eq!(reasons(&before, &ready), [("ReleaseReady", false)]);
        assert_eq!(reasons(&status_of(&before, &ready, 1, 0), &ready), []);
        let failed = report(false, "UpgradeFailed", "no");
        assert_eq!(reasons(&before, &failed), [("UpgradeFailed", true)]);
        assert_eq!(reasons(&status_of(&before, &failed, 1, 0), &failed), []);
        assert_eq!(
            reasons(&status_of(&before, &failed, 1, 0), &report(false, "UpgradeFailed", "still no")),
            [("UpgradeFailed", true)]
        );
        let drift = |text: &str| {
            ready.clone().with(Kind::DriftDetected, Some(Verdict::new(Some(true), "Drifted", text)))
        };
        let after = status_of(&before, &drift("a"), 1, 0);
        assert_eq!(reasons(&before, &drift("a")), [("Drifted", true), ("ReleaseReady", false)]);
        assert_eq!(reasons(&after, &drift("a")), []);
        assert_eq!(reasons(&after, &drift("b")), [("Drifted", true)]);
    }

    #[test]
    fn failures_in_a_row_are_kept() {
        let inputs = Inputs { chart_digest: "sha256:a".into(), ..Inputs::default() };
        let attempt = Report { attempt: Some(Attempt { inputs, failures: 2 }), ..Report::default() };
        let after = status_of(&FluxHelmReleaseStatus::default(), &attempt, 7, 9).last_attempt.unwrap();
        assert_eq!((after.failures, after.generation, after.time.unwrap().0.as_second()), (2, 7, 9));
    }
}
