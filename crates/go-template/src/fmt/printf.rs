//! `Sprint`, `Sprintln` and `Sprintf`.

use super::{Flags, Printer};
use crate::{Budget, Value};

/// Widths and precisions beyond this are refused.
const TOO_LARGE: i64 = 1_000_000;

/// Go's `fmt.Sprint`: a space between operands when neither is a string.
pub(crate) fn sprint(out: &mut Vec<u8>, args: &[Value], room: u64) -> Result<(), Budget> {
    operands(out, args, room, 0)
}

/// [`sprint`], of pointers what they point to: as actions print.
pub(crate) fn sprint_pointees(out: &mut Vec<u8>, args: &[Value], room: u64) -> Result<(), Budget> {
    operands(out, args, room, 1)
}

fn operands(out: &mut Vec<u8>, args: &[Value], room: u64, depth: usize) -> Result<(), Budget> {
    let mut printer = Printer::new(out, room);
    let mut previous_string = false;
    for (i, arg) in args.iter().enumerate() {
        let string = matches!(arg, Value::String(_));
        if i > 0 && !string && !previous_string {
            printer.str(" ");
        }
        match arg {
            Value::Object(_) => printer.value(arg, 'v', depth),
            _ => printer.argument(arg, 'v'),
        }
        previous_string = string;
    }
    printer.finish()
}

/// Go's `fmt.Sprintln`: a space between all operands, a newline at the end.
pub(crate) fn sprintln(out: &mut Vec<u8>, args: &[Value], room: u64) -> Result<(), Budget> {
    let mut printer = Printer::new(out, room);
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            printer.str(" ");
        }
        printer.argument(arg, 'v');
    }
    printer.str("\n");
    printer.finish()
}

/// Go's `fmt.Sprintf`.
pub(crate) fn sprintf(out: &mut Vec<u8>, format: &[u8], args: &[Value], room: u64) -> Result<(), Budget> {
    let mut run = Run {
        printer: Printer::new(out, room),
        format,
        at: 0,
        args,
        arg: 0,
        after_index: false,
        good_arg: true,
        reordered: false,
    };
    while run.at < format.len() && !run.printer.stopped() {
        let rest = &format[run.at..];
        let literal = rest.iter().position(|b| *b == b'%').unwrap_or(rest.len());
        run.printer.out.extend_from_slice(&rest[..literal]);
        run.at += literal;
        if run.at < format.len() {
            run.at += 1;
            run.directive();
        }
    }
    if !run.reordered && run.arg < args.len() {
        run.printer.extra(&args[run.arg..]);
    }
    run.printer.finish()
}

struct Run<'a, 'o> {
    printer: Printer<'o>,
    format: &'a [u8],
    at: usize,
    args: &'a [Value],
    /// The next argument.
    arg: usize,
    /// An index such as `[3]` came just before.
    after_index: bool,
    good_arg: bool,
    reordered: bool,
}

impl Run<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// What follows a `%`.
    fn directive(&mut self) {
        self.good_arg = true;
        self.after_index = false;
        self.printer.flags = Flags::default();
        while let Some(flag) = self.peek() {
            let flags = &mut self.printer.flags;
            match flag {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        self.index();
        self.width();
        self.precision();
        if !self.after_index {
            self.index();
        }
        if self.at >= self.format.len() {
            return self.printer.str("%!(NOVERB)");
        }
        let (verb, size) = Printer::verb(&self.format[self.at..]);
        self.at += size;
        self.operand(verb);
    }

    fn operand(&mut self, verb: char) {
        if verb == '%' {
            return self.printer.str("%");
        }
        if !self.good_arg {
            return self.mark(verb, "(BADINDEX)");
        }
        let Some(arg) = self.args.get(self.arg) else {
            return self.mark(verb, "(MISSING)");
        };
        let flags = &mut self.printer.flags;
        if matches!(verb, 'v' | 'w') {
            flags.sharp_v = std::mem::replace(&mut flags.sharp, false);
            flags.plus_v = std::mem::replace(&mut flags.plus, false);
        }
        self.printer.argument(arg, verb);
        self.arg += 1;
    }

    fn mark(&mut self, verb: char, what: &str) {
        self.printer.str("%!");
        self.printer.char(verb);
        self.printer.str(what);
    }

    /// An argument index such as `[3]`, if there is one here.
    fn index(&mut self) {
        self.after_index = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = if rest.len() < 3 { None } else { rest.iter().position(|b| *b == b']') };
        let Some(close) = close else {
            self.good_arg = false;
            self.at += 1;
            return;
        };
        self.at += close + 1;
        let (number, end) = parse_number(&rest[..close], 1);
        match number {
            Some(number) if end == close => {
                self.after_index = true;
                match usize::try_from(number - 1) {
                    Ok(index) if index < self.args.len() => self.arg = index,
                    _ => self.good_arg = false,
                }
            }
            _ => self.good_arg = false,
        }
    }

    fn width(&mut self) {
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.int_argument() {
                Some(width) => {
                    self.printer.flags.width = Some(width.unsigned_abs() as usize);
                    if width < 0 {
                        self.printer.flags.minus = true;
                        self.printer.flags.zero = false;
                    }
                }
                None => self.printer.str("%!(BADWIDTH)"),
            }
            self.after_index = false;
            return;
        }
        let width = self.number();
        self.printer.flags.width = width;
        if self.after_index && width.is_some() {
            self.good_arg = false;
        }
    }

    fn precision(&mut self) {
        if self.peek() != Some(b'.') || self.at + 1 >= self.format.len() {
            return;
        }
        self.at += 1;
        if self.after_index {
            self.good_arg = false;
        }
        self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.int_argument().and_then(|p| usize::try_from(p).ok()) {
                Some(precision) => self.printer.flags.precision = Some(precision),
                None => self.printer.str("%!(BADPREC)"),
            }
            self.after_index = false;
            return;
        }
        self.printer.flags.precision = Some(self.number().unwrap_or(0));
    }

    fn number(&mut self) -> Option<usize> {
        let (number, end) = parse_number(self.format, self.at);
        self.at = end;
        number.and_then(|n| usize::try_from(n).ok())
    }

    /// The next argument as a width or precision.
    fn int_argument(&mut self) -> Option<i64> {
        let arg = self.args.get(self.arg)?;
        self.arg += 1;
        let number = match arg {
            Value::Int(i) | Value::Int64(i) => Some(*i),
            Value::Number(n) => n.as_int(),
            _ => None,
        };
        number.filter(|n| (-TOO_LARGE..=TOO_LARGE).contains(n))
    }
}

/// The decimal number at `start`, and where it ends; a crazy one swallows the rest.
fn parse_number(format: &[u8], start: usize) -> (Option<i64>, usize) {
    let mut number = None;
    let mut at = start;
    while let Some(digit) = format.get(at).filter(|b| b.is_ascii_digit()) {
        let so_far = number.unwrap_or(0);
        if so_far > TOO_LARGE {
            return (None, format.len());
        }
        number = Some(so_far * 10 + i64::from(digit - b'0'));
        at += 1;
    }
    (number, at)
}
