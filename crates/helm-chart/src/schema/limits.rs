//! What a schema and a check may cost.

use std::cell::Cell;

/// Why a schema is not followed to its end. Helm has no such limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitReached {
    #[error("the schema takes more than {0} steps to check")]
    Steps(u64),
    #[error("schemas apply inside each other more than {MAX_LEVELS} levels deep")]
    Levels,
    #[error("the schema and what it refers to have more than {MAX_NODES} subschemas")]
    Nodes,
}

/// Steps of one check: a schema on a value, a value compared, a byte matched.
const MAX_STEPS: u64 = 2_000_000;
/// A failure holds text, and may be one of many alternatives that failed.
const FAILURE: usize = 100;
/// Schemas on top of each other, each on a value or part of it.
pub(super) const MAX_LEVELS: usize = 1000;
/// Address space for that many levels, of which each takes up to 8 KiB.
pub(super) const STACK: usize = 16 << 20;
/// Places of the schema, as references lead to them.
pub(super) const MAX_NODES: usize = 50_000;

/// The steps that are left.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<u64>,
    all: u64,
}

impl Budget {
    /// For a check of values.
    pub(super) fn new() -> Self {
        Self { left: Cell::new(MAX_STEPS), all: MAX_STEPS }
    }

    /// For reading a schema of so many bytes, of which the check by the meta-schema and the pointers take some steps each.
    pub(super) fn for_schema(bytes: usize) -> Self {
        let all = MAX_STEPS + 8 * bytes as u64;
        Self { left: Cell::new(all), all }
    }

    pub(super) fn spend(&self, steps: usize) -> Result<(), LimitReached> {
        let left = self.left.get().checked_sub(steps as u64).ok_or(LimitReached::Steps(self.all))?;
        self.left.set(left);
        Ok(())
    }

    /// For a failure that holds so many bytes.
    pub(super) fn spend_failure(&self, bytes: usize) -> Result<(), LimitReached> {
        self.spend(FAILURE + bytes)
    }
}
