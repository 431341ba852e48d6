//! What is remembered of each chart that was asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use url::Url;

use super::{CredentialsId, RepositoryUrl};
use crate::source::http_repository::Validators;

/// Charts that something is remembered of.
const MAX_KEPT: usize = 4096;

/// A chart, a range of versions, and who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) repository: RepositoryUrl,
    pub(super) chart: String,
    pub(super) version: String,
    pub(super) credentials: Option<CredentialsId>,
}

/// What the repository answered the last time.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    /// The version that was chosen.
    pub(super) version: String,
    /// `sha256:<hex>` of its archive.
    pub(super) digest: String,
    /// Where the archive is and how to tell whether it has changed, if the index does not state its digest.
    pub(super) unstated: Option<(Url, Validators)>,
}

/// A chart's place. Its lock makes those who ask for the same share one answer.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) known: Option<Resolved>,
    /// When the repository was asked, successfully, the last time.
    pub(super) asked: Option<Instant>,
    /// Why it could not be asked the last time, and until when that is not tried again.
    pub(super) trouble: Option<(String, Instant)>,
}

/// A place that somebody may be at.
type Shared = Arc<tokio::sync::Mutex<Place>>;

/// All places, and when each was used; those that were not used for the longest time go first.
#[derive(Debug, Default)]
pub(super) struct Places {
    kept: Mutex<HashMap<Key, (Shared, Instant)>>,
}

impl Places {
    pub(super) fn get(&self, key: Key) -> Shared {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains_key(&key) && kept.len() >= MAX_KEPT {
            let idle = kept.iter().filter(|(_, (place, _))| Arc::strong_count(place) == 1);
            let oldest = idle.min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.map(|key| kept.remove(&key));
        }
        let now = Instant::now();
        let (place, used) = kept.entry(key).or_insert_with(|| (Arc::default(), now));
        *used = now;
        place.clone()
    }
}
