//! secrets-decryptor: opens SealedSecrets into Secrets, and keeps the sealing keys.
//!
//! Role: the one service that holds private sealing keys. It watches `SealedSecret` objects in all namespaces and
//! writes the Secret that each describes; it makes the first key, follows the key Secrets, and serves the public
//! certificate over gRPC and over the HTTP paths that the stock kubeseal calls.
//!
//! Invariants:
//! - All or nothing: a Secret is written only when every item of its SealedSecret opens.
//! - A Secret that is not ours is left alone unless it says otherwise by annotation; nothing is ever deleted.
//! - The scope is read from the SealedSecret's own annotations, never from its template.
//! - No value in the clear and no private key leaves this process other than into the Secret it belongs to: not into
//!   logs, statuses, events, errors or answers.
//! - All state is in the cluster. A kill at any point is followed by the same steps with the same end.

mod args;
mod controller;
mod grpc;
mod http_api;
mod keys;
mod metrics;
mod reconcile;
mod verify;

pub use args::Args;

/// The field manager of everything this service writes.
const FIELD_MANAGER: &str = "windlass.dev/secrets-decryptor";
