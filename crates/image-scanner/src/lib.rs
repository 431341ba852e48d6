//! image-scanner: keeps the tags of declared images current, and selects which one a policy wants.
//!
//! git-syncer declares items ([`item`]); their repositories are scanned ([`scan`]) over the registries' API
//! ([`registry`]); after each complete listing every item is decided anew ([`select`]), and what was selected is
//! streamed to whoever watches ([`grpc`]). All state is in PostgreSQL ([`store`]), so that any number of replicas share
//! the work and any of them can be killed at any moment.
//!
//! Invariants:
//! - A scan becomes the state as a whole or not at all; a half-told list of tags decides nothing.
//! - No item ever moves to an image that is older than the one it has, or that is not known to be newer.
//! - A bad item, a corrupt tag or an unreachable registry holds up nothing but itself.

pub mod args;
pub mod grpc;
pub mod item;
mod metrics;
pub mod registry;
pub mod scan;
pub mod select;
pub mod store;
mod wake;
