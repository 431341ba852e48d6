//! Character classes of the YAML 1.1 scanner, on bytes.
//!
//! Every function looks at `bytes[at]` and further; past the end it sees 0, which the reader never lets through
//! as a character.

use crate::error::ReadError;

/// The bytes as text, or go-yaml's error for bytes that are not UTF-8. It names no line.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        ReadError::Syntax { shown: None, line, problem: utf8_problem(rest).into() }
    })
}

/// What is wrong with the character that `bytes` begins with.
fn utf8_problem(bytes: &[u8]) -> &'static str {
    let lead = byte(bytes, 0);
    let (width, least, lead_bits) = match lead {
        0xC0..=0xDF => (2, 0x80, lead & 0x1F),
        0xE0..=0xEF => (3, 0x800, lead & 0x0F),
        0xF0..=0xF7 => (4, 0x10000, lead & 0x07),
        _ => return "invalid leading UTF-8 octet",
    };
    let Some(trail) = bytes.get(1..width) else { return "incomplete UTF-8 octet sequence" };
    if trail.iter().any(|byte| byte & 0xC0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    let code = trail.iter().fold(u32::from(lead_bits), |code, byte| code << 6 | u32::from(byte & 0x3F));
    if code < least { "invalid length of a UTF-8 sequence" } else { "invalid Unicode character" }
}

pub(crate) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Length in bytes of the UTF-8 character that starts with `lead`.
pub(crate) fn width(lead: u8) -> usize {
    match lead {
        0..=0x7F => 1,
        0x80..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    }
}

/// Anchors and tag handles are made of these.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Length in bytes of the line break at `at` (CR, LF, NEL, LS, PS; CRLF counts as two); 0 if there is none.
pub(crate) fn break_len(bytes: &[u8], at: usize) -> usize {
    match byte(bytes, at) {
        b'\n' => 1,
        b'\r' => 1 + usize::from(byte(bytes, at + 1) == b'\n'),
        0xC2 if byte(bytes, at + 1) == 0x85 => 2,
        0xE2 if byte(bytes, at + 1) == 0x80 && matches!(byte(bytes, at + 2), 0xA8 | 0xA9) => 3,
        _ => 0,
    }
}

pub(crate) fn is_break(bytes: &[u8], at: usize) -> bool {
    break_len(bytes, at) > 0
}

/// Line break or end of the text.
pub(crate) fn is_break_or_end(bytes: &[u8], at: usize) -> bool {
    byte(bytes, at) == 0 || is_break(bytes, at)
}

/// Space, tab, line break or end of the text.
pub(crate) fn is_gap(bytes: &[u8], at: usize) -> bool {
    is_blank(byte(bytes, at)) || is_break_or_end(bytes, at)
}

/// What go-yaml prints as it is. Characters beyond U+FFFF are not among them.
pub(crate) fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}') && char != '\u{FEFF}'
}

/// What go-yaml refuses to read, anywhere in a text.
pub(crate) fn is_forbidden(char: char) -> bool {
    !matches!(char,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}
