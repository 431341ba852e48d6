//! Scalars with width, precision and flags.

use super::Printer;
use super::float::{FloatFormat, format_float};
use super::quote::{self, quote_bytes};
use crate::parse::utf8;
use crate::unicode;

const LOWER: &[u8; 17] = b"0123456789abcdefx";
const UPPER: &[u8; 17] = b"0123456789ABCDEFX";

impl Printer<'_> {
    pub(super) fn padding(&mut self, count: usize) {
        let pad = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        self.out.extend(std::iter::repeat_n(pad, count));
    }

    pub(super) fn pad(&mut self, bytes: &[u8]) {
        let missing = match self.flags.width {
            None | Some(0) => 0,
            Some(width) => width.saturating_sub(utf8::chars(bytes).count()),
        };
        if !self.flags.minus {
            self.padding(missing);
        }
        self.out.extend_from_slice(bytes);
        if self.flags.minus {
            self.padding(missing);
        }
    }

    fn pad_without_zeros(&mut self, bytes: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(bytes);
        self.flags.zero = zero;
    }

    /// `magnitude` with `negative` as its sign; `verb` `O` asks for the prefix `0o`.
    pub(super) fn integer(&mut self, magnitude: u64, negative: bool, base: u64, verb: char, upper: bool) {
        let mut precision = 0;
        if let Some(wanted) = self.flags.precision {
            precision = wanted;
            if wanted == 0 && magnitude == 0 {
                let zero = std::mem::replace(&mut self.flags.zero, false);
                self.padding(self.flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return;
            }
        } else if let (true, false, Some(width)) = (self.flags.zero, self.flags.minus, self.flags.width) {
            let sign = negative || self.flags.plus || self.flags.space;
            precision = width.saturating_sub(usize::from(sign));
        }
        let table = if upper { UPPER } else { LOWER };
        // Written from the end.
        let mut text = Vec::new();
        let mut rest = magnitude;
        loop {
            text.push(table[(rest % base) as usize]);
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        while text.len() < precision {
            text.push(b'0');
        }
        if self.flags.sharp {
            match base {
                2 => text.extend_from_slice(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend_from_slice(&[table[16], b'0']),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend_from_slice(b"o0");
        }
        if negative {
            text.push(b'-');
        } else if self.flags.plus {
            text.push(b'+');
        } else if self.flags.space {
            text.push(b' ');
        }
        text.reverse();
        self.pad_without_zeros(&text);
    }

    pub(super) fn hex_integer(&mut self, value: u64, leading_0x: bool) {
        let sharp = std::mem::replace(&mut self.flags.sharp, leading_0x);
        self.integer(value, false, 16, 'v', false);
        self.flags.sharp = sharp;
    }

    /// `%U`.
    pub(super) fn unicode(&mut self, value: u64) {
        let digits = format!("{value:X}");
        let zeros = self.flags.precision.unwrap_or(4).max(4).saturating_sub(digits.len());
        let mut text = format!("U+{}{digits}", "0".repeat(zeros));
        let c = u32::try_from(value).ok().and_then(char::from_u32);
        if let (true, Some(c)) = (self.flags.sharp, c.filter(|c| unicode::is_print(*c))) {
            text.push_str(&format!(" '{c}'"));
        }
        self.pad_without_zeros(text.as_bytes());
    }

    /// `%c` and `%q` of an integer.
    pub(super) fn character(&mut self, value: u64, quoted: bool) {
        let c = u32::try_from(value).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        if quoted {
            let text = quote::quote_char(c, self.flags.plus);
            self.pad(&text);
        } else {
            self.pad(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// `%s`.
    pub(super) fn text(&mut self, bytes: &[u8]) {
        match self.flags.precision {
            Some(precision) => self.pad(quote::truncate(bytes, precision)),
            None => self.pad(bytes),
        }
    }

    /// `%q`.
    pub(super) fn quoted_text(&mut self, bytes: &[u8]) {
        let bytes = match self.flags.precision {
            Some(precision) => quote::truncate(bytes, precision),
            None => bytes,
        };
        if self.flags.sharp && can_backquote(bytes) {
            let text = [b"`", bytes, b"`"].concat();
            self.pad(&text);
            return;
        }
        let text = quote_bytes(bytes, self.flags.plus);
        self.pad(&text);
    }

    /// `%x` of a string.
    pub(super) fn hex_text(&mut self, bytes: &[u8], upper: bool) {
        let table = if upper { UPPER } else { LOWER };
        let bytes = &bytes[..self.flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
        if bytes.is_empty() {
            self.padding(self.flags.width.unwrap_or(0));
            return;
        }
        let mut text = Vec::new();
        for (i, b) in bytes.iter().enumerate() {
            if self.flags.space && i > 0 {
                text.push(b' ');
            }
            if self.flags.sharp && (self.flags.space || i == 0) {
                text.extend_from_slice(&[b'0', table[16]]);
            }
            text.extend_from_slice(&[table[usize::from(b >> 4)], table[usize::from(b & 15)]]);
        }
        self.pad(&text);
    }

    /// Floats. `verb` is one of `e E f g G b x X`.
    pub(super) fn float(&mut self, value: f64, bits: u32, verb: char, precision: Option<usize>) {
        let precision = self.flags.precision.or(precision);
        let format = match verb.to_ascii_lowercase() {
            'e' => FloatFormat::Exponent,
            'f' => FloatFormat::Fixed,
            'b' => FloatFormat::Binary,
            'x' => FloatFormat::Hex,
            _ => FloatFormat::General,
        };
        let mut text = format_float(value, format, precision, bits);
        if verb.is_ascii_uppercase() && value.is_finite() {
            text.make_ascii_uppercase();
        }
        // From here on the text always has a sign, dropped at the end where it is an unwanted plus.
        if !text.starts_with(['-', '+']) {
            text.insert(0, '+');
        }
        if self.flags.space && text.starts_with('+') && !self.flags.plus {
            text.replace_range(..1, " ");
        }
        if !value.is_finite() {
            if value.is_nan() && !self.flags.space && !self.flags.plus {
                text.remove(0);
            }
            self.pad_without_zeros(text.as_bytes());
            return;
        }
        if self.flags.sharp && verb != 'b' {
            text = with_point(&text, verb, precision);
        }
        if !self.flags.plus && text.starts_with('+') {
            self.pad(&text.as_bytes()[1..]);
            return;
        }
        match self.flags.width {
            Some(width) if self.flags.zero && !self.flags.minus && width > text.len() => {
                self.out.push(text.as_bytes()[0]);
                self.padding(width - text.len());
                self.str(&text[1..]);
            }
            _ => self.pad(text.as_bytes()),
        }
    }
}

/// `%#g` and the like: always a decimal point, and for `g` trailing zeros up to the precision.
fn with_point(text: &str, verb: char, precision: Option<usize>) -> String {
    let mut digits = match verb {
        'v' | 'g' | 'G' | 'x' => precision.map_or(6, |p| p as isize),
        _ => 0,
    };
    let hex = matches!(verb, 'x' | 'X');
    let split = text
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, 'p' | 'P') || !hex && matches!(c, 'e' | 'E'))
        .map_or(text.len(), |(i, _)| i);
    let (number, tail) = text.split_at(split);
    let mut number = number.to_owned();
    let mut nonzero = false;
    for c in number.chars().skip(1) {
        if c == '.' {
            continue;
        }
        nonzero |= c != '0';
        if nonzero {
            digits -= 1;
        }
    }
    if !number.contains('.') {
        if number.len() == 2 && number.ends_with('0') {
            digits -= 1;
        }
        number.push('.');
    }
    number.extend(std::iter::repeat_n('0', usize::try_from(digits).unwrap_or(0)));
    number + tail
}

fn can_backquote(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().all(|c| match c {
            '\u{feff}' | '`' | '\x7f' => false,
            c => c >= ' ' || c == '\t',
        }),
        Err(_) => false,
    }
}
