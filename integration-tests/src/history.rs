//! The release records of a namespace, followed as they come: what each revision is, who made it, and when it was first seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::{StreamExt as _, pin_mut};
use helm_release::{Release, secret};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio_util::task::AbortOnDropHandle;

/// A revision.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The record as it is now.
    pub record: Release,
    /// When it was seen first: about when work on it began.
    pub first_seen: Instant,
    /// Which replica of release-operator claimed it. The label is there for as long as the revision is worked on.
    holder: String,
}

impl Revision {
    /// Which replica of release-operator works on it, or has.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.holder
    }
}

/// Releases by their names, and the revisions of each.
pub type Histories = BTreeMap<String, BTreeMap<u32, Revision>>;

/// Follows the records of one namespace. What is deleted is forgotten only while the watch holds: for releases that keep all their revisions.
pub struct History {
    seen: Arc<Mutex<Histories>>,
    _task: AbortOnDropHandle<()>,
}

impl History {
    /// Begins to follow.
    #[must_use]
    pub fn follow(client: kube::Client, namespace: &str) -> Self {
        let seen = Arc::new(Mutex::new(Histories::new()));
        let secrets: Api<Secret> = Api::namespaced(client, namespace);
        let task = tokio::spawn(follow(secrets, seen.clone()));
        Self { seen, _task: AbortOnDropHandle::new(task) }
    }

    /// What has been seen so far.
    #[must_use]
    pub fn now(&self) -> Histories {
        self.seen.lock().expect("no code panics while it holds this lock").clone()
    }
}

async fn follow(secrets: Api<Secret>, seen: Arc<Mutex<Histories>>) {
    let events = watcher(secrets, watcher::Config::default().labels("owner=helm")).default_backoff();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        // An error is followed by another attempt.
        let Ok(event) = event else { continue };
        let (secret, is_there) = match event {
            Event::Apply(secret) | Event::InitApply(secret) => (secret, true),
            Event::Delete(secret) => (secret, false),
            Event::Init | Event::InitDone => continue,
        };
        let Some(record) = read(&secret) else { continue };
        let mut seen = seen.lock().expect("no code panics while it holds this lock");
        let revisions = seen.entry(record.name.clone()).or_default();
        if is_there {
            let revision = record.revision;
            let known = revisions.remove(&revision);
            let first_seen = known.as_ref().map_or_else(Instant::now, |known| known.first_seen);
            let claimed = known.map(|known| known.holder).filter(|holder| !holder.is_empty());
            let holder =
                claimed.or_else(|| record.labels.get("windlass.dev/holder").cloned()).unwrap_or_default();
            revisions.insert(revision, Revision { record, first_seen, holder });
        } else {
            revisions.remove(&record.revision);
        }
    }
}

fn read(secret: &Secret) -> Option<Release> {
    let data = secret.data.as_ref()?.get(secret::DATA_KEY)?;
    secret::from_secret(&data.0, secret.metadata.labels.as_ref()?).ok()
}
