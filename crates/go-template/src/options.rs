//! [`Options`] and [`Limits`]: how a run behaves and what it may cost.

/// What a missing map key gives (Go's option `missingkey`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MissingKey {
    /// `missingkey=default`: no value, which prints as `<no value>` and whose fields are no value again.
    #[default]
    Default,
    /// `missingkey=zero`: the zero value of the map's element type: `""` in a map of strings; nil in a map of
    /// anything, which prints as `<no value>` too but whose fields are an error. This is how Helm runs.
    Zero,
    /// `missingkey=error`: execution stops.
    Error,
}

/// What one [`Executor`](crate::Executor) may use, all its executions together. Exceeding one ends the execution
/// with [`ErrorKind::Budget`](crate::ErrorKind::Budget).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Evaluation steps: one for each node walked, each item ranged over, each argument, and what functions charge
    /// by [`Executor::charge`](crate::Executor::charge).
    pub steps: u64,
    /// Levels of nesting at run time: templates in templates, blocks, parentheses. Each level takes up to
    /// [`Limits::STACK_PER_LEVEL`] bytes of the thread's stack; give the thread at least the product.
    pub depth: usize,
    /// Bytes of output and of strings made on the way: included templates, and what functions charge by
    /// [`Executor::charge_bytes`](crate::Executor::charge_bytes).
    pub output: u64,
}

impl Limits {
    /// Stack needed for one level of [`Limits::depth`], in bytes, in the least optimised build.
    pub const STACK_PER_LEVEL: usize = 16 * 1024;
}

impl Default for Limits {
    /// 100 million steps; 100 levels, which fit a thread of 2 MiB; 64 MiB.
    fn default() -> Self {
        Limits { steps: 100_000_000, depth: 100, output: 64 << 20 }
    }
}

/// How templates are run.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// What a missing map key gives.
    pub missing_key: MissingKey,
    /// The budgets.
    pub limits: Limits,
    /// Asked now and then (every 1024 steps); true ends the execution with
    /// [`Budget::Interrupt`](crate::Budget::Interrupt). A deadline or a cancellation: there is no clock in here.
    pub interrupt: Option<&'a dyn Fn() -> bool>,
}
