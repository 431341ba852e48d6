//! Quoted strings (`%q`) and code points (`%U`), as Go's `strconv` writes them.

use crate::parse::utf8;
use crate::unicode;

/// `bytes` as a Go string literal in double quotes: what is not printable is escaped. With `ascii`, so is everything
/// beyond ASCII.
pub fn quote_bytes(bytes: &[u8], ascii: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.push(b'"');
    quote_into(&mut out, bytes, '"', ascii);
    out.push(b'"');
    out
}

/// A character in single quotes.
pub(super) fn quote_char(c: char, ascii: bool) -> Vec<u8> {
    let mut out = vec![b'\''];
    escape_char(&mut out, c, '\'', ascii);
    out.push(b'\'');
    out
}

fn quote_into(out: &mut Vec<u8>, bytes: &[u8], quote: char, ascii: bool) {
    let mut at = 0;
    for (c, width) in utf8::chars(bytes) {
        if c == char::REPLACEMENT_CHARACTER && width == 1 {
            out.extend_from_slice(format!("\\x{:02x}", bytes[at]).as_bytes());
        } else {
            escape_char(out, c, quote, ascii);
        }
        at += width;
    }
}

fn escape_char(out: &mut Vec<u8>, c: char, quote: char, ascii: bool) {
    if c == quote || c == '\\' {
        out.extend_from_slice(&[b'\\', c as u8]);
        return;
    }
    if (c.is_ascii() || !ascii) && unicode::is_print(c) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        return;
    }
    let escaped = match c {
        '\x07' => "\\a".to_owned(),
        '\x08' => "\\b".to_owned(),
        '\x0c' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\x0b' => "\\v".to_owned(),
        '\0'..=' ' | '\x7f' => format!("\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x10000 => format!("\\u{:04x}", u32::from(c)),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    out.extend_from_slice(escaped.as_bytes());
}

/// [`quote_bytes`] as text, for messages.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&quote_bytes(bytes, false)).into_owned()
}

/// `%.Nq`: quotes the first `count` characters.
pub(crate) fn quoted_truncated(bytes: &[u8], count: usize) -> String {
    quoted(truncate(bytes, count))
}

/// The first `count` characters of `bytes`.
pub(super) fn truncate(bytes: &[u8], count: usize) -> &[u8] {
    let end: usize = utf8::chars(bytes).take(count).map(|(_, width)| width).sum();
    &bytes[..end]
}

/// `%#U`: the code point and, if it prints, the character.
pub(crate) fn unicode_point(c: char) -> String {
    let code = format!("U+{:04X}", u32::from(c));
    if unicode::is_print(c) { format!("{code} '{c}'") } else { code }
}
