//! Budgets of an [`Executor`].

use super::{Executor, Frame, Slot};
use crate::error::Inner;
use crate::{Budget, Error, ErrorKind, FuncError, Str, Value, fmt};

impl Executor<'_> {
    /// Takes `steps` from the budget: for functions whose work grows with their arguments (one step for about sixteen
    /// bytes or one element is a fair price).
    ///
    /// # Errors
    /// When the budget is used up, or the caller's interrupt says so. Pass it on with `?`.
    pub fn charge(&mut self, steps: u64) -> Result<(), FuncError> {
        let before = self.steps / 1024;
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.options.limits.steps {
            return Err(self.exhausted(Budget::Steps).into());
        }
        if self.steps / 1024 != before && self.options.interrupt.is_some_and(|interrupt| interrupt()) {
            return Err(self.exhausted(Budget::Interrupt).into());
        }
        Ok(())
    }

    /// Takes `bytes` from the budget of output: for functions that make long strings. Ask before making one.
    ///
    /// # Errors
    /// When the budget is used up.
    pub fn charge_bytes(&mut self, bytes: u64) -> Result<(), FuncError> {
        self.written = self.written.saturating_add(bytes);
        if self.written > self.options.limits.output {
            return Err(self.exhausted(Budget::Output).into());
        }
        Ok(())
    }

    /// Bytes of output left.
    pub fn room(&self) -> u64 {
        self.options.limits.output.saturating_sub(self.written)
    }

    /// Go's `fmt.Sprint` of the values, within the budget.
    ///
    /// # Errors
    /// When the result would exceed the budget of output, or a value is nested too deeply (or contains itself).
    pub fn sprint(&mut self, args: &[Value]) -> Result<Str, FuncError> {
        let mut out = self.spare.bytes.pop().unwrap_or_default();
        let result = fmt::sprint(&mut out, args, self.room());
        self.made(out, result)
    }

    /// [`Executor::sprint`], of pointers what they point to: as actions print.
    pub(crate) fn sprint_pointees(&mut self, args: &[Value]) -> Result<Str, FuncError> {
        let mut out = Vec::new();
        let result = fmt::sprint_pointees(&mut out, args, self.room());
        self.made(out, result)
    }

    /// Go's `fmt.Sprintf` of the values, within the budget.
    ///
    /// # Errors
    /// As [`Executor::sprint`].
    pub fn sprintf(&mut self, format: &[u8], args: &[Value]) -> Result<Str, FuncError> {
        let mut out = self.spare.bytes.pop().unwrap_or_default();
        let result = fmt::sprintf(&mut out, format, args, self.room());
        self.made(out, result)
    }

    pub(crate) fn sprintln(&mut self, args: &[Value]) -> Result<Str, FuncError> {
        let mut out = self.spare.bytes.pop().unwrap_or_default();
        let result = fmt::sprintln(&mut out, args, self.room());
        self.made(out, result)
    }

    fn made(&mut self, out: Vec<u8>, result: Result<(), Budget>) -> Result<Str, FuncError> {
        if let Err(budget) = result {
            return Err(self.exhausted(budget).into());
        }
        self.charge_bytes(out.len() as u64)?;
        self.charge(out.len() as u64 / 64)?;
        let text = Str::from(&out[..]);
        self.spare.keep_bytes(out);
        Ok(text)
    }

    fn exhausted(&self, budget: Budget) -> Error {
        let limits = self.options.limits;
        let message = match budget {
            Budget::Steps => format!("exceeded maximum of {} evaluation steps", limits.steps),
            Budget::Depth => format!("exceeded maximum template depth ({})", limits.depth),
            Budget::Output => format!("exceeded maximum output of {} bytes", limits.output),
            Budget::Interrupt => "execution was interrupted".to_owned(),
        };
        Error::new(Inner {
            kind: ErrorKind::Budget(budget),
            template: self.template_name().to_owned(),
            location: None,
            context: None,
            message,
            cause: None,
        })
    }

    /// A budget's error outside of any node.
    pub(super) fn unplaced(&self, error: FuncError) -> Error {
        match error {
            FuncError::Template(error) => error,
            other => Error::no_template(self.template_name(), other.to_string()),
        }
    }

    /// One step at the frame's node.
    pub(super) fn step(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        self.charge(1).map_err(|error| frame.call_error("", error))
    }

    /// One level deeper; [`Executor::leave`] goes back.
    pub(super) fn enter(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        if self.depth >= self.options.limits.depth {
            return Err(frame.call_error("", self.exhausted(Budget::Depth).into()));
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Writes text to the output.
    pub(super) fn write(&mut self, frame: &Frame<'_>, text: &[u8]) -> Result<(), Error> {
        self.charge_bytes(text.len() as u64).map_err(|error| frame.call_error("", error))?;
        self.out.extend_from_slice(text);
        Ok(())
    }

    /// Writes a value to the output, as an action does.
    pub(super) fn print(&mut self, frame: &Frame<'_>, slot: &Slot) -> Result<(), Error> {
        match &slot.value {
            Value::Nil => self.write(frame, b"<no value>"),
            Value::String(text) => self.write(frame, text),
            value => {
                let before = self.out.len();
                let room = self.room();
                let result = fmt::Printer::new(&mut self.out, room).action(value);
                let made = (self.out.len() - before) as u64;
                let charged = match result {
                    Ok(()) => self.charge_bytes(made),
                    Err(budget) => Err(self.exhausted(budget).into()),
                };
                charged.map_err(|error| frame.call_error("", error))
            }
        }
    }
}
