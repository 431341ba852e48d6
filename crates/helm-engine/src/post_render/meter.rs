//! What post-rendering may still cost.

use go_yaml::Value;

use crate::release::Budgets;

/// Which budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// Work.
    #[error("the objects and patches take more than {0} steps")]
    Steps(u64),
    /// What patches add and what is printed.
    #[error("the objects would have more than {0} bytes")]
    Output(u64),
    /// The caller's interrupt.
    #[error("it was interrupted")]
    Interrupted,
}

/// The budgets of a render, counted down.
pub(super) struct Meter<'b> {
    budgets: &'b Budgets,
    steps: u64,
    bytes: u64,
}

impl<'b> Meter<'b> {
    pub(super) fn new(budgets: &'b Budgets) -> Self {
        Self { budgets, steps: budgets.steps, bytes: budgets.output }
    }

    pub(super) fn steps(&mut self, count: usize) -> Result<(), OverBudget> {
        let left = self.steps.checked_sub(count as u64);
        self.steps = left.ok_or(OverBudget::Steps(self.budgets.steps))?;
        Ok(())
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<(), OverBudget> {
        let left = self.bytes.checked_sub(count as u64);
        self.bytes = left.ok_or(OverBudget::Output(self.budgets.output))?;
        Ok(())
    }

    /// Pays for a copy of a value.
    pub(super) fn copy(&mut self, size: Size) -> Result<(), OverBudget> {
        self.steps(size.nodes)?;
        self.bytes(size.bytes)
    }

    pub(super) fn check_interrupt(&self) -> Result<(), OverBudget> {
        match &self.budgets.interrupt {
            Some(interrupt) if interrupt() => Err(OverBudget::Interrupted),
            _ => Ok(()),
        }
    }
}

/// How much a value is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Values in it, itself included.
    pub(super) nodes: usize,
    /// Bytes that it takes when printed, about.
    pub(super) bytes: usize,
    /// Levels of lists and maps in it.
    pub(super) depth: usize,
}

impl Size {
    pub(super) fn of(value: &Value) -> Self {
        let below = |parts: &mut dyn Iterator<Item = (usize, &Value)>| {
            let mut size = Size { nodes: 1, bytes: 2, depth: 0 };
            for (key, value) in parts {
                let part = Size::of(value);
                size.nodes += part.nodes;
                size.bytes += key + part.bytes;
                size.depth = size.depth.max(part.depth);
            }
            Size { depth: size.depth + 1, ..size }
        };
        match value {
            Value::Seq(items) => below(&mut items.iter().map(|item| (2, item))),
            Value::Map(map) => below(&mut map.iter().map(|(key, value)| (key.len() + 4, value))),
            Value::String(text) => Size { nodes: 1, bytes: text.len() + 2, depth: 0 },
            _ => Size { nodes: 1, bytes: 8, depth: 0 },
        }
    }
}
