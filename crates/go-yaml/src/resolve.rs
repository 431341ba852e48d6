//! What a plain scalar means in YAML 1.1 as go-yaml v2 understands it.

use std::borrow::Cow;

use crate::number::{Whole, parse_whole};
use crate::timestamp::is_timestamp;

/// The meaning of a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// Text, but quoted when printed.
    Timestamp,
    Str,
}

impl Resolved {
    /// The short tag go-yaml names in errors.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Resolved::Null => "!!null",
            Resolved::Bool(_) => "!!bool",
            Resolved::Int(_) | Resolved::Uint(_) => "!!int",
            Resolved::Float(_) => "!!float",
            Resolved::Timestamp => "!!timestamp",
            Resolved::Str => "!!str",
        }
    }
}

/// Resolves `text`; `timestamps` is off where an explicit tag asks for another type.
pub(crate) fn resolve(text: &str, timestamps: bool) -> Resolved {
    let Some(first) = text.bytes().next() else { return Resolved::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => special_float(text).or_else(|| dotted_float(text)).unwrap_or(Resolved::Str),
        b'0'..=b'9' | b'+' | b'-' => {
            if timestamps && is_timestamp(text) {
                return Resolved::Timestamp;
            }
            // Nothing else is part of a number or of an infinity.
            let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-');
            if !text.as_bytes().iter().all(part) {
                return Resolved::Str;
            }
            special_float(text).unwrap_or_else(|| number(text))
        }
        _ => Resolved::Str,
    }
}

fn word(text: &str) -> Resolved {
    if text.len() > "false".len() {
        return Resolved::Str;
    }
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        _ => Resolved::Str,
    }
}

fn special_float(text: &str) -> Option<Resolved> {
    let float = match text {
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => f64::INFINITY,
        "-.inf" | "-.Inf" | "-.INF" => f64::NEG_INFINITY,
        _ => return None,
    };
    Some(Resolved::Float(float))
}

/// `strconv.ParseFloat` of a text that begins with a dot; unlike in other numbers, an underscore must stand between
/// digits.
fn dotted_float(text: &str) -> Option<Resolved> {
    let bytes = text.as_bytes();
    let between_digits =
        |at: usize| bytes[at - 1].is_ascii_digit() && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'_' && !between_digits(at)) {
        return None;
    }
    let plain = text.replace('_', "");
    if is_decimal_float(&plain) { finite(&plain) } else { None }
}

fn finite(text: &str) -> Option<Resolved> {
    text.parse().ok().filter(|float: &f64| float.is_finite()).map(Resolved::Float)
}

fn number(text: &str) -> Resolved {
    let plain = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    match parse_whole(&plain).or_else(|| signed_binary(&plain)) {
        Some(Whole::Int(int)) => Resolved::Int(int),
        Some(Whole::Uint(uint)) => Resolved::Uint(uint),
        None if is_decimal_float(&plain) => finite(&plain).unwrap_or(Resolved::Str),
        None => Resolved::Str,
    }
}

/// `0b-1`, which go-yaml takes for a number as it parses what follows `0b` by itself.
fn signed_binary(text: &str) -> Option<Whole> {
    let digits = text.strip_prefix("0b")?;
    i64::from_str_radix(digits, 2).ok().map(Whole::Int)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent_ok) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            (mantissa, !digits.is_empty() && all_digits(digits))
        }
        None => (text, true),
    };
    let mantissa_ok = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    exponent_ok && mantissa_ok
}

/// A number to base 60 in YAML 1.1, such as `1:30`. go-yaml reads it as text but quotes it for other readers.
fn is_base60(text: &str) -> bool {
    if !text.contains(':') {
        return false;
    }
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = text.split(':');
    let leading = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_digit())
            && part.bytes().all(|b| b.is_ascii_digit() || b == b'_')
    };
    let sixties = |part: &str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
        _ => false,
    };
    if !parts.next().is_some_and(leading) {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return false };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    middle.iter().copied().all(sixties)
        && sixties(last)
        && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// True if `text`, written without quotes, is read as this very string by go-yaml and not taken for a number to
/// base 60 by other readers. Indicators (`#`, `: `, `- ` …) are not this function's concern.
///
/// ```
/// assert!(go_yaml::is_plain_string("web"));
/// assert!(!go_yaml::is_plain_string("yes") && !go_yaml::is_plain_string("0777") && !go_yaml::is_plain_string("12:30"));
/// ```
#[must_use]
pub fn is_plain_string(text: &str) -> bool {
    resolve(text, true) == Resolved::Str && !is_base60(text)
}
