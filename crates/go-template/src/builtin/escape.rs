//! `html`, `js`, `urlquery`. Each stops once it has made more than `most` bytes: a backslash is two after each `js`.

use crate::parse::utf8;
use crate::unicode;

pub(super) fn html(text: &[u8], most: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if out.len() as u64 > most {
            break;
        }
        match byte {
            0 => out.extend_from_slice("\u{FFFD}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(byte),
        }
    }
    out
}

pub(super) fn js(text: &[u8], most: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (c, width) in utf8::chars(text) {
        if out.len() as u64 > most {
            break;
        }
        match c {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
            }
            c if c.is_ascii() || unicode::is_print(c) => out.extend_from_slice(&text[at..at + width]),
            c => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
        }
        at += width;
    }
    out
}

pub(super) fn url_query(text: &[u8], most: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if out.len() as u64 > most {
            break;
        }
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}
