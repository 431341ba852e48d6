//! Hooks of a release as the record keeps them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::open_enum::open_enum;
use crate::time::{self, RecordTime};

open_enum! {
    /// A moment in a release's life at which hooks run.
    HookEvent {
        /// After rendering, before any object is created.
        PreInstall = "pre-install",
        /// After all objects are created.
        PostInstall = "post-install",
        /// Before any object is deleted.
        PreDelete = "pre-delete",
        /// After all objects are deleted.
        PostDelete = "post-delete",
        /// After rendering, before any object is changed.
        PreUpgrade = "pre-upgrade",
        /// After all objects are upgraded.
        PostUpgrade = "post-upgrade",
        /// Before any object is rolled back.
        PreRollback = "pre-rollback",
        /// After all objects are rolled back.
        PostRollback = "post-rollback",
        /// When the release is tested.
        Test = "test",
    }
}

open_enum! {
    /// When a hook's object is deleted.
    HookDeletePolicy {
        /// Once it succeeded.
        HookSucceeded = "hook-succeeded",
        /// Once it failed.
        HookFailed = "hook-failed",
        /// Before the hook is created again. Holds when a hook names no policy.
        BeforeHookCreation = "before-hook-creation",
    }
}

open_enum! {
    /// When a hook's log is shown.
    HookOutputLogPolicy {
        /// When it succeeded.
        HookSucceeded = "hook-succeeded",
        /// When it failed.
        HookFailed = "hook-failed",
    }
}

open_enum! {
    /// How far the last run of a hook has come.
    #[derive(Default)]
    HookPhase {
        /// The hook never ran.
        #[default]
        Unset = "",
        /// Not known.
        Unknown = "Unknown",
        /// Running, or cut off while it ran.
        Running = "Running",
        /// Ended well.
        Succeeded = "Succeeded",
        /// Ended badly.
        Failed = "Failed",
    }
}

/// A hook of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    /// The object's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The object's kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The template that it comes from, beginning with the chart's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The object as YAML.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it runs.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<HookEvent>,
    /// Its last run.
    #[serde(default)]
    pub last_run: HookExecution,
    /// Its place among the hooks of the same event: lighter ones run first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When its object is deleted; none means before the next creation.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<HookDeletePolicy>,
    /// When its log is shown.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub output_log_policies: Vec<HookOutputLogPolicy>,
    /// Fields that this crate does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Hook {
    /// Whether the hook runs at `event`.
    pub fn runs_at(&self, event: &HookEvent) -> bool {
        self.events.contains(event)
    }

    /// Whether the hook's object is deleted at the moment that `policy` names. A hook without policies is deleted
    /// before its next creation, as Helm has it.
    pub fn deletes(&self, policy: &HookDeletePolicy) -> bool {
        match self.delete_policies.as_slice() {
            [] => *policy == HookDeletePolicy::BeforeHookCreation,
            policies => policies.contains(policy),
        }
    }
}

/// The last run of a hook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HookExecution {
    /// When it began.
    #[serde(default, with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<RecordTime>,
    /// When it ended.
    #[serde(default, with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<RecordTime>,
    /// How far it has come.
    #[serde(default)]
    pub phase: HookPhase,
    /// Fields that this crate does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Default for HookExecution {
    fn default() -> Self {
        Self { started_at: None, completed_at: None, phase: HookPhase::Unset, extra: Map::new() }
    }
}

pub(crate) fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// Go writes a nil slice or map as `null`.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
