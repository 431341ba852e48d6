//! The status of one revision of a release.

use crate::open_enum::open_enum;

open_enum! {
    /// The status of one revision, in Helm's words (`helm.sh/helm/v4/pkg/release/common`).
    Status {
        /// In an uncertain state.
        Unknown = "unknown",
        /// Applied to the cluster; at most one revision of a release at a time.
        Deployed = "deployed",
        /// Removed from the cluster, its record kept.
        Uninstalled = "uninstalled",
        /// Replaced by a later revision.
        Superseded = "superseded",
        /// Its install, upgrade or rollback failed.
        Failed = "failed",
        /// Being removed from the cluster.
        Uninstalling = "uninstalling",
        /// Being installed.
        PendingInstall = "pending-install",
        /// Being upgraded to.
        PendingUpgrade = "pending-upgrade",
        /// Being rolled back to.
        PendingRollback = "pending-rollback",
    }
}

impl Status {
    /// Whether an install, upgrade or rollback to this revision is under way, or was cut off before it ended.
    ///
    /// Helm refuses to start another operation while the last revision is pending.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
    }
}
