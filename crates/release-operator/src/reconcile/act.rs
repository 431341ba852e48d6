//! Step 4: does what was decided. Every stage can be cut off at any line and run again.
//!
//! The record of the next revision is written first, as `pending-…`, with everything in it that is applied afterwards. So the
//! revision can be completed from its record alone, by whoever finds it, with the same result. Whatever takes its time (a Job of a hook,
//! readiness) ends the look as [`Progress::Waiting`]; a later look goes on where the record stands.

mod complete;
mod crds;
mod hooks;
mod objects;
mod purge;
mod revision;
mod tests;

use std::time::Duration;

use helm_release::{HookEvent, ReleaseName, Status};
use kube::core::ObjectMeta;
use kube_apply::{Applier, ApplyError, ObjectRef};

pub use complete::{cancel, resume, supersede};
pub use hooks::has_ended;
pub use objects::{AT_ONCE, apply_again, is_helm};
pub use purge::{Purged, purge};
pub use revision::{NewRevision, make, render, rollback};
pub use tests::test;

use crate::context::{Context, Key};
use crate::engine::EngineError;
use crate::objects::ManifestFault;
use crate::reconcile::health::Look;
use crate::reconcile::validate::{Identity, Options, Subject, TIMEOUT};
use crate::store::{StoreError, Stored};

/// Why a revision could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// Rendering.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What was rendered.
    #[error(transparent)]
    Manifest(#[from] ManifestFault),
    /// A record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An object that exists is not the release's. Helm's words.
    #[error("{object} exists and cannot be imported into the current release: {fault}")]
    NotOwned {
        /// `ConfigMap "a" in namespace "dev"`.
        object: String,
        /// What is missing.
        fault: String,
    },
    /// Fields of an object belong to somebody else.
    #[error(
        "{object}: the chart sets {fields}, which {managers} owns; leave the field to one of them: take it out of the chart's values, \
         end the other's ownership, or set spec.driftDetection.mode to correct"
    )]
    FieldOwned {
        /// The object.
        object: String,
        /// The fields.
        fields: String,
        /// Their managers.
        managers: String,
    },
    /// A hook failed.
    #[error("the {event} hook {hook} failed: {message}")]
    Hook {
        /// The event.
        event: HookEvent,
        /// The hook's object.
        hook: String,
        /// Why.
        message: String,
    },
    /// The objects will not be ready, or are not in time.
    #[error("the release did not become ready: {0}")]
    NotReady(String),
    /// The time for the operation is over.
    #[error("it did not end within {} s", limit.as_secs())]
    TimedOut {
        /// The time.
        limit: Duration,
        /// What stood in the way last.
        #[source]
        source: Box<ActError>,
    },
    /// There is no such revision to go back to.
    #[error("there is no revision {revision} of release {release} to roll back to")]
    NoRevision {
        /// The release.
        release: String,
        /// The revision.
        revision: u32,
    },
}

impl ActError {
    /// Whether trying again can help although nothing changes.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Engine(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            Self::Apply(error) => error.is_transient(),
            Self::Manifest(_) | Self::NotOwned { .. } | Self::FieldOwned { .. } | Self::Hook { .. } => false,
            Self::NotReady(_) | Self::TimedOut { .. } | Self::NoRevision { .. } => false,
        }
    }

    /// One word for the condition.
    pub fn reason(&self, operation: Operation) -> &'static str {
        match (self, operation) {
            (Self::Engine(_) | Self::Manifest(_), _) => "RenderFailed",
            (_, Operation::Install) => "InstallFailed",
            (_, Operation::Upgrade) => "UpgradeFailed",
            (_, Operation::Rollback) => "RollbackFailed",
        }
    }
}

/// What a revision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The first, or the first since an uninstall.
    Install,
    /// In place of the deployed one.
    Upgrade,
    /// As an earlier one.
    Rollback,
}

impl Operation {
    /// Of a record whose operation has not ended.
    pub fn of(status: &Status) -> Self {
        match status {
            Status::PendingInstall => Self::Install,
            Status::PendingRollback => Self::Rollback,
            _ => Self::Upgrade,
        }
    }

    fn hooks(self) -> (HookEvent, HookEvent) {
        match self {
            Self::Install => (HookEvent::PreInstall, HookEvent::PostInstall),
            Self::Upgrade => (HookEvent::PreUpgrade, HookEvent::PostUpgrade),
            Self::Rollback => (HookEvent::PreRollback, HookEvent::PostRollback),
        }
    }
}

/// How far a revision has come.
pub enum Progress {
    /// To its end. What the applies of this look answered, if there were any and they tell as much as reads would now.
    Deployed(Box<Stored>, Option<Vec<Look>>),
    /// It waits.
    Waiting(Box<Stored>, Waiting),
}

/// What is waited for.
#[derive(Debug)]
pub struct Waiting {
    /// In words.
    pub message: String,
    /// The object whose end is watched; without it the workloads' own watches and time wake the look.
    pub object: Option<ObjectRef>,
    /// How much time it has.
    pub left: Duration,
    /// How soon it is looked at again without being woken.
    pub poll: Duration,
}

/// How soon something that is watched is looked at all the same.
const WATCHED: Duration = Duration::from_secs(30);
/// How soon something is looked at that nothing tells of.
const UNWATCHED: Duration = Duration::from_secs(5);

/// Who acts on which release, with whose rights, within which time.
pub struct Actor<'a> {
    /// What is at hand.
    pub context: &'a Context,
    /// The object.
    pub key: Key,
    /// Its UID.
    pub uid: String,
    /// The release's namespace.
    pub namespace: String,
    /// The release.
    pub release: ReleaseName,
    /// Works on the release's objects, with the rights that the object asks for.
    pub applier: Applier,
    /// The longest that an operation, or one of its hooks, may take.
    pub timeout: Duration,
    /// Whether hooks run.
    pub hooks: bool,
    /// Whether an operation ends only when its objects are ready.
    pub wait: bool,
    /// Whether fields are taken from other managers.
    pub force: bool,
    /// Records kept.
    pub max_history: u32,
}

impl<'a> Actor<'a> {
    /// For a valid object.
    pub fn new(context: &'a Context, subject: &Subject) -> Self {
        let Subject { identity, release, namespace, options, .. } = subject;
        Self {
            context,
            key: identity.key(),
            uid: identity.uid.clone(),
            namespace: namespace.clone(),
            release: release.clone(),
            applier: applier(context, options),
            timeout: options.timeout,
            hooks: options.hooks,
            wait: options.wait,
            force: options.drift.mode == ::crds::DriftMode::Correct,
            max_history: options.max_history.unwrap_or(context.settings.max_history),
        }
    }

    /// With the operator's own rights and defaults, for an object that is invalid by now.
    pub fn bare(context: &'a Context, identity: &Identity, release: ReleaseName) -> Self {
        Self {
            context,
            key: identity.key(),
            uid: identity.uid.clone(),
            namespace: identity.namespace.clone(),
            release,
            applier: context.applier.clone(),
            timeout: TIMEOUT,
            hooks: true,
            wait: false,
            force: false,
            max_history: context.settings.max_history,
        }
    }

    /// The same for a rollback.
    pub fn for_rollback(context: &'a Context, subject: &Subject) -> Self {
        let rollback = &subject.options.rollback;
        Self {
            timeout: rollback.timeout,
            hooks: rollback.hooks,
            wait: rollback.wait,
            ..Self::new(context, subject)
        }
    }

    /// For whatever is under way on the release.
    pub fn for_operation(context: &'a Context, subject: &Subject, operation: Operation) -> Self {
        match operation {
            Operation::Rollback => Self::for_rollback(context, subject),
            Operation::Install | Operation::Upgrade => Self::new(context, subject),
        }
    }

    /// The release's name.
    pub fn name(&self) -> &str {
        self.release.as_str()
    }
}

/// The applier with the rights that the object asks for.
pub fn applier(context: &Context, options: &Options) -> Applier {
    context.applier.acting_as(options.service_account.clone())
}

/// Puts the finalizer on the object, before it has a release: without it, the object's deletion would leave the release behind.
///
/// # Errors
/// [`ActError::Apply`]; a change of the object since it was read is transient.
pub async fn hold(context: &Context, subject: &mut Subject, metadata: &ObjectMeta) -> Result<(), ActError> {
    if subject.has_finalizer {
        return Ok(());
    }
    let finalizers = metadata.finalizers.clone().unwrap_or_default();
    let version = metadata.resource_version.as_deref();
    context.cluster.set_finalizer(&subject.identity, version, &finalizers, true).await?;
    subject.has_finalizer = true;
    service_kit::failpoint!("release.after-finalizer");
    Ok(())
}
