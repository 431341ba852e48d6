//! Go's `fmt`: values to text, with its verbs, flags and error marks.

mod float;
mod pad;
mod printf;
mod quote;
mod value;

pub use float::{FloatFormat, format_float};
pub(crate) use printf::{sprint, sprint_pointees, sprintf, sprintln};
pub use quote::quote_bytes;
pub(crate) use quote::{quoted, quoted_truncated, unicode_point};

use crate::{Budget, Value};

/// Values nested deeper than this are not printed: a collection may contain itself, and Go would overflow its stack.
const MAX_DEPTH: usize = 200;

/// One formatting run: the output and the flags of the verb at hand.
pub(crate) struct Printer<'o> {
    out: &'o mut Vec<u8>,
    flags: Flags,
    /// The output may not grow beyond this length.
    limit: usize,
    /// Inside the mark of a wrong verb, where methods are not called.
    erroring: bool,
    exceeded: Option<Budget>,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`.
    plus_v: bool,
    /// `%#v`.
    sharp_v: bool,
}

impl<'o> Printer<'o> {
    /// Appends to `out`, up to `room` more bytes.
    pub(crate) fn new(out: &'o mut Vec<u8>, room: u64) -> Self {
        let limit = out.len().saturating_add(usize::try_from(room).unwrap_or(usize::MAX));
        Printer { out, flags: Flags::default(), limit, erroring: false, exceeded: None }
    }

    /// Prints one value as an action does: of a pointer, what it points to.
    pub(crate) fn action(mut self, value: &Value) -> Result<(), Budget> {
        match value {
            Value::Object(_) => self.value(value, 'v', 1),
            _ => self.argument(value, 'v'),
        }
        self.finish()
    }

    fn finish(self) -> Result<(), Budget> {
        match self.exceeded {
            Some(budget) => Err(budget),
            None if self.out.len() > self.limit => Err(Budget::Output),
            None => Ok(()),
        }
    }

    /// Whether to stop early; the result is thrown away then.
    fn stopped(&mut self) -> bool {
        if self.exceeded.is_none() && self.out.len() > self.limit {
            self.exceeded = Some(Budget::Output);
        }
        self.exceeded.is_some()
    }

    fn str(&mut self, s: &str) {
        self.out.extend_from_slice(s.as_bytes());
    }

    fn char(&mut self, c: char) {
        self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
