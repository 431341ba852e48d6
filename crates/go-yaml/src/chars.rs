//! Character classes of the YAML 1.1 scanner, on bytes.
//!
//! Every function looks at `bytes[at]` and further; past the end it sees 0, which the reader never lets through
//! as a character.

use std::borrow::Cow;

use crate::error::ReadError;

/// The first thing in a text that go-yaml's reader refuses: broken UTF-8 or a control character.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Bytes before the block in which go-yaml reads it. It reads blocks of 512 bytes, when the scanner needs them, and
    /// so fails before the scanner has seen anything of the block.
    block: usize,
    pub(crate) error: ReadError,
}

impl Fault {
    fn new(bytes: &[u8], at: usize, block: usize, problem: &'static str) -> Self {
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        // go-yaml prints no line for these.
        Fault { block, error: ReadError::Syntax { shown: None, line, problem: problem.into() } }
    }

    /// True if go-yaml comes to it while a scanner looks at `reach` bytes.
    pub(crate) fn is_within(&self, reach: usize) -> bool {
        self.block == 0 || reach > self.block
    }
}

/// The text as far as it is UTF-8, and its first fault.
pub(crate) fn text_and_fault(bytes: &[u8]) -> (&str, Option<Fault>) {
    let (text, broken) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            let text = std::str::from_utf8(valid).expect("from_utf8 has just said so");
            (text, Some((valid.len(), utf8_problem(rest))))
        }
    };
    let fault = match (control_fault(text), broken) {
        (Some(fault), _) => Some(fault),
        // More bytes are asked for before this is seen to be the end.
        (None, Some((at, problem @ INCOMPLETE))) => Some(Fault::new(bytes, at, at, problem)),
        (None, Some((at, problem))) => Some(Fault::new(bytes, at, block_of(text, at), problem)),
        (None, None) => None,
    };
    (text, fault)
}

/// The first character that go-yaml refuses to read.
pub(crate) fn control_fault(text: &str) -> Option<Fault> {
    let suspicious = |byte: &u8| *byte < b' ' && !matches!(*byte, b'\t' | b'\n' | b'\r') || *byte >= 0x7F;
    let bytes = text.as_bytes();
    // In blocks without an early end, which the compiler turns into vector instructions.
    let block =
        bytes.chunks(64).position(|block| block.iter().fold(false, |any, byte| any | suspicious(byte)))?;
    let first = block * 64 + bytes[block * 64..].iter().position(suspicious)?;
    let at = first + text[first..].char_indices().find(|(_, char)| is_forbidden(*char))?.0;
    Some(Fault::new(bytes, at, block_of(text, at), "control characters are not allowed"))
}

/// The start of the block that holds byte `at`; blocks end between characters.
fn block_of(text: &str, at: usize) -> usize {
    let mut start = 0;
    loop {
        let end = text.floor_char_boundary(start + 512);
        if at < end || end >= text.len() {
            return start;
        }
        start = end;
    }
}

const INCOMPLETE: &str = "incomplete UTF-8 octet sequence";

/// What is wrong with the character that `bytes` begins with.
fn utf8_problem(bytes: &[u8]) -> &'static str {
    let lead = byte(bytes, 0);
    let (width, least, lead_bits) = match lead {
        0xC0..=0xDF => (2, 0x80, lead & 0x1F),
        0xE0..=0xEF => (3, 0x800, lead & 0x0F),
        0xF0..=0xF7 => (4, 0x10000, lead & 0x07),
        _ => return "invalid leading UTF-8 octet",
    };
    let Some(trail) = bytes.get(1..width) else { return INCOMPLETE };
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

/// The text with U+FFFD for each byte that is not UTF-8, as Go reads it.
pub(crate) fn lossy(text: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        shown.push_str(chunk.valid());
        shown.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(shown)
}
