//! release-operator: every `FluxHelmRelease` of the cluster becomes, and stays, a Helm release.
//!
//! A look at one object is the steps of [`reconcile`]: observe → validate → decide → act → report. Around it: [`controller`] says when
//! to look, [`source`] brings charts from git-syncer, [`engine`] renders them, [`store`] keeps Helm's own release records, [`cluster`]
//! works on the object itself, and `kube-apply` on the objects of the release. What is shown of a release ([`grpc`]) is compared by
//! [`diff`], and Secrets are taken out of it by [`mask`].
//!
//! Invariants:
//! - a release is purged only when its one object was deleted on purpose ([`reconcile`], `delete`);
//! - a read that failed is never taken for an absent release, chart, CRD or namespace;
//! - the record of a revision is written before anything of it, and holds all that is applied, so that a process killed at any line
//!   leaves what another completes as the same revision;
//! - a release changes only when chart or values changed, by digest and content, never by time;
//! - a release is worked on by one replica at a time: every write asks ([`guard`]) whether this one still may ([`shares`]);
//! - a bad object, chart or record gets a status that says what to do, and stops nothing else.

#[cfg(test)]
mod api_server;
pub mod args;
pub mod backoff;
pub mod catalog;
pub mod changes;
pub mod chart_path;
pub mod cluster;
pub mod context;
pub mod controller;
pub mod diff;
pub mod engine;
pub mod grpc;
pub mod guard;
pub mod handover;
pub mod let_go;
pub mod mask;
pub mod memory;
pub mod names;
pub mod objects;
pub mod reconcile;
pub mod record;
pub mod records;
pub mod released;
pub mod shard;
pub mod shares;
pub mod source;
pub mod store;
#[cfg(test)]
mod test_context;
pub mod waits;

pub use args::Args;
