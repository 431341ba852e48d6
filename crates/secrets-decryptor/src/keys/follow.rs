//! Following the key Secrets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch_objects};
use kube::{Api, ResourceExt as _};
use sealing::{Keyring, SealingKey};
use service_kit::{BoxError, chain};
use tokio_util::sync::CancellationToken;

use super::load::{Standing, sealing_key, standing};
use super::{Publisher, first};

/// Leaves out Helm's release records, which can be many and large.
const NOT_HELM: &str = "type!=helm.sh/release.v1";

/// How long to wait after a failed attempt to have a first key; doubled each time up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(500);

/// The longest wait between two attempts.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Which Secrets of the namespace may be keys. No label selector: a key from before labels has none.
pub(super) fn key_secrets() -> kube::api::ListParams {
    kube::api::ListParams::default().fields(NOT_HELM)
}

/// Sees to it that there is a key, then publishes the keys whenever they change, until `shutdown`.
///
/// # Errors
/// None: faults of the API server are logged, shown in `/readyz` and waited out.
pub(crate) async fn follow(
    secrets: Api<Secret>,
    publisher: Publisher,
    shutdown: CancellationToken,
) -> Result<(), BoxError> {
    let work = async {
        ensure_first(&secrets, &publisher).await;
        watch(secrets, &publisher).await;
    };
    shutdown.run_until_cancelled(work).await;
    Ok(())
}

async fn ensure_first(secrets: &Api<Secret>, publisher: &Publisher) {
    let mut delay = RETRY_MIN;
    while let Err(error) = first::ensure(secrets).await {
        let why = chain(&error);
        tracing::warn!(retry_in = ?delay, "{why}");
        publisher.waiting(why);
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(RETRY_MAX);
    }
}

async fn watch(secrets: Api<Secret>, publisher: &Publisher) {
    let config = watcher::Config::default().fields(NOT_HELM);
    let mut events = std::pin::pin!(watch_objects(secrets, config).default_backoff());
    let mut known = Known::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if known.take_in(event) {
                    let (keyring, faults) = known.keyring();
                    publisher.publish(keyring, &faults);
                }
            }
            Err(error) => {
                tracing::warn!("the key Secrets cannot be watched; trying again: {}", chain(&error))
            }
        }
    }
}

/// The key Secrets as far as they are known: the key or the fault of each.
#[derive(Default)]
struct Known {
    keys: BTreeMap<String, Result<Arc<SealingKey>, String>>,
    /// What a listing under way has brought so far.
    listing: BTreeMap<String, Result<Arc<SealingKey>, String>>,
}

impl Known {
    /// Takes an event in and says whether the keys may have changed.
    fn take_in(&mut self, event: Event<Secret>) -> bool {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(secret) => {
                if let Some((name, key)) = read(&secret) {
                    self.listing.insert(name, key);
                }
            }
            Event::InitDone => {
                self.keys = std::mem::take(&mut self.listing);
                return true;
            }
            Event::Apply(secret) => {
                return match read(&secret) {
                    Some((name, key)) => {
                        self.keys.insert(name, key);
                        true
                    }
                    None => self.keys.remove(&secret.name_any()).is_some(),
                };
            }
            Event::Delete(secret) => return self.keys.remove(&secret.name_any()).is_some(),
        }
        false
    }

    fn keyring(&self) -> (Keyring, Vec<String>) {
        let keyring = Keyring::new(self.keys.values().filter_map(|key| key.as_ref().ok()).cloned());
        (keyring, self.keys.values().filter_map(|key| key.as_ref().err()).cloned().collect())
    }
}

/// The key of a Secret, or what is wrong with it; `None` when it is no key.
fn read(secret: &Secret) -> Option<(String, Result<Arc<SealingKey>, String>)> {
    if standing(secret) != Standing::Active {
        return None;
    }
    let name = secret.name_any();
    let key = sealing_key(&name, secret).map(Arc::new).map_err(|error| {
        let fault = format!("the key Secret {name} cannot be used: {}", chain(&error));
        tracing::error!("{fault}");
        fault
    });
    Some((name, key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn broken(name: &str, label: &str) -> Secret {
        serde_json::from_value(json!({"metadata": {"name": name, "labels": {crate::keys::KEY_LABEL: label}}}))
            .expect("a Secret")
    }

    /// Names of the Secrets that count as keys after each event.
    #[test]
    fn events_change_what_is_known() {
        let mut known = Known::default();
        let mut check = |event: Event<Secret>, changed: bool, names: &[&str]| {
            assert_eq!(known.take_in(event), changed);
            assert_eq!(known.keys.keys().collect::<Vec<_>>(), names);
        };
        check(Event::Init, false, &[]);
        check(Event::InitApply(broken("a", "active")), false, &[]);
        check(Event::InitApply(broken("other", "no")), false, &[]);
        check(Event::InitDone, true, &["a"]);
        check(Event::Apply(broken("b", "active")), true, &["a", "b"]);
        check(Event::Apply(broken("other", "no")), false, &["a", "b"]);
        check(Event::Apply(broken("a", "compromised")), true, &["b"]);
        check(Event::Init, false, &["b"]);
        check(Event::InitApply(broken("c", "active")), false, &["b"]);
        check(Event::InitDone, true, &["c"]);
        check(Event::Delete(broken("c", "active")), true, &[]);
    }
}
