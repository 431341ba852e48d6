//! PEM as Go's `encoding/pem` reads and writes it.

use memchr::memmem;
use pem::{EncodeConfig, LineEnding, Pem};

use crate::encoding::base64_decode;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// A block with lines of 64 characters.
pub(crate) fn encode(label: &str, der: impl Into<Vec<u8>>) -> String {
    pem::encode_config(&Pem::new(label, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// The first block of a text, if there is one: its label and content. Lines that only look like a block's are passed over
/// as Go passes over them: what ends with more than white space after its END, labels that do not match, wrong base64.
pub(crate) fn decode(text: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut tried = 0;
    loop {
        let end = tried + memmem::find(&text[tried..], END)?;
        let begin = memmem::rfind(&text[tried..end], BEGIN).map(|at| tried + at);
        let from = tried;
        tried = end + END.len();
        let Some(begin) = begin.filter(|at| *at == from || text[at - 1] == b'\n') else { continue };
        let (label, mut body) = line(text, begin + BEGIN.len());
        let Some(label) = label.strip_suffix(DASHES) else { continue };
        let mut has_headers = false;
        loop {
            if body >= text.len() {
                return None;
            }
            let (header, next) = line(text, body);
            if !header.contains(&b':') {
                break;
            }
            (has_headers, body) = (true, next);
        }
        if has_headers && body > end || !ends_block(&text[tried..], label) {
            continue;
        }
        let digits = text.get(body..end).unwrap_or_default();
        let digits: Vec<u8> = digits.iter().copied().filter(|b| !b" \t".contains(b)).collect();
        if let Ok(content) = base64_decode(&digits) {
            return Some((String::from_utf8_lossy(label).into_owned(), content));
        }
    }
}

/// Whether a line that begins with `-----END ` goes on with the label and nothing else.
fn ends_block(rest: &[u8], label: &[u8]) -> bool {
    let after = rest.strip_prefix(label).and_then(|rest| rest.strip_prefix(DASHES));
    after.is_some_and(|after| line(after, 0).0.is_empty())
}

/// The line that begins at `from`, without the white space at its end, and where the next one begins.
fn line(text: &[u8], from: usize) -> (&[u8], usize) {
    let rest = text.get(from..).unwrap_or_default();
    let (mut line, next) = match memchr::memchr(b'\n', rest) {
        Some(at) => (rest[..at].strip_suffix(b"\r").unwrap_or(&rest[..at]), from + at + 1),
        None => (rest, text.len()),
    };
    while let [shorter @ .., b' ' | b'\t'] = line {
        line = shorter;
    }
    (line, next)
}
