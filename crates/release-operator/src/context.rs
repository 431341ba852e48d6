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
use crate::source::Charts;
use crate::store::ReleaseStore;
use crate::waits::Waits;

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
    /// This replica's name in the records that it works on; empty when it is the only one.
    pub holder: String,
}

/// Which object, by namespace and name.
pub type Key = (String, String);

impl Identity {
    /// Namespace and name.
    pub fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }
}
