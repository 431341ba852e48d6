//! The rules of a release's history, as functions of its revisions and their statuses.
//!
//! They need no record decoded: the labels of a release's Secrets say enough ([`Entry::from_labels`]).

use std::collections::BTreeMap;

use crate::record::Release;
use crate::secret::OWNER;
use crate::status::Status;

/// One revision and its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The revision.
    pub revision: u32,
    /// Its status.
    pub status: Status,
}

impl Entry {
    /// Reads revision and status from the labels of a release's Secret; nothing if they are not Helm's.
    pub fn from_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        if labels.get(OWNER.0)? != OWNER.1 {
            return None;
        }
        let revision = labels.get("version")?.parse().ok()?;
        Some(Self { revision, status: Status::from(labels.get("status")?.as_str()) })
    }
}

impl From<&Release> for Entry {
    fn from(release: &Release) -> Self {
        Self { revision: release.revision, status: release.info.status.clone() }
    }
}

/// All revisions of one release, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    entries: Vec<Entry>,
}

impl FromIterator<Entry> for History {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|entry| entry.revision);
        Self { entries }
    }
}

impl History {
    /// The revisions, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The newest revision, whatever its status.
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// The deployed revision. Two writers can leave several; the newest counts, as it does for Helm.
    pub fn deployed(&self) -> Option<&Entry> {
        self.entries.iter().rfind(|entry| entry.status == Status::Deployed)
    }

    /// The newest revision if an operation on it is under way or was cut off.
    pub fn pending(&self) -> Option<&Entry> {
        self.last().filter(|entry| entry.status.is_pending() || entry.status == Status::Uninstalling)
    }

    /// Whether an install may begin: there is no release of that name, or its last revision is uninstalled or failed
    /// and none is deployed, in which case the history goes on (`helm install --replace`).
    pub fn may_install(&self) -> bool {
        let replaceable = |entry: &Entry| matches!(entry.status, Status::Uninstalled | Status::Failed);
        self.last().is_none_or(replaceable) && self.deployed().is_none()
    }

    /// The revision to go back to when the last one failed: the newest before it that was deployed once.
    /// (`helm rollback` without a number goes to the one before the last, even if that failed.)
    pub fn rollback_target(&self) -> Option<&Entry> {
        let last = self.last()?.revision;
        let was_deployed = |entry: &&Entry| {
            entry.revision < last && matches!(entry.status, Status::Deployed | Status::Superseded)
        };
        self.entries.iter().rfind(was_deployed)
    }

    /// The number of the next revision.
    pub fn next_revision(&self) -> u32 {
        self.last().map_or(1, |entry| entry.revision.saturating_add(1))
    }

    /// The revisions to mark as superseded now that `revision` is deployed.
    pub fn superseded_by(&self, revision: u32) -> Vec<u32> {
        let other = |entry: &&Entry| entry.revision != revision && entry.status == Status::Deployed;
        self.entries.iter().filter(other).map(|entry| entry.revision).collect()
    }

    /// The revisions to delete so that, with the one about to be created, `max_history` are left; 0 means no limit.
    ///
    /// The oldest go first. The deployed one never goes, and neither does the newest of those that were deployed once
    /// when none is deployed: that is the last good state, which Helm itself would prune.
    pub fn prune_before_create(&self, max_history: u32) -> Vec<u32> {
        let Some(keep) = max_history.checked_sub(1) else { return Vec::new() };
        let excess = self.entries.len().saturating_sub(keep as usize);
        let last_good = || self.entries.iter().rfind(|entry| entry.status == Status::Superseded);
        let protected = self.deployed().or_else(last_good).map(|entry| entry.revision);
        let prunable = self.entries.iter().map(|entry| entry.revision);
        prunable.filter(|&revision| Some(revision) != protected).take(excess).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1:superseded 2:deployed`, in any order.
    fn history(text: &str) -> History {
        let entry = |word: &str| {
            let (revision, status) = word.split_once(':').unwrap();
            Entry { revision: revision.parse().unwrap(), status: Status::from(status) }
        };
        text.split_whitespace().map(entry).collect()
    }

    #[test]
    fn what_a_history_says() {
        // history, deployed, pending, rollback target, next revision, install allowed
        let rows = [
            ("", None, None, None, 1, true),
            ("1:pending-install", None, Some(1), None, 2, false),
            ("1:failed", None, None, None, 2, true),
            ("1:deployed", Some(1), None, None, 2, false),
            ("2:deployed 1:superseded", Some(2), None, Some(1), 3, false),
            ("1:deployed 2:pending-upgrade", Some(1), Some(2), Some(1), 3, false),
            ("1:superseded 2:deployed 3:failed", Some(2), None, Some(2), 4, false),
            ("1:superseded 2:failed 3:deployed", Some(3), None, Some(1), 4, false),
            ("10:deployed 9:deployed", Some(10), None, Some(9), 11, false),
            ("1:superseded 2:uninstalled", None, None, Some(1), 3, true),
            ("1:superseded 2:uninstalling", None, Some(2), Some(1), 3, false),
            ("4:deployed 5:pending-rollback", Some(4), Some(5), Some(4), 6, false),
        ];
        for (text, deployed, pending, target, next, install) in rows {
            let history = history(text);
            let revision = |entry: Option<&Entry>| entry.map(|entry| entry.revision);
            assert_eq!(revision(history.deployed()), deployed, "{text}");
            assert_eq!(revision(history.pending()), pending, "{text}");
            assert_eq!(revision(history.rollback_target()), target, "{text}");
            assert_eq!((history.next_revision(), history.may_install()), (next, install), "{text}");
        }
    }

    #[test]
    fn a_new_deployment_supersedes_every_other() {
        let rows = [
            ("1:deployed 2:deployed", 2, vec![1]),
            ("1:superseded 2:failed 3:deployed", 3, vec![]),
            ("1:deployed 2:deployed 3:pending-upgrade", 3, vec![1, 2]),
        ];
        for (text, revision, expected) in rows {
            assert_eq!(history(text).superseded_by(revision), expected, "{text}");
        }
    }

    #[test]
    fn pruning_spares_the_last_good_revision() {
        let rows = [
            ("1:superseded 2:superseded 3:deployed", 0, vec![]),
            ("1:superseded 2:superseded 3:deployed", 4, vec![]),
            ("1:superseded 2:superseded 3:deployed", 3, vec![1]),
            ("1:superseded 2:superseded 3:deployed", 2, vec![1, 2]),
            ("1:superseded 2:superseded 3:deployed", 1, vec![1, 2]),
            ("1:deployed 2:failed 3:failed 4:failed", 3, vec![2, 3]),
            ("1:deployed", 1, vec![]),
            ("1:superseded 2:superseded 3:failed 4:failed", 2, vec![1, 3, 4]),
            ("1:failed 2:failed 3:failed", 2, vec![1, 2]),
        ];
        for (text, max_history, expected) in rows {
            assert_eq!(history(text).prune_before_create(max_history), expected, "{text} {max_history}");
        }
    }

    #[test]
    fn labels_say_revision_and_status() {
        let labels = |text: &str| {
            let pair = |word: &str| {
                word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap()
            };
            text.split_whitespace().map(pair).collect::<BTreeMap<_, _>>()
        };
        let entry = Entry { revision: 2, status: Status::Failed };
        assert_eq!(Entry::from_labels(&labels("owner=helm version=2 status=failed")), Some(entry));
        for text in [
            "version=2 status=failed",
            "owner=me version=2 status=failed",
            "owner=helm version=x status=failed",
        ] {
            assert_eq!(Entry::from_labels(&labels(text)), None, "{text}");
        }
    }
}
