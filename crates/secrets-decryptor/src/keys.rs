//! The sealing keys: made once, followed for ever.
//!
//! Role: turns the key Secrets of the service's namespace into a [`KeySet`] and publishes it to the other parts.
//!
//! Invariants:
//! - A key Secret that cannot be read takes nothing away from the others: it is reported and skipped.
//! - Keys are made only when the namespace holds none, and only when the process starts: a key Secret that is
//!   deleted while the process runs is waited for, so that a restored backup meets no newer key in its place.
//! - What is published follows the cluster: a key Secret that is replaced, relabelled or deleted is gone from the set.

mod first;
mod follow;
mod load;

use std::sync::Arc;

use sealing::Keyring;
use service_kit::Readiness;
use tokio::sync::watch;

pub(crate) use follow::follow;

/// Name of the first key's Secret: what the original made before it had labels, and what its users back up.
const FIRST_KEY_NAME: &str = "sealed-secrets-key";

/// Label of a key Secret; only the value `active` counts.
const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// Value of [`KEY_LABEL`] for a key in use.
const KEY_LABEL_ACTIVE: &str = "active";

/// The keys in use.
#[derive(Default)]
pub(crate) struct KeySet {
    /// Opens and seals.
    pub(crate) keyring: Keyring,
}

/// Where parts of the service read the newest [`KeySet`]; `None` until the key Secrets have been listed.
pub(crate) type Keys = watch::Receiver<Option<Arc<KeySet>>>;

/// Where the follower puts the newest [`KeySet`].
pub(crate) struct Publisher {
    sender: watch::Sender<Option<Arc<KeySet>>>,
    readiness: Readiness,
}

/// The part of `/readyz` that speaks about the keys.
const READINESS: &str = "sealing-keys";

/// Connects the follower of the key Secrets with those who use the keys.
pub(crate) fn channel(readiness: Readiness) -> (Publisher, Keys) {
    readiness.waiting(READINESS, "the key Secrets have not been listed yet");
    let (sender, receiver) = watch::channel(None);
    (Publisher { sender, readiness }, receiver)
}

impl Publisher {
    /// Says why there are no keys yet.
    fn waiting(&self, why: String) {
        self.readiness.waiting(READINESS, why);
    }

    /// Publishes the keys, if they differ from those published before. `faults` are the key Secrets that cannot be used.
    fn publish(&self, keyring: Keyring, faults: &[String]) {
        match keyring.current() {
            Some(_) => self.readiness.reached(READINESS),
            None if faults.is_empty() => self.waiting(
                "the key Secret is gone; restore it from its backup, or restart this service to have a new key made"
                    .to_owned(),
            ),
            None => self.waiting(faults.join("; ")),
        }
        self.sender.send_if_modified(|published| {
            let content = |keyring: &Keyring| -> Vec<_> {
                let keys = keyring.keys().iter();
                keys.map(|key| (key.name().to_owned(), key.certificate().pem().to_owned())).collect()
            };
            if published.as_ref().is_some_and(|set| content(&set.keyring) == content(&keyring)) {
                return false;
            }
            let before = published
                .as_ref()
                .and_then(|set| set.keyring.current())
                .map(sealing::SealingKey::fingerprint);
            if let Some(current) = keyring.current().filter(|current| Some(current.fingerprint()) != before) {
                tracing::info!(
                    secret = current.name(),
                    fingerprint = %current.fingerprint(),
                    "the public certificate to seal with:\n{}",
                    current.certificate().pem().trim_end()
                );
            }
            tracing::info!(keys = keyring.keys().len(), "sealing keys loaded");
            *published = Some(Arc::new(KeySet { keyring }));
            true
        });
    }
}
