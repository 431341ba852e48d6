//! The command line `windlass`: renders and checks charts as Helm 4.3 does, without a cluster, and asks release-operator about releases.
//!
//! [`run`] is the whole program but its process; [`run_in`] is the same with another environment and standard input.
//!
//! Invariants:
//! - What `template` and `lint` write to standard output and standard error, and their exit codes, are those of `helm template` and
//!   `helm lint` with the same flags, the program's name aside. What Helm needs a cluster, a registry or a plugin for is refused
//!   with a sentence that says so.
//! - `template` and `lint` use no network and start no runtime. Files are read within bounds, and a chart's links do not lead out of its
//!   folder or git work tree.
//! - Only `release` knows of services, and reaches them by their gRPC APIs alone. Everything that it prints of them is made of their
//!   answers by pure functions. Its commands end with 2 for arguments that cannot be used, and with 1 for what did not succeed.

mod chart;
mod command;
mod console;
mod disk;
mod flags;
mod kube_version;
mod kubeconfig;
mod lint;
mod name;
mod process;
mod release;
mod settings;
mod template;
mod values;

pub use command::{run, run_in};
pub use process::{Process, Variables};
