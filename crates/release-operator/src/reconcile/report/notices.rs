//! The Kubernetes Events of a look.

use crds::FluxHelmReleaseStatus;
use helm_release::Status;

use super::{Done, Kind, PROGRESSING, Report, Verdict, text};
use crate::released::Released;

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

/// The Events that the look deserves: what was done, and a fault, a readiness, a drift or a test result that was not told before. What was
/// done and is ready is one Event.
pub fn notices(before: &FluxHelmReleaseStatus, report: &Report, uid: &str) -> Vec<Notice> {
    let mut notices = Vec::new();
    let is_ready = report.ready().is_some_and(|ready| ready.holds == Some(true));
    if let Some(done) = report.done.or_else(|| untold(before, report, uid)) {
        notices.extend(deed(done, report.released.as_deref(), is_ready));
    }
    let is_told = is_ready && !notices.is_empty();
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
    let is_worth_telling =
        |ready: &&Verdict| !is_told && is_new(Kind::Ready, ready) && ready.reason != PROGRESSING;
    if let Some(ready) = report.ready().filter(is_worth_telling) {
        tell(ready, ready.holds != Some(true));
    }
    notices
}

/// What was done by a process that was killed before it told: the status knows of no revision as new as the one that is deployed, which
/// was made here for the object.
fn untold(before: &FluxHelmReleaseStatus, report: &Report, uid: &str) -> Option<Done> {
    let (released, records) = (report.released.as_ref()?, report.records.as_ref()?);
    let is_made = released.status == Status::Deployed
        && records
            .newest()
            .is_some_and(|newest| newest.revision == released.revision && newest.was_made_for(uid));
    let is_news = before.release_revision.is_none_or(|told| told < i64::from(released.revision));
    (is_made && is_news).then_some(match (released.rolls_back_to, before.release_revision) {
        (0, None) => Done::Installed,
        (0, Some(_)) => Done::Upgraded,
        _ => Done::RolledBack,
    })
}

fn deed(done: Done, released: Option<&Released>, is_ready: bool) -> Option<Notice> {
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
    let note = if is_ready { format!("{note}, and it is ready") } else { note };
    Some(Notice { warning: false, reason, note })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use helm_release::{Release, ReleaseName};

    use super::super::status;
    use super::*;
    use crate::names::CLAIM_LABEL;
    use crate::records::{RecordLabels, Records};
    use crate::store::Stored;

    fn report(holds: bool, reason: &'static str, message: &str) -> Report {
        Report::settled(Verdict::new(Some(holds), reason, message))
    }

    fn released(revision: u32) -> Arc<Released> {
        let mut release = Release::new(ReleaseName::new("web").unwrap(), "dev", revision);
        release.info.status = Status::Deployed;
        Arc::new(Released::from(&Stored::new(release)))
    }

    fn records(revision: u32, claim: &str) -> Records {
        let version = revision.to_string();
        let labels = [("owner", "helm"), ("version", &version), ("status", "deployed"), (CLAIM_LABEL, claim)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        RecordLabels::of(&labels, 1).into_iter().collect()
    }

    fn status_of(before: &FluxHelmReleaseStatus, report: &Report) -> FluxHelmReleaseStatus {
        status(before, report, "uid", 1, jiff::Timestamp::UNIX_EPOCH)
    }

    fn told(before: &FluxHelmReleaseStatus, report: &Report) -> Vec<(&'static str, bool)> {
        notices(before, report, "uid").into_iter().map(|notice| (notice.reason, notice.warning)).collect()
    }

    #[test]
    fn events_tell_what_is_new() {
        let upgraded = Report {
            released: Some(released(2)),
            done: Some(Done::Upgraded),
            ..report(false, PROGRESSING, "0 of 1")
        };
        let none = FluxHelmReleaseStatus::default();
        assert_eq!(told(&none, &upgraded), [("Upgraded", false)]);
        let before = status_of(&none, &upgraded);
        assert_eq!(before.release_revision, Some(2));
        let ready = report(true, "ReleaseReady", "all there");
        assert_eq!(told(&before, &ready), [("ReleaseReady", false)]);
        assert_eq!(told(&status_of(&before, &ready), &ready), []);
        let failed = report(false, "UpgradeFailed", "no");
        assert_eq!(told(&before, &failed), [("UpgradeFailed", true)]);
        assert_eq!(told(&status_of(&before, &failed), &failed), []);
        assert_eq!(
            told(&status_of(&before, &failed), &report(false, "UpgradeFailed", "still no")),
            [("UpgradeFailed", true)]
        );
        let drift = |text: &str| {
            ready.clone().with(Kind::DriftDetected, Some(Verdict::new(Some(true), "Drifted", text)))
        };
        let after = status_of(&before, &drift("a"));
        assert_eq!(told(&before, &drift("a")), [("Drifted", true), ("ReleaseReady", false)]);
        assert_eq!(told(&after, &drift("a")), []);
        assert_eq!(told(&after, &drift("b")), [("Drifted", true)]);
    }

    #[test]
    fn what_was_done_and_is_ready_is_one_event() {
        let ready = report(true, "ReleaseReady", "all there");
        let upgraded = Report { released: Some(released(2)), done: Some(Done::Upgraded), ..ready };
        let notices = notices(&FluxHelmReleaseStatus::default(), &upgraded, "uid");
        let [notice] = notices.as_slice() else { panic!("{notices:?}") };
        assert!(notice.reason == "Upgraded" && notice.note.ends_with("of release web, and it is ready"));
    }

    #[test]
    fn what_a_killed_process_did_is_told_by_the_next() {
        // the revision that the status knows, the one that is deployed, its claim, the Event
        let check = |before: Option<i64>, revision: u32, claim: &str, expected: &[(&'static str, bool)]| {
            let before =
                FluxHelmReleaseStatus { release_revision: before, ..FluxHelmReleaseStatus::default() };
            let ready = report(true, "ReleaseReady", "all there");
            let report = Report {
                released: Some(released(revision)),
                records: Some(records(revision, claim)),
                ..ready
            };
            assert_eq!(told(&before, &report), expected, "{before:?} {revision} {claim}");
        };
        check(None, 1, "uid.1", &[("Installed", false)]);
        check(Some(1), 2, "uid.2", &[("Upgraded", false)]);
        check(Some(2), 2, "uid.2", &[("ReleaseReady", false)]);
        // Made for another object, and by helm.
        check(Some(1), 2, "other.2", &[("ReleaseReady", false)]);
        check(Some(1), 2, "uid.1", &[("ReleaseReady", false)]);
    }
}
