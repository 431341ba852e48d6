//! `make bench-template` and `make bench-render`: the same through both engines, in one run.
//!
//! Both engines are child processes that answer the same questions ([`protocol`]): a Go program of
//! `integration-tests/oracle` (`cmd/bench`, `helm/cmd/bench`), and this program itself ([`serve`]). [`run`] asks them in turn
//! about templates and [`render`] about whole charts, so that what disturbs the machine disturbs both, and prints a table and
//! then a line for each figure. [`render`] also compares the programs `windlass template` and `helm template`. No figure is
//! taken before both gave the same output.

mod cases;
mod chart_files;
mod charts;
mod child;
mod figures;
mod measure;
mod protocol;
mod render;
mod run;
mod serve;
mod whole;

pub use render::{Paths, render};
pub use run::run;
pub use serve::serve;
pub use whole::once;
