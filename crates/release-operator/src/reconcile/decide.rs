//! Step 3: from what was observed to what is done next. Pure and total.
//!
//! Rules: git is the truth, so a release is brought to what its object asks for; inputs are compared, never times or rendered text (which
//! may hold random values); what was tried with the same inputs and failed is tried again by its policy, with growing delays; a revision that
//! was cut off is completed as the same revision; what a person's helm did is shown, and undone only where the object says so.

use std::time::Duration;

use helm_release::{History, Status};

use super::validate::{Remediation, Retries};

#[cfg(test)]
mod table;

/// How long an operation of somebody else (a person's `helm upgrade`) may be pending before it counts as dead. Helm's own
/// default for an operation is 5 minutes.
pub const FOREIGN_OPERATION: Duration = Duration::from_secs(10 * 60);
/// The delay before the first retry of a failed revision; it doubles with every further failure.
pub const FIRST_RETRY: Duration = Duration::from_secs(15);
/// The longest delay between two tries.
pub const LONGEST_RETRY: Duration = Duration::from_secs(10 * 60);

/// Who made a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Maker {
    /// This service, for this very object.
    Us,
    /// This service for another object, or a person's helm.
    #[default]
    Others,
}

/// How the asked inputs differ from those of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// The chart.
    pub chart: bool,
    /// The values.
    pub values: bool,
    /// What else in the spec changes the objects: post-renderers, common metadata.
    pub options: bool,
}

impl Difference {
    /// Whether anything differs.
    pub fn any(self) -> bool {
        self.chart || self.values || self.options
    }
}

/// What is known of the newest record beyond its status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    /// Who made it.
    pub maker: Maker,
    /// Since it was begun.
    pub age: Duration,
    /// How the asked inputs differ from its own.
    pub difference: Difference,
    /// It rolls back to this earlier revision; 0 when it is no rollback.
    pub rolls_back_to: u32,
    /// It does so because another one failed.
    pub is_remediation: bool,
    /// The release is being taken away by us, and not by a person's helm.
    pub is_purged_here: bool,
    /// Its objects are applied and it waits for hooks or readiness.
    pub is_waiting: bool,
    /// Of a revision that others made or a person asked for: the asked inputs are those that were dealt with last, so nothing but the
    /// release itself has changed since.
    pub undoes_ours: bool,
    /// What became of its tests.
    pub tests: Tests,
}

/// What became of the tests of a revision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tests {
    /// There are none, they are not asked for, or they passed, or may fail.
    #[default]
    Settled,
    /// They are still to be run, or to be waited for.
    Due,
    /// Some failed.
    Failed,
}

/// What became of the asked inputs so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How often they failed in a row.
    pub failures: u32,
    /// Since the last failure; zero when it is not known.
    pub since: Duration,
}

/// What a person asked for by an RPC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asked {
    /// Nothing.
    #[default]
    Nothing,
    /// Another try although nothing changed.
    Retry,
    /// To go back to a revision.
    Rollback(u32),
    /// To run the chart's tests.
    Test,
}

/// What the object says about failures and about what others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Retries of a failed install.
    pub install: Retries,
    /// What is done with a failed install.
    pub failed_install: Remediation,
    /// Retries of a failed upgrade.
    pub upgrade: Retries,
    /// What is done with a failed upgrade.
    pub failed_upgrade: Remediation,
    /// Whether what others did to the release is undone.
    pub undo: bool,
}

/// What a decision is made of.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// All records of the release, by revision and status.
    pub history: &'a History,
    /// The newest one in detail; looked at only when there is one.
    pub newest: Newest,
    /// What became of the asked inputs.
    pub attempts: Attempts,
    /// What the object says.
    pub policy: Policy,
    /// What a person asked for.
    pub asked: Asked,
}

/// Why a release is changed.
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
    /// What the spec does to the rendered objects changed.
    Options,
    /// The newest revision is not deployed.
    NotDeployed,
    /// A person asked for another try.
    Asked,
    /// The same inputs failed before.
    Retry,
    /// Somebody else changed the release, and the object says that this is undone.
    Undo,
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
    /// Make a revision that is as an earlier one.
    Rollback {
        /// Its number.
        revision: u32,
        /// The earlier one.
        to: u32,
        /// Whether a failure is taken back, and not a person's wish done.
        is_remediation: bool,
    },
    /// Take a failed release away with its history, for a new install.
    Uninstall,
    /// Complete our own revision that was cut off or waits, from its record.
    Resume {
        /// Its number.
        revision: u32,
    },
    /// Give up our own revision that still waits, for other inputs are asked for by now.
    Cancel {
        /// Its number.
        revision: u32,
    },
    /// The release is as asked for; only these older revisions are still marked as deployed.
    Tidy {
        /// Their numbers.
        revisions: Vec<u32>,
    },
    /// The release is as asked for, and its tests are to be run.
    Test {
        /// The revision.
        revision: u32,
    },
    /// The release is as asked for.
    Nothing,
    /// Somebody else changed the release; it is left so.
    Leave {
        /// Their revision.
        revision: u32,
        /// The revision they went back to; 0 if they did something else.
        rolled_back_to: u32,
    },
    /// The asked inputs failed, and are tried again after this time.
    Backoff {
        /// The newest revision; 0 when there is none.
        revision: u32,
        /// How long that is.
        left: Duration,
    },
    /// The asked inputs failed as often as they are tried.
    Stalled {
        /// The newest revision.
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
            Self::Install { .. } | Self::Upgrade { .. } | Self::Resume { .. } | Self::Rollback { .. } => true,
            Self::Tidy { .. } | Self::Nothing | Self::Test { .. } | Self::Cancel { .. } => true,
            Self::Uninstall | Self::Backoff { .. } | Self::Leave { .. } => false,
            Self::Stalled { .. } | Self::Wait { .. } => false,
        }
    }
}

/// Decides.
pub fn decide(facts: &Facts<'_>) -> Decision {
    let Some(last) = facts.history.last() else {
        return match again(facts, facts.policy.install) {
            Again::Now(_) => Decision::Install { revision: 1, reason: Reason::NotInstalled, abandoned: None },
            Again::Later(left) => Decision::Backoff { revision: 0, left },
            Again::Never => Decision::Stalled { revision: 0 },
        };
    };
    let revision = last.revision;
    let newest = &facts.newest;
    let is_ours = newest.maker == Maker::Us;
    match &last.status {
        Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback if is_ours => {
            let is_outdated = newest.difference.any() && newest.rolls_back_to == 0;
            match newest.is_waiting && is_outdated {
                true => Decision::Cancel { revision },
                false => Decision::Resume { revision },
            }
        }
        Status::Uninstalling if is_ours && newest.is_purged_here => Decision::Uninstall,
        Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback | Status::Uninstalling => {
            match FOREIGN_OPERATION.checked_sub(newest.age) {
                Some(left) if !left.is_zero() => Decision::Wait { revision, left },
                _ => next(facts, Reason::NotDeployed, Some(revision)),
            }
        }
        Status::Deployed => deployed(facts, revision),
        Status::Failed => failed(facts, revision),
        // Superseded with nothing after it, uninstalled with its history kept, or a word that Helm will invent.
        _ => next(facts, Reason::NotDeployed, None),
    }
}

fn deployed(facts: &Facts<'_>, revision: u32) -> Decision {
    match brought_to_what_is_asked(facts, revision) {
        // What is deployed can be tested, whether or not it is what the object asks for.
        Decision::Leave { .. } | Decision::Backoff { .. } | Decision::Stalled { .. }
            if facts.asked == Asked::Test =>
        {
            Decision::Test { revision }
        }
        decision => decision,
    }
}

fn brought_to_what_is_asked(facts: &Facts<'_>, revision: u32) -> Decision {
    let newest = &facts.newest;
    if let Asked::Rollback(to) = facts.asked {
        return rollback(facts, to, false);
    }
    if newest.difference.any() {
        let by_a_person =
            newest.maker == Maker::Others || (newest.rolls_back_to > 0 && !newest.is_remediation);
        return match by_a_person && newest.undoes_ours {
            true => changed_by_a_person(facts, revision),
            false => change(facts, revision, facts.policy.upgrade),
        };
    }
    let superseded = facts.history.superseded_by(revision);
    if !superseded.is_empty() {
        return Decision::Tidy { revisions: superseded };
    }
    match (newest.tests, facts.asked) {
        (_, Asked::Test) | (Tests::Due, _) => Decision::Test { revision },
        (Tests::Failed, Asked::Retry) => Decision::Test { revision },
        (Tests::Failed, _) if newest.maker == Maker::Us => remediation(facts).unwrap_or(Decision::Nothing),
        // A forced look at a release that is as asked for changes nothing either.
        _ => Decision::Nothing,
    }
}

/// Other inputs than those of the newest revision: they are tried, or tried again.
fn change(facts: &Facts<'_>, revision: u32, retries: Retries) -> Decision {
    match facts.attempts.failures {
        0 => next(facts, reason(facts.newest.difference), None),
        _ => retry(facts, revision, retries),
    }
}

/// How a failure of our newest revision is taken back, if it is.
fn remediation(facts: &Facts<'_>) -> Option<Decision> {
    // What was deployed before this one decides whether it was an install.
    let before = facts.history.rollback_target();
    let remediation = match before {
        None => facts.policy.failed_install,
        Some(_) => facts.policy.failed_upgrade,
    };
    match (remediation, before) {
        (Remediation::Uninstall, _) => Some(Decision::Uninstall),
        (Remediation::Rollback, Some(target)) => Some(rollback(facts, target.revision, true)),
        _ => None,
    }
}

/// The release is not as asked for, and nothing but somebody's doing made it so.
fn changed_by_a_person(facts: &Facts<'_>, revision: u32) -> Decision {
    match (facts.policy.undo, facts.asked) {
        (_, Asked::Retry) => next(facts, Reason::Asked, None),
        (true, _) => next(facts, Reason::Undo, None),
        (false, _) => Decision::Leave { revision, rolled_back_to: facts.newest.rolls_back_to },
    }
}

fn failed(facts: &Facts<'_>, revision: u32) -> Decision {
    let newest = &facts.newest;
    if let Asked::Rollback(to) = facts.asked {
        return rollback(facts, to, false);
    }
    let retries = match is_install(facts) {
        true => facts.policy.install,
        false => facts.policy.upgrade,
    };
    let is_ours = newest.maker == Maker::Us;
    match newest.difference.any() {
        true if newest.undoes_ours && !is_ours => return changed_by_a_person(facts, revision),
        true if !is_ours || newest.rolls_back_to == 0 => return change(facts, revision, retries),
        _ => {}
    }
    // A rollback that failed itself is not taken back.
    let is_taken_back = is_ours && newest.rolls_back_to == 0 && facts.asked != Asked::Retry;
    match is_taken_back.then(|| remediation(facts)).flatten() {
        Some(remediation) => remediation,
        None => retry(facts, revision, retries),
    }
}

fn rollback(facts: &Facts<'_>, to: u32, is_remediation: bool) -> Decision {
    Decision::Rollback { revision: facts.history.next_revision(), to, is_remediation }
}

fn retry(facts: &Facts<'_>, revision: u32, retries: Retries) -> Decision {
    match again(facts, retries) {
        Again::Now(reason) => next(facts, reason, None),
        Again::Later(left) => Decision::Backoff { revision, left },
        Again::Never => Decision::Stalled { revision },
    }
}

enum Again {
    Now(Reason),
    Later(Duration),
    Never,
}

/// Whether the asked inputs are tried again.
fn again(facts: &Facts<'_>, retries: Retries) -> Again {
    let Attempts { failures, since } = facts.attempts;
    if facts.asked == Asked::Retry {
        return Again::Now(Reason::Asked);
    }
    if failures == 0 {
        return Again::Now(Reason::Retry);
    }
    if retries.are_exhausted(failures) {
        return Again::Never;
    }
    match retry_delay(failures).checked_sub(since) {
        Some(left) if !left.is_zero() => Again::Later(left),
        _ => Again::Now(Reason::Retry),
    }
}

/// The delay after this many failures in a row.
pub fn retry_delay(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST_RETRY)
}

fn reason(difference: Difference) -> Reason {
    match (difference.chart, difference.values) {
        (true, true) => Reason::ChartAndValues,
        (true, false) => Reason::Chart,
        (false, true) => Reason::Values,
        (false, false) => Reason::Options,
    }
}

/// Whether no revision was deployed since the last uninstall.
fn is_install(facts: &Facts<'_>) -> bool {
    let entries = facts.history.entries();
    let gone =
        entries.iter().rposition(|entry| matches!(entry.status, Status::Uninstalled | Status::Uninstalling));
    let since = &entries[gone.map_or(0, |at| at + 1)..];
    !since.iter().any(|entry| matches!(entry.status, Status::Deployed | Status::Superseded))
}

/// An upgrade when some revision was deployed once and not uninstalled since, else an install.
fn next(facts: &Facts<'_>, reason: Reason, abandoned: Option<u32>) -> Decision {
    let revision = facts.history.next_revision();
    match is_install(facts) {
        false => Decision::Upgrade { revision, reason, abandoned },
        true => Decision::Install { revision, reason, abandoned },
    }
}
