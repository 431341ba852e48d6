//! `make bench-template`: the same templates and data through both engines, in one run.
//!
//! Both engines are child processes that answer the same questions ([`protocol`]): the Go program of
//! `integration-tests/oracle/cmd/bench`, and this program itself ([`serve`]). [`run`] asks them in turn, so that what
//! disturbs the machine disturbs both, and prints a table and then a line for each figure. No figure is taken before both
//! engines gave the same output.

mod cases;
mod child;
mod figures;
mod measure;
mod protocol;
mod run;
mod serve;

pub use run::run;
pub use serve::serve;
