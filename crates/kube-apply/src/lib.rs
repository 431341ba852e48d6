//! Server-side apply for the services that write to a cluster: discovery, identity, order, results, drift, readiness.
//!
//! One [`Applier`] is made per process over one [`kube::Client`]; clones share the client, the bound on concurrent
//! requests and one [`Discovery`] cache. Objects are plain `serde_json` documents, so that a chart or a repository
//! may hold any kind that the API server knows.
//!
//! Invariants:
//! * every request is bounded in time ([`Settings::timeout`]) and in number ([`Settings::concurrency`]);
//! * an apply states only the fields of the document given: nothing is read, merged and written back;
//! * one bad object never stops the others: [`Applier::apply_all`] has a result for each;
//! * every error names the object, and says whether trying again can help ([`ApplyError::is_transient`]).
//!
//! ```no_run
//! # async fn example(client: kube::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use kube_apply::{Applier, ApplyOptions, Settings};
//! let applier = Applier::new(client, Settings::default());
//! let manifest = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
//! let how = ApplyOptions::new("windlass.dev/git-syncer").force(true);
//! for result in applier.apply_all(&[manifest], "default", &how).await {
//!     println!("{}: {:?}", result.object, result.outcome);
//! }
//! # Ok(())
//! # }
//! ```

mod acting;
mod applier;
mod batch;
mod discovery;
pub mod drift;
mod error;
mod identity;
mod managed_fields;
mod order;
mod readiness;

pub use acting::{Impersonated, NoAccount};
pub use applier::{Applied, Applier, ApplyOptions, Change, DeleteOutcome, Settings};
pub use batch::ObjectResult;
pub use discovery::{Discovery, Resolved, Snapshot};
pub use error::ApplyError;
pub use identity::ObjectRef;
pub use managed_fields::taken_over;
pub use order::phases;
pub use readiness::{Readiness, has_readiness, is_always_ready, readiness, readiness_at};
