//! Which replicas of a service are there: each keeps a Lease, and follows those of the others.
//!
//! Role: lets the replicas of one service divide their work without asking each other. A process joins its group by a
//! `coordination.k8s.io/v1` Lease named `<group>-<member>`, renews it every [`RENEW_INTERVAL`], and sees the Leases of the group by a watch.
//! [`Members`] says who is there, [`Standing`] whether this process may still write.
//!
//! No clock of one machine is compared with that of another, as in client-go's leader election: a Lease is live as long as a change of it
//! was *seen* within its duration, by the observer's own monotonic clock. Its holder counts from the moment *before* the renewal was sent,
//! so that it has always stopped before anyone takes it for lost.
//!
//! Invariants:
//! - A member that anyone has taken for lost never works again under that name: one whose Lease ran out, or was deleted by somebody, joins
//!   again as a new member ([`own`]).
//! - Nobody is taken for lost by not being heard: only by a view of the group that is known to be complete up to a moment after the
//!   Lease's end ([`view`]). What proves it is our own renewal, when the watch brings it back.
//! - Who has not heard of the group for [`VIEW_DURATION`] writes nothing ([`standing`]). What a member has lost to another can therefore be
//!   begun by that other after this time, whether or not the member has noticed.
//! - A Lease that is given up on purpose is marked first (its holder is emptied) and then deleted. One that is deleted without the mark
//!   counts until its end, because its holder may not know yet.
//! - Whoever has seen a Lease run out may say so to those who come later ([`LOST_ANNOTATION`]): they would have to wait for its duration to
//!   see it themselves. The first of the live members does, and deletes it when it has been lost for [`REMEMBERED`].
//!
//! Pure are [`own`], [`view`] and [`standing`], which take `now` as an argument; [`lease`] speaks with the API server and [`keeper`] drives them.

mod keeper;
mod lease;
mod own;
mod standing;
mod view;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

pub use keeper::Keeper;
pub use standing::{LeaseLost, Permit, Standing, Tenure};

use crate::run::BoxError;

/// How often a member renews its Lease.
pub const RENEW_INTERVAL: Duration = Duration::from_secs(2);

/// How long a Lease holds after a renewal.
pub const LEASE_DURATION: Duration = Duration::from_secs(10);

/// How long before its Lease ends its holder stops writing: for what it has just sent, and for clocks that do not run alike.
pub const SAFETY_MARGIN: Duration = Duration::from_secs(2);

/// How late the watch may be.
pub const WATCH_SLACK: Duration = Duration::from_secs(2);

/// How old the newest news of the group may be for a member that writes. News come with every renewal.
pub const VIEW_DURATION: Duration = Duration::from_secs(RENEW_INTERVAL.as_secs() + WATCH_SLACK.as_secs());

/// How long a lost member is remembered, and after which its Lease is deleted by another.
pub const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// The label of a group's Leases; its value is the group.
pub const GROUP_LABEL: &str = "windlass.dev/membership";

/// The annotation on the Lease of a lost member; its value is the member that has seen it run out. Its holder does not renew it any more.
pub const LOST_ANNOTATION: &str = "windlass.dev/lost";

/// The annotation with the URL at which the other members reach this one's gRPC server.
pub const ADDRESS_ANNOTATION: &str = "windlass.dev/address";

/// The longest that leaving may take; see [`Membership::leave`].
const LEAVE: Duration = Duration::from_secs(5);

/// A member of a group: a process, from the moment it joined until it left or lost its Lease.
///
/// The text is the identity that the process joined with (its pod) and a random suffix.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Arc<str>);

impl MemberId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identity that it joined with.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.0.rsplit_once('-').map_or(&self.0, |(identity, _)| identity)
    }

    /// A new one of this identity, which no process has had.
    fn fresh(identity: &str) -> Self {
        let suffix = rand::random::<u64>() & 0xff_ffff_ffff;
        Self(format!("{identity}-{suffix:010x}").into())
    }

    /// Whether it is a process of this identity.
    fn is_of(&self, identity: &str) -> bool {
        let suffix = self.0.strip_prefix(identity).and_then(|rest| rest.strip_prefix('-'));
        suffix.is_some_and(|suffix| suffix.len() == 10 && suffix.bytes().all(|c| c.is_ascii_hexdigit()))
    }
}

impl FromStr for MemberId {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        is_object_name(text).then(|| Self(text.into())).ok_or_else(|| NameFault::Identity(text.to_owned()))
    }
}

impl Borrow<str> for MemberId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a member went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It gave up its Lease after its work had drained.
    Left {
        /// When that was seen.
        at: Instant,
    },
    /// It did not renew its Lease. What it had sent before may still reach the API server.
    Expired {
        /// When the Lease ended, by our own clock. Its holder had stopped before.
        ended: Instant,
    },
}

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// Who we are. A process that lost its Lease is another member from then on, and its former self is in `left`.
    pub own: MemberId,
    /// Everybody whose Lease is live; ourselves only while we hold ours. Empty until the group is known.
    pub live: BTreeSet<MemberId>,
    /// The URLs at which the live reach each other, of those that tell one.
    pub addresses: BTreeMap<MemberId, Arc<str>>,
    /// Those who went within [`REMEMBERED`].
    pub left: BTreeMap<MemberId, Departure>,
    /// Whether each of the live has been seen to renew its Lease since we joined. Until then some of them may be long gone, which the
    /// others know and we do not. It takes a renewal's interval, or a Lease's duration when a member was lost lately.
    pub settled: bool,
}

impl Members {
    /// A group of one, which knows that it is.
    #[must_use]
    pub fn alone(own: MemberId) -> Self {
        Self {
            live: [own.clone()].into(),
            own,
            addresses: BTreeMap::new(),
            left: BTreeMap::new(),
            settled: true,
        }
    }
}

/// A group or identity that cannot be part of a Lease's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// The group.
    #[error("the group {0:?} is no DNS label; use up to 63 lower-case letters, digits and '-'")]
    Group(String),
    /// The identity.
    #[error(
        "the identity {0:?} cannot be part of a Lease's name; use lower-case letters, digits, '-' and '.', as pods are named"
    )]
    Identity(String),
}

/// What went wrong on leaving. The Lease then ends by itself, and others take over later than they could have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// The API server refused it, or did not answer.
    #[error("the Lease of {0} could not be given up; the others take over when it has run out")]
    Lease(MemberId, #[source] BoxError),
    /// The task that keeps the Lease is gone.
    #[error("the task that keeps the Lease has ended already")]
    Ended,
}

/// This process's place in its group. Dropping it ends the [`Keeper`] and leaves the Lease to run out: whoever has drained calls
/// [`Self::leave`].
#[derive(Debug)]
pub struct Membership {
    members: watch::Receiver<Members>,
    standing: Standing,
    leave: mpsc::Sender<Leave>,
}

/// The answer to give when the Lease is gone.
type Leave = oneshot::Sender<Result<(), LeaveError>>;

impl Membership {
    /// Makes a member of `group`, with Leases in `namespace`. `identity` is the name of the process's pod, and `address` the URL at which the
    /// others reach it, if they do.
    ///
    /// Of one identity there is one process at a time, as there is one of each container of a pod: whoever joins takes earlier members of its
    /// own identity for dead, and says so to the others.
    ///
    /// The group is joined by [`Keeper::run`], a task for [`crate::Kit::spawn`]. It goes on through a shutdown until [`Self::leave`] is
    /// called (or the `Membership` dropped), because what is in flight needs the Lease.
    ///
    /// # Errors
    /// [`NameFault`]: group and identity become the name of a Lease.
    pub fn join(
        client: kube::Client,
        namespace: &str,
        group: &str,
        identity: &str,
        address: Option<&str>,
    ) -> Result<(Self, Keeper), NameFault> {
        if !is_label(group) {
            return Err(NameFault::Group(group.to_owned()));
        }
        // With the suffix, as it will be used.
        let longest = format!("{group}-{}", MemberId::fresh(identity));
        if !is_object_name(identity) || !is_object_name(&longest) {
            return Err(NameFault::Identity(identity.to_owned()));
        }
        let (leave, leaves) = mpsc::channel(1);
        let standing = Standing::default();
        let leases = lease::Leases::new(client, namespace, group, address);
        let (keeper, members) = Keeper::new(leases, identity, standing.clone(), leaves);
        Ok((Self { members, standing, leave }, keeper))
    }

    /// Who is there, now and whenever that changes.
    #[must_use]
    pub fn members(&self) -> watch::Receiver<Members> {
        self.members.clone()
    }

    /// Whether this process may write.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Gives up the Lease, so that the others take over at once. To be called after the work has drained: from here on nothing may be
    /// written, and [`Standing::check`] fails. Takes 5 seconds at the most.
    ///
    /// # Errors
    /// [`LeaveError`]; nothing is left to do then, the Lease runs out.
    pub async fn leave(self) -> Result<(), LeaveError> {
        let (answer, answered) = oneshot::channel();
        self.leave.send(answer).await.map_err(|_| LeaveError::Ended)?;
        answered.await.unwrap_or(Err(LeaveError::Ended))
    }
}

/// A label of DNS, and so a label's value.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_object_name(text)
}

/// A subdomain of DNS (RFC 1123), as Kubernetes takes it for the name of most objects.
fn is_object_name(text: &str) -> bool {
    let allowed = |label: &str| {
        let letters = label.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        letters && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_and_identity_must_fit_into_the_name_of_a_lease() {
        let client = || kube::Client::new(tower::service_fn(|_| std::future::pending::<Answer>()), "default");
        type Answer = Result<http::Response<kube::client::Body>, std::convert::Infallible>;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        let check = |group: &str, identity: &str, fault: Option<NameFault>| {
            let joined = Membership::join(client(), "flux", group, identity, None);
            assert_eq!(joined.err(), fault, "{group} {identity}");
        };
        let group = |text: &str| Some(NameFault::Group(text.to_owned()));
        let identity = |text: &str| Some(NameFault::Identity(text.to_owned()));
        let long = "a".repeat(242);
        check("release-operator", "windlass-release-operator-5d9c-x2vq", None);
        check("g", "node.example.com", None);
        check("", "a", group(""));
        check("a.b", "a", group("a.b"));
        check(&"g".repeat(64), "a", group(&"g".repeat(64)));
        check("g", "", identity(""));
        check("g", "Pod", identity("Pod"));
        check("g", "-a", identity("-a"));
        check("g", "a..b", identity("a..b"));
        // g-, the suffix of 11: 240 are left.
        check("g", &long[..240], None);
        check("g", &long[..241], identity(&long[..241]));
    }

    #[test]
    fn no_two_processes_of_a_pod_are_the_same_member() {
        let (one, two) = (MemberId::fresh("pod"), MemberId::fresh("pod"));
        assert_ne!(one, two);
        assert_eq!(one.identity(), "pod");
        assert!(one.is_of("pod") && !one.is_of("po") && !MemberId::fresh("pod-b").is_of("pod"));
        assert_eq!(one.as_str().parse(), Ok(one));
    }
}
