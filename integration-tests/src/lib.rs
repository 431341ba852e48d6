//! The testbed: real servers on loopback for the demo, the tests and the benchmarks.
//!
//! A [`Testbed`] starts the servers asked of its builder, each on a free loopback port, with all
//! their state in one temporary folder. Every process is a child of a small supervisor, the
//! `testbed-keeper` program of this crate, which ends them all and removes the folder as soon as the
//! owner drops the testbed, panics, or dies in any other way.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use integration_tests::Testbed;
//!
//! let bed = Testbed::builder().workloads().git().start().await?;
//! bed.kubectl(&["get", "nodes"]).await?;
//! let repository = bed.git_server().create("gitops-helm").await?;
//! println!("{}", repository.url());
//! bed.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Invariants:
//! - a process of the testbed is never started by the owner itself, so none outlives the keeper;
//! - nothing waits for a fixed time: readiness is the server's own answer, with a deadline;
//! - the ambient `KUBECONFIG`, `HOME`, proxy and git settings never reach a program of the testbed.

mod bed;
mod builder;
mod cluster_access;
mod command;
mod control_plane;
mod expose;
pub mod git;
pub mod history;
mod host;
pub mod keeper;
pub mod netns;
pub mod otlp;
mod pki;
mod ports;
mod postgres;
pub mod registry;
mod release_bed;
pub mod replica;
mod server;
mod service;
pub mod story;
pub mod tools;
mod unix_user;
mod variable;
pub mod wait;
pub mod windlass;
mod workloads;

pub use bed::Testbed;
pub use builder::TestbedBuilder;
pub use command::{Invocation, Output};
pub use git::{Access, GitRepository, GitServer, SshKey, Worktree};
pub use keeper::{Exit, Process, Signal};
pub use otlp::{OtlpReceiver, Span};
pub use postgres::Postgres;
pub use registry::{ImagePush, Registry};
pub use release_bed::ReleaseBed;
pub use service::{Service, ServiceBuilder};
pub use variable::variable;
pub use wait::eventually;
