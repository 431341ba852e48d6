//! Step 3: from what was observed to what is done next. Pure and total.
//!
//! Rules: git is the truth, so a release that differs from the object is upgraded, whoever made it differ; inputs are
//! compared, never times or rendered text (which may hold random values); a revision that failed is not tried again
//! with the same inputs; a revision that was cut off is completed as the same revision.

use std::time::Duration;

use helm_release::{History, Status};

/// How long an operation of somebody else (a person's `helm upgrade`) may be pending before it counts as dead. Helm's own
/// default for an operation is 5 minutes.
pub const FOREIGN_OPERATION: Duration = Duration::from_secs(10 * 60);

/// What is known of the newest record beyond its status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    /// This service wrote it for this very object.
    pub ours: bool,
    /// Since it was begun.
    pub age: Duration,
    /// The chart in it is not the one that is asked for.
    pub chart_differs: bool,
    /// The values in it are not those that are asked for.
    pub values_differ: bool,
}

/// What a decision is made of.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// All records of the release, by revision and status.
    pub history: &'a History,
    /// The newest one in detail; looked at only when there is one.
    pub newest: Newest,
    /// Whether a person asked to try again although nothing changed.
    pub forced: bool,
}

/// Why a release is upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is none yet.
    NotInstalled,
    /// The chart changed.
    Chart,
    /// The values changed.
    Values,
    /// Both changed.
    ChartAndValues,
    /// The newest revision is not deployed.
    NotDeployed,
    /// A person asked for another try.
    Asked,
}

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Make a revision with no other deployed before it.
    Install {
        /// Its number.
        revision: u32,
        /// Why.
        reason: Reason,
        /// The dead operation of somebody else that is marked as failed first.
        abandoned: Option<u32>,
    },
    /// Make a revision in place of the deployed one.
    Upgrade {
        /// Its number.
        revision: u32,
        /// Why.
        reason: Reason,
        /// The dead operation of somebody else that is marked as failed first.
        abandoned: Option<u32>,
    },
    /// Complete our own revision that was cut off, from its record.
    Resume {
        /// Its number.
        revision: u32,
    },
    /// The release is as asked for; only these older revisions are still marked as deployed.
    Tidy {
        /// Their numbers.
        revisions: Vec<u32>,
    },
    /// The release is as asked for.
    Nothing,
    /// The newest revision failed with the same inputs.
    Stalled {
        /// Its number.
        revision: u32,
    },
    /// Somebody else is at work on the release.
    Wait {
        /// Their revision.
        revision: u32,
        /// When to take it for dead.
        left: Duration,
    },
}

impl Decision {
    /// Whether the object has the release by this decision, whoever made it: by making a revision of it, or by finding it as asked for.
    pub fn adopts(&self) -> bool {
        match self {
            Self::Install { .. } | Self::Upgrade { .. } | Self::Resume { .. } => true,
            Self::Tidy { .. } | Self::Nothing => true,
            Self::Stalled { .. } | Self::Wait { .. } => false,
        }
    }
}

/// Decides.
pub fn decide(facts: &Facts<'_>) -> Decision {
    let Some(last) = facts.history.last() else {
        return Decision::Install { revision: 1, reason: Reason::NotInstalled, abandoned: None };
    };
    let revision = last.revision;
    let newest = &facts.newest;
    let same = !newest.chart_differs && !newest.values_differ;
    match &last.status {
        Status::PendingInstall | Status::PendingUpgrade if newest.ours => Decision::Resume { revision },
        Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback | Status::Uninstalling => {
            match FOREIGN_OPERATION.checked_sub(newest.age) {
                Some(left) if !left.is_zero() => Decision::Wait { revision, left },
                _ => next(facts, Reason::NotDeployed, Some(revision)),
            }
        }
        Status::Deployed if same && !facts.forced => match facts.history.superseded_by(revision) {
            revisions if revisions.is_empty() => Decision::Nothing,
            revisions => Decision::Tidy { revisions },
        },
        // A forced look at a release that is as asked for changes nothing either.
        Status::Deployed if same => Decision::Nothing,
        Status::Deployed => next(facts, difference(newest), None),
        Status::Failed if same && !facts.forced => Decision::Stalled { revision },
        Status::Failed if same => next(facts, Reason::Asked, None),
        Status::Failed => next(facts, difference(newest), None),
        // Superseded with nothing after it, uninstalled with its history kept, or a word that Helm will invent.
        _ => next(facts, Reason::NotDeployed, None),
    }
}

fn difference(newest: &Newest) -> Reason {
    match (newest.chart_differs, newest.values_differ) {
        (true, true) => Reason::ChartAndValues,
        (true, false) => Reason::Chart,
        _ => Reason::Values,
    }
}

/// An upgrade when some revision was deployed once and not uninstalled since, else an install.
fn next(facts: &Facts<'_>, reason: Reason, abandoned: Option<u32>) -> Decision {
    let revision = facts.history.next_revision();
    let entries = facts.history.entries();
    let gone =
        entries.iter().rposition(|entry| matches!(entry.status, Status::Uninstalled | Status::Uninstalling));
    let since = &entries[gone.map_or(0, |at| at + 1)..];
    match since.iter().any(|entry| matches!(entry.status, Status::Deployed | Status::Superseded)) {
        true => Decision::Upgrade { revision, reason, abandoned },
        false => Decision::Install { revision, reason, abandoned },
    }
}

#[cfg(test)]
mod tests {
    use helm_release::history::Entry;

    use super::*;

    /// `1:superseded 2:deployed`, then words: `ours`, `chart`, `values` (differ), `old` (older than the limit), `forced`.
    fn check(text: &str, expected: &str) {
        let (mut entries, mut newest, mut forced) = (Vec::new(), Newest::default(), false);
        for word in text.split_whitespace() {
            match (word.split_once(':'), word) {
                (Some((revision, status)), _) => {
                    entries.push(Entry { revision: revision.parse().unwrap(), status: Status::from(status) });
                }
                (None, "ours") => newest.ours = true,
                (None, "chart") => newest.chart_differs = true,
                (None, "values") => newest.values_differ = true,
                (None, "old") => newest.age = FOREIGN_OPERATION,
                (None, "forced") => forced = true,
                (None, other) => panic!("{other}"),
            }
        }
        let history = entries.into_iter().collect();
        let decision = decide(&Facts { history: &history, newest, forced });
        let abandons =
            |abandoned: Option<u32>| abandoned.map_or(String::new(), |n| format!(" abandoning {n}"));
        let actual = match decision {
            Decision::Install { revision, reason, abandoned } => {
                format!("install {revision} {reason:?}{}", abandons(abandoned))
            }
            Decision::Upgrade { revision, reason, abandoned } => {
                format!("upgrade {revision} {reason:?}{}", abandons(abandoned))
            }
            Decision::Resume { revision } => format!("resume {revision}"),
            Decision::Tidy { revisions } => format!("tidy {revisions:?}"),
            Decision::Nothing => "nothing".to_owned(),
            Decision::Stalled { revision } => format!("stalled {revision}"),
            Decision::Wait { revision, .. } => format!("wait for {revision}"),
        };
        assert_eq!(actual, expected, "{text:?}");
    }

    #[test]
    fn decisions() {
        let rows = [
            // Nothing there.
            ("", "install 1 NotInstalled"),
            ("forced", "install 1 NotInstalled"),
            ("chart values ours", "install 1 NotInstalled"),
            // Deployed.
            ("1:deployed", "nothing"),
            ("1:deployed ours", "nothing"),
            ("1:deployed old", "nothing"),
            ("1:deployed forced", "nothing"),
            ("1:deployed chart", "upgrade 2 Chart"),
            ("1:deployed values", "upgrade 2 Values"),
            ("1:deployed chart values", "upgrade 2 ChartAndValues"),
            ("1:deployed values forced", "upgrade 2 Values"),
            ("1:superseded 2:deployed", "nothing"),
            ("1:superseded 2:deployed chart", "upgrade 3 Chart"),
            ("9:superseded 10:deployed values", "upgrade 11 Values"),
            ("3:deployed 2:failed 1:superseded", "nothing"),
            // Cut off between marking the old one and the new one, by us or by helm.
            ("1:deployed 2:deployed", "tidy [1]"),
            ("1:deployed 2:deployed 3:deployed ours", "tidy [1, 2]"),
            ("1:deployed 2:deployed values", "upgrade 3 Values"),
            ("1:superseded", "upgrade 2 NotDeployed"),
            ("1:superseded values", "upgrade 2 NotDeployed"),
            ("1:superseded 2:superseded", "upgrade 3 NotDeployed"),
            // Our own operation was cut off: the same revision again, whatever is asked for by now.
            ("1:pending-install ours", "resume 1"),
            ("1:pending-install ours values", "resume 1"),
            ("1:pending-install ours chart old", "resume 1"),
            ("1:deployed 2:pending-upgrade ours", "resume 2"),
            ("1:deployed 2:pending-upgrade ours forced", "resume 2"),
            ("1:superseded 2:pending-upgrade ours", "resume 2"),
            ("1:superseded 2:failed 3:pending-upgrade ours chart", "resume 3"),
            ("1:failed 2:pending-install ours", "resume 2"),
            // Somebody else's operation.
            ("1:pending-install", "wait for 1"),
            ("1:pending-install forced", "wait for 1"),
            ("1:deployed 2:pending-upgrade", "wait for 2"),
            ("1:deployed 2:pending-upgrade values", "wait for 2"),
            ("1:deployed 2:pending-rollback", "wait for 2"),
            ("1:deployed 2:pending-rollback ours", "wait for 2"),
            ("1:superseded 2:uninstalling", "wait for 2"),
            ("1:uninstalling ours", "wait for 1"),
            // It died.
            ("1:pending-install old", "install 2 NotDeployed abandoning 1"),
            ("1:deployed 2:pending-upgrade old", "upgrade 3 NotDeployed abandoning 2"),
            ("1:deployed 2:pending-upgrade old values", "upgrade 3 NotDeployed abandoning 2"),
            ("1:deployed 2:pending-rollback old", "upgrade 3 NotDeployed abandoning 2"),
            ("1:superseded 2:pending-rollback old ours", "upgrade 3 NotDeployed abandoning 2"),
            ("1:superseded 2:uninstalling old", "install 3 NotDeployed abandoning 2"),
            ("1:uninstalling old", "install 2 NotDeployed abandoning 1"),
            // Failed.
            ("1:failed", "stalled 1"),
            ("1:failed ours", "stalled 1"),
            ("1:failed forced", "install 2 Asked"),
            ("1:failed values", "install 2 Values"),
            ("1:failed chart", "install 2 Chart"),
            ("1:failed chart values forced", "install 2 ChartAndValues"),
            ("1:failed 2:failed values", "install 3 Values"),
            ("1:deployed 2:failed", "stalled 2"),
            ("1:deployed 2:failed old", "stalled 2"),
            ("1:deployed 2:failed forced", "upgrade 3 Asked"),
            ("1:deployed 2:failed values", "upgrade 3 Values"),
            ("1:deployed 2:failed chart values", "upgrade 3 ChartAndValues"),
            ("1:superseded 2:failed chart", "upgrade 3 Chart"),
            // Uninstalled with its history kept (helm uninstall --keep-history).
            ("1:uninstalled", "install 2 NotDeployed"),
            ("1:superseded 2:uninstalled", "install 3 NotDeployed"),
            ("1:superseded 2:uninstalled values", "install 3 NotDeployed"),
            ("1:superseded 2:uninstalled 3:failed values", "install 4 Values"),
            ("1:uninstalled 2:superseded 3:failed values", "upgrade 4 Values"),
            // What Helm has not invented yet.
            ("1:unknown", "install 2 NotDeployed"),
            ("1:deployed 2:resting", "upgrade 3 NotDeployed"),
        ];
        for (text, expected) in rows {
            check(text, expected);
        }
    }
}
