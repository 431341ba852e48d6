//! git-syncer: keeps a cluster in step with a git repository, and the repository in step with new images.
//!
//! One loop ([`sync`]) fetches the branch, reads the tree, applies its manifests and publishes what it found; one task
//! ([`automation`]) turns image selections into commits. Both share the bare clone ([`git`]), which is a cache: the truth is at
//! the remote.
//!
//! Invariants:
//! - Nothing in the cluster is ever deleted by this service.
//! - Every commit is one compare-and-swap on the tip, made only while the file still says what the selection started from, so
//!   repeating it changes nothing.
//! - One bad file, document, object or neighbour stops nothing else.

pub mod args;
pub mod automation;
mod backoff;
pub mod cluster;
pub mod decryptor;
pub mod digest;
pub mod git;
pub mod grpc;
pub mod identity;
pub mod manifests;
pub mod scanner;
pub mod service;
pub mod sources;
pub mod state;
pub mod sync;
mod trailers;

pub use args::Args;
