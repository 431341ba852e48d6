//! The command line `windlass`: renders and checks charts as Helm 4.3 does, without a cluster.
//!
//! [`run`] is the whole program but its process; [`run_in`] is the same with another environment and standard input.
//!
//! Invariants:
//! - What is written to standard output and standard error, and the exit code, are those of `helm template` and `helm lint`
//!   with the same flags, the program's name aside. What Helm needs a cluster, a registry or a plugin for is refused with a
//!   sentence that says so.
//! - No network. Files are read within bounds, and a chart's links do not lead out of its folder or git work tree.

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
mod settings;
mod template;
mod values;

pub use command::{run, run_in};
pub use process::{Process, Variables};
