//! Percent-encoding of the parts of a URL.

use super::quoted;

/// A part of a URL, which decides what has to be encoded in it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mode {
    Path,
    UserPassword,
    Host,
    /// Of an IPv6 address.
    Zone,
    Fragment,
}

/// Whether the byte may stand as it is.
fn is_plain(byte: u8, mode: Mode) -> bool {
    let more: &[u8] = match mode {
        Mode::Path => b"$&+,/:;=@",
        Mode::UserPassword => b"$&+,;=",
        Mode::Host | Mode::Zone => b"!$&'()*+,;=:[]<>\"",
        Mode::Fragment => b"$&+,/:;=?@!()*",
    };
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || more.contains(&byte)
}

/// Encodes all that has to be.
pub(super) fn escape(text: &[u8], mode: Mode) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if is_plain(byte, mode) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

/// Decodes, with Go's complaints.
pub(super) fn unescape(text: &[u8], mode: Mode) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            if matches!(mode, Mode::Host | Mode::Zone) && byte.is_ascii() && !is_plain(byte, mode) {
                return Err(format!("invalid character {} in host name", quoted(&[byte])));
            }
            out.push(byte);
            rest = after;
            continue;
        }
        let invalid = || format!("invalid URL escape {}", quoted(&rest[..rest.len().min(3)]));
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(invalid)?;
        let decoded = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
        let refused = match mode {
            // In a host only what is not ASCII, and the percent sign before a zone.
            Mode::Host => decoded.is_ascii() && decoded != b'%',
            Mode::Zone => decoded != b'%' && decoded != b' ' && !is_plain(decoded, Mode::Host),
            _ => false,
        };
        if refused {
            return Err(invalid());
        }
        out.push(decoded);
        rest = &after[2..];
    }
    Ok(out)
}
