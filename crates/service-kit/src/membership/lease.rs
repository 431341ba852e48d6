//! The adapter to the API server: Leases read, written and watched.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::watcher;
use serde_json::{Value, json};

use super::{ADDRESS_ANNOTATION, GROUP_LABEL, LEASE_DURATION, LOST_ANNOTATION, MemberId};
use crate::run::BoxError;

/// The longest that one request may take: two of them fit into what a Lease has left when its renewal is due.
const REQUEST: Duration = Duration::from_secs(3);
/// What a Lease that says nothing sensible of its duration is taken for, and the most that is believed.
const DURATIONS: std::ops::RangeInclusive<u64> = 1..=60;
/// The longest URL that is believed.
const ADDRESS: usize = 512;

/// A Lease of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) member: MemberId,
    pub(super) uid: String,
    pub(super) version: String,
    /// Its renewTime, in microseconds since 1970 by its holder's clock: only ever compared with our own.
    pub(super) stamp: Option<i64>,
    /// How long it holds after a renewal.
    pub(super) duration: Duration,
    /// Its holder has given it up.
    pub(super) released: bool,
    /// Another member has seen it run out.
    pub(super) lost: bool,
    /// Where the member is reached.
    pub(super) address: Option<Arc<str>>,
}

/// What came of writing our own Lease.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    /// There is a Lease of this name.
    #[error("there is a Lease of this name already")]
    Exists,
    /// The Lease is gone, or another of the same name is there.
    #[error("the Lease was deleted by somebody")]
    Gone,
    /// The API server refused, or does not answer; it may have been done all the same.
    #[error("the API server did not write the Lease")]
    Unclear(#[source] BoxError),
}

/// What a watch brings.
#[derive(Debug)]
pub(super) enum Event {
    Listing,
    Listed(Seen),
    ListingDone,
    Changed(Seen),
    Deleted(Seen),
    /// Something that is no member's Lease, though it has the label.
    Foreign,
}

/// The Leases of one group.
#[derive(Debug, Clone)]
pub(super) struct Leases {
    api: Api<Lease>,
    namespace: String,
    group: String,
    /// Where this process is reached.
    address: Option<String>,
}

impl Leases {
    pub(super) fn new(client: kube::Client, namespace: &str, group: &str, address: Option<&str>) -> Self {
        let api = Api::namespaced(client, namespace);
        let address = address.map(str::to_owned);
        Self { api, namespace: namespace.to_owned(), group: group.to_owned(), address }
    }

    /// What the Leases are called in a log: `flux/release-operator`.
    pub(super) fn describe(&self) -> String {
        format!("{}/{}", self.namespace, self.group)
    }

    /// Creates the Lease of a member. Returns its UID.
    pub(super) async fn create(&self, member: &MemberId, stamp: i64) -> Result<String, LeaseError> {
        let time = Timestamp::from_microsecond(stamp).map(MicroTime).ok();
        let address = self.address.clone().map(|address| (ADDRESS_ANNOTATION.to_owned(), address));
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.name(member)),
                labels: Some([(GROUP_LABEL.to_owned(), self.group.clone())].into()),
                annotations: address.map(|address| [address].into()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(member.to_string()),
                lease_duration_seconds: Some(i32::try_from(LEASE_DURATION.as_secs()).unwrap_or(i32::MAX)),
                acquire_time: time.clone(),
                renew_time: time,
                ..LeaseSpec::default()
            }),
        };
        let parameters = PostParams { field_manager: Some(self.manager()), ..PostParams::default() };
        match bounded(self.api.create(&parameters, &lease)).await {
            Ok(lease) => Ok(lease.metadata.uid.unwrap_or_default()),
            Err(Failure::Kube(kube::Error::Api(status))) if status.is_already_exists() => {
                Err(LeaseError::Exists)
            }
            Err(other) => Err(LeaseError::Unclear(other.into())),
        }
    }

    /// Renews the Lease. By a patch, which unlike a replace never creates it again.
    pub(super) async fn renew(&self, member: &MemberId, uid: &str, stamp: i64) -> Result<(), LeaseError> {
        let time = Timestamp::from_microsecond(stamp).map(MicroTime).ok();
        // The holder is left alone: a renewal that lands late must not take back that the Lease was given up.
        let lease = self.patch(member, json!({ "spec": { "renewTime": time } })).await?;
        if lease.metadata.uid.as_deref() == Some(uid) { Ok(()) } else { Err(LeaseError::Gone) }
    }

    /// Gives the Lease up: marks it, so that all see that its work has drained, and deletes it.
    pub(super) async fn release(&self, member: &MemberId) -> Result<(), LeaseError> {
        match self.patch(member, json!({ "spec": { "holderIdentity": "" } })).await {
            Ok(_) => self.delete(member, None).await,
            Err(LeaseError::Gone) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Gives up a Lease of ours that was lost: tells all that it is, and deletes it. What it was used for may still be in flight.
    pub(super) async fn disown(&self, former: &MemberId, by: &MemberId) -> Result<(), LeaseError> {
        match self.patch(former, json!({ "metadata": lost(by) })).await {
            Ok(_) => self.delete(former, None).await,
            Err(LeaseError::Gone) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Tells those who come later that this Lease has run out, if it is still in this version.
    pub(super) async fn mark_lost(
        &self,
        member: &MemberId,
        version: &str,
        by: &MemberId,
    ) -> Result<(), LeaseError> {
        let mut metadata = lost(by);
        metadata["resourceVersion"] = version.into();
        match self.patch(member, json!({ "metadata": metadata })).await {
            Ok(_) | Err(LeaseError::Gone) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Deletes a Lease. `as_seen` is the UID and the version that it must have.
    pub(super) async fn delete(
        &self,
        member: &MemberId,
        as_seen: Option<(String, String)>,
    ) -> Result<(), LeaseError> {
        let preconditions =
            as_seen.map(|(uid, version)| Preconditions { uid: Some(uid), resource_version: Some(version) });
        let parameters = DeleteParams { preconditions, ..DeleteParams::default() };
        match bounded(self.api.delete(&self.name(member), &parameters)).await {
            Ok(_) => Ok(()),
            Err(Failure::Kube(kube::Error::Api(status))) if status.is_not_found() || status.is_conflict() => {
                Ok(())
            }
            Err(other) => Err(LeaseError::Unclear(other.into())),
        }
    }

    /// The group's Leases from now on, beginning with a listing of all. The stream ends at the first error.
    pub(super) fn watch(&self) -> BoxStream<'static, Result<Event, watcher::Error>> {
        let config = watcher::Config::default().labels(&format!("{GROUP_LABEL}={}", self.group));
        let group = self.group.clone();
        let read = move |event| match event {
            watcher::Event::Init => Event::Listing,
            watcher::Event::InitApply(lease) => read(&group, &lease).map_or(Event::Foreign, Event::Listed),
            watcher::Event::InitDone => Event::ListingDone,
            watcher::Event::Apply(lease) => read(&group, &lease).map_or(Event::Foreign, Event::Changed),
            watcher::Event::Delete(lease) => read(&group, &lease).map_or(Event::Foreign, Event::Deleted),
        };
        watcher(self.api.clone(), config).map_ok(read).boxed()
    }

    async fn patch(&self, member: &MemberId, patch: Value) -> Result<Lease, LeaseError> {
        let parameters = PatchParams { field_manager: Some(self.manager()), ..PatchParams::default() };
        match bounded(self.api.patch(&self.name(member), &parameters, &Patch::Merge(patch))).await {
            Ok(lease) => Ok(lease),
            Err(Failure::Kube(kube::Error::Api(status))) if status.is_not_found() => Err(LeaseError::Gone),
            Err(other) => Err(LeaseError::Unclear(other.into())),
        }
    }

    fn name(&self, member: &MemberId) -> String {
        format!("{}-{member}", self.group)
    }

    fn manager(&self) -> String {
        format!("windlass.dev/{}", self.group)
    }
}

/// The metadata that say that a member is lost.
fn lost(by: &MemberId) -> Value {
    json!({ "annotations": { LOST_ANNOTATION: by.as_str() } })
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the request failed")]
    Kube(#[from] kube::Error),
    #[error("there was no answer within {REQUEST:?}")]
    Late,
}

async fn bounded<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(REQUEST, request).await {
        Ok(answer) => answer.map_err(Failure::Kube),
        Err(_) => Err(Failure::Late),
    }
}

/// Reads a Lease of the group. `None` when it is none that a member made: its name and its holder do not say the same.
fn read(group: &str, lease: &Lease) -> Option<Seen> {
    let name = lease.metadata.name.as_deref()?;
    let member: MemberId = name.strip_prefix(group)?.strip_prefix('-')?.parse().ok()?;
    let spec = lease.spec.as_ref()?;
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    if !holder.is_empty() && holder != member.as_str() {
        return None;
    }
    let annotations = lease.metadata.annotations.as_ref();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let seconds = seconds.filter(|seconds| DURATIONS.contains(seconds));
    Some(Seen {
        released: holder.is_empty(),
        lost: annotations.is_some_and(|annotations| annotations.contains_key(LOST_ANNOTATION)),
        member,
        uid: lease.metadata.uid.clone().unwrap_or_default(),
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        stamp: spec.renew_time.as_ref().map(|time| time.0.as_microsecond()),
        duration: seconds.map_or(LEASE_DURATION, Duration::from_secs),
        address: annotations
            .and_then(|annotations| annotations.get(ADDRESS_ANNOTATION))
            .filter(|address| address.len() <= ADDRESS)
            .map(|address| Arc::from(address.as_str())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_those_whose_name_and_holder_say_the_same() {
        let check = |lease: Value, expected: Option<(&str, bool, Option<i64>, u64)>| {
            let parsed: Lease = serde_json::from_value(lease.clone()).unwrap();
            let seen = read("release-operator", &parsed);
            let seen = seen
                .as_ref()
                .map(|seen| (seen.member.as_str(), seen.released, seen.stamp, seen.duration.as_secs()));
            assert_eq!(seen, expected, "{lease}");
        };
        let lease = |name: &str, spec: Value| json!({ "metadata": { "name": name }, "spec": spec });
        let spec = json!({
            "holderIdentity": "pod-1", "leaseDurationSeconds": 20, "renewTime": "1970-01-01T00:00:02.000003Z",
        });
        check(lease("release-operator-pod-1", spec.clone()), Some(("pod-1", false, Some(2_000_003), 20)));
        check(lease("release-operator-pod-2", spec.clone()), None);
        check(lease("pod-1", spec.clone()), None);
        check(lease("release-operatorpod-1", spec), None);
        check(
            lease("release-operator-pod-1", json!({ "holderIdentity": "" })),
            Some(("pod-1", true, None, 10)),
        );
        check(lease("release-operator-pod-1", json!({})), Some(("pod-1", true, None, 10)));
        check(json!({ "metadata": { "name": "release-operator-pod-1" } }), None);
        let mut marked = lease("release-operator-pod-1", json!({ "holderIdentity": "pod-1" }));
        marked["metadata"]["annotations"] = json!({ "windlass.dev/lost": "pod-2" });
        assert!(read("release-operator", &serde_json::from_value(marked).unwrap()).unwrap().lost);
        for strange in [-5, 0, 1_000_000] {
            let spec = json!({ "holderIdentity": "pod-1", "leaseDurationSeconds": strange });
            check(lease("release-operator-pod-1", spec), Some(("pod-1", false, None, 10)));
        }
    }
}
