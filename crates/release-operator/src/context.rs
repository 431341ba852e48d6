//! What every reconcile has at hand.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::Store;
use kube_apply::Applier;

use crate::catalog::Catalog;
use crate::changes::Changes;
use crate::cluster::Cluster;
use crate::engine::Engine;
use crate::memory::Memory;
use crate::reconcile::validate::{Identity, Object};
use crate::shares::Shares;
use crate::source::Charts;
use crate::store::ReleaseStore;
use crate::waits::Waits;

/// The longest value of a label.
const LABEL: usize = 63;

/// Settings of the reconciler.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Records kept per release, where its object does not say.
    pub max_history: u32,
    /// How often each release is looked at although nothing happened.
    pub resync: Duration,
}

/// What every reconcile has at hand.
pub struct Context {
    /// Charts.
    pub charts: Arc<dyn Charts>,
    /// The objects of releases.
    pub applier: Applier,
    /// Renders.
    pub engine: Engine,
    /// The rest of the cluster.
    pub cluster: Cluster,
    /// Helm's records.
    pub store: ReleaseStore,
    /// All FluxHelmRelease objects, as the watch tells.
    pub objects: Store<Object>,
    /// What they refer to.
    pub catalog: Catalog,
    /// Which of them changed, in order.
    pub changes: Changes,
    /// Settings.
    pub settings: Settings,
    /// What is remembered between looks. Only comfort: a restart loses it and nothing else.
    pub memory: Memory,
    /// What wakes looks when something in the cluster has come to its end.
    pub waits: Waits,
    /// Which objects are this replica's.
    pub shares: Arc<Shares>,
}

/// Which object, by namespace and name.
pub type Key = (String, String);

impl Context {
    /// This replica's name in the records that it works on.
    pub fn holder(&self) -> String {
        self.shares.own().map(|own| label(own.as_str()).to_owned()).unwrap_or_default()
    }
}

impl Identity {
    /// Namespace and name.
    pub fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }
}

/// The end of a member's name, which tells it from all others, as far as it fits into a label's value.
fn label(member: &str) -> &str {
    let begin = member.len().saturating_sub(LABEL);
    // Names of members are ASCII.
    member.get(begin..).unwrap_or_default().trim_start_matches(['-', '.'])
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_holder_is_a_label() {
        let check = |member: &str, expected: &str| assert_eq!(super::label(member), expected);
        check(
            "windlass-release-operator-5d9c-x2vq-0123456789",
            "windlass-release-operator-5d9c-x2vq-0123456789",
        );
        check(&format!("{}-{}", "a".repeat(80), "b".repeat(62)), &"b".repeat(62));
        check("", "");
    }
}
