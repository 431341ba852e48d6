//! PEM as Go's `encoding/pem` reads and writes it.

use pem::{EncodeConfig, LineEnding, Pem};

/// A block with lines of 64 characters.
pub(crate) fn encode(label: &str, der: impl Into<Vec<u8>>) -> String {
    pem::encode_config(&Pem::new(label, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// The first block of a text, if there is one: its label and content.
pub(crate) fn decode(text: &[u8]) -> Option<(String, Vec<u8>)> {
    let block = pem::parse(text).ok()?;
    Some((block.tag().to_owned(), block.into_contents()))
}
