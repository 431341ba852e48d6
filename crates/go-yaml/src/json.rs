//! JSON as Go's `encoding/json` reads and prints it.

mod reader;

use std::cmp::Ordering;

use crate::emit::{Emit, Sink, WriteError, check_depth};
use crate::number::{Digits, json_float, unsupported};

pub use reader::{JsonError, from_prefix, from_slice, from_str};

/// How JSON is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Style {
    /// On one line, with `<`, `>` and `&` escaped: `json.Marshal`, Helm's `toJson`.
    #[default]
    Compact,
    /// On one line, with `<`, `>` and `&` as they are: Helm's `toRawJson`.
    CompactRaw,
    /// Two spaces per level, `<`, `>` and `&` escaped: `json.MarshalIndent`, Helm's `toPrettyJson`.
    Pretty,
    /// Two spaces per level, `<`, `>` and `&` as they are.
    PrettyRaw,
}

impl Style {
    fn escapes_html(self) -> bool {
        matches!(self, Style::Compact | Style::Pretty)
    }

    fn is_pretty(self) -> bool {
        matches!(self, Style::Pretty | Style::PrettyRaw)
    }
}

/// Prints `value` without a final newline; keys in the order of their bytes.
///
/// # Errors
/// [`WriteError::NotJson`], [`WriteError::TooDeep`], [`WriteError::Value`]
///
/// ```
/// use go_yaml::json::{self, Style};
/// let value = go_yaml::from_str("{b: 1e6, a: <x>}").unwrap();
/// assert_eq!(json::to_string(&value, Style::Compact).unwrap(), r#"{"a":"\u003cx\u003e","b":1000000}"#);
/// ```
pub fn to_string(value: &impl Emit, style: Style) -> Result<String, WriteError> {
    let mut writer = JsonWriter::new(style);
    value.emit(&mut writer)?;
    Ok(writer.finish())
}

/// Prints one JSON value piece by piece. See [`to_string`].
#[derive(Debug)]
pub struct JsonWriter {
    out: String,
    style: Style,
    /// For every open collection: whether it has a member yet, and whether it is a map.
    open: Vec<(bool, bool)>,
}

impl JsonWriter {
    /// A printer for one value.
    #[must_use]
    pub fn new(style: Style) -> Self {
        JsonWriter { out: String::new(), style, open: Vec::new() }
    }

    /// The text.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    fn line(&mut self) {
        if self.style.is_pretty() {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.open.len()));
        }
    }

    /// The comma and line break before a member of a list, or before a key.
    fn member(&mut self) {
        if let Some((has_member, _)) = self.open.last_mut() {
            if std::mem::replace(has_member, true) {
                self.out.push(',');
            }
            self.line();
        }
    }

    fn lead_in(&mut self) {
        if matches!(self.open.last(), Some((_, false))) {
            self.member();
        }
    }

    fn text(&mut self, text: &str) {
        self.lead_in();
        self.out.push_str(text);
    }

    fn end(&mut self, close: char) {
        let had_member = self.open.pop().is_some_and(|(has_member, _)| has_member);
        if had_member {
            self.line();
        }
        self.out.push(close);
    }
}

impl Sink for JsonWriter {
    fn null(&mut self) {
        self.text("null");
    }

    fn boolean(&mut self, value: bool) {
        self.text(if value { "true" } else { "false" });
    }

    fn int(&mut self, number: i64) {
        self.text(Digits::of_int(number).as_str());
    }

    fn uint(&mut self, number: u64) {
        self.text(Digits::of_uint(number).as_str());
    }

    fn float(&mut self, number: f64) -> Result<(), WriteError> {
        if let Some(text) = unsupported(number) {
            return Err(WriteError::NotJson { text });
        }
        self.text(&json_float(number));
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), WriteError> {
        self.lead_in();
        push_string(&mut self.out, text, self.style.escapes_html());
        Ok(())
    }

    fn raw_string(&mut self, text: &[u8]) -> Result<(), WriteError> {
        self.lead_in();
        push_raw(&mut self.out, text, self.style.escapes_html());
        Ok(())
    }

    fn raw_key(&mut self, key: &[u8]) -> Result<(), WriteError> {
        self.member();
        push_raw(&mut self.out, key, self.style.escapes_html());
        self.out.push_str(if self.style.is_pretty() { ": " } else { ":" });
        Ok(())
    }

    fn begin_sequence(&mut self, _len: usize) -> Result<(), WriteError> {
        check_depth(self.open.len())?;
        self.text("[");
        self.open.push((false, false));
        Ok(())
    }

    fn end_sequence(&mut self) {
        self.end(']');
    }

    fn begin_mapping(&mut self, _len: usize) -> Result<(), WriteError> {
        check_depth(self.open.len())?;
        self.text("{");
        self.open.push((false, true));
        Ok(())
    }

    fn key(&mut self, key: &str) -> Result<(), WriteError> {
        self.raw_key(key.as_bytes())
    }

    fn end_mapping(&mut self) {
        self.end('}');
    }

    fn compare_keys(&self, a: &str, b: &str) -> Ordering {
        a.cmp(b)
    }
}

/// Appends `text` as a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str, escape_html: bool) {
    out.push('"');
    push_escaped(out, text, escape_html);
    out.push('"');
}

/// Appends `text` as a JSON string, in which Go escapes the sign for an invalid byte though not that sign itself.
fn push_raw(out: &mut String, text: &[u8], escape_html: bool) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        push_escaped(out, chunk.valid(), escape_html);
        chunk.invalid().iter().for_each(|_| out.push_str("\\ufffd"));
    }
    out.push('"');
}

fn push_escaped(out: &mut String, text: &str, escape_html: bool) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        // E2 begins U+2028 and U+2029, among others.
        let escaped = match byte {
            b'"' | b'\\' | 0..b' ' => true,
            b'<' | b'>' | b'&' => escape_html,
            0xE2 => matches!(bytes[at..], [_, 0x80, 0xA8 | 0xA9, ..]),
            _ => false,
        };
        if escaped {
            out.push_str(&text[from..at]);
            from = at + push_escape(out, *byte, &bytes[at..]);
        }
    }
    out.push_str(&text[from..]);
}

/// Appends the escape for the character that `bytes` begin with, and gives its length.
#[cold]
fn push_escape(out: &mut String, byte: u8, bytes: &[u8]) -> usize {
    let hex = |digit: u8| char::from_digit(u32::from(digit & 15), 16).unwrap_or('0');
    match byte {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        0x08 => out.push_str("\\b"),
        0x0C => out.push_str("\\f"),
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        0xE2 => {
            out.push_str(if bytes.get(2) == Some(&0xA8) { "\\u2028" } else { "\\u2029" });
            return 3;
        }
        _ => {
            out.push_str("\\u00");
            out.push(hex(byte >> 4));
            out.push(hex(byte));
        }
    }
    1
}
