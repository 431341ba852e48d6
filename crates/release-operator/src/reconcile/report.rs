//! Step 5: what a person and a program are told. The status is computed purely; it is written only when it says something new.

use crds::{FluxHelmReleaseStatus, LastAttempt};
use helm_release::Release;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::cluster::shortened;

/// The API server's limit on a condition's message.
const MESSAGE: usize = 32 * 1024;

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

/// What was done to the release in this look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Installed.
    Installed,
    /// Upgraded.
    Upgraded,
}

/// What a look at an object came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Condition `Ready`; `None` leaves it as it is.
    pub ready: Option<Verdict>,
    /// Condition `Released`; `None` leaves it as it is.
    pub released: Option<Verdict>,
    /// The newest record, if one was read.
    pub record: Option<Release>,
    /// Git revision, chart digest and values digest that the deployed revision was made of.
    pub deployed_from: Option<Inputs>,
    /// The inputs of an attempt that was made now, and whether it failed.
    pub attempt: Option<(Inputs, bool)>,
    /// What was done.
    pub done: Option<Done>,
    /// Whether the object's generation was dealt with. A look that only waited has not.
    pub observed: bool,
}

/// What a revision is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// Git revision of the chart.
    pub source_revision: String,
    /// Digest of the chart's files.
    pub chart_digest: String,
    /// Digest of the values.
    pub values_digest: String,
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
    generation: i64,
    now: jiff::Timestamp,
) -> FluxHelmReleaseStatus {
    let mut status = before.clone();
    if report.observed {
        status.observed_generation = Some(generation);
    }
    if let Some(record) = &report.record {
        status.release_name = Some(record.name.clone());
        status.release_status = Some(record.info.status.to_string());
        status.release_revision = Some(i64::from(record.revision));
    }
    if let Some(inputs) = &report.deployed_from {
        status.source_revision = Some(inputs.source_revision.clone()).filter(|revision| !revision.is_empty());
        status.chart_digest = Some(inputs.chart_digest.clone());
        status.values_digest = Some(inputs.values_digest.clone());
    }
    if let Some((inputs, failed)) = &report.attempt {
        let failures = before.last_attempt.as_ref().map_or(0, |last| last.failures);
        status.last_attempt = Some(LastAttempt {
            generation,
            source_revision: Some(inputs.source_revision.clone()).filter(|revision| !revision.is_empty()),
            chart_digest: Some(inputs.chart_digest.clone()),
            values_digest: Some(inputs.values_digest.clone()),
            failures: if *failed { failures + 1 } else { 0 },
        });
    }
    for (kind, verdict) in [("Ready", &report.ready), ("Released", &report.released)] {
        if let Some(verdict) = verdict {
            set_condition(&mut status.conditions, kind, verdict, generation, now);
        }
    }
    status
}

/// The Events that the look deserves: what was done, and a fault or a readiness that was not told before.
pub fn notices(before: &FluxHelmReleaseStatus, report: &Report) -> Vec<Notice> {
    let mut notices = Vec::new();
    if let (Some(done), Some(record)) = (report.done, &report.record) {
        let (reason, what) = match done {
            Done::Installed => ("Installed", "installed"),
            Done::Upgraded => ("Upgraded", "upgraded"),
        };
        let note = format!(
            "{what} {} as revision {} of release {}",
            record.chart_label(),
            record.revision,
            record.name
        );
        notices.push(Notice { warning: false, reason, note });
    }
    let Some(ready) = &report.ready else { return notices };
    let old = before.conditions.iter().find(|condition| condition.type_ == "Ready");
    let told = old.is_some_and(|old| old.status == text(ready.holds) && old.reason == ready.reason);
    let told = told && (ready.holds == Some(true) || old.is_some_and(|old| old.message == ready.message));
    if !told && ready.reason != "Progressing" {
        notices.push(Notice {
            warning: ready.holds != Some(true),
            reason: ready.reason,
            note: ready.message.clone(),
        });
    }
    notices
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
        // The API server keeps whole seconds.
        _ => Time(jiff::Timestamp::from_second(now.as_second()).unwrap_or(now)),
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

fn text(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use helm_release::{ReleaseName, Status};

    use super::*;

    fn report(holds: bool, reason: &'static str, message: &str) -> Report {
        Report {
            ready: Some(Verdict::new(Some(holds), reason, message)),
            observed: true,
            ..Report::default()
        }
    }

    #[test]
    fn a_status_that_says_nothing_new_is_equal() {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        let first =
            status(&FluxHelmReleaseStatus::default(), &report(false, "Progressing", "0 of 1"), 3, at(10));
        assert_eq!(first.observed_generation, Some(3));
        assert_eq!(status(&first, &report(false, "Progressing", "0 of 1"), 3, at(20)), first);
        let second = status(&first, &report(false, "WorkloadFailed", "it failed"), 3, at(30));
        assert_eq!(second.conditions[0].last_transition_time, first.conditions[0].last_transition_time);
        let third = status(&second, &report(true, "ReleaseReady", "all there"), 4, at(40));
        assert_eq!(third.conditions.len(), 1);
        assert_eq!(third.conditions[0].last_transition_time.0, at(40));
        let waited = status(&third, &Report::default(), 5, at(50));
        assert_eq!(waited, third);
    }

    #[test]
    fn events_tell_what_is_new() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let mut release = Release::new(ReleaseName::new("web").unwrap(), "dev", 2);
        release.info.status = Status::Deployed;
        let upgraded = Report {
            record: Some(release),
            done: Some(Done::Upgraded),
            ..report(false, "Progressing", "0 of 1")
        };
        let none = FluxHelmReleaseStatus::default();
        let reasons = |before: &FluxHelmReleaseStatus, report: &Report| -> Vec<_> {
            notices(before, report).into_iter().map(|notice| (notice.reason, notice.warning)).collect()
        };
        assert_eq!(reasons(&none, &upgraded), [("Upgraded", false)]);
        let before = status(&none, &upgraded, 1, now);
        assert_eq!(before.release_revision, Some(2));
        let ready = report(true, "ReleaseReady", "all there");
        assert_eq!(reasons(&before, &ready), [("ReleaseReady", false)]);
        assert_eq!(reasons(&status(&before, &ready, 1, now), &ready), []);
        let failed = report(false, "UpgradeFailed", "no");
        assert_eq!(reasons(&before, &failed), [("UpgradeFailed", true)]);
        assert_eq!(reasons(&status(&before, &failed, 1, now), &failed), []);
        assert_eq!(
            reasons(&status(&before, &failed, 1, now), &report(false, "UpgradeFailed", "still no")),
            [("UpgradeFailed", true)]
        );
    }

    #[test]
    fn failures_in_a_row_are_counted() {
        let attempt = |failed| Report { attempt: Some((Inputs::default(), failed)), ..Report::default() };
        let mut now = FluxHelmReleaseStatus::default();
        for (failed, expected) in [(true, 1), (true, 2), (false, 0), (true, 1)] {
            now = status(&now, &attempt(failed), 1, jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(now.last_attempt.as_ref().unwrap().failures, expected);
        }
    }
}
