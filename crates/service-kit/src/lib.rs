//! The skeleton that every Windlass service is hung on: arguments, telemetry, TLS, the gRPC server, owned tasks, draining.
//!
//! A service is a [`Service`] (its arguments and what to run) handed to [`main`]. What it gets in return is a [`Kit`]:
//! a token that says when to stop, a set of owned tasks, a Kubernetes client, and a server with health, reflection,
//! metrics and access rules. Replicas that divide their work find each other by [`membership`].
//!
//! Invariants:
//! - Nothing here knows what any service does; no service's type or setting appears here.
//! - Every task is owned: [`Kit::spawn`] gives it to the kit, which drains it. What serves a single connection belongs to the
//!   server, which ends when its connections have.
//! - Exit code 0 means that everything in flight was finished.

pub mod access;
pub mod args;
pub mod client;
mod connection;
pub mod failpoint;
mod http;
mod kit;
mod kube_requests;
mod listing;
pub mod membership;
mod run;
mod server;
pub mod telemetry;
mod tls;
pub mod trace_context;

pub use access::{Access, Caller};
pub use args::KitArgs;
pub use http::Readiness;
pub use kit::{Kit, KubeClientError};
pub use listing::ended_unlisted;
pub use membership::{Members, Membership, Standing};
pub use run::{BoxError, Service, main};
pub use server::{ServeError, Services};
pub use telemetry::chain;
