//! What the labels of release records tell, kept for all releases of the cluster by one watch of metadata.
//!
//! Invariant: it saves lists and decides nothing alone. What it says of a release may lag behind; whoever acts on it then reads or creates
//! a record, and the API server refuses what is out of date. Whoever would take "no record" for an answer lists once more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use helm_release::history::Entry;
use helm_release::{History, Status};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::names::{
    CHART_DIGEST_LABEL, CLAIM_LABEL, GENERATION_LABEL, OPTIONS_DIGEST_LABEL, ROLLBACK_LABEL,
    VALUES_DIGEST_LABEL,
};

/// The digests of what a revision was made of, shortened as the labels hold them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputLabels {
    /// Of the chart's files.
    pub chart: String,
    /// Of the values.
    pub values: String,
    /// Of what else in the object changes the release; empty when nothing does.
    pub options: String,
}

/// What the labels of one record tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordLabels {
    /// The revision.
    pub revision: u32,
    /// Its status.
    pub status: Status,
    /// The Secret's resource version.
    pub version: u64,
    /// UID of the FluxHelmRelease that the record, or the one it was made on top of by helm, was made for.
    owner: Option<Arc<str>>,
    /// Whether this service wrote it itself: the claim names this very revision.
    is_written_here: bool,
    is_rollback: bool,
    /// The object's generation.
    generation: Option<i64>,
    /// The inputs; of records that this service wrote.
    pub inputs: Option<InputLabels>,
}

impl RecordLabels {
    /// Reads a record's labels; nothing if they are not Helm's.
    pub fn read(metadata: &ObjectMeta) -> Option<Self> {
        let labels = metadata.labels.as_ref()?;
        let version = metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
        Self::of(labels, version.unwrap_or(0))
    }

    /// As [`Self::read`], from the labels.
    pub fn of(labels: &BTreeMap<String, String>, version: u64) -> Option<Self> {
        let Entry { revision, status } = Entry::from_labels(labels)?;
        let text = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let claim = labels.get(CLAIM_LABEL).and_then(|claim| claim.rsplit_once('.'));
        let is_written_here = claim.is_some_and(|(_, of)| of == revision.to_string());
        let inputs = labels.contains_key(VALUES_DIGEST_LABEL).then(|| InputLabels {
            chart: text(CHART_DIGEST_LABEL),
            values: text(VALUES_DIGEST_LABEL),
            options: text(OPTIONS_DIGEST_LABEL),
        });
        Some(Self {
            revision,
            status,
            version,
            owner: claim.map(|(uid, _)| uid).filter(|uid| !uid.is_empty()).map(Arc::from),
            is_written_here,
            is_rollback: labels.contains_key(ROLLBACK_LABEL),
            generation: labels.get(GENERATION_LABEL).and_then(|generation| generation.parse().ok()),
            inputs: inputs.filter(|_| is_written_here),
        })
    }

    /// Whether this service wrote it for the object of that UID.
    pub fn was_made_for(&self, uid: &str) -> bool {
        self.is_written_here && self.owner.as_deref() == Some(uid)
    }
}

/// The records of one release, as their labels tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// All revisions and their statuses.
    pub history: History,
    labels: Vec<RecordLabels>,
}

impl Records {
    /// Whether some revision was made for the object of that UID, directly or by helm on top of it.
    pub fn are_of(&self, uid: &str) -> bool {
        self.labels.iter().any(|labels| labels.owner.as_deref() == Some(uid))
    }

    /// All of them, oldest first.
    pub fn labels(&self) -> &[RecordLabels] {
        &self.labels
    }

    /// The newest revision.
    pub fn newest(&self) -> Option<&RecordLabels> {
        self.labels.last()
    }

    /// The newest revision that this service made for the object of that UID, rollbacks excepted: those carry the inputs that were
    /// asked for before.
    pub fn last_made_for(&self, uid: &str) -> Option<&RecordLabels> {
        self.labels.iter().rfind(|labels| labels.was_made_for(uid) && !labels.is_rollback)
    }
}

/// Revisions of the same object that failed one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failed {
    /// How many.
    pub count: u32,
    /// The newest of them; 0 when there is none.
    pub newest: u32,
}

impl Records {
    /// The newest revisions that were made of these inputs for this generation of the object of that UID, as far as they failed. What took a
    /// failure back is no answer to the inputs, and what is under way is none yet. (Failures before a revision has a record are not among
    /// them, nor those whose records were pruned.)
    pub fn failed(&self, uid: &str, inputs: &InputLabels, generation: i64) -> Failed {
        let mut failed = Failed::default();
        for labels in self.labels.iter().rev() {
            if labels.was_made_for(uid) && (labels.is_rollback || labels.status.is_pending()) {
                continue;
            }
            let is_same = labels.inputs.as_ref() == Some(inputs) && labels.generation == Some(generation);
            if !(labels.was_made_for(uid) && labels.status == Status::Failed && is_same) {
                break;
            }
            failed = Failed { count: failed.count + 1, newest: failed.newest.max(labels.revision) };
        }
        failed
    }
}

impl FromIterator<RecordLabels> for Records {
    fn from_iter<I: IntoIterator<Item = RecordLabels>>(labels: I) -> Self {
        let mut labels: Vec<_> = labels.into_iter().collect();
        labels.sort_by_key(|labels| labels.revision);
        let entry =
            |labels: &RecordLabels| Entry { revision: labels.revision, status: labels.status.clone() };
        Self { history: labels.iter().map(entry).collect(), labels }
    }
}

/// A release: its namespace and its name.
pub type ReleaseKey = (String, String);

#[derive(Default)]
struct State {
    is_listed: bool,
    releases: HashMap<ReleaseKey, BTreeMap<u32, RecordLabels>>,
    /// During a list: what was seen of it so far.
    seen: Option<BTreeSet<(ReleaseKey, u32)>>,
    newest_seen: u64,
    /// When somebody else deleted a record, of releases to which that happened lately.
    disturbed: HashMap<ReleaseKey, Instant>,
}

/// For how long a release is left alone after somebody else deleted a record of it: helm's uninstall deletes one after the other, and what
/// is left meanwhile is nobody's wish.
pub const SETTLING: Duration = Duration::from_secs(3);

/// The labels of all records of the cluster.
#[derive(Clone, Default)]
pub struct RecordIndex(Arc<Mutex<State>>);

impl RecordIndex {
    /// The records of a release; `None` before all were listed once.
    pub fn records(&self, namespace: &str, release: &str) -> Option<Records> {
        let state = self.lock();
        state.is_listed.then(|| {
            let found = state.releases.get(&(namespace.to_owned(), release.to_owned()));
            found.into_iter().flat_map(BTreeMap::values).cloned().collect()
        })
    }

    /// A list begins.
    pub fn list_begins(&self) {
        let mut state = self.lock();
        state.seen = Some(BTreeSet::new());
        state.newest_seen = 0;
    }

    /// The list has ended: what it did not show, and is not newer, is gone.
    pub fn list_ends(&self) {
        let mut state = self.lock();
        let newest = state.newest_seen;
        if let Some(seen) = state.seen.take() {
            for (key, records) in &mut state.releases {
                records.retain(|revision, labels| {
                    labels.version > newest || seen.contains(&(key.clone(), *revision))
                });
            }
            state.releases.retain(|_, records| !records.is_empty());
        }
        state.is_listed = true;
    }

    /// Takes a record's metadata up, from the watch or from a write. The release, when it says something new.
    pub fn take_up(&self, metadata: &ObjectMeta) -> Option<ReleaseKey> {
        let (key, labels) = keyed(metadata)?;
        let mut state = self.lock();
        state.newest_seen = state.newest_seen.max(labels.version);
        if let Some(seen) = &mut state.seen {
            seen.insert((key.clone(), labels.revision));
        }
        let records = state.releases.entry(key.clone()).or_default();
        if records.get(&labels.revision).is_some_and(|known| known.version >= labels.version) {
            return None;
        }
        records.insert(labels.revision, labels);
        Some(key)
    }

    /// A record was deleted. The release, when that is news.
    pub fn remove(&self, metadata: &ObjectMeta) -> Option<ReleaseKey> {
        let (key, labels) = keyed(metadata)?;
        {
            let mut state = self.lock();
            let known = state.releases.get(&key)?.get(&labels.revision)?.version;
            if known > labels.version {
                return None;
            }
            let now = Instant::now();
            state.disturbed.retain(|_, since| now.duration_since(*since) < SETTLING);
            state.disturbed.insert(key.clone(), now);
        }
        self.forget(&key.0, &key.1, labels.revision)
    }

    /// For how long the release is still to be left alone.
    pub fn settles_in(&self, namespace: &str, release: &str) -> Option<Duration> {
        let since = *self.lock().disturbed.get(&(namespace.to_owned(), release.to_owned()))?;
        SETTLING.checked_sub(since.elapsed()).filter(|left| !left.is_zero())
    }

    /// A record is known not to be there. The release, when that is news.
    pub fn forget(&self, namespace: &str, release: &str, revision: u32) -> Option<ReleaseKey> {
        let key = (namespace.to_owned(), release.to_owned());
        let mut state = self.lock();
        let records = state.releases.get_mut(&key)?;
        records.remove(&revision)?;
        if records.is_empty() {
            state.releases.remove(&key);
        }
        Some(key)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keyed(metadata: &ObjectMeta) -> Option<(ReleaseKey, RecordLabels)> {
    let labels = RecordLabels::read(metadata)?;
    let release = metadata.labels.as_ref()?.get("name")?.clone();
    Some(((metadata.namespace.clone()?, release), labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2:deployed@7 uid.2`: revision, status, resource version, claim.
    fn metadata(text: &str) -> ObjectMeta {
        let (record, claim) = text.split_once(' ').unwrap_or((text, ""));
        let (entry, version) = record.split_once('@').unwrap();
        let (revision, status) = entry.split_once(':').unwrap();
        let labels = [
            ("owner", "helm"),
            ("name", "web"),
            ("version", revision),
            ("status", status),
            (CLAIM_LABEL, claim),
        ];
        ObjectMeta {
            namespace: Some("dev".to_owned()),
            resource_version: Some(version.to_owned()),
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        }
    }

    fn shown(index: &RecordIndex) -> String {
        let records = index.records("dev", "web").unwrap();
        let entries = records.history.entries().iter();
        entries.map(|entry| format!("{}:{}", entry.revision, entry.status)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_newest_word_on_a_record_holds() {
        let index = RecordIndex::default();
        assert_eq!(index.records("dev", "web"), None);
        index.list_begins();
        index.take_up(&metadata("1:superseded@3"));
        index.take_up(&metadata("2:deployed@5"));
        index.list_ends();
        assert_eq!(shown(&index), "1:superseded 2:deployed");
        // Our own write, and then the watch's word of what was before it.
        assert!(index.take_up(&metadata("3:deployed@9")).is_some());
        assert!(index.take_up(&metadata("3:pending-upgrade@8")).is_none());
        assert!(index.remove(&metadata("3:pending-upgrade@8")).is_none());
        assert_eq!(shown(&index), "1:superseded 2:deployed 3:deployed");
        assert!(index.forget("dev", "web", 1).is_some() && index.forget("dev", "web", 1).is_none());
        // A new list: what it does not show is gone, unless it is newer than all of it.
        index.list_begins();
        index.take_up(&metadata("4:deployed@8"));
        index.list_ends();
        assert_eq!(shown(&index), "3:deployed 4:deployed");
        assert!(index.remove(&metadata("3:deployed@11")).is_some());
        assert!(index.remove(&metadata("4:deployed@12")).is_some());
        assert_eq!(shown(&index), "");
        assert!(index.settles_in("dev", "web").is_some() && index.settles_in("dev", "other").is_none());
    }

    #[test]
    fn whose_a_record_is() {
        let of = |text: &str| RecordLabels::read(&metadata(text)).unwrap();
        assert!(of("2:deployed@7 uid.2").was_made_for("uid"));
        assert!(!of("2:deployed@7 uid.2").was_made_for("other"));
        // By helm on top of ours.
        let records: Records = [of("2:deployed@7 uid.1")].into_iter().collect();
        assert!(records.are_of("uid") && records.last_made_for("uid").is_none());
        let foreign = ObjectMeta::default();
        assert_eq!(RecordLabels::read(&foreign), None);
    }

    #[test]
    fn failures_are_read_from_the_records() {
        // revision:status, then what it was made of; `-` for a rollback.
        let check = |text: &str, count: u32, newest: u32| {
            let of = |word: &str| {
                let [revision, status, made_of, generation]: [&str; 4] =
                    word.split(':').collect::<Vec<_>>().try_into().unwrap();
                let claim = format!("uid.{revision}");
                let mut labels: BTreeMap<String, String> = [
                    ("owner", "helm"),
                    ("version", revision),
                    ("status", status),
                    (CLAIM_LABEL, &claim),
                    (VALUES_DIGEST_LABEL, made_of),
                    (GENERATION_LABEL, generation),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
                if made_of == "-" {
                    labels.insert(ROLLBACK_LABEL.to_owned(), "remediation".to_owned());
                }
                RecordLabels::of(&labels, 1).unwrap()
            };
            let records: Records = text.split_whitespace().map(of).collect();
            let inputs = InputLabels { values: "a".to_owned(), ..InputLabels::default() };
            assert_eq!(records.failed("uid", &inputs, 7), Failed { count, newest }, "{text}");
        };
        check("", 0, 0);
        check("1:deployed:a:7", 0, 0);
        check("1:superseded:b:6 2:failed:a:7", 1, 2);
        check("1:superseded:b:6 2:failed:a:7 3:deployed:-:0", 1, 2);
        check("1:failed:a:7 2:failed:a:7 3:pending-upgrade:a:7", 2, 2);
        // Other values, or another generation, came in between.
        check("1:failed:a:7 2:failed:b:8 3:failed:a:7", 1, 3);
        check("1:failed:a:6", 0, 0);
        check("1:failed:a:7 2:deployed:a:7", 0, 0);
    }
}
